//! How the clustering was chosen: the leaderboard's rows and the candidates' figures by k.
//! It does not choose anything.

use std::fmt::Write;

use arrow::array::{Array, AsArray};

use crate::{
    base::hash::ContentHash,
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
    let figures = [
        "n_segments",
        "silhouette",
        "davies_bouldin",
        "calinski_harabasz",
        "stability",
        "adjusted_rand",
        "score",
    ];
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
            cells.extend(columns.iter().map(|(name, values)| shown(name, values[row])));
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

/// Figures between 0 and a few with as many decimals each, so that they stand under one another.
fn shown(name: &str, value: f64) -> String {
    match name {
        "n_segments" | "calinski_harabasz" => number::figure(value),
        _ if value.is_nan() => number::figure(value),
        _ => number::fixed(value, 3),
    }
}

fn words(name: &str) -> &'static str {
    match name {
        "n_segments" => "segments",
        "silhouette" => "silhouette",
        "davies_bouldin" => "Davies-Bouldin",
        "calinski_harabasz" => "Calinski-Harabasz",
        "stability" => "stability",
        "adjusted_rand" => "adjusted Rand",
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
    figures: [f64; 4],
    chosen: bool,
}

/// Figures drawn against k: column, heading.
const SWEPT: [(&str, &str); 4] = [
    ("silhouette", "Silhouette (higher is better)"),
    ("davies_bouldin", "Davies-Bouldin (lower is better)"),
    ("bic", "BIC (lower is better)"),
    (INERTIA, "Inertia (always falls: look for the knee)"),
];
const INERTIA: &str = "inertia";

/// Returns charts of the candidates' figures by number of clusters, the one with these `labels` marked; empty if there is
/// nothing to draw.
///
/// # Errors
/// If a candidate's metrics cannot be read.
pub fn sweep(candidates: &[Candidate], labels: Option<ContentHash>) -> Result<String, StageError> {
    let runs = candidates
        .iter()
        .filter_map(|c| run(c, labels).transpose())
        .collect::<Result<Vec<_>, _>>()?;
    let mut families: Vec<&str> = Vec::new();
    for run in &runs {
        if !families.contains(&run.family.as_str()) {
            families.push(&run.family);
        }
    }
    let mut charts = String::new();
    for (figure, (name, heading)) in SWEPT.iter().enumerate() {
        if let Some(chart) = swept(&runs, &families, figure, heading) {
            let knees = match *name {
                INERTIA => knees(&runs, &families, figure),
                _ => Vec::new(),
            };
            charts.push_str(&format!(
                "<div class=\"card\"><h3>{heading}</h3>\n{chart}{}</div>\n",
                told(&knees)
            ));
        }
    }
    if charts.is_empty() {
        return Ok(charts);
    }
    let names = (0..).zip(&families).map(|(i, name)| (i, page::value(name))).collect::<Vec<_>>();
    let ring = if runs.iter().any(|r| r.chosen) {
        "<p class=\"note\">The ring marks the chosen candidate.</p>\n"
    } else {
        ""
    };
    Ok(format!("<div class=\"two\">\n{charts}</div>\n{}{ring}", chart::legend(&names)))
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
    let chosen: Vec<(i32, f64, f64)> = drawn()
        .filter(|r| r.chosen)
        .filter_map(|r| {
            let family = families.iter().position(|f| *f == r.family)?;
            Some((family as i32, r.k, r.figures[figure]))
        })
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
    Some(frame.around(|x, y| {
        let mut out = String::new();
        if SWEPT[figure].0 == INERTIA {
            for (_, k) in knees(runs, families, figure) {
                let (at, top, bottom) = (x.at(k), y.at(high), y.at(low));
                let _ = writeln!(out, "<path class=\"axis dashed\" d=\"M{at} {top}V{bottom}\"/>");
            }
        }
        lines.iter().for_each(|line| out.push_str(&chart::marked(line, x, y)));
        for (_, k, value) in &chosen {
            let _ = writeln!(
                out,
                "<circle class=\"ring\" cx=\"{}\" cy=\"{}\" r=\"7\"><title>chosen</title></circle>",
                x.at(*k),
                y.at(*value)
            );
        }
        out
    }))
}

/// Returns where the curve of each family bends.
fn knees<'a>(runs: &[Run], families: &[&'a str], figure: usize) -> Vec<(&'a str, f64)> {
    let of = |family: &&'a str| {
        let of_family = runs.iter().filter(|r| r.family == **family);
        let mut points: Vec<(f64, f64)> = of_family
            .filter(|r| r.figures[figure].is_finite())
            .map(|r| (r.k, r.figures[figure]))
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        Some((*family, knee(&points)?))
    };
    families.iter().filter_map(of).collect()
}

fn told(knees: &[(&str, f64)]) -> String {
    if knees.is_empty() {
        return String::new();
    }
    let one =
        |(family, k): &(&str, f64)| format!("{} at {}", page::value(family), number::short(*k));
    let words: Vec<String> = knees.iter().map(one).collect();
    format!("<p class=\"note\">Knee (dashed): {}.</p>\n", words.join(", "))
}

/// Returns the k at which a falling curve lies farthest below the straight line from its first to its last point, both axes
/// scaled to 0..1 (Satopaa et al., "Finding a kneedle in a haystack", 2011); `None` where it never does.
fn knee(points: &[(f64, f64)]) -> Option<f64> {
    let (first, last) = (points.first()?, points.last()?);
    let (width, drop) = (last.0 - first.0, first.1 - last.1);
    if points.len() < 3 || !(width > 0.0 && drop > 0.0) {
        return None;
    }
    let below = |p: &(f64, f64)| (first.1 - p.1) / drop - (p.0 - first.0) / width;
    let mut best: Option<(f64, f64)> = None;
    for point in points {
        let depth = below(point);
        if depth > 1e-9 && best.is_none_or(|(most, _)| depth > most) {
            best = Some((depth, point.0));
        }
    }
    best.map(|(_, k)| k)
}

/// A candidate's figures; `None` for one that has none. Metrics that cannot be read are no reason to leave a candidate out:
/// the page would be committed without it.
fn run(candidate: &Candidate, labels: Option<ContentHash>) -> Result<Option<Run>, StageError> {
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
    let chosen = labels.is_some() && candidate.ports.get("labels").map(|l| l.hash) == labels;
    Ok(k.is_finite().then_some(Run { family, k, figures, chosen }))
}

fn least(values: &[f64]) -> Option<f64> {
    values.iter().copied().min_by(f64::total_cmp)
}

fn most(values: &[f64]) -> Option<f64> {
    values.iter().copied().max_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knees() {
        assert_eq!(knee(&[(2.0, 100.0), (3.0, 40.0), (4.0, 30.0), (5.0, 25.0)]), Some(3.0));
        assert_eq!(
            knee(&[(2.0, 30.0), (3.0, 20.0), (4.0, 10.0)]),
            None,
            "a straight line has none"
        );
        assert_eq!(knee(&[(2.0, 30.0), (3.0, 20.0)]), None);
        assert_eq!(knee(&[(2.0, 1.0), (3.0, 2.0), (4.0, 3.0)]), None, "nor one that rises");
    }
}
