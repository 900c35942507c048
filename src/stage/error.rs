//! What a stage can fail with, as data. It does not know exit codes.

use std::io;

use crate::{frame::FrameError, stage::work::Cancelled};

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
    /// A mistake of ours.
    #[error("internal error: {0} (please report this)")]
    Internal(String),
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
