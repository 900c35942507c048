//! What a person sees at the end of a run: the data, the chosen clustering, the segments, the classifiers' scores.
//! It finds them by the kinds of the stages, not by their names, and shows nothing where there is nothing.

use arrow::array::Array;
use serde_json::Value;

use crate::{
    app::{Outcome, read_table},
    frame::Table,
    report::{
        grid::{Align, Cell, Grid, cut},
        skim::Profile,
        style::{Style, Tone, count, width},
    },
    store::Store,
};

/// The summary is as wide as this at the most, on any terminal.
const WIDTH: usize = 100;

/// Where the text stands, right of the section's name.
const INDENT: usize = 13;

/// Segments shown; more are counted.
const MAX_SEGMENTS: usize = 10;

/// Classifiers shown.
const MAX_CLASSIFIERS: usize = 6;

/// Losers named beside the chosen clustering.
const N_LOSERS: usize = 2;

/// Returns the summary of a run, empty if the pipeline has no such stages; `in_full` tells of every column of the data.
pub fn render(store: &Store, outcome: &Outcome, in_full: bool, style: &Style) -> String {
    let mut out = data(store, outcome, in_full, style).unwrap_or_default();
    let sections: [(&str, &str, Section); 3] = [
        ("select.clustering", "leaderboard", clustering),
        ("segments.profile", "summary", segments),
        ("select.classifier", "leaderboard", classifiers),
    ];
    for (kind, port, section) in sections {
        // A pipeline with several of a kind is beyond a short summary; the first one stands for them.
        let Some(report) = outcome.reports.iter().find(|r| r.kind == kind) else { continue };
        let Some(output) = report.outputs.get(port) else { continue };
        // The run is done and recorded: what cannot be shown must not make it fail.
        let table = read_table(store, &output.hash, &output.ext).ok();
        if let Some(text) = table.and_then(|table| section(&table, style)) {
            out.push_str(&text);
            if let Some(page) = report.outputs.get("report") {
                out.push_str(&page_line(&outcome.plan.pipeline, &report.name, &page.ext, style));
            }
            out.push('\n');
        }
    }
    out
}

/// What is in the table that the first profile describes.
fn data(store: &Store, outcome: &Outcome, in_full: bool, style: &Style) -> Option<String> {
    let report = outcome.reports.iter().find(|r| r.kind == "eda.profile")?;
    let table = |port: &str| {
        let output = report.outputs.get(port)?;
        read_table(store, &output.hash, &output.ext).ok()
    };
    let profile = Profile {
        columns: table("columns")?,
        histograms: table("histograms")?,
        alerts: table("alerts")?,
    };
    let lines = profile.lines(WIDTH - INDENT, in_full, style)?;
    let mut out = named("data", &lines, style);
    if let Some(page) = report.outputs.get("report") {
        out.push_str(&page_line(&outcome.plan.pipeline, &report.name, &page.ext, style));
    }
    out.push('\n');
    Some(out)
}

type Section = fn(&Table, &Style) -> Option<String>;

fn page_line(pipeline: &str, stage: &str, ext: &str, style: &Style) -> String {
    let path = format!("artifacts/latest/{pipeline}/{stage}/report.{ext}");
    format!("{:INDENT$}{}\n", "", style.dim(&path))
}

/// Writes lines with the section's name before the first.
fn named(name: &str, lines: &[String], style: &Style) -> String {
    let mut out = String::new();
    for (i, line) in lines.iter().enumerate() {
        let head = if i == 0 { name } else { "" };
        let line = format!("{}{line}", style.dim(&format!("{head:INDENT$}")));
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// The chosen clustering, its figures, and why it won.
fn clustering(board: &Table, style: &Style) -> Option<String> {
    let chosen = board.floats("chosen").ok()?.iter().position(|&c| c == 1.0)?;
    let figure = |name: &str| board.floats(name).ok().map(|v| v[chosen]).filter(|v| !v.is_nan());
    let stage = text(board, "stage", chosen)?;
    let n = board.n_rows();
    let eligible = board.floats("eligible").ok()?.iter().filter(|&&e| e == 1.0).count();
    let title = format!(
        "{}  {}",
        style.bold(&stage),
        style.dim(&format!("chosen of {n} candidates, {eligible} eligible"))
    );
    let mut figures = Vec::new();
    let shown = [
        ("n_segments", "segments", 0),
        ("silhouette", "silhouette", 4),
        ("davies_bouldin", "Davies-Bouldin", 4),
        ("calinski_harabasz", "Calinski-Harabasz", 1),
    ];
    for (name, word, decimals) in shown {
        if let Some(value) = figure(name) {
            figures.push(match decimals {
                0 => format!("{value:.0} {word}"),
                _ => format!("{word} {value:.decimals$}"),
            });
        }
    }
    if let Some(noise) = figure("noise_share").filter(|&share| share > 0.0) {
        figures.push(format!("{:.1}% noise", noise * 100.0));
    }
    let mut lines = vec![title, figures.join(", ")];
    let params = text(board, "params", chosen).map(|p| params(&p)).unwrap_or_default();
    let algorithm = text(board, "algorithm", chosen).unwrap_or_default();
    lines.push(style.dim(&cut(&format!("{algorithm}: {params}"), WIDTH - INDENT)));
    let reason = text(board, "reason", chosen).unwrap_or_default();
    let reason = reason.split_once("; ").map_or(reason.as_str(), |(why, _)| why);
    lines.push(cut(&format!("{reason}{}", losers(board, chosen)), WIDTH - INDENT));
    Some(named("clustering", &lines, style))
}

/// Names the next best ones with their scores.
fn losers(board: &Table, chosen: usize) -> String {
    let Ok(scores) = board.floats("score") else { return String::new() };
    let mut others: Vec<(f64, usize)> = scores
        .iter()
        .copied()
        .enumerate()
        .filter(|(row, score)| *row != chosen && !score.is_nan())
        .map(|(row, score)| (score, row))
        .collect();
    others.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let named: Vec<String> = others
        .iter()
        .take(N_LOSERS)
        .filter_map(|(score, row)| Some(format!("{} {score:.3}", text(board, "stage", *row)?)))
        .collect();
    if named.is_empty() { String::new() } else { format!("; then {}", named.join(", ")) }
}

/// Writes canonical parameters for people: `k=4, seed=42`; what is not set is left out.
fn params(json: &str) -> String {
    let Ok(Value::Object(params)) = serde_json::from_str::<Value>(json) else {
        return json.to_string();
    };
    let one = |(name, value): (&String, &Value)| match value {
        Value::Null => None,
        Value::String(text) => Some(format!("{name}={text}")),
        other => Some(format!("{name}={other}")),
    };
    params.iter().filter_map(one).collect::<Vec<_>>().join(", ")
}

/// The segments with sizes and what tells them apart.
fn segments(summary: &Table, style: &Style) -> Option<String> {
    let numbers = summary.segments().ok()?;
    let sizes = summary.integers("size").ok()?;
    let shares = summary.floats("share").ok()?;
    let columns = [Align::Right, Align::Right, Align::Right, Align::Left];
    let mut grid = Grid::new(["", "size", "share", "name"].into_iter().zip(columns));
    for row in 0..numbers.len().min(MAX_SEGMENTS) {
        let number = if numbers[row] < 0 { "noise".to_string() } else { numbers[row].to_string() };
        let size = sizes[row].and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
        grid.push(vec![
            number.into(),
            count(size).into(),
            format!("{:.1}%", shares[row] * 100.0).into(),
            Cell::new(text(summary, "name", row).unwrap_or_default(), Tone::Bold),
        ]);
    }
    let mut heads = lines(&grid, style).into_iter();
    let mut lines: Vec<String> = heads.next().into_iter().collect();
    for (row, head) in heads.enumerate() {
        lines.push(head);
        let traits = telling(&text(summary, "traits", row).unwrap_or_default());
        if !traits.is_empty() {
            lines.push(style.dim(&traits));
        }
    }
    if numbers.len() > MAX_SEGMENTS {
        lines.push(style.dim(&format!("and {} more", numbers.len() - MAX_SEGMENTS)));
    }
    Some(named("segments", &lines, style))
}

/// Returns as many traits as one line holds, the first one in any case.
fn telling(traits: &str) -> String {
    let mut line = String::from("       ");
    for (i, one) in traits.split("; ").filter(|t| !t.is_empty()).enumerate() {
        let gap = if i == 0 { "" } else { "; " };
        if i > 0 && width(&line) + gap.len() + width(one) > WIDTH - INDENT {
            break;
        }
        line.push_str(gap);
        line.push_str(one);
    }
    cut(line.trim_end(), WIDTH - INDENT)
}

/// The classifiers with their scores, the champion marked.
fn classifiers(board: &Table, style: &Style) -> Option<String> {
    let chosen = board.floats("chosen").ok()?;
    let shown = [
        ("macro_f1", "macro F1"),
        ("balanced_accuracy", "balanced accuracy"),
        ("accuracy", "accuracy"),
        ("log_loss", "log loss"),
        ("roc_auc_ovr", "ROC AUC"),
    ];
    let scores: Vec<(&str, Vec<f64>)> = shown
        .iter()
        .filter_map(|(name, word)| Some((*word, board.floats(name).ok()?)))
        .filter(|(_, values)| values.iter().any(|v| !v.is_nan()))
        .collect();
    let titles = [("", Align::Left), ("", Align::Left)];
    let mut grid = Grid::new(titles.into_iter().chain(scores.iter().map(|s| (s.0, Align::Right))));
    for (row, &is_chosen) in chosen.iter().enumerate().take(MAX_CLASSIFIERS) {
        let (mark, tone) = if is_chosen == 1.0 { ("*", Tone::Bold) } else { ("", Tone::Plain) };
        let name = text(board, "stage", row).unwrap_or_default();
        let mut cells = vec![Cell::new(mark, Tone::Good), Cell::new(name, tone)];
        for (_, values) in &scores {
            let figure = values[row];
            let digits = if figure.is_nan() { "-".to_string() } else { format!("{figure:.4}") };
            cells.push(Cell::new(digits, tone));
        }
        grid.push(cells);
    }
    let mut lines = lines(&grid, style);
    lines.push(style.dim("* the champion, by scores on rows that it was not trained on"));
    Some(named("classifier", &lines, style))
}

fn lines(grid: &Grid, style: &Style) -> Vec<String> {
    let (text, _) = grid.render(Some(WIDTH - INDENT), style);
    text.lines().map(str::to_string).collect()
}

fn text(table: &Table, column: &str, row: usize) -> Option<String> {
    let values = table.texts(column).ok()?;
    (!values.is_null(row)).then(|| values.value(row).to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, BooleanArray};

    use super::*;
    use crate::frame::table::{float_array, int_array, segment_array, text_array};

    fn flags(values: &[bool]) -> ArrayRef {
        Arc::new(BooleanArray::from(values.to_vec()))
    }

    fn plain(section: Section, table: &Table) -> String {
        section(table, &Style::new(false)).unwrap()
    }

    #[test]
    fn the_chosen_clustering_says_why() {
        let board = Table::new(
            None,
            vec![
                ("stage", text_array(["kmeans/k=4", "gmm/k=3", "dbscan"])),
                ("algorithm", text_array(["kmeans", "gmm", "dbscan"])),
                ("params", text_array([r#"{"k":4,"max":null,"init":"k-means++"}"#, "{}", "{}"])),
                ("n_segments", int_array(vec![4, 3, 1])),
                ("silhouette", float_array(vec![0.25, 0.2, f64::NAN])),
                ("eligible", flags(&[true, true, false])),
                ("reason", text_array(["chosen: best score of 2, 1.000; silhouette 0.2", "", ""])),
                ("score", float_array(vec![1.0, 0.5, f64::NAN])),
                ("chosen", flags(&[true, false, false])),
            ],
        )
        .unwrap();
        let expected = "\
clustering   kmeans/k=4  chosen of 3 candidates, 2 eligible
             4 segments, silhouette 0.2500
             kmeans: init=k-means++, k=4
             chosen: best score of 2, 1.000; then gmm/k=3 0.500
";
        assert_eq!(plain(clustering, &board), expected);
    }

    #[test]
    fn segments_keep_to_the_width() {
        let summary = Table::new(
            None,
            vec![
                ("segment", segment_array(vec![0, -1])),
                ("size", int_array(vec![1200, 7])),
                ("share", float_array(vec![0.994, 0.006])),
                ("name", text_array(["Loyal", "noise"])),
                ("traits", text_array(["income high (9 vs 3); x y z".repeat(9), String::new()])),
            ],
        )
        .unwrap();
        let text = plain(segments, &summary);
        assert!(text.lines().all(|l| l.chars().count() <= WIDTH), "{text}");
        let expected = "                 0  1,200  99.4%  Loyal\n                    income high (9 vs 3); x y";
        assert!(text.contains(expected), "{text}");
        assert!(text.ends_with("             noise      7   0.6%  noise\n"), "{text}");
    }

    #[test]
    fn the_champion_is_marked() {
        let board = Table::new(
            None,
            vec![
                ("stage", text_array(["forest", "logistic"])),
                ("macro_f1", float_array(vec![0.9, 0.95])),
                ("roc_auc_ovr", float_array(vec![f64::NAN, f64::NAN])),
                ("chosen", flags(&[false, true])),
            ],
        )
        .unwrap();
        let expected = "\
classifier                macro F1
                forest      0.9000
             *  logistic    0.9500
             * the champion, by scores on rows that it was not trained on
";
        assert_eq!(plain(classifiers, &board), expected);
        let empty = Table::new(None, vec![("x", int_array(vec![]))]).unwrap();
        assert!(classifiers(&empty, &Style::new(false)).is_none());
    }
}
