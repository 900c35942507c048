//! The id column of a source: checked where a person names one, added as `row` where nobody does.
//! It does not know how the source was read.

use std::collections::HashMap;

use arrow::{
    array::{Array, ArrayRef, AsArray},
    compute,
    datatypes::{DataType, Float64Type, Int64Type},
    util::display::array_value_to_string,
};
use serde::Deserialize;

use crate::{
    base::{
        memory::{Lease, Memory},
        names,
    },
    ml::stats::levels::mark,
    stage::{
        error::{Place, StageError},
        params::Shape,
    },
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

/// What a source says of its id.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules<'a> {
    /// The column that names each row; `row` is added if there is none.
    pub id: Option<&'a str>,
    /// What to do with an id that occurs more than once.
    pub duplicates: Option<Duplicates>,
}

impl<'a> Rules<'a> {
    /// Returns the id column's name, if the source has one of its own.
    pub fn own(&self) -> Option<&'a str> {
        self.id.filter(|_| self.duplicates != Some(Duplicates::Keep))
    }

    /// Returns the id's name.
    pub fn name(&self) -> &'a str {
        self.own().unwrap_or(ROW)
    }

    /// Returns where the id stands among `names`; `None` where `row` is to be added. `file` is for messages.
    ///
    /// # Errors
    /// [`StageError::Source`] if the column is not there, or `row` is taken.
    pub fn position(&self, names: &[String], file: &str) -> Result<Option<usize>, StageError> {
        if let Some(id) = self.id {
            let position = find(names, id, file)?;
            if self.duplicates != Some(Duplicates::Keep) {
                return Ok(Some(position));
            }
        }
        if names.iter().any(|name| name == ROW) {
            return Err(StageError::Source(format!(
                "there is a column `{ROW}`, which is the name of the id that is added where none is named; set `id: {ROW}` if it tells rows apart, else name another `id` or rename it"
            )));
        }
        Ok(None)
    }
}

/// Looks at ids as they come and keeps 64 bits of each: equal ids have equal bits, so that where no bits occur twice, no id
/// does. Where ids ascend, as most do, nothing is sorted. The bits count in the run's budget of memory.
#[derive(Debug, Default)]
pub struct Census {
    memory: Memory,
    lease: Lease,
    marks: Vec<u64>,
    last: Option<Last>,
    unordered: bool,
}

#[derive(Debug)]
enum Last {
    Number(i64),
    Text(String),
}

/// Bytes that an id takes: 64 bits, and as many again while their list grows.
const MARKED: u64 = 16;

impl Census {
    /// Starts one within a budget of memory.
    pub fn within(memory: Memory) -> Census {
        Census { memory, ..Census::default() }
    }

    /// Takes in the next ids, none of which is null.
    ///
    /// # Errors
    /// If Arrow cannot write one as text, or the budget is too small for them.
    pub fn add(&mut self, ids: &ArrayRef) -> Result<(), StageError> {
        // Never waits: rows before these are on their way already.
        let taken = self.memory.take(&mut self.lease, MARKED * ids.len() as u64, &|| true);
        taken.map_err(|too_little| {
            let what = "64 bits of each id, to find those that occur more than once";
            StageError::too_little(too_little, what)
        })?;
        self.marks.extend(marks(ids)?);
        if !self.unordered {
            self.unordered = !self.ascends(ids);
        }
        Ok(())
    }

    fn ascends(&mut self, ids: &ArrayRef) -> bool {
        match ids.data_type() {
            DataType::Int64 => {
                let ids = ids.as_primitive::<Int64Type>().values();
                let Some(&end) = ids.last() else { return true };
                let first = matches!((&self.last, ids.first()), (Some(Last::Number(last)), Some(first)) if last >= first);
                self.last = Some(Last::Number(end));
                !first && ids.is_sorted_by(|a, b| a < b)
            }
            DataType::Utf8 => {
                let ids = ids.as_string::<i32>();
                let mut last = match self.last.take() {
                    Some(Last::Text(text)) => Some(text),
                    _ => None,
                };
                let mut before = last.as_deref();
                for id in ids.iter().flatten() {
                    if before.is_some_and(|before| before >= id) {
                        return false;
                    }
                    before = Some(id);
                }
                last = before.map(str::to_string);
                self.last = last.map(Last::Text);
                true
            }
            _ => false,
        }
    }

    /// Returns how many of the ids have bits that occur more than once.
    pub fn n_sharing(self) -> usize {
        if !self.unordered {
            return 0;
        }
        let mut marks = self.marks;
        marks.sort_unstable();
        marks.chunk_by(|a, b| a == b).map(<[u64]>::len).filter(|n| *n > 1).sum()
    }

    /// Returns the bits, sorted, that occur more than once: what has them may be an id that occurs more than once.
    pub fn suspects(self) -> Vec<u64> {
        if !self.unordered {
            return Vec::new();
        }
        let mut marks = self.marks;
        marks.sort_unstable();
        let more = marks.chunk_by(|a, b| a == b).filter(|run| run.len() > 1);
        more.map(|run| run[0]).collect()
    }
}

/// Looks again at the ids that may occur more than once, and tells which do.
#[derive(Debug, Default)]
pub struct Repeats {
    suspects: Vec<u64>,
    /// Only asked, never walked, so its order reaches nothing.
    last: HashMap<String, usize>,
    /// Each row whose id stood before, with the last row before it that had it.
    found: Vec<(usize, usize)>,
    first: Option<String>,
}

impl Repeats {
    /// Starts with what [`Census::suspects`] told.
    pub fn of(suspects: Vec<u64>) -> Repeats {
        Repeats { suspects, ..Repeats::default() }
    }

    /// Takes in the ids from row `first_row` on.
    ///
    /// # Errors
    /// If Arrow cannot write one as text.
    pub fn add(&mut self, ids: &ArrayRef, first_row: usize) -> Result<(), StageError> {
        for (i, mark) in marks(ids)?.into_iter().enumerate() {
            if ids.is_null(i) || self.suspects.binary_search(&mark).is_err() {
                continue;
            }
            let id = array_value_to_string(ids, i).map_err(crate::frame::FrameError::from)?;
            let row = first_row + i;
            if let Some(earlier) = self.last.insert(id.clone(), row) {
                self.found.push((row, earlier));
                self.first.get_or_insert(id);
            }
        }
        Ok(())
    }

    /// Returns the rows to leave out, in order.
    ///
    /// # Errors
    /// [`StageError::Source`] that names the first, if no rule says which.
    pub fn dropped(
        self,
        rules: &Rules<'_>,
        place: &dyn Fn(usize) -> Place,
    ) -> Result<Vec<usize>, StageError> {
        let Some(&(row, earlier)) = self.found.first() else { return Ok(Vec::new()) };
        let Some(policy) = rules.duplicates else {
            return Err(StageError::at(
                place(row),
                &format!(
                    "id `{}` of column `{}` stands on {} already; set `duplicates: first`, `last` or `keep`",
                    self.first.unwrap_or_default(),
                    rules.name(),
                    place(earlier)
                ),
            ));
        };
        let last = policy == Duplicates::Last;
        let dropped = self.found.iter().map(|&(row, earlier)| if last { earlier } else { row });
        let mut dropped: Vec<usize> = dropped.collect();
        dropped.sort_unstable();
        Ok(dropped)
    }
}

/// Says how many rows were left out.
pub fn dropped_note(n: usize) -> Option<String> {
    let rows = if n == 1 { "row" } else { "rows" };
    (n > 0).then(|| format!("{n} {rows} with an id that occurs more than once left out"))
}

/// Checks that every id is there.
///
/// # Errors
/// [`StageError::Source`] for the first that is not.
pub fn all_there(
    ids: &ArrayRef,
    id: &str,
    first_row: usize,
    place: &dyn Fn(usize) -> Place,
) -> Result<(), StageError> {
    if ids.null_count() == 0 {
        return Ok(());
    }
    let row = (0..ids.len()).find(|&row| ids.is_null(row)).unwrap_or_default();
    Err(StageError::at(
        place(first_row + row),
        &format!(
            "id column `{id}` has no value; fill it, or set `duplicates: keep` to number the rows instead"
        ),
    ))
}

/// Returns 64 bits of each id, equal for equal ids.
fn marks(ids: &ArrayRef) -> Result<Vec<u64>, StageError> {
    Ok(match ids.data_type() {
        DataType::Int64 => {
            ids.as_primitive::<Int64Type>().values().iter().map(|&v| v as u64).collect()
        }
        DataType::Utf8 => {
            ids.as_string::<i32>().iter().map(|id| mark(id.unwrap_or_default())).collect()
        }
        _ => {
            let texts = (0..ids.len()).map(|row| array_value_to_string(ids, row));
            let texts: Result<Vec<String>, _> = texts.collect();
            let texts = texts.map_err(crate::frame::FrameError::from)?;
            texts.iter().map(|text| mark(text)).collect()
        }
    })
}

/// Returns whole numbers written as floats (`17850.0`) as integers; `None` if the ids are floats that are not.
pub fn whole_numbers(ids: &ArrayRef) -> Option<ArrayRef> {
    let floats = ids.as_primitive_opt::<Float64Type>()?;
    // Beyond 2^53 two ids could become one.
    let whole = |v: f64| v == v.floor() && v.abs() < 9_007_199_254_740_992.0;
    match floats.iter().flatten().all(whole) {
        true => compute::cast(ids, &DataType::Int64).ok(),
        false => None,
    }
}

fn find(names: &[String], id: &str, file: &str) -> Result<usize, StageError> {
    names.iter().position(|name| name == id).ok_or_else(|| {
        let near = names::did_you_mean(id, names.iter().map(String::as_str));
        let near = near.map_or_else(String::new, |n| format!(", did you mean `{n}`?"));
        let place = Place { file: file.to_string(), ..Place::default() };
        StageError::at(place, &format!("id column `{id}` is not there{near}"))
    })
}
