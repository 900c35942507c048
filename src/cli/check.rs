//! `orchestrate check`: validates a pipeline without reading data. It does not know the rules.

use std::process::ExitCode;

use serde_json::json;

use crate::{
    app::{AppError, meetings},
    cli::{args::CheckArgs, context::Context},
};

/// Checks a pipeline.
pub fn check(context: &Context, args: &CheckArgs) -> Result<ExitCode, AppError> {
    let project = context.project()?;
    let file = project.pipeline(args.pipeline.as_deref())?;
    let plan = project.compile(&file, &args.overrides.overrides())?;
    let n_instances = plan.order.len();
    let mut notes = plan.notes.clone();
    notes.extend(meetings(&plan));
    if context.json {
        context.print_json(&json!({
            "format": "orchestrate/1", "pipeline": plan.pipeline, "file": file.label,
            "valid": true, "instances": n_instances, "notes": notes,
        }));
    } else {
        for (instance, note) in &notes {
            context.print(&format!("note: {instance}: {note}\n"));
        }
        context.print(&format!("{} is valid: {n_instances} stage instances\n", file.label));
    }
    Ok(ExitCode::SUCCESS)
}
