//! Rows answered even where some of them cannot be: these are told apart, and the others do not suffer for it. It does not
//! know who asks.

use std::ops::Range;

use arrow::datatypes::SchemaRef;

use super::{Assigned, Scorer, aligned};
use crate::{
    frame::Table,
    stage::{error::StageError, work::Work},
};

/// Rows that were asked half by half.
#[derive(Default)]
struct Settled {
    answers: Vec<Table>,
    /// The rows that have an answer.
    rows: Vec<usize>,
    /// The others, and why.
    refused: Vec<(usize, StageError)>,
}

impl Scorer {
    /// Answers complete raw rows. A row with a value that the way cannot use gets nulls, and is told with the reason.
    ///
    /// # Errors
    /// If something is wrong that is no row's fault, or if cancelled.
    pub fn assign_each(
        &self,
        raw: &Table,
        work: &Work,
    ) -> Result<(Assigned, Vec<(usize, StageError)>), StageError> {
        match self.assign(raw, work) {
            Err(StageError::Data(_)) if self.meeting().is_none() => {}
            other => return other.map(|assigned| (assigned, Vec::new())),
        }
        let none = self.assign(&Table::from_batch(raw.batch().slice(0, 0)), work)?;
        let mut settled = Settled::default();
        self.settle(raw, 0..raw.n_rows(), work, &mut settled)?;
        let schema: SchemaRef = none.table.schema();
        let batches: Vec<_> = settled.answers.iter().map(|table| table.batch().clone()).collect();
        let all = Table::from_batches(&schema, &batches)?;
        let table = aligned(all, raw.id()?, Some(&settled.rows))?;
        Ok((Assigned { table, remarks: Vec::new(), notes: Vec::new() }, settled.refused))
    }

    fn settle(
        &self,
        raw: &Table,
        rows: Range<usize>,
        work: &Work,
        settled: &mut Settled,
    ) -> Result<(), StageError> {
        if rows.is_empty() {
            return Ok(());
        }
        let part = Table::from_batch(raw.batch().slice(rows.start, rows.len()));
        match self.assign(&part.at_row(raw.first_row() + rows.start), work) {
            Ok(assigned) => {
                settled.answers.push(assigned.table);
                settled.rows.extend(rows);
            }
            Err(error @ StageError::Data(_)) if rows.len() == 1 => {
                settled.refused.push((rows.start, error));
            }
            Err(StageError::Data(_)) => {
                let middle = rows.start + rows.len() / 2;
                self.settle(raw, rows.start..middle, work, settled)?;
                self.settle(raw, middle..rows.end, work, settled)?;
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
