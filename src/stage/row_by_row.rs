//! What a stage does to rows one by one, ready to be asked again and again for new ones.
//! It does not know which stage it is, nor where rows come from.

use crate::{
    frame::{
        Table,
        onnx::{Columns, Graph, Inexpressible},
    },
    stage::{error::StageError, work::Work},
};

/// A fitted stage whose output rows each depend on one row of its main input. It holds all else that it needs.
pub trait RowByRow: Send + Sync {
    /// Computes the output rows of new input rows.
    ///
    /// # Errors
    /// If a column is missing, or a value cannot be used.
    fn apply(&self, rows: &Table, work: &Work) -> Result<Applied, StageError>;

    /// Writes what it does to columns into a graph for other programs; `wanted` are the columns that something reads
    /// afterwards.
    ///
    /// # Errors
    /// If there are no operators for it; the text says for what.
    fn graph(
        &self,
        _columns: &mut Columns,
        _wanted: &[String],
        _graph: &mut Graph,
    ) -> Result<(), Inexpressible> {
        Err(Inexpressible::new("there are no operators for what it does"))
    }
}

/// Output rows, and which rows they are of.
#[derive(Debug)]
pub struct Applied {
    /// The output rows, in the order of the input rows.
    pub table: Table,
    /// For each of them its input row; `None` if every input row has one.
    pub kept: Option<Vec<usize>>,
    /// What a person should hear of.
    pub remarks: Vec<Remark>,
}

impl Applied {
    /// Makes output rows, one for each input row, of which there is nothing to tell.
    pub fn all(table: Table) -> Applied {
        Applied { table, kept: None, remarks: Vec::new() }
    }
}

/// So many rows of how many something is to be told of. Those of several chunks add up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The words before the numbers.
    pub before: String,
    /// How many.
    pub n: usize,
    /// Of how many.
    pub of: usize,
    /// The words after the numbers.
    pub after: String,
}

impl Remark {
    /// Adds what is told of further rows.
    pub fn add_to(self, all: &mut Vec<Remark>) {
        match all.iter_mut().find(|r| r.before == self.before && r.after == self.after) {
            Some(known) => {
                known.n += self.n;
                known.of += self.of;
            }
            None => all.push(self),
        }
    }
}

impl std::fmt::Display for Remark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{} of {} {}", self.before, self.n, self.of, self.after)
    }
}
