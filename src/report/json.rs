//! The JSON documents of the contract: runs, states, errors. It does not know where they are printed.

use std::collections::BTreeMap;

use arrow::{
    array::{Array, ArrayRef, AsArray},
    datatypes::{DataType, Float64Type, Int32Type, Int64Type},
    util::display::array_value_to_string,
};
use serde_json::{Value, json};

use crate::{
    app::{AppError, Outcome, Survey},
    engine::{event::State, record, status::Standing},
    frame::Table,
    stage::error::StageError,
    store::{
        Store,
        records::{HistoryEntry, HistoryStage, OutputRecord, Reason},
    },
};

/// The format's name, in every document.
pub const FORMAT: &str = "orchestrate/1";

/// Returns the document of a finished run; `code` tells the exit code of a failure.
pub fn outcome(outcome: &Outcome, store: &Store, code: impl Fn(&StageError) -> u8) -> Value {
    let mut document = json!({
        "format": FORMAT,
        "pipeline": outcome.plan.pipeline,
        "run": outcome.run,
        "seconds": outcome.seconds,
        "stages": stages(&record::history(&outcome.reports), store),
        "counts": record::counts(&outcome.reports),
    });
    let failed = outcome.reports.iter().filter(|r| r.state == State::Failed);
    let errors = failed.filter_map(|report| {
        let error = report.error.as_ref()?;
        let mut told = failure(error, code(error));
        told["stage"] = json!(report.name);
        Some(told)
    });
    let errors: Vec<Value> = errors.collect();
    if !errors.is_empty() {
        document["error"] = json!(errors.first());
        document["errors"] = json!(errors);
    }
    document
}

/// Returns the document of the states before a run.
pub fn survey(survey: &Survey, store: &Store) -> Value {
    let mut counts: BTreeMap<&str, u64> = Standing::ALL.iter().map(|s| (s.word(), 0)).collect();
    let mut stages = Vec::new();
    for forecast in &survey.forecasts {
        let instance = &survey.plan.graph[forecast.node];
        *counts.entry(forecast.standing.word()).or_default() += 1;
        let mut stage = json!({
            "stage": instance.name,
            "kind": instance.kind.name(),
            "state": forecast.standing.word(),
            "early_cutoff": false,
            "key": forecast.key,
            "reasons": reasons(&forecast.reasons),
            "seconds": forecast.seconds,
            "outputs": outputs(&forecast.outputs, store),
        });
        if let Some(error) = &forecast.error {
            stage["error"] = json!(error.to_string());
        }
        stages.push(stage);
    }
    json!({
        "format": FORMAT,
        "pipeline": survey.plan.pipeline,
        "run": null,
        "stages": stages,
        "counts": counts,
    })
}

/// Returns the document of a past execution.
pub fn history(entry: &HistoryEntry, store: &Store) -> Value {
    json!({
        "format": FORMAT,
        "pipeline": entry.pipeline,
        "run": entry.run,
        "file": entry.file,
        "yaml": entry.yaml,
        "targets": entry.targets,
        "started": entry.started,
        "seconds": entry.seconds,
        "host": entry.host,
        "threads": entry.threads,
        "program": entry.program,
        "stages": stages(&entry.stages, store),
        "counts": entry.counts,
    })
}

/// Returns what became of instances, one object each.
pub fn stages(stages: &[HistoryStage], store: &Store) -> Vec<Value> {
    let one = |s: &HistoryStage| {
        let mut stage = json!({
            "stage": s.stage,
            "kind": s.kind,
            "state": s.state,
            "early_cutoff": s.early_cutoff,
            "key": s.key,
            "reasons": reasons(&s.reasons),
            "seconds": s.seconds,
            "outputs": outputs(&s.outputs, store),
            "notes": s.notes,
        });
        if let Some(error) = &s.error {
            stage["error"] = json!(error);
        }
        stage
    };
    stages.iter().map(one).collect()
}

fn reasons(reasons: &[Reason]) -> Value {
    json!(reasons)
}

fn outputs(outputs: &BTreeMap<String, OutputRecord>, store: &Store) -> Value {
    let output = |o: &OutputRecord| {
        json!({
            "hash": o.hash, "rows": o.rows, "bytes": o.bytes,
            "path": relative_path(store, o),
        })
    };
    outputs.iter().map(|(port, o)| (port.clone(), output(o))).collect()
}

/// Returns where an output lies, relative to the project root.
pub fn relative_path(store: &Store, output: &OutputRecord) -> String {
    let path = store.object_path(&output.hash, &output.ext);
    let root = store.root().parent().unwrap_or(store.root());
    path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned()
}

/// Returns the rows of a table as JSON objects; dates and times as text.
pub fn rows(table: &Table) -> Value {
    let names = table.names();
    let row = |row: usize| -> Value {
        let columns = names.iter().zip(table.batch().columns());
        columns.map(|(name, array)| (name.clone(), cell(array, row))).collect()
    };
    (0..table.n_rows()).map(row).collect()
}

fn cell(array: &ArrayRef, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Float64 => json!(array.as_primitive::<Float64Type>().value(row)),
        DataType::Int64 => json!(array.as_primitive::<Int64Type>().value(row)),
        DataType::Int32 => json!(array.as_primitive::<Int32Type>().value(row)),
        DataType::Boolean => json!(array.as_boolean().value(row)),
        _ => json!(array_value_to_string(array, row).unwrap_or_default()),
    }
}

/// Returns the document of an error.
pub fn error(error: &AppError, exit_code: u8) -> Value {
    let all: Vec<Value> = match error {
        AppError::Invalid { file, faults, .. } => faults
            .iter()
            .map(|f| {
                json!({
                    "code": exit_code, "message": f.message, "file": file,
                    "line": f.at.line, "column": f.at.column, "help": f.help,
                })
            })
            .collect(),
        AppError::Stage(error) => vec![failure(error, exit_code)],
        other => vec![json!({
            "code": exit_code, "message": other.to_string(), "file": null,
            "line": null, "column": null, "help": null,
        })],
    };
    json!({ "format": FORMAT, "error": all.first(), "errors": all })
}

/// Returns what a stage failed with, and where in a source that stands.
fn failure(error: &StageError, exit_code: u8) -> Value {
    let place = error.place();
    json!({
        "code": exit_code, "message": error.to_string(), "file": place.map(|p| &p.file),
        "line": place.and_then(|p| p.line), "column": place.and_then(|p| p.column), "help": null,
    })
}
