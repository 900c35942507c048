//! What `reproduce` and `restore` tell, as text and JSON. It does not know how runs are executed.

use serde_json::{Value, json};

use crate::{
    app::{Difference, Pass, Reproduction, Restored},
    frame::compare,
    report::{
        json::FORMAT,
        style::{Style, counted, duration},
    },
};

/// Returns the text about a reproduction.
pub fn text(found: &Reproduction, style: &Style) -> String {
    let mut out = String::new();
    for pass in &found.passes {
        let threads = counted(pass.threads, "thread", "threads");
        for (stage, error) in &pass.failures {
            out.push_str(&format!("{} stage `{stage}` failed: {error}\n", style.bad("error:")));
        }
        let same = pass.outputs.iter().filter(|o| o.found == Some(o.recorded)).count();
        let all = counted(pass.outputs.len(), "artifact", "artifacts");
        let took = duration(pass.seconds);
        if pass.is_identical() {
            let word = style.good("identical");
            out.push_str(&format!("{word}: all {all}, {threads}, {took}\n"));
            continue;
        }
        out.push_str(&format!(
            "{}: {same} of {all} the same, {threads}, {took}\n",
            style.bad("differs")
        ));
        if let Some(first) = pass.first_difference() {
            let now = first.found.map(|h| h.short()).unwrap_or_default();
            out.push_str(&format!(
                "  first in `{}.{}`: was {}, is {now}\n",
                first.stage,
                first.port,
                first.recorded.short()
            ));
            if let Some(difference) = &first.difference {
                out.push_str(&format!("  {difference}\n"));
            }
        }
    }
    let run = &found.run.to_hex()[..12];
    match found.is_identical() {
        true => out.push_str(&format!("run {run} reproduced bit for bit\n")),
        false => out.push_str(&format!("run {run} did {}\n", style.bad("not come out the same"))),
    }
    out
}

/// Returns the document about a reproduction.
pub fn json(found: &Reproduction) -> Value {
    json!({
        "format": FORMAT,
        "run": found.run,
        "identical": found.is_identical(),
        "passes": found.passes.iter().map(pass).collect::<Vec<_>>(),
    })
}

fn pass(pass: &Pass) -> Value {
    let outputs: Vec<Value> = pass
        .outputs
        .iter()
        .map(|o| {
            json!({
                "stage": o.stage, "port": o.port, "recorded": o.recorded, "found": o.found,
                "identical": o.found == Some(o.recorded),
                "difference": o.difference.as_ref().map(ToString::to_string),
                "at": o.difference.as_ref().map(place),
            })
        })
        .collect();
    let failures: Vec<Value> = pass
        .failures
        .iter()
        .map(|(stage, error)| json!({ "stage": stage, "error": error }))
        .collect();
    json!({
        "threads": pass.threads,
        "seconds": pass.seconds,
        "identical": pass.is_identical(),
        "first_difference": pass.first_difference().map(|o| format!("{}.{}", o.stage, o.port)),
        "failures": failures,
        "outputs": outputs,
    })
}

/// Returns the place of a difference.
fn place(difference: &Difference) -> Value {
    match difference {
        Difference::Table(compare::Difference::Cell { row, id, column, was, is }) => {
            let id = id.as_ref().map(|(_, value)| value);
            json!({ "row": row, "id": id, "column": column, "was": was, "is": is })
        }
        Difference::Table(compare::Difference::Type { column, was, is }) => {
            json!({ "column": column, "was": was, "is": is })
        }
        Difference::Table(compare::Difference::Columns { was, is }) => {
            json!({ "columns": { "was": was, "is": is } })
        }
        Difference::Table(compare::Difference::Rows { was, is }) => {
            json!({ "rows": { "was": was, "is": is } })
        }
        Difference::Byte { at, was, is, .. } => json!({ "byte": at, "was": was, "is": is }),
        Difference::Length { was, is } => json!({ "bytes": { "was": was, "is": is } }),
        Difference::Gone => Value::Null,
    }
}

/// Returns the text about what was put back.
pub fn restored_text(restored: &Restored, style: &Style) -> String {
    let mut out = String::new();
    let run = style.bold(&restored.run.to_hex()[..12]);
    let files = counted(restored.n_files, "artifact", "artifacts");
    out.push_str(&format!("run {run}: {files} in {}\n", restored.folder.display()));
    if !restored.recomputed.is_empty() {
        out.push_str(&format!("computed again: {}\n", restored.recomputed.join(", ")));
    }
    if let Some(yaml) = &restored.yaml {
        out.push_str(&format!("its pipeline is in {}\n", yaml.display()));
    }
    if let Some(kept) = &restored.kept {
        out.push_str(&format!("the file that was there is kept as {}\n", kept.display()));
    }
    out
}

/// Returns the document about what was put back.
pub fn restored_json(restored: &Restored) -> Value {
    json!({
        "format": FORMAT,
        "run": restored.run,
        "folder": restored.folder,
        "files": restored.n_files,
        "recomputed": restored.recomputed,
        "yaml": restored.yaml,
        "kept": restored.kept,
    })
}
