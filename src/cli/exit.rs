//! Exit codes: the one place that maps what happened to the documented numbers, and prints errors.
//! It does not know the commands.

use std::{io::Write, process::ExitCode};

use crate::{
    app::AppError, cli::context::Context, engine::replay::ReplayError, report,
    stage::error::StageError, store::error::StoreError,
};

/// Done.
pub const DONE: u8 = 0;
/// A stage failed, or the medium refused.
pub const FAILED: u8 = 1;
/// The command line asks for something that does not exist.
pub const USAGE: u8 = 2;
/// The pipeline is invalid.
pub const INVALID: u8 = 3;
/// A reproduction differs, or needs kind versions that this program lacks.
pub const DIFFERS: u8 = 4;
/// The store is damaged.
pub const DAMAGED: u8 = 5;
/// A source is missing, cannot be parsed or has bad ids.
pub const SOURCE: u8 = 6;
/// Work is due.
pub const DUE: u8 = 10;
/// Interrupted.
pub const INTERRUPTED: u8 = 130;

/// Returns the exit code of an error.
pub fn code(error: &AppError) -> u8 {
    match error {
        AppError::Usage(_) | AppError::RunRef(_) => USAGE,
        AppError::Invalid { .. } => INVALID,
        AppError::Store(StoreError::Damaged { .. } | StoreError::Newer { .. }) => DAMAGED,
        AppError::Store(StoreError::Moved(_)) => SOURCE,
        AppError::Store(StoreError::Io { .. }) | AppError::Io { .. } => FAILED,
        AppError::Differs(_) | AppError::Replay(ReplayError::Version { .. }) => DIFFERS,
        AppError::Replay(ReplayError::Unsound(_)) => DAMAGED,
        AppError::Stage(error) => stage_code(error),
    }
}

/// Returns the exit code of a failed stage.
pub fn stage_code(error: &StageError) -> u8 {
    match error {
        StageError::Cancelled => INTERRUPTED,
        StageError::Source(_) | StageError::SourceAt { .. } => SOURCE,
        _ => FAILED,
    }
}

/// Prints an error and returns its exit code.
pub fn report(context: &Context, error: &AppError) -> ExitCode {
    let code = code(error);
    if context.json {
        context.print_json(&report::json::error(error, code));
    } else {
        let text = report::error::render(error, &context.err);
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }
    ExitCode::from(code)
}

/// Prints what clap has to say: help on stdout with 0, mistakes on stderr with 2.
pub fn usage(error: &clap::Error) -> ExitCode {
    let code = if error.use_stderr() { USAGE } else { DONE };
    let asked_for_json = std::env::args().any(|a| a == "--json");
    if code == USAGE && asked_for_json {
        let text = error.render().to_string();
        let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        let document = report::json::error(&AppError::Usage(first.to_string()), code);
        let _ = writeln!(std::io::stdout(), "{document:#}");
    } else {
        let _ = error.print();
    }
    ExitCode::from(code)
}
