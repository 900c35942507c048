//! What a stage can fail with, as data. It does not know exit codes.

use std::{fmt, io};

use crate::{
    base::memory::TooLittle, frame::FrameError, stage::work::Cancelled, store::error::StoreError,
};

/// A place in a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The file's label.
    pub file: String,
    /// The line, from 1, in a text.
    pub line: Option<usize>,
    /// The character in the line, from 1.
    pub column: Option<usize>,
    /// The row, from 0, where there are no lines.
    pub row: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        match (self.line, self.row) {
            (Some(line), _) => write!(f, ":{line}"),
            (None, Some(row)) => write!(f, ", row {row}"),
            (None, None) => Ok(()),
        }
    }
}

/// Why a stage failed.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// It was asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// A source is missing, cannot be parsed, has bad ids or lacks a column.
    #[error("{0}")]
    Source(String),
    /// As [`StageError::Source`], with the place in a source; the text starts with it.
    #[error("{message}")]
    SourceAt {
        /// Where.
        place: Place,
        /// The place, the fact, what to do.
        message: String,
    },
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
    /// Makes the error of a place in a source; `fact` follows it.
    pub fn at(place: Place, fact: &str) -> StageError {
        StageError::SourceAt { message: format!("{place}: {fact}"), place }
    }

    /// Makes the error of a budget of memory that is too small for `what`.
    pub fn too_little(too_little: TooLittle, what: &str) -> StageError {
        StageError::Data(format!("{too_little}: {what}; allow more with `--memory`"))
    }

    /// Returns where in a source the mistake stands, if it stands in one.
    pub fn place(&self) -> Option<&Place> {
        match self {
            StageError::SourceAt { place, .. } => Some(place),
            _ => None,
        }
    }

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
