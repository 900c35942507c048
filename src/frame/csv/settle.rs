//! From what was seen of columns to their types, and what a person should hear of them. It does not read values.

use super::{
    dialect::{Declared, Delimiter, Dialect, Options},
    error::CsvError,
    infer::{ColumnType, Seen, Verdict},
    origins::Origins,
    values::{NumberClass, NumberFormat},
};

/// The types of all columns, as far as they were seen.
#[derive(Debug)]
pub struct Settled {
    /// A type for each column.
    pub types: Vec<ColumnType>,
    /// What a person may want to change.
    pub notes: Vec<String>,
    /// What is wrong if nothing more comes: a declared date that can be read in two ways.
    pub error: Option<CsvError>,
}

/// Decides each column's type.
pub fn settle(names: &[String], seen: &[Seen], options: &Options, origins: &Origins) -> Settled {
    let mut settled = Settled { types: Vec::new(), notes: Vec::new(), error: None };
    for (name, seen) in names.iter().zip(seen) {
        let preferred = options.date_orders.get(name).copied().or(options.date_order);
        let column_type = match options.types.get(name) {
            None => {
                let (column_type, note) =
                    inferred(name, &seen.verdict(preferred), options, origins);
                settled.notes.extend(note);
                column_type
            }
            Some(Declared::Integer) => ColumnType::Integer,
            Some(Declared::Number) if seen.has_fractions() => ColumnType::Float,
            Some(Declared::Number) => ColumnType::Integer,
            Some(Declared::Float) => ColumnType::Float,
            Some(Declared::Boolean) => ColumnType::Boolean,
            Some(Declared::Text) => ColumnType::Text,
            Some(declared) => {
                let order = seen.declared_order(preferred).unwrap_or_else(|found| {
                    settled.error.get_or_insert_with(|| CsvError::AmbiguousDate {
                        file: origins.file(0).to_string(),
                        column: name.clone(),
                        value: found.value.clone(),
                    });
                    super::DateOrder::Dmy
                });
                match declared {
                    Declared::Date => ColumnType::Date(order),
                    _ => ColumnType::Timestamp(order),
                }
            }
        };
        settled.types.push(column_type);
    }
    settled
}

fn inferred(
    name: &str,
    verdict: &Verdict<'_>,
    options: &Options,
    origins: &Origins,
) -> (ColumnType, Option<String>) {
    match verdict {
        Verdict::Is(column_type) => (*column_type, None),
        Verdict::AllMissing => (ColumnType::Float, None),
        Verdict::HugeIntegers => {
            let note = format!("column `{name}` stays text: whole numbers beyond 64 bits");
            (ColumnType::Text, Some(note))
        }
        Verdict::AmbiguousDates(found) => {
            let note = format!(
                "column `{name}` stays text: its dates (`{}`) can be read day first and month first; set `date_order`",
                found.value
            );
            (ColumnType::Text, Some(note))
        }
        Verdict::NearlyOther(what, found) => {
            let (value, file, line) = (&found.value, origins.file(found.file), found.line);
            let comma = NumberFormat { decimal: b',', ..options.numbers };
            let advice = match comma.classify(value.as_bytes()) {
                NumberClass::Float => "set `decimal: \",\"`",
                _ => "list it in `null_values` if it means missing",
            };
            let note = format!(
                "column `{name}` stays text: nearly all values are {what}, but `{value}` ({file}:{line}) is not; {advice}"
            );
            (ColumnType::Text, Some(note))
        }
    }
}

/// Returns how the files are read.
pub fn dialect(
    delimiter: Delimiter,
    options: &Options,
    names: &[String],
    types: &[ColumnType],
) -> Dialect {
    let orders = names.iter().zip(types).filter_map(|(n, t)| Some((n.clone(), t.date_order()?)));
    Dialect {
        delimiter: delimiter.word(),
        header: options.header,
        decimal: char::from(options.numbers.decimal),
        thousands: options.numbers.thousands.map(char::from),
        null_values: options.null_values.clone(),
        date_order: orders.collect(),
    }
}
