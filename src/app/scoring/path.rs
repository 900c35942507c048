//! Finds the way in a run's manifest: which classifier, and which stages stand between it and the raw table.
//! It does not know what the stages do.

use arrow::datatypes::SchemaRef;

use crate::{
    app::AppError,
    base::hash::RunId,
    engine::replay::ReplayError,
    frame::{self, Table},
    kinds,
    stage::{
        ctx::Input,
        error::StageError,
        kind::{Inputs, Kind, PortType},
    },
    store::{
        Store,
        records::{Manifest, ManifestEdge, ManifestOutput, ManifestStage},
    },
};

/// Where the recorded outputs of a run are read.
pub trait Objects {
    /// Reads a table, checked against its hash.
    ///
    /// # Errors
    /// If it is not there or damaged.
    fn table(&self, output: &ManifestOutput) -> Result<Table, AppError>;

    /// Reads the columns of a table.
    ///
    /// # Errors
    /// If it is not there or damaged.
    fn schema(&self, output: &ManifestOutput) -> Result<SchemaRef, AppError>;
}

impl Objects for Store {
    fn table(&self, output: &ManifestOutput) -> Result<Table, AppError> {
        let bytes = self.read_object(&output.hash, &output.ext)?;
        Ok(Input::from_bytes("artifact", bytes).table().map_err(StageError::from)?)
    }

    fn schema(&self, output: &ManifestOutput) -> Result<SchemaRef, AppError> {
        let file = self.disk().open(&self.object_path(&output.hash, &output.ext))?;
        Ok(frame::parquet::read_schema(file).map_err(StageError::from)?)
    }
}

/// A way through a run.
pub struct Way<'a> {
    /// The stages between the raw table and the classifier, in the order of execution.
    pub legs: Vec<Leg<'a>>,
    /// The source of the raw table.
    pub source: &'a ManifestStage,
}

/// A stage on the way.
pub struct Leg<'a> {
    /// What was recorded of it.
    pub stage: &'a ManifestStage,
    /// Its kind.
    pub kind: &'static dyn Kind,
    /// The input that the way comes in by.
    pub port: &'static str,
    /// The columns that this input had in the run.
    pub available: Vec<String>,
}

/// Finds the classifier: the winner of the only selection, the only classifier, or the one asked for.
///
/// # Errors
/// If there is none, or it is not clear which.
pub fn champion<'a>(
    run: RunId,
    manifest: &'a Manifest,
    wanted: Option<&str>,
) -> Result<(&'a ManifestStage, &'a ManifestOutput), AppError> {
    let of = |prefix: &str| -> Vec<&ManifestStage> {
        manifest.stages.iter().filter(|s| s.preimage.kind.starts_with(prefix)).collect()
    };
    let (selections, classifiers) = (of("select.classifier"), of("classify."));
    let chosen = match wanted {
        Some(name) => {
            let known = selections.iter().chain(&classifiers);
            match known.clone().find(|s| s.name == name) {
                Some(stage) => *stage,
                None => {
                    let known: Vec<&str> = known.map(|s| s.name.as_str()).collect();
                    return Err(AppError::Usage(format!(
                        "run {} has no classifier `{name}`; it has {}",
                        run.short(),
                        known.join(", ")
                    )));
                }
            }
        }
        None => match (selections.as_slice(), classifiers.as_slice()) {
            ([only], _) | ([], [only]) => only,
            ([], []) => {
                return Err(AppError::Usage(format!("run {} has no classifier", run.short())));
            }
            ([], several) | (several, _) => {
                let names: Vec<&str> = several.iter().map(|s| s.name.as_str()).collect();
                return Err(AppError::Usage(format!(
                    "which classifier? name one with --stage: {}",
                    names.join(", ")
                )));
            }
        },
    };
    let model = output(chosen, "model")?;
    if chosen.preimage.kind.starts_with("classify.") {
        return Ok((chosen, model));
    }
    // The selection hands the winner's bytes on, so the winner is the candidate with the same hash.
    let winner = chosen.edges.iter().filter(|e| e.output == "model").find_map(|e| {
        stage(manifest, &e.from)
            .filter(|s| s.outputs.get("model").is_some_and(|m| m.hash == model.hash))
    });
    winner.map(|stage| (stage, model)).ok_or_else(|| unsound(run, "its champion is no candidate"))
}

/// Follows what arrives at a stage's port up to the source whose id reaches it.
///
/// # Errors
/// If a stage in between cannot be executed on new rows.
pub fn walk<'a>(
    objects: &dyn Objects,
    run: RunId,
    manifest: &'a Manifest,
    taker: &'a ManifestStage,
    port: &str,
) -> Result<Way<'a>, AppError> {
    let mut legs = Vec::new();
    let mut edge = main_edge(run, taker, port)?;
    loop {
        let stage = giver(run, manifest, edge)?;
        let kind = kinds::find(&stage.preimage.kind)
            .ok_or_else(|| unsound(run, "it has a kind that this program lacks"))?;
        if stage.preimage.kind.starts_with("ingest.") {
            legs.reverse();
            return Ok(Way { legs, source: stage });
        }
        let port = kind.row_input().unwrap_or("table");
        let takes_table = matches!(kind.inputs(), Inputs::Fixed(ports)
            if ports.iter().any(|p| p.name == port && p.ty == PortType::Table));
        if !takes_table || legs.len() > manifest.stages.len() {
            return Err(AppError::Usage(format!(
                "stage `{}` (`{}`) stands between the raw table and `{}` and cannot be replayed on new rows",
                stage.name, stage.preimage.kind, taker.name
            )));
        }
        edge = main_edge(run, stage, port)?;
        let schema = objects.schema(given(run, manifest, edge)?)?;
        let available = schema.fields().iter().map(|f| f.name().clone()).collect();
        legs.push(Leg { stage, kind, port, available });
    }
}

/// Returns the edge that arrives at a port.
///
/// # Errors
/// If nothing does.
pub fn main_edge<'a>(
    run: RunId,
    stage: &'a ManifestStage,
    port: &str,
) -> Result<&'a ManifestEdge, AppError> {
    let found = stage.edges.iter().find(|e| e.port == port && !e.whole_stage);
    found.ok_or_else(|| unsound(run, &format!("`{}` lacks its input `{port}`", stage.name)))
}

/// Returns the output that came along an edge.
///
/// # Errors
/// If it is not in the manifest.
pub fn given<'a>(
    run: RunId,
    manifest: &'a Manifest,
    edge: &ManifestEdge,
) -> Result<&'a ManifestOutput, AppError> {
    output(giver(run, manifest, edge)?, &edge.output)
}

/// Returns an output of a stage.
///
/// # Errors
/// If it is not in the manifest.
pub fn output<'a>(stage: &'a ManifestStage, port: &str) -> Result<&'a ManifestOutput, AppError> {
    let missing = || StageError::Internal(format!("`{}` has no output `{port}`", stage.name));
    Ok(stage.outputs.get(port).ok_or_else(missing)?)
}

fn giver<'a>(
    run: RunId,
    manifest: &'a Manifest,
    edge: &ManifestEdge,
) -> Result<&'a ManifestStage, AppError> {
    let found = stage(manifest, &edge.from);
    found.ok_or_else(|| unsound(run, "it lacks a stage that another one names"))
}

/// Returns a stage by its name.
pub fn stage<'a>(manifest: &'a Manifest, name: &str) -> Option<&'a ManifestStage> {
    manifest.stages.iter().find(|s| s.name == name)
}

fn unsound(run: RunId, why: &str) -> AppError {
    AppError::Replay(ReplayError::Unsound(format!("run {}: {why}", run.short())))
}
