//! `orchestrate log`, `show` and `tag`. It does not know how runs are recorded.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use crate::{app::AppError, cli::context::Context, report};

/// Executions that `log` lists on a terminal if nobody says how many.
const PAGE: usize = 20;

#[derive(Debug, Args)]
pub struct LogArgs {
    /// List at most this many [default: 20; all with --json]
    #[arg(short, value_name = "N")]
    pub n: Option<usize>,
}

#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The run: the first digits of its id (4 or more), a tag, latest, latest~1
    #[arg(default_value = "latest")]
    pub run: String,
}

#[derive(Debug, Args)]
pub struct TagArgs {
    /// The run: the first digits of its id (4 or more), a tag, latest, latest~1
    #[arg(required_unless_present = "delete")]
    pub run: Option<String>,
    /// Its new name
    #[arg(required_unless_present = "delete")]
    pub name: Option<String>,
    /// Take this name away; the run stays
    #[arg(long, value_name = "NAME", conflicts_with_all = ["run", "name"])]
    pub delete: Option<String>,
}

/// Lists executions, newest first.
pub fn log(context: &Context, args: &LogArgs) -> Result<ExitCode, AppError> {
    let project = context.project()?;
    let mut entries = project.log(args.n)?;
    if context.json {
        context.print_json(&report::history::log_document(&entries));
        return Ok(ExitCode::SUCCESS);
    }
    let n_all = entries.len();
    if args.n.is_none() {
        entries.truncate(PAGE);
    }
    if entries.is_empty() {
        context.say("nothing was run yet; `orchestrate run` does it\n");
        return Ok(ExitCode::SUCCESS);
    }
    context.print(&report::history::log(&entries, context.width(), &context.out));
    if n_all > entries.len() {
        context.say(&format!("{} older ones: orchestrate log -n {n_all}\n", n_all - entries.len()));
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows one run.
pub fn show(context: &Context, args: &ShowArgs) -> Result<ExitCode, AppError> {
    let project = context.project()?;
    let run = project.past_run(&args.run)?;
    if context.json {
        context.print_json(&report::history::show_document(&run, &project.store()?));
    } else {
        context.print(&report::history::show(&run, context.width(), &context.out));
    }
    Ok(ExitCode::SUCCESS)
}

/// Gives a run a name, or takes one away.
pub fn tag(context: &Context, args: &TagArgs) -> Result<ExitCode, AppError> {
    let project = context.project()?;
    if let Some(name) = &args.delete {
        let id = project.untag(name)?;
        match context.json {
            true => context.print_json(&json!({
                "format": report::json::FORMAT, "run": id, "deleted": name,
            })),
            false => context.say(&report::history::untagged(name, &id)),
        }
        return Ok(ExitCode::SUCCESS);
    }
    let (Some(run), Some(name)) = (&args.run, &args.name) else {
        return Err(AppError::Usage("tag what? give a run and a name".to_string()));
    };
    let tagged = project.tag(run, name)?;
    if context.json {
        context.print_json(&json!({
            "format": report::json::FORMAT, "run": tagged.id, "tag": name,
            "before": tagged.before,
        }));
    } else {
        context.say(&report::history::tagged(name, &tagged));
    }
    Ok(ExitCode::SUCCESS)
}
