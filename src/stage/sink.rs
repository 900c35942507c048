//! An output that is written as its rows come. It does not know where the bytes go.

use std::io::{self, Write};

use arrow::{array::RecordBatch, datatypes::SchemaRef};

use crate::{
    base::pool::Pool,
    frame::{FrameError, Table, TableWriter},
    stage::error::StageError,
};

/// Writes a table to an output, batch by batch.
pub struct TableSink<'a> {
    port: String,
    writer: TableWriter<Box<dyn Write + Send + 'a>>,
}

impl<'a> TableSink<'a> {
    /// Makes one of an output's opened bytes.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn new(
        port: &str,
        sink: Box<dyn Write + Send + 'a>,
        schema: SchemaRef,
        pool: &Pool,
    ) -> Result<TableSink<'a>, StageError> {
        let writer = TableWriter::new(sink, schema, pool).map_err(|e| writing(port, e))?;
        Ok(TableSink { port: port.to_string(), writer })
    }

    /// Appends rows.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn push(&mut self, batch: RecordBatch) -> Result<(), StageError> {
        self.writer.push(batch).map_err(|e| writing(&self.port, e))
    }

    /// Appends the rows of a table.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn push_table(&mut self, table: &Table) -> Result<(), StageError> {
        self.push(table.batch().clone())
    }

    /// Ends the output and returns how many rows it has; the caller tells the context.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn finish(self) -> Result<u64, StageError> {
        let port = self.port;
        self.writer.finish().map_err(|e| writing(&port, e))
    }
}

/// Turns what a writer of tables fails with into a stage's error.
pub(super) fn writing(port: &str, error: FrameError) -> StageError {
    let error = match error {
        FrameError::Io(error) => error,
        other => io::Error::other(other.to_string()),
    };
    StageError::Io { intent: format!("writing output `{port}`"), error }
}
