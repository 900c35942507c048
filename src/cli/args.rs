//! What may be written on the command line. It does not know what the commands do.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{
    base::memory,
    cli::{
        cat, dag, diff, drift, explain,
        export::ExportArgs,
        fsck::FsckArgs,
        gc::GcArgs,
        generate, history, init, kinds,
        predict::PredictArgs,
        report,
        reproduce::{ReproduceArgs, RestoreArgs},
        sample::command as sample,
        serve, ui,
    },
    engine::plan::Overrides,
};

/// Reproducible customer segmentation: pipelines in YAML, run only where something changed
#[derive(Debug, Parser)]
#[command(name = "orchestrate", version, max_term_width = 100, propagate_version = true)]
pub struct Arguments {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Heads the options that every command has, so that its own stand first.
const EVERYWHERE: &str = "Options of every command";

#[derive(Debug, Args)]
pub struct Global {
    /// Start in this folder instead of the working directory
    #[arg(short = 'C', value_name = "DIR", global = true, help_heading = EVERYWHERE)]
    pub directory: Option<PathBuf>,
    /// Use at most this many threads [default: all]
    #[arg(short, long, value_name = "N", global = true, help_heading = EVERYWHERE)]
    pub jobs: Option<usize>,
    /// Hold at most this much in memory, such as 2GiB [default: ORCHESTRATE_MEMORY, else no limit]
    #[arg(long, value_name = "SIZE", value_parser = memory::parse, global = true, help_heading = EVERYWHERE)]
    pub memory: Option<u64>,
    /// Say less
    #[arg(short, long, global = true, help_heading = EVERYWHERE)]
    pub quiet: bool,
    /// Say more
    #[arg(short, long, global = true, help_heading = EVERYWHERE, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Colour the output
    #[arg(long, value_enum, default_value_t = Color::Auto, global = true, help_heading = EVERYWHERE)]
    pub color: Color,
    /// Print one JSON document and nothing else
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a project that runs in a minute: pipeline, sample data, editor schema
    Init(init::InitArgs),
    /// Make sample data from latent personas, 5 thousand rows or 100 million
    Sample(sample::SampleArgs),
    /// Run what is due of a pipeline
    Run(RunArgs),
    /// Show what a run would do, and why
    Status(StatusArgs),
    /// Show what a run would do, why, and what it would take
    Plan(StatusArgs),
    /// Tell why a stage has to run, or ran, down to the first cause
    Explain(explain::ExplainArgs),
    /// Draw a pipeline with the states of its stages
    Dag(dag::DagArgs),
    /// Show pipelines, artifacts and runs in the browser, live
    Ui(ui::UiArgs),
    /// List what was run, newest first
    Log(history::LogArgs),
    /// Show a past run
    Show(history::ShowArgs),
    /// Write a past run as a page: graph, times, parameters, hashes
    Report(report::ReportArgs),
    /// Write when each stage of a past run worked, for Perfetto
    Trace(report::TraceArgs),
    /// Compare two runs: parameters, metrics, artifacts, who moved between segments
    Diff(diff::DiffArgs),
    /// Give a past run a name, or take one away
    Tag(history::TagArgs),
    /// Look at an artifact
    Cat(cat::CatArgs),
    /// Print where an artifact lies, for DuckDB, pandas, polars
    Path(cat::PathArgs),
    /// Check a pipeline without reading data
    Check(CheckArgs),
    /// Assign new customers to the segments of a run
    Predict(PredictArgs),
    /// Answer new customers over HTTP with the segments of a run
    Serve(serve::ServeArgs),
    /// Tell how new customers differ from those of a run
    Drift(drift::DriftArgs),
    /// Write a run's classifier for another program
    Export(ExportArgs),
    /// Execute a past run again and prove it identical
    Reproduce(ReproduceArgs),
    /// Put a past run's artifacts and pipeline back
    Restore(RestoreArgs),
    /// Show what no kept run needs and what it would cost again; remove it with --yes
    Gc(GcArgs),
    /// Check every byte of the store against its name
    Fsck(FsckArgs),
    /// Show what the store holds and how large it is
    Du,
    /// Print the JSON Schema of pipeline files, for editors
    Schema,
    /// List the kinds of stages, or tell about one
    Kinds(kinds::KindsArgs),
    /// Print completions for a shell
    Completions(generate::CompletionsArgs),
}

/// Profile and parameters.
#[derive(Debug, Args)]
pub struct OverrideArgs {
    /// Change a parameter of the pipeline
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = parse_set)]
    pub set: Vec<(String, String)>,
    /// Apply a profile of the pipeline
    #[arg(long, value_name = "PROFILE")]
    pub profile: Option<String>,
    /// Carry over names of segments from an earlier run, and compare with it
    #[arg(long, value_name = "RUN")]
    pub reference: Option<String>,
}

impl OverrideArgs {
    pub fn overrides(&self) -> Overrides {
        Overrides {
            profile: self.profile.clone(),
            set: self.set.clone(),
            reference: self.reference.clone(),
        }
    }
}

fn parse_set(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_string(), value.to_string())),
        _ => Err("expected NAME=VALUE".to_string()),
    }
}

#[derive(Debug, Args)]
pub struct RunArgs {
    /// The pipeline: a name under pipelines/ or a path
    pub pipeline: Option<String>,
    #[command(flatten)]
    pub overrides: OverrideArgs,
    /// Run only this stage (or instance) and what it needs
    #[arg(long, value_name = "STAGE")]
    pub target: Vec<String>,
    /// Run this stage (or instance) even if it is cached
    #[arg(long, value_name = "STAGE")]
    pub force: Vec<String>,
    /// Go on with what does not depend on a failed stage
    #[arg(long)]
    pub keep_going: bool,
    /// Show what would run and stop
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The pipeline: a name under pipelines/ or a path
    pub pipeline: Option<String>,
    #[command(flatten)]
    pub overrides: OverrideArgs,
    /// Only this stage (or instance) and what it needs
    #[arg(long, value_name = "STAGE")]
    pub target: Vec<String>,
    /// Exit with 10 if work is due
    #[arg(long)]
    pub exit_code: bool,
}

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The pipeline: a name under pipelines/ or a path
    pub pipeline: Option<String>,
    #[command(flatten)]
    pub overrides: OverrideArgs,
}
