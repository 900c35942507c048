//! `orchestrate export --format bundle`. It does not know what a bundle holds.

use std::{path::Path, process::ExitCode};

use serde_json::json;

use crate::{
    app::{AppError, export},
    cli::{context::Context, run::interruptible_work},
    report,
};

/// Writes a run's way from raw rows to segments as one file.
pub fn bundle(
    context: &Context,
    run: Option<&str>,
    stage: Option<&str>,
    output: Option<&Path>,
) -> Result<ExitCode, AppError> {
    let Some(path) = output else {
        return Err(AppError::Usage("a bundle goes to a file; name one with -o".to_string()));
    };
    let work = interruptible_work(context)?;
    let bundle = context.project()?.export_bundle(run, stage, &work)?;
    export::bytes(&bundle.bytes, path)?;
    if context.json {
        context.print_json(&json!({
            "format": report::json::FORMAT,
            "run": bundle.run,
            "stage": bundle.stage,
            "model": bundle.model,
            "output": path,
            "files": bundle.n_files,
            "bytes": bundle.bytes.len(),
            "without_profile": bundle.without_profile,
        }));
        return Ok(ExitCode::SUCCESS);
    }
    context.say(&format!(
        "the way to `{}` of run {}, model {}, {} files, {} kB -> {}\n",
        bundle.stage,
        &bundle.run.to_hex()[..12],
        bundle.model.short(),
        bundle.n_files,
        bundle.bytes.len().div_ceil(1000),
        path.display()
    ));
    if let Some(why) = &bundle.without_profile {
        context.say(&format!("note: it does not hold what `drift` compares with: {why}\n"));
    }
    Ok(ExitCode::SUCCESS)
}
