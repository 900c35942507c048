//! `POST /v1/predict`: a record or a list of records in JSON, or rows as a file. It does not know other protocols.

use super::{
    asked::{ARROW_FILE, ARROW_STREAM, Asked, JSON, PARQUET, Reply, parse},
    cell::Record,
    problem::Problem,
};

/// Answers.
///
/// # Errors
/// If the body cannot be read, or its rows are not what the run takes.
pub fn predict(asked: &Asked<'_>) -> Result<Reply, Problem> {
    let loaded = asked.loaded;
    let media = asked.media();
    let (answers, is_arrow) = match media.as_str() {
        JSON | "" => {
            let first = asked.body.iter().find(|byte| !byte.is_ascii_whitespace());
            let records: Vec<Record<'_>> = match first {
                Some(b'{') => vec![parse(&asked.body)?],
                _ => parse(&asked.body)?,
            };
            let rows = loaded.columns.of_records(&loaded.scorer, &records)?;
            (loaded.answer(&rows, asked.work)?, false)
        }
        "text/csv" | PARQUET => (loaded.answer_file(asked.body.clone(), asked.work)?, false),
        ARROW_STREAM | ARROW_FILE => (loaded.answer_file(asked.body.clone(), asked.work)?, true),
        other => {
            return Err(Problem::media(format!(
                "`{other}` is not read here, but {JSON}, text/csv, {ARROW_STREAM}, {ARROW_FILE} and {PARQUET} are"
            )));
        }
    };
    if asked.wants_arrow(is_arrow) {
        let body = loaded.arrow(&answers)?.into();
        return Ok(Reply { media: ARROW_STREAM, body, json_length: None, n_rows: answers.n_rows });
    }
    Ok(Reply::json(loaded.json(&answers)?, answers.n_rows))
}
