//! `orchestrate export`. It does not know how a model file looks.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::{
    app::{AppError, ModelExport, ModelExportOptions, export},
    cli::{bundle::bundle, context::Context, run::interruptible_work},
    report::{self, style::counted},
};

/// Programs that a classifier can be written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ModelFormat {
    /// XGBoost's JSON, for boosted trees
    Xgboost,
    /// One file with the whole way from raw rows to segments, for `predict --bundle` without the store
    Bundle,
}

/// Arguments of `export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The run [default: the newest with a classifier]
    pub run: Option<String>,
    /// The program that shall read the model
    #[arg(long, value_enum)]
    pub format: ModelFormat,
    /// Where the model goes [default: standard output]
    #[arg(short, value_name = "OUT")]
    pub output: Option<PathBuf>,
    /// Which classifier, if not the champion
    #[arg(long, value_name = "STAGE")]
    pub stage: Option<String>,
    /// Write what the model takes of the run's rows as well: .csv, .parquet, .arrow or .json
    #[arg(long, value_name = "FILE")]
    pub features: Option<PathBuf>,
}

/// Writes a run's classifier for another program.
pub fn export(context: &Context, args: &ExportArgs) -> Result<ExitCode, AppError> {
    let project = context.project()?;
    let work = interruptible_work(context)?;
    let output = args.output.as_ref().map(|path| context.resolve(path));
    let features = args.features.as_ref().map(|path| context.resolve(path));
    features.as_deref().map(export::format).transpose()?;
    if output.is_none() && context.json {
        let text = "with --json the model goes to a file; name one with -o".to_string();
        return Err(AppError::Usage(text));
    }
    let options = ModelExportOptions {
        run: args.run.clone(),
        stage: args.stage.clone(),
        features: features.is_some(),
    };
    let exported = match args.format {
        ModelFormat::Xgboost => project.export_xgboost(&options, &work)?,
        ModelFormat::Bundle => {
            if features.is_some() {
                let text = "a bundle makes its features itself; --features is for other formats";
                return Err(AppError::Usage(text.to_string()));
            }
            return bundle(context, args.run.as_deref(), args.stage.as_deref(), output.as_deref());
        }
    };
    match &output {
        Some(path) => export::bytes(exported.text.as_bytes(), path)?,
        None => context.print(&exported.text),
    }
    if let (Some(path), Some(table)) = (&features, &exported.table) {
        export::table(table, path)?;
    }
    let place = |path: &Option<PathBuf>| path.as_ref().map(|p| p.display().to_string());
    tell(context, &exported, place(&output), place(&features));
    Ok(ExitCode::SUCCESS)
}

fn tell(
    context: &Context,
    exported: &ModelExport,
    output: Option<String>,
    features: Option<String>,
) {
    let sources = exported.features.iter();
    if context.json {
        let sources: Vec<Value> =
            sources.map(|(name, column)| json!({ "name": name, "column": column })).collect();
        context.print_json(&json!({
            "format": report::json::FORMAT,
            "run": exported.run,
            "stage": exported.stage,
            "model": exported.model,
            "output": output,
            "classes": exported.classes,
            "features": sources,
            "features_output": features,
        }));
        return;
    }
    let place = output.map(|p| format!(" -> {p}")).unwrap_or_default();
    let count = counted(exported.features.len(), "feature", "features");
    context.say(&format!(
        "`{}` of run {}, model {}{place}\n",
        exported.stage,
        &exported.run.to_hex()[..12],
        exported.model.short()
    ));
    let made: Vec<&str> =
        sources.filter(|(name, column)| name != column).map(|(name, _)| name.as_str()).collect();
    let made = match made.len() {
        0 => String::new(),
        1..=8 => format!("; made from columns: {}", made.join(", ")),
        n => format!("; made from columns: {}, ... ({n} in all)", made[..6].join(", ")),
    };
    context.say(&format!("it takes {count}, named in the file{made}\n"));
    match features {
        Some(path) => context.say(&format!("the features of the run's rows, by id -> {path}\n")),
        None => context.say("--features FILE writes them for the run's rows\n"),
    }
}
