//! One column of levels: what is learnt from it and how a level becomes features.
//! It does not know other columns.

mod slots;

use std::collections::HashMap;

use arrow::{
    array::{Array, AsArray, StringArray},
    compute,
    datatypes::{DataType, Float64Type},
};
use serde::{Deserialize, Serialize};

use self::slots::Derived;
pub use self::slots::Slots;
use crate::{
    frame::{FrameError, Table},
    kinds::prepare::{
        in_column,
        numeric::Learnt,
        settings::{CategoricalImpute, CategoricalSettings, Encode, Unknown},
    },
    stage::error::StageError,
};

/// The name of the feature or level that stands for all rare levels.
pub const OTHER: &str = "<other>";
/// The name of the level that stands for no value.
pub const MISSING: &str = "<missing>";

/// What was learnt from a column of levels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CategoricalColumn {
    /// The column's name.
    pub column: String,
    /// How many of the rows learnt from had no value.
    pub missing: u64,
    /// The level that stands in for a missing one; `None`: missing is a level of its own.
    pub fill: Option<String>,
    /// Every level seen or declared: in declared order, else numbers by size and texts by their bytes;
    /// missing last.
    pub levels: Vec<Level>,
    /// How a level becomes numbers.
    pub encode: Encode,
    /// What becomes of a level that is not in `levels`.
    pub unknown: Unknown,
    /// What follows from the rest.
    #[serde(skip)]
    derived: Derived,
}

/// A level seen when fitting, or declared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// Its text; `None` for missing.
    pub level: Option<String>,
    /// Rows that had it, after imputing.
    pub count: u64,
    /// Whether it is rare and so part of `<other>`.
    pub rare: bool,
}

impl CategoricalColumn {
    /// Learns from the given rows of column `name`, or all of them; `named` says whether a person chose it by name.
    ///
    /// # Errors
    /// If the column is missing, has a type without levels, or more than `max_levels` though named.
    pub fn fit(
        table: &Table,
        rows: Option<&[usize]>,
        name: &str,
        named: bool,
        settings: &CategoricalSettings,
    ) -> Result<Learnt<CategoricalColumn>, StageError> {
        let (texts, numbers) = read(table, name)?;
        let n_rows = rows.map_or(texts.len(), <[usize]>::len);
        let (mut counts, n_missing) = match rows {
            Some(rows) => count(&texts, rows.iter().copied()),
            None => count(&texts, 0..texts.len()),
        };
        let declared = settings.categories.get(name);
        order_levels(&mut counts, numbers, declared, name)?;
        let fill = match settings.impute {
            CategoricalImpute::None => None,
            CategoricalImpute::Constant => Some(settings.fill_value.clone()),
            CategoricalImpute::MostFrequent => match most_frequent(&counts) {
                Some(level) => Some(level.to_string()),
                None => return Ok(Learnt::LeftOut("it has no value in any row".to_string())),
            },
        };
        if let (true, Some(fill)) = (n_missing > 0, &fill) {
            match counts.iter_mut().find(|(level, _)| level == fill) {
                Some((_, count)) => *count += n_missing,
                None => {
                    counts.push((fill, n_missing));
                    order_levels(&mut counts, numbers, declared, name)?;
                }
            }
        }
        let rare = |count: u64| is_rare(count, n_rows, settings);
        let level = |(text, count): &(&str, u64)| Level {
            level: Some((*text).to_string()),
            count: *count,
            rare: rare(*count),
        };
        let mut levels: Vec<Level> = counts.iter().map(level).collect();
        if fill.is_none() && n_missing > 0 {
            levels.push(Level { level: None, count: n_missing, rare: rare(n_missing) });
        }
        let column = CategoricalColumn {
            column: name.to_string(),
            missing: n_missing,
            fill,
            levels,
            encode: settings.encode,
            unknown: settings.unknown,
            derived: Derived::default(),
        };
        column.guarded(n_rows, named, settings.max_levels)
    }

    /// Keeps names and ids from becoming thousands of features.
    fn guarded(
        self,
        n_rows: usize,
        named: bool,
        max_levels: u64,
    ) -> Result<Learnt<CategoricalColumn>, StageError> {
        let n_slots = self.slots().len();
        if self.encode != Encode::Onehot || n_slots as u64 <= max_levels {
            let told = (n_slots == 1).then_some("the same value in every row");
            return Ok(Learnt::Column(self, told));
        }
        let fact = format!(
            "it has {n_slots} levels in {n_rows} rows, more than max_levels ({max_levels})"
        );
        let advice =
            "pool rare levels with min_frequency, encode by frequency, or raise max_levels";
        if named {
            return Err(StageError::Data(format!("column `{}`: {fact}; {advice}", self.column)));
        }
        Ok(Learnt::LeftOut(format!("{fact}; to keep it, {advice}")))
    }

    /// Returns the levels that have a feature or code of their own, with their counts, in order;
    /// `<other>` is last.
    pub fn slots(&self) -> Vec<(String, u64)> {
        let text = |level: &Level| level.level.clone().unwrap_or_else(|| MISSING.to_string());
        let kept = self.levels.iter().filter(|l| !l.rare);
        let mut slots: Vec<_> = kept.map(|level| (text(level), level.count)).collect();
        if self.levels.iter().any(|l| l.rare) {
            let pooled = self.levels.iter().filter(|l| l.rare).map(|l| l.count).sum();
            slots.push((OTHER.to_string(), pooled));
        }
        slots
    }

    /// Returns how many rows it was learnt from.
    pub fn n_rows(&self) -> u64 {
        self.levels.iter().map(|l| l.count).sum()
    }

    /// Returns the number of features.
    pub fn width(&self) -> usize {
        if self.encode == Encode::Onehot { self.derived().n_slots } else { 1 }
    }

    /// Returns the value of a level that is not known (one-hot: of all features).
    pub fn unknown_code(&self) -> f64 {
        if self.encode == Encode::Ordinal { -1.0 } else { 0.0 }
    }

    /// Returns the slot of every row's level.
    ///
    /// # Errors
    /// If the column is missing, or a level is unknown and `unknown: error` is set.
    pub fn apply(&self, table: &Table) -> Result<Slots, StageError> {
        let (texts, _) = read(table, &self.column)?;
        let derived = self.derived();
        let slots = Slots::of_all(texts.iter().map(|text| derived.slot(self, text)));
        match slots.first_unknown().filter(|_| self.unknown == Unknown::Error) {
            None => Ok(slots),
            Some(row) => {
                let text = texts.is_valid(row).then(|| texts.value(row));
                Err(self.not_known(table.first_row() + row, text))
            }
        }
    }

    fn not_known(&self, row: usize, text: Option<&str>) -> StageError {
        let what = match text {
            Some(text) => format!("the level `{text}` was"),
            None => "missing values were".to_string(),
        };
        StageError::Data(format!(
            "column `{}`, row {row}: {what} not there when the transform was fitted (`unknown: error`)",
            self.column
        ))
    }
}

fn is_rare(count: u64, n_rows: usize, settings: &CategoricalSettings) -> bool {
    match &settings.min_frequency {
        None => false,
        Some(least) => match least.as_u64() {
            Some(least) => count < least,
            None => (count as f64) < least.as_f64().unwrap_or(0.0) * n_rows as f64,
        },
    }
}

/// Counts the levels in the given rows, in no order, and the rows without one.
fn count(texts: &StringArray, rows: impl Iterator<Item = usize>) -> (Vec<(&str, u64)>, u64) {
    let mut counts: HashMap<&str, u64> = HashMap::new();
    let mut n_missing = 0;
    for row in rows {
        if row < texts.len() && texts.is_valid(row) {
            *counts.entry(texts.value(row)).or_insert(0) += 1;
        } else {
            n_missing += 1;
        }
    }
    (counts.into_iter().collect(), n_missing)
}

/// Puts levels in the declared order, adding those that no row has; else numbers by size, texts by bytes.
fn order_levels<'a>(
    counts: &mut Vec<(&'a str, u64)>,
    numbers: bool,
    declared: Option<&'a Vec<String>>,
    column: &str,
) -> Result<(), StageError> {
    let Some(declared) = declared else {
        let number = |text: &str| if numbers { text.parse().unwrap_or(f64::MAX) } else { 0.0 };
        counts.sort_unstable_by(|a, b| number(a.0).total_cmp(&number(b.0)).then(a.0.cmp(b.0)));
        return Ok(());
    };
    let mut places: HashMap<&str, usize> = HashMap::new();
    for level in declared {
        let next = places.len();
        places.entry(level).or_insert(next);
    }
    // The smallest of them, as the levels come in no order here.
    if let Some((level, _)) = counts.iter().filter(|(l, _)| !places.contains_key(l)).min() {
        return Err(StageError::Data(format!(
            "column `{column}` has the level `{level}`, which its `categories` do not list"
        )));
    }
    let absent: Vec<&str> =
        declared.iter().map(String::as_str).filter(|l| counts.iter().all(|c| c.0 != *l)).collect();
    counts.extend(absent.into_iter().map(|level| (level, 0)));
    counts.sort_by_key(|(level, _)| places.get(level).copied());
    counts.dedup_by_key(|(level, _)| *level);
    Ok(())
}

/// The first of the most frequent levels.
fn most_frequent<'a>(counts: &[(&'a str, u64)]) -> Option<&'a str> {
    let most = counts.iter().map(|(_, count)| *count).max().filter(|count| *count > 0)?;
    counts.iter().find(|(_, count)| *count == most).map(|(level, _)| *level)
}

/// Reads a column as texts, and tells whether they are numbers. A whole float is spelled like an integer,
/// so that a column may change from one to the other between fitting and applying.
fn read(table: &Table, name: &str) -> Result<(StringArray, bool), StageError> {
    let array = table.column(name).map_err(in_column)?;
    let ty = array.data_type();
    let texts = match ty {
        DataType::Utf8 => array.as_string::<i32>().clone(),
        DataType::Float64 => {
            let spelled = |v: f64| (!v.is_nan()).then(|| (v + 0.0).to_string());
            let floats = array.as_primitive::<Float64Type>();
            StringArray::from_iter(floats.iter().map(|v| v.and_then(spelled)))
        }
        _ => {
            let cast = compute::cast(array, &DataType::Utf8).map_err(FrameError::from)?;
            cast.as_string::<i32>().clone()
        }
    };
    Ok((texts, ty.is_numeric()))
}
