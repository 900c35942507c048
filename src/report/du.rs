//! What the store holds, as text and JSON. It does not know how sizes are measured.

use serde_json::{Value, json};

use crate::{
    app::Occupancy,
    report::{
        grid::{Align, Cell, Grid},
        json::FORMAT,
        style::{Style, Tone, bytes, count},
    },
    store::usage::{RunUsage, Size},
};

/// Returns the text about a store.
pub fn text(occupancy: &Occupancy, width: Option<usize>, style: &Style) -> String {
    let usage = &occupancy.usage;
    let mut grid =
        Grid::new([("what", Align::Left), ("files", Align::Right), ("size", Align::Right)]);
    let mut row = |name: &str, size: Size, tone: Tone| {
        if size.files > 0 {
            grid.push(vec![
                Cell::new(name, tone),
                count(size.files).into(),
                bytes(size.bytes).into(),
            ]);
        }
    };
    for (sort, size) in &usage.objects {
        row(&format!("objects: {}", sort.word()), *size, Tone::Plain);
    }
    for (name, size) in usage.places.iter().filter(|(name, _)| *name != "objects") {
        row(name, *size, Tone::Plain);
    }
    row("all", usage.total, Tone::Bold);
    let mut out = grid.render(width, style).0;
    for run in &usage.runs {
        out.push('\n');
        out.push_str(&newest(run, width, style));
    }
    if let Some(share) = saved(occupancy) {
        out.push_str(&format!(
            "\n{} recorded runs would take {} if each had its own artifacts: {share} is shared\n",
            count(usage.n_runs),
            bytes(usage.unshared)
        ));
    }
    match occupancy.reclaimable {
        Some(size) if size.bytes == 0 => {}
        Some(size) => out.push_str(&format!("`orchestrate gc` would free {}\n", bytes(size.bytes))),
        None => out.push_str("gc cannot tell what is needed; `orchestrate fsck` tells why\n"),
    }
    out
}

fn newest(run: &RunUsage, width: Option<usize>, style: &Style) -> String {
    let id = &run.run.to_hex()[..12];
    let mut out = format!(
        "{}  run {id}: {} in {} artifacts, {} of it in other runs too{}\n",
        style.bold(&run.pipeline),
        bytes(run.size.bytes),
        count(run.size.files),
        bytes(run.shared.bytes),
        match run.gone {
            0 => String::new(),
            n => format!(", {} dropped or lost", count(n)),
        }
    );
    let mut grid =
        Grid::new([("stage", Align::Left), ("files", Align::Right), ("size", Align::Right)]);
    let mut stages: Vec<_> = run.stages.iter().collect();
    stages.sort_by(|a, b| b.1.bytes.cmp(&a.1.bytes).then_with(|| a.0.cmp(&b.0)));
    for (name, size) in stages {
        grid.push(vec![name.as_str().into(), count(size.files).into(), bytes(size.bytes).into()]);
    }
    out.push_str(&grid.render(width, style).0);
    out
}

/// Returns how much several runs share, where they do.
fn saved(occupancy: &Occupancy) -> Option<String> {
    let stored: u64 = occupancy.usage.objects.values().map(|s| s.bytes).sum();
    let saved = occupancy.usage.unshared.checked_sub(stored).filter(|saved| *saved > 0)?;
    Some(bytes(saved))
}

/// Returns the document about a store.
pub fn json(occupancy: &Occupancy) -> Value {
    let usage = &occupancy.usage;
    let size = |size: &Size| json!({ "files": size.files, "bytes": size.bytes });
    let places: serde_json::Map<String, Value> =
        usage.places.iter().map(|(name, s)| ((*name).to_string(), size(s))).collect();
    let objects: serde_json::Map<String, Value> =
        usage.objects.iter().map(|(sort, s)| (sort.word().to_string(), size(s))).collect();
    let runs: Vec<Value> = usage
        .runs
        .iter()
        .map(|run| {
            let stages: serde_json::Map<String, Value> =
                run.stages.iter().map(|(name, s)| (name.clone(), size(s))).collect();
            json!({
                "pipeline": run.pipeline, "run": run.run, "stages": stages,
                "size": size(&run.size), "shared": size(&run.shared), "gone": run.gone,
            })
        })
        .collect();
    json!({
        "format": FORMAT,
        "places": places,
        "objects": objects,
        "latest": runs,
        "runs": usage.n_runs,
        "bytes_if_unshared": usage.unshared,
        "total": size(&usage.total),
        "reclaimable": occupancy.reclaimable.as_ref().map(size),
    })
}
