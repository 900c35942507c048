//! Finds for each row of one table the row of another with the same id.
//! It does not know what the other columns are.

use std::collections::HashMap;

use arrow::{
    array::{Array, ArrayRef, AsArray},
    compute,
    datatypes::DataType,
};

use crate::{
    frame::{FrameError, Table, table::type_word},
    stage::error::StageError,
};

/// Returns for each row of `table` the row of `other` (the input on `port`) with the same id.
/// The ids must be the same set, in any order.
///
/// # Errors
/// Naming the id that one side has twice, or that the other side lacks.
pub fn rows_in(table: &Table, other: &Table, port: &str) -> Result<Vec<usize>, StageError> {
    let column = |port: &str| {
        let port = port.to_string();
        move |error| StageError::Column { port, error }
    };
    let (name, ours) = table.id().map_err(column("table"))?;
    // What a foreign program wrote does not say which column is the id; then it has the table's name.
    let theirs = match other.id_name() {
        None => other.column(&name).map_err(column(port))?.clone(),
        Some(_) => other.id().map_err(column(port))?.1,
    };
    if ours.data_type() != theirs.data_type() {
        return Err(StageError::Data(format!(
            "id `{name}` is {} in `table` and {} in `{port}`; both must come from the same source",
            type_word(ours.data_type()),
            type_word(theirs.data_type())
        )));
    }
    if ours.null_count() == 0 && ours.to_data() == theirs.to_data() {
        let (ours, rows) = (texts(&ours)?, 0..table.n_rows());
        index(&ours, "table", &name)?;
        return Ok(rows.collect());
    }
    let (ours, theirs) = (texts(&ours)?, texts(&theirs)?);
    let (of_ours, of_theirs) = (index(&ours, "table", &name)?, index(&theirs, port, &name)?);
    let lacks = |id: &str, has: &str, lacks: &str| {
        StageError::Data(format!(
            "{name} `{id}` is in `{has}` and not in `{lacks}`; both must come from the same rows"
        ))
    };
    if let Some(id) = present(&theirs).find(|id| !of_ours.contains_key(id)) {
        return Err(lacks(id, port, "table"));
    }
    present(&ours)
        .map(|id| of_theirs.get(id).copied().ok_or_else(|| lacks(id, "table", port)))
        .collect()
}

/// Returns the ids of a table's rows as text; where there is no id, the numbers of the rows.
///
/// # Errors
/// If they cannot be written as text.
pub fn ids(table: &Table) -> Result<Vec<String>, FrameError> {
    let (_, ids) = table.id()?;
    let texts = texts(&ids)?;
    Ok(present(&texts).map(str::to_string).collect())
}

fn texts(ids: &ArrayRef) -> Result<ArrayRef, FrameError> {
    Ok(compute::cast(ids, &DataType::Utf8)?)
}

fn present(texts: &ArrayRef) -> impl Iterator<Item = &str> {
    texts.as_string::<i32>().iter().flatten()
}

fn index<'a>(
    texts: &'a ArrayRef,
    port: &str,
    name: &str,
) -> Result<HashMap<&'a str, usize>, StageError> {
    let mut rows = HashMap::with_capacity(texts.len());
    for (row, id) in texts.as_string::<i32>().iter().enumerate() {
        let Some(id) = id else {
            return Err(StageError::Data(format!("`{port}`: {name} has no value in row {row}")));
        };
        if rows.insert(id, row).is_some() {
            return Err(StageError::Data(format!("`{port}`: {name} `{id}` occurs twice")));
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::table::{int_array, text_array};

    fn table(ids: &[&str]) -> Table {
        Table::new(Some("id"), vec![("id", text_array(ids))]).unwrap()
    }

    #[test]
    fn any_order_and_no_strangers() {
        let left = table(&["a", "b", "c"]);
        assert_eq!(rows_in(&left, &left, "labels").unwrap(), [0, 1, 2]);
        assert_eq!(rows_in(&left, &table(&["c", "a", "b"]), "labels").unwrap(), [1, 2, 0]);
        let bare = table(&["c", "a", "b"]).with_id(None).unwrap();
        assert_eq!(rows_in(&left, &bare, "labels").unwrap(), [1, 2, 0]);
        for (other, expected) in [
            (table(&["a", "b"]), "id `c` is in `table` and not in `labels`"),
            (table(&["a", "b", "c", "d"]), "id `d` is in `labels` and not in `table`"),
            (table(&["a", "b", "b"]), "`labels`: id `b` occurs twice"),
        ] {
            let error = rows_in(&left, &other, "labels").unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let numbers = Table::new(Some("id"), vec![("id", int_array(vec![1, 2, 3]))]).unwrap();
        let error = rows_in(&left, &numbers, "labels").unwrap_err().to_string();
        assert!(error.contains("text in `table` and integer in `labels`"), "{error}");
    }
}
