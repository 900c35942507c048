//! `orchestrate schema` and `orchestrate completions`: files for editors and shells, made from what the program
//! knows of itself. It does not know where people put them.

use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::{
    app::AppError,
    cli::{args::Arguments, context::Context},
    kinds,
};

#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Prints the JSON Schema of pipeline files.
pub fn schema(context: &Context) -> Result<ExitCode, AppError> {
    context.print_json(&kinds::schema::pipeline());
    Ok(ExitCode::SUCCESS)
}

/// Prints a shell's completions.
pub fn completions(context: &Context, args: &CompletionsArgs) -> Result<ExitCode, AppError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Arguments::command(), "orchestrate", &mut script);
    let script = String::from_utf8_lossy(&script);
    if context.json {
        let document = serde_json::json!({
            "format": "orchestrate/1", "shell": args.shell.to_string(), "script": script,
        });
        context.print_json(&document);
    } else {
        context.print(&script);
    }
    Ok(ExitCode::SUCCESS)
}
