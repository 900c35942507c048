//! `orchestrate report` and `trace`. It does not know how a page or a trace looks.

use std::{
    path::{Component, Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use serde_json::json;

use crate::{
    app::{AppError, export},
    cli::context::Context,
    report::{
        json::FORMAT,
        run_page::{self, Links},
        trace,
    },
};

/// Arguments of `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The run: the first digits of its id (4 or more), a tag, latest, latest~1
    #[arg(default_value = "latest")]
    pub run: String,
    /// Where the page goes [default: standard output]
    #[arg(short, value_name = "OUT")]
    pub output: Option<PathBuf>,
}

/// Arguments of `trace`.
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// The run: the first digits of its id (4 or more), a tag, latest, latest~1
    #[arg(default_value = "latest")]
    pub run: String,
    /// Where the trace goes [default: standard output]
    #[arg(short, value_name = "OUT")]
    pub output: Option<PathBuf>,
}

/// Writes a run's page.
pub fn report(context: &Context, args: &ReportArgs) -> Result<ExitCode, AppError> {
    let project = context.project()?;
    let timeline = project.timeline(&args.run)?;
    let output = args.output.as_ref().map(|path| context.resolve(path));
    // Links lead from where the page lies to the store.
    let folder = output.as_deref().and_then(Path::parent).unwrap_or(project.root()).to_path_buf();
    let link = |hash: &str, ext: &str| {
        let object = project.root().join(format!("artifacts/objects/{}/{hash}.{ext}", &hash[..2]));
        relative(&folder, &object)
    };
    let page = run_page::html(&timeline, &Links { page: &link, output: None });
    put(context, output.as_deref(), &page, &timeline.past.id.to_hex())
}

/// Writes a run's trace.
pub fn trace(context: &Context, args: &TraceArgs) -> Result<ExitCode, AppError> {
    let timeline = context.project()?.timeline(&args.run)?;
    let output = args.output.as_ref().map(|path| context.resolve(path));
    let text = format!("{}\n", trace::document(&timeline));
    if timeline.spans.is_empty() {
        context.say("note: no execution of this run that is recorded with times ran anything\n");
    }
    put(context, output.as_deref(), &text, &timeline.past.id.to_hex())
}

fn put(
    context: &Context,
    output: Option<&Path>,
    text: &str,
    run: &str,
) -> Result<ExitCode, AppError> {
    match output {
        None if context.json => {
            let text = "with --json the file must have a name; give one with -o".to_string();
            return Err(AppError::Usage(text));
        }
        None => context.print(text),
        Some(path) => {
            export::bytes(text.as_bytes(), path)?;
            match context.json {
                true => {
                    context.print_json(&json!({ "format": FORMAT, "run": run, "output": path }))
                }
                false => context.say(&format!("run {} -> {}\n", &run[..12], path.display())),
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the way from a folder to a file, both absolute, as a relative address.
fn relative(from: &Path, to: &Path) -> String {
    let (from, to): (Vec<Component<'_>>, Vec<Component<'_>>) =
        (from.components().collect(), to.components().collect());
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = from[shared..].iter().map(|_| "..".to_string());
    let down = to[shared..].iter().map(|part| part.as_os_str().to_string_lossy().into_owned());
    up.chain(down).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_from_the_page_to_the_store() {
        let way =
            |from: &str| relative(Path::new(from), Path::new("/p/artifacts/objects/ab/abc.html"));
        assert_eq!(way("/p"), "artifacts/objects/ab/abc.html");
        assert_eq!(way("/p/out/deep"), "../../artifacts/objects/ab/abc.html");
        assert_eq!(way("/q"), "../p/artifacts/objects/ab/abc.html");
    }
}
