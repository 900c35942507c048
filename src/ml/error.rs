//! What can go wrong in the mathematics, as data. It does not know which stage or file it concerns.

use crate::{
    base::matrix::Matrix,
    stage::{error::StageError, work::Cancelled},
};

/// An error of an algorithm.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MlError {
    /// The work was asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// Fewer rows (or distinct rows, or classes: `what` says) than the algorithm needs.
    #[error("needs at least {needed} {what}, got {got}")]
    TooFew {
        /// What there is too little of, in the plural: `rows`.
        what: &'static str,
        /// How many are needed.
        needed: usize,
        /// How many there are.
        got: usize,
    },
    /// A value that is NaN or infinite where only finite ones make sense.
    #[error("value in row {row}, column {column} is not finite")]
    NotFinite {
        /// Zero-based row.
        row: usize,
        /// Zero-based column.
        column: usize,
    },
    /// A value too large for single precision where that is what values are compared in.
    #[error("value in row {row}, column {column} is beyond single precision")]
    TooLarge {
        /// Zero-based row.
        row: usize,
        /// Zero-based column.
        column: usize,
    },
    /// A parameter that cannot work with this data.
    #[error("{name}: {why}")]
    Parameter {
        /// The parameter's name as the user writes it.
        name: &'static str,
        /// The fact and what to do.
        why: String,
    },
    /// The computation broke down numerically; the text says where and what to do.
    #[error("{0}")]
    Numeric(String),
}

impl From<MlError> for StageError {
    fn from(error: MlError) -> StageError {
        match error {
            MlError::Cancelled(_) => StageError::Cancelled,
            other => StageError::Data(other.to_string()),
        }
    }
}

/// Checks that every value is finite.
///
/// # Errors
/// [`MlError::NotFinite`] naming the first offender in row order.
pub fn check_finite(matrix: &Matrix) -> Result<(), MlError> {
    match matrix.data().iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(at) => {
            Err(MlError::NotFinite { row: at / matrix.n_cols(), column: at % matrix.n_cols() })
        }
    }
}
