//! Columnar files that other programs wrote (Parquet, Arrow IPC files and streams), brought to the types
//! of the contract. It does not know ids or stages.

use std::{collections::BTreeSet, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray, Float64Array, TimestampMicrosecondArray, new_null_array},
    compute,
    datatypes::{DataType, Float64Type, Int64Type, TimeUnit},
    error::ArrowError,
    record_batch::RecordBatch,
};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;

use crate::{
    base::names,
    frame::{
        FrameError,
        growth::{self, Growth},
        guard::decoding,
        ipc,
        parquet::{gathered, open},
        table,
    },
};

/// Bytes of text that a column may unfold to before it is unfolded step by step.
const UNFOLDED_AT_ONCE: usize = 256 << 20;

/// What the first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Apache Parquet.
    Parquet,
    /// An Arrow IPC file ("Feather 2").
    ArrowFile,
    /// An Arrow IPC stream.
    ArrowStream,
}

impl Format {
    /// Recognises a format by its first bytes.
    pub fn of(bytes: &[u8]) -> Option<Format> {
        match bytes {
            [b'P', b'A', b'R', b'1', ..] => Some(Format::Parquet),
            [b'A', b'R', b'R', b'O', b'W', b'1', ..] => Some(Format::ArrowFile),
            [0xFF, 0xFF, 0xFF, 0xFF, ..] => Some(Format::ArrowStream),
            _ => None,
        }
    }
}

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ForeignError {
    /// The first bytes are of no known format.
    #[error("neither Parquet nor Arrow; use `ingest.csv` for delimited text")]
    Unknown,
    /// A column that is asked for is not there.
    #[error("`columns` names `{column}`, which is not there{suggestion}")]
    MissingColumn {
        /// The name.
        column: String,
        /// `, did you mean ...?` or nothing.
        suggestion: String,
    },
    /// A name that two columns have.
    #[error("there are two columns `{0}`")]
    DuplicateColumn(String),
    /// A type that has no place in a table of the contract.
    #[error(
        "column `{column}` is {found}, which no table here can hold; name the others in `columns`"
    )]
    Unsupported {
        /// The column.
        column: String,
        /// Its type.
        found: String,
    },
    /// A moment beyond what microseconds can count.
    #[error("column `{column}`: a timestamp in row {row} is out of range")]
    Range {
        /// The column.
        column: String,
        /// Zero-based row.
        row: usize,
    },
    /// The bytes are damaged.
    #[error("{0}")]
    Frame(#[from] FrameError),
}

impl From<ArrowError> for ForeignError {
    fn from(error: ArrowError) -> ForeignError {
        ForeignError::Frame(error.into())
    }
}

/// The columns of a file, and the id that one of our own artifacts names in its metadata.
#[derive(Debug)]
pub struct Foreign {
    /// Names and values in file order.
    pub columns: Vec<(String, ArrayRef)>,
    /// Number of rows.
    pub n_rows: usize,
    /// The id column's name, if the metadata tells.
    pub id: Option<String>,
}

/// Reads `wanted` columns (all, if absent) and brings them to the contract's types: integers to `Int64`
/// (unsigned ones beyond it to text), floats and decimals to `Float64` with NaN as null, texts and
/// dictionaries to `Utf8`, timestamps of any unit and zone to microseconds (UTC where there is a zone),
/// times of day to text.
///
/// # Errors
/// [`ForeignError`], which names the column.
pub fn read(bytes: Bytes, wanted: Option<&[String]>) -> Result<Foreign, ForeignError> {
    decoding(|| read_all(bytes, wanted))
}

fn read_all(bytes: Bytes, wanted: Option<&[String]>) -> Result<Foreign, ForeignError> {
    let n_bytes = bytes.len() as u64;
    let batch = match Format::of(&bytes).ok_or(ForeignError::Unknown)? {
        Format::Parquet => read_parquet(bytes, wanted, Growth::of_file(n_bytes))?,
        Format::ArrowFile => ipc::read_file(bytes)?,
        Format::ArrowStream => ipc::read_stream(bytes)?,
    };
    let mut growth = Growth::of_file(n_bytes);
    let schema = batch.schema();
    let all: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    let mut seen = BTreeSet::new();
    if let Some(twice) = all.iter().find(|name| !seen.insert(**name)) {
        return Err(ForeignError::DuplicateColumn((*twice).to_string()));
    }
    missing(wanted, &all)?;
    let chosen = all.iter().enumerate().filter(|(_, name)| is_wanted(wanted, name));
    let columns = chosen
        .map(|(i, name)| Ok(((*name).to_string(), unfolded(name, batch.column(i), &mut growth)?)))
        .collect::<Result<Vec<_>, ForeignError>>()?;
    let id = table::id_of(&schema).filter(|id| columns.iter().any(|(name, _)| name == id));
    Ok(Foreign { columns, n_rows: batch.num_rows(), id })
}

fn is_wanted(wanted: Option<&[String]>, name: &str) -> bool {
    wanted.is_none_or(|names| names.iter().any(|n| n == name))
}

fn missing(wanted: Option<&[String]>, all: &[&str]) -> Result<(), ForeignError> {
    match wanted.into_iter().flatten().find(|name| !all.contains(&name.as_str())) {
        None => Ok(()),
        Some(column) => Err(ForeignError::MissingColumn {
            column: column.clone(),
            suggestion: names::did_you_mean(column, all.iter().copied())
                .map_or_else(String::new, |n| format!(", did you mean `{n}`?")),
        }),
    }
}

/// Reads only the wanted columns, so that one that cannot be held need not even be decoded.
fn read_parquet(
    bytes: Bytes,
    wanted: Option<&[String]>,
    growth: Growth,
) -> Result<RecordBatch, ForeignError> {
    let builder = open(bytes)?;
    let names: Vec<String> = builder.schema().fields().iter().map(|f| f.name().clone()).collect();
    missing(wanted, &names.iter().map(String::as_str).collect::<Vec<_>>())?;
    let roots = names.iter().enumerate().filter(|(_, n)| is_wanted(wanted, n)).map(|(i, _)| i);
    let roots: Vec<usize> = roots.collect();
    let rows = growth::step_rows(roots.len());
    let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
    let metadata = builder.schema().metadata().clone();
    let reader =
        builder.with_projection(mask).with_batch_size(rows).build().map_err(FrameError::from)?;
    let schema = arrow::record_batch::RecordBatchReader::schema(&reader);
    let schema = Arc::new(schema.as_ref().clone().with_metadata(metadata));
    let batches = reader.map(|batch| batch.and_then(|b| b.with_schema(schema.clone())));
    Ok(compute::concat_batches(&schema, &gathered(batches, growth)?)?)
}

/// Brings a column to a type of the contract, step by step where its rows name texts that are longer than they are.
fn unfolded(name: &str, array: &ArrayRef, growth: &mut Growth) -> Result<ArrayRef, ForeignError> {
    use DataType::*;
    let longest = match array.data_type() {
        Dictionary(..) => array.as_any_dictionary_opt().map_or(0, |d| longest(d.values())),
        // Runs are rare, and how they are kept differs; a step of them is small anyway.
        RunEndEncoded(..) => UNFOLDED_AT_ONCE / growth::STEP_ROWS,
        Utf8View => longest(array),
        Null => size_of::<f64>(),
        _ => 0,
    };
    let all = longest.saturating_mul(array.len());
    if all <= UNFOLDED_AT_ONCE {
        return normalised(name, array);
    }
    if longest <= size_of::<f64>() {
        growth.add(all)?;
        return normalised(name, array);
    }
    let rows = (UNFOLDED_AT_ONCE / longest).clamp(1, growth::STEP_ROWS);
    let mut parts = Vec::new();
    for start in (0..array.len()).step_by(rows) {
        let part = normalised(name, &array.slice(start, rows.min(array.len() - start)))?;
        growth.add(growth::n_bytes(&part))?;
        parts.push(part);
    }
    let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
    Ok(compute::concat(&parts)?)
}

/// Returns the length of the longest text, or of a value of another type.
fn longest(values: &ArrayRef) -> usize {
    let widest = |offsets: &mut dyn Iterator<Item = usize>| offsets.max().unwrap_or(0);
    match values.data_type() {
        DataType::Utf8 => {
            let texts = values.as_string::<i32>();
            widest(&mut (0..texts.len()).map(|i| texts.value_length(i) as usize))
        }
        DataType::LargeUtf8 => {
            let texts = values.as_string::<i64>();
            widest(&mut (0..texts.len()).map(|i| texts.value_length(i) as usize))
        }
        DataType::Utf8View => {
            // The lower half of a view is the length.
            widest(&mut values.as_string_view().views().iter().map(|view| *view as u32 as usize))
        }
        _ => size_of::<f64>(),
    }
}

/// Brings a column to a type of the contract.
///
/// # Errors
/// If there is none for it.
pub fn normalised(name: &str, array: &ArrayRef) -> Result<ArrayRef, ForeignError> {
    use DataType::*;
    let cast = |to: &DataType| compute::cast(array, to).map_err(ForeignError::from);
    match array.data_type() {
        Utf8 | Int64 | Boolean | Date32 => Ok(array.clone()),
        LargeUtf8 | Utf8View | Time32(_) | Time64(_) => cast(&Utf8),
        Int8 | Int16 | Int32 | UInt8 | UInt16 | UInt32 => cast(&Int64),
        UInt64 => {
            let integers = cast(&Int64)?;
            if integers.null_count() == array.null_count() { Ok(integers) } else { cast(&Utf8) }
        }
        Float16 | Float32 | Float64 => Ok(without_nan(&cast(&Float64)?)),
        // By way of text: the only path whose rounding is specified.
        Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) => {
            Ok(compute::cast(&cast(&Utf8)?, &Float64)?)
        }
        Date64 => cast(&Date32),
        Timestamp(unit, _) => micros(name, &cast(&Int64)?, *unit),
        Null => Ok(new_null_array(&Float64, array.len())),
        Dictionary(_, values) => normalised(name, &cast(values)?),
        RunEndEncoded(_, values) => normalised(name, &cast(values.data_type())?),
        other => Err(ForeignError::Unsupported {
            column: name.to_string(),
            found: table::type_word(other),
        }),
    }
}

fn without_nan(array: &ArrayRef) -> ArrayRef {
    let floats = array.as_primitive::<Float64Type>();
    if floats.values().iter().any(|v| v.is_nan()) {
        let values = floats.iter().map(|v| v.filter(|v| !v.is_nan()));
        return Arc::new(values.collect::<Float64Array>());
    }
    array.clone()
}

fn micros(name: &str, moments: &ArrayRef, unit: TimeUnit) -> Result<ArrayRef, ForeignError> {
    let scaled = moments.as_primitive::<Int64Type>().iter().enumerate().map(|(row, value)| {
        let Some(value) = value else { return Ok(None) };
        let scaled = match unit {
            TimeUnit::Second => value.checked_mul(1_000_000),
            TimeUnit::Millisecond => value.checked_mul(1_000),
            TimeUnit::Microsecond => Some(value),
            TimeUnit::Nanosecond => Some(value.div_euclid(1_000)),
        };
        let out_of_range = || ForeignError::Range { column: name.to_string(), row };
        scaled.map(Some).ok_or_else(out_of_range)
    });
    let scaled = scaled.collect::<Result<Vec<Option<i64>>, _>>()?;
    Ok(Arc::new(TimestampMicrosecondArray::from(scaled)))
}

#[cfg(test)]
mod tests {
    use arrow::{
        array::{
            BinaryArray, Decimal128Array, DictionaryArray, Float32Array, Int16Array, ListArray,
            StringViewArray, TimestampNanosecondArray, UInt64Array,
        },
        datatypes::Int32Type,
        ipc::writer::{FileWriter, StreamWriter},
    };

    use super::*;

    fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn mixed() -> RecordBatch {
        let zoned = TimestampNanosecondArray::from(vec![Some(-1), None]).with_timezone("+02:00");
        let words: DictionaryArray<Int32Type> = vec![Some("a"), None].into_iter().collect();
        let price = Decimal128Array::from(vec![110, 25]).with_precision_and_scale(5, 2).unwrap();
        batch(vec![
            ("i", Arc::new(Int16Array::from(vec![1, -1]))),
            ("u", Arc::new(UInt64Array::from(vec![u64::MAX, 1]))),
            ("f", Arc::new(Float32Array::from(vec![0.5, f32::NAN]))),
            ("s", Arc::new(StringViewArray::from(vec!["x", "y"]))),
            ("w", Arc::new(words)),
            ("p", Arc::new(price)),
            ("t", Arc::new(zoned)),
            ("n", new_null_array(&DataType::Null, 2)),
        ])
    }

    #[test]
    fn types_are_brought_to_the_contract() {
        let batch = mixed();
        let mut stream = Vec::new();
        let mut writer = StreamWriter::try_new(&mut stream, &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        drop(writer);
        let mut file = Vec::new();
        let mut writer = FileWriter::try_new(&mut file, &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        drop(writer);
        for bytes in [stream, file] {
            let read = read(Bytes::from(bytes), None).unwrap();
            let columns = read.columns.iter().map(|(n, a)| (n.as_str(), a.clone())).collect();
            let table = table::Table::new(None, columns).unwrap();
            assert_eq!(table.integers("i").unwrap(), [Some(1), Some(-1)]);
            assert_eq!(table.texts("u").unwrap().value(0), "18446744073709551615");
            assert_eq!(table.column("f").unwrap().null_count(), 1);
            assert_eq!(table.texts("s").unwrap().value(1), "y");
            assert_eq!(table.texts("w").unwrap().null_count(), 1);
            assert_eq!(table.floats("p").unwrap(), [1.1, 0.25]);
            let moments = table.column("t").unwrap();
            assert_eq!(moments.data_type(), &DataType::Timestamp(TimeUnit::Microsecond, None));
            assert_eq!(
                compute::cast(moments, &DataType::Int64)
                    .unwrap()
                    .as_primitive::<Int64Type>()
                    .value(0),
                -1
            );
            assert_eq!(table.column("n").unwrap().data_type(), &DataType::Float64);
        }
    }

    #[test]
    fn parquet_with_a_nested_column_needs_a_choice() {
        let list = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1)])]);
        let batch =
            batch(vec![("id", Arc::new(Int16Array::from(vec![7]))), ("tags", Arc::new(list))]);
        let mut bytes = Vec::new();
        let mut writer =
            parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let bytes = Bytes::from(bytes);
        let error = read(bytes.clone(), None).unwrap_err().to_string();
        assert!(error.starts_with("column `tags` is list"), "{error}");
        let read_id = read(bytes.clone(), Some(&["id".to_string()])).unwrap();
        assert_eq!((read_id.columns.len(), read_id.n_rows), (1, 1));
        let error = read(bytes, Some(&["ix".to_string()])).unwrap_err().to_string();
        assert!(error.contains("did you mean `id`?"), "{error}");
    }

    #[test]
    fn what_is_neither_says_so() {
        let error = read(Bytes::from_static(b"a,b\n1,2\n"), None).unwrap_err();
        assert!(error.to_string().contains("ingest.csv"));
        assert!(read(Bytes::from_static(b"PAR1 broken"), None).is_err());
        let binary: ArrayRef = Arc::new(BinaryArray::from_vec(vec![b"x"]));
        assert!(normalised("b", &binary).is_err());
    }
}
