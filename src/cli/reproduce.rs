//! `orchestrate reproduce` and `orchestrate restore`. It does not know how runs are executed again.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;

use crate::{
    app::{AppError, ReproduceOptions, RestoreOptions},
    cli::{context::Context, exit, run::listen_beside},
    report::{self, live::Live},
    stage::work::Cancel,
};

/// Arguments of `reproduce`.
#[derive(Debug, Args)]
pub struct ReproduceArgs {
    /// The run: a hash's first digits, a tag, `latest` or `latest~2`
    pub run: String,
    /// Execute it once with each of these numbers of threads [default: as -j says]
    #[arg(long, value_name = "N,N", value_delimiter = ',')]
    pub threads: Vec<usize>,
    /// Only this stage and what it needs
    #[arg(long, value_name = "STAGE")]
    pub stage: Option<String>,
    /// Start programs of `command` stages even if another store recorded the run
    #[arg(long)]
    pub allow_commands: bool,
}

/// Arguments of `restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The run: a hash's first digits, a tag, `latest` or `latest~2`
    pub run: String,
    /// Put the artifacts into this folder instead of artifacts/latest
    #[arg(short, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Start programs of `command` stages even if another store recorded the run
    #[arg(long)]
    pub allow_commands: bool,
}

/// Executes a past run again and compares every artifact.
pub fn reproduce(context: &Context, args: &ReproduceArgs) -> Result<ExitCode, AppError> {
    let project = context.project()?;
    let threads = match args.threads.iter().copied().filter(|&n| n > 0).collect::<Vec<_>>() {
        none if none.is_empty() => vec![context.jobs()],
        some => some,
    };
    let options = ReproduceOptions {
        threads,
        stage: args.stage.clone(),
        allow_commands: args.allow_commands,
        memory: context.memory()?,
    };
    let cancel = Cancel::new();
    let live = Live::new(context.quiet || context.json, false, context.err);
    listen_beside(&live, &cancel);
    let found = project.reproduce(&args.run, &options, &cancel, &|plan, event| {
        live.on_event(plan, event);
    });
    live.finish();
    let found = found?;
    if context.json {
        context.print_json(&report::reproduction::json(&found));
    } else {
        context.print(&report::reproduction::text(&found, &context.out));
    }
    Ok(ExitCode::from(if found.is_identical() { exit::DONE } else { exit::DIFFERS }))
}

/// Puts a past run's artifacts back.
pub fn restore(context: &Context, args: &RestoreArgs) -> Result<ExitCode, AppError> {
    let project = context.project()?;
    let cancel = Cancel::new();
    let live = Live::new(context.quiet || context.json, false, context.err);
    listen_beside(&live, &cancel);
    let options = RestoreOptions {
        output: args.output.as_ref().map(|folder| context.resolve(folder)),
        jobs: context.jobs(),
        allow_commands: args.allow_commands,
    };
    let restored = project.restore(&args.run, &options, &cancel, &|plan, event| {
        live.on_event(plan, event);
    });
    live.finish();
    let restored = restored?;
    if context.json {
        context.print_json(&report::reproduction::restored_json(&restored));
    } else {
        context.print(&report::reproduction::restored_text(&restored, &context.out));
    }
    Ok(ExitCode::SUCCESS)
}
