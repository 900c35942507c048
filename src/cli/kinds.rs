//! `orchestrate kinds`. It does not know any kind.

use std::process::ExitCode;

use clap::Args;

use crate::{app::AppError, base::names, cli::context::Context, kinds, report};

#[derive(Debug, Args)]
pub struct KindsArgs {
    /// Tell everything about this kind
    pub kind: Option<String>,
}

/// Lists the kinds, or tells about one.
pub fn kinds(context: &Context, args: &KindsArgs) -> Result<ExitCode, AppError> {
    let chosen = match &args.kind {
        None => kinds::ALL.to_vec(),
        Some(name) => vec![find(name)?],
    };
    if context.json {
        context.print_json(&report::kinds::document(&chosen));
    } else if args.kind.is_some() {
        context.print(&report::kinds::one(chosen[0], context.width(), &context.out));
    } else {
        context.print(&report::kinds::list(&chosen, context.width(), &context.out));
    }
    Ok(ExitCode::SUCCESS)
}

fn find(name: &str) -> Result<&'static dyn crate::stage::kind::Kind, AppError> {
    kinds::find(name).ok_or_else(|| {
        let mut help = names::suggestion(name, kinds::ALL.iter().map(|k| k.name()));
        if help.is_empty() {
            help = "`orchestrate kinds` lists them".to_string();
        }
        AppError::Usage(format!("there is no kind `{name}`; {help}"))
    })
}
