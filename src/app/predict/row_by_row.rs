//! One answer for each row in, in order: rows that a filter left out get nulls, rows that share an id each get their
//! own. It does not know how an answer is found.

use std::{collections::HashMap, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray, StringArray, UInt64Array},
    compute,
    datatypes::DataType,
};

use crate::{
    app::AppError,
    frame::{FrameError, Table},
    stage::error::StageError,
};

/// Answers every row of `raw` by `assign`, which gives answers under the ids of the rows that it is given, perhaps not
/// for all of them. Answers are told apart by their ids, so rows that share one are given to it one after the other:
/// all first rows of an id, all second ones, ...
///
/// # Errors
/// Those of `assign`, and if ids cannot be compared.
pub fn answers(
    raw: &Table,
    notes: &mut Vec<String>,
    assign: impl Fn(&Table, &mut Vec<String>) -> Result<Table, AppError>,
) -> Result<Table, AppError> {
    let (id, ids) = raw.id().map_err(StageError::from)?;
    let rounds = rounds(&texts(&ids)?);
    if let [_] | [] = rounds.as_slice() {
        return Ok(align(&assign(raw, notes)?, (&id, ids))?);
    }
    let mut parts = Vec::with_capacity(rounds.len());
    // What a stage has to say of a part of the rows would be misread as said of all.
    let mut of_parts = Vec::new();
    for rows in &rounds {
        let part = raw.take(rows).map_err(StageError::from)?;
        let (_, ids) = part.id().map_err(StageError::from)?;
        parts.push(align(&assign(&part, &mut of_parts)?, (&id, ids))?);
    }
    let table = stack(&parts, &rounds)?;
    let unanswered = table.column("segment").map_err(StageError::from)?.null_count();
    notes.push(format!("{} of {} rows share their id with another", shared(&rounds), raw.n_rows()));
    if unanswered > 0 {
        notes.push(format!("`where` left out {unanswered} of {} rows", raw.n_rows()));
    }
    Ok(table)
}

/// Returns the rows that are the first of their id, then those that are the second, ...
fn rounds(ids: &StringArray) -> Vec<Vec<usize>> {
    // Only asked, never walked, so its order reaches nothing.
    let mut seen: HashMap<Option<&str>, usize> = HashMap::with_capacity(ids.len());
    let mut rounds: Vec<Vec<usize>> = Vec::new();
    for (row, id) in ids.iter().enumerate() {
        let round = seen.entry(id).and_modify(|n| *n += 1).or_insert(0);
        match rounds.get_mut(*round) {
            Some(rows) => rows.push(row),
            None => rounds.push(vec![row]),
        }
    }
    rounds
}

/// Counts the rows whose id occurs more than once.
fn shared(rounds: &[Vec<usize>]) -> usize {
    let later: usize = rounds.iter().skip(1).map(Vec::len).sum();
    later + rounds.get(1).map_or(0, Vec::len)
}

/// Returns the answers with one row for each of `ids`, in that order; a row without an answer gets nulls.
fn align(answers: &Table, ids: (&str, ArrayRef)) -> Result<Table, StageError> {
    let (answer_id, answer_ids) = answers.id()?;
    let answer_ids = texts(&answer_ids)?;
    let answered: HashMap<&str, u64> =
        answer_ids.iter().enumerate().filter_map(|(row, id)| Some((id?, row as u64))).collect();
    let rows: UInt64Array = texts(&ids.1)?.iter().map(|id| answered.get(id?).copied()).collect();
    let mut columns: Vec<(String, ArrayRef)> = vec![(ids.0.to_string(), ids.1)];
    for (name, array) in answers.names().into_iter().zip(answers.batch().columns()) {
        if name != answer_id {
            let taken = compute::take(array, &rows, None).map_err(FrameError::from)?;
            columns.push((name, taken));
        }
    }
    let columns = columns.iter().map(|(name, array)| (name.as_str(), Arc::clone(array))).collect();
    Ok(Table::new(Some(ids.0), columns)?)
}

/// Puts the answers of all rounds back into the order of the rows.
fn stack(parts: &[Table], rounds: &[Vec<usize>]) -> Result<Table, StageError> {
    let Some(first) = parts.first() else {
        return Err(StageError::Internal("there are no answers to stack".to_string()));
    };
    let batches: Vec<_> = parts.iter().map(|part| part.batch().clone()).collect();
    let stacked = Table::from_batches(&first.schema(), &batches)?;
    let mut place = vec![0; stacked.n_rows()];
    for (at, &row) in rounds.iter().flatten().enumerate() {
        place[row] = at;
    }
    Ok(stacked.take(&place)?)
}

fn texts(array: &ArrayRef) -> Result<StringArray, StageError> {
    let cast = compute::cast(array, &DataType::Utf8).map_err(FrameError::from)?;
    Ok(cast.as_string::<i32>().clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::table::{int_array, segment_array, text_array};

    /// Answers with ten times `x`, and with nothing where `x` is odd.
    fn assign(table: &Table, notes: &mut Vec<String>) -> Result<Table, AppError> {
        let x: Vec<i64> = table.integers("x").unwrap().into_iter().flatten().collect();
        let even: Vec<usize> = (0..x.len()).filter(|&row| x[row] % 2 == 0).collect();
        notes.push(format!("{} of {}", even.len(), x.len()));
        let kept = table.take(&even).unwrap();
        let segments = even.iter().map(|&row| x[row] as i32 * 10).collect();
        let ids = kept.column("id").unwrap().clone();
        Ok(Table::new(Some("id"), vec![("id", ids), ("segment", segment_array(segments))]).unwrap())
    }

    fn answered(ids: &[&str], x: &[i64]) -> (Vec<Option<i64>>, Vec<String>) {
        let columns = vec![("id", text_array(ids)), ("x", int_array(x.to_vec()))];
        let mut notes = Vec::new();
        let table = answers(&Table::new(Some("id"), columns).unwrap(), &mut notes, assign).unwrap();
        assert_eq!(table.texts("id").unwrap().iter().flatten().collect::<Vec<_>>(), ids);
        (table.integers("segment").unwrap(), notes)
    }

    #[test]
    fn every_row_gets_its_own_answer() {
        let (segments, notes) = answered(&["a", "b", "c"], &[2, 3, 4]);
        assert_eq!((segments, notes), (vec![Some(20), None, Some(40)], vec!["2 of 3".to_string()]));
        assert_eq!(answered(&[], &[]).0, []);
    }

    #[test]
    fn rows_that_share_an_id_do_not_share_an_answer() {
        let (segments, notes) = answered(&["a", "b", "a", "a", "b"], &[2, 4, 3, 6, 8]);
        assert_eq!(segments, [Some(20), Some(40), None, Some(60), Some(80)]);
        assert_eq!(
            notes,
            ["5 of 5 rows share their id with another", "`where` left out 1 of 5 rows"]
        );
    }
}
