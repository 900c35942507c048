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
            columns::{self, Column, Values},
            figures::CROWD,
            spread::Spread,
        },
        page::scale,
    },
    ml::stats::{Bin, edges, histogram},
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
        for bin in &column.shape.bins {
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

/// The histograms of a number or date column; empty for others.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    /// Bins of all finite values.
    pub bins: Vec<Bin>,
    /// Bins for a drawing that a few extreme values should not squeeze: those between the quartiles and three interquartile
    /// ranges around them.
    pub drawn: Vec<Bin>,
    /// How many values lie outside of these.
    pub outside: usize,
}

/// How histograms are made.
#[derive(Clone, Copy, Debug)]
pub struct Drawing {
    bins: usize,
    redact: bool,
    keeps_all: bool,
}

impl Drawing {
    /// As a person asked for; of long columns some rows are kept.
    pub fn of(settings: &Settings) -> Drawing {
        Drawing { bins: settings.bins, redact: settings.redact, keeps_all: false }
    }

    /// So many bins, nothing hidden, and the values of all rows kept.
    pub fn plain(bins: usize) -> Drawing {
        Drawing { bins, redact: false, keeps_all: true }
    }

    /// Tells whether the values of all rows are kept, however many there are.
    pub fn keeps_all(&self) -> bool {
        self.keeps_all
    }

    /// Returns which rows are kept of so many: every so many.
    pub fn step(&self, n_rows: usize) -> usize {
        if self.keeps_all { 1 } else { columns::step(n_rows) }
    }

    /// Makes the histograms of ascending values, which may be `whole` numbers.
    pub fn shape(&self, sorted: &[f64], spread: &Spread, whole: bool) -> Shape {
        let (Some(low), Some(high)) = (sorted.first(), sorted.last()) else {
            return Shape::default();
        };
        let bins = self.between(sorted, (*low, *high), whole);
        let (q1, q3) = (spread.quantiles[2], spread.quantiles[4]);
        let reach = 3.0 * (q3 - q1);
        let all = Shape { drawn: bins.clone(), bins, outside: 0 };
        if reach == 0.0 || !reach.is_finite() {
            return all;
        }
        let from = sorted.partition_point(|v| *v < q1 - reach);
        let to = sorted.partition_point(|v| *v <= q3 + reach);
        let inner = (sorted.get(from), to.checked_sub(1).and_then(|last| sorted.get(last)));
        let (Some(low), Some(high)) = inner else { return all };
        let drawn = self.between(sorted, (*low, *high), whole);
        let inside: usize = drawn.iter().map(|b| b.count).sum();
        Shape { drawn, outside: sorted.len() - inside, ..all }
    }

    /// Under `redact` edges are round numbers: those of equal bins would tell minimum and maximum. A column
    /// of one value, or of few rows, has none then.
    fn between(&self, sorted: &[f64], (low, high): (f64, f64), whole: bool) -> Vec<Bin> {
        if self.redact && (low == high || (sorted.len() as f64) < CROWD) {
            return Vec::new();
        }
        let edges = match self.redact {
            true => scale::round_edges(low, high, self.bins),
            false => edges(low, high, self.bins, whole),
        };
        histogram(sorted, &edges)
    }
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
    // Where there are many levels, only the most frequent are kept.
    let counted: usize = levels.counts[..shown].iter().sum();
    let rest = column.count().saturating_sub(counted);
    if rest > 0 {
        out.push((OTHER.to_string(), rest));
    }
    out
}
