//! A run's way from raw rows to segments, loaded once and asked again and again: the stages between the raw table and
//! the champion, fitted as they were in the run. It does not know where new rows come from, nor where answers go.

mod each;
mod graph;
mod path;
mod reasons;
mod step;

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, UInt64Array, new_null_array},
    compute,
    datatypes::SchemaRef,
};
use serde_json::Value;

pub use self::path::Objects;
pub(super) use self::path::{champion, given, main_edge, output, stage, walk};
use self::{path::Way, step::Step};
use crate::{
    app::AppError,
    base::{
        hash::{ContentHash, RunId},
        memory::Memory,
        names,
    },
    frame::{FrameError, Table},
    kinds::{
        classify_common::Classifier,
        intake::Flow,
        reread::{self, Thinning},
    },
    stage::{ctx::Input, error::StageError, row_by_row::Remark, work::Work},
    store::records::Manifest,
};

/// A run's way from raw rows to segments.
pub struct Scorer {
    /// The run.
    pub run: RunId,
    /// The pipeline's name.
    pub pipeline: String,
    /// The stage that trained the classifier.
    pub stage: String,
    /// The hash of the classifier.
    pub model: ContentHash,
    /// The schema of the run's raw table; its metadata names the id and tells how text was read.
    pub schema: SchemaRef,
    /// The classifier.
    pub classifier: Classifier,
    /// The raw columns that an answer depends on, in the order of the schema.
    pub columns: Vec<String>,
    /// The stage that read the raw table.
    pub source_stage: String,
    /// Its canonical parameters.
    source: Value,
    trail: Trail,
    /// For each stage of the trail the columns of its output that something reads afterwards.
    wanted: Vec<Vec<String>>,
}

/// Stages one after the other, ready to take new rows.
pub(super) struct Trail(Vec<Step>);

/// A stage on the way where rows meet, so that an answer depends on the other rows too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meeting {
    /// The stage.
    pub stage: String,
    /// Its kind.
    pub kind: String,
}

/// Rows as the classifier takes them.
pub struct Prepared {
    /// The rows.
    pub table: Table,
    /// For each of them the raw row that it comes from; `None` if every raw row has one, or if rows met.
    pub kept: Option<Vec<usize>>,
    /// What is to be told of so many of the rows.
    pub remarks: Vec<Remark>,
    /// What else a person should hear of.
    pub notes: Vec<String>,
}

/// Answers, and what to tell of them.
pub struct Assigned {
    /// The id, `segment`, `p_0`, ...: one row for each raw row (nulls where a filter left it out), or one for each row
    /// that comes out of the stages where rows meet.
    pub table: Table,
    /// What is to be told of so many of the rows.
    pub remarks: Vec<Remark>,
    /// What else a person should hear of.
    pub notes: Vec<String>,
}

impl Scorer {
    /// Loads the way to the run's champion, or to the classifier or selection called `stage`.
    ///
    /// # Errors
    /// If there is none, there are several and none is named, or what was recorded cannot be read.
    pub fn load(
        objects: &dyn Objects,
        run: RunId,
        manifest: &Manifest,
        stage: Option<&str>,
    ) -> Result<Scorer, AppError> {
        let (stage, model) = champion(run, manifest, stage)?;
        let classifier = Classifier::from_table(&objects.table(model)?)?;
        let way = path::walk(objects, run, manifest, stage, "table")?;
        let mut wanted = classifier.input_columns();
        let mut wanted_of = Vec::with_capacity(way.legs.len());
        for leg in way.legs.iter().rev() {
            let params = &leg.stage.preimage.params;
            let before = leg.kind.columns_read(params, leg.port, &leg.available, &wanted);
            wanted_of.push(std::mem::replace(&mut wanted, before));
        }
        wanted_of.reverse();
        let schema = objects.schema(path::output(way.source, "table")?)?;
        let fields = schema.fields().iter().map(|f| f.name());
        Ok(Scorer {
            run,
            pipeline: manifest.pipeline.clone(),
            stage: stage.name.clone(),
            model: model.hash,
            columns: fields.filter(|name| wanted.contains(name)).cloned().collect(),
            schema,
            classifier,
            source_stage: way.source.name.clone(),
            source: way.source.preimage.params.clone(),
            trail: Trail::load(objects, run, manifest, &way)?,
            wanted: wanted_of,
        })
    }

    /// Returns the first stage on the way where rows meet; `None` if each row can be answered alone.
    pub fn meeting(&self) -> Option<Meeting> {
        self.trail.meeting()
    }

    /// Returns the run in a person's words.
    pub fn of_run(&self) -> String {
        format!("run {} (`{}`)", self.run.short(), self.pipeline)
    }

    /// Returns which rows of a source that thins its own stay.
    fn thinning(&self) -> Thinning {
        match self.meeting() {
            None => Thinning::Never,
            Some(_) => Thinning::AsTheSource,
        }
    }

    /// Reads files of new rows as the run read its own, all of them into memory.
    ///
    /// # Errors
    /// If they cannot be read so; the text names file, row and column.
    pub fn read(&self, files: &[Input], work: &Work) -> Result<(Table, Vec<String>), StageError> {
        let work = &unbudgeted(work);
        reread::read_like(&self.schema, &self.source, files, self.thinning(), work)
    }

    /// Reads files of new rows as the run read its own and hands them on as they come.
    ///
    /// # Errors
    /// If they cannot be read so, and those of the flow.
    pub fn stream(
        &self,
        files: &[Input],
        work: &Work,
        flow: &mut dyn Flow,
    ) -> Result<Vec<String>, StageError> {
        reread::stream_like(&self.schema, &self.source, files, self.thinning(), work, flow)
    }

    /// Returns true if the run's source thinned out rows whose id stood before, so that new rows may share theirs.
    pub fn may_share_ids(&self) -> bool {
        self.source["duplicates"].as_str().is_some_and(|rule| rule != "keep")
    }

    /// Returns the rows with the columns that the run's raw table had, no others: what the way does not read may be
    /// absent and is null then. `label` names the rows in messages.
    ///
    /// # Errors
    /// If a column that the way reads is not there.
    pub fn complete(&self, rows: &Table, label: &str) -> Result<Table, StageError> {
        let present = rows.names();
        if let Some(column) = self.columns.iter().find(|column| !present.contains(column)) {
            let mut help = names::suggestion(column, present.iter().map(String::as_str));
            if help.is_empty() {
                let whose = self.of_run();
                help =
                    format!("the classifier of {whose} needs it; another run is asked with --run");
            }
            let text = format!("{label}: column `{column}` is missing; {help}");
            return Err(StageError::Source(text));
        }
        let (id, n_rows) = (rows.id_name(), rows.n_rows());
        let mut columns: Vec<(&str, ArrayRef)> = Vec::with_capacity(self.schema.fields().len());
        // The run may have numbered its rows where new ones have an id of their own.
        if let Some(id) = id.as_deref().filter(|id| self.schema.field_with_name(id).is_err()) {
            columns.push((id, rows.column(id)?.clone()));
        }
        for field in self.schema.fields() {
            let column = match rows.column(field.name()) {
                Ok(column) => column.clone(),
                Err(_) => new_null_array(field.data_type(), n_rows),
            };
            columns.push((field.name(), column));
        }
        Ok(Table::new(id.as_deref(), columns)?.at_row(rows.first_row()))
    }

    /// Takes complete raw rows to where the classifier takes them.
    ///
    /// # Errors
    /// If a value cannot be used, or if cancelled.
    pub fn prepare(&self, raw: &Table, work: &Work) -> Result<Prepared, StageError> {
        self.trail.apply(raw, work)
    }

    /// Answers complete raw rows.
    ///
    /// # Errors
    /// If a value cannot be used, or if cancelled.
    pub fn assign(&self, raw: &Table, work: &Work) -> Result<Assigned, StageError> {
        self.explain(raw, 0, work)
    }

    /// Answers complete raw rows, and says which columns moved each answer most, `top` of them: `reason_1`, `weight_1`, ...
    ///
    /// # Errors
    /// As [`Scorer::assign`].
    pub fn explain(&self, raw: &Table, top: usize, work: &Work) -> Result<Assigned, StageError> {
        let Prepared { table, kept, remarks, notes } = self.prepare(raw, work)?;
        let p = self.classifier.predict(&table, work)?;
        let (id, ids) = table.id()?;
        let mut answers = self.classifier.predictions((&id, ids), &p, None)?;
        if top > 0 {
            let why = reasons::reasons(&self.classifier, &table, &p, top, work)?;
            answers = beside(&answers, why)?;
        }
        let table = match self.meeting() {
            Some(_) => answers,
            None => aligned(answers, raw.id()?, kept.as_deref())?,
        };
        Ok(Assigned { table, remarks, notes })
    }
}

fn beside(answers: &Table, more: Vec<(String, ArrayRef)>) -> Result<Table, StageError> {
    let names = answers.names();
    let own = names.iter().map(String::as_str).zip(answers.batch().columns().iter().cloned());
    let more = more.iter().map(|(name, array)| (name.as_str(), array.clone()));
    Ok(Table::new(answers.id_name().as_deref(), own.chain(more).collect())?)
}

/// Whoever brings the rows holds what they need already: a stage that asked for its share would wait for what is never
/// given back.
fn unbudgeted(work: &Work) -> Work {
    Work { pool: work.pool.clone().with_memory(Memory::default()), ..work.clone() }
}

impl Trail {
    pub(super) fn load(
        objects: &dyn Objects,
        run: RunId,
        manifest: &Manifest,
        way: &Way<'_>,
    ) -> Result<Trail, AppError> {
        let steps = way.legs.iter().map(|leg| Step::load(objects, run, manifest, leg));
        Ok(Trail(steps.collect::<Result<_, _>>()?))
    }

    fn meeting(&self) -> Option<Meeting> {
        let step = self.0.iter().find(|step| !step.is_row_by_row())?;
        Some(Meeting { stage: step.stage.clone(), kind: step.kind.to_string() })
    }

    /// Takes rows through all stages.
    pub(super) fn apply(&self, raw: &Table, work: &Work) -> Result<Prepared, StageError> {
        let work = &unbudgeted(work);
        let (mut remarks, mut notes) = (Vec::new(), Vec::new());
        let (mut table, mut kept): (Table, Option<Vec<usize>>) = (raw.clone(), None);
        for step in &self.0 {
            let applied = step.apply(&table, work, &mut notes)?;
            // As long as no row was left out, messages can tell which raw row they are about.
            let numbered = applied.table.n_rows() == raw.n_rows() && step.is_row_by_row();
            table = applied.table;
            if numbered {
                table = table.at_row(raw.first_row());
            }
            applied.remarks.into_iter().for_each(|remark| remark.add_to(&mut remarks));
            kept = match (kept, applied.kept) {
                (Some(before), Some(now)) => Some(now.into_iter().map(|row| before[row]).collect()),
                (before, now) => now.or(before),
            };
        }
        if self.meeting().is_some() {
            kept = None;
        }
        Ok(Prepared { table, kept, remarks, notes })
    }
}

/// Returns the answers under the ids of all raw rows, in their order; a row without an answer gets nulls.
fn aligned(
    answers: Table,
    (id, ids): (String, ArrayRef),
    kept: Option<&[usize]>,
) -> Result<Table, StageError> {
    // Nothing between them left a row out or made ids of its own.
    let own = answers.batch().columns().first();
    if kept.is_none()
        && answers.id_name().as_ref() == Some(&id)
        && own.is_some_and(|own| Arc::ptr_eq(own, &ids))
    {
        return Ok(answers);
    }
    let places = kept.map(|kept| {
        let mut places: Vec<Option<u64>> = vec![None; ids.len()];
        kept.iter().zip(0..).for_each(|(&row, place)| places[row] = Some(place));
        UInt64Array::from(places)
    });
    let mut columns: Vec<(String, ArrayRef)> = vec![(id.clone(), ids)];
    for (name, array) in answers.names().into_iter().zip(answers.batch().columns()).skip(1) {
        let array = match &places {
            Some(places) => compute::take(array, places, None).map_err(FrameError::from)?,
            None => Arc::clone(array),
        };
        columns.push((name, array));
    }
    let columns = columns.iter().map(|(name, array)| (name.as_str(), array.clone())).collect();
    Ok(Table::new(Some(&id), columns)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::table::{segment_array, text_array};

    #[test]
    fn every_raw_row_has_its_own_answer() {
        let answers = |segments: Vec<i32>| {
            let ids = text_array(segments.iter().map(i32::to_string));
            Table::new(Some("n"), vec![("n", ids), ("segment", segment_array(segments))]).unwrap()
        };
        let ids = || ("id".to_string(), text_array(["a", "b", "a", "c"]));
        // Two rows share an id, and a filter has left out the second and the last.
        let table = aligned(answers(vec![7, 8]), ids(), Some(&[0, 2])).unwrap();
        assert_eq!(table.id_name().as_deref(), Some("id"));
        assert_eq!(table.integers("segment").unwrap(), [Some(7), None, Some(8), None]);
        assert_eq!(table.texts("id").unwrap().value(2), "a");
        let all = aligned(answers(vec![1, 2, 3, 4]), ids(), None).unwrap();
        assert_eq!(all.segments().unwrap(), [1, 2, 3, 4]);
        let none = aligned(answers(vec![]), ids(), Some(&[])).unwrap();
        assert_eq!(none.integers("segment").unwrap(), [None; 4]);
    }
}
