//! Two runs side by side, as text and JSON; the file beside it makes a page. It does not compare anything.

pub mod page;

use serde_json::{Value, json};

use crate::{
    app::{ArtifactChange, Figures, Migration, RunDiff},
    ml::agreement::Contingency,
    report::{
        frame::floats,
        grid::{Align, Cell, Grid},
        history::when,
        json::FORMAT,
        plain,
        style::{Style, Tone, count, counted},
    },
};

/// Changed artifacts that are listed: figures and segments, which say more, stand below them.
const MAX_ARTIFACTS: usize = 12;

/// Returns how two runs differ.
pub fn render(diff: &RunDiff, width: Option<usize>, style: &Style) -> String {
    let mut out = String::new();
    for (mark, run) in [("a", &diff.a), ("b", &diff.b)] {
        let tags = match run.tags.is_empty() {
            true => String::new(),
            false => format!("  {}", run.tags.join(", ")),
        };
        // Two runs of one pipeline need no name.
        let name = match diff.a.manifest.pipeline == diff.b.manifest.pipeline {
            true => String::new(),
            false => format!("  {}", run.manifest.pipeline),
        };
        out.push_str(&format!(
            "{mark}  {}  {}{name}{tags}\n",
            style.bold(&run.id.to_hex()[..12]),
            style.dim(&when(&run.entry.started))
        ));
    }
    if diff.is_same() {
        out.push_str(&style.good("the same run: same parameters, same inputs, same bytes\n"));
        return out;
    }
    asked(diff, style, &mut out);
    artifacts(&diff.artifacts, diff.n_same, width, style, &mut out);
    let is_news = |figures: &&Figures| figures.rows.iter().any(|r| r.old != r.new);
    for figures in diff.figures.iter().filter(is_news) {
        out.push_str(&heading(&format!("{}: {}", figures.stage, figures.about), style));
        out.push_str(&side_by_side(figures, width, style));
    }
    out.push_str(&migrations(diff, width, style));
    out
}

/// Returns who moved between segments, and what could not be compared.
pub fn migrations(diff: &RunDiff, width: Option<usize>, style: &Style) -> String {
    let mut out: String =
        diff.migrations.iter().map(|migration| moves(migration, width, style)).collect();
    for note in &diff.notes {
        out.push_str(&format!("{} {note}\n", style.warn("note:")));
    }
    out
}

/// Returns who moved since the first run, as a document.
pub fn migrations_document(diff: &RunDiff) -> Value {
    let segments: Vec<Value> = diff.migrations.iter().map(migration_document).collect();
    json!({ "run": diff.a.id.to_hex(), "segments": segments, "notes": diff.notes })
}

fn heading(text: &str, style: &Style) -> String {
    format!("\n{}\n", style.bold(text))
}

fn asked(diff: &RunDiff, style: &Style, out: &mut String) {
    if !diff.params.is_empty() {
        out.push_str(&heading("parameters", style));
        for change in &diff.params {
            out.push_str(&format!("  {}: {} -> {}\n", change.name, change.old, change.new));
        }
    }
    // A stage of which only the inputs differ is a consequence; its artifacts tell that below.
    let own = diff.stages.iter().filter(|s| {
        s.reasons.iter().any(|r| r.code != crate::store::records::ReasonCode::InputChanged)
    });
    let mut lines: Vec<String> = own
        .map(|s| {
            let own: Vec<_> = s
                .reasons
                .iter()
                .filter(|r| r.code != crate::store::records::ReasonCode::InputChanged)
                .cloned()
                .collect();
            format!("  {}  {}\n", s.stage, style.warn(&plain::reasons_text(&own)))
        })
        .collect();
    let only = |names: &[String], mark: &str| {
        names.iter().map(|n| format!("  {n}  {}\n", style.dim(mark))).collect::<Vec<_>>()
    };
    lines.extend(only(&diff.added, "only in b"));
    lines.extend(only(&diff.removed, "only in a"));
    if !lines.is_empty() {
        out.push_str(&heading("stages", style));
        lines.iter().for_each(|line| out.push_str(line));
    }
}

fn artifacts(
    changes: &[ArtifactChange],
    n_same: usize,
    width: Option<usize>,
    style: &Style,
    out: &mut String,
) {
    let title = format!(
        "artifacts: {} the same, {} different",
        count(n_same as u64),
        count(changes.len() as u64)
    );
    out.push_str(&heading(&title, style));
    let mut grid = Grid::new([("", Align::Left), ("", Align::Left), ("", Align::Left)]).indented(2);
    let hash = |h: &Option<crate::base::hash::ContentHash>| {
        Cell::new(h.map_or_else(|| "-".to_string(), |h| h.short()), Tone::Dim)
    };
    for change in changes.iter().take(MAX_ARTIFACTS) {
        let ArtifactChange { stage, port, old, new } = change;
        grid.push(vec![format!("{stage}.{port}").into(), hash(old), hash(new)]);
    }
    out.push_str(&grid.render(width, style).0);
    if let Some(n_more @ 1..) = changes.len().checked_sub(MAX_ARTIFACTS) {
        let text = format!("  and {} more; --json lists them", count(n_more as u64));
        out.push_str(&format!("{}\n", style.dim(&text)));
    }
}

fn side_by_side(figures: &Figures, width: Option<usize>, style: &Style) -> String {
    let columns = [("", Align::Left), ("a", Align::Right), ("b", Align::Right), ("", Align::Right)];
    let mut grid = Grid::new(columns).indented(2);
    for row in figures.rows.iter().filter(|r| r.old != r.new) {
        let (old, new) = (row.old.as_f64(), row.new.as_f64());
        let texts = match row.old.is_f64() || row.new.is_f64() {
            true => floats(vec![old, new]).into_iter().map(or_none).collect(),
            false => vec![text(&row.old), text(&row.new)],
        };
        let delta = match (old, new) {
            (Some(a), Some(b)) => signed(b - a, row.old.is_f64() || row.new.is_f64()),
            _ => String::new(),
        };
        grid.push(vec![
            row.name.as_str().into(),
            texts[0].as_str().into(),
            texts[1].as_str().into(),
            Cell::new(delta, Tone::Warn),
        ]);
    }
    grid.render(width, style).0
}

fn or_none(text: String) -> String {
    if text.is_empty() { "-".to_string() } else { text }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_string(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn signed(difference: f64, fraction: bool) -> String {
    let digits = match fraction {
        true => floats(vec![Some(difference)]).concat(),
        false => format!("{difference:.0}"),
    };
    if difference > 0.0 { format!("+{digits}") } else { digits }
}

fn moves(migration: &Migration, width: Option<usize>, style: &Style) -> String {
    let table = &migration.table;
    let n_rows: u64 = table.counts.iter().flatten().sum();
    if migration.is_none() {
        let rows = counted(n_rows as usize, "row", "rows");
        return heading(&format!("{}: all {rows} in the same segments", migration.stage), style);
    }
    let mut out = heading(
        &format!(
            "{}: who is in which segment, a down, b across; adjusted Rand index {:.4}",
            migration.stage,
            table.adjusted_rand_index()
        ),
        style,
    );
    let titles = std::iter::once((String::new(), Align::Left))
        .chain(table.columns.iter().map(|c| (segment(*c), Align::Right)));
    let mut grid = Grid::new(titles).indented(2);
    for (label, counts) in table.rows.iter().zip(&table.counts) {
        let largest = counts.iter().max().copied().unwrap_or(0);
        let cell = |n: &u64| match *n {
            0 => Cell::new("-", Tone::Dim),
            n if n == largest => Cell::new(count(n), Tone::Bold),
            n => count(n).into(),
        };
        let head = Cell::new(segment(*label), Tone::Dim);
        grid.push(std::iter::once(head).chain(counts.iter().map(cell)).collect());
    }
    out.push_str(&grid.render(width, style).0);
    let mut line = counted(n_rows as usize, "row in both", "rows in both");
    for (n, side) in [(migration.only_old, "a"), (migration.only_new, "b")] {
        if n > 0 {
            line.push_str(&format!(", {} only in {side}", count(n as u64)));
        }
    }
    out.push_str(&style.dim(&format!("  {line}\n")));
    out
}

fn segment(label: i32) -> String {
    if label < 0 { "noise".to_string() } else { label.to_string() }
}

/// Returns the document.
pub fn document(diff: &RunDiff) -> Value {
    let params: Vec<Value> =
        diff.params.iter().map(|c| json!({ "name": c.name, "old": c.old, "new": c.new })).collect();
    let changed: Vec<Value> =
        diff.stages.iter().map(|s| json!({ "stage": s.stage, "reasons": s.reasons })).collect();
    let artifacts: Vec<Value> = diff
        .artifacts
        .iter()
        .map(|a| json!({ "stage": a.stage, "port": a.port, "old": a.old, "new": a.new }))
        .collect();
    json!({
        "format": FORMAT,
        "a": diff.a.id, "b": diff.b.id, "same": diff.is_same(),
        "pipelines": [diff.a.manifest.pipeline, diff.b.manifest.pipeline],
        "params": params,
        "stages": { "added": diff.added, "removed": diff.removed, "changed": changed },
        "artifacts": { "same": diff.n_same, "changed": artifacts },
        "metrics": diff.figures.iter().map(figures_document).collect::<Vec<_>>(),
        "segments": diff.migrations.iter().map(migration_document).collect::<Vec<_>>(),
        "notes": diff.notes,
    })
}

fn figures_document(figures: &Figures) -> Value {
    let rows: Vec<Value> = figures
        .rows
        .iter()
        .map(|c| json!({ "name": c.name, "old": c.old, "new": c.new }))
        .collect();
    json!({ "stage": figures.stage, "about": figures.about, "values": rows })
}

fn migration_document(migration: &Migration) -> Value {
    let Contingency { rows, columns, counts } = &migration.table;
    let moves: Vec<Value> = rows
        .iter()
        .zip(counts)
        .flat_map(|(from, counts)| {
            columns
                .iter()
                .zip(counts)
                .filter(|(_, n)| **n > 0)
                .map(move |(to, n)| json!({ "from": from, "to": to, "count": n }))
        })
        .collect();
    json!({
        "stage": migration.stage,
        "adjusted_rand_index": migration.table.adjusted_rand_index(),
        "only_in_a": migration.only_old, "only_in_b": migration.only_new,
        "moves": moves,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_show_where_most_went() {
        let migration = Migration {
            stage: "best".to_string(),
            table: Contingency::new(&[0, 0, 0, 1, -1], &[1, 1, 0, 0, 0]),
            only_old: 2,
            only_new: 0,
        };
        let text = moves(&migration, None, &Style::new(false));
        let expected = "\n\
            best: who is in which segment, a down, b across; adjusted Rand index 0.0000\n         \
                     0  1\n  \
              noise  1  -\n  \
              0      1  2\n  \
              1      1  -\n  \
              5 rows in both, 2 only in a\n";
        let rand = format!("{:.4}", migration.table.adjusted_rand_index());
        assert_eq!(text, expected.replace("0.0000", &rand));
        let document = migration_document(&migration);
        assert_eq!(document["moves"][0], json!({ "from": -1, "to": 0, "count": 1 }));
    }

    /// Ninety lines of hashes pushed the figures, for which one asks, off the screen.
    #[test]
    fn many_changed_artifacts_are_counted() {
        let change = |i: usize| ArtifactChange {
            stage: format!("s{i}"),
            port: "table".to_string(),
            old: None,
            new: None,
        };
        let listed = |n: usize| {
            let mut out = String::new();
            let changes: Vec<_> = (0..n).map(change).collect();
            artifacts(&changes, 1, None, &Style::new(false), &mut out);
            out
        };
        assert_eq!(listed(1), "\nartifacts: 1 the same, 1 different\n  s0.table  -  -\n");
        assert!(listed(12).ends_with("  s11.table  -  -\n"));
        assert!(listed(99).ends_with("  s11.table  -  -\n  and 87 more; --json lists them\n"));
    }

    #[test]
    fn figures_are_written_alike_on_both_sides() {
        let change = |name: &str, old, new| crate::app::Change { name: name.to_string(), old, new };
        let figures = Figures {
            stage: "best".to_string(),
            about: "x",
            rows: vec![
                change("silhouette", json!(0.25), json!(0.5)),
                change("stage", json!("kmeans/k=3"), json!("gmm/k=4")),
                change("n_rows", json!(90), json!(90)),
                change("bic", json!(null), json!(2.5)),
                change("n_segments", json!(3), json!(4)),
            ],
        };
        let expected = "                       a        b\n  \
            silhouette        0.25     0.50  +0.25\n  \
            stage       kmeans/k=3  gmm/k=4\n  \
            bic                  -      2.5\n  \
            n_segments           3        4     +1\n";
        assert_eq!(side_by_side(&figures, None, &Style::new(false)), expected);
    }
}
