//! The `extremes` artifact: the smallest and the largest values of each column, which are somebody's.
//! It does not look for them.

use arrow::datatypes::{DataType, Field, Schema};

use crate::{
    frame::{
        FrameError, Table,
        table::{float_array, int_array, schema_with_id, text_array},
    },
    kinds::eda::columns::{Column, Values},
};

/// A different value and how often it occurs.
pub type Extreme = (f64, usize);

/// Returns the schema of the artifact.
pub fn schema() -> Schema {
    let fields = [
        ("column", DataType::Utf8),
        ("side", DataType::Utf8),
        ("rank", DataType::Int64),
        ("value", DataType::Float64),
        ("count", DataType::Int64),
    ];
    schema_with_id(fields.map(|(name, ty)| Field::new(name, ty, true)).to_vec(), None)
}

/// Returns a column's smallest and largest values, outermost first; none of ids, booleans and texts, nor where raw values
/// are left out.
pub fn of(column: &Column, redact: bool) -> [(&'static str, &[Extreme]); 2] {
    let has_none = redact || column.is_id || matches!(column.values, Values::Boolean { .. });
    let (smallest, largest) = match column.spread.as_ref().filter(|_| !has_none) {
        Some(spread) => (spread.smallest.as_slice(), spread.largest.as_slice()),
        None => (&[][..], &[][..]),
    };
    [("smallest", smallest), ("largest", largest)]
}

/// Builds the artifact: by column, then side, then from the outermost inwards.
///
/// # Errors
/// None in practice: Arrow checks the lengths.
pub fn table(columns: &[Column], redact: bool) -> Result<Table, FrameError> {
    let mut names: Vec<&str> = Vec::new();
    let mut sides: Vec<&str> = Vec::new();
    let (mut ranks, mut values, mut counts) = (Vec::new(), Vec::new(), Vec::new());
    for column in columns {
        for (side, extremes) in of(column, redact) {
            for (rank, &(value, count)) in (1..).zip(extremes) {
                names.push(&column.name);
                sides.push(side);
                ranks.push(rank);
                values.push(value);
                counts.push(count as i64);
            }
        }
    }
    Table::new(
        None,
        vec![
            ("column", text_array(names)),
            ("side", text_array(sides)),
            ("rank", int_array(ranks)),
            ("value", float_array(values)),
            ("count", int_array(counts)),
        ],
    )
}
