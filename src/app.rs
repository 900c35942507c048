//! The one place that wires the parts together: project folder, plan, store, execution, records.
//! It does not print, and knows no argument syntax and no exit code.

mod artifact;
pub mod bundle;
mod diff;
mod difference;
pub mod drift;
mod explain;
pub mod export;
mod fsck;
pub mod gc;
mod history;
mod keys;
mod live;
mod look;
mod mlflow_export;
mod model_export;
mod onnx_export;
mod parity;
mod predict;
mod project;
mod raw_rows;
mod recorded;
mod reproduce;
mod restore;
mod run;
mod scoring;
mod segment_names;
mod spool;
mod status;
mod timeline;
mod unchanged;
mod way;

pub use artifact::{Artifact, Where, table as read_table};
pub use bundle::BundleExport;
pub use diff::{ArtifactChange, Change, Figures, Migration, RunDiff, StageChange};
pub use difference::Difference;
pub use explain::{Explanation, Link, Made, Question};
pub use fsck::{Checkup, Loss, Repair};
pub use gc::{Collection, Occupancy};
pub use history::{Logged, PastRun, Tagged};
pub use keys::KeyView;
pub use live::{GoingOn, Now, Telling};
pub use look::{ColumnLook, Values};
pub use model_export::{ModelExport, ModelExportOptions};
pub use onnx_export::OnnxExport;
pub use parity::{Form, Parity};
pub use predict::{OnError, PredictOptions, Prediction, Rejected, Shape, Target, predict};
pub use project::{PipelineFile, Project};
pub use recorded::Recorded;
pub use reproduce::{Comparison, Pass, ReproduceOptions, Reproduction};
pub use restore::{RestoreOptions, Restored};
pub use run::{Outcome, RunOptions};
pub use scoring::{Assigned, Meeting, Objects, Prepared, Scorer};
pub use status::{Survey, SurveyOptions};
pub use timeline::{Span, Timeline};
pub use unchanged::Unchanged;
pub use way::meetings;

use crate::{
    engine::{plan::PlanError, replay::ReplayError},
    stage::{error::StageError, params::Fault},
    store::{error::StoreError, runs::RunRefError},
};

/// Why a command could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The command line asks for something that does not exist or makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The pipeline file is wrong.
    #[error("{} {} in {}", .faults.len(), if .faults.len() == 1 { "mistake" } else { "mistakes" }, .file)]
    Invalid {
        /// The file as the person knows it.
        file: String,
        /// Its text, for showing lines.
        text: String,
        /// Everything that is wrong with it.
        faults: Vec<Fault>,
    },
    /// No run is meant, or several.
    #[error(transparent)]
    RunRef(RunRefError),
    /// The store is damaged or the medium refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A past run cannot be executed by this program.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// What was computed again is not what was recorded.
    #[error("{0}")]
    Differs(String),
    /// A stage, or a source, failed outside a run.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// A file that is not the store's could not be read or written.
    #[error("cannot {intent} `{path}`: {error}")]
    Io {
        /// What was attempted.
        intent: &'static str,
        /// On what.
        path: String,
        /// The cause.
        error: std::io::Error,
    },
}

impl From<RunRefError> for AppError {
    fn from(error: RunRefError) -> AppError {
        match error {
            RunRefError::Store(error) => AppError::Store(error),
            other => AppError::RunRef(other),
        }
    }
}

impl AppError {
    /// Turns a compile error of `file` into one that can show its lines.
    fn of_plan(error: PlanError, file: &PipelineFile) -> AppError {
        match error {
            PlanError::Override(text) => AppError::Usage(text),
            PlanError::Invalid(faults) => {
                AppError::Invalid { file: file.label.clone(), text: file.text.clone(), faults }
            }
        }
    }

    /// Makes a constructor for errors on one path.
    pub fn io(
        intent: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(std::io::Error) -> AppError {
        let path = path.display().to_string();
        move |error| AppError::Io { intent, path, error }
    }
}
