//! A Parquet file read as a stream of fixed chunks of [`CHUNK_ROWS`] rows, all of them or some columns of them, so that
//! a table may be larger than memory. What is held is one window: the row groups that keep the threads busy. It does
//! not know what is computed of the chunks.
//!
//! Our own files have row groups of whole chunks: their columns are decoded side by side. Files of other programs have
//! groups of any size: these are read from front to back. Chunks are the same either way.

use std::{fs::File, io, sync::Arc};

use ::parquet::arrow::{
    ProjectionMask,
    arrow_reader::{
        ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
        ParquetRecordBatchReaderBuilder,
    },
};
use arrow::{
    array::{RecordBatch, RecordBatchOptions},
    datatypes::{Schema, SchemaRef},
};
use bytes::Bytes;

use crate::{
    base::{
        names,
        pool::{CHUNK_ROWS, Pool},
    },
    frame::{
        FrameError, Table, growth::Growth, guard::decoding, pages, parquet::ROW_GROUP_ROWS,
        table::id_of,
    },
};

/// Opens a file. Each reader has one of its own, because threads that share a file share its position.
type Open = dyn Fn() -> io::Result<File> + Send + Sync;

/// Where the bytes are.
#[derive(Clone)]
pub enum Origin {
    /// In a file.
    File(Arc<Open>),
    /// In memory.
    Memory(Bytes),
}

/// A Parquet file whose rows can be read again and again.
#[derive(Clone)]
pub struct Rows {
    origin: Origin,
    metadata: ArrowReaderMetadata,
    /// Whether every row group but the last holds whole chunks.
    aligned: bool,
    n_rows: usize,
    n_bytes: u64,
}

/// Some columns of a [`Rows`], in its order.
#[derive(Clone, Debug)]
struct Chosen {
    schema: SchemaRef,
    columns: Vec<usize>,
}

impl Rows {
    /// Opens a file whose pages claim no more than it may grow to.
    ///
    /// # Errors
    /// If the bytes are not Parquet or are damaged.
    pub fn open(origin: Origin) -> Result<Rows, FrameError> {
        let (metadata, n_bytes) = decoding(|| match &origin {
            Origin::File(open) => checked(&open()?),
            Origin::Memory(bytes) => checked(bytes),
        })?;
        let groups = metadata.metadata().row_groups();
        let sizes: Vec<usize> =
            groups.iter().map(|g| usize::try_from(g.num_rows()).unwrap_or(0)).collect();
        let whole = sizes.split_last().is_none_or(|(last, others)| {
            *last <= ROW_GROUP_ROWS
                && others.iter().all(|n| n.is_multiple_of(CHUNK_ROWS) && *n <= ROW_GROUP_ROWS)
        });
        let n_leaves = metadata.parquet_schema().num_columns();
        let aligned = whole && n_leaves == metadata.schema().fields().len();
        Ok(Rows { origin, aligned, n_rows: sizes.iter().sum(), n_bytes, metadata })
    }

    /// Returns the columns, with the id's name in the metadata.
    pub fn schema(&self) -> &SchemaRef {
        self.metadata.schema()
    }

    /// Returns the number of rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Returns about how many bytes all columns take in memory.
    pub fn n_bytes_in_memory(&self) -> u64 {
        (0..self.schema().fields().len()).map(|i| self.column_bytes(i)).sum()
    }

    /// Returns about how many bytes a column takes in memory; 0 for one that is not there.
    pub fn bytes_of(&self, name: &str) -> u64 {
        self.schema().index_of(name).map_or(0, |i| self.column_bytes(i))
    }

    /// Returns how many bytes a column's pages take unpacked. A text that occurs again and again stands in them about once.
    pub fn page_bytes(&self, name: &str) -> u64 {
        self.schema().index_of(name).map_or(0, |i| self.column_pages(i))
    }

    fn column_bytes(&self, column: usize) -> u64 {
        let n_rows = self.n_rows as u64;
        match self.schema().field(column).data_type().primitive_width() {
            Some(width) => n_rows * width.max(8) as u64,
            // Text, which a dictionary may hold once for many rows; most is short.
            None => n_rows * 16 + self.column_pages(column),
        }
    }

    fn column_pages(&self, column: usize) -> u64 {
        let groups = self.metadata.metadata().row_groups().iter();
        let sizes = groups.filter_map(|group| group.columns().get(column));
        sizes.map(|c| u64::try_from(c.uncompressed_size()).unwrap_or(0)).sum()
    }

    /// Returns the id column's name, if the table has one.
    pub fn id_name(&self) -> Option<String> {
        id_of(self.schema())
    }

    /// Returns a table of these columns that has no rows.
    pub fn none(&self) -> Table {
        Table::from_batch(RecordBatch::new_empty(self.schema().clone()))
    }

    /// Reads some columns (all if `None`) of all rows into memory; their order is the file's.
    ///
    /// # Errors
    /// If a column is not there or the file is damaged.
    pub fn table(&self, columns: Option<&[String]>, pool: &Pool) -> Result<Table, FrameError> {
        let schema = self.choose(columns)?.schema;
        let batches =
            self.map(columns, pool, |chunk| Ok::<_, FrameError>(chunk.batch().clone()))?;
        Table::from_batches(&schema, &batches)
    }

    /// Computes `f` of each chunk, on all threads, and returns the results in chunk order.
    ///
    /// # Errors
    /// The first error of `f`, or if a column is not there or the file is damaged.
    pub fn map<T: Send, E: From<FrameError> + Send>(
        &self,
        columns: Option<&[String]>,
        pool: &Pool,
        f: impl Fn(Table) -> Result<T, E> + Sync,
    ) -> Result<Vec<T>, E> {
        let mut all = Vec::new();
        self.fold(columns, pool, f, |value| {
            all.push(value);
            Ok(())
        })?;
        Ok(all)
    }

    /// Computes `f` of each chunk, on all threads, and hands the results to `take` in chunk order, window by window.
    ///
    /// # Errors
    /// The first error of `f` or `take`, or if a column is not there or the file is damaged.
    pub fn fold<T: Send, E: From<FrameError> + Send>(
        &self,
        columns: Option<&[String]>,
        pool: &Pool,
        f: impl Fn(Table) -> Result<T, E> + Sync,
        mut take: impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E> {
        let chosen = self.choose(columns)?;
        let mut windows = Windows::new(self, &chosen, pool)?;
        let mut first_row = 0;
        while let Some(window) = windows.next()? {
            let done = pool.map(window.len(), |i| {
                f(Table::from_batch(window[i].clone()).at_row(first_row + i * CHUNK_ROWS))
            });
            first_row += window.iter().map(RecordBatch::num_rows).sum::<usize>();
            drop(window);
            done.into_iter().try_for_each(|value| take(value?))?;
        }
        Ok(())
    }

    /// Reads the last rows, at most `n_rows`.
    ///
    /// # Errors
    /// If the file is damaged.
    pub fn tail(&self, n_rows: usize) -> Result<Table, FrameError> {
        let (mut groups, mut held) = (Vec::new(), 0);
        for (i, group) in self.metadata.metadata().row_groups().iter().enumerate().rev() {
            if held >= n_rows {
                break;
            }
            groups.insert(0, i);
            held += usize::try_from(group.num_rows()).unwrap_or(0);
        }
        let (skipped, taken) = (held.saturating_sub(n_rows), n_rows.min(held));
        let metadata = self.metadata.clone();
        let batches = match &self.origin {
            Origin::File(open) => part(
                ParquetRecordBatchReaderBuilder::new_with_metadata(open()?, metadata),
                (groups, skipped, taken),
            ),
            Origin::Memory(bytes) => part(
                ParquetRecordBatchReaderBuilder::new_with_metadata(bytes.clone(), metadata),
                (groups, skipped, taken),
            ),
        }?;
        let table = Table::from_batches(self.schema(), &batches)?;
        Ok(table.at_row(self.n_rows - taken))
    }

    fn choose(&self, columns: Option<&[String]>) -> Result<Chosen, FrameError> {
        let schema = self.schema();
        let Some(names) = columns else {
            let columns = (0..schema.fields().len()).collect();
            return Ok(Chosen { schema: schema.clone(), columns });
        };
        let mut columns = names.iter().map(|n| self.position(n)).collect::<Result<Vec<_>, _>>()?;
        columns.sort_unstable();
        columns.dedup();
        let fields: Vec<_> = columns.iter().map(|&i| schema.fields()[i].clone()).collect();
        let schema = Schema::new_with_metadata(fields, schema.metadata().clone());
        Ok(Chosen { schema: Arc::new(schema), columns })
    }

    fn position(&self, name: &str) -> Result<usize, FrameError> {
        self.schema().index_of(name).map_err(|_| {
            let known = self.schema().fields().iter().map(|f| f.name().as_str());
            let suggestion = names::did_you_mean(name, known).unwrap_or_default().to_string();
            FrameError::MissingColumn { column: name.to_string(), suggestion }
        })
    }

    /// Makes a reader of some columns, of one row group or of all.
    fn reader(
        &self,
        columns: &[usize],
        group: Option<usize>,
    ) -> Result<ParquetRecordBatchReader, FrameError> {
        match &self.origin {
            Origin::File(open) => {
                let file = open()?;
                self.built(
                    ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone()),
                    columns,
                    group,
                )
            }
            Origin::Memory(bytes) => self.built(
                ParquetRecordBatchReaderBuilder::new_with_metadata(
                    bytes.clone(),
                    self.metadata.clone(),
                ),
                columns,
                group,
            ),
        }
    }

    fn built<R: ::parquet::file::reader::ChunkReader + 'static>(
        &self,
        builder: ParquetRecordBatchReaderBuilder<R>,
        columns: &[usize],
        group: Option<usize>,
    ) -> Result<ParquetRecordBatchReader, FrameError> {
        let mask = ProjectionMask::roots(builder.parquet_schema(), columns.iter().copied());
        let builder = builder.with_projection(mask).with_batch_size(CHUNK_ROWS);
        let builder = match group {
            Some(group) => builder.with_row_groups(vec![group]),
            None => builder,
        };
        Ok(builder.build()?)
    }
}

/// Reads some rows of some row groups.
fn part<R: ::parquet::file::reader::ChunkReader + 'static>(
    builder: ParquetRecordBatchReaderBuilder<R>,
    (groups, skipped, taken): (Vec<usize>, usize, usize),
) -> Result<Vec<RecordBatch>, FrameError> {
    let builder = builder.with_row_groups(groups).with_offset(skipped).with_limit(taken);
    decoding(|| builder.with_batch_size(taken.max(1)).build()?.map(|b| Ok(b?)).collect())
}

fn checked<R: ::parquet::file::reader::ChunkReader>(
    source: &R,
) -> Result<(ArrowReaderMetadata, u64), FrameError> {
    pages::check_footer(source)?;
    let metadata = ArrowReaderMetadata::load(source, ArrowReaderOptions::default())?;
    pages::check(source, metadata.metadata(), &mut Growth::of_file(source.len()))?;
    Ok((metadata, source.len()))
}

/// Reads window after window.
struct Windows<'a> {
    rows: &'a Rows,
    chosen: &'a Chosen,
    pool: &'a Pool,
    growth: Growth,
    /// The next row group, of an aligned file.
    group: usize,
    /// Of another.
    reader: Option<ParquetRecordBatchReader>,
    chunks_a_window: usize,
}

impl<'a> Windows<'a> {
    fn new(rows: &'a Rows, chosen: &'a Chosen, pool: &'a Pool) -> Result<Windows<'a>, FrameError> {
        let reader = match rows.aligned && !chosen.columns.is_empty() {
            true => None,
            false => Some(decoding(|| rows.reader(&chosen.columns, None))?),
        };
        let growth = Growth::of_file(rows.n_bytes);
        let chunks_a_window = pool.n_threads().max(1);
        Ok(Windows { rows, chosen, pool, growth, group: 0, reader, chunks_a_window })
    }

    /// Returns the chunks of the next window; `None` at the end.
    fn next(&mut self) -> Result<Option<Vec<RecordBatch>>, FrameError> {
        let window = match &mut self.reader {
            Some(reader) => {
                let (n, schema) = (self.chunks_a_window, &self.chosen.schema);
                let chosen = |batch: Result<RecordBatch, _>| batch?.with_schema(schema.clone());
                decoding(|| {
                    let window = reader.take(n).map(chosen).collect::<Result<Vec<_>, _>>();
                    Ok::<_, FrameError>(window?)
                })?
            }
            None => self.groups()?,
        };
        window.iter().try_for_each(|batch| self.growth.add_batch(batch))?;
        Ok((!window.is_empty()).then_some(window))
    }

    fn groups(&mut self) -> Result<Vec<RecordBatch>, FrameError> {
        let groups = self.rows.metadata.metadata().row_groups();
        let first = self.group;
        let mut n_chunks = 0;
        while self.group < groups.len() && n_chunks < self.chunks_a_window {
            let n_rows = usize::try_from(groups[self.group].num_rows()).unwrap_or(0);
            n_chunks += n_rows.div_ceil(CHUNK_ROWS);
            self.group += 1;
        }
        let (n_groups, n_columns) = (self.group - first, self.chosen.columns.len());
        let decoded = self.pool.map(n_groups * n_columns, |i| {
            let (group, column) = (first + i / n_columns, self.chosen.columns[i % n_columns]);
            decoding(|| {
                let reader = self.rows.reader(&[column], Some(group))?;
                Ok::<_, FrameError>(reader.collect::<Result<Vec<_>, _>>()?)
            })
        });
        let mut decoded = decoded.into_iter().collect::<Result<Vec<_>, _>>()?;
        let mut window = Vec::with_capacity(n_chunks);
        for group in decoded.chunks_mut(n_columns.max(1)) {
            let n = group.iter().map(Vec::len).min().unwrap_or(0);
            for chunk in 0..n {
                let columns: Vec<_> = group.iter().map(|c| c[chunk].column(0).clone()).collect();
                let n_rows = columns.first().map_or(0, |c| c.len());
                let options = RecordBatchOptions::new().with_row_count(Some(n_rows));
                let schema = self.chosen.schema.clone();
                window.push(RecordBatch::try_new_with_options(schema, columns, &options)?);
            }
            group.iter_mut().for_each(Vec::clear);
        }
        Ok(window)
    }
}
