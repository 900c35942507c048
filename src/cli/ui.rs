//! `orchestrate ui`. It does not know what is on the page.

use std::process::ExitCode;

use clap::Args;

use crate::{
    app::AppError,
    base::{memory::Memory, pool::Pool},
    cli::context::Context,
    server::ui::{self, UiOptions},
};

/// Arguments of `ui`.
#[derive(Debug, Args)]
pub struct UiArgs {
    /// Listen at this port of the loopback address; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 7979)]
    pub port: u16,
}

/// Serves the project's page until the program is asked to end.
pub fn ui(context: &Context, args: &UiArgs) -> Result<ExitCode, AppError> {
    let pool = Pool::new(context.jobs()).with_memory(Memory::new(context.memory()?));
    let options = UiOptions { project: context.project()?, port: args.port, pool };
    ui::serve(options, |address| {
        context.say(&format!("open http://{address}/ in a browser; Ctrl-C ends it\n"));
    })?;
    Ok(ExitCode::SUCCESS)
}
