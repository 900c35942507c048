//! One column of a table, described. Dates and times are numbers of days since 1970-01-01 here.
//! It does not know what other columns say.

use std::ops::Range;

use arrow::{
    array::{Array, ArrayRef, AsArray, StringArray},
    compute,
    datatypes::{DataType, Date32Type, Int64Type, TimeUnit, TimestampMicrosecondType},
};

use crate::{
    frame::{
        FrameError, Table,
        table::{is_numeric, type_word},
    },
    kinds::{
        eda::{
            histograms::{Drawing, Shape},
            spread::Spread,
        },
        page::number,
    },
    ml::stats::{Levels, Numbers, Order, levels},
};

const MICROSECONDS_A_DAY: f64 = 86_400_000_000.0;

/// A column with its figures.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type in a person's words.
    pub dtype: String,
    /// Whether it is the table's id.
    pub is_id: bool,
    /// Rows of the table.
    pub n_rows: usize,
    /// Rows without a value; NaN counts as none.
    pub missing: usize,
    /// Rows with an infinite value: they count as values, but all figures leave them out.
    pub infinite: usize,
    /// How many different values there are.
    pub distinct: usize,
    /// The most frequent value as text (ties: the smallest) and how often it occurs.
    pub top: Option<(String, usize)>,
    /// The values.
    pub values: Values,
    /// Figures of numbers and dates.
    pub spread: Option<Spread>,
    /// Histograms of numbers and dates.
    pub shape: Shape,
    /// How many rows without a value there are in each of up to [`BLOCKS`] equal stretches of rows; empty if there are none.
    pub gaps: Vec<usize>,
}

/// Stretches of rows that missing values are counted in.
pub const BLOCKS: usize = 60;

/// Returns the stretches that `n_rows` are cut into.
pub fn blocks(n_rows: usize) -> Vec<Range<usize>> {
    let n = BLOCKS.min(n_rows);
    (0..n).map(|b| n_rows * b / n..n_rows * (b + 1) / n).collect()
}

/// The values of a column, by what can be computed of them.
#[derive(Clone, Debug)]
pub enum Values {
    /// Integers (`whole`) or floats.
    Number {
        /// Whether the column holds integers.
        whole: bool,
        /// The values, ready for correlations.
        numbers: Numbers,
    },
    /// True and false, both as levels and as 1 and 0.
    Boolean {
        /// As levels `false` and `true`.
        levels: Levels,
        /// As 0 and 1.
        numbers: Numbers,
    },
    /// Dates or times, in days since 1970-01-01.
    Date {
        /// Whether there is a time of day.
        with_time: bool,
        /// Days by row, where somebody wants them; NaN is missing.
        days: Vec<f64>,
        /// Their order, likewise.
        order: Order,
    },
    /// Text.
    Text(Levels),
    /// A type that has no figures.
    Other,
}

impl Column {
    /// Describes the column `name`. Of a column of more than [`EXACT_ROWS`] rows all figures are exact, but the values that
    /// are kept for correlations are those of some rows ([`step`]), and of more than [`MANY_LEVELS`] levels only
    /// the most frequent are kept.
    ///
    /// # Errors
    /// If Arrow cannot convert its values.
    pub fn describe(table: &Table, name: &str, drawing: &Drawing) -> Result<Column, FrameError> {
        let array = table.column(name)?;
        let mut column = Column {
            name: name.to_string(),
            dtype: type_word(array.data_type()),
            is_id: table.id_name().as_deref() == Some(name),
            n_rows: array.len(),
            missing: array.null_count(),
            infinite: 0,
            distinct: 0,
            top: None,
            values: Values::Other,
            spread: None,
            shape: Shape::default(),
            gaps: gaps(array.len(), array.null_count(), |row| array.is_null(row)),
        };
        match array.data_type() {
            DataType::Utf8 => column.set_texts(array.as_string::<i32>(), drawing),
            DataType::Boolean => column.set_booleans(array, table, drawing)?,
            DataType::Date32 | DataType::Timestamp(TimeUnit::Microsecond, _) => {
                column.set_dates(array, drawing)
            }
            other if is_numeric(other) => column.set_numbers(array, table, drawing)?,
            _ => {}
        }
        Ok(column)
    }

    /// Returns how many rows have a value.
    pub fn count(&self) -> usize {
        self.n_rows - self.missing
    }

    /// Returns the share of rows without a value; 0 for a table without rows.
    pub fn missing_share(&self) -> f64 {
        if self.n_rows == 0 { 0.0 } else { self.missing as f64 / self.n_rows as f64 }
    }

    /// Returns the values as numbers, if they may be correlated as such.
    pub fn numbers(&self) -> Option<&Numbers> {
        match &self.values {
            Values::Number { numbers, .. } | Values::Boolean { numbers, .. } => Some(numbers),
            _ => None,
        }
    }

    /// Returns the values as levels, if they may be correlated as such.
    pub fn levels(&self) -> Option<&Levels> {
        match &self.values {
            Values::Boolean { levels, .. } | Values::Text(levels) => Some(levels),
            _ => None,
        }
    }

    fn set_texts(&mut self, texts: &StringArray, drawing: &Drawing) {
        let step = drawing.step(texts.len());
        if step == 1 {
            return self.set_levels(Levels::of(texts.iter()));
        }
        let distinct = levels::distinct(texts.iter());
        let mut levels = match distinct <= MANY_LEVELS {
            true => Levels::of(texts.iter()),
            false => Levels::most_frequent(texts.iter(), KEPT_LEVELS),
        };
        levels.codes = levels.codes.iter().step_by(step).copied().collect();
        self.set_levels(levels);
        self.distinct = distinct;
    }

    fn set_levels(&mut self, levels: Levels) {
        self.distinct = levels.names.len();
        self.top = levels.names.first().cloned().zip(levels.counts.first().copied());
        self.values = Values::Text(levels);
    }

    fn set_booleans(
        &mut self,
        array: &ArrayRef,
        table: &Table,
        drawing: &Drawing,
    ) -> Result<(), FrameError> {
        let words = array.as_boolean().iter().map(|v| v.map(|v| if v { "true" } else { "false" }));
        self.set_levels(Levels::of(words));
        let values = table.floats(&self.name)?;
        self.spread = Some(Spread::of(&Order::of_values(&values).sorted));
        let step = drawing.step(values.len());
        if let Values::Text(mut levels) = std::mem::replace(&mut self.values, Values::Other) {
            levels.codes = levels.codes.iter().step_by(step).copied().collect();
            self.values = Values::Boolean { levels, numbers: kept(values, step) };
        }
        Ok(())
    }

    fn set_dates(&mut self, array: &ArrayRef, drawing: &Drawing) {
        let with_time = *array.data_type() != DataType::Date32;
        let days: Vec<f64> = if with_time {
            let times = array.as_primitive::<TimestampMicrosecondType>().iter();
            times.map(|v| v.map_or(f64::NAN, |v| v as f64 / MICROSECONDS_A_DAY)).collect()
        } else {
            let dates = array.as_primitive::<Date32Type>().iter();
            dates.map(|v| v.map_or(f64::NAN, f64::from)).collect()
        };
        let mut order = match drawing.keeps_all() {
            true => Order::of(&days),
            false => Order::of_values(&days),
        };
        self.distinct = order.distinct();
        self.top = order.mode().map(|(v, n)| (number::date(v, with_time), n));
        let spread = Spread::of(&order.sorted);
        self.shape = drawing.shape(&order.sorted, &spread, !with_time);
        self.spread = Some(spread);
        let mut days = days;
        if !drawing.keeps_all() {
            (days, order) = (Vec::new(), Order::of(&[]));
        }
        self.values = Values::Date { with_time, days, order };
    }

    fn set_numbers(
        &mut self,
        array: &ArrayRef,
        table: &Table,
        drawing: &Drawing,
    ) -> Result<(), FrameError> {
        let whole = array.data_type().is_integer();
        let values = table.floats(&self.name)?;
        self.missing = values.iter().filter(|v| v.is_nan()).count();
        self.gaps = gaps(values.len(), self.missing, |row| values[row].is_nan());
        self.infinite = values.iter().filter(|v| v.is_infinite()).count();
        let step = drawing.step(values.len());
        let order = match step {
            1 => Order::of(&values),
            _ => Order::of_values(&values),
        };
        self.distinct = order.distinct() + infinities(&values);
        self.top = order.mode().map(|(v, n)| (number_text(v, whole), n));
        if whole && order.sorted.iter().any(|v| v.abs() >= EXACT) {
            self.set_exact_integers(array)?;
        }
        let spread = Spread::of(&order.sorted);
        self.shape = drawing.shape(&order.sorted, &spread, whole);
        self.spread = Some(spread);
        let numbers = match step {
            1 => Numbers::new(values, order),
            _ => {
                drop(order);
                kept(values, step)
            }
        };
        self.values = Values::Number { whole, numbers };
        Ok(())
    }

    /// Counts different integers that f64 cannot tell apart (ids, mostly).
    fn set_exact_integers(&mut self, array: &ArrayRef) -> Result<(), FrameError> {
        let cast = compute::cast(array, &DataType::Int64)?;
        let mut sorted: Vec<i64> = cast.as_primitive::<Int64Type>().iter().flatten().collect();
        sorted.sort_unstable();
        self.distinct = sorted.chunk_by(|a, b| a == b).count();
        let mut best: Option<(i64, usize)> = None;
        for run in sorted.chunk_by(|a, b| a == b) {
            if best.is_none_or(|(_, most)| run.len() > most) {
                best = Some((run[0], run.len()));
            }
        }
        self.top = best.map(|(value, n)| (value.to_string(), n));
        Ok(())
    }
}

/// Integers from here on may share an f64 with a neighbour.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Up to so many rows, correlations are those of all rows.
pub const EXACT_ROWS: usize = 1 << 20;

/// Of longer tables they are those of about so many, evenly spaced.
pub const SAMPLE_ROWS: usize = 1 << 18;

/// Levels that a text column of a longer table may have before only the most frequent are kept.
const MANY_LEVELS: usize = 1 << 16;

/// How many are kept then: as many as a histogram can show.
const KEPT_LEVELS: usize = 10_000;

/// Returns which rows correlations are computed of: every so many.
pub fn step(n_rows: usize) -> usize {
    if n_rows <= EXACT_ROWS { 1 } else { n_rows.div_ceil(SAMPLE_ROWS) }
}

/// Returns about how many bytes are kept of a column of this type, whose pages take `page_bytes`.
pub fn kept_bytes(data_type: &DataType, page_bytes: u64, n_rows: usize) -> u64 {
    let step = step(n_rows);
    let n_kept = n_rows.div_ceil(step) as u64;
    // A value, its row and itself in order, and its deviation and that of its rank.
    let numbers = n_kept * (8 + 4 + 8 + 2 * 8);
    let codes = n_kept * 4;
    match data_type {
        // Each level is a text of its own, with a count. Of longer tables few levels are kept.
        DataType::Utf8 if step == 1 => codes + page_bytes * 3,
        DataType::Utf8 => codes,
        DataType::Boolean => numbers + codes,
        other if is_numeric(other) => numbers,
        _ => 0,
    }
}

/// Prepares the values of the rows that are kept for correlations.
fn kept(values: Vec<f64>, step: usize) -> Numbers {
    let values: Vec<f64> = values.into_iter().step_by(step).collect();
    let order = Order::of(&values);
    Numbers::new(values, order)
}

/// Counts rows without a value by stretch.
fn gaps(n_rows: usize, missing: usize, is_missing: impl Fn(usize) -> bool) -> Vec<usize> {
    if missing == 0 {
        return Vec::new();
    }
    blocks(n_rows).into_iter().map(|rows| rows.filter(|&row| is_missing(row)).count()).collect()
}

/// How many of plus and minus infinity occur.
fn infinities(values: &[f64]) -> usize {
    usize::from(values.contains(&f64::INFINITY)) + usize::from(values.contains(&f64::NEG_INFINITY))
}

/// The shortest text that reads back as the number; integers without a point.
fn number_text(value: f64, whole: bool) -> String {
    match (whole, value.abs() < 1e16) {
        (true, _) => format!("{value:.0}"),
        (false, true) => format!("{value}"),
        (false, false) => format!("{value:e}"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BooleanArray, Date32Array, Int64Array};

    use super::*;
    use crate::frame::table::{float_array, opt_text_array};

    fn describe(array: ArrayRef) -> Column {
        let table = Table::new(None, vec![("x", array)]).unwrap();
        Column::describe(&table, "x", &Drawing::plain(30)).unwrap()
    }

    #[test]
    fn numbers() {
        let inf = f64::INFINITY;
        let x = describe(float_array(vec![1.0, 0.0, -2.0, f64::NAN, inf, 1.0, 100.0, 0.0]));
        let spread = x.spread.as_ref().unwrap();
        assert_eq!((x.count(), x.missing, x.infinite, x.distinct), (7, 1, 1, 5));
        assert_eq!((spread.zeros, spread.negatives, spread.outliers_iqr), (2, 1, 2));
        assert_eq!((spread.min, spread.max, spread.quantiles[3]), (-2.0, 100.0, 0.5));
        assert_eq!(x.top, Some(("0".to_string(), 2)));
        // Deviations from 0.5 are 0.5, 0.5, 0.5, 0.5, 2.5 and 99.5.
        assert_eq!((spread.mad, spread.outliers_mad), (0.5, 1));
        assert_eq!(spread.smallest, [(-2.0, 1), (0.0, 2), (1.0, 2), (100.0, 1)]);
        assert_eq!(spread.largest, [(100.0, 1), (1.0, 2), (0.0, 2), (-2.0, 1)]);
        assert_eq!(x.gaps, [0, 0, 0, 1, 0, 0, 0, 0]);
    }

    #[test]
    fn long_columns_count_gaps_in_stretches() {
        let x =
            describe(float_array((0..600).map(|i| if i < 15 { f64::NAN } else { 1.0 }).collect()));
        assert_eq!((x.gaps.len(), x.gaps[0], x.gaps[1], x.gaps[2]), (60, 10, 5, 0));
        assert!(describe(float_array(vec![1.0])).gaps.is_empty());
    }

    #[test]
    fn integers_beyond_f64_stay_apart() {
        let big = 9_007_199_254_740_993;
        let x = describe(Arc::new(Int64Array::from(vec![big, big - 1, big])));
        assert_eq!((x.distinct, x.top), (2, Some((big.to_string(), 2))));
    }

    #[test]
    fn texts_booleans_dates() {
        let text = describe(opt_text_array([Some("b"), None, Some("a")]));
        assert_eq!((text.distinct, text.top), (2, Some(("a".to_string(), 1))));
        let flag =
            describe(Arc::new(BooleanArray::from(vec![Some(true), None, Some(false), Some(true)])));
        assert_eq!((flag.dtype.as_str(), flag.missing, flag.distinct), ("boolean", 1, 2));
        assert_eq!(flag.spread.unwrap().moments.mean, 2.0 / 3.0);
        let date = describe(Arc::new(Date32Array::from(vec![19_723, 19_723, 0])));
        assert_eq!(date.top, Some(("2024-01-01".to_string(), 2)));
        assert_eq!(date.spread.unwrap().max, 19_723.0);
    }

    #[test]
    fn nothing_there() {
        for array in [float_array(vec![]), float_array(vec![f64::NAN])] {
            let x = describe(array);
            assert_eq!((x.count(), x.distinct, x.top.clone()), (0, 0, None));
            assert_eq!(x.spread.unwrap().outliers_iqr, 0);
        }
    }
}
