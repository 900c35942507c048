//! `orchestrate predict`. It does not know how answers are computed.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::{
    app::{self, AppError, OnError, PredictOptions, Prediction, Scorer, Shape, Target, export},
    cli::{context::Context, run::interruptible_work},
    frame::export::Format,
    report::{self, style::counted},
    stage::error::StageError,
};

/// Arguments of `predict`.
#[derive(Debug, Args)]
pub struct PredictArgs {
    /// New rows: CSV, Parquet or Arrow; several files, or patterns of names, or `-` for standard input
    #[arg(required = true)]
    pub input: Vec<String>,
    /// Where the answers go: .csv, .parquet, .arrow or .json [default: standard output]
    #[arg(short, value_name = "OUT")]
    pub output: Option<PathBuf>,
    /// How answers are written to standard output
    #[arg(long, value_enum, default_value_t = StreamFormat::Csv, conflicts_with = "output")]
    pub format: StreamFormat,
    /// Take the path of this run [default: the newest with a classifier]
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// Which champion, if the run has several
    #[arg(long, value_name = "STAGE")]
    pub stage: Option<String>,
    /// Take the path that is in this file, written by `export --format bundle`: no project is needed
    #[arg(long, value_name = "FILE", conflicts_with_all = ["run", "stage"])]
    pub bundle: Option<PathBuf>,
    /// Write these columns, of the answers and of the rows themselves [default: the id and all of the answer]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub columns: Option<Vec<String>>,
    /// Leave the probabilities out
    #[arg(long)]
    pub no_proba: bool,
    /// Tell the columns that moved each answer most, and by how much [default: 3 of them]
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "3")]
    pub explain: Option<usize>,
    /// What becomes of rows that cannot be answered: the first ends it all, they get no answer, or are left out
    #[arg(long, value_enum, default_value_t = OnErrorArg::Fail)]
    pub on_error: OnErrorArg,
    /// Write the rows that could not be answered, and why: .csv, .parquet, .arrow or .json
    #[arg(long, value_name = "FILE")]
    pub rejected: Option<PathBuf>,
}

/// Formats of standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StreamFormat {
    /// Comma-separated values
    Csv,
    /// Parquet
    Parquet,
    /// An Arrow stream
    Arrow,
    /// An array of rows
    Json,
}

/// What becomes of rows that cannot be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnErrorArg {
    /// The first ends it all
    Fail,
    /// They get no answer
    Null,
    /// They are left out
    Skip,
}

/// Assigns new rows to the segments of a run.
pub fn predict(context: &Context, args: &PredictArgs) -> Result<ExitCode, AppError> {
    let work = interruptible_work(context)?;
    let rejected = args.rejected.as_ref().map(|path| context.resolve(path));
    rejected.as_deref().map(export::format).transpose()?;
    let output = args.output.as_ref().map(|path| context.resolve(path));
    let options = PredictOptions {
        inputs: args.input.iter().map(|input| resolved(context, input)).collect(),
        target: target(context, args, output.as_deref())?,
        shape: Shape {
            columns: args.columns.clone(),
            no_proba: args.no_proba,
            explain: args.explain.unwrap_or(0),
        },
        on_error: match args.on_error {
            OnErrorArg::Fail => OnError::Fail,
            OnErrorArg::Null => OnError::Null,
            OnErrorArg::Skip => OnError::Skip,
        },
    };
    let scorer = match &args.bundle {
        Some(path) => Scorer::of_bundle(&context.resolve(path))?,
        None => context.project()?.scorer(args.run.as_deref(), args.stage.as_deref())?,
    };
    let prediction = app::predict(&scorer, options, &work)?;
    if let Some(path) = &rejected {
        export::table(&prediction.rejected.table().map_err(StageError::from)?, path)?;
    }
    tell(context, &prediction, output.as_deref(), rejected.as_deref());
    Ok(ExitCode::SUCCESS)
}

/// Returns an input as it is opened: relative to the folder of the command line.
pub(super) fn resolved(context: &Context, input: &str) -> String {
    match input {
        "-" => "-".to_string(),
        path => context.resolve(Path::new(path)).to_string_lossy().into_owned(),
    }
}

fn target(
    context: &Context,
    args: &PredictArgs,
    output: Option<&Path>,
) -> Result<Target, AppError> {
    Ok(match (output, args.format) {
        (Some(path), _) => Target::File(path.to_path_buf(), export::format(path)?),
        (None, _) if context.json => Target::Memory,
        (None, StreamFormat::Csv) => Target::Standard(Format::Csv),
        (None, StreamFormat::Parquet) => Target::Standard(Format::Parquet),
        (None, StreamFormat::Arrow) => Target::Standard(Format::ArrowStream),
        (None, StreamFormat::Json) => Target::Standard(Format::Json),
    })
}

fn tell(
    context: &Context,
    prediction: &Prediction,
    output: Option<&Path>,
    rejected: Option<&Path>,
) {
    let n_rejected = prediction.rejected.len();
    if context.json {
        let mut document = json!({
            "format": report::json::FORMAT,
            "run": prediction.run,
            "model": prediction.model,
            "rows": prediction.n_rows,
            "rejected": n_rejected,
            "output": output,
            "notes": prediction.notes,
        });
        if let Some(table) = &prediction.table {
            document["predictions"] = report::json::rows(table);
        }
        context.print_json(&document);
        return;
    }
    for note in &prediction.notes {
        context.say(&format!("note: {note}\n"));
    }
    if let Some(first) = prediction.rejected.first() {
        let place = match rejected {
            Some(path) => format!(" -> {}", path.display()),
            None => "; --rejected FILE writes them all".to_string(),
        };
        let rows = counted(n_rejected, "row", "rows");
        context.say(&format!("{rows} could not be answered{place}\n  first: {first}\n"));
    }
    let rows = counted(usize::try_from(prediction.n_rows).unwrap_or(usize::MAX), "row", "rows");
    let place = output.map(|p| format!(" -> {}", p.display())).unwrap_or_default();
    context.say(&format!(
        "{rows} assigned by run {}, model {}{place}\n",
        &prediction.run.to_hex()[..12],
        prediction.model.short()
    ));
}
