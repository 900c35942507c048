//! A table of data as aligned text, for looking at. It rounds for the eye; files have every digit.
//! It does not know which artifact it shows.

use arrow::{
    array::{Array, ArrayRef, AsArray},
    datatypes::{DataType, Float64Type},
    util::display::array_value_to_string,
};

use crate::{
    frame::Table,
    report::{
        grid::{Align, Cell, Grid},
        style::{Style, Tone, count, counted},
    },
};

/// Decimals shown at most.
const MAX_DECIMALS: usize = 4;

/// Returns a table, or the first rows of one with `n_rows` in all, as text, and a last line with the shape of all
/// of it.
pub fn render(table: &Table, n_rows: usize, width: Option<usize>, style: &Style) -> String {
    let n_shown = table.n_rows();
    let schema = table.schema();
    let columns = schema.fields().iter().map(|f| (f.name().as_str(), align(f.data_type())));
    let mut grid = Grid::new(columns);
    let texts: Vec<Vec<Cell>> = table.batch().columns().iter().map(cells).collect();
    for row in 0..n_shown {
        grid.push(texts.iter().map(|column| column[row].clone()).collect());
    }
    let (mut out, n_hidden) = grid.render(width, style);
    let mut shape = format!(
        "{} x {}",
        counted(n_rows, "row", "rows"),
        counted(schema.fields().len(), "column", "columns"),
    );
    if n_shown < n_rows {
        shape.push_str(&format!("; the first {} shown, --rows N for more", count(n_shown as u64)));
    }
    if n_hidden > 0 {
        let names: Vec<String> = table.names().split_off(schema.fields().len() - n_hidden);
        let names = crate::report::grid::cut(&names.join(", "), 80);
        shape.push_str(&format!("; no room for {names} (--columns chooses)"));
    }
    out.push_str(&style.dim(&shape));
    out.push('\n');
    out
}

fn align(ty: &DataType) -> Align {
    if ty.is_numeric() { Align::Right } else { Align::Left }
}

fn cells(column: &ArrayRef) -> Vec<Cell> {
    let texts = match column.data_type() {
        DataType::Float64 => floats(column.as_primitive::<Float64Type>().iter().collect()),
        _ => (0..column.len())
            .map(|row| array_value_to_string(column, row).unwrap_or_default())
            .collect(),
    };
    let cell = |(row, text): (usize, String)| match column.is_null(row) {
        true => Cell::new("null", Tone::Dim),
        false => Cell::from(text),
    };
    texts.into_iter().enumerate().map(cell).collect()
}

/// Writes numbers of one column with the same decimals, as few as show them, four at the most.
pub fn floats(values: Vec<Option<f64>>) -> Vec<String> {
    let finite = || values.iter().flatten().filter(|v| v.is_finite());
    let largest = finite().fold(0.0, |m: f64, v| m.max(v.abs()));
    let smallest = finite().filter(|v| **v != 0.0).fold(f64::INFINITY, |m, v| m.min(v.abs()));
    let scientific = largest >= 1e12 || (smallest < 1e-4 && largest < 1e-2);
    let decimals = finite().map(|v| decimals_of(*v)).max().unwrap_or(0).clamp(1, MAX_DECIMALS);
    let one = |v: &Option<f64>| match v {
        None => String::new(),
        Some(v) if scientific && *v != 0.0 => format!("{v:.3e}"),
        Some(v) => format!("{v:.decimals$}"),
    };
    values.iter().map(one).collect()
}

/// Returns how many decimals show a number in full.
fn decimals_of(value: f64) -> usize {
    let text = value.to_string();
    text.split_once('.').map_or(0, |(_, decimals)| decimals.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::table::{float_array, int_array, opt_text_array};

    #[test]
    fn numbers_stand_right_and_nulls_show() {
        let table = Table::new(
            None,
            vec![
                ("id", opt_text_array([Some("a"), Some("bb"), None])),
                ("n", int_array(vec![1, 20, 300])),
                ("x", float_array(vec![1.5, f64::NAN, 2.25])),
            ],
        )
        .unwrap();
        let head = table.take(&[0, 1]).unwrap();
        let text = render(&head, 3, Some(80), &Style::new(false));
        let expected = "id   n     x\na    1  1.50\nbb  20  null\n\
                        3 rows x 3 columns; the first 2 shown, --rows N for more\n";
        // Decimals are those of the rows shown.
        assert_eq!(text, expected.replace("1.50", " 1.5"));
    }

    #[test]
    fn figures_are_short_and_comparable() {
        for (values, expected) in [
            (vec![1.0, 2.0], vec!["1.0", "2.0"]),
            (vec![0.123456789, 12.5], vec!["0.1235", "12.5000"]),
            (vec![1e-9, 2e-7], vec!["1.000e-9", "2.000e-7"]),
            (vec![1e15, 0.0], vec!["1.000e15", "0.0"]),
        ] {
            assert_eq!(floats(values.into_iter().map(Some).collect()), expected);
        }
    }
}
