//! Every column in every segment: numbers and dates by their moments, categories by their shares.
//! Dates are days since 1970-01-01. It does not put anything into words.

use crate::{
    frame::{FrameError, Table},
    kinds::eda::{
        columns::{Column, Values},
        figures::CROWD,
        histograms::Drawing,
    },
    ml::stats::{Levels, Moments, Numbers, levels::MISSING, moments, quantile},
    stage::{error::StageError, work::Work},
};

/// What stands for all levels but the most frequent ones.
pub const OTHER: &str = "(other)";

/// The segments of a table's rows.
#[derive(Clone, Debug)]
pub struct Segments {
    /// The segments that occur, ascending, noise (below 0) last.
    pub numbers: Vec<i32>,
    /// How many rows each has.
    pub sizes: Vec<usize>,
    /// For each row the index of its segment in `numbers`.
    pub of_row: Vec<usize>,
}

impl Segments {
    /// Sorts out the segments of rows.
    pub fn new(of_row: &[i32]) -> Segments {
        let mut numbers = of_row.to_vec();
        numbers.sort_unstable_by_key(|s| (*s < 0, *s));
        numbers.dedup();
        let place = |s: i32| numbers.iter().position(|n| *n == s).unwrap_or_default();
        let of_row: Vec<usize> = of_row.iter().map(|s| place(*s)).collect();
        let mut sizes = vec![0; numbers.len()];
        of_row.iter().for_each(|&s| sizes[s] += 1);
        Segments { numbers, sizes, of_row }
    }

    /// Returns how many segments there are, noise among them.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Returns true without any row.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Returns a segment's share of all rows.
    pub fn share(&self, segment: usize) -> f64 {
        self.sizes[segment] as f64 / self.of_row.len() as f64
    }
}

/// A column in all segments.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The column's name.
    pub name: String,
    /// Its figures.
    pub figures: Figures,
}

/// The figures of a column, by what it holds.
#[derive(Clone, Debug)]
pub enum Figures {
    /// Numbers or dates.
    Number(Box<NumberFigures>),
    /// Text or booleans.
    Category(CategoryFigures),
}

/// A numeric or date column.
#[derive(Clone, Debug)]
pub struct NumberFigures {
    /// `Some(with_time)` for dates.
    pub date: Option<bool>,
    /// All rows together.
    pub overall: Moments,
    /// Smallest value of all.
    pub min: f64,
    /// Each segment.
    pub cells: Vec<Cell>,
    /// The values, for correlations.
    pub numbers: Numbers,
}

/// A numeric column in one segment; NaN where a figure is not defined.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    /// Moments within the segment.
    pub moments: Moments,
    /// Median within the segment.
    pub median: f64,
    /// (segment mean - overall mean) / overall standard deviation.
    pub z: f64,
    /// Segment mean / overall mean - 1; NaN for dates.
    pub relative_importance: f64,
}

/// A category.
#[derive(Clone, Debug)]
pub struct CategoryFigures {
    /// Whether it is a boolean column.
    pub boolean: bool,
    /// The levels told one by one, most frequent first; then [`OTHER`] if there are more.
    pub levels: Vec<String>,
    /// Rows of each level.
    pub overall: Vec<usize>,
    /// Rows of each level in each segment: `counts[segment][level]`.
    pub counts: Vec<Vec<usize>>,
    /// For each row the index of its level in `levels`, or [`MISSING`].
    pub codes: Vec<u32>,
}

impl CategoryFigures {
    /// Returns a level's share of the rows of a segment that have a value; NaN without any.
    pub fn share(&self, segment: usize, level: usize) -> f64 {
        let counts = &self.counts[segment];
        counts[level] as f64 / counts.iter().sum::<usize>() as f64
    }

    /// Returns a level's share of all rows that have a value.
    pub fn overall_share(&self, level: usize) -> f64 {
        self.overall[level] as f64 / self.overall.iter().sum::<usize>() as f64
    }

    /// Returns share / overall share.
    pub fn lift(&self, segment: usize, level: usize) -> f64 {
        self.share(segment, level) / self.overall_share(level)
    }
}

/// Computes all columns but the id. A column of a type without figures is left out.
///
/// # Errors
/// If the work was asked to stop, or Arrow cannot convert a column.
pub fn all(
    table: &Table,
    segments: &Segments,
    top_levels: usize,
    redact: bool,
    work: &Work,
) -> Result<Vec<Profile>, StageError> {
    let id = table.id_name();
    let names: Vec<String> = table.names().into_iter().filter(|n| Some(n) != id.as_ref()).collect();
    work.progress.set_total(names.len() as u64);
    let profiles = work.pool.map(names.len(), |i| {
        work.check()?;
        let figures = column(table, &names[i], segments, top_levels, redact)?;
        work.progress.advance(1);
        Ok(figures.map(|figures| Profile { name: names[i].clone(), figures }))
    });
    let profiles = profiles.into_iter().collect::<Result<Vec<_>, StageError>>()?;
    Ok(profiles.into_iter().flatten().collect())
}

fn column(
    table: &Table,
    name: &str,
    segments: &Segments,
    top_levels: usize,
    redact: bool,
) -> Result<Option<Figures>, FrameError> {
    let described = Column::describe(table, name, &Drawing::plain(1))?;
    let min = described.spread.as_ref().map_or(f64::NAN, |s| s.min);
    Ok(match described.values {
        Values::Number { numbers, .. } => Some(number(numbers, None, min, segments, redact)),
        Values::Date { with_time, days, order } => {
            Some(number(Numbers::new(days, order), Some(with_time), min, segments, redact))
        }
        Values::Boolean { levels, .. } => {
            Some(Figures::Category(category(&levels, true, segments, top_levels, false)))
        }
        Values::Text(levels) => {
            Some(Figures::Category(category(&levels, false, segments, top_levels, redact)))
        }
        Values::Other => None,
    })
}

/// Under `redact` a segment with few values has no figures: its mean would be somebody's value.
fn number(
    numbers: Numbers,
    date: Option<bool>,
    min: f64,
    segments: &Segments,
    redact: bool,
) -> Figures {
    let mut groups: Vec<Vec<f64>> = vec![Vec::new(); segments.len()];
    for (value, &segment) in numbers.values().iter().zip(&segments.of_row) {
        if value.is_finite() {
            groups[segment].push(*value);
        }
    }
    let overall = moments(&numbers.order().sorted);
    let cell = |values: Vec<f64>| {
        if redact && (values.len() as f64) < CROWD {
            return Cell {
                moments: Moments { count: values.len(), ..moments(&[]) },
                median: f64::NAN,
                z: f64::NAN,
                relative_importance: f64::NAN,
            };
        }
        let moments = moments(&values);
        let mut sorted = values;
        sorted.sort_unstable_by(f64::total_cmp);
        let ratio = moments.mean / overall.mean - 1.0;
        Cell {
            moments,
            median: quantile(&sorted, 0.5),
            z: finite((moments.mean - overall.mean) / overall.std),
            relative_importance: if date.is_some() { f64::NAN } else { finite(ratio) },
        }
    };
    let cells = groups.into_iter().map(cell).collect();
    Figures::Number(Box::new(NumberFigures { date, overall, min, cells, numbers }))
}

fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { f64::NAN }
}

fn category(
    levels: &Levels,
    boolean: bool,
    segments: &Segments,
    top_levels: usize,
    redact: bool,
) -> CategoryFigures {
    let n_levels = levels.names.len();
    let shown = top_levels.min(n_levels);
    let n_out = shown + usize::from(shown < n_levels);
    let shown_as = |code: u32| {
        if code == MISSING { MISSING } else { (code as usize).min(n_out - 1) as u32 }
    };
    let codes: Vec<u32> = levels.codes.iter().map(|&code| shown_as(code)).collect();
    let mut counts = vec![vec![0; n_out]; segments.len()];
    for (&code, &segment) in codes.iter().zip(&segments.of_row) {
        if code != MISSING {
            counts[segment][code as usize] += 1;
        }
    }
    let mut names: Vec<String> = if redact {
        (1..=shown).map(|i| format!("level {i}")).collect()
    } else {
        levels.names[..shown].to_vec()
    };
    if shown < n_levels {
        names.push(OTHER.to_string());
    }
    let overall = (0..n_out).map(|level| counts.iter().map(|c| c[level]).sum()).collect();
    CategoryFigures { boolean, levels: names, overall, counts, codes }
}
