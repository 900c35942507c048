//! What a run's own rows look like, in bins and counts, and the same counts of other rows. Counts of parts add up, so that
//! a server can count as rows come. It does not know when a difference is too large.

use std::collections::BTreeMap;

use arrow::{
    array::{Array, AsArray},
    compute,
    datatypes::DataType,
};
use serde::{Deserialize, Serialize};

use super::space::distances;
use crate::{
    frame::{
        FrameError, Table,
        table::{is_numeric, is_temporal},
    },
    ml::Matrix,
    stage::error::StageError,
};

/// Levels that are told apart in the index; rarer ones count together.
pub const LEVELS: usize = 20;
/// Levels that are known at all; if there are more, none is called unknown.
const KNOWN: usize = 1000;
/// Bins that numbers are cut into, by the quantiles of the run's own rows.
pub const BINS: usize = 10;

/// A run's own rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The raw columns that an answer depends on.
    pub columns: Vec<ColumnProfile>,
    /// The segments that may be answered.
    pub segments: Vec<i32>,
    /// Where the segments lie; `None` where there is no telling.
    pub places: Option<Places>,
    /// The run's own rows, counted.
    pub counts: Counts,
}

/// A column of the run's own rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnProfile {
    /// Its name.
    pub name: String,
    /// How it is counted.
    pub bins: Bins,
}

/// How a column is counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bins {
    /// Numbers, between these edges: those below the first, ..., those not below the last. Dates count in days, times in
    /// microseconds.
    Edges(Vec<f64>),
    /// Levels, the most frequent first. `all` if these are all that there were.
    Levels {
        /// The levels.
        levels: Vec<String>,
        /// Whether there were no others.
        all: bool,
    },
}

/// Where the segments lie among the features that were clustered by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Places {
    /// The mean of each segment's rows.
    pub centres: Vec<Vec<f64>>,
    /// One in a hundred of the run's own rows is farther than this from every centre.
    pub far: f64,
}

/// Counted rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// How many.
    pub rows: u64,
    /// By column: the bins, then what is missing; levels have those that are not known before that.
    pub columns: Vec<Vec<u64>>,
    /// By segment, then those without one.
    pub segments: Vec<u64>,
    /// Rows far from every centre.
    pub far: u64,
    /// Rows whose distance could be told.
    pub measured: u64,
}

impl Counts {
    /// Adds the counts of other rows.
    pub fn add(&mut self, other: &Counts) {
        let add = |a: &mut Vec<u64>, b: &[u64]| a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        self.rows += other.rows;
        self.columns.iter_mut().zip(&other.columns).for_each(|(a, b)| add(a, b));
        add(&mut self.segments, &other.segments);
        self.far += other.far;
        self.measured += other.measured;
    }
}

impl Bins {
    /// Returns how many counts there are.
    fn len(&self) -> usize {
        match self {
            Bins::Edges(edges) => edges.len() + 2,
            Bins::Levels { levels, .. } => levels.len() + 2,
        }
    }
}

impl Profile {
    /// Returns the counts of no rows.
    pub fn none(&self) -> Counts {
        Counts {
            columns: self.columns.iter().map(|column| vec![0; column.bins.len()]).collect(),
            segments: vec![0; self.segments.len() + 1],
            ..Counts::default()
        }
    }

    /// Counts complete raw rows with their answers, one each, and, where there are [`Places`], their features.
    ///
    /// # Errors
    /// If a column is not there or of another sort than in the run.
    pub fn count(
        &self,
        raw: &Table,
        answers: &Table,
        features: Option<&Matrix>,
    ) -> Result<Counts, StageError> {
        let mut counts = self.none();
        counts.rows = raw.n_rows() as u64;
        for (column, counts) in self.columns.iter().zip(&mut counts.columns) {
            column.count(raw, counts)?;
        }
        for segment in answers.integers("segment")? {
            let known = |s: i64| self.segments.iter().position(|own| i64::from(*own) == s);
            let place = segment.and_then(known).unwrap_or(self.segments.len());
            counts.segments[place] += 1;
        }
        if let (Some(places), Some(features)) = (&self.places, features) {
            for distance in distances(features, &places.centres) {
                counts.measured += u64::from(!distance.is_nan());
                counts.far += u64::from(distance > places.far);
            }
        }
        Ok(counts)
    }
}

impl ColumnProfile {
    fn count(&self, raw: &Table, counts: &mut [u64]) -> Result<(), StageError> {
        let missing = counts.len() - 1;
        match &self.bins {
            Bins::Edges(edges) => {
                for value in numbers(raw, &self.name)? {
                    let bin = if value.is_nan() {
                        missing
                    } else {
                        edges.partition_point(|edge| *edge <= value)
                    };
                    counts[bin] += 1;
                }
            }
            Bins::Levels { levels, .. } => {
                // Only asked, never walked.
                let places: BTreeMap<&str, usize> =
                    levels.iter().map(String::as_str).zip(0..).collect();
                let texts = texts(raw, &self.name)?;
                for text in texts.iter() {
                    let known = |text| places.get(text).copied().unwrap_or(levels.len());
                    counts[text.map_or(missing, known)] += 1;
                }
            }
        }
        Ok(())
    }
}

/// Returns a column's values as numbers; what is missing is NaN.
fn numbers(raw: &Table, name: &str) -> Result<Vec<f64>, StageError> {
    let array = raw.column(name)?;
    if !is_temporal(array.data_type()) {
        return Ok(raw.floats(name)?);
    }
    let whole = match array.data_type() {
        DataType::Date32 => compute::cast(array, &DataType::Int32),
        _ => compute::cast(array, &DataType::Int64),
    };
    let floats = whole.and_then(|whole| compute::cast(&whole, &DataType::Float64));
    let floats = floats.map_err(FrameError::from)?;
    let floats = floats.as_primitive::<arrow::datatypes::Float64Type>();
    Ok(floats.iter().map(|v| v.unwrap_or(f64::NAN)).collect())
}

fn texts(raw: &Table, name: &str) -> Result<arrow::array::StringArray, StageError> {
    let texts = compute::cast(raw.column(name)?, &DataType::Utf8).map_err(FrameError::from)?;
    Ok(texts.as_string::<i32>().clone())
}

/// A column that is being learnt.
pub struct Learning {
    name: String,
    values: Values,
}

enum Values {
    Numbers(Vec<f64>),
    Levels(BTreeMap<String, u64>),
}

impl Learning {
    /// Starts with a column of this type.
    pub fn new(name: &str, data_type: &DataType) -> Learning {
        let is_number = is_numeric(data_type) && *data_type != DataType::Boolean;
        let values = match is_number || is_temporal(data_type) {
            true => Values::Numbers(Vec::new()),
            false => Values::Levels(BTreeMap::new()),
        };
        Learning { name: name.to_string(), values }
    }

    /// Takes in rows.
    ///
    /// # Errors
    /// If the column is not there or of another sort.
    pub fn add(&mut self, raw: &Table) -> Result<(), StageError> {
        match &mut self.values {
            Values::Numbers(values) => {
                values.extend(numbers(raw, &self.name)?.into_iter().filter(|v| !v.is_nan()));
            }
            Values::Levels(counts) => {
                for text in texts(raw, &self.name)?.iter().flatten() {
                    match counts.get_mut(text) {
                        Some(n) => *n += 1,
                        None => _ = counts.insert(text.to_string(), 1),
                    }
                }
            }
        }
        Ok(())
    }

    /// Returns how the column is to be counted.
    pub fn end(self) -> ColumnProfile {
        let bins = match self.values {
            Values::Numbers(values) => Bins::Edges(edges(values)),
            Values::Levels(counts) => {
                let all = counts.len() <= KNOWN;
                let mut levels: Vec<(String, u64)> = counts.into_iter().collect();
                // The sort is stable, so equal ones stay in the order of their names.
                levels.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
                levels.truncate(if all { KNOWN } else { LEVELS });
                Bins::Levels { levels: levels.into_iter().map(|(level, _)| level).collect(), all }
            }
        };
        ColumnProfile { name: self.name, bins }
    }
}

/// Returns the inner deciles, without repeats: a value that is its own decile begins a bin.
fn edges(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let decile = |i: usize| values.get(values.len() * i / BINS).copied();
    let mut edges: Vec<f64> = (1..BINS).filter_map(decile).collect();
    edges.dedup();
    // Below the first edge there is nothing if it is the least value.
    let least = values.first().copied();
    edges.retain(|edge| Some(*edge) != least);
    edges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::table::{float_array, int_array, opt_text_array, segment_array};

    fn table(n: usize) -> Table {
        let x = (0..n).map(|i| if i % 10 == 9 { f64::NAN } else { i as f64 }).collect();
        let color = (0..n).map(|i| ["red", "blue", "red", "green"][i % 4]);
        let columns = vec![
            ("id", int_array((0..n as i64).collect())),
            ("x", float_array(x)),
            ("color", opt_text_array(color.map(Some))),
        ];
        Table::new(Some("id"), columns).unwrap()
    }

    fn profile(of: &Table) -> Profile {
        let learnt = ["x", "color"].map(|name| {
            let mut learning = Learning::new(name, of.column(name).unwrap().data_type());
            learning.add(of).unwrap();
            learning.end()
        });
        let places = Places { centres: vec![vec![0.0], vec![10.0]], far: 2.0 };
        Profile {
            columns: learnt.to_vec(),
            segments: vec![0, 1],
            places: Some(places),
            counts: Counts::default(),
        }
    }

    fn answers(segments: Vec<i32>) -> Table {
        Table::new(None, vec![("segment", segment_array(segments))]).unwrap()
    }

    #[test]
    fn rows_fall_into_bins_and_parts_add_up() {
        let own = table(200);
        let profile = profile(&own);
        let Bins::Edges(edges) = &profile.columns[0].bins else { panic!("numbers") };
        assert_eq!(edges.len(), 9);
        let count = |rows: &Table, first: usize| {
            let n = rows.n_rows();
            let features = Matrix::new(n, 1, (first..first + n).map(|i| i as f64 / 10.0).collect());
            profile.count(rows, &answers(vec![1; n]), Some(&features)).unwrap()
        };
        let whole = count(&own, 0);
        assert_eq!(whole.columns[0].iter().sum::<u64>(), 200);
        assert_eq!(*whole.columns[0].last().unwrap(), 20, "missing");
        assert!(whole.columns[0][..10].iter().all(|n| *n == 18), "{whole:?}");
        assert_eq!(whole.columns[1], [100, 50, 50, 0, 0]);
        assert_eq!(whole.segments, [0, 200, 0]);
        // Rows are far beyond 2 of 0 and 10: from 2.1 to 7.9, and from 12.1 on.
        assert_eq!((whole.far, whole.measured), (59 + 79, 200));
        let rows: Vec<usize> = (0..200).collect();
        let mut parts = count(&own.take(&rows[..70]).unwrap(), 0);
        parts.add(&count(&own.take(&rows[70..]).unwrap(), 70));
        assert_eq!(parts, whole);
    }

    #[test]
    fn what_was_not_there_before_is_told() {
        let profile = profile(&table(200));
        let columns = vec![
            ("x", float_array(vec![1e9, -1e9, f64::NAN])),
            ("color", opt_text_array([Some("mauve"), None, Some("red")])),
        ];
        let new = Table::new(None, columns).unwrap();
        let counts = profile.count(&new, &answers(vec![0, 0, 7]), None).unwrap();
        assert_eq!((counts.columns[0][0], counts.columns[0][9], counts.columns[0][10]), (1, 1, 1));
        assert_eq!(counts.columns[1], [1, 0, 0, 1, 1]);
        assert_eq!(counts.segments, [2, 0, 1]);
        assert_eq!(counts.measured, 0);
    }

    #[test]
    fn values_that_repeat_make_fewer_bins() {
        assert_eq!(edges(vec![1.0; 50]), Vec::<f64>::new());
        let mostly_zero = [vec![0.0; 80], (1..=20).map(f64::from).collect()].concat();
        assert_eq!(edges(mostly_zero), [1.0, 11.0]);
        assert_eq!(edges(vec![]), Vec::<f64>::new());
    }
}
