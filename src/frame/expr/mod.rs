//! SQL scalar expressions on tables: `monetary / nullif(frequency, 0)`. One row in, one value out.
//! It does not know stages or files, and on purpose neither other rows, nor today, nor chance.
//!
//! Names and meanings are DuckDB's (2.0), and a table of expressions evaluated by DuckDB is held against this
//! module. Three ways lead from text to values: [`parse`] makes a tree, [`bind`] puts types on it for one
//! schema, [`eval`] computes it. Where it differs from DuckDB, because artifacts know six types only or
//! because the difference would be a silent mistake:
//!
//! - integers are 64 bits wide, fractions are 64-bit floats: `0.1` is a float, `float` and `real` are
//!   `double`, `decimal(p, s)` is a float rounded to `s` digits;
//! - `//` takes integers only; a text column is never compared with a number without a CAST;
//! - part and unit names (`'day'`) are constants, and a bad constant is an error before anything runs;
//! - column names match exactly, else in any case if only one does.

pub mod ast;
pub mod bind;
pub mod calendar;
pub mod calls;
pub mod cast;
pub mod column;
pub mod compare;
mod dialect;
pub mod eval;
pub mod functions;
mod leaves;
mod parse;
pub mod read_form;
mod refusals;
pub mod text_form;
pub mod types;

use arrow::{
    array::{ArrayRef, RecordBatch},
    compute,
    datatypes::{DataType, Schema},
};

use crate::{base::pool::Pool, frame::onnx};

use self::{
    ast::Ast,
    bind::{Binder, Bound},
    column::Col,
    eval::{Origin, Rows},
    types::Ty,
};

/// What is wrong with an expression, or with a value that it met.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}{}", in_row(.row), advice(.help))]
pub struct ExprError {
    /// What is wrong.
    pub message: String,
    /// How many characters of the expression stand before the culprit.
    pub offset: usize,
    /// What to do; may be empty.
    pub help: String,
    /// The zero-based row whose value cannot be computed; `None` if the expression itself is wrong.
    pub row: Option<usize>,
}

fn in_row(row: &Option<usize>) -> String {
    row.map(|row| format!(" in row {row}")).unwrap_or_default()
}

fn advice(help: &str) -> String {
    if help.is_empty() { String::new() } else { format!(" ({help})") }
}

impl ExprError {
    /// Describes a fault of the expression at a character.
    pub fn new(offset: usize, message: impl Into<String>, help: impl Into<String>) -> ExprError {
        ExprError { message: message.into(), offset, help: help.into(), row: None }
    }

    /// Says in which row the fault showed.
    pub fn in_row(self, row: usize) -> ExprError {
        ExprError { row: Some(row), ..self }
    }
}

/// A parsed expression.
#[derive(Clone, Debug)]
pub struct Expr {
    ast: Ast,
}

impl Expr {
    /// Parses an expression; no table is needed for that.
    ///
    /// # Errors
    /// If it is not a scalar expression in SQL, or calls a function that does not exist.
    pub fn parse(text: &str) -> Result<Expr, ExprError> {
        let ast = parse::parse(text)?;
        calls::check_all(&ast)?;
        Ok(Expr { ast })
    }

    /// Returns the columns that the expression reads, as written there, each once, in order of appearance.
    pub fn columns(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        self.ast.each_column(&mut |name| {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_string());
            }
        });
        names
    }

    /// Returns the type of the result on tables with this schema: one of the artifacts' types.
    ///
    /// # Errors
    /// For unknown columns and functions (with a suggestion) and types that do not fit.
    pub fn type_in(&self, schema: &Schema) -> Result<DataType, ExprError> {
        Ok(self.bound(&mut Binder::new(schema))?.ty.arrow())
    }

    /// Checks that the expression is a condition, for `where`.
    ///
    /// # Errors
    /// As [`Expr::type_in`], and if the result is not boolean.
    pub fn check_condition(&self, schema: &Schema) -> Result<(), ExprError> {
        match self.type_in(schema)? {
            DataType::Boolean => Ok(()),
            other => {
                let found = crate::frame::table::type_word(&other);
                let message = format!("expected a condition (true or false), found {found}");
                Err(ExprError::new(self.ast.at, message, "compare it with something"))
            }
        }
    }

    /// Computes the expression: one value for each row of `batch`.
    ///
    /// # Errors
    /// As [`Expr::type_in`], and for the first value that cannot be computed (a failed CAST, an integer that
    /// overflows), with its row.
    pub fn eval(&self, batch: &RecordBatch) -> Result<ArrayRef, ExprError> {
        self.eval_on(batch, &Pool::new(1))
    }

    /// Computes the expression on several threads; the result does not depend on how many.
    ///
    /// # Errors
    /// As [`Expr::eval`].
    pub fn eval_on(&self, batch: &RecordBatch, pool: &Pool) -> Result<ArrayRef, ExprError> {
        let mut binder = Binder::new(batch.schema_ref());
        let bound = self.bound(&mut binder)?;
        let columns = read_columns(&binder, batch)?;
        let chunks = pool.map_chunks(batch.num_rows(), |rows| {
            let at_hand = Rows {
                columns: columns
                    .iter()
                    .map(|c| Col::rows(c.slice(rows.start, rows.len())))
                    .collect(),
                n_rows: rows.len(),
                origin: Origin::From(rows.start),
            };
            let col = eval::eval(&bound, &at_hand)?;
            eval::expanded(&bound, &col, rows.len())
        });
        let mut chunks = chunks.into_iter().collect::<Result<Vec<_>, ExprError>>()?;
        match chunks.len() {
            0 => Ok(arrow::array::new_empty_array(&bound.ty.arrow())),
            1 => Ok(chunks.remove(0)),
            _ => {
                let parts: Vec<_> = chunks.iter().map(|c| &**c).collect();
                compute::concat(&parts).map_err(|error| ExprError::new(0, error.to_string(), ""))
            }
        }
    }

    /// Puts types on the expression for one schema, once for many small tables.
    ///
    /// # Errors
    /// As [`Expr::type_in`].
    pub fn ready(&self, schema: &Schema) -> Result<Ready, ExprError> {
        let mut binder = Binder::new(schema);
        let bound = eval::folded(self.bound(&mut binder)?);
        Ok(Ready { bound, columns: binder.columns })
    }

    /// Writes the expression into a graph; also returns the rows for which it can be computed (`None`: all).
    ///
    /// # Errors
    /// If it does not fit the columns, or there is no operator for a part of it.
    pub fn graph(
        &self,
        columns: &onnx::Columns,
        graph: &mut onnx::Graph,
    ) -> Result<(onnx::Cell, Option<onnx::Tensor>), onnx::Inexpressible> {
        let schema = columns.schema();
        let mut binder = Binder::new(&schema);
        let unfit = |error: ExprError| onnx::Inexpressible::new(error.to_string());
        let bound = self.bound(&mut binder).map_err(unfit)?;
        onnx::scalar::write(&bound, &binder.columns, columns, graph)
    }

    fn bound(&self, binder: &mut Binder<'_>) -> Result<Bound, ExprError> {
        let bound = binder.bind(&self.ast)?;
        if bound.ty == Ty::Interval {
            let help = "use date_diff('day', a, b), or epoch(a - b) for seconds";
            return Err(ExprError::new(bound.at, "an interval cannot be a column", help));
        }
        Ok(bound)
    }
}

/// An expression with types for one schema.
pub struct Ready {
    bound: Bound,
    columns: Vec<(usize, Ty)>,
}

impl Ready {
    /// Computes the expression as [`Expr::eval`] does on a table with these columns: those of the schema, in its order.
    ///
    /// # Errors
    /// As [`Expr::eval`].
    pub fn eval(&self, columns: &[ArrayRef], n_rows: usize) -> Result<ArrayRef, ExprError> {
        let read = self.columns.iter().map(|column| read_column(column, columns).map(Col::rows));
        let at_hand =
            Rows { columns: read.collect::<Result<_, _>>()?, n_rows, origin: Origin::From(0) };
        let col = eval::eval(&self.bound, &at_hand)?;
        eval::expanded(&self.bound, &col, n_rows)
    }
}

/// Returns the index of the column `name`: the one that is called exactly so, else the only one that is when
/// case does not count.
pub fn resolve<'a>(name: &str, names: impl Iterator<Item = &'a str> + Clone) -> Option<usize> {
    if let Some(exact) = names.clone().position(|known| known == name) {
        return Some(exact);
    }
    let lower = name.to_lowercase();
    let mut alike = names.enumerate().filter(|(_, known)| known.to_lowercase() == lower);
    match (alike.next(), alike.next()) {
        (Some((index, _)), None) => Some(index),
        _ => None,
    }
}

#[cfg(test)]
mod tests;

fn read_columns(binder: &Binder<'_>, batch: &RecordBatch) -> Result<Vec<ArrayRef>, ExprError> {
    binder.columns.iter().map(|column| read_column(column, batch.columns())).collect()
}

fn read_column((index, ty): &(usize, Ty), columns: &[ArrayRef]) -> Result<ArrayRef, ExprError> {
    let lost = || ExprError::new(0, "a column was lost", "");
    let array = columns.get(*index).ok_or_else(lost)?;
    if *array.data_type() == ty.arrow() {
        return Ok(array.clone());
    }
    compute::cast(array, &ty.arrow()).map_err(|error| ExprError::new(0, error.to_string(), ""))
}
