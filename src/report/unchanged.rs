//! A run of which everything is in place, as `run` and `status` tell it without having compiled anything.
//! What they say is what the long way would say. It does not know how it was found out.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    app::{AppError, Unchanged},
    engine::{event::State, status::Standing},
    report::{
        json::{self, FORMAT},
        plain,
        style::{Style, counted},
    },
};

/// Returns the one line that ends a run.
pub fn last_line(unchanged: &Unchanged, style: &Style) -> String {
    let counts = [(State::Ran, 0), (State::Cached, unchanged.n_stages())];
    let (seconds, saved) = (unchanged.seconds, unchanged.saved_seconds);
    plain::counts_line(&counts, seconds, saved, Some(&unchanged.run), style)
}

/// Returns the document of a run.
///
/// # Errors
/// If the store cannot be read.
pub fn run_document(unchanged: &Unchanged) -> Result<Value, AppError> {
    let counts = State::ALL.map(|state| (state.word(), 0)).into_iter();
    let mut counts: BTreeMap<&str, u64> = counts.collect();
    counts.insert(State::Cached.word(), unchanged.n_stages());
    Ok(json!({
        "format": FORMAT,
        "pipeline": unchanged.pipeline,
        "run": unchanged.run,
        "seconds": unchanged.seconds,
        "stages": json::stages(&unchanged.stages()?, unchanged.store()),
        "counts": counts,
    }))
}

/// Returns the table of the states before a run.
pub fn survey(unchanged: &Unchanged, style: &Style) -> String {
    let word = Standing::Cached.word();
    let shown = style.good(&format!("{word:>8}"));
    let mut out = String::new();
    for name in unchanged.names() {
        out.push_str(&format!("{shown}  {name}\n"));
    }
    for (instance, note) in unchanged.notes() {
        out.push_str(&style.dim(&format!("note: {instance}: {note}\n")));
    }
    let n = unchanged.n_stages();
    let all =
        counted(usize::try_from(n).unwrap_or(usize::MAX), "stage instance", "stage instances");
    out.push_str(&format!("{all}: {n} {word}\n"));
    out
}

/// Returns the document of the states before a run.
///
/// # Errors
/// If the store cannot be read.
pub fn survey_document(unchanged: &Unchanged) -> Result<Value, AppError> {
    let counts = Standing::ALL.map(|standing| (standing.word(), 0)).into_iter();
    let mut counts: BTreeMap<&str, u64> = counts.collect();
    counts.insert(Standing::Cached.word(), unchanged.n_stages());
    let mut stages = json::stages(&unchanged.stages()?, unchanged.store());
    for stage in stages.iter_mut().filter_map(Value::as_object_mut) {
        // What a stage told when it ran is no part of what would happen.
        stage.remove("notes");
    }
    Ok(json!({
        "format": FORMAT,
        "pipeline": unchanged.pipeline,
        "run": null,
        "stages": stages,
        "counts": counts,
    }))
}
