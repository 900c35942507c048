//! Graphs in ONNX: what a column goes through, written as operators that other programs compute. It does not know which
//! stage asks, nor that there are models.
//!
//! - [`proto`]: the messages of an `.onnx` file.
//! - [`graph`]: a graph that is being written, operator after operator.
//! - [`columns`]: columns as tensors, with what is missing in them.
//! - [`scalar`], [`compare`], [`calls`], [`time`]: expressions of one row.
//!
//! Numbers are in double precision throughout, whole ones too, which are exact up to 2^53. Only operators are used that
//! onnxruntime computes on a processor in that precision (tried with 1.21, the first that has trees in it, and 1.32).

pub mod calls;
pub mod columns;
pub mod compare;
pub mod graph;
pub mod proto;
pub mod scalar;
pub mod time;

pub use self::{
    columns::{Cell, Columns},
    graph::{Attribute, Graph, Tensor},
};

/// What cannot be written as a graph, in a person's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Inexpressible(pub String);

impl Inexpressible {
    /// Says what cannot be written.
    pub fn new(what: impl Into<String>) -> Inexpressible {
        Inexpressible(what.into())
    }

    /// Says whose it is, before what it is.
    pub fn of(self, whose: &str) -> Inexpressible {
        Inexpressible(format!("{whose}: {}", self.0))
    }
}
