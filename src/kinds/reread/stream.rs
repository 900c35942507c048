//! New files read as the source of an earlier run was, chunk by chunk: no more of them is in memory than what is worked
//! on. (Arrow files are the exception: their bytes are held.) It does not know what becomes of the rows.

use std::collections::HashMap;

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch, new_empty_array},
    datatypes::{DataType, Field, Float64Type, Schema},
    util::display::array_value_to_string,
};
use bytes::Bytes;
use serde_json::Value;

use super::{Thinning, cast_leniently, id_rules, is_columnar, options_like, with_delimiter};
use crate::{
    base::pool::CHUNK_ROWS,
    frame::{
        self, FrameError, Table,
        csv::{self, BadRows},
        foreign::{self, Format},
        table::type_word,
    },
    kinds::{
        ids::{Duplicates, Rules},
        ingest_csv,
        intake::{Destination, Flow, Intake, Known, Taken},
    },
    stage::{
        ctx::Input,
        error::{Place, StageError},
        work::Work,
    },
};

/// Reads `files` as [`super::read_like`] does and hands their rows on as they come. What the flow got counts from its
/// last start on. Columns that `schema` lacks are left out of Parquet and Arrow files, and are texts elsewhere.
///
/// # Errors
/// As [`super::read_like`], and those of the flow.
pub fn stream_like(
    schema: &Schema,
    params: &Value,
    files: &[Input],
    thinning: Thinning,
    work: &Work,
    flow: &mut dyn Flow,
) -> Result<Vec<String>, StageError> {
    let mut rules = id_rules(schema, params, thinning);
    if flow.takes_all() {
        rules.duplicates = Some(Duplicates::Every);
    }
    let Some(first) = files.first() else {
        return Err(StageError::Source("there is no file to read".to_string()));
    };
    let columnar = is_columnar(first)?;
    for file in &files[1..] {
        if is_columnar(file)? != columnar {
            let text = format!("{} is text and the other is not", file.label);
            return Err(StageError::Source(format!("{} and {text}", first.label)));
        }
    }
    let id = rules.id.as_deref();
    if columnar {
        return columns(schema, files, Rules { id, duplicates: rules.duplicates }, work, flow);
    }
    let mut options = options_like(schema);
    if flow.takes_all() {
        options.bad_rows = BadRows::Tell;
    }
    let read = ingest_csv::stream(files, &options, id, rules.duplicates, work, flow);
    read.map_err(|error| with_delimiter(error, first, &options))
}

/// A file of columns.
struct Part {
    label: String,
    rows: Lot,
    first_row: usize,
}

/// Where its rows are.
enum Lot {
    File(frame::Rows),
    Memory(Table),
}

impl Part {
    fn open(file: &Input, first_row: usize) -> Result<Part, StageError> {
        let failed = |why: String| StageError::Source(format!("{}: {why}", file.label));
        let unread = |error: std::io::Error| failed(format!("cannot be read: {error}"));
        let mut magic = Vec::with_capacity(8);
        std::io::Read::read_to_end(
            &mut std::io::Read::take(file.reader().map_err(unread)?, 8),
            &mut magic,
        )
        .map_err(unread)?;
        let rows = match Format::of(&magic) {
            Some(Format::Parquet) => Lot::File(file.rows().map_err(|e| failed(e.to_string()))?),
            _ => {
                let bytes = file.reader().and_then(csv::read_all).map_err(unread)?;
                let read = foreign::read(Bytes::from(bytes), None);
                let read = read.map_err(|e| failed(e.to_string()))?;
                let columns = read.columns.iter().map(|(n, a)| (n.as_str(), a.clone())).collect();
                Lot::Memory(Table::new(read.id.as_deref(), columns)?)
            }
        };
        Ok(Part { label: file.label.clone(), rows, first_row })
    }

    fn fields(&self) -> Vec<Field> {
        let schema = match &self.rows {
            Lot::File(rows) => rows.schema().clone(),
            Lot::Memory(table) => table.schema(),
        };
        schema.fields().iter().map(|field| field.as_ref().clone()).collect()
    }

    fn n_rows(&self) -> usize {
        match &self.rows {
            Lot::File(rows) => rows.n_rows(),
            Lot::Memory(table) => table.n_rows(),
        }
    }

    fn id(&self) -> Option<String> {
        match &self.rows {
            Lot::File(rows) => rows.id_name(),
            Lot::Memory(table) => table.id_name(),
        }
    }

    /// Computes `f` of each chunk of some columns, on all threads, and hands the results on in order.
    fn fold<T: Send>(
        &self,
        columns: &[String],
        work: &Work,
        f: impl Fn(&RecordBatch, usize) -> Result<T, StageError> + Sync,
        mut take: impl FnMut(T) -> Result<(), StageError>,
    ) -> Result<(), StageError> {
        let first = self.first_row;
        match &self.rows {
            Lot::File(rows) => rows.fold(
                Some(columns),
                &work.pool,
                |chunk| {
                    work.check()?;
                    f(chunk.batch(), first + chunk.first_row())
                },
                take,
            ),
            Lot::Memory(table) => {
                let schema = table.schema();
                let places = columns.iter().map(|name| schema.index_of(name));
                let places = places.collect::<Result<Vec<_>, _>>().map_err(FrameError::from)?;
                let chosen = table.batch().project(&places).map_err(FrameError::from)?;
                for start in (0..chosen.num_rows()).step_by(CHUNK_ROWS) {
                    work.check()?;
                    let n = CHUNK_ROWS.min(chosen.num_rows() - start);
                    take(f(&chosen.slice(start, n), first + start)?)?;
                }
                Ok(())
            }
        }
    }
}

/// Columns of a chunk in their final types, and what did not fit: row, and why.
type Chunk = (Vec<ArrayRef>, Vec<(usize, StageError)>, usize);

fn columns(
    schema: &Schema,
    files: &[Input],
    rules: Rules<'_>,
    work: &Work,
    flow: &mut dyn Flow,
) -> Result<Vec<String>, StageError> {
    let mut parts: Vec<Part> = Vec::with_capacity(files.len());
    let mut n_rows = 0;
    for file in files {
        let part = Part::open(file, n_rows)?;
        n_rows += part.n_rows();
        parts.push(part);
    }
    let own_id = parts[0].id();
    let rules = Rules { id: rules.id.or(own_id.as_deref()), ..rules };
    let names: Vec<String> = parts[0].fields().iter().map(|f| f.name().clone()).collect();
    let is_wanted =
        |name: &String| schema.field_with_name(name).is_ok() || Some(name.as_str()) == rules.id;
    let names: Vec<String> = names.into_iter().filter(is_wanted).collect();
    let types = types(schema, &parts, &names, rules.id, work)?;
    let place = |row: usize| {
        let part = parts.partition_point(|p| p.first_row <= row).saturating_sub(1);
        let Part { label, first_row, .. } = &parts[part];
        Place { file: label.clone(), row: Some(row - first_row), ..Place::default() }
    };
    let takes_all = flow.takes_all();
    let mut known = Known::default();
    loop {
        let memory = work.pool.memory().clone();
        let mut intake = Intake::new(rules, &known, Destination::Flow(&mut *flow, memory));
        let label = parts[0].label.as_str();
        intake.start(&names, &types, HashMap::new(), label)?;
        for part in &parts {
            let read = |batch: &RecordBatch, first: usize| -> Result<Chunk, StageError> {
                let (mut arrays, mut bad) = (Vec::new(), Vec::new());
                for (name, ty) in names.iter().zip(&types) {
                    let array = array_of(batch, name)?;
                    let cast = cast_leniently(&part.label, name, &normal(part, name, array)?, ty)?;
                    for (row, error) in cast.misfits(first - part.first_row, takes_all) {
                        if !takes_all {
                            return Err(error);
                        }
                        bad.push((first + row, error));
                    }
                    arrays.push(cast.values);
                }
                bad.sort_by_key(|(row, _)| *row);
                bad.dedup_by_key(|(row, _)| *row);
                Ok((arrays, bad, first))
            };
            part.fold(&names, work, read, |(arrays, bad, first)| {
                bad.into_iter().try_for_each(|(row, error)| intake.bad(Some(row), error))?;
                intake.rows(arrays, first, &place)
            })?;
        }
        match intake.end(&place)? {
            (Taken::Done { notes, .. }, _) => return Ok(notes),
            (Taken::Again, more) => known = more.unwrap_or(known),
        }
    }
}

fn array_of<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef, StageError> {
    let missing =
        || StageError::Internal(format!("a column `{name}` that was chosen is not there"));
    batch.column_by_name(name).ok_or_else(missing)
}

fn normal(part: &Part, name: &str, array: &ArrayRef) -> Result<ArrayRef, StageError> {
    let failed = |error| StageError::Source(format!("{}: {error}", part.label));
    foreign::normalised(name, array).map_err(failed)
}

/// Returns the type of each column: that of the run, but for an id, and for whole numbers that come with fractions here.
fn types(
    schema: &Schema,
    parts: &[Part],
    names: &[String],
    id: Option<&str>,
    work: &Work,
) -> Result<Vec<DataType>, StageError> {
    let mut types = Vec::with_capacity(names.len());
    for name in names {
        let mut own = Vec::with_capacity(parts.len());
        for part in parts {
            let fields = part.fields();
            let field = fields.iter().find(|field| field.name() == name).ok_or_else(|| {
                let what = format!("there is no column `{name}`, which {} has", parts[0].label);
                StageError::Source(format!("{}: {what}", part.label))
            })?;
            let none = new_empty_array(field.data_type());
            own.push(normal(part, name, &none)?.data_type().clone());
        }
        let recorded = schema.field_with_name(name).ok().filter(|_| Some(name.as_str()) != id);
        types.push(match recorded.map(|field| field.data_type()) {
            Some(DataType::Int64) if own.contains(&DataType::Float64) => {
                match has_fractions(parts, name, work)? {
                    true => DataType::Float64,
                    false => DataType::Int64,
                }
            }
            Some(recorded) => recorded.clone(),
            None => common(name, &own)?,
        });
    }
    Ok(types)
}

/// Returns the type in which the ids of all files are told apart.
fn common(name: &str, types: &[DataType]) -> Result<DataType, StageError> {
    let mut common = types[0].clone();
    for ty in &types[1..] {
        common = match (&common, ty) {
            (a, b) if a == b => common,
            (DataType::Int64, DataType::Float64) | (DataType::Float64, DataType::Int64) => {
                DataType::Float64
            }
            (a, b) => {
                let (a, b) = (type_word(a), type_word(b));
                let what = format!("column `{name}` is {a} in one file and {b} in another");
                return Err(StageError::Source(what));
            }
        };
    }
    Ok(common)
}

fn has_fractions(parts: &[Part], name: &str, work: &Work) -> Result<bool, StageError> {
    let mut found = false;
    for part in parts {
        let look = |batch: &RecordBatch, _: usize| {
            let values = normal(part, name, array_of(batch, name)?)?;
            let floats = values.as_primitive_opt::<Float64Type>();
            Ok(floats.is_some_and(|floats| floats.iter().flatten().any(|v| v != v.floor())))
        };
        part.fold(std::slice::from_ref(&name.to_string()), work, look, |any| {
            found |= any;
            Ok(())
        })?;
    }
    Ok(found)
}

/// A column in another type.
pub(super) struct Cast {
    /// The values; null where they do not fit.
    pub(super) values: ArrayRef,
    pub(super) label: String,
    pub(super) name: String,
    pub(super) before: ArrayRef,
}

impl Cast {
    /// Returns the rows whose values do not fit, and why; the first alone unless `all` are asked for. `first_row` is the
    /// number of the first row in its file.
    pub(super) fn misfits(&self, first_row: usize, all: bool) -> Vec<(usize, StageError)> {
        if self.values.null_count() == self.before.null_count() {
            return Vec::new();
        }
        let lost = |row: &usize| !self.before.is_null(*row) && self.values.is_null(*row);
        let most = if all { usize::MAX } else { 1 };
        let told = |row: usize| {
            let value = array_value_to_string(&self.before, row).unwrap_or_default();
            let expected = type_word(self.values.data_type());
            let row_of_file = Some(first_row + row);
            let place = Place { file: self.label.clone(), row: row_of_file, ..Place::default() };
            let fact = format!("column `{}`: `{value}` is not of type {expected}", self.name);
            (row, StageError::at(place, &fact))
        };
        (0..self.before.len()).filter(lost).take(most).map(told).collect()
    }
}
