//! `orchestrate diff`. It does not know how runs are compared.

use std::process::ExitCode;

use clap::Args;

use crate::{app::AppError, cli::context::Context, report};

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The first run: the first digits of its id (4 or more), a tag, latest, latest~1
    #[arg(default_value = "latest~1")]
    pub a: String,
    /// The second run
    #[arg(default_value = "latest")]
    pub b: String,
}

/// Holds two runs against each other.
pub fn diff(context: &Context, args: &DiffArgs) -> Result<ExitCode, AppError> {
    let diff = context.project()?.diff(&args.a, &args.b)?;
    match context.json {
        true => context.print_json(&report::diff::document(&diff)),
        false => context.print(&report::diff::render(&diff, context.width(), &context.out)),
    }
    Ok(ExitCode::SUCCESS)
}
