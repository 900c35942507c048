//! The `histograms` artifact: bins of numbers and dates, levels of text and booleans.
//! It does not draw them.

use arrow::datatypes::{DataType, Field, Schema};

use crate::{
    frame::{
        FrameError, Table,
        table::{float_array, int_array, opt_text_array, schema_with_id, text_array},
    },
    kinds::{
        eda::{
            Settings,
            columns::{Column, Values},
            figures::CROWD,
        },
        page::scale,
    },
    ml::stats::{Bin, Order, edges, histogram},
};

/// What stands for all levels but the most frequent ones.
pub const OTHER: &str = "(other)";

/// A level and how often it occurs.
pub type LevelCount = (String, usize);

/// Returns the schema of the artifact.
pub fn schema() -> Schema {
    let fields = [
        ("column", DataType::Utf8),
        ("lower", DataType::Float64),
        ("upper", DataType::Float64),
        ("level", DataType::Utf8),
        ("count", DataType::Int64),
    ];
    schema_with_id(fields.map(|(name, ty)| Field::new(name, ty, true)).to_vec(), None)
}

/// Builds the artifact. The id has no histogram; a column without values has no rows.
///
/// # Errors
/// None in practice: Arrow checks the lengths.
pub fn table(columns: &[Column], settings: &Settings) -> Result<Table, FrameError> {
    let mut names: Vec<&str> = Vec::new();
    let (mut lower, mut upper) = (Vec::new(), Vec::new());
    let mut levels: Vec<Option<String>> = Vec::new();
    let mut counts: Vec<i64> = Vec::new();
    for column in columns.iter().filter(|c| !c.is_id) {
        for bin in bins(column, settings) {
            names.push(&column.name);
            lower.push(bin.lower);
            upper.push(bin.upper);
            levels.push(None);
            counts.push(bin.count as i64);
        }
        for (level, count) in top_levels(column, settings) {
            names.push(&column.name);
            lower.push(f64::NAN);
            upper.push(f64::NAN);
            levels.push(Some(level));
            counts.push(count as i64);
        }
    }
    Table::new(
        None,
        vec![
            ("column", text_array(names)),
            ("lower", float_array(lower)),
            ("upper", float_array(upper)),
            ("level", opt_text_array(levels)),
            ("count", int_array(counts)),
        ],
    )
}

/// Returns the bins of all finite values of a number or date column; none for others.
pub fn bins(column: &Column, settings: &Settings) -> Vec<Bin> {
    let Some(order) = column.order() else { return Vec::new() };
    let (Some(low), Some(high)) = (order.sorted.first(), order.sorted.last()) else {
        return Vec::new();
    };
    bins_between(column, order, (*low, *high), settings)
}

/// Returns bins for a drawing that a few extreme values should not squeeze: those between the quartiles
/// and three interquartile ranges around them, and how many values lie outside.
pub fn drawn_bins(column: &Column, settings: &Settings) -> (Vec<Bin>, usize) {
    let (Some(order), Some(spread)) = (column.order(), &column.spread) else {
        return (Vec::new(), 0);
    };
    let (q1, q3) = (spread.quantiles[2], spread.quantiles[4]);
    let reach = 3.0 * (q3 - q1);
    if order.sorted.is_empty() || reach == 0.0 || !reach.is_finite() {
        return (bins(column, settings), 0);
    }
    let from = order.sorted.partition_point(|v| *v < q1 - reach);
    let to = order.sorted.partition_point(|v| *v <= q3 + reach);
    let (Some(low), Some(high)) = (order.sorted.get(from), order.sorted.get(to - 1)) else {
        return (bins(column, settings), 0);
    };
    let bins = bins_between(column, order, (*low, *high), settings);
    let inside: usize = bins.iter().map(|b| b.count).sum();
    (bins, order.sorted.len() - inside)
}

/// Under `redact` edges are round numbers: those of equal bins would tell minimum and maximum. A column
/// of one value, or of few rows, has none then.
fn bins_between(
    column: &Column,
    order: &Order,
    (low, high): (f64, f64),
    settings: &Settings,
) -> Vec<Bin> {
    let whole = match column.values {
        Values::Number { whole, .. } => whole,
        Values::Date { with_time, .. } => !with_time,
        _ => false,
    };
    if settings.redact && (low == high || (order.sorted.len() as f64) < CROWD) {
        return Vec::new();
    }
    let edges = if settings.redact {
        scale::round_edges(low, high, settings.bins)
    } else {
        edges(low, high, settings.bins, whole)
    };
    histogram(&order.sorted, &edges)
}

/// Returns the most frequent levels of a text or boolean column and the rest as [`OTHER`]. Under
/// `redact` text levels are numbered instead of named.
pub fn top_levels(column: &Column, settings: &Settings) -> Vec<LevelCount> {
    let Some(levels) = column.levels() else { return Vec::new() };
    let hide = settings.redact && matches!(column.values, Values::Text(_));
    let shown = settings.top_levels.min(levels.names.len());
    let mut out: Vec<LevelCount> = levels.names[..shown]
        .iter()
        .zip(&levels.counts)
        .enumerate()
        .map(|(i, (name, count))| {
            (if hide { format!("level {}", i + 1) } else { name.clone() }, *count)
        })
        .collect();
    let rest: usize = levels.counts[shown..].iter().sum();
    if rest > 0 {
        out.push((OTHER.to_string(), rest));
    }
    out
}
