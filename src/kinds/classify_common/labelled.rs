//! Which row belongs to which class: labels joined on the id, or a target column.
//! It does not know features.

use std::collections::HashMap;

use arrow::{
    array::{Array, ArrayRef, AsArray},
    compute,
    datatypes::{DataType, Int64Type},
};
use serde::{Deserialize, Serialize};

use super::{on_port, params::can_be_target};
use crate::{
    frame::{FrameError, Table, table::type_word},
    stage::error::StageError,
};

/// More distinct values than this are not classes (an id, a free text).
const MAX_CLASSES: usize = 1000;

/// The classes of a model, in the order of its probabilities.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Classes {
    /// The column they came from; `None`: segments of labels.
    pub target: Option<String>,
    /// What `segment` holds for each class: the segment, or the class's index.
    pub segments: Vec<i32>,
    /// What to call each class: the segment's number, or the value as text.
    pub names: Vec<String>,
}

/// The rows that have a class.
#[derive(Clone, Debug, PartialEq)]
pub struct Labelled {
    /// Rows of the table, ascending.
    pub rows: Vec<usize>,
    /// The class of each of `rows`, an index into `classes`.
    pub y: Vec<u32>,
    /// The classes that occur.
    pub classes: Classes,
    /// What a person should hear of.
    pub notes: Vec<String>,
}

/// Returns the rows that have a class.
///
/// # Errors
/// If neither or both of labels and target are given, ids do not match, or there are fewer than two classes.
pub fn labelled(
    table: &Table,
    labels: Option<&Table>,
    target: Option<&str>,
) -> Result<Labelled, StageError> {
    let labelled = match (labels, target) {
        (Some(labels), None) => by_labels(table, labels)?,
        (None, Some(target)) => by_target(table, target)?,
        _ => {
            let text = "give exactly one of the input `labels` and the parameter `target`";
            return Err(StageError::Data(text.to_string()));
        }
    };
    let names = &labelled.classes.names;
    if names.len() < 2 {
        let found = match names.first() {
            None => "no row has one".to_string(),
            Some(only) => format!("every row has `{only}`"),
        };
        let mut text = format!("a classifier needs at least 2 classes, but {found}");
        labelled.notes.iter().for_each(|note| text.push_str(&format!(" ({note})")));
        return Err(StageError::Data(text));
    }
    Ok(labelled)
}

fn by_labels(table: &Table, labels: &Table) -> Result<Labelled, StageError> {
    let segments = labels.segments().map_err(on_port("labels"))?;
    let of_row: Vec<i32> = match join(table, labels)? {
        None => segments,
        Some(order) => order.into_iter().map(|row| segments[row]).collect(),
    };
    let mut present: Vec<i32> = of_row.iter().copied().filter(|&s| s >= 0).collect();
    present.sort_unstable();
    present.dedup();
    let rows: Vec<usize> = (0..of_row.len()).filter(|&row| of_row[row] >= 0).collect();
    let class = |&row: &usize| present.partition_point(|&s| s < of_row[row]) as u32;
    let y = rows.iter().map(class).collect();
    let n_noise = of_row.len() - rows.len();
    let mut notes = Vec::new();
    if n_noise > 0 {
        notes.push(format!("{n_noise} rows of noise (-1) are neither trained on nor tested"));
    }
    let names = present.iter().map(i32::to_string).collect();
    Ok(Labelled { rows, y, classes: Classes { target: None, segments: present, names }, notes })
}

/// Returns for each row of the table the row of the labels with the same id; `None` if they stand in
/// the same order already.
fn join(table: &Table, labels: &Table) -> Result<Option<Vec<usize>>, StageError> {
    let (name, ids) = table.id().map_err(on_port("table"))?;
    // Labels that a foreign program wrote do not say which column is the id; then it has the table's name.
    let label_ids = match labels.id_name() {
        Some(_) => labels.id().map_err(on_port("labels"))?.1,
        None => labels.column(&name).map_err(on_port("labels"))?.clone(),
    };
    if ids.data_type() != label_ids.data_type() {
        return Err(StageError::Data(format!(
            "the id `{name}` is {} in the table and {} in the labels",
            type_word(ids.data_type()),
            type_word(label_ids.data_type())
        )));
    }
    if ids.to_data() == label_ids.to_data() && ids.null_count() == 0 {
        return Ok(None);
    }
    let (ours, theirs) = (texts(&ids)?, texts(&label_ids)?);
    let (ours, theirs) = (ours.as_string::<i32>(), theirs.as_string::<i32>());
    let mut row_of: HashMap<&str, usize> = HashMap::with_capacity(theirs.len());
    for (row, id) in theirs.iter().enumerate() {
        let id = id.ok_or_else(|| missing_id("labels", row))?;
        if row_of.insert(id, row).is_some() {
            return Err(StageError::Data(format!("id `{id}` is twice in the labels")));
        }
    }
    let mut used = vec![false; theirs.len()];
    let mut order = Vec::with_capacity(ours.len());
    for (row, id) in ours.iter().enumerate() {
        let id = id.ok_or_else(|| missing_id("table", row))?;
        let Some(&found) = row_of.get(id) else {
            return Err(StageError::Data(format!(
                "id `{id}` (row {row} of the table) is not in the labels; both must come from the same rows"
            )));
        };
        if std::mem::replace(&mut used[found], true) {
            return Err(StageError::Data(format!("id `{id}` is twice in the table")));
        }
        order.push(found);
    }
    match used.iter().position(|&used| !used) {
        None => Ok(Some(order)),
        Some(row) => Err(StageError::Data(format!(
            "id `{}` (row {row} of the labels) is not in the table; both must come from the same rows",
            theirs.value(row)
        ))),
    }
}

pub(super) fn texts(ids: &ArrayRef) -> Result<ArrayRef, StageError> {
    Ok(compute::cast(ids, &DataType::Utf8).map_err(FrameError::from)?)
}

fn missing_id(port: &str, row: usize) -> StageError {
    StageError::Data(format!("input `{port}`: row {row} has no id"))
}

fn by_target(table: &Table, target: &str) -> Result<Labelled, StageError> {
    let array = table.column(target).map_err(on_port("table"))?;
    if !can_be_target(array.data_type()) {
        return Err(on_port("table")(FrameError::WrongType {
            column: target.to_string(),
            found: type_word(array.data_type()),
            expected: "text, integer or boolean",
        }));
    }
    let spelled = texts(array)?;
    let spelled = spelled.as_string::<i32>();
    let rows: Vec<usize> = (0..spelled.len()).filter(|&row| spelled.is_valid(row)).collect();
    let names = class_names(array, spelled, &rows)?;
    if names.len() > MAX_CLASSES {
        return Err(StageError::Data(format!(
            "target `{target}` has {} distinct values, more than the {MAX_CLASSES} that can be classes",
            names.len()
        )));
    }
    let index: HashMap<&str, u32> =
        names.iter().enumerate().map(|(i, name)| (name.as_str(), i as u32)).collect();
    let y = rows.iter().map(|&row| index[spelled.value(row)]).collect();
    let n_missing = spelled.len() - rows.len();
    let mut notes = Vec::new();
    if n_missing > 0 {
        notes.push(format!("{n_missing} rows without a value of `{target}` are left out"));
    }
    let segments = (0..names.len() as i32).collect();
    let classes = Classes { target: Some(target.to_string()), segments, names };
    Ok(Labelled { rows, y, classes, notes })
}

/// Returns the distinct values as text: whole numbers in their own order, others by their bytes.
fn class_names(
    array: &ArrayRef,
    spelled: &arrow::array::StringArray,
    rows: &[usize],
) -> Result<Vec<String>, StageError> {
    if array.data_type().is_integer() {
        let numbers = compute::cast(array, &DataType::Int64).map_err(FrameError::from)?;
        let mut values: Vec<i64> = numbers.as_primitive::<Int64Type>().iter().flatten().collect();
        values.sort_unstable();
        values.dedup();
        return Ok(values.iter().map(i64::to_string).collect());
    }
    let mut values: Vec<&str> = rows.iter().map(|&row| spelled.value(row)).collect();
    values.sort_unstable();
    values.dedup();
    Ok(values.into_iter().map(str::to_string).collect())
}
