//! `orchestrate status` and `orchestrate plan`. It does not know how states are found.

use std::process::ExitCode;

use crate::{
    app::{AppError, SurveyOptions},
    cli::{args::StatusArgs, context::Context, exit},
    engine::status::Standing,
    report,
};

/// Shows what a run would do.
pub fn status(context: &Context, args: &StatusArgs, exit_code: bool) -> Result<ExitCode, AppError> {
    let options = SurveyOptions {
        overrides: args.overrides.overrides(),
        targets: args.target.clone(),
        force: Vec::new(),
    };
    survey(context, args.pipeline.as_deref(), &options, exit_code)
}

/// Shows what a run with these options would do.
pub fn survey(
    context: &Context,
    pipeline: Option<&str>,
    options: &SurveyOptions,
    exit_code: bool,
) -> Result<ExitCode, AppError> {
    let project = context.project()?;
    let survey = project.survey(pipeline, options)?;
    if context.json {
        context.print_json(&report::json::survey(&survey, &project.store()?));
    } else {
        context.print(&report::plain::survey(&survey, context.verbose, &context.out));
    }
    let due = survey.forecasts.iter().any(|f| f.standing != Standing::Cached);
    Ok(ExitCode::from(if due && exit_code { exit::DUE } else { exit::DONE }))
}
