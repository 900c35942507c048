//! `orchestrate drift`. It does not know how figures come about.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;

use crate::{
    app::{
        AppError,
        drift::{Limits, Verdict, Watch},
        export,
    },
    cli::{context::Context, exit, predict::resolved, run::interruptible_work},
    report,
    stage::error::StageError,
};

/// Arguments of `drift`.
#[derive(Debug, Args)]
pub struct DriftArgs {
    /// New rows: CSV, Parquet or Arrow; several files, or patterns of names, or `-` for standard input
    #[arg(required = true)]
    pub input: Vec<String>,
    /// Compare with the rows of this run [default: the newest with a classifier]
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// Which champion, if the run has several
    #[arg(long, value_name = "STAGE")]
    pub stage: Option<String>,
    /// Compare with the rows of the run in this file, written by `export --format bundle`: no project is needed
    #[arg(long, value_name = "FILE", conflicts_with_all = ["run", "stage"])]
    pub bundle: Option<PathBuf>,
    /// Write all figures: a page (.html), or a table (.parquet, .csv, .arrow, .json); may be given twice
    #[arg(short, value_name = "OUT")]
    pub output: Vec<PathBuf>,
    /// From where on an index is worth a look, and from where on it is drift
    #[arg(long, value_name = "MOVED,DRIFTED", value_parser = pair, default_value = "0.1,0.25")]
    pub psi: Pair,
    /// The same of the share of rows far from every segment; a hundredth of the run's own rows are
    #[arg(long, value_name = "MOVED,DRIFTED", value_parser = pair, default_value = "0.02,0.05")]
    pub far: Pair,
    /// End with 10 if there is drift
    #[arg(long)]
    pub exit_code: bool,
}

/// Two limits.
#[derive(Clone, Copy, Debug)]
pub struct Pair([f64; 2]);

fn pair(text: &str) -> Result<Pair, String> {
    let wrong = || format!("`{text}` is not two numbers above 0, the first not above the second");
    let (a, b) = text.split_once(',').ok_or_else(wrong)?;
    let number = |text: &str| text.trim().parse::<f64>().map_err(|_| wrong());
    let (a, b) = (number(a)?, number(b)?);
    if a > 0.0 && a <= b && b.is_finite() { Ok(Pair([a, b])) } else { Err(wrong()) }
}

/// Compares new rows with those of a run.
pub fn drift(context: &Context, args: &DriftArgs) -> Result<ExitCode, AppError> {
    let outputs: Vec<PathBuf> = args.output.iter().map(|path| context.resolve(path)).collect();
    let is_page = |path: &PathBuf| path.extension().is_some_and(|e| e == "html");
    for path in outputs.iter().filter(|path| !is_page(path)) {
        export::format(path)?;
    }
    let work = interruptible_work(context)?;
    let inputs: Vec<String> = args.input.iter().map(|input| resolved(context, input)).collect();
    let limits = Limits { psi: args.psi.0, far: args.far.0, ..Limits::default() };
    let watch = match &args.bundle {
        Some(path) => Watch::of_bundle(&context.resolve(path))?,
        None => context.project()?.watch(args.run.as_deref(), args.stage.as_deref(), &work)?,
    };
    let drift = watch.compare(&inputs, &limits, &work)?;
    for path in &outputs {
        match is_page(path) {
            true => export::bytes(report::drift::page::html(&watch, &drift).as_bytes(), path)?,
            false => export::table(&report::drift::table(&drift).map_err(StageError::from)?, path)?,
        }
    }
    if context.json {
        context.print_json(&report::drift::json(&watch, &drift));
    } else {
        if !context.quiet {
            let width = context.width();
            context.print(&report::drift::text(&watch, &drift, width, &context.out));
        }
        context.say(&report::drift::last_line(&drift));
    }
    Ok(match args.exit_code && drift.verdict == Verdict::Drifted {
        true => ExitCode::from(exit::DUE),
        false => ExitCode::SUCCESS,
    })
}
