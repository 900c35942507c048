//! Past runs as text and JSON: the list, and one of them. It does not know where they are kept.

use chrono::{DateTime, Local};
use serde_json::{Value, json};

use crate::{
    app::{Logged, PastRun, Tagged},
    base::hash::RunId,
    report::{
        grid::{Align, Cell, Grid},
        json::{self, FORMAT},
        plain,
        style::{Style, Tone, bytes, count, duration},
    },
    store::{
        Store,
        records::{HistoryEntry, HistoryStage},
    },
};

/// Digits of a run's id that people see.
const SHORT: usize = 12;

/// Returns one line an execution.
pub fn log(entries: &[Logged], width: Option<usize>, style: &Style) -> String {
    let mut grid = Grid::new(
        [("run", Align::Left), ("when", Align::Left), ("pipeline", Align::Left)]
            .into_iter()
            .chain([("took", Align::Right), ("stages", Align::Left), ("tags", Align::Left)]),
    );
    for Logged { entry, tags } in entries {
        let run = match &entry.run {
            Some(run) => Cell::new(&run.to_hex()[..SHORT], Tone::Bold),
            None => Cell::new("-", Tone::Dim),
        };
        let mut names = tags.join(", ");
        if !entry.targets.is_empty() {
            let gap = if names.is_empty() { "" } else { "  " };
            names.push_str(&format!("{gap}(only {})", entry.targets.join(", ")));
        }
        let tone = if entry.run.is_some() { Tone::Plain } else { Tone::Bad };
        grid.push(vec![
            run,
            Cell::new(when(&entry.started), Tone::Dim),
            entry.pipeline.as_str().into(),
            duration(entry.seconds).into(),
            Cell::new(counts(entry), tone),
            Cell::new(names, Tone::Good),
        ]);
    }
    grid.render(width, style).0
}

/// Returns the counts that are not zero: `3 ran, 20 cached`.
pub fn counts(entry: &HistoryEntry) -> String {
    let parts: Vec<String> = crate::engine::event::State::ALL
        .iter()
        .filter_map(|state| Some((state, *entry.counts.get(state.word())?)))
        .filter(|(_, n)| *n > 0)
        .map(|(state, n)| format!("{n} {}", state.word()))
        .collect();
    parts.join(", ")
}

/// Returns a moment in the person's own time zone.
pub fn when(started: &str) -> String {
    match DateTime::parse_from_rfc3339(started) {
        Ok(time) => time.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => started.to_string(),
    }
}

/// Returns the document of the list.
pub fn log_document(entries: &[Logged]) -> Value {
    let one = |logged: &Logged| {
        let entry = &logged.entry;
        json!({
            "run": entry.run, "tags": logged.tags, "pipeline": entry.pipeline, "file": entry.file,
            "started": entry.started, "seconds": entry.seconds, "targets": entry.targets,
            "host": entry.host, "threads": entry.threads, "program": entry.program,
            "counts": entry.counts,
        })
    };
    json!({ "format": FORMAT, "runs": entries.iter().map(one).collect::<Vec<_>>() })
}

/// Returns one run as text.
pub fn show(run: &PastRun, width: Option<usize>, style: &Style) -> String {
    let entry = &run.entry;
    let mut out = String::new();
    let mut line = |name: &str, text: String| {
        if !text.is_empty() {
            out.push_str(&format!("{}  {text}\n", style.dim(&format!("{name:>9}"))));
        }
    };
    line("run", style.bold(&run.id.to_hex()));
    line("tags", run.tags.join(", "));
    line("pipeline", format!("{} ({})", entry.pipeline, entry.file));
    line("yaml", format!("{} (orchestrate restore brings it back)", entry.yaml.short()));
    line("when", format!("{}, {}", when(&entry.started), duration(entry.seconds)));
    let threads = if entry.threads == 1 { "thread" } else { "threads" };
    line(
        "where",
        format!("{}, {} {threads}, orchestrate {}", entry.host, entry.threads, entry.program),
    );
    let params = run.manifest.params.iter().map(|(name, value)| format!("{name}={value}"));
    line("params", params.collect::<Vec<_>>().join("  "));
    line("only", entry.targets.join(", "));
    out.push('\n');
    out.push_str(&stages(entry, width, style));
    out.push_str(&style.dim(&format!("{}\n", counts(entry))));
    out
}

fn stages(entry: &HistoryEntry, width: Option<usize>, style: &Style) -> String {
    let columns = ["stage", "state", "took", "output", "rows", "size", "hash", "why"];
    let align = |name: &str| match name {
        "took" | "rows" | "size" => Align::Right,
        _ => Align::Left,
    };
    let mut grid = Grid::new(columns.map(|name| (name, align(name))));
    for stage in &entry.stages {
        let mut head = vec![
            stage.stage.as_str().into(),
            Cell::new(stage.state.as_str(), tone(&stage.state)),
            Cell::new(duration(stage.seconds), Tone::Dim),
        ];
        let why = Cell::new(why(stage), Tone::Dim);
        if stage.outputs.is_empty() {
            head.extend(["", "", "", ""].map(Cell::from));
            head.push(why.clone());
            grid.push(head.clone());
        }
        for (i, (port, output)) in stage.outputs.iter().enumerate() {
            let mut row = if i == 0 { head.clone() } else { vec!["".into(), "".into(), "".into()] };
            row.push(port.as_str().into());
            row.push(output.rows.map(count).unwrap_or_default().into());
            row.push(bytes(output.bytes).into());
            row.push(Cell::new(output.hash.short(), Tone::Dim));
            if i == 0 {
                row.push(why.clone());
            }
            grid.push(row);
        }
    }
    grid.render(width, style).0
}

fn why(stage: &HistoryStage) -> String {
    match &stage.error {
        Some(error) => error.clone(),
        None => plain::reasons_text(&stage.reasons),
    }
}

/// Returns how a state's word is toned.
pub fn tone(state: &str) -> Tone {
    match state {
        "ran" => Tone::Good,
        "failed" | "blocked" => Tone::Bad,
        "cached" => Tone::Dim,
        "maybe" => Tone::Busy,
        _ => Tone::Warn,
    }
}

/// Returns one run as the shared document, with its parameters and tags.
pub fn show_document(run: &PastRun, store: &Store) -> Value {
    let mut document = json::history(&run.entry, store);
    document["params"] = json!(run.manifest.params);
    document["tags"] = json!(run.tags);
    document
}

/// Says what was tagged.
pub fn tagged(name: &str, tagged: &Tagged) -> String {
    let id = &tagged.id.to_hex()[..SHORT];
    match &tagged.before {
        None => format!("{id} is `{name}` now\n"),
        Some(before) => format!("{id} is `{name}` now; it was {}\n", &before.to_hex()[..SHORT]),
    }
}

/// Says what is no tag any more.
pub fn untagged(name: &str, id: &RunId) -> String {
    format!("{} is no longer `{name}`\n", &id.to_hex()[..SHORT])
}
