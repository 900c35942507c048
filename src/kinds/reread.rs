//! Reads a new file the way a source of an earlier run was read: same delimiter, same types, same id rules.
//! It does not know runs: it is given the schema that the source's table had.

mod stream;

use std::collections::BTreeMap;

use arrow::{
    array::{ArrayRef, AsArray},
    compute::{self, CastOptions},
    datatypes::{DataType, Float64Type, Schema, TimeUnit},
};
use serde::Deserialize;
use serde_json::Value;

use self::stream::Cast;
pub use self::stream::stream_like;
use crate::{
    frame::{
        FrameError, Table,
        csv::{DIALECT_KEY, Declared, Delimiter, Dialect, NumberFormat, Options},
        foreign::Format,
        table::id_of,
    },
    kinds::{
        ids::{Duplicates, ROW},
        ingest_csv, ingest_parquet,
    },
    stage::{ctx::Input, error::StageError, work::Work},
};

/// Returns the options that read delimited text as the table with `schema` was read. Columns that the
/// text lacks are absent from the result, further ones are inferred. An id keeps its type only if it is
/// text: new customers may be numbered in another manner.
pub fn options_like(schema: &Schema) -> Options {
    let dialect = schema.metadata().get(DIALECT_KEY).and_then(|json| Dialect::from_json(json));
    let id = id_of(schema);
    let mut types = BTreeMap::new();
    for field in schema.fields() {
        let declared = match field.data_type() {
            DataType::Int64 | DataType::Int32 => Declared::Number,
            DataType::Float64 => Declared::Float,
            DataType::Boolean => Declared::Boolean,
            DataType::Date32 => Declared::Date,
            DataType::Timestamp(TimeUnit::Microsecond, _) => Declared::Timestamp,
            _ => Declared::Text,
        };
        if id.as_ref() != Some(field.name()) || declared == Declared::Text {
            types.insert(field.name().clone(), declared);
        }
    }
    let options = Options { types, allow_absent: true, ..Options::default() };
    let Some(dialect) = dialect else { return options };
    Options {
        delimiter: Delimiter::parse(&dialect.delimiter),
        header: dialect.header,
        null_values: dialect.null_values,
        numbers: NumberFormat {
            decimal: dialect.decimal as u8,
            thousands: dialect.thousands.map(|c| c as u8),
        },
        date_orders: dialect.date_order,
        ..options
    }
}

/// What becomes of new rows whose id stood before, if the source has a rule that leaves such rows out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thinning {
    /// The rule holds for new rows too.
    AsTheSource,
    /// Every row stays: it will get an answer of its own.
    Never,
}

/// The part of a source's parameters that says what its id is.
#[derive(Default, Deserialize)]
struct IdRules {
    id: Option<String>,
    duplicates: Option<Duplicates>,
}

/// Reads `files` (delimited text, Parquet or Arrow, recognised by their first bytes) as the source with
/// the recorded canonical `params` and the recorded table `schema` was read. No row is left out but by the
/// source's `duplicates`, if `thinning` says so.
///
/// # Errors
/// [`StageError::Source`] naming column and row where a value is not of the recorded type, or for bad ids.
pub fn read_like(
    schema: &Schema,
    params: &Value,
    files: &[Input],
    thinning: Thinning,
    work: &Work,
) -> Result<(Table, Vec<String>), StageError> {
    let rules = id_rules(schema, params, thinning);
    let id = rules.id.as_deref();
    let columnar = match files.first() {
        Some(file) => is_columnar(file)?,
        None => return Err(StageError::Source("there is no file to read".to_string())),
    };
    if !columnar {
        let options = options_like(schema);
        let read = ingest_csv::read_table(files, &options, id, rules.duplicates, work);
        return read.map_err(|error| with_delimiter(error, &files[0], &options));
    }
    let (table, notes) = ingest_parquet::read_table(files, None, id, rules.duplicates, work)?;
    let label = files.first().map(|f| f.label.as_str()).unwrap_or_default();
    Ok((conformed(label, table, schema)?, notes))
}

fn id_rules(schema: &Schema, params: &Value, thinning: Thinning) -> IdRules {
    let mut rules: IdRules = serde_json::from_value(params.clone()).unwrap_or_default();
    // A source without an `id` may have taken one from its file's metadata.
    rules.id = rules.id.or_else(|| id_of(schema).filter(|id| id != ROW));
    if let (Thinning::Never, Some(Duplicates::First | Duplicates::Last)) =
        (thinning, rules.duplicates)
    {
        rules.duplicates = Some(Duplicates::Every);
    }
    rules
}

fn is_columnar(file: &Input) -> Result<bool, StageError> {
    use std::io::Read;
    let mut magic = Vec::with_capacity(8);
    let read = file.reader().and_then(|reader| reader.take(8).read_to_end(&mut magic));
    match read {
        Ok(_) => Ok(Format::of(&magic).is_some()),
        Err(error) => Err(StageError::Source(format!("{}: cannot be read: {error}", file.label))),
    }
}

/// Adds to an error that the delimiter of the run's source does not occur in the header, if that is so: then all else
/// that is wrong follows from it.
fn with_delimiter(error: StageError, file: &Input, options: &Options) -> StageError {
    use std::io::{BufRead, BufReader, Read};
    let (Some(Delimiter::Byte(delimiter)), StageError::SourceAt { place, message }) =
        (&options.delimiter, &error)
    else {
        return error;
    };
    let mut header = Vec::new();
    let read = file
        .reader()
        .and_then(|reader| BufReader::new(reader.take(1 << 16)).read_until(b'\n', &mut header));
    if read.is_err() || header.is_empty() || header.contains(delimiter) {
        return error;
    }
    let shown = match delimiter {
        b'\t' => "tab".to_string(),
        byte => format!("`{}`", char::from(*byte)),
    };
    let message = format!(
        "{message}; the run's source has its fields apart by {shown}, which the first line lacks"
    );
    StageError::SourceAt { place: place.clone(), message }
}

/// Casts the columns that `schema` has to its types.
fn conformed(label: &str, table: Table, schema: &Schema) -> Result<Table, StageError> {
    let id = table.id_name();
    let batch = table.batch();
    let mut columns: Vec<(String, ArrayRef)> = Vec::with_capacity(batch.num_columns());
    for (name, array) in table.names().into_iter().zip(batch.columns()) {
        let wanted = schema.field_with_name(&name).ok().filter(|_| Some(&name) != id.as_ref());
        let array = match wanted {
            Some(field) => cast_all(label, &name, array, field.data_type())?,
            None => array.clone(),
        };
        columns.push((name, array));
    }
    let named = columns.iter().map(|(name, array)| (name.as_str(), array.clone())).collect();
    Ok(Table::new(id.as_deref(), named)?)
}

fn cast_all(
    label: &str,
    name: &str,
    array: &ArrayRef,
    to: &DataType,
) -> Result<ArrayRef, StageError> {
    // What was counted in whole numbers may come in fractions; whoever reads numbers reads these too.
    if let (DataType::Int64, Some(floats)) = (to, array.as_primitive_opt::<Float64Type>())
        && floats.iter().flatten().any(|v| v != v.floor())
    {
        return Ok(array.clone());
    }
    let cast = cast_leniently(label, name, array, to)?;
    match cast.misfits(0, false).pop() {
        None => Ok(cast.values),
        Some((_, error)) => Err(error),
    }
}

/// Casts what can be cast; the rest becomes null.
fn cast_leniently(
    label: &str,
    name: &str,
    array: &ArrayRef,
    to: &DataType,
) -> Result<Cast, StageError> {
    let safe = CastOptions { safe: true, ..CastOptions::default() };
    let values = match array.data_type() == to {
        true => array.clone(),
        false => compute::cast_with_options(array, to, &safe).map_err(|error| {
            let error = FrameError::from(error);
            StageError::Source(format!("{label}: column `{name}`: {error}"))
        })?,
    };
    let (label, name) = (label.to_string(), name.to_string());
    Ok(Cast { values, label, name, before: array.clone() })
}

#[cfg(test)]
mod tests {
    use arrow::{array::Array, util::display::array_value_to_string};
    use serde_json::json;

    use super::*;
    use crate::{
        frame::table::{float_array, text_array},
        kinds::ingest_csv::IngestCsv,
        stage::{ctx::Arrivals, memory},
    };

    const TRAINED: &str =
        "id;zip;income;seen;n\n7;\"123\";1,5;24.12.2020;1\n8;0456;NA;01.02.2021;2\n";

    fn trained() -> (Value, Table) {
        let written = json!({ "path": "f", "id": "id", "decimal": ",", "null_values": ["NA"] });
        let params = memory::canonical(&IngestCsv, &written).unwrap();
        let files = vec![Input::from_bytes("f.csv", TRAINED)];
        let arrivals = Arrivals { files, ..Arrivals::default() };
        let outputs = memory::run(&IngestCsv, &params, &arrivals, &Work::alone(1)).unwrap();
        (params, outputs.table("table").unwrap())
    }

    fn again(new: Input) -> Result<Table, StageError> {
        let (params, table) = trained();
        let work = Work::alone(1);
        read_like(&table.schema(), &params, &[new], Thinning::Never, &work).map(|(table, _)| table)
    }

    #[test]
    fn new_text_is_read_as_the_old_was() {
        // Alone, these values would make other types: `zip` integers, `seen` ambiguous, `income` text.
        let new = "seen;id;zip;income;extra\n01.02.2022;a-1;99;NA;x\n03.02.2022;a-2;98;;y\n";
        let table = again(Input::from_bytes("new.csv", new)).unwrap();
        let (_, old) = trained();
        for name in ["zip", "income", "seen"] {
            assert_eq!(
                table.column(name).unwrap().data_type(),
                old.column(name).unwrap().data_type()
            );
        }
        assert_eq!(table.column("income").unwrap().null_count(), 2);
        assert_eq!(table.texts("extra").unwrap().value(1), "y");
        assert!(table.column("n").is_err(), "a column that is not there stays absent");
        assert_eq!(table.id_name().as_deref(), Some("id"));
        let seen = array_value_to_string(table.column("seen").unwrap(), 0).unwrap();
        assert_eq!(seen, "2022-02-01");
    }

    #[test]
    fn what_does_not_fit_is_placed() {
        let new = "id;income\n1;2,5\n2;plenty\n";
        let error = again(Input::from_bytes("new.csv", new)).unwrap_err();
        assert_eq!(error.to_string(), "new.csv:3: column `income`: `plenty` is not a number");
    }

    /// A fraction where the run had whole numbers was an error, though whatever reads numbers reads it as well.
    #[test]
    fn fractions_may_follow_whole_numbers() {
        let read = |n: &str| {
            let rows: String = (0..40).map(|i| format!("{i};1;{i}\n")).collect();
            again(Input::from_bytes("new.csv", format!("id;income;n\n{rows}99;1;{n}\n")))
        };
        let whole = read("7").unwrap();
        assert_eq!(*whole.column("n").unwrap().data_type(), DataType::Int64);
        let fraction = read("7,5").unwrap();
        assert_eq!(
            (fraction.floats("n").unwrap()[3], fraction.floats("n").unwrap()[40]),
            (3.0, 7.5)
        );
        assert_eq!(whole.integers("n").unwrap()[40], Some(7));
        let error = read("x").unwrap_err();
        assert_eq!(error.to_string(), "new.csv:42: column `n`: `x` is not an integer");
        let place = error.place().unwrap();
        assert_eq!((place.file.as_str(), place.line, place.column), ("new.csv", Some(42), Some(6)));
        let columns = vec![("id", text_array(["a"])), ("n", float_array(vec![0.5]))];
        let table = Table::new(None, columns).unwrap();
        let read = again(memory::input("new.parquet", &table).unwrap()).unwrap();
        assert_eq!(read.floats("n").unwrap(), [0.5]);
    }

    #[test]
    fn parquet_stands_in_for_text() {
        let table = |income: ArrayRef| {
            let ids = text_array(["a", "b"]);
            let table = Table::new(None, vec![("id", ids), ("income", income)]).unwrap();
            memory::input("new.parquet", &table).unwrap()
        };
        let read = again(table(text_array(["1.5", "2"]))).unwrap();
        assert_eq!(read.floats("income").unwrap(), [1.5, 2.0]);
        assert!(again(table(float_array(vec![1.0, 2.0]))).is_ok());
        let error = again(table(text_array(["1.5", "x"]))).unwrap_err().to_string();
        assert_eq!(error, "new.parquet, row 1: column `income`: `x` is not of type float");
    }
}
