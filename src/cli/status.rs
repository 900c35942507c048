//! `orchestrate status` and `orchestrate plan`. It does not know how states are found.

use std::process::ExitCode;

use crate::{
    app::{AppError, Project, Survey, SurveyOptions},
    cli::{args::StatusArgs, context::Context, exit},
    engine::{outlook::Outlook, status::Standing},
    report,
};

/// Shows what a run would do.
pub fn status(context: &Context, args: &StatusArgs) -> Result<ExitCode, AppError> {
    let project = context.project()?;
    if args.target.is_empty()
        && !context.verbose
        && let Some(unchanged) =
            project.unchanged(args.pipeline.as_deref(), &args.overrides.overrides())?
    {
        match context.json {
            true => context.print_json(&report::unchanged::survey_document(&unchanged)?),
            false => context.print(&report::unchanged::survey(&unchanged, &context.out)),
        }
        return Ok(ExitCode::from(exit::DONE));
    }
    let survey = project.survey(args.pipeline.as_deref(), &options(args))?;
    show(context, &project, &survey, None)?;
    Ok(ExitCode::from(exit::DONE))
}

/// Shows what a run would do and take.
pub fn plan(context: &Context, args: &StatusArgs) -> Result<ExitCode, AppError> {
    foresee(context, args.pipeline.as_deref(), &options(args), args.exit_code)
}

/// Shows what a run with these options would do and take.
pub fn foresee(
    context: &Context,
    pipeline: Option<&str>,
    options: &SurveyOptions,
    exit_code: bool,
) -> Result<ExitCode, AppError> {
    let project = context.project()?;
    let survey = project.survey(pipeline, options)?;
    let outlook = project.outlook(&survey, context.jobs())?;
    show(context, &project, &survey, Some(&outlook))?;
    let due = survey.forecasts.iter().any(|f| f.standing != Standing::Cached);
    Ok(ExitCode::from(if due && exit_code { exit::DUE } else { exit::DONE }))
}

fn options(args: &StatusArgs) -> SurveyOptions {
    SurveyOptions {
        overrides: args.overrides.overrides(),
        targets: args.target.clone(),
        force: Vec::new(),
    }
}

fn show(
    context: &Context,
    project: &Project,
    survey: &Survey,
    outlook: Option<&Outlook>,
) -> Result<(), AppError> {
    if context.json {
        let mut document = report::json::survey(survey, &project.store()?);
        outlook.iter().for_each(|o| report::outlook::add(&mut document, o));
        context.print_json(&document);
    } else {
        context.print(&report::plain::survey(survey, outlook, context.verbose, &context.out));
    }
    Ok(())
}
