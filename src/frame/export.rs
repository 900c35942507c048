//! Tables out of the store: CSV, JSON rows, Parquet. It does not know where the bytes go.
//!
//! JSON is an array of one object a row, keys in the order of the columns.

use std::{io::Write, path::Path};

use arrow::{
    array::{Array, ArrayRef, AsArray},
    datatypes::{DataType, Float64Type},
    error::ArrowError,
    util::display::{ArrayFormatter, FormatOptions},
};

use crate::frame::{Table, csv, parquet, table::FrameError};

/// A format that a person may ask for by a file's ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values.
    Csv,
    /// An array of rows.
    Json,
    /// As artifacts are.
    Parquet,
}

impl Format {
    /// The endings, for messages.
    pub const ENDINGS: &str = ".csv, .parquet or .json";

    /// Returns the format that a file's name asks for.
    pub fn of_path(path: &Path) -> Option<Format> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(Format::Csv),
            "json" => Some(Format::Json),
            "parquet" => Some(Format::Parquet),
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
        Format::Csv => csv::write(table, sink),
        Format::Json => write_json(table, sink),
        Format::Parquet => parquet::write(table, sink),
    }
}

/// Writes a table as a JSON array of rows.
///
/// # Errors
/// If the sink fails.
pub fn write_json<W: Write>(table: &Table, mut sink: W) -> Result<(), FrameError> {
    let options = FormatOptions::default();
    let formatters = formatters(table, &options)?;
    let keys: Vec<String> =
        table.names().iter().map(|n| serde_json::Value::from(n.as_str()).to_string()).collect();
    let columns = table.batch().columns();
    sink.write_all(b"[")?;
    for row in 0..table.n_rows() {
        sink.write_all(if row == 0 { b"\n  {" } else { b",\n  {" })?;
        for (j, key) in keys.iter().enumerate() {
            let comma = if j == 0 { "" } else { ", " };
            let value = json_value(&columns[j], &formatters[j], row)?;
            write!(sink, "{comma}{key}: {value}")?;
        }
        sink.write_all(b"}")?;
    }
    sink.write_all(if table.n_rows() == 0 { b"]\n" } else { b"\n]\n" })?;
    Ok(sink.flush()?)
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
    fn formats_go_by_ending() {
        assert_eq!(Format::of_path(Path::new("a/b.CSV")), Some(Format::Csv));
        assert_eq!(Format::of_path(Path::new("a/b.txt")), None);
    }
}
