//! `orchestrate du`. It does not know how sizes are measured.

use std::process::ExitCode;

use crate::{app::AppError, cli::context::Context, report};

/// Shows what the store holds.
pub fn du(context: &Context) -> Result<ExitCode, AppError> {
    let occupancy = context.project()?.du()?;
    if context.json {
        context.print_json(&report::du::json(&occupancy));
    } else {
        context.print(&report::du::text(&occupancy, context.width(), &context.out));
    }
    Ok(ExitCode::SUCCESS)
}
