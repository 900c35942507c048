//! `orchestrate fsck`. It does not know what is checked.

use std::process::ExitCode;

use clap::Args;

use crate::{
    app::AppError,
    cli::{
        context::Context,
        exit,
        run::{listen_beside, listen_for_interrupts},
    },
    report::{self, live::Live},
    stage::work::Cancel,
};

/// Arguments of `fsck`.
#[derive(Debug, Args)]
pub struct FsckArgs {
    /// Move the bad aside into artifacts/lost+found and rebuild what can be by running it again
    #[arg(long)]
    pub repair: bool,
}

/// Checks the store.
pub fn fsck(context: &Context, args: &FsckArgs) -> Result<ExitCode, AppError> {
    let project = context.project()?;
    let cancel = Cancel::new();
    let checkup = if args.repair {
        let live = Live::new(context.quiet || context.json, false, context.err);
        listen_beside(&live, &cancel);
        let waiting = || context.say(report::plain::WAITING);
        let checkup = project.repair(context.jobs(), &cancel, &waiting, &|plan, event| {
            live.on_event(plan, event);
        });
        live.finish();
        checkup?
    } else {
        listen_for_interrupts(&cancel);
        project.fsck(context.jobs(), &cancel)?
    };
    if context.json {
        context.print_json(&report::fsck::json(&checkup));
    } else {
        context.print(&report::fsck::text(&checkup, &context.out));
    }
    Ok(ExitCode::from(if checkup.is_sound() { exit::DONE } else { exit::DAMAGED }))
}
