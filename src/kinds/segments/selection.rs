//! How the clustering was chosen: the leaderboard's rows and the candidates' figures by k.
//! It does not choose anything.

use arrow::array::{Array, AsArray};

use crate::{
    frame::Table,
    kinds::page::{
        self, chart,
        chart::{Frame, Line, plain_ticks},
        number,
    },
    stage::{ctx::Candidate, error::StageError},
};

/// Candidates listed; the rest are in the artifact.
const MOST_LISTED: usize = 40;

/// Returns the leaderboard with the reason for each candidate.
///
/// # Errors
/// If it has no columns `stage` and `reason`.
pub fn leaderboard(table: &Table) -> Result<String, StageError> {
    let on_port = |error| StageError::Column { port: "leaderboard".to_string(), error };
    let stages = table.texts("stage").map_err(on_port)?;
    let reasons = table.texts("reason").map_err(on_port)?;
    let chosen = flags(table, "chosen");
    let eligible = flags(table, "eligible");
    let figures = ["n_segments", "silhouette", "davies_bouldin", "calinski_harabasz", "score"];
    let columns: Vec<(&str, Vec<f64>)> =
        figures.iter().filter_map(|name| Some((*name, table.floats(name).ok()?))).collect();
    let mut order: Vec<usize> = (0..table.n_rows()).collect();
    if let Ok(ranks) = table.floats("rank") {
        let rank = |row: usize| if ranks[row].is_nan() { f64::INFINITY } else { ranks[row] };
        order.sort_by(|&a, &b| rank(a).total_cmp(&rank(b)).then(a.cmp(&b)));
    }
    let mut head = vec!["candidate"];
    head.extend(columns.iter().map(|(name, _)| words(name)));
    head.push("why");
    let mut numeric = vec![true; head.len()];
    numeric[0] = false;
    numeric[head.len() - 1] = false;
    let text = |array: &arrow::array::StringArray, row: usize| {
        if array.is_valid(row) { array.value(row).to_string() } else { String::new() }
    };
    let rows: Vec<Vec<String>> = order
        .iter()
        .take(MOST_LISTED)
        .map(|&row| {
            let mark = match (chosen.get(row), eligible.get(row)) {
                (Some(true), _) => " <span class=\"badge info\">chosen</span>",
                (_, Some(false)) => " <span class=\"badge warning\">not eligible</span>",
                _ => "",
            };
            let mut cells = vec![format!("{}{mark}", page::value(&text(stages, row)))];
            cells.extend(columns.iter().map(|(_, values)| number::figure(values[row])));
            let reason = page::escape(&page::cut(&text(reasons, row), 300));
            cells.push(format!("<div class=\"why\">{reason}</div>"));
            cells
        })
        .collect();
    let mut out = page::table(&head, &numeric, &rows);
    if order.len() > MOST_LISTED {
        out.push_str(&format!(
            "<p class=\"note\">{} more are in the leaderboard.</p>\n",
            order.len() - MOST_LISTED
        ));
    }
    Ok(out)
}

fn words(name: &str) -> &'static str {
    match name {
        "n_segments" => "segments",
        "silhouette" => "silhouette",
        "davies_bouldin" => "Davies-Bouldin",
        "calinski_harabasz" => "Calinski-Harabasz",
        _ => "score",
    }
}

fn flags(table: &Table, name: &str) -> Vec<bool> {
    let array = table.column(name).ok().and_then(|a| a.as_boolean_opt().cloned());
    array.map_or(Vec::new(), |a| a.iter().map(|v| v == Some(true)).collect())
}

/// The figures of one candidate.
struct Run {
    family: String,
    k: f64,
    figures: [f64; 3],
}

/// Figures drawn against k: column, heading.
const SWEPT: [(&str, &str); 3] = [
    ("silhouette", "Silhouette (higher is better)"),
    ("davies_bouldin", "Davies-Bouldin (lower is better)"),
    ("bic", "BIC (lower is better)"),
];

/// Returns charts of the candidates' figures by number of clusters; empty if there is nothing to draw.
///
/// # Errors
/// If a candidate's metrics cannot be read.
pub fn sweep(candidates: &[Candidate]) -> Result<String, StageError> {
    let runs =
        candidates.iter().filter_map(|c| run(c).transpose()).collect::<Result<Vec<_>, _>>()?;
    let mut families: Vec<&str> = Vec::new();
    for run in &runs {
        if !families.contains(&run.family.as_str()) {
            families.push(&run.family);
        }
    }
    let mut charts = String::new();
    for (figure, (_, heading)) in SWEPT.iter().enumerate() {
        if let Some(chart) = swept(&runs, &families, figure, heading) {
            charts.push_str(&format!("<div class=\"card\"><h3>{heading}</h3>\n{chart}</div>\n"));
        }
    }
    if charts.is_empty() {
        return Ok(charts);
    }
    let names = (0..).zip(&families).map(|(i, name)| (i, page::value(name))).collect::<Vec<_>>();
    Ok(format!("<div class=\"two\">\n{charts}</div>\n{}", chart::legend(&names)))
}

fn swept(runs: &[Run], families: &[&str], figure: usize, heading: &str) -> Option<String> {
    let drawn = || runs.iter().filter(move |r| r.figures[figure].is_finite());
    let ks: Vec<f64> = drawn().map(|r| r.k).collect();
    let values: Vec<f64> = drawn().map(|r| r.figures[figure]).collect();
    let (low_k, high_k) = (least(&ks)?, most(&ks)?);
    let (low, high) = (least(&values)?, most(&values)?);
    let pad = if high > low { 0.06 * (high - low) } else { low.abs().max(1.0) * 0.1 };
    let (low, high) = (low - pad, high + pad);
    let lines: Vec<Line> = (0..)
        .zip(families)
        .map(|(i, family)| {
            let mut points: Vec<(f64, f64)> =
                drawn().filter(|r| r.family == *family).map(|r| (r.k, r.figures[figure])).collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            Line { name: family.to_string(), segment: i, points }
        })
        .filter(|line| !line.points.is_empty())
        .collect();
    let k_ticks = plain_ticks(low_k, high_k, 8).into_iter().filter(|(k, _)| *k == k.floor());
    let frame = Frame {
        label: heading,
        x_title: "clusters",
        x_ticks: k_ticks.collect(),
        x: if low_k < high_k { (low_k, high_k) } else { (low_k - 1.0, low_k + 1.0) },
        y_ticks: plain_ticks(low, high, 5),
        y: (low, high),
        size: (480.0, 260.0),
        slanted: false,
    };
    Some(frame.lines(&lines))
}

/// A candidate's figures; `None` for one that has none. Metrics that cannot be read are no reason to leave a candidate out:
/// the page would be committed without it.
fn run(candidate: &Candidate) -> Result<Option<Run>, StageError> {
    if !candidate.ports.contains_key("metrics") {
        return Ok(None);
    }
    let metrics = candidate.table("metrics")?;
    let figure = |name: &str| -> f64 {
        metrics.floats(name).ok().and_then(|v| v.first().copied()).unwrap_or(f64::NAN)
    };
    let asked = candidate.params.get("k").and_then(serde_json::Value::as_f64);
    let k = asked.unwrap_or_else(|| figure("n_segments"));
    // Instances that differ in k alone are one line.
    let parts = candidate.name.split('/').filter(|part| !part.starts_with("k="));
    let family = parts.collect::<Vec<_>>().join("/");
    let figures = SWEPT.map(|(name, _)| figure(name));
    Ok(k.is_finite().then_some(Run { family, k, figures }))
}

fn least(values: &[f64]) -> Option<f64> {
    values.iter().copied().min_by(f64::total_cmp)
}

fn most(values: &[f64]) -> Option<f64> {
    values.iter().copied().max_by(f64::total_cmp)
}
