//! Which segment of this run is which of the reference run. It does not know what is carried over.
//!
//! Each customer is given a segment of the reference run: the one it was in there, or, where the runs share too few
//! customers, the one whose profile it is nearest to. Pairs of segments, each in one pair at the most, are then those that
//! share the most customers ([`crate::ml::assignment`]).

use arrow::array::Array;

use crate::{
    frame::Table,
    kinds::segments::{
        figures::{Figures, OTHER, Profile, Segments},
        reference::{Old, Reference, numbers_of_rows},
    },
    ml::{agreement::Contingency, assignment, stats::levels::MISSING},
    stage::{error::StageError, work::Work},
};

/// Share of customers that must be in both runs for ids to tell.
const LEAST_KNOWN: f64 = 0.2;
/// Share of a segment's known customers that a counterpart must have had, so that its name is carried over.
pub const LEAST_SHARE: f64 = 0.5;

/// How segments were matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// By the customers in both.
    Ids,
    /// By the nearest profile.
    Profile,
}

impl Method {
    /// Returns the word in `summary`.
    pub fn word(self) -> &'static str {
        match self {
            Method::Ids => "ids",
            Method::Profile => "profile",
        }
    }
}

/// Pairs of segments.
pub struct Matching {
    /// How they were found.
    pub method: Method,
    /// Customers of this run that speak for a pair.
    pub n_known: usize,
    /// How often each segment there (rows) meets each here (columns).
    pub table: Contingency,
    /// For each segment here its counterpart, in the order of [`Segments::numbers`].
    pub pairs: Vec<Option<Pair>>,
}

/// A segment's counterpart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// The index of the segment in the reference run's list.
    pub old: usize,
    /// The share of the known customers here who were in it there.
    pub share: f64,
}

impl Pair {
    /// Returns true if it is the same segment by and large.
    pub fn is_close(&self) -> bool {
        self.share >= LEAST_SHARE
    }
}

/// Finds the pairs.
///
/// # Errors
/// If the reference's artifacts are damaged, or the work was asked to stop.
pub fn find(
    table: &Table,
    segments: &Segments,
    profiles: &[Profile],
    reference: &Reference,
    redact: bool,
    work: &Work,
) -> Result<Matching, StageError> {
    let known = reference.segments_by_id(table)?;
    let n_known = known.iter().flatten().count();
    if n_known as f64 >= LEAST_KNOWN * known.len() as f64 && n_known > 0 {
        return Ok(pair(Method::Ids, &known, segments, reference));
    }
    let nearest = nearest(table.n_rows(), profiles, reference, redact, work)?;
    Ok(pair(Method::Profile, &nearest, segments, reference))
}

fn pair(
    method: Method,
    old: &[Option<i32>],
    segments: &Segments,
    reference: &Reference,
) -> Matching {
    let here = numbers_of_rows(segments);
    let (there, here): (Vec<i32>, Vec<i32>) =
        old.iter().zip(here).filter_map(|(old, here)| Some(((*old)?, here))).unzip();
    let table = Contingency::new(&there, &here);
    let count = |old: i32, new: i32| -> u64 {
        let row = table.rows.iter().position(|r| *r == old);
        let column = table.columns.iter().position(|c| *c == new);
        row.zip(column).map_or(0, |(row, column)| table.counts[row][column])
    };
    // Noise is no segment: it is in no pair.
    let gains: Vec<Vec<u64>> = segments
        .numbers
        .iter()
        .map(|&new| {
            let gain = |old: &Old| if new < 0 { 0 } else { count(old.number, new) };
            reference.segments.iter().map(gain).collect()
        })
        .collect();
    let total = |new: i32| {
        let column = table.columns.iter().position(|c| *c == new);
        column.map_or(0, |c| table.counts.iter().map(|row| row[c]).sum::<u64>())
    };
    let pairs = assignment::best(&gains)
        .into_iter()
        .enumerate()
        .map(|(index, old)| {
            let old = old?;
            let share = gains[index][old] as f64 / total(segments.numbers[index]) as f64;
            Some(Pair { old, share })
        })
        .collect();
    Matching { method, n_known: there.len(), table, pairs }
}

/// A column by which a row is held against the reference's segments.
enum Measure<'a> {
    /// Values, the spread of all, and each segment's mean.
    Number(&'a [f64], f64, Vec<f64>),
    /// Levels, and the share of each in each segment: `[segment][level]`.
    Levels(&'a [u32], Vec<Vec<f64>>),
}

/// Returns for each row the number of the reference's segment whose profile is nearest: by the mean over the columns that both
/// know of the squared distance to the mean, in standard deviations of this run, or of the level to the shares of levels.
fn nearest(
    n_rows: usize,
    profiles: &[Profile],
    reference: &Reference,
    redact: bool,
    work: &Work,
) -> Result<Vec<Option<i32>>, StageError> {
    let measures = measures(profiles, reference, redact)?;
    if measures.is_empty() || reference.segments.is_empty() {
        return Ok(vec![None; n_rows]);
    }
    let chunks = work.pool.map_chunks(n_rows, |rows| {
        work.check()?;
        Ok(rows.map(|row| nearest_to(row, &measures, reference)).collect())
    });
    let chunks: Vec<Vec<Option<i32>>> = chunks.into_iter().collect::<Result<_, StageError>>()?;
    Ok(chunks.concat())
}

fn nearest_to(row: usize, measures: &[Measure<'_>], reference: &Reference) -> Option<i32> {
    let mut best: Option<(f64, i32)> = None;
    for (segment, old) in reference.segments.iter().enumerate() {
        let distance: f64 = measures.iter().map(|m| m.distance(row, segment)).sum();
        if best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, old.number));
        }
    }
    best.map(|(_, number)| number)
}

impl Measure<'_> {
    /// A row without a value is equally far from all.
    fn distance(&self, row: usize, segment: usize) -> f64 {
        match self {
            Measure::Number(values, std, means) => {
                let z = (values[row] - means[segment]) / std;
                if z.is_finite() { z * z } else { 0.0 }
            }
            Measure::Levels(codes, shares) => match codes[row] {
                MISSING => 0.0,
                code => {
                    let shares = &shares[segment];
                    let squares: f64 = shares.iter().map(|s| s * s).sum();
                    (1.0 - 2.0 * shares.get(code as usize).copied().unwrap_or(0.0) + squares) / 2.0
                }
            },
        }
    }
}

/// Pairs columns of this run with the reference's figures of the same name.
fn measures<'a>(
    profiles: &'a [Profile],
    reference: &Reference,
    redact: bool,
) -> Result<Vec<Measure<'a>>, StageError> {
    let table = &reference.profile;
    let (numbers, columns) = (table.segments()?, table.texts("column")?);
    let levels = table.texts("level")?;
    let (means, shares) = (table.floats("mean")?, table.floats("share")?);
    let figure = |values: &[f64], number: i32, column: &str, level: Option<&str>| {
        let is_it = |row: &usize| {
            numbers[*row] == number
                && columns.value(*row) == column
                && levels.is_valid(*row).then(|| levels.value(*row)) == level
        };
        (0..numbers.len()).find(is_it).map_or(f64::NAN, |row| values[row])
    };
    let mut out = Vec::new();
    for profile in profiles {
        match &profile.figures {
            Figures::Number(number) => {
                let mean = |old: &Old| figure(&means, old.number, &profile.name, None);
                let means: Vec<f64> = reference.segments.iter().map(mean).collect();
                if means.iter().all(|mean| mean.is_finite()) && number.overall.std > 0.0 {
                    let values = number.numbers.values();
                    out.push(Measure::Number(values, number.overall.std, means));
                }
            }
            // Under `redact` levels have numbers by their frequency, which need not mean the same in both.
            Figures::Category(_) if redact => {}
            Figures::Category(category) => {
                let of = |old: &Old| -> Vec<f64> {
                    let share = |level: &String| {
                        figure(&shares, old.number, &profile.name, Some(level.as_str()))
                    };
                    let shares = category.levels.iter().map(share);
                    shares.map(|share| if share.is_nan() { 0.0 } else { share }).collect()
                };
                let shares: Vec<Vec<f64>> = reference.segments.iter().map(of).collect();
                let told = |level: &usize| category.levels[*level] != OTHER;
                let any = (0..category.levels.len()).filter(told);
                if any.into_iter().any(|level| shares.iter().any(|s| s[level] > 0.0)) {
                    out.push(Measure::Levels(&category.codes, shares));
                }
            }
        }
    }
    Ok(out)
}
