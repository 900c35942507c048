//! Tables out of the store: CSV, JSON rows, Parquet, Arrow; as a whole or as their rows come. It does not know where the
//! bytes go.
//!
//! JSON is an array of one object a row, keys in the order of the columns.

use std::{io::Write, path::Path};

use arrow::{
    array::{Array, ArrayRef, AsArray},
    datatypes::{DataType, Float64Type, SchemaRef},
    error::ArrowError,
    ipc::writer::{FileWriter, StreamWriter},
    util::display::{ArrayFormatter, FormatOptions},
};

use crate::{
    base::pool::Pool,
    frame::{Table, TableWriter, csv, parquet, table::FrameError},
};

/// A format that a person may ask for by a file's ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values.
    Csv,
    /// An array of rows.
    Json,
    /// As artifacts are.
    Parquet,
    /// An Arrow IPC file ("Feather 2").
    Arrow,
    /// An Arrow IPC stream, for pipes.
    ArrowStream,
}

impl Format {
    /// The endings, for messages.
    pub const ENDINGS: &str = ".csv, .parquet, .arrow or .json";

    /// Returns the format that a file's name asks for.
    pub fn of_path(path: &Path) -> Option<Format> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(Format::Csv),
            "json" => Some(Format::Json),
            "parquet" => Some(Format::Parquet),
            "arrow" | "feather" => Some(Format::Arrow),
            "arrows" => Some(Format::ArrowStream),
            _ => None,
        }
    }
}

/// Writes a table in a format.
///
/// # Errors
/// If the sink fails.
pub fn write<W: Write + Send>(table: &Table, format: Format, sink: W) -> Result<(), FrameError> {
    match format {
        Format::Parquet => parquet::write(table, sink),
        _ => {
            let mut writer = RowsWriter::new(sink, format, &table.schema(), &Pool::new(1))?;
            writer.push(table)?;
            writer.finish()
        }
    }
}

/// Writes answers as they come.
pub struct RowsWriter<W: Write + Send>(Kind<W>);

enum Kind<W: Write + Send> {
    Csv(Box<csv::RowsWriter<W>>),
    Json { sink: W, n_rows: usize },
    Parquet(Box<TableWriter<W>>),
    Arrow(Box<FileWriter<W>>),
    ArrowStream(Box<StreamWriter<W>>),
}

impl<W: Write + Send> RowsWriter<W> {
    /// Starts a table with these columns.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn new(
        mut sink: W,
        format: Format,
        schema: &SchemaRef,
        pool: &Pool,
    ) -> Result<RowsWriter<W>, FrameError> {
        Ok(RowsWriter(match format {
            Format::Csv => Kind::Csv(Box::new(csv::RowsWriter::new(sink, schema)?)),
            Format::Json => {
                sink.write_all(b"[")?;
                Kind::Json { sink, n_rows: 0 }
            }
            Format::Parquet => {
                Kind::Parquet(Box::new(TableWriter::of_scores(sink, schema.clone(), pool)?))
            }
            Format::Arrow => Kind::Arrow(Box::new(FileWriter::try_new(sink, schema)?)),
            Format::ArrowStream => {
                Kind::ArrowStream(Box::new(StreamWriter::try_new(sink, schema)?))
            }
        }))
    }

    /// Appends rows.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn push(&mut self, table: &Table) -> Result<(), FrameError> {
        match &mut self.0 {
            Kind::Csv(writer) => writer.push(table),
            Kind::Json { sink, n_rows } => {
                json_rows(table, *n_rows == 0, sink)?;
                *n_rows += table.n_rows();
                Ok(())
            }
            Kind::Parquet(writer) => writer.push(table.batch().clone()),
            Kind::Arrow(writer) => Ok(writer.write(table.batch())?),
            Kind::ArrowStream(writer) => Ok(writer.write(table.batch())?),
        }
    }

    /// Ends the table.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn finish(self) -> Result<(), FrameError> {
        match self.0 {
            Kind::Csv(writer) => writer.finish(),
            Kind::Json { mut sink, n_rows } => {
                sink.write_all(if n_rows == 0 { b"]\n" } else { b"\n]\n" })?;
                Ok(sink.flush()?)
            }
            Kind::Parquet(writer) => writer.finish().map(|_| ()),
            Kind::Arrow(mut writer) => {
                writer.finish()?;
                Ok(writer.flush()?)
            }
            Kind::ArrowStream(mut writer) => {
                writer.finish()?;
                Ok(writer.flush()?)
            }
        }
    }
}

/// Writes a table as a JSON array of rows.
///
/// # Errors
/// If the sink fails.
pub fn write_json<W: Write + Send>(table: &Table, sink: W) -> Result<(), FrameError> {
    write(table, Format::Json, sink)
}

/// Writes rows of a JSON array, of which these are the first or others.
fn json_rows<W: Write>(table: &Table, mut first: bool, sink: &mut W) -> Result<(), FrameError> {
    let options = FormatOptions::default();
    let formatters = formatters(table, &options)?;
    let keys: Vec<String> =
        table.names().iter().map(|n| serde_json::Value::from(n.as_str()).to_string()).collect();
    let columns = table.batch().columns();
    for row in 0..table.n_rows() {
        sink.write_all(if first { b"\n  {" } else { b",\n  {" })?;
        first = false;
        for (j, key) in keys.iter().enumerate() {
            let comma = if j == 0 { "" } else { ", " };
            let value = json_value(&columns[j], &formatters[j], row)?;
            write!(sink, "{comma}{key}: {value}")?;
        }
        sink.write_all(b"}")?;
    }
    Ok(())
}

fn json_value(
    column: &ArrayRef,
    formatter: &ArrayFormatter<'_>,
    row: usize,
) -> Result<String, ArrowError> {
    if column.is_null(row) {
        return Ok("null".to_string());
    }
    match column.data_type() {
        DataType::Float64 => {
            let value = column.as_primitive::<Float64Type>().value(row);
            // JSON has no NaN and no infinity.
            Ok(serde_json::Value::from(value).to_string())
        }
        DataType::Boolean => Ok(column.as_boolean().value(row).to_string()),
        ty if ty.is_integer() => formatter.value(row).try_to_string(),
        _ => Ok(serde_json::Value::from(formatter.value(row).try_to_string()?).to_string()),
    }
}

fn formatters<'a>(
    table: &'a Table,
    options: &'a FormatOptions<'a>,
) -> Result<Vec<ArrayFormatter<'a>>, ArrowError> {
    table.batch().columns().iter().map(|c| ArrayFormatter::try_new(c.as_ref(), options)).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BooleanArray, Date32Array, Int32Array, TimestampMicrosecondArray};

    use super::*;
    use crate::frame::table::{float_array, opt_text_array};

    fn table() -> Table {
        Table::new(
            Some("z"),
            vec![
                ("z", opt_text_array([Some("a,\"b\""), None])),
                ("a", float_array(vec![0.1, f64::NAN])),
                ("segment", Arc::new(Int32Array::from(vec![-1, 3]))),
                ("yes", Arc::new(BooleanArray::from(vec![Some(true), None]))),
                ("day", Arc::new(Date32Array::from(vec![0, 19000]))),
                ("at", Arc::new(TimestampMicrosecondArray::from(vec![0, 1_500_000]))),
            ],
        )
        .unwrap()
    }

    fn written(table: &Table, format: Format) -> String {
        let mut bytes = Vec::new();
        write(table, format, &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn json_keeps_the_order_of_columns() {
        let text = written(&table(), Format::Json);
        let first = "[\n  {\"z\": \"a,\\\"b\\\"\", \"a\": 0.1, \"segment\": -1, \"yes\": true, ";
        assert!(text.starts_with(first), "{text}");
        let rows: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(rows[1]["a"], serde_json::Value::Null);
        let empty = table().take(&[]).unwrap();
        assert_eq!(written(&empty, Format::Json), "[]\n");
    }

    #[test]
    fn rows_may_come_in_parts() {
        let table = table();
        for format in [Format::Csv, Format::Json] {
            let mut bytes = Vec::new();
            let pool = Pool::new(1);
            let mut writer = RowsWriter::new(&mut bytes, format, &table.schema(), &pool).unwrap();
            for part in [&[0][..], &[], &[1]] {
                writer.push(&table.take(part).unwrap()).unwrap();
            }
            writer.finish().unwrap();
            let mut whole = Vec::new();
            write(&table, format, &mut whole).unwrap();
            assert_eq!(bytes, whole, "{format:?}");
        }
        for format in [Format::Arrow, Format::ArrowStream, Format::Parquet] {
            let mut bytes = Vec::new();
            let pool = Pool::new(1);
            let mut writer = RowsWriter::new(&mut bytes, format, &table.schema(), &pool).unwrap();
            writer.push(&table).unwrap();
            writer.finish().unwrap();
            let read = crate::frame::foreign::read(bytes.into(), None).unwrap();
            let columns = read.columns.iter().map(|(n, a)| (n.as_str(), a.clone())).collect();
            let read = Table::new(None, columns).unwrap();
            assert_eq!(read.integers("segment").unwrap(), [Some(-1), Some(3)]);
            assert_eq!(read.texts("z").unwrap(), table.texts("z").unwrap());
        }
    }

    #[test]
    fn formats_go_by_ending() {
        assert_eq!(Format::of_path(Path::new("a/b.CSV")), Some(Format::Csv));
        assert_eq!(Format::of_path(Path::new("a/b.txt")), None);
    }
}
