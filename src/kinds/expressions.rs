//! Expressions in a kind's parameters: parsed and checked with their place, computed with errors that say
//! where. It does not know which kind asks.

use arrow::{
    array::ArrayRef,
    datatypes::{DataType, Schema},
};

use crate::{
    base::names,
    frame::{
        FrameError, Table,
        expr::{self, Expr, ExprError},
    },
    stage::{error::StageError, kind::Problem, work::Work},
};

/// Parses the expression at `path`, and adds a problem if that fails.
pub fn parse(text: &str, path: &[&str], problems: &mut Vec<Problem>) -> Option<Expr> {
    Expr::parse(text).map_err(|error| problems.push(problem(path, &error))).ok()
}

/// Makes a problem of a fault in an expression; a place within it is told in characters.
pub fn problem(path: &[&str], error: &ExprError) -> Problem {
    let place = match error.offset {
        0 => String::new(),
        offset => format!(" (character {})", offset + 1),
    };
    Problem::new(path, format!("{}{place}", error.message), error.help.clone())
}

/// Returns the type of an expression, or adds a problem and returns the type of nothing, so that what
/// builds on it is not reported as well.
pub fn type_in(
    expr: &Expr,
    schema: &Schema,
    path: &[&str],
    problems: &mut Vec<Problem>,
) -> DataType {
    expr.type_in(schema).unwrap_or_else(|error| {
        problems.push(problem(path, &error));
        DataType::Null
    })
}

/// Returns a problem for a column that a schema lacks.
pub fn missing(path: &[&str], column: &str, schema: &Schema) -> Option<Problem> {
    if schema.column_with_name(column).is_some() {
        return None;
    }
    let known = schema.fields().iter().map(|f| f.name().as_str());
    let help = names::suggestion(column, known);
    Some(Problem::new(path, format!("there is no column `{column}`"), help))
}

/// Computes an expression on a table of input `port`; `what` says whose it is, for messages.
///
/// # Errors
/// [`StageError::Column`] for a column that is not there, [`StageError::Data`] for anything else, with the
/// row and its id where one value is to blame.
pub fn eval(
    expr: &Expr,
    table: &Table,
    port: &str,
    what: &str,
    work: &Work,
) -> Result<ArrayRef, StageError> {
    work.check()?;
    let names = table.names();
    for column in expr.columns() {
        if expr::resolve(&column, names.iter().map(String::as_str)).is_none() {
            return Err(missing_column(port, &column, &names));
        }
    }
    expr.eval_on(table.batch(), &work.pool).map_err(|error| data_error(&error, table, what))
}

/// Computes a condition; null counts as false.
///
/// # Errors
/// As [`eval`], and if the result is not boolean.
pub fn condition(
    expr: &Expr,
    table: &Table,
    port: &str,
    what: &str,
    work: &Work,
) -> Result<arrow::array::BooleanArray, StageError> {
    use arrow::array::{Array, AsArray};
    let values = eval(expr, table, port, what, work)?;
    match values.as_boolean_opt() {
        Some(truth) => {
            Ok((0..truth.len()).map(|row| Some(truth.is_valid(row) && truth.value(row))).collect())
        }
        None => {
            let found = crate::frame::table::type_word(values.data_type());
            Err(StageError::Data(format!(
                "{what}: expected a condition (true or false), found {found}; compare it with something"
            )))
        }
    }
}

/// Makes the error for a column that the table on `port` lacks.
pub fn missing_column(port: &str, column: &str, names: &[String]) -> StageError {
    let near = names::did_you_mean(column, names.iter().map(String::as_str));
    let error = FrameError::MissingColumn {
        column: column.to_string(),
        suggestion: near.unwrap_or_default().to_string(),
    };
    StageError::Column { port: port.to_string(), error }
}

fn data_error(error: &ExprError, table: &Table, what: &str) -> StageError {
    let told = |row| format!(" in row {}{}", table.first_row() + row, id_of_row(table, row));
    let row = error.row.map(told);
    let help = if error.help.is_empty() { String::new() } else { format!("; {}", error.help) };
    StageError::Data(format!("{what}: {}{}{help}", error.message, row.unwrap_or_default()))
}

fn id_of_row(table: &Table, row: usize) -> String {
    let Some(name) = table.id_name() else { return String::new() };
    let Ok(values) = table.column(&name) else { return String::new() };
    match arrow::util::display::array_value_to_string(values, row) {
        Ok(value) => format!(" ({name} {value})"),
        Err(_) => String::new(),
    }
}
