//! A run's way to segments, loaded and ready to answer, and what every answer says of it.
//! It does not know HTTP but for the headers.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type};
use arrow::util::display::array_value_to_string;
use axum::http::HeaderValue;
use bytes::Bytes;
use serde_json::Value;

use super::{columns::Columns, drift::Watching, openapi, page, problem::Problem};
use crate::{
    app::{AppError, Scorer},
    frame::{
        Table,
        export::{self, Format},
    },
    stage::{ctx::Input, work::Work},
};

/// A run that answers.
pub struct Loaded {
    /// Its way.
    pub scorer: Scorer,
    /// Its raw columns.
    pub columns: Columns,
    /// The run's id.
    pub run: String,
    /// The classifier's hash.
    pub model: String,
    /// The run's id for a header.
    pub run_header: HeaderValue,
    /// The classifier's hash for a header.
    pub model_header: HeaderValue,
    /// `/openapi.json`.
    pub openapi: Bytes,
    /// `/`.
    pub page: Bytes,
    /// How what is asked differs from what the run learnt from.
    pub watching: Watching,
    /// What an answer in JSON begins with.
    head: String,
}

/// Rows that were answered.
pub struct Answers {
    /// The id, `segment`, `p_0`, ...
    pub table: Table,
    /// How many there are.
    pub n_rows: usize,
    /// The rows that the run's way cannot take, and why; they have nulls in their places.
    pub refused: Vec<(usize, String)>,
}

impl Loaded {
    /// Makes a run ready.
    ///
    /// # Errors
    /// If rows meet on its way, so that a customer who comes alone cannot be answered.
    pub fn new(scorer: Scorer, needs_token: bool) -> Result<Loaded, AppError> {
        if let Some(meeting) = scorer.meeting() {
            return Err(AppError::Usage(format!(
                "{} cannot be served: stage `{}` (`{}`) on the way to the classifier puts rows together, so that an answer \
                 depends on rows that one request does not bring; `orchestrate predict` answers whole files",
                scorer.of_run(),
                meeting.stage,
                meeting.kind
            )));
        }
        scorer.classifier.make_ready();
        let columns = Columns::of(&scorer);
        let (run, model) = (scorer.run.to_hex(), scorer.model.to_hex());
        let header = |hex: &str| {
            HeaderValue::from_str(hex).map_err(|error| AppError::Usage(error.to_string()))
        };
        let openapi = openapi::document(&scorer, &columns, needs_token);
        let page = page::page(&scorer, &columns, needs_token)?;
        Ok(Loaded {
            run_header: header(&run)?,
            model_header: header(&model)?,
            head: format!("{{\"run\":\"{run}\",\"model\":\"{model}\",\"predictions\":["),
            watching: Watching::default(),
            openapi: openapi.to_string().into(),
            page: page.into(),
            scorer,
            columns,
            run,
            model,
        })
    }

    /// Answers complete rows.
    ///
    /// # Errors
    /// If something is wrong with all of them.
    pub fn answer(&self, rows: &Table, work: &Work) -> Result<Answers, Problem> {
        let (assigned, refused) = self.scorer.assign_each(rows, work)?;
        self.watching.leave(rows, &assigned.table);
        let refused = refused.into_iter().map(|(row, error)| (row, error.to_string())).collect();
        Ok(Answers { n_rows: assigned.table.n_rows(), table: assigned.table, refused })
    }

    /// Answers rows that come as a file: delimited text as the run read its own, Arrow, Parquet.
    ///
    /// # Errors
    /// If it cannot be read, or a value cannot be used.
    pub fn answer_file(&self, body: Bytes, work: &Work) -> Result<Answers, Problem> {
        let files = [Input::from_bytes("request", body)];
        let (rows, _) = self.scorer.read(&files, work)?;
        if rows.n_rows() == 0 {
            return Err(Problem::unfit("there is no row to answer"));
        }
        let rows = self.scorer.complete(&rows, "request")?;
        self.answer(&rows, work)
    }

    /// Returns answers as JSON: run, model, and an object for each row, with `error` where it was refused.
    ///
    /// # Errors
    /// If a column cannot be written.
    pub fn json(&self, answers: &Answers) -> Result<Vec<u8>, Problem> {
        let failed = |error: serde_json::Error| Problem::internal(error.to_string());
        let mut names = Vec::with_capacity(answers.table.batch().num_columns());
        for field in answers.table.schema().fields() {
            names.push(serde_json::to_string(field.name()).map_err(failed)? + ":");
        }
        let mut refused = answers.refused.iter().peekable();
        let mut out = Vec::with_capacity(self.head.len() + 8 + answers.n_rows * names.len() * 28);
        out.extend_from_slice(self.head.as_bytes());
        for row in 0..answers.n_rows {
            out.extend_from_slice(if row == 0 { b"{" } else { b",{" });
            for (i, (name, array)) in names.iter().zip(answers.table.batch().columns()).enumerate()
            {
                if i > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(name.as_bytes());
                write_value(array, row, &mut out)?;
            }
            if let Some((_, why)) = refused.next_if(|(refused, _)| *refused == row) {
                out.extend_from_slice(b",\"error\":");
                serde_json::to_writer(&mut out, why).map_err(failed)?;
            }
            out.push(b'}');
        }
        out.extend_from_slice(b"]}");
        Ok(out)
    }

    /// Returns answers as an Arrow stream, whose schema names run and model.
    ///
    /// # Errors
    /// If Arrow refuses.
    pub fn arrow(&self, answers: &Answers) -> Result<Vec<u8>, Problem> {
        let told = [("orchestrate.run", &self.run), ("orchestrate.model", &self.model)];
        let told = told.map(|(key, value)| (key.to_string(), value.clone()));
        let failed = |error: crate::frame::FrameError| Problem::internal(error.to_string());
        let table = answers.table.clone().with_metadata(told.into()).map_err(failed)?;
        let mut out = Vec::new();
        export::write(&table, Format::ArrowStream, &mut out).map_err(failed)?;
        Ok(out)
    }
}

fn write_value(array: &ArrayRef, row: usize, out: &mut Vec<u8>) -> Result<(), Problem> {
    if array.is_null(row) {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    let written = match array.data_type() {
        DataType::Float64 => {
            let value = array.as_primitive::<Float64Type>().value(row);
            serde_json::to_writer(out, &value)
        }
        DataType::Int32 => {
            serde_json::to_writer(out, &array.as_primitive::<Int32Type>().value(row))
        }
        DataType::Int64 => {
            serde_json::to_writer(out, &array.as_primitive::<Int64Type>().value(row))
        }
        DataType::Utf8 => serde_json::to_writer(out, array.as_string::<i32>().value(row)),
        DataType::Boolean => serde_json::to_writer(out, &array.as_boolean().value(row)),
        _ => {
            let text = array_value_to_string(array, row);
            serde_json::to_writer(out, &text.map_err(|e| Problem::internal(e.to_string()))?)
        }
    };
    written.map_err(|error| Problem::internal(error.to_string()))
}

/// Returns one value as JSON.
///
/// # Errors
/// If it cannot be written.
pub fn value(array: &ArrayRef, row: usize) -> Result<Value, Problem> {
    let mut out = Vec::new();
    write_value(array, row, &mut out)?;
    serde_json::from_slice(&out).map_err(|error| Problem::internal(error.to_string()))
}
