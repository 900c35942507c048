//! Drift as text, JSON, a table and a page. It does not know how figures come about.

pub mod page;

use arrow::array::{ArrayRef, Float64Array};
use serde_json::{Value, json};
use std::sync::Arc;

use crate::{
    app::drift::{Drift, Share, Verdict, Watch},
    frame::{
        FrameError, Table,
        table::{opt_text_array, text_array},
    },
    report::{
        grid::{Align, Cell, Grid},
        json::FORMAT,
        style::{Style, Tone, count},
    },
};

/// Columns that are shown where not all are asked for: those that have moved, and some that have not.
const SHOWN: usize = 12;

/// Returns what a person reads in a terminal.
pub fn text(watch: &Watch, drift: &Drift, width: Option<usize>, style: &Style) -> String {
    let [then, now] = drift.rows;
    let mut out = format!(
        "{} new rows beside the {} of {}\n\n",
        count(now),
        count(then),
        watch.scorer.of_run()
    );
    let mut grid = Grid::new([
        ("column", Align::Left),
        ("psi", Align::Right),
        ("missing", Align::Right),
        ("was", Align::Right),
        ("unknown", Align::Right),
        ("", Align::Left),
    ]);
    let mut columns: Vec<_> = drift.columns.iter().collect();
    // The worst first; equal ones stay in their order.
    columns.sort_by(|a, b| {
        (b.verdict, b.psi).partial_cmp(&(a.verdict, a.psi)).unwrap_or(std::cmp::Ordering::Equal)
    });
    let n_moved = columns.iter().filter(|c| c.verdict > Verdict::Stable).count();
    for moved in columns.iter().take(SHOWN.max(n_moved)) {
        grid.push(vec![
            moved.column.as_str().into(),
            index(moved.psi).into(),
            percent(moved.missing[1]).into(),
            percent(moved.missing[0]).into(),
            moved.unknown.map_or(String::new(), percent).into(),
            word(moved.verdict),
        ]);
    }
    out.push_str(&grid.render(width, style).0);
    let left = columns.len() - SHOWN.max(n_moved).min(columns.len());
    if left > 0 {
        out.push_str(&format!("{left} more columns, all stable\n"));
    }
    let mut grid = Grid::new([
        ("segment", Align::Left),
        ("share", Align::Right),
        ("was", Align::Right),
        ("", Align::Left),
    ]);
    for Share { segment, share } in drift.segments.iter().filter(|s| s.share != [0.0; 2]) {
        let name = segment.map_or("none".to_string(), |s| s.to_string());
        grid.push(vec![name.into(), percent(share[1]).into(), percent(share[0]).into(), "".into()]);
    }
    out.push('\n');
    out.push_str(&grid.render(width, style).0);
    let mut last = Grid::new([("", Align::Left), ("", Align::Right), ("", Align::Left)]);
    let psi = index(drift.segments_psi);
    last.push(vec!["segments, psi".into(), psi.into(), word(drift.segments_verdict)]);
    if let Some([_, now]) = drift.far {
        let what = "far from every segment".into();
        last.push(vec![what, percent(now).into(), word(drift.far_verdict)]);
    }
    out.push('\n');
    out.push_str(&last.render(width, style).0);
    for note in &drift.notes {
        out.push_str(&format!("note: {note}\n"));
    }
    out
}

/// Returns one line: the verdict, and what stands behind it.
pub fn last_line(drift: &Drift) -> String {
    let mut what: Vec<String> = Vec::new();
    let of = |verdict| drift.columns.iter().filter(move |c| c.verdict == verdict);
    for verdict in [Verdict::Drifted, Verdict::Moved] {
        let names: Vec<&str> = of(verdict).map(|c| c.column.as_str()).collect();
        let shown = names.len().min(3);
        let more = names.len() - shown;
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        if shown > 0 {
            what.push(format!("{} {}{rest}", verdict.word(), names[..shown].join(", ")));
        }
    }
    if drift.segments_verdict > Verdict::Stable {
        what.push(format!("the segments' shares {}", drift.segments_verdict.word()));
    }
    if drift.far_verdict > Verdict::Stable {
        what.push("many are far from every segment".to_string());
    }
    match what.is_empty() {
        true => format!("{}\n", drift.verdict.word()),
        false => format!("{}: {}\n", drift.verdict.word(), what.join("; ")),
    }
}

/// Returns the JSON document.
pub fn json(watch: &Watch, drift: &Drift) -> Value {
    let mut document = json!({
        "format": FORMAT,
        "run": watch.scorer.run,
        "model": watch.scorer.model,
        "pipeline": watch.scorer.pipeline,
        "stage": watch.scorer.stage,
    });
    if let (Value::Object(all), Ok(Value::Object(own))) =
        (&mut document, serde_json::to_value(drift))
    {
        all.extend(own);
    }
    document
}

/// Returns all figures as a table: `part` (column, segment, rows), `name`, `bin`, `figure`, `then`, `now`, `verdict`.
///
/// # Errors
/// If Arrow refuses it.
pub fn table(drift: &Drift) -> Result<Table, FrameError> {
    let mut rows: Vec<Row> = Vec::new();
    for moved in &drift.columns {
        let mut row = |bin: Option<&str>, figure, then, now, verdict| {
            let (name, bin) = (Some(moved.column.clone()), bin.map(str::to_string));
            rows.push(Row { part: "column", name, bin, figure, then, now, verdict });
        };
        row(None, "psi", None, Some(moved.psi), Some(moved.verdict));
        row(None, "psi_by_chance", None, Some(moved.by_chance), None);
        row(None, "missing", Some(moved.missing[0]), Some(moved.missing[1]), None);
        if let Some(unknown) = moved.unknown {
            row(None, "unknown", Some(0.0), Some(unknown), None);
        }
        for (bin, [then, now]) in &moved.bins {
            row(Some(bin), "share", Some(*then), Some(*now), None);
        }
    }
    let mut row = |part, name, figure, then, now, verdict| {
        rows.push(Row { part, name, bin: None, figure, then, now, verdict });
    };
    let verdict = Some(drift.segments_verdict);
    row("segment", None, "psi", None, Some(drift.segments_psi), verdict);
    for Share { segment, share: [then, now] } in &drift.segments {
        let name = segment.map(|s| s.to_string());
        row("segment", name, "share", Some(*then), Some(*now), None);
    }
    if let Some([then, now]) = drift.far {
        row("rows", None, "far", Some(then), Some(now), Some(drift.far_verdict));
    }
    let [then, now] = drift.rows.map(|n| Some(n as f64));
    row("rows", None, "count", then, now, Some(drift.verdict));
    let float = |of: fn(&Row) -> Option<f64>| -> ArrayRef {
        Arc::new(rows.iter().map(|r| of(r).filter(|v| v.is_finite())).collect::<Float64Array>())
    };
    let columns = vec![
        ("part", text_array(rows.iter().map(|r| r.part))),
        ("name", opt_text_array(rows.iter().map(|r| r.name.as_deref()))),
        ("bin", opt_text_array(rows.iter().map(|r| r.bin.as_deref()))),
        ("figure", text_array(rows.iter().map(|r| r.figure))),
        ("then", float(|r| r.then)),
        ("now", float(|r| r.now)),
        ("verdict", opt_text_array(rows.iter().map(|r| r.verdict.map(Verdict::word)))),
    ];
    Table::new(None, columns)
}

struct Row {
    part: &'static str,
    name: Option<String>,
    bin: Option<String>,
    figure: &'static str,
    then: Option<f64>,
    now: Option<f64>,
    verdict: Option<Verdict>,
}

fn word(verdict: Verdict) -> Cell {
    match verdict {
        Verdict::Stable => Cell::new("", Tone::Plain),
        Verdict::Moved => Cell::new(verdict.word(), Tone::Warn),
        Verdict::Drifted => Cell::new(verdict.word(), Tone::Bad),
    }
}

fn index(psi: f64) -> String {
    if psi.is_nan() { "-".to_string() } else { format!("{psi:.3}") }
}

fn percent(share: f64) -> String {
    format!("{:.1}%", 100.0 * share)
}
