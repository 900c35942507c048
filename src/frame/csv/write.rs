//! Tables as delimited text: RFC 4180, commas, one header line. It does not know where the text goes.

use std::io::Write;

use arrow::{
    array::{Array, ArrayRef, AsArray},
    datatypes::{DataType, Float64Type, Schema, TimeUnit},
    util::display::array_value_to_string,
};

use crate::frame::{FrameError, Table};

/// Writes `table` as CSV. Nulls are empty; floats are the shortest text that reads back to the same bits.
///
/// # Errors
/// If the sink fails.
pub fn write<W: Write>(table: &Table, sink: W) -> Result<(), FrameError> {
    let mut writer = RowsWriter::new(sink, &table.schema())?;
    writer.push(table)?;
    writer.finish()
}

/// Writes CSV as its rows come.
pub struct RowsWriter<W: Write>(csv::Writer<W>);

impl<W: Write> RowsWriter<W> {
    /// Starts with the header.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn new(sink: W, schema: &Schema) -> Result<RowsWriter<W>, FrameError> {
        let mut writer = csv::Writer::from_writer(sink);
        writer.write_record(schema.fields().iter().map(|f| f.name())).map_err(failed)?;
        Ok(RowsWriter(writer))
    }

    /// Appends rows.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn push(&mut self, table: &Table) -> Result<(), FrameError> {
        let columns = table.batch().columns();
        let mut record = csv::StringRecord::new();
        for row in 0..table.n_rows() {
            record.clear();
            for array in columns {
                record.push_field(&cell(array, row)?);
            }
            self.0.write_record(&record).map_err(failed)?;
        }
        Ok(())
    }

    /// Ends the text.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn finish(mut self) -> Result<(), FrameError> {
        Ok(self.0.flush()?)
    }
}

fn failed(error: csv::Error) -> FrameError {
    FrameError::Io(std::io::Error::other(error))
}

/// Returns one value as text; null is empty.
fn cell(array: &ArrayRef, row: usize) -> Result<String, FrameError> {
    if array.is_null(row) {
        return Ok(String::new());
    }
    Ok(match array.data_type() {
        DataType::Float64 => array.as_primitive::<Float64Type>().value(row).to_string(),
        DataType::Utf8 => array.as_string::<i32>().value(row).to_string(),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            array_value_to_string(array, row)?.replacen('T', " ", 1)
        }
        _ => array_value_to_string(array, row)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::table::{float_array, int_array, opt_text_array};

    #[test]
    fn odd_values_are_quoted_and_nulls_are_empty() {
        let table = Table::new(
            None,
            vec![
                ("a,b", opt_text_array([Some("x\"y"), None])),
                ("f", float_array(vec![0.1, f64::NAN])),
                ("i", int_array(vec![1, -2])),
            ],
        )
        .unwrap();
        let mut text = Vec::new();
        write(&table, &mut text).unwrap();
        assert_eq!(String::from_utf8(text).unwrap(), "\"a,b\",f,i\n\"x\"\"y\",0.1,1\n,,-2\n");
    }
}
