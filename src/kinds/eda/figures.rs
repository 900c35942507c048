//! The `columns` artifact: one row a column, as pandas' `describe` and more.
//! It does not compute: [`super::columns`] did.

use std::sync::Arc;

use arrow::{
    array::Int64Array,
    datatypes::{DataType, Field, Schema},
};

use crate::{
    frame::{
        FrameError, Table,
        table::{float_array, int_array, opt_text_array, schema_with_id, text_array},
    },
    kinds::eda::{
        columns::{Column, Values},
        spread::{QUANTILES, Spread},
    },
};

/// Under `redact` figures are told of at least this many rows, and a percentile only if as many lie
/// beyond it: what fewer people have in common is somebody's value.
pub const CROWD: f64 = 10.0;

const TEXTS: [&str; 2] = ["column", "dtype"];
const COUNTS: [&str; 3] = ["count", "missing", "distinct"];
const FIGURES: [&str; 13] = [
    "mean", "std", "min", "p01", "p05", "p25", "p50", "p75", "p95", "p99", "max", "skewness",
    "kurtosis",
];
const EXTRA_COUNTS: [&str; 3] = ["zeros", "negatives", "outliers_iqr"];

/// Returns the schema of the artifact.
pub fn schema() -> Schema {
    let text = TEXTS.map(|name| Field::new(name, DataType::Utf8, true));
    let counts = COUNTS.map(|name| Field::new(name, DataType::Int64, true));
    let figures = FIGURES.map(|name| Field::new(name, DataType::Float64, true));
    let extra = EXTRA_COUNTS.map(|name| Field::new(name, DataType::Int64, true));
    let mut fields = [text.as_slice(), &counts, &figures, &extra].concat();
    fields.push(Field::new("top", DataType::Utf8, true));
    fields.push(Field::new("top_count", DataType::Int64, true));
    fields.push(Field::new("infinite", DataType::Int64, true));
    fields.push(Field::new("mad", DataType::Float64, true));
    fields.push(Field::new("outliers_mad", DataType::Int64, true));
    schema_with_id(fields, None)
}

/// Builds the artifact.
///
/// # Errors
/// None in practice: Arrow checks the lengths.
pub fn table(columns: &[Column], redact: bool) -> Result<Table, FrameError> {
    let count = |f: fn(&Column) -> usize| int_array(columns.iter().map(|c| f(c) as i64).collect());
    let extra = |f: fn(&Spread) -> usize| {
        let values = columns.iter().map(|c| counted(c).map(|s| f(s) as i64));
        Arc::new(Int64Array::from_iter(values)) as _
    };
    let rows: Vec<[f64; 13]> = columns.iter().map(|c| figures(c, redact)).collect();
    let tops: Vec<Option<&(String, usize)>> = columns.iter().map(|c| c.top.as_ref()).collect();
    let mut out = vec![
        ("column", text_array(columns.iter().map(|c| &c.name))),
        ("dtype", text_array(columns.iter().map(|c| &c.dtype))),
        ("count", count(|c| c.count())),
        ("missing", count(|c| c.missing)),
        ("distinct", count(|c| c.distinct)),
    ];
    for (i, name) in FIGURES.into_iter().enumerate() {
        out.push((name, float_array(rows.iter().map(|row| row[i]).collect())));
    }
    out.push(("zeros", extra(|s| s.zeros)));
    out.push(("negatives", extra(|s| s.negatives)));
    out.push(("outliers_iqr", extra(|s| s.outliers_iqr)));
    let shown = tops.iter().map(|top| top.filter(|_| !redact).map(|top| &top.0));
    out.push(("top", opt_text_array(shown)));
    let top_counts = tops.iter().map(|top| top.map(|top| top.1 as i64));
    out.push(("top_count", Arc::new(Int64Array::from_iter(top_counts))));
    out.push(("infinite", count(|c| c.infinite)));
    out.push(("mad", float_array(columns.iter().map(|c| mad(c, redact)).collect())));
    out.push(("outliers_mad", extra(|s| s.outliers_mad)));
    Table::new(None, out)
}

/// Returns the figures in the order of the artifact; NaN for what is not defined or not to be told.
/// A boolean has a mean (its share of true) and a deviation and nothing else.
pub fn figures(column: &Column, redact: bool) -> [f64; 13] {
    let mut row = [f64::NAN; 13];
    let Some(spread) = &column.spread else { return row };
    let n = spread.moments.count as f64;
    if redact && n < CROWD {
        return row;
    }
    row[0] = spread.moments.mean;
    row[1] = spread.moments.std;
    if !matches!(column.values, Values::Boolean { .. }) {
        for (i, q) in QUANTILES.into_iter().enumerate() {
            if !redact || n * q.min(1.0 - q) >= CROWD {
                row[3 + i] = spread.quantiles[i];
            }
        }
        if !redact {
            (row[2], row[10]) = (spread.min, spread.max);
        }
        (row[11], row[12]) = (spread.moments.skewness, spread.moments.kurtosis);
    }
    // Sums of the widest numbers overflow; an infinite figure tells nothing.
    row.map(|v| if v.is_finite() { v } else { f64::NAN })
}

/// Returns the median absolute deviation of a number column; NaN where it is not defined or not to be told.
pub fn mad(column: &Column, redact: bool) -> f64 {
    let few = |spread: &&Spread| !redact || spread.moments.count as f64 >= CROWD;
    let mad = counted(column).filter(few).map_or(f64::NAN, |spread| spread.mad);
    if mad.is_finite() { mad } else { f64::NAN }
}

/// Zeros, negatives and outliers mean something for numbers only.
fn counted(column: &Column) -> Option<&Spread> {
    column.spread.as_ref().filter(|_| matches!(column.values, Values::Number { .. }))
}
