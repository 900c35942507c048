//! `orchestrate export --format onnx` and `mlflow`. It does not know how a graph looks.

use std::path::Path;

use serde_json::{Value, json};

use crate::{
    app::{AppError, ModelExportOptions, OnnxExport, Project, export},
    cli::parity::Told,
    frame::onnx::columns::kind,
    report::{self, style::counted},
};

/// Writes a run's way as an ONNX model.
///
/// # Errors
/// If it cannot be written so.
pub fn onnx(
    project: &Project,
    options: &ModelExportOptions,
    path: &Path,
) -> Result<Told, AppError> {
    let exported = project.export_onnx(options)?;
    export::bytes(&exported.bytes, path)?;
    let gives = match exported.classes {
        Some(_) => "`label`, `class` and `probabilities`",
        None => "`label` and `probabilities`",
    };
    let more = format!("each of shape [rows, 1], and gives {gives}");
    Ok(told(&exported, path, &more))
}

/// Writes a run's way as a folder for MLflow.
///
/// # Errors
/// If it cannot be written so.
pub fn mlflow(
    project: &Project,
    options: &ModelExportOptions,
    path: &Path,
) -> Result<Told, AppError> {
    let exported = project.export_mlflow(options, path)?;
    let more = format!("as a frame; `mlflow models serve -m {}` serves it", path.display());
    Ok(told(&exported, path, &more))
}

fn told(exported: &OnnxExport, path: &Path, more: &str) -> Told {
    let input = |(name, ty): &(String, _)| json!({ "name": name, "kind": kind(*ty) });
    let inputs: Vec<Value> = exported.inputs.iter().map(input).collect();
    let document = json!({
        "format": report::json::FORMAT,
        "run": exported.run,
        "stage": exported.stage,
        "model": exported.model,
        "output": path,
        "inputs": inputs,
        "segments": exported.segments,
        "classes": exported.classes,
        "bytes": exported.bytes.len(),
    });
    let talk = format!(
        "the way to `{}` of run {}, model {}, {} kB -> {}\nit takes {}, {more}\n",
        exported.stage,
        &exported.run.to_hex()[..12],
        exported.model.short(),
        exported.bytes.len().div_ceil(1000),
        path.display(),
        counted(exported.inputs.len(), "raw column", "raw columns"),
    );
    Told { document, talk }
}
