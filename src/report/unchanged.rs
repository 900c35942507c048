//! A run of which everything is in place, as `run` and `status` tell it without having compiled anything.
//! What they say is what the long way would say. It does not know how it was found out.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    app::{AppError, Unchanged},
    engine::event::State,
    report::{
        json::{self, FORMAT},
        plain,
        style::Style,
    },
};

/// Returns the one line that ends a run.
pub fn last_line(unchanged: &Unchanged, style: &Style) -> String {
    let counts = [(State::Ran, 0), (State::Cached, unchanged.n_stages)];
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
    counts.insert(State::Cached.word(), unchanged.n_stages);
    Ok(json!({
        "format": FORMAT,
        "pipeline": unchanged.pipeline,
        "run": unchanged.run,
        "seconds": unchanged.seconds,
        "stages": json::stages(&unchanged.stages()?, unchanged.store()),
        "counts": counts,
    }))
}
