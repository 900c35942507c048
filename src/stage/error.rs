//! What a stage can fail with, as data. It does not know exit codes.

use std::io;

use crate::{frame::FrameError, stage::work::Cancelled, store::error::StoreError};

/// Why a stage failed.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// It was asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// A source is missing, cannot be parsed, has bad ids or lacks a column.
    #[error("{0}")]
    Source(String),
    /// The data does not allow what was asked; the text says where and what to do.
    #[error("{0}")]
    Data(String),
    /// A column that the stage reads is not in its input.
    #[error("input `{port}`: {error}")]
    Column {
        /// The input port.
        port: String,
        /// The fact.
        error: FrameError,
    },
    /// Reading or writing failed.
    #[error("{intent}: {error}")]
    Io {
        /// What was attempted.
        intent: String,
        /// The cause.
        error: io::Error,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A mistake of ours.
    #[error("internal error: {0} (please report this)")]
    Internal(String),
}

impl StageError {
    /// Returns true if the store cannot be written at all, so that no other stage would fare better.
    pub fn is_refusal(&self) -> bool {
        let cause = match self {
            StageError::Store(error) => Some(error),
            // What went through a writer that speaks only of input and output.
            StageError::Io { error, .. } => {
                error.get_ref().and_then(|inner| inner.downcast_ref::<StoreError>())
            }
            _ => None,
        };
        cause.is_some_and(StoreError::is_refusal)
    }
}

impl From<Cancelled> for StageError {
    fn from(_: Cancelled) -> StageError {
        StageError::Cancelled
    }
}

impl From<FrameError> for StageError {
    fn from(error: FrameError) -> StageError {
        match error {
            FrameError::Io(error) => {
                StageError::Io { intent: "reading a table".to_string(), error }
            }
            other => StageError::Data(other.to_string()),
        }
    }
}
