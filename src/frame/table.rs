//! A table in memory: one Arrow record batch, the name of its id column, and access by column name.
//! It does not know files.

use std::{collections::HashMap, sync::Arc};

use arrow::{
    array::{
        Array, ArrayRef, AsArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
    },
    compute,
    datatypes::{DataType, Field, Float64Type, Int32Type, Int64Type, Schema, SchemaRef, TimeUnit},
    error::ArrowError,
};

use crate::base::{matrix::Matrix, names};

/// The schema metadata key under which the id column's name travels.
pub const ID_KEY: &str = "orchestrate.id";

/// The name of the ids that a table without any gets: its rows' numbers, from 0.
pub const ROW: &str = "row";

/// What can be wrong with a table.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// A column that is asked for is not there.
    #[error("there is no column `{column}`{}", nearest(.suggestion))]
    MissingColumn {
        /// The name asked for.
        column: String,
        /// A name that is near, or an empty text.
        suggestion: String,
    },
    /// A column has a type that cannot be used here.
    #[error("column `{column}` is {found}, expected {expected}")]
    WrongType {
        /// The column.
        column: String,
        /// Its type.
        found: String,
        /// What would do.
        expected: &'static str,
    },
    /// A null where none may be.
    #[error("column `{column}` has no value in row {row}")]
    Null {
        /// The column.
        column: String,
        /// Zero-based row.
        row: usize,
    },
    /// The bytes are not readable Parquet, or Arrow refused an operation.
    #[error("{0}")]
    Arrow(#[from] ArrowError),
    /// The bytes are not readable Parquet.
    #[error("{0}")]
    Parquet(::parquet::errors::ParquetError),
    /// The bytes are damaged in a way that the library which decodes them did not foresee.
    #[error("the file is damaged: {0}")]
    Damaged(String),
    /// A small file that would fill the memory.
    #[error("it holds more than 512 MiB and {times} times its size, as no table does")]
    Unfolds {
        /// How many times its size a file may grow to.
        times: u64,
    },
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl From<::parquet::errors::ParquetError> for FrameError {
    /// Whoever reads or writes through the Parquet crate still learns what the medium said.
    fn from(error: ::parquet::errors::ParquetError) -> FrameError {
        use ::parquet::errors::ParquetError;
        match error {
            ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
                Ok(error) => FrameError::Io(*error),
                Err(other) => FrameError::Parquet(ParquetError::External(other)),
            },
            other => FrameError::Parquet(other),
        }
    }
}

fn nearest(suggestion: &str) -> String {
    if suggestion.is_empty() { String::new() } else { format!(", did you mean `{suggestion}`?") }
}

/// A table in memory. Column types are those of the artifact contract: `Utf8`, `Float64`, `Int64`,
/// `Int32` (segments), `Boolean`, `Date32`, `Timestamp(us)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    batch: RecordBatch,
    /// Where its first row stands in the table that it is a chunk of.
    first_row: usize,
}

impl Table {
    /// Wraps a record batch; its schema metadata may name the id column.
    pub fn from_batch(batch: RecordBatch) -> Table {
        Table { batch, first_row: 0 }
    }

    /// Returns the same rows as a chunk that starts at row `first_row` of a longer table.
    pub fn at_row(self, first_row: usize) -> Table {
        Table { first_row, ..self }
    }

    /// Returns where the first row stands in the whole table, for messages and row numbers.
    pub fn first_row(&self) -> usize {
        self.first_row
    }

    /// Joins batches of one schema into a table.
    ///
    /// # Errors
    /// If a text column exceeds 2 GiB in all.
    pub fn from_batches(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Table, FrameError> {
        Ok(Table::from_batch(compute::concat_batches(schema, batches)?))
    }

    /// Builds a table from named columns of equal length; `id` names the id column, if there is one.
    ///
    /// # Errors
    /// If the lengths differ.
    pub fn new(id: Option<&str>, columns: Vec<(&str, ArrayRef)>) -> Result<Table, FrameError> {
        let fields: Vec<Field> = columns
            .iter()
            .map(|(name, array)| Field::new(*name, array.data_type().clone(), true))
            .collect();
        let arrays: Vec<ArrayRef> = columns.into_iter().map(|(_, array)| array).collect();
        let n_rows = arrays.first().map_or(0, |a| a.len());
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(n_rows));
        let schema = Arc::new(schema_with_id(fields, id));
        Ok(Table::from_batch(RecordBatch::try_new_with_options(schema, arrays, &options)?))
    }

    /// Returns the underlying batch.
    pub fn batch(&self) -> &RecordBatch {
        &self.batch
    }

    /// Returns the schema, with the id's name in its metadata.
    pub fn schema(&self) -> SchemaRef {
        self.batch.schema()
    }

    /// Returns the number of rows.
    pub fn n_rows(&self) -> usize {
        self.batch.num_rows()
    }

    /// Returns the column names in order.
    pub fn names(&self) -> Vec<String> {
        self.batch.schema().fields().iter().map(|f| f.name().clone()).collect()
    }

    /// Returns the id column's name, if the table has one.
    pub fn id_name(&self) -> Option<String> {
        id_of(&self.batch.schema())
    }

    /// Returns the id column's name and values; a table without one gets `row`, counted from 0.
    ///
    /// # Errors
    /// If the metadata names a column that is not there.
    pub fn id(&self) -> Result<(String, ArrayRef), FrameError> {
        match self.id_name() {
            Some(name) => {
                let values = self.column(&name)?.clone();
                Ok((name, values))
            }
            None => {
                let first = self.first_row as i64;
                let rows = Int64Array::from_iter_values(first..first + self.n_rows() as i64);
                Ok((ROW.to_string(), Arc::new(rows)))
            }
        }
    }

    /// Returns true if rows are known by their numbers only, which are no names: another table has the same ones.
    pub fn has_numbers_for_ids(&self) -> bool {
        self.id_name().is_none_or(|name| name == ROW)
    }

    /// Returns the same table with `id` as the id column's name.
    pub fn with_id(self, id: Option<&str>) -> Result<Table, FrameError> {
        let mut metadata = self.batch.schema().metadata().clone();
        match id {
            Some(name) => metadata.insert(ID_KEY.to_string(), name.to_string()),
            None => metadata.remove(ID_KEY),
        };
        self.with_metadata(metadata)
    }

    /// Returns the same table with this schema metadata.
    pub fn with_metadata(self, metadata: HashMap<String, String>) -> Result<Table, FrameError> {
        let schema =
            Arc::new(Schema::new_with_metadata(self.batch.schema().fields().clone(), metadata));
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(self.n_rows()));
        let columns = self.batch.columns().to_vec();
        let batch = RecordBatch::try_new_with_options(schema, columns, &options)?;
        Ok(Table { batch, ..self })
    }

    /// Returns column `name`.
    ///
    /// # Errors
    /// [`FrameError::MissingColumn`] with a suggestion.
    pub fn column(&self, name: &str) -> Result<&ArrayRef, FrameError> {
        self.batch.column_by_name(name).ok_or_else(|| {
            let names = self.names();
            let suggestion = names::did_you_mean(name, names.iter().map(String::as_str));
            FrameError::MissingColumn {
                column: name.to_string(),
                suggestion: suggestion.unwrap_or_default().to_string(),
            }
        })
    }

    /// Returns column `name` as numbers; null becomes NaN. Integers, floats, booleans (0 and 1) will do.
    ///
    /// # Errors
    /// If the column is missing or is not numeric.
    pub fn floats(&self, name: &str) -> Result<Vec<f64>, FrameError> {
        let array = self.column(name)?;
        if !is_numeric(array.data_type()) {
            return Err(wrong_type(name, array, "a number"));
        }
        // The two types that tables of ours have are read as they lie.
        if let Some(integers) = array.as_primitive_opt::<Int64Type>() {
            return Ok(integers.iter().map(|v| v.map_or(f64::NAN, |v| v as f64)).collect());
        }
        let cast = match array.data_type() {
            DataType::Float64 => Arc::clone(array),
            _ => compute::cast(array, &DataType::Float64)?,
        };
        let floats = cast.as_primitive::<Float64Type>();
        match floats.null_count() {
            0 => Ok(floats.values().to_vec()),
            _ => Ok(floats.iter().map(|v| v.unwrap_or(f64::NAN)).collect()),
        }
    }

    /// Returns a whole-number column; `None` for null.
    ///
    /// # Errors
    /// If the column is missing or is not made of integers.
    pub fn integers(&self, name: &str) -> Result<Vec<Option<i64>>, FrameError> {
        let array = self.column(name)?;
        match array.data_type() {
            DataType::Int32 => {
                Ok(array.as_primitive::<Int32Type>().iter().map(|v| v.map(i64::from)).collect())
            }
            DataType::Int64 => Ok(array.as_primitive::<Int64Type>().iter().collect()),
            _ => Err(wrong_type(name, array, "a whole number")),
        }
    }

    /// Returns a text column.
    ///
    /// # Errors
    /// If the column is missing or is not text.
    pub fn texts(&self, name: &str) -> Result<&StringArray, FrameError> {
        let array = self.column(name)?;
        array.as_string_opt::<i32>().ok_or_else(|| wrong_type(name, array, "text"))
    }

    /// Returns the `segment` column of labels: 0-based, -1 for noise.
    ///
    /// # Errors
    /// If it is missing, not an integer, or null somewhere.
    pub fn segments(&self) -> Result<Vec<i32>, FrameError> {
        let values = self.integers("segment")?;
        let known = values.iter().enumerate().map(|(row, v)| {
            v.and_then(|v| i32::try_from(v).ok())
                .ok_or(FrameError::Null { column: "segment".to_string(), row })
        });
        known.collect()
    }

    /// Returns every column but the id as a matrix of shape `(n_rows, n_columns)`, with their names.
    ///
    /// # Errors
    /// If one of them is not numeric.
    pub fn to_matrix(&self) -> Result<(Vec<String>, Matrix), FrameError> {
        let id = self.id_name();
        let names: Vec<String> =
            self.names().into_iter().filter(|n| Some(n) != id.as_ref()).collect();
        let columns = names.iter().map(|n| self.floats(n)).collect::<Result<Vec<_>, _>>()?;
        let matrix = if columns.is_empty() {
            Matrix::zeros(self.n_rows(), 0)
        } else {
            Matrix::from_columns(&columns)
        };
        Ok((names, matrix))
    }

    /// Builds a `matrix` artifact: the id column, then one Float64 column a name.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn from_matrix(
        id: (&str, ArrayRef),
        names: &[String],
        matrix: &Matrix,
    ) -> Result<Table, FrameError> {
        let mut columns = vec![(id.0, id.1)];
        for (j, name) in names.iter().enumerate() {
            columns.push((name.as_str(), float_array(matrix.column(j))));
        }
        Table::new(Some(id.0), columns)
    }

    /// Returns the rows where `keep` is true, in order.
    ///
    /// # Errors
    /// If the lengths differ.
    pub fn filter(&self, keep: &arrow::array::BooleanArray) -> Result<Table, FrameError> {
        Ok(Table::from_batch(compute::filter_record_batch(&self.batch, keep)?))
    }

    /// Returns the given rows in the given order.
    ///
    /// # Errors
    /// If an index is out of range.
    pub fn take(&self, rows: &[usize]) -> Result<Table, FrameError> {
        let indices = arrow::array::UInt64Array::from_iter_values(rows.iter().map(|&r| r as u64));
        Ok(Table::from_batch(compute::take_record_batch(&self.batch, &indices)?))
    }
}

/// Returns the id column's name in a schema.
pub fn id_of(schema: &Schema) -> Option<String> {
    schema.metadata().get(ID_KEY).cloned()
}

/// Makes a schema whose metadata names the id column.
pub fn schema_with_id(fields: Vec<Field>, id: Option<&str>) -> Schema {
    let metadata = id.map(|name| (ID_KEY.to_string(), name.to_string()));
    Schema::new_with_metadata(fields, metadata.into_iter().collect())
}

/// Returns true for integers, floats and booleans.
pub fn is_numeric(data_type: &DataType) -> bool {
    data_type.is_numeric() || *data_type == DataType::Boolean
}

/// Returns true for dates and timestamps.
pub fn is_temporal(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Date32 | DataType::Timestamp(TimeUnit::Microsecond, _))
}

/// Makes a Float64 column; NaN becomes null.
pub fn float_array(values: Vec<f64>) -> ArrayRef {
    Arc::new(Float64Array::from_iter(values.into_iter().map(|v| (!v.is_nan()).then_some(v))))
}

/// Makes an Int64 column.
pub fn int_array(values: Vec<i64>) -> ArrayRef {
    Arc::new(Int64Array::from(values))
}

/// Makes an Int32 column, for segments.
pub fn segment_array(values: Vec<i32>) -> ArrayRef {
    Arc::new(Int32Array::from(values))
}

/// Makes a text column.
pub fn text_array<S: AsRef<str>>(values: impl IntoIterator<Item = S>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

/// Makes a text column with nulls.
pub fn opt_text_array<S: AsRef<str>>(values: impl IntoIterator<Item = Option<S>>) -> ArrayRef {
    Arc::new(StringArray::from_iter(values))
}

fn wrong_type(name: &str, array: &ArrayRef, expected: &'static str) -> FrameError {
    FrameError::WrongType {
        column: name.to_string(),
        found: type_word(array.data_type()),
        expected,
    }
}

/// Returns a type in a person's words.
pub fn type_word(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 => "text".to_string(),
        DataType::Boolean => "boolean".to_string(),
        DataType::Int64 | DataType::Int32 => "integer".to_string(),
        DataType::Float64 => "float".to_string(),
        DataType::Date32 => "date".to_string(),
        DataType::Timestamp(..) => "timestamp".to_string(),
        other => other.to_string().to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_and_matrix_round_trip() {
        let id = text_array(["a", "b"]);
        let matrix = Matrix::new(2, 2, vec![1.0, 2.0, 3.0, 4.0]);
        let names = vec!["x".to_string(), "y".to_string()];
        let table = Table::from_matrix(("customer", id), &names, &matrix).unwrap();
        assert_eq!(table.id_name().as_deref(), Some("customer"));
        assert_eq!(table.to_matrix().unwrap(), (names, matrix));
        assert!(matches!(table.column("yy"), Err(FrameError::MissingColumn { .. })));
        assert!(matches!(table.floats("customer"), Err(FrameError::WrongType { .. })));
    }

    #[test]
    fn null_is_nan_and_back() {
        let table = Table::new(None, vec![("x", float_array(vec![1.0, f64::NAN]))]).unwrap();
        assert_eq!(table.column("x").unwrap().null_count(), 1);
        assert!(table.floats("x").unwrap()[1].is_nan());
    }
}
