//! What an earlier run lends: its labels, its segments' profile and summary, its classifier.
//! It does not know which run that was, nor what is made of it.

use std::collections::{BTreeMap, HashMap};

use arrow::array::Array;

use crate::{
    frame::Table,
    kinds::segments::{figures::Segments, join::ids},
    stage::{ctx::Input, error::StageError},
};

/// The artifacts of an earlier run.
pub struct Reference {
    /// Its labels.
    pub labels: Table,
    /// Its `profile`.
    pub profile: Table,
    /// Its classifier, if its page had one.
    pub champion: Option<Table>,
    /// Its segments in its order, noise left out.
    pub segments: Vec<Old>,
}

/// A segment of the earlier run.
#[derive(Clone, Debug, PartialEq)]
pub struct Old {
    /// Its number there.
    pub number: i32,
    /// Its name there.
    pub name: String,
    /// What a person noted about it.
    pub note: Option<String>,
}

impl Reference {
    /// Sorts out what was lent, by what is in it; `None` if nothing was.
    ///
    /// # Errors
    /// If the artifacts are not those of a segment report.
    pub fn read(files: &[Input]) -> Result<Option<Reference>, StageError> {
        let mut tables: BTreeMap<&str, Table> = BTreeMap::new();
        for file in files {
            let table = file.table()?;
            let what =
                ["lift", "traits", "confidence"].into_iter().find(|c| table.column(c).is_ok());
            tables.insert(what.unwrap_or("champion"), table);
        }
        if tables.is_empty() {
            return Ok(None);
        }
        let mut take = |column: &str, what: &str| {
            tables.remove(column).ok_or_else(|| {
                StageError::Data(format!("the reference run lends no {what} of its segments"))
            })
        };
        let (profile, labels) = (take("lift", "profile")?, take("confidence", "labels")?);
        let segments = olds(&take("traits", "summary")?)?;
        Ok(Some(Reference { labels, profile, champion: tables.remove("champion"), segments }))
    }

    /// Returns the segment of the earlier run that each row was in; `None` for a row that it did not have, and for all
    /// where ids do not mean the same in both.
    ///
    /// # Errors
    /// If the labels are damaged.
    pub fn segments_by_id(&self, table: &Table) -> Result<Vec<Option<i32>>, StageError> {
        let n_rows = table.n_rows();
        // Numbers of rows are no names of customers: only the same table has the same ones.
        if table.has_numbers_for_ids() && n_rows != self.labels.n_rows() {
            return Ok(vec![None; n_rows]);
        }
        let on_labels = |error| StageError::Column { port: "reference".to_string(), error };
        let segments = self.labels.segments().map_err(on_labels)?;
        let of_id: HashMap<String, i32> = ids(&self.labels)?.into_iter().zip(segments).collect();
        Ok(ids(table)?.iter().map(|id| of_id.get(id).copied()).collect())
    }

    /// Returns the index in `segments` of a number.
    pub fn place(&self, number: i32) -> Option<usize> {
        self.segments.iter().position(|old| old.number == number)
    }
}

fn olds(summary: &Table) -> Result<Vec<Old>, StageError> {
    let (numbers, names) = (summary.segments()?, summary.texts("name")?);
    let notes = summary.texts("note").ok();
    let note = |row: usize| {
        notes.filter(|notes| notes.is_valid(row)).map(|notes| notes.value(row).to_string())
    };
    let old = |(row, number): (usize, &i32)| Old {
        number: *number,
        name: names.value(row).to_string(),
        note: note(row),
    };
    Ok(numbers.iter().enumerate().filter(|(_, number)| **number >= 0).map(old).collect())
}

/// Returns the number of each row's segment.
pub fn numbers_of_rows(segments: &Segments) -> Vec<i32> {
    segments.of_row.iter().map(|&index| segments.numbers[index]).collect()
}
