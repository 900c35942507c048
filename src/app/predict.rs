//! `predict`: new raw rows in, segments out, along the very path that the run took from its raw table to its
//! champion. It does not know file formats of the output.

mod row_by_row;

use std::{collections::BTreeMap, fs::File, io::Read, path::Path};

use arrow::{
    array::{ArrayRef, new_null_array},
    datatypes::{Schema, SchemaRef},
};

use crate::{
    app::{AppError, Project, recorded::Recorded},
    base::{
        hash::{ContentHash, RunId},
        memory::{Lease, Memory},
        names,
    },
    frame::{self, Table},
    kinds::{
        self,
        classify_common::Classifier,
        reread::{self, Thinning},
    },
    stage::{
        ctx::{Arrivals, Input},
        error::StageError,
        kind::{Inputs, Kind, PortType},
        memory,
        work::Work,
    },
    store::{
        Store,
        records::{ManifestEdge, ManifestOutput, ManifestStage},
    },
};

/// What a person asked for.
#[derive(Clone, Debug, Default)]
pub struct PredictOptions {
    /// The file with new rows; `-` for standard input.
    pub input: String,
    /// Which run; the newest one with a classifier if absent.
    pub run: Option<String>,
    /// Which champion, if the run has several.
    pub stage: Option<String>,
}

/// New rows and their segments.
pub struct Prediction {
    /// The run whose path was taken.
    pub run: RunId,
    /// The hash of the classifier.
    pub model: ContentHash,
    /// One row for each row in.
    pub table: Table,
    /// What a person should hear of.
    pub notes: Vec<String>,
}

/// One stage between the raw table and the classifier.
struct Step<'a> {
    stage: &'a ManifestStage,
    kind: &'static dyn Kind,
    port: &'a str,
    /// The columns that its table had in the run.
    available: Vec<String>,
}

impl Project {
    /// Assigns new rows to the segments of a run.
    ///
    /// # Errors
    /// If the run has no classifier, or the rows cannot be read as the run read its own.
    pub fn predict(&self, options: &PredictOptions, work: &Work) -> Result<Prediction, AppError> {
        let store = self.store()?;
        let recorded = self.recorded_with_classifier(&store, options.run.as_deref())?;
        let (stage, model) = champion(&recorded, options.stage.as_deref())?;
        let classifier = Classifier::from_table(&read_output(&store, model)?)?;
        let (steps, source) = path(&store, &recorded, stage)?;
        let schema = read_schema(&store, output(source, "table")?)?;
        let input = open(&options.input)?;
        let _held = hold(&input, work)?;
        // What the path needs is held already: a stage that asked for its share would wait for what is never given back.
        let work = &Work { pool: work.pool.clone().with_memory(Memory::default()), ..work.clone() };
        let row_by_row = steps.iter().all(|s| is_row_by_row(s.kind.name()));
        let rule = match row_by_row {
            true => Thinning::Never,
            false => Thinning::AsTheSource,
        };
        let params = &source.preimage.params;
        let (raw, mut notes) = reread::read_like(&schema, params, &[input], rule, work)?;
        let of_run = format!("run {} (`{}`)", recorded.id.short(), recorded.manifest.pipeline);
        let told = (options.input.as_str(), of_run.as_str());
        let raw = complete(raw, &schema, &steps, &classifier, told)?;
        let assign = |table: &Table, notes: &mut Vec<String>| -> Result<Table, AppError> {
            let mut table = table.clone();
            for step in &steps {
                table = replay(&store, &recorded, step, &table, work, notes)?;
            }
            let p = classifier.predict(&table, work)?;
            let (id, ids) = table.id().map_err(StageError::from)?;
            Ok(classifier.predictions((&id, ids), &p, None)?)
        };
        let table = match row_by_row {
            true => row_by_row::answers(&raw, &mut notes, assign)?,
            false => assign(&raw, &mut notes)?,
        };
        Ok(Prediction { run: recorded.id, model: model.hash, table, notes })
    }
}

impl Project {
    /// Returns the run asked for, else the newest run of everything in a pipeline that trained a classifier: another
    /// pipeline of the project may have run since. Without one it is the latest run, whose lack of a classifier is told.
    pub(super) fn recorded_with_classifier(
        &self,
        store: &Store,
        wanted: Option<&str>,
    ) -> Result<Recorded, AppError> {
        if let Some(run) = wanted {
            return self.recorded(store, run);
        }
        let mut trained = None;
        for entry in store.history()? {
            let entry = entry?;
            if entry.run.is_some()
                && entry.targets.is_empty()
                && store.told_stages(&entry)?.iter().any(|s| s.kind.starts_with("classify."))
            {
                trained = entry.run;
                break;
            }
        }
        match trained {
            Some(id) => self.recorded(store, &id.to_hex()),
            None => self.recorded(store, "latest"),
        }
    }
}

/// Stages that give one row, or none, for each row in.
fn is_row_by_row(kind: &str) -> bool {
    matches!(kind, "features.derive" | "features.join" | "transform.apply" | "transform.fit")
}

/// Finds the classifier: the winner of the only selection, the only classifier, or the one asked for.
pub(super) fn champion<'a>(
    recorded: &'a Recorded,
    wanted: Option<&str>,
) -> Result<(&'a ManifestStage, &'a ManifestOutput), AppError> {
    let stages = &recorded.manifest.stages;
    let of = |prefix: &str| -> Vec<&ManifestStage> {
        stages.iter().filter(|s| s.preimage.kind.starts_with(prefix)).collect()
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
                        recorded.id.short(),
                        known.join(", ")
                    )));
                }
            }
        }
        None => match (selections.as_slice(), classifiers.as_slice()) {
            ([only], _) | ([], [only]) => only,
            ([], []) => {
                let id = recorded.id.short();
                return Err(AppError::Usage(format!("run {id} has no classifier")));
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
        recorded
            .stage(&e.from)
            .filter(|s| s.outputs.get("model").is_some_and(|m| m.hash == model.hash))
    });
    winner
        .map(|stage| (stage, model))
        .ok_or_else(|| unsound(recorded, "its champion is no candidate"))
}

/// Follows the classifier's table up to the source whose id reaches it. Steps come in the order of execution.
fn path<'a>(
    store: &Store,
    recorded: &'a Recorded,
    classifier: &'a ManifestStage,
) -> Result<(Vec<Step<'a>>, &'a ManifestStage), AppError> {
    let mut steps = Vec::new();
    let mut edge = main_edge(recorded, classifier, "table")?;
    loop {
        let stage = giver(recorded, edge)?;
        let kind = kinds::find(&stage.preimage.kind)
            .ok_or_else(|| unsound(recorded, "it has a kind that this program lacks"))?;
        if stage.preimage.kind.starts_with("ingest.") {
            steps.reverse();
            return Ok((steps, stage));
        }
        let port = match stage.preimage.kind.as_str() {
            "features.join" => "left",
            _ => "table",
        };
        let takes_table = matches!(kind.inputs(), Inputs::Fixed(ports)
            if ports.iter().any(|p| p.name == port && p.ty == PortType::Table));
        if !takes_table || steps.len() > recorded.manifest.stages.len() {
            return Err(AppError::Usage(format!(
                "stage `{}` (`{}`) stands between the raw table and the classifier and cannot be replayed on new rows",
                stage.name, stage.preimage.kind
            )));
        }
        edge = main_edge(recorded, stage, port)?;
        let schema = read_schema(store, output(giver(recorded, edge)?, &edge.output)?)?;
        let available = schema.fields().iter().map(|f| f.name().clone()).collect();
        steps.push(Step { stage, kind, port, available });
    }
}

pub(super) fn main_edge<'a>(
    recorded: &Recorded,
    stage: &'a ManifestStage,
    port: &str,
) -> Result<&'a ManifestEdge, AppError> {
    let found = stage.edges.iter().find(|e| e.port == port && !e.whole_stage);
    found.ok_or_else(|| unsound(recorded, &format!("`{}` lacks its input `{port}`", stage.name)))
}

fn giver<'a>(recorded: &'a Recorded, edge: &ManifestEdge) -> Result<&'a ManifestStage, AppError> {
    let found = recorded.stage(&edge.from);
    found.ok_or_else(|| unsound(recorded, "it lacks a stage that another one names"))
}

/// Checks that every column that the path reads is there, and adds the others that the run's table had as nulls, so
/// that stages which only drop or carry them along find them.
fn complete(
    raw: Table,
    schema: &Schema,
    steps: &[Step<'_>],
    classifier: &Classifier,
    (label, of_run): (&str, &str),
) -> Result<Table, StageError> {
    let known: Vec<String> = schema.fields().iter().map(|f| f.name().clone()).collect();
    let mut wanted = classifier.input_columns();
    for step in steps.iter().rev() {
        let params = &step.stage.preimage.params;
        wanted = step.kind.columns_read(params, step.port, &step.available, &wanted);
    }
    let present = raw.names();
    for column in &wanted {
        if known.contains(column) && !present.contains(column) {
            let mut help = names::suggestion(column, present.iter().map(String::as_str));
            if help.is_empty() {
                help =
                    format!("the classifier of {of_run} needs it; another run is asked with --run");
            }
            return Err(StageError::Source(format!(
                "{label}: column `{column}` is missing; {help}"
            )));
        }
    }
    let id = raw.id_name();
    let n_rows = raw.n_rows();
    let mut columns: Vec<(String, ArrayRef)> =
        present.iter().cloned().zip(raw.batch().columns().iter().cloned()).collect();
    for field in schema.fields().iter().filter(|f| !present.contains(f.name())) {
        columns.push((field.name().clone(), new_null_array(field.data_type(), n_rows)));
    }
    let columns = columns.iter().map(|(name, array)| (name.as_str(), array.clone())).collect();
    Ok(Table::new(id.as_deref(), columns)?)
}

/// Runs one step on new rows; its other inputs are those of the run.
fn replay(
    store: &Store,
    recorded: &Recorded,
    step: &Step<'_>,
    table: &Table,
    work: &Work,
    notes: &mut Vec<String>,
) -> Result<Table, AppError> {
    let mut single = BTreeMap::from([(step.port.to_string(), memory::input(step.port, table)?)]);
    // A fitted transform is applied as it is: fitting it again would place the new rows on a scale of their own.
    if step.stage.preimage.kind == "transform.fit" {
        let model = read_output(store, output(step.stage, "model")?)?;
        single.insert("model".to_string(), memory::input("model", &model)?);
        let apply = kinds::find("transform.apply")
            .ok_or_else(|| unsound(recorded, "it has a kind that this program lacks"))?;
        let params = memory::canonical(apply, &serde_json::json!({}))?;
        return step_output(apply, &params, single, "matrix", work, notes);
    }
    for edge in step.stage.edges.iter().filter(|e| e.port != step.port && !e.whole_stage) {
        let other = read_given(store, recorded, edge)?;
        single.insert(edge.port.clone(), memory::input(&edge.port, &other)?);
    }
    let main = if step.stage.outputs.contains_key("matrix") { "matrix" } else { "table" };
    step_output(step.kind, &step.stage.preimage.params, single, main, work, notes)
}

fn step_output(
    kind: &dyn Kind,
    params: &serde_json::Value,
    single: BTreeMap<String, Input>,
    port: &str,
    work: &Work,
    notes: &mut Vec<String>,
) -> Result<Table, AppError> {
    let arrivals = Arrivals { single, ..Arrivals::default() };
    let outputs = memory::run(kind, params, &arrivals, work)?;
    notes.extend(outputs.notes.iter().cloned());
    Ok(outputs.table(port)?)
}

pub(super) fn output<'a>(
    stage: &'a ManifestStage,
    port: &str,
) -> Result<&'a ManifestOutput, AppError> {
    let missing = || StageError::Internal(format!("`{}` has no output `{port}`", stage.name));
    Ok(stage.outputs.get(port).ok_or_else(missing)?)
}

/// Reads the columns of a recorded table.
fn read_schema(store: &Store, output: &ManifestOutput) -> Result<SchemaRef, AppError> {
    let file = store.disk().open(&store.object_path(&output.hash, &output.ext))?;
    Ok(frame::parquet::read_schema(file).map_err(StageError::from)?)
}

/// Reads a recorded table, checked against its hash.
pub(super) fn read_output(store: &Store, output: &ManifestOutput) -> Result<Table, AppError> {
    let bytes = store.read_object(&output.hash, &output.ext)?;
    Ok(Input::from_bytes("artifact", bytes).table().map_err(StageError::from)?)
}

/// Reads the table that came along an edge.
pub(super) fn read_given(
    store: &Store,
    recorded: &Recorded,
    edge: &ManifestEdge,
) -> Result<Table, AppError> {
    read_output(store, output(giver(recorded, edge)?, &edge.output)?)
}

fn open(input: &str) -> Result<Input, AppError> {
    if input == "-" {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().read_to_end(&mut bytes);
        read.map_err(AppError::io("read", Path::new("standard input")))?;
        return Ok(Input::from_bytes("standard input", bytes));
    }
    let path = Path::new(input);
    if !path.is_file() {
        return Err(AppError::Stage(StageError::Source(format!("`{input}` does not exist"))));
    }
    let place = path.to_path_buf();
    // Its hash enters nothing: predictions are not kept in the store.
    Ok(Input::from_file(input, ContentHash::of(b""), move || File::open(&place)))
}

/// How many times its own size a file takes while its rows are read, go the path, and are answered.
const FILE_AND_PATH: u64 = 8;

/// Takes what the new rows need out of the budget of memory, before they are read.
fn hold(input: &Input, work: &Work) -> Result<Lease, AppError> {
    // What cannot be opened is told of by whoever reads it.
    let needed = input.n_bytes().unwrap_or(0).saturating_mul(FILE_AND_PATH);
    let mut lease = Lease::default();
    let stopped = || work.cancel.is_cancelled();
    work.pool.memory().take(&mut lease, needed, &stopped).map_err(|too_little| {
        let help = "allow more with `--memory`, or split the file";
        StageError::Data(format!("`{}` {too_little}: its rows in memory; {help}", input.label))
    })?;
    Ok(lease)
}

fn unsound(recorded: &Recorded, why: &str) -> AppError {
    AppError::Replay(crate::engine::replay::ReplayError::Unsound(format!(
        "run {}: {why}",
        recorded.id.short()
    )))
}
