//! `ingest.parquet`: Parquet and Arrow files to a table of the contract's types.
//! It does not know where files lie: they arrive opened.

use std::collections::{BTreeMap, HashMap};

use arrow::{array::ArrayRef, compute, datatypes::DataType};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    base::pool::CHUNK_ROWS,
    frame::{
        FrameError, Table, csv,
        foreign::{self, Foreign},
        table::type_word,
    },
    kinds::{
        ids::{self, Duplicates, Rules},
        ingest_csv,
        intake::{Destination, Intake, Known, Taken},
    },
    stage::{
        ctx::{Input, StageCtx},
        error::{Place, StageError},
        kind::{FixedOutput, Inputs, Kind, PortType, Sources},
        params::{Param, Shape},
        work::Work,
    },
};

/// Reads Parquet, Arrow IPC files and Arrow IPC streams.
pub struct IngestParquet;

static PARAMS: &[Param] = &[
    Param::required(
        "path",
        Shape::Path,
        "file or glob pattern; Parquet and Arrow IPC are recognised",
    ),
    Param::optional(
        "id",
        Shape::Text,
        "column that names each row once; if absent, the one that the file's own metadata names, else `row` is added",
    ),
    Param::optional(
        "columns",
        Shape::List { of: &Shape::Text, min: 1 },
        "columns to read; all if absent",
    ),
    Param::optional(
        "duplicates",
        ids::DUPLICATES,
        "what to do with rows whose id occurred before: keep the first, the last, or all (then `row` is the id); an error if absent",
    ),
    Param::with_default(
        "snapshot",
        Shape::Bool,
        "true",
        "whether the store keeps a copy of the files",
    ),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    path: String,
    id: Option<String>,
    columns: Option<Vec<String>>,
    duplicates: Option<Duplicates>,
    #[serde(rename = "snapshot")]
    _snapshot: bool,
}

impl Kind for IngestParquet {
    fn name(&self) -> &'static str {
        "ingest.parquet"
    }

    fn version(&self) -> u32 {
        1
    }

    fn about(&self) -> &'static str {
        "Read Parquet and Arrow files and bring their types to the few that tables here have"
    }

    fn params(&self) -> &'static [Param] {
        PARAMS
    }

    fn inputs(&self) -> Inputs {
        Inputs::Fixed(&[])
    }

    fn fixed_outputs(&self) -> &'static [FixedOutput] {
        &[FixedOutput { name: "table", ty: PortType::Table, help: "the rows, in file order" }]
    }

    fn sources(&self, params: &Value) -> Sources {
        ingest_csv::sources(params)
    }

    fn run(&self, ctx: &mut StageCtx<'_>) -> Result<(), StageError> {
        let params: Params = ctx.params()?;
        if ctx.files().is_empty() {
            return Err(StageError::Source(format!("no file matches `{}`", params.path)));
        }
        let mut wanted = params.columns;
        if let (Some(columns), Some(id)) = (&mut wanted, &params.id)
            && !columns.contains(id)
        {
            columns.push(id.clone());
        }
        if ctx.work.pool.memory().limit().is_some() {
            let n_bytes = ctx.files().iter().map(|file| needed(file, wanted.as_deref())).sum();
            ctx.hold(n_bytes, "the files and their rows in memory")?;
        }
        let stack = Stack::read(ctx.files(), wanted.as_deref(), ctx.work)?;
        let rules = stack.rules(params.id.as_deref(), params.duplicates);
        let pool = ctx.work.pool.clone();
        let mut known = Known::default();
        loop {
            let place = Destination::Output(ctx.sink("table")?, pool.clone());
            match stack.pass(rules, &known, place)? {
                (Taken::Done { n_rows, notes, .. }, _) => {
                    ctx.set_rows("table", n_rows);
                    notes.into_iter().for_each(|note| ctx.note(note));
                    return Ok(());
                }
                (Taken::Again, more) => known = more.unwrap_or(known),
            }
        }
    }
}

/// Returns about how many bytes a file takes while it is read: itself, its columns, and these under each other.
fn needed(file: &Input, wanted: Option<&[String]>) -> u64 {
    let size = file.n_bytes().unwrap_or(0);
    // What cannot be opened is told of by whoever reads it; in Arrow files columns lie as they do in memory.
    let Ok(rows) = file.rows() else { return size.saturating_mul(3) };
    let names = rows.schema().fields().iter().map(|f| f.name());
    let chosen = names.filter(|name| wanted.is_none_or(|wanted| wanted.contains(name)));
    let columns: u64 = chosen.map(|name| rows.bytes_of(name)).sum();
    size.saturating_add(columns.saturating_mul(2))
}

/// Reads files into one table with an id, in memory.
pub(crate) fn read_table(
    files: &[Input],
    wanted: Option<&[String]>,
    id: Option<&str>,
    duplicates: Option<Duplicates>,
    work: &Work,
) -> Result<(Table, Vec<String>), StageError> {
    let stack = Stack::read(files, wanted, work)?;
    let rules = stack.rules(id, duplicates);
    let mut known = Known::default();
    loop {
        match stack.pass(rules, &known, Destination::Memory)? {
            (Taken::Done { table: Some(table), notes, .. }, _) => return Ok((table, notes)),
            (_, more) => known = more.unwrap_or(known),
        }
    }
}

/// The columns of all files, those of one name under each other.
struct Stack {
    names: Vec<String>,
    columns: Vec<ArrayRef>,
    n_rows: usize,
    /// The label of each file and the number of its first row.
    starts: Vec<(String, usize)>,
    /// The id that the first file itself names, so that one of our own tables keeps its id; part of its content.
    id: Option<String>,
}

impl Stack {
    fn read(files: &[Input], wanted: Option<&[String]>, work: &Work) -> Result<Stack, StageError> {
        let mut parts = Vec::with_capacity(files.len());
        for file in files {
            work.check()?;
            let failed = |why: String| StageError::Source(format!("{}: {why}", file.label));
            let bytes = file
                .reader()
                .and_then(csv::read_all)
                .map_err(|error| failed(format!("cannot be read: {error}")))?;
            let part =
                foreign::read(Bytes::from(bytes), wanted).map_err(|e| failed(e.to_string()))?;
            work.progress.advance(part.n_rows as u64);
            parts.push((file.label.clone(), part));
        }
        let id = parts.first().and_then(|(_, part)| part.id.clone());
        let starts = starts(&parts);
        let (columns, n_rows) = joined(parts)?;
        let (names, columns) = columns.into_iter().unzip();
        Ok(Stack { names, columns, n_rows, starts, id })
    }

    fn rules<'a>(&'a self, id: Option<&'a str>, duplicates: Option<Duplicates>) -> Rules<'a> {
        Rules { id: id.or(self.id.as_deref()), duplicates }
    }

    /// Hands all rows on once.
    fn pass(
        &self,
        rules: Rules<'_>,
        known: &Known,
        to: Destination<'_>,
    ) -> Result<(Taken, Option<Known>), StageError> {
        let place = |row: usize| {
            let file = self.starts.partition_point(|(_, start)| *start <= row).saturating_sub(1);
            let (label, start) = &self.starts[file];
            Place { file: label.clone(), row: Some(row - start), ..Place::default() }
        };
        let file = self.starts.first().map_or("", |(label, _)| label.as_str());
        let types: Vec<DataType> = self.columns.iter().map(|c| c.data_type().clone()).collect();
        let mut intake = Intake::new(rules, known, to);
        intake.start(&self.names, &types, HashMap::new(), file)?;
        for start in (0..self.n_rows).step_by(CHUNK_ROWS) {
            let n = CHUNK_ROWS.min(self.n_rows - start);
            let chunk = self.columns.iter().map(|column| column.slice(start, n)).collect();
            intake.rows(chunk, start, &place)?;
        }
        intake.end(&place)
    }
}

fn starts(parts: &[(String, Foreign)]) -> Vec<(String, usize)> {
    let mut start = 0;
    let bound = |(label, part): &(String, Foreign)| {
        let bound = (label.clone(), start);
        start += part.n_rows;
        bound
    };
    parts.iter().map(bound).collect()
}

/// Puts files of the same columns (by name) under each other.
fn joined(parts: Vec<(String, Foreign)>) -> Result<(Vec<(String, ArrayRef)>, usize), StageError> {
    let n_rows = parts.iter().map(|(_, part)| part.n_rows).sum();
    let mut parts = parts.into_iter();
    let Some((reference, first)) = parts.next() else { return Ok((Vec::new(), 0)) };
    let mut stacks: Vec<(String, Vec<ArrayRef>)> =
        first.columns.into_iter().map(|(name, array)| (name, vec![array])).collect();
    for (label, part) in parts {
        let n_columns = part.columns.len();
        let mut by_name: BTreeMap<String, ArrayRef> = part.columns.into_iter().collect();
        for (name, stack) in &mut stacks {
            let array = by_name.remove(name).ok_or_else(|| {
                let what = format!("{label}: there is no column `{name}`, which {reference} has");
                StageError::Source(what)
            })?;
            stack.push(array);
        }
        if let (Some(extra), true) = (by_name.keys().next(), n_columns > stacks.len()) {
            let what = format!("{label}: there is a column `{extra}`, which {reference} lacks");
            return Err(StageError::Source(what));
        }
    }
    let join = |(name, stack): (String, Vec<ArrayRef>)| Ok((name.clone(), under(&name, stack)?));
    Ok((stacks.into_iter().map(join).collect::<Result<_, StageError>>()?, n_rows))
}

fn under(name: &str, stack: Vec<ArrayRef>) -> Result<ArrayRef, StageError> {
    let filled = |array: &&ArrayRef| array.null_count() < array.len();
    let mut common = stack.iter().find(filled).unwrap_or(&stack[0]).data_type().clone();
    for array in stack.iter().filter(filled) {
        common = match (&common, array.data_type()) {
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
    let cast = |array: &ArrayRef| match filled(&array) {
        true => compute::cast(array, &common),
        false => Ok(arrow::array::new_null_array(&common, array.len())),
    };
    let cast: Vec<ArrayRef> =
        stack.iter().map(cast).collect::<Result<_, _>>().map_err(FrameError::from)?;
    let parts: Vec<&dyn arrow::array::Array> = cast.iter().map(AsRef::as_ref).collect();
    Ok(compute::concat(&parts).map_err(FrameError::from)?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        frame::table::{float_array, int_array, text_array},
        stage::{
            ctx::Arrivals,
            memory::{self, MemoryOutputs},
        },
    };

    fn run(written: Value, tables: &[Table]) -> Result<MemoryOutputs, StageError> {
        let params = memory::canonical(&IngestParquet, &written)?;
        let name = |i: usize| format!("part{i}.parquet");
        let files = tables.iter().enumerate().map(|(i, t)| memory::input(&name(i), t));
        let files = files.collect::<Result<Vec<_>, _>>()?;
        let arrivals = Arrivals { files, ..Arrivals::default() };
        memory::run(&IngestParquet, &params, &arrivals, &Work::alone(1))
    }

    fn table(id: Option<&str>, ids: &[&str], x: ArrayRef) -> Table {
        Table::new(id, vec![("c", text_array(ids)), ("x", x)]).unwrap()
    }

    #[test]
    fn files_are_put_under_each_other() {
        let tables = [
            table(None, &["a", "b"], int_array(vec![1, 2])),
            table(None, &["c"], float_array(vec![0.5])),
        ];
        let out = run(json!({ "path": "*", "id": "c" }), &tables).unwrap().table("table").unwrap();
        assert_eq!(out.floats("x").unwrap(), [1.0, 2.0, 0.5]);
        assert_eq!(out.id_name().as_deref(), Some("c"));
        let twice = [tables[0].clone(), table(None, &["a"], int_array(vec![1]))];
        let error = run(json!({ "path": "*", "id": "c" }), &twice).unwrap_err().to_string();
        assert!(error.starts_with("part1.parquet, row 0: id `a`"), "{error}");
        let clash = [tables[0].clone(), table(None, &["z"], text_array(["no"]))];
        assert!(run(json!({ "path": "*" }), &clash).is_err());
    }

    #[test]
    fn our_own_tables_keep_their_id_and_columns_can_be_chosen() {
        let own = table(Some("c"), &["a"], int_array(vec![1]));
        let out = run(json!({ "path": "f" }), std::slice::from_ref(&own))
            .unwrap()
            .table("table")
            .unwrap();
        assert_eq!(out.id_name().as_deref(), Some("c"));
        let chosen = json!({ "path": "f", "columns": ["x"], "id": "c" });
        let out = run(chosen, std::slice::from_ref(&own)).unwrap().table("table").unwrap();
        assert_eq!(out.names(), ["c", "x"]);
        let out = run(json!({ "path": "f", "columns": ["x"] }), &[own]).unwrap();
        assert_eq!(out.table("table").unwrap().names(), ["row", "x"]);
    }
}
