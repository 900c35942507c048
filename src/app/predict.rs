//! `predict`: new raw rows in, segments out, along the very path that the run took from its raw table to its
//! champion. Rows go through in chunks, and no more of them is in memory than is worked on; where rows meet on the path,
//! all of them are. It does not know the command line.

mod flow;
mod input;
mod output;
mod rejected;

use self::flow::Assigning;
pub(super) use self::input::{Opened, hold};
pub use self::{
    flow::{OnError, Shape},
    output::Target,
    rejected::Rejected,
};
use crate::{
    app::{AppError, Project, recorded::Recorded, scoring::Scorer},
    base::hash::{ContentHash, RunId},
    frame::Table,
    stage::{error::StageError, work::Work},
    store::Store,
};

/// What a person asked for.
#[derive(Debug)]
pub struct PredictOptions {
    /// The files with new rows, or patterns of their names; `-` for standard input.
    pub inputs: Vec<String>,
    /// Where the answers go.
    pub target: Target,
    /// What an answer holds.
    pub shape: Shape,
    /// What becomes of rows that cannot be answered.
    pub on_error: OnError,
}

/// What became of new rows.
#[derive(Debug)]
pub struct Prediction {
    /// The run whose path was taken.
    pub run: RunId,
    /// The hash of the classifier.
    pub model: ContentHash,
    /// How many answers there are.
    pub n_rows: u64,
    /// The answers, if they were to stay in memory.
    pub table: Option<Table>,
    /// The rows that could not be answered.
    pub rejected: Rejected,
    /// What a person should hear of.
    pub notes: Vec<String>,
}

/// Assigns new rows to the segments of a run.
///
/// # Errors
/// If the rows cannot be read as the run read its own, or the answers cannot be written.
pub fn predict(
    scorer: &Scorer,
    options: PredictOptions,
    work: &Work,
) -> Result<Prediction, AppError> {
    if let (Some(meeting), true) = (scorer.meeting(), options.on_error != OnError::Fail) {
        return Err(AppError::Usage(format!(
            "rows meet in stage `{}` (`{}`) on the way to the classifier, so that none can be left out alone; \
             --on-error fail is all there is here",
            meeting.stage, meeting.kind
        )));
    }
    let opened = Opened::of(&options.inputs)?;
    let _held = hold(&opened, scorer.meeting().is_some(), work)?;
    let PredictOptions { target, shape, on_error, .. } = options;
    let (done, mut notes, written) = output::beside(target, work, |sink| {
        let mut flow = Assigning::new(scorer, &shape, on_error, opened.label(), work, sink);
        let notes = match scorer.meeting() {
            None => scorer.stream(&opened.files, work, &mut flow)?,
            Some(_) => {
                let (raw, notes) = scorer.read(&opened.files, work)?;
                flow.whole(&raw)?;
                notes
            }
        };
        Ok((flow.done(), notes))
    })?;
    notes.extend(done.notes);
    Ok(Prediction {
        run: scorer.run,
        model: scorer.model,
        n_rows: done.n_rows,
        table: written,
        rejected: done.rejected,
        notes,
    })
}

impl Project {
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

fn source(text: String) -> AppError {
    AppError::Stage(StageError::Source(text))
}
