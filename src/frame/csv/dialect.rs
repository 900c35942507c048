//! How to read delimited text: what a person may say, and what is remembered of a reading so that another
//! file can be read the same way. It does not read anything.

use std::collections::BTreeMap;

use encoding_rs::Encoding;
use serde::{Deserialize, Serialize};

use super::{dates::DateOrder, infer::ColumnType, values::NumberFormat};

/// The schema metadata key under which a [`Dialect`] travels as JSON.
pub const DIALECT_KEY: &str = "orchestrate.csv";

/// A type as a person declares it; the order of dates is found in the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Declared {
    /// Whole numbers; `3.0` is one.
    Integer,
    /// Whole numbers if all are, else numbers. No source may ask for it: it is for new rows of a column that held whole
    /// numbers.
    #[serde(skip)]
    Number,
    /// Numbers.
    Float,
    /// `true`, `yes`, `y`, `t`, `1` and their opposites, in any case.
    Boolean,
    /// As it stands.
    Text,
    /// Dates; `20240131` too.
    Date,
    /// Dates with a time.
    Timestamp,
}

impl From<ColumnType> for Declared {
    fn from(column_type: ColumnType) -> Declared {
        match column_type {
            ColumnType::Integer => Declared::Integer,
            ColumnType::Float => Declared::Float,
            ColumnType::Boolean => Declared::Boolean,
            ColumnType::Text => Declared::Text,
            ColumnType::Date(_) => Declared::Date,
            ColumnType::Timestamp(_) => Declared::Timestamp,
        }
    }
}

/// What stands between fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delimiter {
    /// This character.
    Byte(u8),
    /// Any run of blanks.
    Whitespace,
}

impl Delimiter {
    /// Reads one ASCII character, `tab` or `whitespace`.
    pub fn parse(text: &str) -> Option<Delimiter> {
        match (text, text.as_bytes()) {
            ("whitespace", _) => Some(Delimiter::Whitespace),
            ("tab" | "\\t", _) => Some(Delimiter::Byte(b'\t')),
            (_, [b'"' | b'\n' | b'\r']) => None,
            (_, [byte]) if byte.is_ascii() => Some(Delimiter::Byte(*byte)),
            _ => None,
        }
    }

    /// Returns the text that [`Delimiter::parse`] reads.
    pub fn word(self) -> String {
        match self {
            Delimiter::Byte(byte) => char::from(byte).to_string(),
            Delimiter::Whitespace => "whitespace".to_string(),
        }
    }
}

/// How to read; the default sniffs and infers everything.
#[derive(Clone, Debug)]
pub struct Options {
    /// Sniffed from the first records if absent.
    pub delimiter: Option<Delimiter>,
    /// Recognised from the bytes if absent.
    pub encoding: Option<&'static Encoding>,
    /// Whether the first record names the columns; else they are `column_1`, `column_2`, ...
    pub header: bool,
    /// What stands for a missing value, besides an empty or blank field.
    pub null_values: Vec<String>,
    /// Declared types by column; the others are inferred.
    pub types: BTreeMap<String, Declared>,
    /// Whether `types` and `date_orders` may name columns that are not there.
    pub allow_absent: bool,
    /// How numbers are written.
    pub numbers: NumberFormat,
    /// The order of dates where the values allow more than one.
    pub date_order: Option<DateOrder>,
    /// The order of dates by column.
    pub date_orders: BTreeMap<String, DateOrder>,
    /// What becomes of rows that do not fit.
    pub bad_rows: BadRows,
}

/// What becomes of rows of another length, or with a value that is not of a declared type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BadRows {
    /// The first ends the reading.
    #[default]
    Fail,
    /// They are left out and counted.
    Skip,
    /// The sink hears of each. Those of the right length stay, with null for what does not fit.
    Tell,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            delimiter: None,
            encoding: None,
            header: true,
            null_values: Vec::new(),
            types: BTreeMap::new(),
            allow_absent: false,
            numbers: NumberFormat::default(),
            date_order: None,
            date_orders: BTreeMap::new(),
            bad_rows: BadRows::Fail,
        }
    }
}

/// How a table was read, as far as another file must be read the same way.
///
/// The encoding is left out on purpose: a file that is saved anew as UTF-8 holds the same table, so its
/// bytes should come out the same; and the next file's encoding is recognised from that file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dialect {
    /// Between fields, as [`Delimiter::word`].
    pub delimiter: String,
    /// Whether the first record names the columns.
    pub header: bool,
    /// `.` or `,`.
    pub decimal: char,
    /// Between groups of three digits.
    pub thousands: Option<char>,
    /// What stands for a missing value, besides an empty or blank field.
    pub null_values: Vec<String>,
    /// The order of each date column.
    pub date_order: BTreeMap<String, DateOrder>,
}

impl Dialect {
    /// Returns the JSON that goes into schema metadata.
    pub fn to_json(&self) -> String {
        serde_json::to_value(self).map(|v| v.to_string()).unwrap_or_default()
    }

    /// Reads what [`Dialect::to_json`] wrote.
    pub fn from_json(json: &str) -> Option<Dialect> {
        serde_json::from_str(json).ok()
    }
}
