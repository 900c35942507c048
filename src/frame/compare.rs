//! Where two tables differ first, in a person's words. It does not know why.

use std::fmt;

use arrow::{
    array::{Array, ArrayRef, AsArray},
    compute::kernels::cmp,
    datatypes::{DataType, Float64Type},
    util::display::array_value_to_string,
};

use crate::frame::table::{Table, type_word};

/// Column names that are told before only their number is.
const MAX_NAMED: usize = 5;

/// The first difference between two tables: in their columns, in a row, or in their length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// There are other columns, or they stand in another order.
    Columns {
        /// Their names then.
        was: Vec<String>,
        /// Their names now.
        is: Vec<String>,
    },
    /// A column is of another type.
    Type {
        /// Which.
        column: String,
        /// Its type then.
        was: String,
        /// Its type now.
        is: String,
    },
    /// A cell holds another value; no row before it does.
    Cell {
        /// The row, from 0.
        row: usize,
        /// The name of the table's id and its value in that row.
        id: Option<(String, String)>,
        /// The first column that differs there.
        column: String,
        /// What stood there; `None` for null.
        was: Option<String>,
        /// What stands there.
        is: Option<String>,
    },
    /// The rows that both have are the same, but there are more or fewer.
    Rows {
        /// How many there were.
        was: usize,
        /// How many there are.
        is: usize,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = |v: &Option<String>| v.clone().unwrap_or_else(|| "nothing".to_string());
        match self {
            Difference::Columns { was, is } => f.write_str(&columns_text(was, is)),
            Difference::Type { column, was, is } => {
                write!(f, "column `{column}` was {was}, is {is}")
            }
            Difference::Cell { row, id, column, was, is } => {
                let id =
                    id.as_ref().map(|(name, id)| format!(" ({name} {id})")).unwrap_or_default();
                let (was, is) = (value(was), value(is));
                write!(f, "row {row}{id}, column `{column}`: was {was}, is {is}")
            }
            Difference::Rows { was, is } => write!(f, "it had {was} rows, has {is}"),
        }
    }
}

fn columns_text(was: &[String], is: &[String]) -> String {
    let without = |a: &[String], b: &[String]| -> Vec<String> {
        a.iter().filter(|name| !b.contains(name)).map(|name| format!("`{name}`")).collect()
    };
    let list = |names: Vec<String>, verb: &str| match names.len() {
        0 => None,
        1 => Some(format!("column {} is {verb}", names[0])),
        n if n <= MAX_NAMED => Some(format!("columns {} are {verb}", names.join(", "))),
        n => Some(format!(
            "columns {} and {} more are {verb}",
            names[..MAX_NAMED].join(", "),
            n - MAX_NAMED
        )),
    };
    let (gone, new) = (list(without(was, is), "gone"), list(without(is, was), "new"));
    let parts: Vec<String> = gone.into_iter().chain(new).collect();
    if !parts.is_empty() {
        return parts.join(", ");
    }
    let moved = was.iter().zip(is).find(|(a, b)| a != b);
    moved.map_or_else(String::new, |(a, b)| {
        format!("its columns are in another order: `{b}` stands where `{a}` stood")
    })
}

/// Returns the first difference between two tables; `None` if a reader would see none.
pub fn first_difference(before: &Table, after: &Table) -> Option<Difference> {
    let (was, is) = (before.names(), after.names());
    if was != is {
        return Some(Difference::Columns { was, is });
    }
    let columns = || before.batch().columns().iter().zip(after.batch().columns()).zip(&was);
    for ((a, b), column) in columns() {
        if a.data_type() != b.data_type() {
            let (was, is) = type_words(a.data_type(), b.data_type());
            return Some(Difference::Type { column: column.clone(), was, is });
        }
    }
    let first = columns().filter_map(|((a, b), column)| Some((first_row(a, b)?, column, a, b)));
    if let Some((row, column, a, b)) = first.min_by_key(|(row, ..)| *row) {
        return Some(Difference::Cell {
            row,
            id: id_in(before, row),
            column: column.clone(),
            was: text(a, row),
            is: text(b, row),
        });
    }
    let (was, is) = (before.n_rows(), after.n_rows());
    (was != is).then_some(Difference::Rows { was, is })
}

/// Returns two types in a person's words, or exactly where those are the same.
fn type_words(was: &DataType, is: &DataType) -> (String, String) {
    match (type_word(was), type_word(is)) {
        (a, b) if a == b => (was.to_string(), is.to_string()),
        words => words,
    }
}

fn id_in(table: &Table, row: usize) -> Option<(String, String)> {
    let name = table.id_name()?;
    let id = text(table.column(&name).ok()?, row)?;
    Some((name, id))
}

/// Returns a value as text, a float so that no other float reads the same.
fn text(array: &ArrayRef, row: usize) -> Option<String> {
    if array.is_null(row) {
        return None;
    }
    match array.as_primitive_opt::<Float64Type>() {
        Some(floats) => Some(format!("{:?}", floats.value(row))),
        None => Some(array_value_to_string(array, row).unwrap_or_default()),
    }
}

/// Returns the first row in which two columns of one type differ. Floats are compared by their bits, so that NaN
/// equals itself and -0.0 differs from 0.0.
fn first_row(a: &ArrayRef, b: &ArrayRef) -> Option<usize> {
    let n = a.len().min(b.len());
    let (a, b) = (a.slice(0, n), b.slice(0, n));
    match cmp::distinct(&a, &b) {
        Ok(distinct) => distinct.values().set_indices().next(),
        // Lists and the like, which only a program's own Parquet holds.
        Err(_) => (0..n).find(|&i| a.slice(i, 1).to_data() != b.slice(i, 1).to_data()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::table::{float_array, int_array, text_array};

    fn table(x: Vec<f64>, y: Vec<i64>) -> Table {
        Table::new(None, vec![("x", float_array(x)), ("y", int_array(y))]).unwrap()
    }

    fn told(before: &Table, after: &Table) -> Option<String> {
        first_difference(before, after).map(|d| d.to_string())
    }

    #[test]
    fn the_first_row_in_any_column_is_named() {
        let before = table(vec![1.0, 2.0, f64::NAN], vec![1, 2, 3]);
        for (after, expected) in [
            (table(vec![1.0, 2.0, f64::NAN], vec![1, 2, 3]), None),
            (
                table(vec![1.0, 2.5, f64::NAN], vec![9, 2, 3]),
                Some("row 0, column `y`: was 1, is 9"),
            ),
            (
                table(vec![1.0, 2.0, 3.0], vec![1, 2, 3]),
                Some("row 2, column `x`: was nothing, is 3.0"),
            ),
            (table(vec![1.0], vec![1]), Some("it had 3 rows, has 1")),
        ] {
            assert_eq!(told(&before, &after).as_deref(), expected);
        }
    }

    #[test]
    fn zero_and_minus_zero_differ() {
        let difference = told(&table(vec![0.0], vec![1]), &table(vec![-0.0], vec![1]));
        assert_eq!(difference.as_deref(), Some("row 0, column `x`: was 0.0, is -0.0"));
    }

    #[test]
    fn floats_that_look_alike_are_told_apart() {
        let next = f64::from_bits(0.1_f64.to_bits() + 1);
        let difference = told(&table(vec![0.1], vec![1]), &table(vec![next], vec![1]));
        assert_eq!(
            difference.as_deref(),
            Some("row 0, column `x`: was 0.1, is 0.10000000000000002")
        );
    }

    #[test]
    fn a_row_is_named_by_its_id_too() {
        let of = |x: f64| {
            let columns = vec![("who", text_array(["a", "b"])), ("x", float_array(vec![1.0, x]))];
            Table::new(Some("who"), columns).unwrap()
        };
        let difference = told(&of(1.0), &of(2.0));
        assert_eq!(difference.as_deref(), Some("row 1 (who b), column `x`: was 1.0, is 2.0"));
    }

    #[test]
    fn columns_are_named_where_they_differ() {
        let of = |names: &[&str]| {
            let column = |name: &&str| ((*name).to_string(), float_array(vec![1.0]));
            let columns: Vec<(String, ArrayRef)> = names.iter().map(column).collect();
            Table::new(None, columns.iter().map(|(n, c)| (n.as_str(), c.clone())).collect())
                .unwrap()
        };
        for (was, is, expected) in [
            (vec!["a", "b"], vec!["a"], "column `b` is gone"),
            (vec!["a", "b"], vec!["a", "c"], "column `b` is gone, column `c` is new"),
            (
                vec!["a", "b"],
                vec!["b", "a"],
                "its columns are in another order: `b` stands where `a` stood",
            ),
            (
                vec!["a"],
                vec!["a", "b", "c", "d", "e", "f", "g"],
                "columns `b`, `c`, `d`, `e`, `f` and 1 more are new",
            ),
        ] {
            assert_eq!(told(&of(&was), &of(&is)).as_deref(), Some(expected));
        }
        let ints = Table::new(None, vec![("a", int_array(vec![1]))]).unwrap();
        assert_eq!(told(&of(&["a"]), &ints).as_deref(), Some("column `a` was float, is integer"));
    }
}
