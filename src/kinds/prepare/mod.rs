//! From a table to features: columns are chosen, filled, clipped, made symmetric, scaled, encoded and, if
//! asked, reduced to principal components. What is learnt is a [`Preparation`], which is data: it is
//! kept in models and gives the same features ever after. It does not know which stage it works for.
//!
//! A kind that prepares a table lists [`COLUMNS`], [`DROP`], [`numeric()`] and [`categorical()`] among its
//! parameters (with its own defaults inside, from [`numeric_params`] and [`categorical_params`]), makes
//! [`Settings`] of them, completes these with [`Settings::or_both`], and calls [`check`] before and
//! [`Preparation::fit`] when it runs.
//!
//! - [`parameters`], [`settings`]: what a person may ask, and what it becomes.
//! - [`select`]: which column goes to which group.
//! - [`mod@numeric`], [`mod@categorical`]: one column.
//! - `components`: the features reduced to principal components.
//! - [`model`]: a preparation as a table and back.
//! - [`onnx`]: a preparation as operators for other programs.

pub mod categorical;
mod components;
pub mod model;
pub mod numeric;
mod onnx;
pub mod parameters;
pub mod select;
pub mod settings;
mod values;

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashSet},
};

use arrow::datatypes::SchemaRef;
use serde::{Deserialize, Serialize};

use self::{
    categorical::{CategoricalColumn, MISSING},
    numeric::{Learnt, NumericColumn},
    values::{Values, write_row},
};
pub use self::{
    parameters::{COLUMNS, DROP, categorical, categorical_params, numeric, numeric_params, reduce},
    settings::{CategoricalSettings, NumericSettings, Settings},
};
use crate::{
    frame::{FrameError, Rows, Table},
    ml::{Matrix, pca::Pca},
    stage::{error::StageError, kind::Problem, work::Work},
};

/// Bytes that a column takes while it is learnt from, as a multiple of its own: itself, its values in order, and what they
/// are transformed to.
const LEARNT: u64 = 4;

/// The version of [`Preparation`]'s JSON.
const FORMAT: u32 = 1;

/// A fitted preparation. Its JSON gives back exactly the same one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preparation {
    format: u32,
    /// How many rows it was learnt from.
    pub n_rows: u64,
    /// One entry a column: numeric ones first, then categorical ones, each in the table's order.
    pub columns: Vec<Column>,
    /// Principal components of the features, if asked for.
    pub pca: Option<Pca>,
}

/// What was learnt from a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Column {
    /// Of numbers.
    Numeric(NumericColumn),
    /// Of levels.
    Categorical(CategoricalColumn),
}

/// A feature before any reduction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Its unique name: `income`, `country=DE`.
    pub name: String,
    /// The input column it comes from.
    pub column: String,
}

impl Preparation {
    /// Learns from the given rows of `table`. Also returns what a person should hear of: columns left
    /// out and why, constant columns.
    ///
    /// # Errors
    /// If there are no rows, a named column is missing or has the wrong type, no column gives a feature,
    /// or a value cannot be used; the text names the column.
    pub fn fit(
        table: &Table,
        rows: &[usize],
        settings: &Settings,
        work: &Work,
    ) -> Result<(Preparation, Vec<String>), StageError> {
        Preparation::learn(&Taught::Some(table, rows), settings, work)
    }

    /// Learns from all rows of a table that is read column by column, at most `at_once` of them at a time: as
    /// [`Preparation::fit`] does, to the bit. [`largest_column`] tells what each may take.
    ///
    /// # Errors
    /// As [`Preparation::fit`], and if the table cannot be read.
    pub fn fit_all(
        rows: &Rows,
        at_once: usize,
        settings: &Settings,
        work: &Work,
    ) -> Result<(Preparation, Vec<String>), StageError> {
        Preparation::learn(&Taught::All(rows, at_once), settings, work)
    }

    fn learn(
        taught: &Taught<'_>,
        settings: &Settings,
        work: &Work,
    ) -> Result<(Preparation, Vec<String>), StageError> {
        if taught.n_rows() == 0 {
            return Err(StageError::Data("there are no rows to learn from".to_string()));
        }
        if let Some(problem) = settings.problems().first() {
            return Err(StageError::Data(format!(
                "{}: {}",
                problem.path.join("."),
                problem.message
            )));
        }
        let selection = select::select_at_run(&taught.schema(), settings)?;
        let mut notes = select::left_out_notes(&selection, settings);
        let n_numeric = selection.numeric.len();
        let n_columns = n_numeric + selection.categorical.len();
        let most = taught.columns_at_once();
        let learnt = work.pool.map_few(n_columns, most, |i| {
            work.check()?;
            let chosen = selection.numeric.iter().chain(&selection.categorical).nth(i);
            let chosen = chosen.ok_or_else(|| StageError::Internal("a column too many".into()))?;
            let column = taught.column(&chosen.name, work)?;
            let (table, rows) = (column.as_ref(), taught.rows());
            let learnt = match (&settings.numeric, &settings.categorical) {
                (Some(group), _) if i < n_numeric => {
                    NumericColumn::fit(table, rows, &chosen.name, group)?.map(Column::Numeric)
                }
                (_, Some(group)) => {
                    CategoricalColumn::fit(table, rows, &chosen.name, chosen.named, group)?
                        .map(Column::Categorical)
                }
                _ => return Err(StageError::Internal("a column without a group".to_string())),
            };
            Ok(learnt)
        });
        let names = selection.numeric.iter().chain(&selection.categorical).map(|c| &c.name);
        let mut columns = Vec::new();
        let mut told_of: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, learnt) in names.zip(learnt) {
            match learnt? {
                Learnt::Column(column, told) => {
                    columns.push(column);
                    if let Some(told) = told {
                        told_of.entry(told).or_default().push(name);
                    }
                }
                Learnt::LeftOut(why) => notes.push(format!("`{name}` is left out: {why}")),
            }
        }
        if columns.is_empty() {
            let why = if notes.is_empty() {
                "no column is selected".to_string()
            } else {
                notes.join("; ")
            };
            return Err(StageError::Data(format!("there is nothing to make features of: {why}")));
        }
        notes
            .extend(told_of.iter().map(|(told, names)| format!("{told}: {}", select::list(names))));
        let n_rows = taught.n_rows() as u64;
        let mut preparation = Preparation { format: FORMAT, n_rows, columns, pca: None };
        if let Some(pca) = settings.reduce.as_ref().and_then(|reduce| reduce.pca.as_ref()) {
            notes.push(preparation.learn_components(taught, pca, work)?);
        }
        Ok((preparation, notes))
    }

    /// Returns the features of every row, shape `(n_rows, n_features)`. NaN only where a number is missing
    /// and its column was fitted with `impute: none`.
    ///
    /// # Errors
    /// If a column is missing or has another type, or a value has no feature; the text names column and row.
    pub fn apply(&self, table: &Table, work: &Work) -> Result<Matrix, StageError> {
        match &self.pca {
            Some(pca) => self.components(pca, table, work),
            None => self.features_of(table, work),
        }
    }

    /// Returns the features before any reduction.
    fn features_of(&self, table: &Table, work: &Work) -> Result<Matrix, StageError> {
        let columns = self.values_of(table, work)?;
        let n_features = self.n_features();
        let mut matrix = Matrix::zeros(table.n_rows(), n_features);
        if n_features == 0 {
            return Ok(matrix);
        }
        work.pool.fill_chunks(matrix.data_mut(), n_features, |rows, slice| {
            for (row, features) in rows.zip(slice.chunks_exact_mut(n_features)) {
                write_row(&columns, row, features);
            }
        });
        Ok(matrix)
    }

    fn values_of<'a>(&'a self, table: &Table, work: &Work) -> Result<Vec<Values<'a>>, StageError> {
        let read = work.pool.map(self.columns.len(), |i| {
            work.check()?;
            Values::read(&self.columns[i], table)
        });
        read.into_iter().collect()
    }

    /// Returns the number of features before any reduction.
    fn n_features(&self) -> usize {
        self.columns.iter().map(Column::width).sum()
    }

    /// Returns the features before any reduction, in order.
    pub fn features(&self) -> Vec<Feature> {
        let mut taken = HashSet::new();
        let mut features = Vec::new();
        for column in &self.columns {
            for name in column.feature_names() {
                features.push(Feature {
                    name: unique(name, &mut taken),
                    column: column.name().to_string(),
                });
            }
        }
        features
    }

    /// Returns the names of the matrix's columns: `income`, `country=DE`, ..., or `pc1`, ...
    pub fn feature_names(&self) -> Vec<String> {
        match &self.pca {
            Some(pca) => (1..=pca.components.len()).map(|i| format!("pc{i}")).collect(),
            None => self.features().into_iter().map(|f| f.name).collect(),
        }
    }

    /// Returns the columns that [`Preparation::apply`] reads.
    pub fn input_columns(&self) -> Vec<String> {
        self.columns.iter().map(|c| c.name().to_string()).collect()
    }

    /// Returns the columns of a table that [`Preparation::apply`] reads, and its id. What is not there is not among them.
    pub fn columns_in(&self, rows: &Rows) -> Vec<String> {
        let wanted = self.input_columns();
        let id = rows.id_name();
        let names = rows.schema().fields().iter().map(|f| f.name());
        names.filter(|n| wanted.contains(n) || Some(*n) == id.as_ref()).cloned().collect()
    }

    /// Returns for each of the matrix's columns the input column it comes from; a principal component
    /// comes from many, and stands for itself.
    pub fn feature_sources(&self) -> Vec<String> {
        match &self.pca {
            Some(_) => self.feature_names(),
            None => self.features().into_iter().map(|f| f.column).collect(),
        }
    }
}

/// What there is to learn from.
enum Taught<'a> {
    /// These rows of a table in memory.
    Some(&'a Table, &'a [usize]),
    /// All rows of a table that may be larger than memory, so many columns at a time.
    All(&'a Rows, usize),
}

impl Taught<'_> {
    fn n_rows(&self) -> usize {
        match self {
            Taught::Some(_, rows) => rows.len(),
            Taught::All(rows, _) => rows.n_rows(),
        }
    }

    fn schema(&self) -> SchemaRef {
        match self {
            Taught::Some(table, _) => table.schema(),
            Taught::All(rows, _) => rows.schema().clone(),
        }
    }

    /// Returns the rows; `None` means all of them.
    fn rows(&self) -> Option<&[usize]> {
        match self {
            Taught::Some(_, rows) => Some(rows),
            Taught::All(..) => None,
        }
    }

    /// Returns how many columns may be read and sorted at a time.
    fn columns_at_once(&self) -> usize {
        match self {
            Taught::Some(..) => usize::MAX,
            Taught::All(_, at_once) => *at_once,
        }
    }

    fn column(&self, name: &String, work: &Work) -> Result<Cow<'_, Table>, StageError> {
        match self {
            Taught::Some(table, _) => Ok(Cow::Borrowed(table)),
            Taught::All(rows, _) => {
                Ok(Cow::Owned(rows.table(Some(std::slice::from_ref(name)), &work.pool)?))
            }
        }
    }
}

impl Column {
    /// Returns the input column's name.
    pub fn name(&self) -> &str {
        match self {
            Column::Numeric(column) => &column.column,
            Column::Categorical(column) => &column.column,
        }
    }

    /// Returns how many features it gives.
    pub fn width(&self) -> usize {
        match self {
            Column::Numeric(column) => 1 + usize::from(column.indicator),
            Column::Categorical(column) => column.width(),
        }
    }

    /// Returns the names of its features, not yet made unique.
    fn feature_names(&self) -> Vec<String> {
        match self {
            Column::Numeric(column) if column.indicator => {
                vec![column.column.clone(), format!("{}={MISSING}", column.column)]
            }
            Column::Categorical(column) if column.encode == settings::Encode::Onehot => {
                let slots = column.slots();
                slots.iter().map(|(level, _)| format!("{}={level}", column.column)).collect()
            }
            _ => vec![self.name().to_string()],
        }
    }
}

/// Returns how many bytes the largest column takes while it is learnt from, and its name; `None` where none is.
///
/// # Errors
/// As [`Preparation::fit_all`], for names that are not there.
pub fn largest_column(
    rows: &Rows,
    settings: &Settings,
) -> Result<Option<(u64, String)>, StageError> {
    let selection = select::select_at_run(rows.schema(), settings)?;
    let chosen = selection.numeric.into_iter().chain(selection.categorical);
    Ok(chosen.map(|c| (rows.bytes_of(&c.name).saturating_mul(LEARNT), c.name)).max())
}

/// Returns what is wrong with the settings, given the schema of the input where it is known. For
/// [`Kind::check`](crate::stage::kind::Kind::check).
pub fn check(settings: &Settings, schema: Option<&SchemaRef>) -> Vec<Problem> {
    let mut problems = settings.problems();
    if let Some(schema) = schema {
        problems.extend(select::select(schema, settings).err().unwrap_or_default());
    }
    problems
}

/// Returns what a person should hear of before anything runs: columns that no group takes.
pub fn notes(settings: &Settings, schema: &SchemaRef) -> Vec<String> {
    let selection = select::select(schema, settings).unwrap_or_default();
    select::left_out_notes(&selection, settings)
}

/// Returns which of the `available` columns the settings may read. Types are not known here, so a group
/// that goes by type may read any.
pub fn columns_read(settings: &Settings, available: &[String]) -> Vec<String> {
    let read = |name: &&String| select::considered(settings, name) && settings.may_take(name);
    available.iter().filter(read).cloned().collect()
}

/// Keeps names apart: a level may spell like another column's feature.
fn unique(name: String, taken: &mut HashSet<String>) -> String {
    let mut candidate = name.clone();
    let mut n = 2;
    while !taken.insert(candidate.clone()) {
        candidate = format!("{name} ({n})");
        n += 1;
    }
    candidate
}

/// Every kind that prepares a table calls that input `table`.
fn in_column(error: FrameError) -> StageError {
    match error {
        FrameError::Io(_) | FrameError::Arrow(_) | FrameError::Parquet(_) => error.into(),
        error => StageError::Column { port: "table".to_string(), error },
    }
}

#[cfg(test)]
mod tests;
