//! `export --format onnx`: a run's way from raw columns to label and probabilities for whoever has a runtime of ONNX.
//! It does not know operators.

use serde_json::json;

use crate::{
    app::{AppError, ModelExportOptions, Project, Recorded, Scorer, segment_names},
    base::{
        canon,
        hash::{ContentHash, RunId},
    },
    frame::{expr::types::Ty, onnx::columns::kind},
    stage::error::StageError,
    store::Store,
};

/// A file larger than this cannot be read by programs that use the reference implementation of its format.
const MOST_BYTES: usize = 1 << 31;

/// A way as a graph.
pub struct OnnxExport {
    /// The run.
    pub run: RunId,
    /// The stage that trained the classifier.
    pub stage: String,
    /// The hash of the classifier.
    pub model: ContentHash,
    /// The inputs, one a raw column, and what each holds.
    pub inputs: Vec<(String, Ty)>,
    /// The segments, in the order of the probabilities.
    pub segments: Vec<i32>,
    /// Their names, where the classes come from a target.
    pub classes: Option<Vec<String>>,
    /// The pipeline's name.
    pub pipeline: String,
    /// The stage that read the raw table.
    pub source_stage: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Project {
    /// Writes a run's way to its champion, or to the classifier asked for, as an ONNX model.
    ///
    /// # Errors
    /// If the run is unknown or has no classifier, or something on the way has no operators.
    pub fn export_onnx(&self, options: &ModelExportOptions) -> Result<OnnxExport, AppError> {
        let store = self.store()?;
        let recorded = self.recorded_with_classifier(&store, options.run.as_deref())?;
        onnx(&store, &recorded, options.stage.as_deref())
    }
}

/// Writes a way as an ONNX model.
///
/// # Errors
/// If something on it has no operators, or what was recorded is damaged.
pub(super) fn onnx(
    store: &Store,
    recorded: &Recorded,
    stage: Option<&str>,
) -> Result<OnnxExport, AppError> {
    let scorer = &Scorer::load(store, recorded.id, &recorded.manifest, stage)?;
    let names = segment_names::names(store, &recorded.manifest, &scorer.stage)?;
    let inputs = scorer.inputs()?;
    let graph = scorer.graph()?;
    let classes = &scorer.classifier.classes;
    let listed = |value: serde_json::Value| {
        canon::of(&value).map_err(|error| StageError::Internal(format!("model: {error}")))
    };
    let columns: Vec<_> =
        inputs.iter().map(|(name, ty)| json!({ "name": name, "kind": kind(*ty) })).collect();
    let props = [
        ("orchestrate.run", scorer.run.to_hex()),
        ("orchestrate.pipeline", scorer.pipeline.clone()),
        ("orchestrate.stage", scorer.stage.clone()),
        ("orchestrate.model", scorer.model.to_hex()),
        ("orchestrate.segments", listed(json!(classes.segments))?),
        ("orchestrate.classes", listed(json!(classes.names))?),
        ("orchestrate.names", listed(json!(names))?),
        ("orchestrate.columns", listed(json!(columns))?),
        ("orchestrate.features", listed(json!(scorer.classifier.preparation.feature_names()))?),
    ];
    let props: Vec<_> = props.into_iter().map(|(key, value)| (key.to_string(), value)).collect();
    let about =
        format!("from raw columns to the segment by `{}` of {}", scorer.stage, scorer.of_run());
    let bytes = graph.finish(&scorer.pipeline, &about, &props);
    if bytes.len() >= MOST_BYTES {
        return Err(AppError::Usage(format!(
            "the model would take {} MB, more than an ONNX file can hold; train fewer or smaller trees, or use --format \
             bundle",
            bytes.len() / 1_000_000
        )));
    }
    Ok(OnnxExport {
        run: scorer.run,
        stage: scorer.stage.clone(),
        model: scorer.model,
        inputs,
        segments: classes.segments.clone(),
        pipeline: scorer.pipeline.clone(),
        source_stage: scorer.source_stage.clone(),
        classes: classes.target.is_some().then(|| classes.names.clone()),
        bytes,
    })
}
