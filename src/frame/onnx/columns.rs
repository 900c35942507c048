//! Columns as tensors of one element a row, each with what is missing in it. It does not know how they came about.
//!
//! Raw columns arrive so: numbers, whole numbers and truth values (1 and 0) in double precision with NaN where there is no
//! value; texts, dates as `2024-03-01` and timestamps as `2024-03-01T12:30:00` with the empty text where there is none. A
//! date that does not exist refuses its row.

use arrow::datatypes::{Field, Schema};
use serde::Serialize;

use super::{
    Inexpressible,
    graph::{Elem, Graph, Tensor},
    time,
};
use crate::frame::expr::types::Ty;

/// A column, or one value for all rows: dates as days and timestamps as microseconds since 1970-01-01.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Its type.
    pub ty: Ty,
    /// The values: truth values, texts, or numbers in double precision. Anything where there is none.
    pub value: Tensor,
    /// Where there is a value; `None`: everywhere.
    pub present: Option<Tensor>,
    /// Whether a value that is there may be NaN.
    pub may_be_nan: bool,
}

/// Columns by name, and which rows are answered.
#[derive(Clone, Debug)]
pub struct Columns {
    list: Vec<(String, Cell)>,
    /// The rows that no filter left out and no stage refused; `None`: all.
    pub answered: Option<Tensor>,
    /// A tensor of one element a row, for its length.
    length: Tensor,
}

/// What an input holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A number.
    Number,
    /// 1 or 0.
    Truth,
    /// A text.
    Text,
    /// A text like `2024-03-01`.
    Date,
    /// A text like `2024-03-01T12:30:00`.
    Time,
}

/// Returns what a raw column becomes as an input.
pub fn kind(ty: Ty) -> Kind {
    match ty {
        Ty::Text => Kind::Text,
        Ty::Date => Kind::Date,
        Ty::Timestamp => Kind::Time,
        Ty::Bool => Kind::Truth,
        _ => Kind::Number,
    }
}

impl Kind {
    /// Returns the type of the input's elements.
    pub fn element(self) -> Elem {
        match self {
            Kind::Text | Kind::Date | Kind::Time => Elem::Text,
            Kind::Number | Kind::Truth => Elem::Double,
        }
    }

    /// Returns what the input holds, in a person's words.
    pub fn told(self) -> &'static str {
        match self {
            Kind::Text => "text, empty where missing",
            Kind::Date => "date as 2024-03-01, empty where missing",
            Kind::Time => "timestamp as 2024-03-01T12:30:00, empty where missing",
            Kind::Truth => "1 for true, 0 for false, NaN where missing",
            Kind::Number => "number, NaN where missing",
        }
    }
}

impl Columns {
    /// Adds an input for each raw column.
    ///
    /// # Errors
    /// If one is of a type that no input has, or none is there.
    pub fn raw(columns: &[(String, Ty)], graph: &mut Graph) -> Result<Columns, Inexpressible> {
        let (mut list, mut answered, mut length) = (Vec::new(), None, None);
        for (name, ty) in columns {
            let of = |why: &str| Inexpressible::new(format!("raw column `{name}` {why}"));
            if matches!(ty, Ty::Interval | Ty::Null) {
                return Err(of(&format!("is {}, which no input of the model can hold", ty.word())));
            }
            if !graph.is_free(name) {
                return Err(of(
                    "has a name that no input of the model can have; rename it at its source",
                ));
            }
            let input = graph.input(name, kind(*ty).element(), kind(*ty).told());
            length.get_or_insert(input.clone());
            let cell = match ty {
                Ty::Text => {
                    let none = graph.text("");
                    let missing = graph.op("Equal", &[&input, &none]);
                    let present = Some(graph.not(&missing));
                    Cell { ty: *ty, value: input, present, may_be_nan: false }
                }
                Ty::Date | Ty::Timestamp => {
                    let (cell, sound) = match ty {
                        Ty::Date => time::read_date(&input, graph),
                        _ => time::read_time(&input, graph),
                    };
                    answered = graph.and(&answered, &Some(sound));
                    cell
                }
                _ => {
                    let missing = graph.op("IsNaN", &[&input]);
                    let present = Some(graph.not(&missing));
                    let zero = graph.double(0.0);
                    let value = match ty {
                        Ty::Bool => {
                            let is_zero = graph.op("Equal", &[&input, &zero]);
                            graph.not(&is_zero)
                        }
                        _ => input,
                    };
                    Cell { ty: *ty, value, present, may_be_nan: false }
                }
            };
            list.push((name.clone(), cell));
        }
        let none = || Inexpressible::new("no raw column is read");
        Ok(Columns { list, answered, length: length.ok_or_else(none)? })
    }

    /// Returns the schema that expressions are bound to.
    pub fn schema(&self) -> Schema {
        let fields = self.list.iter().map(|(name, cell)| Field::new(name, cell.ty.arrow(), true));
        Schema::new(fields.collect::<Vec<_>>())
    }

    /// Returns the columns' names, in order.
    pub fn names(&self) -> Vec<String> {
        self.list.iter().map(|(name, _)| name.clone()).collect()
    }

    /// Takes a column away, if it is there.
    pub fn forget(&mut self, name: &str) {
        self.list.retain(|(known, _)| known != name);
    }

    /// Returns a column by its place.
    pub fn at(&self, index: usize) -> Option<&Cell> {
        self.list.get(index).map(|(_, cell)| cell)
    }

    /// Returns a column.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn get(&self, name: &str) -> Result<&Cell, Inexpressible> {
        let found = self.list.iter().find(|(known, _)| known == name);
        let lost = || Inexpressible::new(format!("column `{name}` is not there"));
        found.map(|(_, cell)| cell).ok_or_else(lost)
    }

    /// Puts a column in the place of the one of its name, or after all others.
    pub fn put(&mut self, name: &str, cell: Cell, graph: &mut Graph) {
        let shape = graph.op("Shape", &[&self.length]);
        let value = graph.op("Expand", &[&cell.value, &shape]);
        let present = cell.present.map(|present| graph.op("Expand", &[&present, &shape]));
        let cell = Cell { value, present, ..cell };
        match self.list.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = cell,
            None => self.list.push((name.to_string(), cell)),
        }
    }

    /// Keeps these columns, under new names.
    pub fn keep(&mut self, names: &[(String, String)]) {
        let find = |old: &String| self.list.iter().find(|(known, _)| known == old);
        let kept = names.iter().filter_map(|(old, new)| Some((new.clone(), find(old)?.1.clone())));
        self.list = kept.collect();
    }

    /// Leaves the rows unanswered for which `condition` is not true.
    pub fn only(&mut self, condition: &Tensor, graph: &mut Graph) {
        let shape = graph.op("Shape", &[&self.length]);
        let condition = graph.op("Expand", &[condition, &shape]);
        self.answered = graph.and(&self.answered, &Some(condition));
    }

    /// Puts other columns in the place of all, such as a matrix.
    pub fn replace(&mut self, list: Vec<(String, Cell)>) {
        self.list = list;
    }
}

impl Cell {
    /// Makes a column of numbers that are everywhere.
    pub fn numbers(value: Tensor) -> Cell {
        Cell { ty: Ty::Float, value, present: None, may_be_nan: true }
    }

    /// Makes a column of truth values.
    pub fn truths(value: Tensor, present: Option<Tensor>) -> Cell {
        Cell { ty: Ty::Bool, value, present, may_be_nan: false }
    }

    /// Returns where the column is true for certain.
    pub fn is_true(&self, graph: &mut Graph) -> Tensor {
        match &self.present {
            None => self.value.clone(),
            Some(present) => graph.op("And", &[&self.value, present]),
        }
    }

    /// Returns the column as numbers with NaN where there is no value.
    ///
    /// # Errors
    /// For texts.
    pub fn floats(&self, graph: &mut Graph) -> Result<Tensor, Inexpressible> {
        let value = match self.ty {
            Ty::Text | Ty::Interval => {
                return Err(Inexpressible::new(format!("{} is no number", self.ty.word())));
            }
            Ty::Bool => graph.cast(&self.value, Elem::Double),
            _ => self.value.clone(),
        };
        Ok(match &self.present {
            None => value,
            Some(present) => {
                let nan = graph.double(f64::NAN);
                graph.op("Where", &[present, &value, &nan])
            }
        })
    }
}
