//! The id column of a source: checked where a person names one, added as `row` where nobody does.
//! It does not know how the source was read.

use std::{collections::HashMap, hash::Hash, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array},
    compute,
    datatypes::{DataType, Float64Type, Int64Type},
    util::display::array_value_to_string,
};
use serde::Deserialize;

use crate::{
    base::names,
    frame::Table,
    stage::{error::StageError, params::Shape},
};

/// The name of the id that is added where a source has none.
pub const ROW: &str = "row";

/// What `duplicates` may be.
pub const DUPLICATES: Shape = Shape::Choice(&["first", "last", "keep"]);

/// What to do with ids that occur more than once; without it they are an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Duplicates {
    /// Keep the first row of each id.
    First,
    /// Keep the last row of each id.
    Last,
    /// Keep every row, and let its number be the id.
    Keep,
    /// Keep every row under the id that it has. No source may ask for it: it is for new rows, each of which wants an
    /// answer, of a source that thins its own.
    #[serde(skip)]
    Every,
}

/// Makes a table whose id is column `id`, or an added column `row` that counts from 0 if `id` is absent
/// or duplicates are kept. Whole numbers written as floats (`17850.0`) become integers in an id.
/// `file` and `place` say where the columns and a row stand, for messages.
///
/// # Errors
/// [`StageError::Source`] if the column is not there, or an id is missing or occurs twice.
pub fn identify(
    columns: Vec<(String, ArrayRef)>,
    n_rows: usize,
    id: Option<&str>,
    duplicates: Option<Duplicates>,
    file: &str,
    place: &dyn Fn(usize) -> String,
) -> Result<(Table, Vec<String>), StageError> {
    let mut columns = columns;
    let position = match id {
        Some(id) => Some(find(&columns, id, file)?),
        None => None,
    };
    let (Some(id), Some(position), false) = (id, position, duplicates == Some(Duplicates::Keep))
    else {
        return Ok((numbered(columns, n_rows)?, Vec::new()));
    };
    columns[position].1 = whole_numbers(&columns[position].1);
    let ids = columns[position].1.clone();
    if ids.null_count() > 0 {
        let row = (0..ids.len()).find(|&row| ids.is_null(row)).unwrap_or_default();
        return Err(StageError::Source(format!(
            "{}: id column `{id}` has no value; fill it, or set `duplicates: keep` to number the rows instead",
            place(row)
        )));
    }
    let mut notes = Vec::new();
    let table = table(Some(id), columns)?;
    if duplicates == Some(Duplicates::Every) {
        return Ok((table, notes));
    }
    let repeats = repeats(&ids)?;
    let Some(&(row, earlier)) = repeats.first() else { return Ok((table, notes)) };
    let Some(policy) = duplicates else {
        let value = array_value_to_string(&ids, row).unwrap_or_default();
        return Err(StageError::Source(format!(
            "{}: id `{value}` of column `{id}` stands on {} already; set `duplicates: first`, `last` or `keep`",
            place(row),
            place(earlier)
        )));
    };
    let mut keep = vec![true; n_rows];
    for &(row, earlier) in &repeats {
        keep[if policy == Duplicates::Last { earlier } else { row }] = false;
    }
    let n = repeats.len();
    let rows = if n == 1 { "row" } else { "rows" };
    notes.push(format!("{n} {rows} with an id that occurs more than once left out"));
    Ok((table.filter(&BooleanArray::from(keep))?, notes))
}

fn find(columns: &[(String, ArrayRef)], id: &str, file: &str) -> Result<usize, StageError> {
    columns.iter().position(|(name, _)| name == id).ok_or_else(|| {
        let near = names::did_you_mean(id, columns.iter().map(|(name, _)| name.as_str()));
        let near = near.map_or_else(String::new, |n| format!(", did you mean `{n}`?"));
        StageError::Source(format!("{file}: id column `{id}` is not there{near}"))
    })
}

fn table(id: Option<&str>, columns: Vec<(String, ArrayRef)>) -> Result<Table, StageError> {
    let named = columns.iter().map(|(name, array)| (name.as_str(), array.clone())).collect();
    Ok(Table::new(id, named)?)
}

fn numbered(mut columns: Vec<(String, ArrayRef)>, n_rows: usize) -> Result<Table, StageError> {
    if columns.iter().any(|(name, _)| name == ROW) {
        return Err(StageError::Source(format!(
            "there is a column `{ROW}`, which is the name of the id that is added where none is named; set `id: {ROW}` if it tells rows apart, else name another `id` or rename it"
        )));
    }
    let numbers = Int64Array::from_iter_values((0..n_rows).map(|row| row as i64));
    columns.insert(0, (ROW.to_string(), Arc::new(numbers)));
    table(Some(ROW), columns)
}

fn whole_numbers(ids: &ArrayRef) -> ArrayRef {
    let Some(floats) = ids.as_primitive_opt::<Float64Type>() else { return ids.clone() };
    // Beyond 2^53 two ids could become one.
    let whole = |v: f64| v == v.floor() && v.abs() < 9_007_199_254_740_992.0;
    match floats.iter().flatten().all(whole) {
        true => compute::cast(ids, &DataType::Int64).unwrap_or_else(|_| ids.clone()),
        false => ids.clone(),
    }
}

/// Returns, in row order, each row whose id stood before, with the last row before it that had it.
fn repeats(ids: &ArrayRef) -> Result<Vec<(usize, usize)>, StageError> {
    Ok(match ids.data_type() {
        DataType::Int64 => repeated(ids.as_primitive::<Int64Type>().values().iter().copied()),
        DataType::Utf8 => repeated(ids.as_string::<i32>().iter()),
        _ => {
            let texts: Result<Vec<String>, _> =
                (0..ids.len()).map(|row| array_value_to_string(ids, row)).collect();
            repeated(texts.map_err(crate::frame::FrameError::from)?.into_iter())
        }
    })
}

fn repeated<K: Hash + Eq>(keys: impl ExactSizeIterator<Item = K>) -> Vec<(usize, usize)> {
    // Only asked, never walked, so its order reaches nothing.
    let mut last: HashMap<K, usize> = HashMap::with_capacity(keys.len());
    keys.enumerate()
        .filter_map(|(row, key)| last.insert(key, row).map(|earlier| (row, earlier)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::table::{float_array, int_array, opt_text_array, text_array};

    fn run(
        ids: ArrayRef,
        id: Option<&str>,
        duplicates: Option<Duplicates>,
    ) -> Result<(Table, Vec<String>), StageError> {
        let n_rows = ids.len();
        let values = int_array((0..n_rows as i64).collect());
        let columns = vec![("x".to_string(), values), ("c".to_string(), ids)];
        identify(columns, n_rows, id, duplicates, "f", &|row| format!("f:{row}"))
    }

    #[test]
    fn bad_ids_are_named() {
        let error = |ids, id| run(ids, Some(id), None).unwrap_err().to_string();
        assert_eq!(
            error(text_array(["a", "b", "a"]), "c"),
            "f:2: id `a` of column `c` stands on f:0 already; set `duplicates: first`, `last` or `keep`"
        );
        assert!(error(opt_text_array([Some("a"), None]), "c").starts_with("f:1: id column `c`"));
        assert_eq!(
            error(text_array(["a"]), "cc"),
            "f: id column `cc` is not there, did you mean `c`?"
        );
    }

    #[test]
    fn duplicates_are_thinned_or_numbered() {
        let ids = || int_array(vec![7, 8, 7, 7]);
        let rows = |d| run(ids(), Some("c"), Some(d)).unwrap().0.integers("x").unwrap();
        assert_eq!(rows(Duplicates::First), [Some(0), Some(1)]);
        assert_eq!(rows(Duplicates::Last), [Some(1), Some(3)]);
        let (table, _) = run(ids(), Some("c"), Some(Duplicates::Keep)).unwrap();
        assert_eq!((table.id_name().as_deref(), table.n_rows()), (Some("row"), 4));
        assert_eq!(table.names(), ["row", "x", "c"]);
    }

    #[test]
    fn whole_floats_become_integers() {
        let (table, _) = run(float_array(vec![17850.0, 3.0]), Some("c"), None).unwrap();
        assert_eq!(table.integers("c").unwrap(), [Some(17850), Some(3)]);
        let (table, _) = run(float_array(vec![0.5]), Some("c"), None).unwrap();
        assert_eq!(table.floats("c").unwrap(), [0.5]);
    }

    #[test]
    fn an_added_id_must_not_hide_a_column() {
        let (table, _) = run(text_array(["a", "a"]), None, None).unwrap();
        assert_eq!(table.integers("row").unwrap(), [Some(0), Some(1)]);
        let columns = vec![("row".to_string(), int_array(vec![5]))];
        let error = identify(columns, 1, None, None, "f", &|_| String::new()).unwrap_err();
        assert!(error.to_string().contains("id: row"), "{error}");
    }
}
