//! The raw columns that a run's way begins with, and how the values of a request become a table of them.
//! It does not know protocols.

use std::{collections::HashMap, sync::Arc};

use arrow::{
    array::{ArrayRef, BooleanArray, PrimitiveArray, RecordBatch, StringArray, new_null_array},
    compute::kernels::cast_utils::Parser,
    datatypes::{
        ArrowPrimitiveType, DataType, Date32Type, Float64Type, Int64Type, SchemaRef, TimeUnit,
        TimestampMicrosecondType,
    },
};

use super::{
    cell::{Cell, Record},
    problem::Problem,
};
use crate::{
    app::Scorer,
    base::names,
    frame::{FrameError, Table, table::id_of},
    kinds::{ids::ROW, prepare::Column as Prepared},
};

/// Whole numbers in JSON are exact up to here; what is larger is a mistake more often than a count.
pub const LARGEST_INTEGER: f64 = 9_007_199_254_740_991.0;

/// Boosted trees compare in single precision, and have no place for what is larger.
pub const LARGEST_NUMBER: f64 = 3.4e38;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Numbers; whether they were whole in the run.
    Numbers(bool),
    /// True and false.
    Truths,
    /// Dates.
    Dates,
    /// Dates with a time.
    Times,
    /// Texts.
    Texts,
}

/// A raw column.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub holds: Holds,
    /// Whether an answer depends on it.
    pub is_read: bool,
    /// Whether it is the id.
    pub is_id: bool,
    /// The levels that the classifier knows, where it takes the column as it is.
    pub levels: Vec<String>,
}

/// The raw columns of a run.
#[derive(Debug)]
pub struct Columns {
    /// In the order of the raw table; a row number that the run made up is not among them.
    pub list: Vec<Column>,
    by_name: HashMap<String, usize>,
    schema: SchemaRef,
    /// Whether the raw table has exactly the columns of the list.
    is_whole: bool,
}

impl Columns {
    /// Looks at what a run begins with.
    pub fn of(scorer: &Scorer) -> Columns {
        let id = id_of(&scorer.schema);
        let mut list = Vec::new();
        for field in scorer.schema.fields() {
            let name = field.name();
            let is_id = Some(name) == id.as_ref();
            if is_id && name == ROW {
                continue;
            }
            let holds = match field.data_type() {
                DataType::Int64 | DataType::Int32 => Holds::Numbers(true),
                DataType::Float64 => Holds::Numbers(false),
                DataType::Boolean => Holds::Truths,
                DataType::Date32 => Holds::Dates,
                DataType::Timestamp(TimeUnit::Microsecond, _) => Holds::Times,
                _ => Holds::Texts,
            };
            let is_read = scorer.columns.contains(name);
            let levels = if holds == Holds::Texts { levels(scorer, name) } else { Vec::new() };
            list.push(Column { name: name.clone(), holds, is_read, is_id, levels });
        }
        let by_name = list.iter().enumerate().map(|(i, c)| (c.name.clone(), i)).collect();
        let is_whole = list.len() == scorer.schema.fields().len();
        Columns { list, by_name, schema: scorer.schema.clone(), is_whole }
    }

    /// Returns where a column stands.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// Makes a table of records. Names that are no columns are ignored, as files may have further columns too.
    ///
    /// # Errors
    /// If a record lacks a column that is read, or a value does not fit.
    pub fn of_records(&self, scorer: &Scorer, records: &[Record<'_>]) -> Result<Table, Problem> {
        let width = self.list.len();
        let mut cells: Vec<Option<&Cell<'_>>> = vec![None; width * records.len()];
        let n_rows = records.len();
        for (row, record) in records.iter().enumerate() {
            for (hint, (name, cell)) in record.0.iter().enumerate() {
                let name: &str = &name.0;
                let at_hint = self.list.get(hint).is_some_and(|c| c.name == name);
                let found = if at_hint { Some(hint) } else { self.position(name) };
                if let Some(column) = found {
                    cells[column * n_rows + row] = Some(cell);
                }
            }
        }
        let mut given: Vec<Option<&[Option<&Cell<'_>>]>> = Vec::with_capacity(width);
        for (i, column) in self.list.iter().enumerate() {
            let cells = &cells[i * n_rows..(i + 1) * n_rows];
            let n_given = cells.iter().flatten().count();
            if column.is_read && n_given > 0 && n_given < n_rows {
                // Whether a record is answered must not depend on the others.
                let row = cells.iter().position(Option::is_none).unwrap_or_default();
                let name = &column.name;
                return Err(Problem::unfit(format!(
                    "column `{name}`, row {row}: it is missing; null says that there is no value"
                )));
            }
            given.push((n_given > 0).then_some(cells));
        }
        self.table(scorer, n_rows, &given)
    }

    /// Makes a table of columns, each under its name.
    ///
    /// # Errors
    /// As [`Columns::of_records`].
    pub fn of_columns(
        &self,
        scorer: &Scorer,
        n_rows: usize,
        columns: &[(String, Vec<Cell<'_>>)],
    ) -> Result<Table, Problem> {
        let mut given: Vec<Option<Vec<Option<&Cell<'_>>>>> = vec![None; self.list.len()];
        for (name, cells) in columns {
            if cells.len() != n_rows {
                let n = cells.len();
                return Err(Problem::malformed(format!(
                    "column `{name}` has {n} values where others have {n_rows}"
                )));
            }
            if let Some(column) = self.position(name) {
                given[column] = Some(cells.iter().map(Some).collect());
            }
        }
        let given: Vec<Option<&[Option<&Cell<'_>>]>> = given.iter().map(Option::as_deref).collect();
        self.table(scorer, n_rows, &given)
    }

    fn table(
        &self,
        scorer: &Scorer,
        n_rows: usize,
        given: &[Option<&[Option<&Cell<'_>>]>],
    ) -> Result<Table, Problem> {
        if n_rows == 0 {
            return Err(Problem::unfit("there is no row to answer"));
        }
        let mut arrays = Vec::with_capacity(self.list.len());
        for (column, cells) in self.list.iter().zip(given) {
            arrays.push(match cells {
                Some(cells) => column.array(cells)?,
                None if column.is_read => return Err(self.missing(scorer, column)),
                None => new_null_array(&column.holds.arrow(), n_rows),
            });
        }
        let alike = || self.schema.fields().iter().zip(&arrays);
        if self.is_whole && alike().all(|(f, a)| f.data_type() == a.data_type()) {
            let batch = RecordBatch::try_new(self.schema.clone(), arrays);
            return Ok(Table::from_batch(batch.map_err(failed)?));
        }
        let id = self.list.iter().find(|c| c.is_id).map(|c| c.name.as_str());
        let named = self.list.iter().map(|c| c.name.as_str()).zip(arrays).collect();
        let table = Table::new(id, named).map_err(failed)?;
        Ok(scorer.complete(&table, "request")?)
    }

    fn missing(&self, scorer: &Scorer, column: &Column) -> Problem {
        let whose = scorer.of_run();
        let name = &column.name;
        Problem::unfit(format!("column `{name}` is missing; the classifier of {whose} needs it"))
    }

    /// Returns the name that may have been meant.
    pub fn near(&self, name: &str) -> String {
        names::suggestion(name, self.list.iter().map(|c| c.name.as_str()))
    }
}

/// Returns a whole number; 7.0 is one too, and some write it so.
fn id_number(cell: &Cell<'_>) -> Option<i64> {
    match cell {
        Cell::Int(number) => Some(*number),
        Cell::Float(value) if value.fract() == 0.0 && value.abs() < i64::MAX as f64 => {
            Some(*value as i64)
        }
        _ => None,
    }
}

fn id_text(cell: &Cell<'_>) -> Option<String> {
    match cell {
        Cell::Text(text) => Some(text.to_string()),
        cell => id_number(cell).map(|number| number.to_string()),
    }
}

/// Makes a column; most have a value everywhere, and need no more than the values.
fn primitive<T: ArrowPrimitiveType>(values: Vec<Option<T::Native>>) -> ArrayRef {
    if values.iter().all(Option::is_some) {
        let values: Vec<T::Native> = values.into_iter().flatten().collect();
        return Arc::new(PrimitiveArray::<T>::new(values.into(), None));
    }
    Arc::new(PrimitiveArray::<T>::from_iter(values))
}

/// Does so for texts.
fn texts<S: AsRef<str>>(values: Vec<Option<S>>) -> ArrayRef {
    if values.iter().all(Option::is_some) {
        return Arc::new(StringArray::from_iter_values(values.into_iter().flatten()));
    }
    Arc::new(StringArray::from_iter(values))
}

fn failed(error: impl Into<FrameError>) -> Problem {
    Problem::internal(error.into().to_string())
}

fn levels(scorer: &Scorer, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    for column in &scorer.classifier.preparation.columns {
        if let Prepared::Categorical(column) = column
            && column.column == name
        {
            found.extend(column.levels.iter().filter_map(|level| level.level.clone()));
        }
    }
    found
}

impl Holds {
    fn arrow(self) -> DataType {
        match self {
            Holds::Numbers(true) => DataType::Int64,
            Holds::Numbers(false) => DataType::Float64,
            Holds::Truths => DataType::Boolean,
            Holds::Dates => DataType::Date32,
            Holds::Times => DataType::Timestamp(TimeUnit::Microsecond, None),
            Holds::Texts => DataType::Utf8,
        }
    }

    fn wanted(self) -> &'static str {
        match self {
            Holds::Numbers(true) => "a number up to 9007199254740991",
            Holds::Numbers(false) => "a number up to 3.4e38",
            Holds::Truths => "true or false",
            Holds::Dates => "a date such as \"2025-12-31\"",
            Holds::Times => "a time such as \"2025-12-31T23:59:59\"",
            Holds::Texts => "a text",
        }
    }
}

impl Column {
    fn array(&self, cells: &[Option<&Cell<'_>>]) -> Result<ArrayRef, Problem> {
        Ok(match self.holds {
            Holds::Numbers(is_whole) => self.numbers(cells, is_whole)?,
            Holds::Truths => {
                Arc::new(BooleanArray::from(self.values(cells, |cell| match cell {
                    Cell::Bool(value) => Some(*value),
                    _ => None,
                })?))
            }
            Holds::Dates => primitive::<Date32Type>(self.values(cells, |cell| match cell {
                Cell::Text(text) => Date32Type::parse(text),
                _ => None,
            })?),
            Holds::Times => {
                let values = self.values(cells, |cell| match cell {
                    Cell::Text(text) => TimestampMicrosecondType::parse(text),
                    _ => None,
                })?;
                primitive::<TimestampMicrosecondType>(values)
            }
            Holds::Texts if self.is_id => texts(self.values(cells, id_text)?),
            Holds::Texts => texts(self.values(cells, |cell| match cell {
                Cell::Text(text) => Some(text.as_ref()),
                _ => None,
            })?),
        })
    }

    /// Counts may come in fractions; whoever reads numbers reads these too. New ids may be texts where the run had numbers.
    fn numbers(&self, cells: &[Option<&Cell<'_>>], is_whole: bool) -> Result<ArrayRef, Problem> {
        let is_text = |cell: &&Cell<'_>| matches!(cell, Cell::Text(_));
        if self.is_id && cells.iter().flatten().any(is_text) {
            return Ok(texts(self.values(cells, id_text)?));
        }
        if self.is_id && is_whole {
            let whole = self.values(cells, id_number)?;
            return Ok(primitive::<Int64Type>(whole));
        }
        let most = if is_whole { LARGEST_INTEGER } else { LARGEST_NUMBER };
        let number = |cell: &Cell<'_>| match cell {
            Cell::Int(value) => Some(*value as f64),
            Cell::Float(value) => Some(*value),
            _ => None,
        };
        let numbers = self.values(cells, |cell| number(cell).filter(|v| v.abs() <= most))?;
        if is_whole && numbers.iter().flatten().all(|v| v.fract() == 0.0) {
            let whole = numbers.into_iter().map(|v| v.map(|v| v as i64));
            return Ok(primitive::<Int64Type>(whole.collect()));
        }
        Ok(primitive::<Float64Type>(numbers))
    }

    fn values<'c, T>(
        &self,
        cells: &'c [Option<&'c Cell<'_>>],
        read: impl Fn(&'c Cell<'_>) -> Option<T>,
    ) -> Result<Vec<Option<T>>, Problem> {
        let mut values = Vec::with_capacity(cells.len());
        for (row, cell) in cells.iter().enumerate() {
            values.push(match cell {
                None | Some(Cell::Null) => None,
                // A tensor has no other way to say that there is none.
                Some(Cell::Float(value)) if value.is_nan() => None,
                Some(cell) => Some(read(cell).ok_or_else(|| {
                    let (name, wanted) = (&self.name, self.holds.wanted());
                    let shown = cell.shown();
                    Problem::unfit(format!("column `{name}`, row {row}: {shown} is not {wanted}"))
                })?),
            });
        }
        Ok(values)
    }
}
