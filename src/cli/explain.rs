//! `orchestrate explain`. It does not know how reasons are found.

use std::process::ExitCode;

use clap::Args;

use crate::{
    app::{AppError, Question, SurveyOptions},
    cli::{args::OverrideArgs, context::Context},
    report,
};

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The stage or instance
    pub stage: String,
    /// Explain this past run instead of the next one
    #[arg(long, value_name = "RUN", conflicts_with_all = ["pipeline", "set", "profile"])]
    pub run: Option<String>,
    /// Print what goes into the key
    #[arg(long)]
    pub key: bool,
    /// The pipeline: a name under pipelines/ or a path
    #[arg(long, value_name = "PIPELINE")]
    pub pipeline: Option<String>,
    #[command(flatten)]
    pub overrides: OverrideArgs,
}

/// Tells why a stage has to run, or ran.
pub fn explain(context: &Context, args: &ExplainArgs) -> Result<ExitCode, AppError> {
    let project = context.project()?;
    let question = Question {
        stage: args.stage.clone(),
        pipeline: args.pipeline.clone(),
        survey: SurveyOptions { overrides: args.overrides.overrides(), ..Default::default() },
        run: args.run.clone(),
    };
    if args.key {
        let keys = project.keys(&question)?;
        match context.json {
            true => context.print_json(&report::explain::keys_document(&keys)),
            false => context.print(&report::explain::keys(&keys, &context.out)),
        }
        return Ok(ExitCode::SUCCESS);
    }
    let explanation = project.explain(&question)?;
    match context.json {
        true => context.print_json(&report::explain::document(&explanation)),
        false => context.print(&report::explain::render(&explanation, &context.out)),
    }
    Ok(ExitCode::SUCCESS)
}
