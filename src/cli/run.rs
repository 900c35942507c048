//! `orchestrate run`. It does not know how stages are run.

use std::{
    io::{self, Write},
    process::ExitCode,
    sync::atomic::{AtomicU32, Ordering},
};

use crate::{
    app::{AppError, Outcome, RunOptions, SurveyOptions, Telling},
    base::{memory::Memory, pool::Pool},
    cli::{args::RunArgs, context::Context, exit, status},
    engine::event::State,
    kinds::command::children,
    report::{self, live::Live},
    stage::work::{Cancel, Work},
};

/// Runs a pipeline.
pub fn run(context: &Context, args: &RunArgs) -> Result<ExitCode, AppError> {
    if args.dry_run {
        let options = SurveyOptions {
            overrides: args.overrides.overrides(),
            targets: args.target.clone(),
            force: args.force.clone(),
        };
        return status::foresee(context, args.pipeline.as_deref(), &options, false);
    }
    let project = context.project()?;
    if is_plain(context, args)
        && let Some(unchanged) =
            project.unchanged(args.pipeline.as_deref(), &args.overrides.overrides())?
    {
        project.note_unchanged(&unchanged, context.jobs())?;
        match context.json {
            true => context.print_json(&report::unchanged::run_document(&unchanged)?),
            false => context.say(&report::unchanged::last_line(&unchanged, &context.err)),
        }
        return Ok(ExitCode::SUCCESS);
    }
    let options = RunOptions {
        overrides: args.overrides.overrides(),
        targets: args.target.clone(),
        force: args.force.clone(),
        keep_going: args.keep_going,
        jobs: context.jobs(),
        memory: context.memory()?,
    };
    // What `latest` means before the run.
    let reference = match &args.overrides.reference {
        Some(run) => Some(project.past_run(run)?.id.to_hex()),
        None => None,
    };
    let cancel = Cancel::new();
    let live = Live::new(context.quiet || context.json, context.verbose, context.err);
    listen_beside(&live, &cancel);
    let telling = Telling::new(&project);
    let outcome = project.run(args.pipeline.as_deref(), &options, &cancel, &|plan, event| {
        telling.on_event(plan, &event);
        live.on_event(plan, event);
    });
    drop(telling);
    let outcome = outcome?;
    live.finish();
    show(context, &project, &outcome, reference.as_deref())?;
    Ok(ExitCode::from(outcome_code(&outcome)))
}

/// Tells whether all of a pipeline is asked for, and no more than what is due.
fn is_plain(context: &Context, args: &RunArgs) -> bool {
    args.target.is_empty() && args.force.is_empty() && !context.verbose
}

fn show(
    context: &Context,
    project: &crate::app::Project,
    outcome: &Outcome,
    reference: Option<&str>,
) -> Result<(), AppError> {
    let compared = match (reference, outcome.run) {
        (Some(before), Some(run)) => Some(project.diff(before, &run.to_hex())?),
        _ => None,
    };
    if context.json {
        let mut document = report::json::outcome(outcome, &project.store()?, exit::stage_code);
        if let Some(diff) = &compared {
            document["reference"] = report::diff::migrations_document(diff);
        }
        context.print_json(&document);
        return Ok(());
    }
    // Where nothing ran there is no news, and one line says so.
    let is_news = context.verbose || outcome.reports.iter().any(|r| r.state == State::Ran);
    if !context.quiet && is_news && outcome.run.is_some() {
        let summary =
            report::summary::render(&project.store()?, outcome, context.verbose, &context.out);
        if !summary.is_empty() {
            context.say("\n");
            context.print(&summary);
        }
    }
    if let Some(diff) = compared.filter(|_| !context.quiet) {
        context.print(&report::diff::migrations(&diff, context.width(), &context.out));
    }
    if outcome.first_failure().is_some() {
        context.say(&report::plain::failures(outcome, &project.store()?, &context.err));
    }
    context.say(&report::plain::last_line(outcome, &context.err));
    Ok(())
}

/// Returns the exit code of a run: interrupted, or the first failure in plan order, or done.
pub fn outcome_code(outcome: &Outcome) -> u8 {
    if outcome.interrupted && outcome.run.is_none() {
        return exit::INTERRUPTED;
    }
    match outcome.first_failure().and_then(|r| r.error.as_ref()) {
        Some(error) => exit::stage_code(error),
        None => exit::DONE,
    }
}

/// The first interrupt asks running stages to stop, the second ends the process at once.
pub fn listen_for_interrupts(cancel: &Cancel) {
    listen(cancel, |text| {
        // Whoever hung up the terminal does not read it.
        let _ = writeln!(io::stderr().lock(), "\n{text}");
    });
}

/// The same, speaking through a display that has bars on the terminal.
pub fn listen_beside(live: &Live, cancel: &Cancel) {
    listen(cancel, live.speaker());
}

/// Returns the threads and the memory for what a command computes itself; an interrupt stops it.
///
/// # Errors
/// If the environment has no size where it limits the memory.
pub fn interruptible_work(context: &Context) -> Result<Work, AppError> {
    let pool = Pool::new(context.jobs()).with_memory(Memory::new(context.memory()?));
    let cancel = Cancel::new();
    listen_for_interrupts(&cancel);
    Ok(Work::new(pool, cancel))
}

fn listen(cancel: &Cancel, speak: impl Fn(&str) + Send + 'static) {
    let cancel = cancel.clone();
    let count = AtomicU32::new(0);
    let handler = move || {
        if count.fetch_add(1, Ordering::Relaxed) == 0 {
            cancel.cancel();
            speak("stopping; what is finished is kept (once more to stop at once)");
        } else {
            children::end_all();
            std::process::exit(i32::from(exit::INTERRUPTED));
        }
    };
    // A second handler in one process is refused; the first one still holds.
    let _ = ctrlc::set_handler(handler);
}
