//! The types that expressions compute with, and which of them turn into which without being asked.
//! It does not know how values are converted.

use arrow::datatypes::{DataType, IntervalUnit, TimeUnit};

/// The type of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ty {
    /// The bare literal `null`.
    Null,
    /// `true` and `false`.
    Bool,
    /// 64-bit whole numbers.
    Int,
    /// 64-bit floating-point numbers.
    Float,
    /// UTF-8 text.
    Text,
    /// Days.
    Date,
    /// Microseconds, no time zone.
    Timestamp,
    /// Months, days and microseconds; lives within an expression only.
    Interval,
}

impl Ty {
    /// Returns the type that a column of `data_type` is read as; `None` if it cannot be read.
    pub fn of(data_type: &DataType) -> Option<Ty> {
        Some(match data_type {
            DataType::Null => Ty::Null,
            DataType::Boolean => Ty::Bool,
            integer if integer.is_integer() => Ty::Int,
            float if float.is_numeric() => Ty::Float,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Ty::Text,
            DataType::Date32 | DataType::Date64 => Ty::Date,
            DataType::Timestamp(..) => Ty::Timestamp,
            DataType::Dictionary(_, values) => return Ty::of(values),
            _ => return None,
        })
    }

    /// Returns the Arrow type that values are held in; an untyped null is held as `Int64`, as DuckDB does.
    pub fn arrow(self) -> DataType {
        match self {
            Ty::Bool => DataType::Boolean,
            Ty::Null | Ty::Int => DataType::Int64,
            Ty::Float => DataType::Float64,
            Ty::Text => DataType::Utf8,
            Ty::Date => DataType::Date32,
            Ty::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Ty::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
        }
    }

    /// Returns the type in a person's words.
    pub fn word(self) -> &'static str {
        match self {
            Ty::Null => "null",
            Ty::Bool => "boolean",
            Ty::Int => "integer",
            Ty::Float => "float",
            Ty::Text => "text",
            Ty::Date => "date",
            Ty::Timestamp => "timestamp",
            Ty::Interval => "interval",
        }
    }

    /// Returns true for whole and floating-point numbers.
    pub fn is_number(self) -> bool {
        matches!(self, Ty::Int | Ty::Float)
    }

    /// Returns how far a value of this type is from an argument of type `to`: 0 is the type itself,
    /// `None` needs a CAST.
    pub fn distance(self, to: Ty) -> Option<u32> {
        match (self, to) {
            (a, b) if a == b => Some(0),
            (Ty::Null, _) | (Ty::Int, Ty::Float) | (Ty::Date, Ty::Timestamp) => Some(1),
            _ => None,
        }
    }

    /// Returns the type that holds the values of both; `None` if they do not mix.
    pub fn common(self, other: Ty) -> Option<Ty> {
        if other.distance(self).is_some() {
            return Some(self);
        }
        self.distance(other).is_some().then_some(other)
    }
}

/// What a CAST asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// The type.
    pub ty: Ty,
    /// The whole numbers that a narrower SQL type holds; for a DECIMAL, what it holds before the point.
    pub range: Option<(i64, i64)>,
    /// Digits after the point that a DECIMAL keeps.
    pub scale: Option<i64>,
}

impl Target {
    /// A CAST to exactly `ty`.
    pub const fn plain(ty: Ty) -> Target {
        Target { ty, range: None, scale: None }
    }
}

/// Names of SQL types, for suggestions.
pub const TYPE_NAMES: &[&str] = &[
    "bigint",
    "integer",
    "int",
    "smallint",
    "tinyint",
    "double",
    "float",
    "real",
    "decimal",
    "varchar",
    "text",
    "string",
    "boolean",
    "bool",
    "date",
    "timestamp",
    "datetime",
    "interval",
];

/// Reads the name of an SQL type. FLOAT, REAL and DECIMAL are 64-bit floats: artifacts have no other
/// fractional type. A DECIMAL is rounded to its scale; narrow integers keep their ranges.
pub fn target(sql_type: &str) -> Option<Target> {
    let lower = sql_type.to_lowercase();
    let (name, arguments) = lower.split_once('(').unwrap_or((&lower, ""));
    let narrow = |min: i64, max: i64| Target { ty: Ty::Int, range: Some((min, max)), scale: None };
    let mut numbers = arguments.trim_end_matches(')').split(',').map(|n| n.trim().parse::<i64>());
    Some(match name.trim() {
        "tinyint" | "int1" => narrow(i64::from(i8::MIN), i64::from(i8::MAX)),
        "smallint" | "int2" | "short" => narrow(i64::from(i16::MIN), i64::from(i16::MAX)),
        "integer" | "int" | "int4" | "signed" => narrow(i64::from(i32::MIN), i64::from(i32::MAX)),
        "utinyint" | "uint8" => narrow(0, i64::from(u8::MAX)),
        "usmallint" | "uint16" => narrow(0, i64::from(u16::MAX)),
        "uinteger" | "uint32" => narrow(0, i64::from(u32::MAX)),
        "ubigint" | "uint64" => narrow(0, i64::MAX),
        "bigint" | "int8" | "long" | "hugeint" => Target::plain(Ty::Int),
        "double" | "double precision" | "float8" | "float" | "float4" | "real" => {
            Target::plain(Ty::Float)
        }
        "decimal" | "numeric" | "dec" => {
            // DECIMAL alone is DECIMAL(18, 3), DECIMAL(p) has no digits after the point.
            let precision = numbers.next().and_then(Result::ok);
            let default = if precision.is_some() { 0 } else { 3 };
            let scale = numbers.next().and_then(Result::ok).unwrap_or(default);
            let precision = precision.unwrap_or(18);
            if !(1..=38).contains(&precision) || !(0..=precision).contains(&scale) {
                return None;
            }
            let digits = u32::try_from(precision - scale).unwrap_or(0);
            let range = 10_i64.checked_pow(digits).map(|bound| (-bound, bound));
            Target { ty: Ty::Float, range, scale: Some(scale) }
        }
        "varchar" | "text" | "string" | "char" | "bpchar" | "character varying" => {
            Target::plain(Ty::Text)
        }
        "boolean" | "bool" | "logical" => Target::plain(Ty::Bool),
        "date" => Target::plain(Ty::Date),
        "timestamp" | "datetime" | "timestamp without time zone" => Target::plain(Ty::Timestamp),
        "interval" => Target::plain(Ty::Interval),
        _ => return None,
    })
}
