//! What the three classifiers share: parameters, classes from labels or a target, the split, the judging and
//! the model as a table. It does not know any algorithm.
//!
//! - [`params`]: the common parameters and their checks.
//! - `sample`: the rows to learn from, all or some.
//! - [`labelled`]: which row belongs to which class.
//! - [`stage`]: the run itself, from inputs to outputs.
//! - [`judge`]: metrics, confusion and importance as tables.
//! - [`classifier`], [`nodes`]: a fitted model, kept as a table and asked again.
//! - [`xgboost_json`]: boosted trees for XGBoost; [`onnx`]: any of them as operators.

pub mod classifier;
pub mod judge;
pub mod labelled;
pub mod nodes;
pub mod onnx;
pub mod params;
mod sample;
pub mod stage;
pub mod xgboost_json;

pub use self::{
    classifier::Classifier,
    params::{Common, check, columns_read},
    stage::{Algorithm, Fitted, run},
};
use crate::{
    frame::FrameError,
    stage::{
        error::StageError,
        kind::{FixedOutput, InputPort, Inputs, PortType},
    },
};

/// The inputs of every classifier.
pub const INPUTS: Inputs = Inputs::Fixed(&[
    InputPort {
        name: "table",
        ty: PortType::Table,
        required: true,
        help: "original features; they are prepared inside, learning from the training rows only",
    },
    InputPort {
        name: "labels",
        ty: PortType::Labels,
        required: false,
        help: "the class of each row, by id; noise (-1) is not trained on. Leave out with `target`",
    },
]);

/// The outputs of every classifier.
pub const OUTPUTS: &[FixedOutput] = &[
    FixedOutput {
        name: "model",
        ty: PortType::Classifier,
        help: "the model fitted on the training rows, with its preparation",
    },
    FixedOutput {
        name: "metrics",
        ty: PortType::Table,
        help: "split (train: of 50000 rows at the most; test; cv), metric, value, std (over the folds)",
    },
    FixedOutput {
        name: "confusion",
        ty: PortType::Table,
        help: "actual, predicted, count on the test rows",
    },
    FixedOutput {
        name: "importance",
        ty: PortType::Table,
        help: "feature, importance, std, method; permutation: drop of the test accuracy when an input column is \
               shuffled",
    },
    FixedOutput {
        name: "predictions",
        ty: PortType::Table,
        help: "the model's answers for the test rows: id, segment, p_0, ..., actual (from a target also class, \
               actual_class: its values as text)",
    },
];

/// Puts the port's name before an error of a table on it.
fn on_port(port: &str) -> impl Fn(FrameError) -> StageError {
    move |error| match error {
        FrameError::Io(_) | FrameError::Arrow(_) | FrameError::Parquet(_) => error.into(),
        error => StageError::Column { port: port.to_string(), error },
    }
}

#[cfg(test)]
pub(crate) mod tests;
