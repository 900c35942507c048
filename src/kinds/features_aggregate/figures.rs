//! The figures of groups of rows: counts, sums, moments, extremes, firsts and lasts.
//! It does not know columns' names nor where the values come from.

use std::{cmp::Ordering, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray, Float64Array, Int64Array},
    compute,
    datatypes::{DataType, Float64Type, Int64Type},
};
use serde::Deserialize;

use crate::{
    frame::FrameError,
    kinds::groups::{Groups, comparator, missing, plain, take},
    ml::math,
    stage::{error::StageError, work::Work},
};

/// A figure of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Figure {
    /// The number of rows, or of values.
    Count,
    /// The sum; 0 without values.
    Sum,
    /// The mean.
    Mean,
    /// The smallest value.
    Min,
    /// The greatest value.
    Max,
    /// The standard deviation with n - 1; null for fewer than two values.
    Std,
    /// The middle value, or the mean of the two in the middle.
    Median,
    /// The number of different values.
    Distinct,
    /// The first value.
    First,
    /// The last value.
    Last,
}

impl Figure {
    /// Returns the figure's name in a pipeline.
    pub fn word(self) -> &'static str {
        match self {
            Figure::Count => "count",
            Figure::Sum => "sum",
            Figure::Mean => "mean",
            Figure::Min => "min",
            Figure::Max => "max",
            Figure::Std => "std",
            Figure::Median => "median",
            Figure::Distinct => "distinct",
            Figure::First => "first",
            Figure::Last => "last",
        }
    }

    /// Returns the type of the figure of values of type `of`; `None` if it has none.
    pub fn gives(self, of: &DataType) -> Option<DataType> {
        let is_number =
            matches!(of, DataType::Int64 | DataType::Float64 | DataType::Boolean | DataType::Null);
        match self {
            Figure::Count | Figure::Distinct => Some(DataType::Int64),
            Figure::Min | Figure::Max | Figure::First | Figure::Last => Some(of.clone()),
            Figure::Sum if !is_number => None,
            Figure::Sum if *of == DataType::Float64 => Some(DataType::Float64),
            Figure::Sum => Some(DataType::Int64),
            Figure::Mean | Figure::Std | Figure::Median => is_number.then_some(DataType::Float64),
        }
    }
}

/// Computes a figure of each group; `keep` tells which rows count.
///
/// # Errors
/// If a sum of integers is out of range, or cancelled.
pub fn compute(
    figure: Figure,
    groups: &Groups,
    of: Option<&ArrayRef>,
    by: Option<&ArrayRef>,
    keep: &(impl Fn(usize) -> bool + Sync),
    work: &Work,
) -> Result<ArrayRef, StageError> {
    let Some(of) = of else {
        let count = |rows: &[usize]| Ok(rows.iter().filter(|&&row| keep(row)).count() as i64);
        return Ok(Arc::new(Int64Array::from(groups.map(work, count)?)));
    };
    let of = plain(of);
    let no_value = missing(&of);
    let counts = |row: usize| keep(row) && !no_value(row);
    match figure {
        Figure::Count => {
            let count = |rows: &[usize]| Ok(rows.iter().filter(|&&row| counts(row)).count() as i64);
            Ok(Arc::new(Int64Array::from(groups.map(work, count)?)))
        }
        Figure::Distinct => distinct(groups, &of, &counts, work),
        Figure::Sum if *of.data_type() != DataType::Float64 => sum(groups, &of, &counts, work),
        Figure::Sum | Figure::Mean | Figure::Std | Figure::Median => {
            moment(figure, groups, &of, &counts, work)
        }
        Figure::Min | Figure::Max => {
            let wanted = if figure == Figure::Min { Ordering::Less } else { Ordering::Greater };
            pick(groups, &of, &of, wanted, &counts, work)
        }
        Figure::First | Figure::Last => {
            let wanted = if figure == Figure::First { Ordering::Less } else { Ordering::Greater };
            let rows: ArrayRef = Arc::new(Int64Array::from_iter_values(0..of.len() as i64));
            let by = by.map_or(rows, plain);
            let no_order = missing(&by);
            // Of rows that `by` cannot tell apart, the table's order decides: the last one for `last`.
            pick(groups, &of, &by, wanted, &|row| counts(row) && !no_order(row), work)
        }
    }
}

/// The value of the row in which `by` is least or greatest. Of equal ones the first row counts as the
/// least and the last row as the greatest.
fn pick(
    groups: &Groups,
    of: &ArrayRef,
    by: &ArrayRef,
    wanted: Ordering,
    counts: &(impl Fn(usize) -> bool + Sync),
    work: &Work,
) -> Result<ArrayRef, StageError> {
    let chosen = groups.map_with(
        work,
        || comparator(by),
        |order, rows| {
            let rows = rows.iter().copied().filter(|&row| counts(row));
            Ok(rows.reduce(|best, row| {
                if order(row, best).then(row.cmp(&best)) == wanted { row } else { best }
            }))
        },
    )?;
    take(of, chosen)
}

fn distinct(
    groups: &Groups,
    of: &ArrayRef,
    counts: &(impl Fn(usize) -> bool + Sync),
    work: &Work,
) -> Result<ArrayRef, StageError> {
    let n_distinct = groups.map_with(
        work,
        || comparator(of),
        |order, rows| {
            let mut rows: Vec<usize> = rows.iter().copied().filter(|&row| counts(row)).collect();
            rows.sort_by(|&a, &b| order(a, b));
            rows.dedup_by(|a, b| order(*a, *b).is_eq());
            Ok(rows.len() as i64)
        },
    )?;
    Ok(Arc::new(Int64Array::from(n_distinct)))
}

/// The sum of integers or truth values, exact.
fn sum(
    groups: &Groups,
    of: &ArrayRef,
    counts: &(impl Fn(usize) -> bool + Sync),
    work: &Work,
) -> Result<ArrayRef, StageError> {
    let integers = compute::cast(of, &DataType::Int64).map_err(FrameError::from)?;
    let values = integers.as_primitive::<Int64Type>();
    let sums = groups.map(work, |rows| {
        let kept = rows.iter().filter(|&&row| counts(row));
        let total: i128 = kept.map(|&row| i128::from(values.value(row))).sum();
        i64::try_from(total).map_err(|_| {
            StageError::Data(
                "the sum is out of range; sum it as a float: `of: cast(x as double)`".to_string(),
            )
        })
    })?;
    Ok(Arc::new(Int64Array::from(sums)))
}

fn moment(
    figure: Figure,
    groups: &Groups,
    of: &ArrayRef,
    counts: &(impl Fn(usize) -> bool + Sync),
    work: &Work,
) -> Result<ArrayRef, StageError> {
    let floats = compute::cast(of, &DataType::Float64).map_err(FrameError::from)?;
    let floats = floats.as_primitive::<Float64Type>();
    let values = groups.map(work, |rows| {
        let kept = rows.iter().filter(|&&row| counts(row));
        let mut values: Vec<f64> = kept.map(|&row| floats.value(row)).collect();
        let figure = match figure {
            Figure::Mean => mean(&values),
            Figure::Std => std(&values),
            Figure::Median => median(&mut values),
            _ => Some(math::sum(&values)),
        };
        // Infinities that cancel each other leave nothing to tell.
        Ok(figure.filter(|v| !v.is_nan()))
    })?;
    Ok(Arc::new(Float64Array::from(values)))
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| math::sum(values) / values.len() as f64)
}

fn std(values: &[f64]) -> Option<f64> {
    let mean = mean(values).filter(|_| values.len() > 1)?;
    let squares: Vec<f64> = values.iter().map(|v| (v - mean) * (v - mean)).collect();
    Some((math::sum(&squares) / (values.len() - 1) as f64).sqrt())
}

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let n = values.len();
    let (low, high) = (values.get(n.checked_sub(1)? / 2)?, values.get(n / 2)?);
    let middle = low + (high - low) / 2.0;
    Some(if low == high { *low } else { middle })
}
