//! Where two tables differ first, in a person's words. It does not know why.

use arrow::{
    array::{Array, ArrayRef},
    util::display::array_value_to_string,
};

use crate::frame::table::{Table, type_word};

/// Returns the first difference between two tables: in their columns, in a row, or in their length; `None` if a
/// reader would see none.
pub fn first_difference(before: &Table, after: &Table) -> Option<String> {
    let (old, new) = (before.names(), after.names());
    if old != new {
        return Some(format!("columns were {}, are {}", old.join(", "), new.join(", ")));
    }
    let columns = || before.batch().columns().iter().zip(after.batch().columns());
    for ((a, b), name) in columns().zip(&old) {
        if a.data_type() != b.data_type() {
            let (a, b) = (type_word(a.data_type()), type_word(b.data_type()));
            return Some(format!("column `{name}` was {a}, is {b}"));
        }
    }
    let first =
        columns().zip(&old).filter_map(|((a, b), name)| Some((first_row(a, b)?, name, a, b)));
    if let Some((row, name, a, b)) = first.min_by_key(|(row, ..)| *row) {
        let text = |array: &ArrayRef| match array.is_null(row) {
            true => "nothing".to_string(),
            false => array_value_to_string(array, row).unwrap_or_default(),
        };
        return Some(format!("row {row}, column `{name}`: was {}, is {}", text(a), text(b)));
    }
    (before.n_rows() != after.n_rows())
        .then(|| format!("it had {} rows, has {}", before.n_rows(), after.n_rows()))
}

/// Returns the first row in which two columns of one type differ bit by bit.
fn first_row(a: &ArrayRef, b: &ArrayRef) -> Option<usize> {
    let n = a.len().min(b.len());
    let (a, b) = (a.slice(0, n), b.slice(0, n));
    if a.to_data() == b.to_data() && !holds_floats(&a) {
        return None;
    }
    // Halve the range: equality of slices is one fast comparison each.
    (0..n).find(|&i| !same(&a, &b, i))
}

fn holds_floats(array: &ArrayRef) -> bool {
    array.data_type().is_floating()
}

/// Compares one row; floats by their bits, so that NaN equals itself and -0.0 differs from 0.0.
fn same(a: &ArrayRef, b: &ArrayRef, row: usize) -> bool {
    use arrow::{array::AsArray, datatypes::Float64Type};
    match (a.as_primitive_opt::<Float64Type>(), b.as_primitive_opt::<Float64Type>()) {
        (Some(x), Some(y)) => {
            x.is_null(row) == y.is_null(row)
                && (x.is_null(row) || x.value(row).to_bits() == y.value(row).to_bits())
        }
        _ => a.slice(row, 1).to_data() == b.slice(row, 1).to_data(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::table::{float_array, int_array};

    fn table(x: Vec<f64>, y: Vec<i64>) -> Table {
        Table::new(None, vec![("x", float_array(x)), ("y", int_array(y))]).unwrap()
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
            assert_eq!(first_difference(&before, &after).as_deref(), expected);
        }
    }

    #[test]
    fn zero_and_minus_zero_differ() {
        let difference = first_difference(&table(vec![0.0], vec![1]), &table(vec![-0.0], vec![1]));
        assert_eq!(difference.as_deref(), Some("row 0, column `x`: was 0.0, is -0.0"));
    }
}
