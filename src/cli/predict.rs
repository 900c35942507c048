//! `orchestrate predict`. It does not know how answers are computed.

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use serde_json::json;

use crate::{
    app::{AppError, PredictOptions, Prediction, export},
    cli::{context::Context, run::interruptible_work},
    frame::{self, FrameError},
    report::{self, style::counted},
};

/// Arguments of `predict`.
#[derive(Debug, Args)]
pub struct PredictArgs {
    /// New rows: CSV, Parquet or Arrow; `-` for standard input
    pub input: String,
    /// Where the answers go: .csv, .parquet or .json [default: CSV to standard output]
    #[arg(short, value_name = "OUT")]
    pub output: Option<PathBuf>,
    /// Take the path of this run [default: the newest with a classifier]
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// Which champion, if the run has several
    #[arg(long, value_name = "STAGE")]
    pub stage: Option<String>,
}

/// Assigns new rows to the segments of a run.
pub fn predict(context: &Context, args: &PredictArgs) -> Result<ExitCode, AppError> {
    let project = context.project()?;
    let work = interruptible_work(context)?;
    let input = match args.input.as_str() {
        "-" => "-".to_string(),
        path => context.resolve(Path::new(path)).to_string_lossy().into_owned(),
    };
    let options = PredictOptions { input, run: args.run.clone(), stage: args.stage.clone() };
    let output = args.output.as_ref().map(|path| context.resolve(path));
    output.as_deref().map(export::format).transpose()?;
    let prediction = project.predict(&options, &work)?;
    match &output {
        Some(path) => export::table(&prediction.table, path)?,
        None if context.json => {}
        None => {
            let mut text = Vec::new();
            frame::csv::write(&prediction.table, &mut text)
                .map_err(into_io("write", Path::new("-")))?;
            context.print(&String::from_utf8_lossy(&text));
        }
    }
    tell(context, &prediction, output.as_deref());
    Ok(ExitCode::SUCCESS)
}

fn tell(context: &Context, prediction: &Prediction, output: Option<&Path>) {
    if context.json {
        let mut document = json!({
            "format": report::json::FORMAT,
            "run": prediction.run,
            "model": prediction.model,
            "rows": prediction.table.n_rows(),
            "output": output,
            "notes": prediction.notes,
        });
        if output.is_none() {
            document["predictions"] = report::json::rows(&prediction.table);
        }
        context.print_json(&document);
        return;
    }
    for note in &prediction.notes {
        context.say(&format!("note: {note}\n"));
    }
    let rows = counted(prediction.table.n_rows(), "row", "rows");
    let place = output.map(|p| format!(" -> {}", p.display())).unwrap_or_default();
    context.say(&format!(
        "{rows} assigned by run {}, model {}{place}\n",
        &prediction.run.to_hex()[..12],
        prediction.model.short()
    ));
}

fn into_io(intent: &'static str, path: &Path) -> impl FnOnce(FrameError) -> AppError {
    let path = path.to_path_buf();
    move |error| match error {
        FrameError::Io(error) => AppError::io(intent, &path)(error),
        other => AppError::io(intent, &path)(io::Error::other(other.to_string())),
    }
}
