//! `predict`: new raw rows in, segments out, along the very path that the run took from its raw table to its
//! champion. It does not know file formats of the output.

use std::{collections::HashMap, fs::File, io::Read, path::Path};

use arrow::{array::AsArray, compute, datatypes::DataType};

use crate::{
    app::{AppError, Project, recorded::Recorded, scoring::Scorer},
    base::{
        hash::{ContentHash, RunId},
        memory::Lease,
    },
    frame::{FrameError, Table},
    stage::{ctx::Input, error::StageError, work::Work},
    store::Store,
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

impl Project {
    /// Assigns new rows to the segments of a run.
    ///
    /// # Errors
    /// If the run has no classifier, or the rows cannot be read as the run read its own.
    pub fn predict(&self, options: &PredictOptions, work: &Work) -> Result<Prediction, AppError> {
        let scorer = self.scorer(options.run.as_deref(), options.stage.as_deref())?;
        let input = open(&options.input)?;
        let _held = hold(&input, work)?;
        let (raw, mut notes) = scorer.read(&[input], work)?;
        let raw = scorer.complete(&raw, &options.input)?;
        if scorer.meeting().is_none() {
            let n = n_sharing(&raw)?;
            let text = format!("{n} of {} rows share their id with another", raw.n_rows());
            notes.extend(Some(text).filter(|_| n > 0));
        }
        let assigned = scorer.assign(&raw, work)?;
        notes.extend(assigned.notes);
        notes.extend(assigned.remarks.iter().map(ToString::to_string));
        Ok(Prediction { run: scorer.run, model: scorer.model, table: assigned.table, notes })
    }

    /// Loads a run's way from raw rows to segments: that of the newest run with a classifier if none is named, to its
    /// champion if no `stage` is named.
    ///
    /// # Errors
    /// If the run is unknown or has no classifier, or what was recorded is damaged.
    pub fn scorer(&self, run: Option<&str>, stage: Option<&str>) -> Result<Scorer, AppError> {
        let store = self.store()?;
        let recorded = self.recorded_with_classifier(&store, run)?;
        Scorer::load(&store, recorded.id, &recorded.manifest, stage)
    }

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

/// Counts the rows whose id occurs more than once.
fn n_sharing(raw: &Table) -> Result<usize, StageError> {
    let (_, ids) = raw.id()?;
    let ids = compute::cast(&ids, &DataType::Utf8).map_err(FrameError::from)?;
    // Only counts that do not depend on the order of the map leave it.
    let mut counts: HashMap<Option<&str>, usize> = HashMap::with_capacity(ids.len());
    ids.as_string::<i32>().iter().for_each(|id| *counts.entry(id).or_default() += 1);
    Ok(counts.values().filter(|n| **n > 1).sum())
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
