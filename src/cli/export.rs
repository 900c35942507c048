//! `orchestrate export`. It does not know how a model file looks.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::{
    app::{AppError, Form, ModelExport, ModelExportOptions, export},
    cli::{
        bundle::bundle,
        context::Context,
        onnx,
        parity::{self, Question, Told},
        run::interruptible_work,
    },
    report::{self, style::counted},
};

/// Programs that a classifier can be written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ModelFormat {
    /// XGBoost's JSON, for boosted trees
    Xgboost,
    /// An ONNX model of the whole way from raw columns to segment and probabilities
    Onnx,
    /// A folder that MLflow loads and serves, with that ONNX model in it
    Mlflow,
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
    /// Ask the exported model about the run's own rows in the program that it is for, and record how far both agree, in
    /// OUT.parity.json
    #[arg(long)]
    pub verify: bool,
    /// The Python that has that program (onnxruntime, mlflow, xgboost)
    #[arg(long, value_name = "PYTHON", default_value = "python3", requires = "verify")]
    pub python: String,
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
    let question = question(args, &options, output.as_deref())?;
    let told = match args.format {
        ModelFormat::Xgboost => {
            let exported = project.export_xgboost(&options, &work)?;
            match &output {
                Some(path) => export::bytes(exported.text.as_bytes(), path)?,
                None => context.print(&exported.text),
            }
            if let (Some(path), Some(table)) = (&features, &exported.table) {
                export::table(table, path)?;
            }
            let place = |path: &Option<PathBuf>| path.as_ref().map(|p| p.display().to_string());
            tell(&exported, place(&output), place(&features))
        }
        _ if features.is_some() => {
            let text =
                "only XGBoost's format leaves the features to others; --features is for that";
            return Err(AppError::Usage(text.to_string()));
        }
        ModelFormat::Bundle => {
            return bundle(context, args.run.as_deref(), args.stage.as_deref(), output.as_deref());
        }
        ModelFormat::Onnx | ModelFormat::Mlflow => {
            let Some(path) = &output else {
                let text = "this model goes to a file (onnx) or a folder (mlflow); name it with -o";
                return Err(AppError::Usage(text.to_string()));
            };
            match args.format {
                ModelFormat::Onnx => onnx::onnx(&project, &options, path)?,
                _ => onnx::mlflow(&project, &options, path)?,
            }
        }
    };
    parity::finish(context, &project, told, question.as_ref(), &work)
}

/// Returns what is to be verified, if anything is.
fn question<'a>(
    args: &'a ExportArgs,
    options: &'a ModelExportOptions,
    output: Option<&'a Path>,
) -> Result<Option<Question<'a>>, AppError> {
    let form = match (args.verify, args.format) {
        (false, _) => return Ok(None),
        (true, ModelFormat::Xgboost) => Form::Xgboost,
        (true, ModelFormat::Onnx) => Form::Onnx,
        (true, ModelFormat::Mlflow) => Form::Mlflow,
        (true, ModelFormat::Bundle) => {
            let text = "a bundle is read by this program alone, and checked whenever it is; --verify is for other formats";
            return Err(AppError::Usage(text.to_string()));
        }
    };
    let Some(path) = output else {
        return Err(AppError::Usage("--verify needs a file; name one with -o".to_string()));
    };
    Ok(Some(Question { options, form, path, python: &args.python }))
}

fn tell(exported: &ModelExport, output: Option<String>, features: Option<String>) -> Told {
    let sources: Vec<Value> = exported
        .features
        .iter()
        .map(|(name, column)| json!({ "name": name, "column": column }))
        .collect();
    let document = json!({
        "format": report::json::FORMAT,
        "run": exported.run,
        "stage": exported.stage,
        "model": exported.model,
        "output": output,
        "classes": exported.classes,
        "features": sources,
        "features_output": features,
    });
    let place = output.map(|p| format!(" -> {p}")).unwrap_or_default();
    let count = counted(exported.features.len(), "feature", "features");
    let made: Vec<&str> = exported
        .features
        .iter()
        .filter(|(name, column)| name != column)
        .map(|(name, _)| name.as_str())
        .collect();
    let made = match made.len() {
        0 => String::new(),
        1..=8 => format!("; made from columns: {}", made.join(", ")),
        n => format!("; made from columns: {}, ... ({n} in all)", made[..6].join(", ")),
    };
    let more = match features {
        Some(path) => format!("the features of the run's rows, by id -> {path}"),
        None => "--features FILE writes them for the run's rows".to_string(),
    };
    let talk = format!(
        "`{}` of run {}, model {}{place}\nit takes {count}, named in the file{made}\n{more}\n",
        exported.stage,
        &exported.run.to_hex()[..12],
        exported.model.short()
    );
    Told { document, talk }
}
