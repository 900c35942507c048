//! Raw rows in, answers out, chunk by chunk; rows that cannot be answered are told apart from those that can.
//! It does not know files.

use std::collections::BTreeMap;

use arrow::{
    array::{Array, ArrayRef, RecordBatch, UInt64Array},
    compute,
    datatypes::SchemaRef,
    util::display::array_value_to_string,
};

use super::{output::Sink, rejected::Rejected};
use crate::{
    app::scoring::Scorer,
    base::names,
    frame::{FrameError, Table},
    kinds::{ids::Census, intake::Flow},
    stage::{
        error::{Place, StageError},
        row_by_row::Remark,
        work::Work,
    },
};

/// What becomes of rows that cannot be answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// The first ends it all.
    #[default]
    Fail,
    /// They stay in their places, without an answer.
    Null,
    /// They are left out.
    Skip,
}

/// What an answer holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// These columns of the answer and of the row itself, in this order; all of the answer's if absent.
    pub columns: Option<Vec<String>>,
    /// Whether the probabilities are left out.
    pub no_proba: bool,
    /// How many of the columns that moved an answer most are told.
    pub explain: usize,
}

/// Rows that go the whole way together on one thread: few enough that what is made of them stays near the processor, and
/// that its memory is used again at once.
const AT_ONCE: usize = 2048;

/// Answers rows as they come.
pub struct Assigning<'a> {
    scorer: &'a Scorer,
    shape: &'a Shape,
    on_error: OnError,
    label: &'a str,
    work: &'a Work,
    sink: Sink,
    /// What goes out for no rows at all.
    none: Option<Table>,
    /// Which of its columns are the row's own.
    own: Vec<String>,
    /// Rows that are known not to fit before they come.
    bad: BTreeMap<usize, StageError>,
    census: Census,
    done: Done,
    remarks: Vec<Remark>,
}

/// What came of all rows.
#[derive(Debug, Default)]
pub struct Done {
    /// How many answers there are.
    pub n_rows: u64,
    /// The rows that could not be answered.
    pub rejected: Rejected,
    /// What a person should hear of.
    pub notes: Vec<String>,
}

impl<'a> Assigning<'a> {
    /// Makes one that has not seen any row.
    pub fn new(
        scorer: &'a Scorer,
        shape: &'a Shape,
        on_error: OnError,
        label: &'a str,
        work: &'a Work,
        sink: Sink,
    ) -> Assigning<'a> {
        Assigning {
            scorer,
            shape,
            on_error,
            label,
            work,
            sink,
            none: None,
            own: Vec::new(),
            bad: BTreeMap::new(),
            census: Census::default(),
            done: Done::default(),
            remarks: Vec::new(),
        }
    }

    /// Answers all rows at once.
    ///
    /// # Errors
    /// If one cannot be answered.
    pub fn whole(&mut self, raw: &Table) -> Result<(), StageError> {
        let raw = self.scorer.complete(raw, self.label)?;
        let answers = self.answer(&raw)?;
        self.sink.start(answers.schema())?;
        self.send(answers)
    }

    /// Returns what came of all rows.
    pub fn done(mut self) -> Done {
        let n_sharing = std::mem::take(&mut self.census).n_sharing();
        if n_sharing > 0 {
            let n = self.done.n_rows;
            self.done.notes.push(format!("{n_sharing} of {n} rows share their id with another"));
        }
        self.done.notes.extend(self.remarks.iter().map(ToString::to_string));
        self.done
    }

    /// Answers complete rows, and shapes the answers.
    fn answer(&mut self, raw: &Table) -> Result<Table, StageError> {
        let step = match self.scorer.meeting() {
            None => AT_ONCE,
            Some(_) => raw.n_rows().max(1),
        };
        // One part without rows, so that there is an answer without rows.
        let n_parts = raw.n_rows().div_ceil(step).max(1);
        let parts = self.work.pool.map(n_parts, |i| {
            let (start, end) = (i * step, ((i + 1) * step).min(raw.n_rows()));
            let part = Table::from_batch(raw.batch().slice(start, end - start));
            let part = part.at_row(raw.first_row() + start);
            let assigned = self.scorer.explain(&part, self.shape.explain, self.work)?;
            let table = self.shaped(&assigned.table, &part)?;
            Ok::<_, StageError>((table, assigned.remarks, assigned.notes))
        });
        let parts = parts.into_iter().collect::<Result<Vec<_>, _>>()?;
        let mut batches = Vec::with_capacity(parts.len());
        for (table, remarks, notes) in parts {
            batches.push(table.batch().clone());
            remarks.into_iter().for_each(|remark| remark.add_to(&mut self.remarks));
            self.done.notes.extend(notes);
        }
        match batches.as_slice() {
            [only] => Ok(Table::from_batch(only.clone())),
            _ => Ok(Table::from_batches(&batches[0].schema(), &batches)?),
        }
    }

    fn shaped(&self, answers: &Table, raw: &Table) -> Result<Table, StageError> {
        let is_probability = |name: &str| name.starts_with("p_");
        let id = answers.id_name();
        let names = match &self.shape.columns {
            Some(columns) => columns.clone(),
            None => {
                let id = id.as_deref();
                let left_out = |name: &String| {
                    self.shape.no_proba && is_probability(name) && Some(name.as_str()) != id
                };
                answers.names().into_iter().filter(|name| !left_out(name)).collect()
            }
        };
        let mut columns: Vec<(&str, ArrayRef)> = Vec::with_capacity(names.len());
        for name in &names {
            // Where rows met, an answer belongs to no row.
            let own = raw.column(name).ok().filter(|_| self.scorer.meeting().is_none());
            let Some(column) = answers.column(name).ok().or(own) else {
                let mut known = answers.names();
                known.extend(self.scorer.schema.fields().iter().map(|f| f.name().clone()));
                let help = names::suggestion(name, known.iter().map(String::as_str));
                let help =
                    if help.is_empty() { format!("there are {}", known.join(", ")) } else { help };
                let text = format!("there is no column `{name}` to write; {help}");
                return Err(StageError::Source(text));
            };
            columns.push((name, column.clone()));
        }
        let id = id.filter(|id| names.contains(id));
        Ok(Table::new(id.as_deref(), columns)?)
    }

    fn send(&mut self, answers: Table) -> Result<(), StageError> {
        self.done.n_rows += answers.n_rows() as u64;
        self.sink.rows(answers)
    }

    /// Answers as many of some rows as can be answered: where not all can, each half is asked on its own. Appends where
    /// the answered rows stand among `raw`, and those that cannot be answered with the reason.
    fn settle(
        &mut self,
        raw: &Table,
        rows: std::ops::Range<usize>,
        answers: &mut Vec<Table>,
        settled: &mut Vec<usize>,
        failed: &mut Vec<(usize, StageError)>,
    ) -> Result<(), StageError> {
        if rows.is_empty() {
            return Ok(());
        }
        let part = Table::from_batch(raw.batch().slice(rows.start, rows.len()));
        match self.answer(&part.at_row(raw.first_row() + rows.start)) {
            Ok(table) => {
                answers.push(table);
                settled.extend(rows);
                Ok(())
            }
            Err(
                error @ (StageError::Cancelled | StageError::Io { .. } | StageError::Internal(_)),
            ) => Err(error),
            Err(error) if self.on_error == OnError::Fail => Err(error),
            Err(error) if rows.len() == 1 => {
                failed.push((rows.start, error));
                Ok(())
            }
            Err(_) => {
                let middle = rows.start + rows.len() / 2;
                self.settle(raw, rows.start..middle, answers, settled, failed)?;
                self.settle(raw, middle..rows.end, answers, settled, failed)
            }
        }
    }

    /// Returns what goes out for all of some rows: nulls, or nothing, for those that are not settled.
    fn put_together(
        &self,
        raw: &Table,
        answers: &[Table],
        settled: &[usize],
    ) -> Result<Table, StageError> {
        let none =
            self.none.as_ref().ok_or_else(|| StageError::Internal("no start".to_string()))?;
        let batches: Vec<RecordBatch> = answers.iter().map(|t| t.batch().clone()).collect();
        let all = Table::from_batches(&none.schema(), &batches)?;
        if settled.len() == raw.n_rows() || self.on_error == OnError::Skip {
            return Ok(all);
        }
        let mut places: Vec<Option<u64>> = vec![None; raw.n_rows()];
        settled.iter().zip(0..).for_each(|(&row, place)| places[row] = Some(place));
        let places = UInt64Array::from(places);
        let mut columns = Vec::with_capacity(none.names().len());
        let names = all.names();
        for name in &names {
            let column = match self.own.contains(name) {
                true => raw.column(name)?.clone(),
                false => {
                    compute::take(all.column(name)?, &places, None).map_err(FrameError::from)?
                }
            };
            columns.push((name.as_str(), column));
        }
        Ok(Table::new(all.id_name().as_deref(), columns)?)
    }
}

impl Flow for Assigning<'_> {
    fn start(&mut self, schema: &SchemaRef) -> Result<(), StageError> {
        self.done = Done::default();
        self.remarks.clear();
        self.bad.clear();
        self.census = Census::within(self.work.pool.memory().clone());
        let none = Table::from_batch(RecordBatch::new_empty(schema.clone()));
        // What is wrong with the columns is wrong for all rows, and told before any of them comes.
        let none = self.scorer.complete(&none, self.label)?;
        let answers = self.scorer.explain(&none, self.shape.explain, self.work)?.table;
        let id = answers.id_name();
        let shaped = self.shaped(&answers, &none)?;
        let is_own = |name: &String| answers.column(name).is_err() || Some(name) == id.as_ref();
        self.own = shaped.names().into_iter().filter(is_own).collect();
        self.sink.start(shaped.schema())?;
        self.none = Some(shaped);
        Ok(())
    }

    fn rows(
        &mut self,
        batch: RecordBatch,
        first_row: usize,
        place: &dyn Fn(usize) -> Place,
    ) -> Result<(), StageError> {
        self.work.check()?;
        let raw = Table::from_batch(batch).at_row(first_row);
        let raw = self.scorer.complete(&raw, self.label)?;
        let (_, ids) = raw.id()?;
        let mut bad = std::mem::take(&mut self.bad);
        if ids.null_count() > 0 {
            for row in (0..ids.len()).filter(|&row| ids.is_null(row)) {
                let text = "the id is missing".to_string();
                bad.entry(first_row + row).or_insert(StageError::Source(text));
            }
        }
        if self.takes_all() || self.scorer.may_share_ids() {
            let known = compute::is_not_null(&ids).and_then(|known| compute::filter(&ids, &known));
            self.census.add(&known.map_err(FrameError::from)?)?;
        }
        let (mut answers, mut settled, mut failed) = (Vec::new(), Vec::new(), Vec::new());
        let mut start = 0;
        for &row in bad.keys() {
            let row = row.saturating_sub(first_row).min(raw.n_rows());
            self.settle(&raw, start..row, &mut answers, &mut settled, &mut failed)?;
            start = (row + 1).min(raw.n_rows());
        }
        self.settle(&raw, start..raw.n_rows(), &mut answers, &mut settled, &mut failed)?;
        failed.extend(bad.into_iter().map(|(row, error)| (row - first_row, error)));
        failed.sort_by_key(|(row, _)| *row);
        for (row, error) in failed {
            let known = !ids.is_null(row);
            let id = known.then(|| array_value_to_string(&ids, row)).transpose();
            let id = id.map_err(FrameError::from)?;
            self.done.rejected.add(place(first_row + row), Some(first_row + row), id, &error);
        }
        let table = self.put_together(&raw, &answers, &settled)?;
        self.send(table)
    }

    fn takes_all(&self) -> bool {
        self.on_error != OnError::Fail
    }

    fn bad(&mut self, row: Option<usize>, error: StageError) -> Result<(), StageError> {
        match (self.on_error, row) {
            (OnError::Fail, _) => Err(error),
            (_, Some(row)) => {
                self.bad.insert(row, error);
                Ok(())
            }
            (_, None) => {
                let place = error.place().cloned().unwrap_or_default();
                self.done.rejected.add(place, None, None, &error);
                Ok(())
            }
        }
    }
}
