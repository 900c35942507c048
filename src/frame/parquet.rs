//! Parquet in and out. Writing is byte-for-byte deterministic: fixed writer properties, our own `created_by`,
//! sorted metadata, row groups cut at fixed rows. It does not know where the bytes go.

use std::io::Write;

use arrow::{
    array::RecordBatch,
    datatypes::{DataType, FieldRef, Schema, SchemaRef},
    error::ArrowError,
};
use parquet::{
    arrow::{
        arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder},
        arrow_writer::ArrowWriterOptions,
    },
    basic::Compression,
    file::{
        metadata::{KeyValue, ParquetMetaDataReader},
        properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion},
        reader::ChunkReader,
    },
    schema::types::ColumnPath,
};

use crate::{
    base::pool::{CHUNK_ROWS, Pool},
    frame::{
        growth::{self, Growth},
        guard::decoding,
        pages,
        table::{FrameError, Table},
        writer::TableWriter,
    },
};

/// Rows in one row group: a whole number of chunks, so that readers can work chunk by chunk.
pub const ROW_GROUP_ROWS: usize = 4 * CHUNK_ROWS;

/// Written into every file instead of the parquet crate's version, which would change hashes with an upgrade.
const CREATED_BY: &str = "orchestrate";

/// Reads a whole Parquet file. Metadata keys under `orchestrate.` are kept in the schema.
///
/// # Errors
/// If the bytes are not Parquet or are damaged.
pub fn read<R: ChunkReader + 'static>(source: R) -> Result<Table, FrameError> {
    decoding(|| read_all(source))
}

fn read_all<R: ChunkReader + 'static>(source: R) -> Result<Table, FrameError> {
    let growth = Growth::of_file(source.len());
    let builder = open(source)?;
    let schema = builder.schema().clone();
    let rows = growth::step_rows(schema.fields().len());
    let batches = gathered(builder.with_batch_size(rows).build()?, growth)?;
    Table::from_batches(&schema, &batches)
}

/// Opens a file whose pages claim no more than it may grow to.
///
/// # Errors
/// If they do, or are damaged.
pub fn open<R: ChunkReader + 'static>(
    source: R,
) -> Result<ParquetRecordBatchReaderBuilder<R>, FrameError> {
    pages::check_footer(&source)?;
    let metadata = ArrowReaderMetadata::load(&source, ArrowReaderOptions::default())?;
    pages::check(&source, metadata.metadata(), &mut Growth::of_file(source.len()))?;
    Ok(ParquetRecordBatchReaderBuilder::new_with_metadata(source, metadata))
}

/// Collects batches until they are more than a file may grow to.
///
/// # Errors
/// As the reader does, and if they are too many.
pub fn gathered(
    reader: impl Iterator<Item = Result<RecordBatch, ArrowError>>,
    mut growth: Growth,
) -> Result<Vec<RecordBatch>, FrameError> {
    let mut batches = Vec::new();
    for batch in reader {
        let batch = batch?;
        growth.add_batch(&batch)?;
        batches.push(batch);
    }
    Ok(batches)
}

/// Reads the first `n_rows` rows of a Parquet file, or all if there are fewer.
///
/// # Errors
/// If the bytes are not Parquet or are damaged.
pub fn read_head<R: ChunkReader + 'static>(source: R, n_rows: usize) -> Result<Table, FrameError> {
    decoding(|| {
        let growth = Growth::of_file(source.len());
        let builder = open(source)?;
        let schema = builder.schema().clone();
        let rows = growth::step_rows(schema.fields().len()).min(n_rows.max(1));
        let reader = builder.with_batch_size(rows).with_limit(n_rows).build()?;
        Table::from_batches(&schema, &gathered(reader, growth)?)
    })
}

/// Returns the columns of a Parquet file; the rows are not read.
///
/// # Errors
/// If the bytes are not Parquet or are damaged.
pub fn read_schema<R: ChunkReader + 'static>(source: R) -> Result<SchemaRef, FrameError> {
    decoding(|| {
        pages::check_footer(&source)?;
        Ok(ParquetRecordBatchReaderBuilder::try_new(source)?.schema().clone())
    })
}

/// Returns the number of rows that a Parquet file says it has; the rows are not read.
///
/// # Errors
/// If the bytes are not Parquet or are damaged.
pub fn count_rows<R: ChunkReader + 'static>(source: &R) -> Result<u64, FrameError> {
    decoding(|| {
        pages::check_footer(source)?;
        let metadata = ParquetMetaDataReader::new().parse_and_finish(source)?;
        Ok(u64::try_from(metadata.file_metadata().num_rows()).unwrap_or(0))
    })
}

/// Writes `table` as Parquet.
///
/// # Errors
/// If the sink fails.
pub fn write<W: Write + Send>(table: &Table, sink: W) -> Result<(), FrameError> {
    write_on(table, sink, &Pool::new(1))
}

/// Writes `table` as Parquet, its columns side by side. The bytes are those of [`write`].
///
/// # Errors
/// If the sink fails.
pub fn write_on<W: Write + Send>(table: &Table, sink: W, pool: &Pool) -> Result<(), FrameError> {
    let mut writer = TableWriter::new(sink, table.schema(), pool)?;
    writer.push(table.batch().clone())?;
    writer.finish()?;
    Ok(())
}

/// Returns how files are written whose columns are those of `schema`.
pub fn options(schema: &Schema) -> ArrowWriterOptions {
    options_with(schema, |properties| properties)
}

/// Returns how files are written whose floats hardly ever repeat, as probabilities do: looking for those that do costs
/// more than all else of writing them. Artifacts are not written so, since their bytes are known by now.
pub fn options_of_scores(schema: &Schema) -> ArrowWriterOptions {
    let floats = schema.fields().iter().filter(|f| *f.data_type() == DataType::Float64);
    let plain = |properties: WriterPropertiesBuilder, field: &FieldRef| {
        let column = ColumnPath::new(vec![field.name().clone()]);
        properties.set_column_dictionary_enabled(column, false)
    };
    options_with(schema, |properties| floats.fold(properties, plain))
}

fn options_with(
    schema: &Schema,
    more: impl FnOnce(WriterPropertiesBuilder) -> WriterPropertiesBuilder,
) -> ArrowWriterOptions {
    let mut metadata: Vec<KeyValue> = schema
        .metadata()
        .iter()
        .filter(|(key, _)| key.starts_with("orchestrate."))
        .map(|(key, value)| KeyValue::new(key.clone(), value.clone()))
        .collect();
    metadata.sort_by(|a, b| a.key.cmp(&b.key));
    let properties = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(Compression::LZ4_RAW)
        .set_created_by(CREATED_BY.to_string())
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_key_value_metadata((!metadata.is_empty()).then_some(metadata));
    let properties = more(properties).build();
    // The Arrow schema is left out: it is a serialised hash map, and every type we write is recovered
    // from Parquet's own logical types.
    ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, BooleanArray, Date32Array, TimestampMicrosecondArray};
    use bytes::Bytes;

    use super::*;
    use crate::frame::table::{float_array, int_array, segment_array, text_array};

    fn bytes(table: &Table) -> Vec<u8> {
        let mut out = Vec::new();
        write(table, &mut out).unwrap();
        out
    }

    #[test]
    fn every_contract_type_survives_and_bytes_repeat() {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("id", text_array(["a", "b"])),
            ("f", float_array(vec![0.1, f64::NAN])),
            ("i", int_array(vec![1, -1])),
            ("s", segment_array(vec![0, -1])),
            ("b", Arc::new(BooleanArray::from(vec![Some(true), None]))),
            ("d", Arc::new(Date32Array::from(vec![0, 20_000]))),
            ("t", Arc::new(TimestampMicrosecondArray::from(vec![0, 1_700_000_000_000_000]))),
        ];
        let table = Table::new(Some("id"), columns).unwrap();
        let first = bytes(&table);
        assert_eq!(first, bytes(&table));
        let back = read(Bytes::from(first)).unwrap();
        assert_eq!(back, table);
        assert_eq!(back.id_name().as_deref(), Some("id"));
    }

    #[test]
    fn empty_tables_and_garbage() {
        let table = Table::new(None, vec![("x", float_array(vec![]))]).unwrap();
        assert_eq!(read(Bytes::from(bytes(&table))).unwrap().n_rows(), 0);
        assert!(read(Bytes::from_static(b"PAR1 not really")).is_err());
    }
}
