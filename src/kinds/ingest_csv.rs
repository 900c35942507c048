//! `ingest.csv`: delimited text to a table. It does not know where files lie: they arrive opened.

use std::collections::BTreeMap;

use arrow::{array::ArrayRef, datatypes::DataType};
use encoding_rs::Encoding;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    frame::{
        Table,
        csv::{
            self, BadRows, CsvError, DIALECT_KEY, DateOrder, Declared, Delimiter, Dialect,
            NumberFormat, Options, Origins, Passed, Reader, Source,
        },
    },
    kinds::{
        ids::{self, Duplicates, Rules},
        intake::{Destination, Flow, Intake, Known, Taken},
    },
    stage::{
        ctx::{Input, StageCtx},
        error::{self, StageError},
        kind::{Checked, FixedOutput, Given, Inputs, Kind, PortType, Problem, Sources},
        params::{Param, Shape},
        work::Work,
    },
};

/// Reads delimited text.
pub struct IngestCsv;

const TYPE: Shape = Shape::Choice(&["integer", "float", "boolean", "text", "date", "timestamp"]);
const ORDER: Shape = Shape::Choice(&["ymd", "dmy", "mdy"]);

static PARAMS: &[Param] = &[
    Param::required("path", Shape::Path, "file or glob pattern; gzip and zstd are recognised"),
    Param::optional(
        "id",
        Shape::Text,
        "column that names each row once; without it `row` is added, counted from 0",
    ),
    Param::optional(
        "delimiter",
        Shape::Text,
        "one character, `tab` or `whitespace` (runs of blanks); sniffed if absent",
    ),
    Param::optional(
        "encoding",
        Shape::Text,
        "utf-8, utf-16le, windows-1252, ... (WHATWG labels); recognised if absent",
    ),
    Param::with_default(
        "header",
        Shape::Bool,
        "true",
        "whether the first row names the columns; else they are column_1, column_2, ...",
    ),
    Param::with_default(
        "null_values",
        Shape::List { of: &Shape::Text, min: 0 },
        "[]",
        "what stands for a missing value, besides an empty or blank field",
    ),
    Param::with_default(
        "types",
        Shape::Map(&TYPE),
        "{}",
        "types of columns; the others are inferred from all rows",
    ),
    Param::optional(
        "date_order",
        Shape::OneOf(&[ORDER, Shape::Map(&ORDER)]),
        "ymd, dmy or mdy, for all columns or by column, where dates allow more than one",
    ),
    Param::with_default("decimal", Shape::Choice(&[".", ","]), "\".\"", "decimal sign"),
    Param::optional(
        "thousands",
        Shape::Choice(&[",", ".", " ", "'"]),
        "sign between groups of three digits",
    ),
    Param::with_default(
        "on_error",
        Shape::Choice(&["fail", "skip"]),
        "\"fail\"",
        "what to do with rows of the wrong length or with values not of a declared type",
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

/// The canonical parameters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    path: String,
    id: Option<String>,
    delimiter: Option<String>,
    encoding: Option<String>,
    header: bool,
    null_values: Vec<String>,
    types: BTreeMap<String, Declared>,
    date_order: Value,
    decimal: String,
    thousands: Option<String>,
    on_error: String,
    duplicates: Option<Duplicates>,
    #[serde(rename = "snapshot")]
    _snapshot: bool,
}

impl Params {
    fn options(&self) -> Result<Options, Problem> {
        let delimiter = match self.delimiter.as_deref() {
            None => None,
            Some(text) => Some(Delimiter::parse(text).ok_or_else(|| {
                let what = format!("`{text}` cannot stand between fields");
                Problem::new(&["delimiter"], what, "one ASCII character, `tab` or `whitespace`")
            })?),
        };
        let encoding = match self.encoding.as_deref() {
            None => None,
            Some(label) => Some(Encoding::for_label(label.as_bytes()).ok_or_else(|| {
                let what = format!("there is no encoding `{label}`");
                Problem::new(&["encoding"], what, "for instance utf-8, utf-16le, windows-1252")
            })?),
        };
        let sign = |text: &str| text.bytes().next().unwrap_or(b'.');
        let numbers = NumberFormat {
            decimal: sign(&self.decimal),
            thousands: self.thousands.as_deref().map(sign),
        };
        if numbers.thousands == Some(numbers.decimal) {
            let what = format!("`thousands` and `decimal` are both `{}`", self.decimal);
            return Err(Problem::new(&["thousands"], what, "set `decimal` to the other sign"));
        }
        let order = |value: &Value| value.as_str().and_then(DateOrder::parse);
        let by_column = self.date_order.as_object().into_iter().flatten();
        Ok(Options {
            delimiter,
            encoding,
            header: self.header,
            null_values: self.null_values.iter().map(|n| n.trim().to_string()).collect(),
            types: self.types.clone(),
            allow_absent: false,
            numbers,
            date_order: order(&self.date_order),
            date_orders: by_column.filter_map(|(n, v)| Some((n.clone(), order(v)?))).collect(),
            bad_rows: match self.on_error.as_str() {
                "skip" => BadRows::Skip,
                _ => BadRows::Fail,
            },
        })
    }
}

impl Kind for IngestCsv {
    fn name(&self) -> &'static str {
        "ingest.csv"
    }

    fn version(&self) -> u32 {
        1
    }

    fn about(&self) -> &'static str {
        "Read delimited text: delimiter, encoding and types are found, or declared"
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

    fn check(&self, given: &Given) -> Checked {
        let params = Params::deserialize(&given.params);
        let problem = params.ok().and_then(|p| p.options().err());
        Checked { problems: problem.into_iter().collect(), ..Checked::default() }
    }

    fn sources(&self, params: &Value) -> Sources {
        sources(params)
    }

    fn run(&self, ctx: &mut StageCtx<'_>) -> Result<(), StageError> {
        let params: Params = ctx.params()?;
        let options = params.options().map_err(|p| StageError::Data(p.message))?;
        if ctx.files().is_empty() {
            return Err(StageError::Source(format!("no file matches `{}`", params.path)));
        }
        let rules = Rules { id: params.id.as_deref(), duplicates: params.duplicates };
        let pool = ctx.work.pool.clone();
        let (files, work) = (ctx.files(), ctx.work);
        let (taken, notes) = read(files, &options, work, &mut |known, reader| {
            let place = Destination::Output(ctx.sink("table")?, pool.clone());
            pass(files, rules, known, place, reader)
        })?;
        notes.into_iter().for_each(|note| ctx.note(note));
        if let Taken::Done { n_rows, .. } = taken {
            ctx.set_rows("table", n_rows);
        }
        Ok(())
    }
}

/// What a source kind reads: its `path`, kept unless `snapshot` is false.
pub(crate) fn sources(params: &Value) -> Sources {
    let path = params["path"].as_str().unwrap_or_default();
    Sources {
        files: vec![path.to_string()],
        snapshot: params["snapshot"].as_bool().unwrap_or(true),
        not_in_key: &["path", "snapshot"],
        ..Sources::default()
    }
}

/// Reads files into one table with an id, in memory; its schema metadata tells how it was read.
pub(crate) fn read_table(
    files: &[Input],
    options: &Options,
    id: Option<&str>,
    duplicates: Option<Duplicates>,
    work: &Work,
) -> Result<(Table, Vec<String>), StageError> {
    let rules = Rules { id, duplicates };
    let (taken, notes) = read(files, options, work, &mut |known, reader| {
        pass(files, rules, known, Destination::Memory, reader)
    })?;
    match taken {
        Taken::Done { table: Some(table), .. } => Ok((table, notes)),
        _ => Err(StageError::Internal("a table that was read is not there".to_string())),
    }
}

/// Reads files and hands their rows on as they come. Where more of the files had to be known first, the flow is started
/// anew.
pub(crate) fn stream(
    files: &[Input],
    options: &Options,
    id: Option<&str>,
    duplicates: Option<Duplicates>,
    work: &Work,
    flow: &mut dyn Flow,
) -> Result<Vec<String>, StageError> {
    let rules = Rules { id, duplicates };
    let (_, notes) = read(files, options, work, &mut |known, reader| {
        pass(files, rules, known, Destination::Flow(&mut *flow, work.pool.memory().clone()), reader)
    })?;
    Ok(notes)
}

/// What came of a pass: of the text, of the ids, and what is to be told of the text.
type Step = (Taken, Option<Known>, Vec<String>);

/// Goes through the files until nothing more is to be learnt of them.
fn read(
    files: &[Input],
    options: &Options,
    work: &Work,
    step: &mut dyn FnMut(&Known, &mut Reader<'_>) -> Result<Step, StageError>,
) -> Result<(Taken, Vec<String>), StageError> {
    let go_on = |rows: usize| {
        work.progress.advance(rows as u64);
        work.check().is_ok()
    };
    let source = |input: &'_ Input| {
        let input = input.clone();
        Source { file: input.label.clone(), open: Box::new(move || input.reader()) }
    };
    let sources = files.iter().map(source).collect();
    let mut reader = Reader::new(sources, options, &work.pool, &go_on);
    let mut known = Known::default();
    loop {
        let (taken, more, mut notes) = step(&known, &mut reader)?;
        if let Taken::Done { notes: own, .. } = &taken {
            notes.extend(own.iter().cloned());
            return Ok((taken, notes));
        }
        known = more.unwrap_or(known);
        work.progress.reset();
    }
}

/// Goes through the files once.
fn pass<'o>(
    files: &[Input],
    rules: Rules<'_>,
    known: &Known,
    place: Destination<'o>,
    reader: &mut Reader<'_>,
) -> Result<Step, StageError> {
    let file = files.first().map_or("", |file| file.label.as_str());
    let mut rows = Rows { intake: Intake::new(rules, known, place), file };
    match reader.pass(&mut rows)? {
        Passed::Again => Ok((Taken::Again, None, Vec::new())),
        Passed::Done(reading) => {
            let (taken, known) = rows.intake.end(&|row| place_of(&reading.origins, row))?;
            Ok((taken, known, reading.notes))
        }
    }
}

/// Hands rows of text on.
struct Rows<'o, 'k> {
    intake: Intake<'o, 'k>,
    file: &'k str,
}

impl csv::Sink for Rows<'_, '_> {
    type Error = StageError;

    fn start(
        &mut self,
        names: &[String],
        types: &[DataType],
        dialect: &Dialect,
    ) -> Result<(), StageError> {
        let metadata = [(DIALECT_KEY.to_string(), dialect.to_json())].into();
        self.intake.start(names, types, metadata, self.file)
    }

    fn rows(
        &mut self,
        columns: Vec<ArrayRef>,
        first_row: usize,
        origins: &Origins,
    ) -> Result<(), StageError> {
        self.intake.rows(columns, first_row, &|row| place_of(origins, row))
    }

    fn bad(&mut self, row: Option<usize>, error: CsvError) -> Result<(), StageError> {
        self.intake.bad(row, error.into())
    }
}

impl From<CsvError> for StageError {
    fn from(error: CsvError) -> StageError {
        match error {
            CsvError::Stopped => StageError::Cancelled,
            other => {
                let message = other.to_string();
                match other.place() {
                    None => StageError::Source(message),
                    Some((file, line, column)) => {
                        let file = file.to_string();
                        let place = error::Place { file, line, column, row: None };
                        StageError::SourceAt { place, message }
                    }
                }
            }
        }
    }
}

fn place_of(origins: &Origins, row: usize) -> error::Place {
    let (file, line) = origins.locate(row);
    error::Place { file: file.to_string(), line: Some(line), ..error::Place::default() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::stage::{
        ctx::Arrivals,
        memory::{self, MemoryOutputs},
    };

    fn run(written: Value, text: &str) -> Result<MemoryOutputs, StageError> {
        let params = memory::canonical(&IngestCsv, &written)?;
        let files = vec![Input::from_bytes("data/f.csv", text.to_string())];
        let arrivals = Arrivals { files, ..Arrivals::default() };
        memory::run(&IngestCsv, &params, &arrivals, &Work::alone(2))
    }

    #[test]
    fn the_id_and_the_dialect_travel() {
        let text = "c;v;d\n7;1,5;24.12.2020\n8;NA;\n";
        let written = json!({ "path": "f.csv", "id": "c", "decimal": ",", "null_values": ["NA"] });
        let outputs = run(written, text).unwrap();
        let table = outputs.table("table").unwrap();
        assert_eq!(table.id_name().as_deref(), Some("c"));
        assert_eq!(table.floats("v").unwrap()[0], 1.5);
        assert_eq!(table.column("v").unwrap().null_count(), 1);
        assert_eq!(
            table.schema().metadata()[DIALECT_KEY],
            r#"{"date_order":{"d":"dmy"},"decimal":",","delimiter":";","header":true,"null_values":["NA"],"thousands":null}"#
        );
        assert_eq!(outputs.rows["table"], 2);
    }

    #[test]
    fn without_an_id_rows_are_numbered() {
        let table = run(json!({ "path": "f" }), "a\nx\ny\n").unwrap().table("table").unwrap();
        assert_eq!(table.names(), ["row", "a"]);
        assert_eq!(table.id_name().as_deref(), Some("row"));
    }

    #[test]
    fn bad_sources_name_the_line() {
        let error = run(json!({ "path": "f", "id": "a" }), "a,b\n1,2\n\n1,3\n").unwrap_err();
        let place = error.place().unwrap();
        assert_eq!((place.file.as_str(), place.line), ("data/f.csv", Some(4)));
        assert!(
            error
                .to_string()
                .starts_with("data/f.csv:4: id `1` of column `a` stands on data/f.csv:2")
        );
    }

    #[test]
    fn parameters_are_checked() {
        let problem = |written: Value| {
            let params = memory::canonical(&IngestCsv, &written).unwrap();
            let given = Given { params, ..Given::default() };
            IngestCsv
                .check(&given)
                .problems
                .into_iter()
                .map(|p| p.path.join("."))
                .collect::<Vec<_>>()
        };
        assert_eq!(problem(json!({ "path": "f", "delimiter": "ab" })), ["delimiter"]);
        assert_eq!(problem(json!({ "path": "f", "encoding": "klingon" })), ["encoding"]);
        assert_eq!(problem(json!({ "path": "f", "thousands": "." })), ["thousands"]);
        assert!(problem(json!({ "path": "f", "date_order": { "d": "dmy" } })).is_empty());
        let sources = IngestCsv.sources(&json!({ "path": "d/*.csv", "snapshot": false }));
        assert_eq!((sources.files, sources.snapshot), (vec!["d/*.csv".to_string()], false));
    }
}
