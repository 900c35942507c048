//! A Parquet file written as its rows come. What is held is one row group, encoded; columns are encoded side by side.
//! The bytes depend on the rows alone: they are cut into chunks of [`CHUNK_ROWS`] wherever the batches end, because
//! pages end where a chunk does. It does not know where the rows come from.

use std::{
    io::Write,
    sync::{Mutex, PoisonError},
};

use ::parquet::{
    arrow::{
        ArrowWriter,
        arrow_writer::{
            ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, ArrowWriterOptions,
            compute_leaves,
        },
    },
    errors::ParquetError,
    file::writer::SerializedFileWriter,
};
use arrow::{array::RecordBatch, compute, datatypes::SchemaRef};

use crate::{
    base::pool::{CHUNK_ROWS, Pool},
    frame::{FrameError, parquet},
};

/// Writes a table batch by batch.
pub struct TableWriter<W: Write + Send> {
    schema: SchemaRef,
    file: SerializedFileWriter<W>,
    factory: ArrowRowGroupWriterFactory,
    pool: Pool,
    /// The encoders of the open row group.
    columns: Vec<Mutex<Option<ArrowColumnWriter>>>,
    rows_in_group: usize,
    n_groups: usize,
    /// Less than a chunk of rows.
    held: Vec<RecordBatch>,
    n_held: usize,
    n_rows: u64,
}

impl<W: Write + Send> TableWriter<W> {
    /// Starts a file whose schema metadata may name the id column.
    ///
    /// # Errors
    /// If the sink fails or a type has no place in Parquet.
    pub fn new(sink: W, schema: SchemaRef, pool: &Pool) -> Result<TableWriter<W>, FrameError> {
        TableWriter::with(sink, schema.clone(), parquet::options(&schema), pool)
    }

    /// Starts a file of answers: as [`TableWriter::new`], but for [`parquet::options_of_scores`].
    ///
    /// # Errors
    /// If the sink fails or a type has no place in Parquet.
    pub fn of_scores(
        sink: W,
        schema: SchemaRef,
        pool: &Pool,
    ) -> Result<TableWriter<W>, FrameError> {
        TableWriter::with(sink, schema.clone(), parquet::options_of_scores(&schema), pool)
    }

    fn with(
        sink: W,
        schema: SchemaRef,
        options: ArrowWriterOptions,
        pool: &Pool,
    ) -> Result<TableWriter<W>, FrameError> {
        let writer = ArrowWriter::try_new_with_options(sink, schema.clone(), options)?;
        let (file, factory) = writer.into_serialized_writer()?;
        Ok(TableWriter {
            schema,
            file,
            factory,
            pool: pool.clone(),
            columns: Vec::new(),
            rows_in_group: 0,
            n_groups: 0,
            held: Vec::new(),
            n_held: 0,
            n_rows: 0,
        })
    }

    /// Returns how many rows were pushed.
    pub fn n_rows(&self) -> u64 {
        self.n_rows
    }

    /// Appends rows.
    ///
    /// # Errors
    /// If the columns are not those of the schema, or the sink fails.
    pub fn push(&mut self, batch: RecordBatch) -> Result<(), FrameError> {
        self.n_rows += batch.num_rows() as u64;
        let mut rest = batch;
        while self.n_held + rest.num_rows() >= CHUNK_ROWS {
            let n = CHUNK_ROWS - self.n_held;
            self.held.push(rest.slice(0, n));
            rest = rest.slice(n, rest.num_rows() - n);
            self.chunk()?;
        }
        if rest.num_rows() > 0 {
            self.n_held += rest.num_rows();
            self.held.push(rest);
        }
        Ok(())
    }

    /// Ends the file and returns the number of its rows.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn finish(mut self) -> Result<u64, FrameError> {
        if self.n_held > 0 {
            self.chunk()?;
        }
        self.end_group()?;
        self.file.close()?;
        Ok(self.n_rows)
    }

    /// Encodes what is held.
    fn chunk(&mut self) -> Result<(), FrameError> {
        let held = std::mem::take(&mut self.held);
        self.n_held = 0;
        if self.columns.is_empty() {
            let writers = self.factory.create_column_writers(self.n_groups)?;
            self.columns = writers.into_iter().map(|w| Mutex::new(Some(w))).collect();
        }
        let schema = &self.schema;
        let columns = &self.columns;
        let written = self.pool.map(columns.len(), |i| {
            let parts: Vec<&dyn arrow::array::Array> =
                held.iter().map(|batch| batch.column(i).as_ref()).collect();
            let array = match held.as_slice() {
                [only] => only.column(i).clone(),
                _ => compute::concat(&parts)?,
            };
            let mut column = columns[i].lock().unwrap_or_else(PoisonError::into_inner);
            let Some(column) = column.as_mut() else { return Err(closed()) };
            for leaf in compute_leaves(schema.field(i), &array)? {
                column.write(&leaf)?;
            }
            Ok(())
        });
        written.into_iter().collect::<Result<(), FrameError>>()?;
        self.rows_in_group += held.iter().map(RecordBatch::num_rows).sum::<usize>();
        if self.rows_in_group >= parquet::ROW_GROUP_ROWS { self.end_group() } else { Ok(()) }
    }

    fn end_group(&mut self) -> Result<(), FrameError> {
        let columns = std::mem::take(&mut self.columns);
        if columns.is_empty() {
            return Ok(());
        }
        let closed: Vec<Result<ArrowColumnChunk, FrameError>> = self.pool.map(columns.len(), |i| {
            let column = columns[i].lock().unwrap_or_else(PoisonError::into_inner).take();
            Ok(column.ok_or_else(closed)?.close()?)
        });
        let mut group = self.file.next_row_group()?;
        for chunk in closed {
            chunk?.append_to_row_group(&mut group)?;
        }
        group.close()?;
        self.n_groups += 1;
        self.rows_in_group = 0;
        Ok(())
    }
}

fn closed() -> FrameError {
    ParquetError::General("a column was closed already".to_string()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{
        Table,
        table::{float_array, int_array, text_array},
    };

    fn table(n_rows: usize) -> Table {
        let ids = (0..n_rows as i64).collect();
        let values = (0..n_rows).map(|i| (i % 977) as f64 / 7.0).collect();
        let words = text_array((0..n_rows).map(|i| format!("w{}", i % 31)));
        let columns = vec![("id", int_array(ids)), ("x", float_array(values)), ("w", words)];
        Table::new(Some("id"), columns).unwrap()
    }

    /// What the library writes by itself, in batches of a chunk.
    fn plainly(table: &Table) -> Vec<u8> {
        let mut bytes = Vec::new();
        let options = parquet::options(&table.schema());
        let mut writer =
            ArrowWriter::try_new_with_options(&mut bytes, table.schema(), options).unwrap();
        for start in (0..table.n_rows()).step_by(CHUNK_ROWS) {
            let n = CHUNK_ROWS.min(table.n_rows() - start);
            writer.write(&table.batch().slice(start, n)).unwrap();
        }
        writer.close().unwrap();
        bytes
    }

    fn streamed(table: &Table, step: usize, n_threads: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        let pool = Pool::new(n_threads);
        let mut writer = TableWriter::new(&mut bytes, table.schema(), &pool).unwrap();
        for start in (0..table.n_rows()).step_by(step) {
            let n = step.min(table.n_rows() - start);
            writer.push(table.batch().slice(start, n)).unwrap();
        }
        assert_eq!(writer.finish().unwrap(), table.n_rows() as u64);
        bytes
    }

    #[test]
    fn bytes_depend_neither_on_batches_nor_on_threads() {
        for n_rows in [0, 5, parquet::ROW_GROUP_ROWS + 70_000] {
            let table = table(n_rows);
            let expected = plainly(&table);
            for (step, n_threads) in [(8_191, 1), (65_536, 2), (100_000, 7), (1 << 20, 2)] {
                assert!(streamed(&table, step, n_threads) == expected, "{n_rows} {step}");
            }
        }
    }
}
