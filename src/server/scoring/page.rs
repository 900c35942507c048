//! The page on which a person tries a customer by hand. It does not know how an answer comes about: its script asks
//! `/v1/predict`.

use askama::Template;

use super::columns::{Columns, Holds};
use crate::{
    app::{AppError, Scorer},
    kinds::page,
};

#[derive(Template)]
#[template(path = "try.html")]
struct Try<'a> {
    run: &'a str,
    model: &'a str,
    fields: Vec<Field<'a>>,
    needs_token: bool,
}

struct Field<'a> {
    name: &'a str,
    /// What the script makes of the text: `number`, `truth` or `text`.
    holds: &'static str,
    hint: &'static str,
    levels: &'a [String],
}

/// Returns the page. Where a token is needed, levels are left out: the page itself is for everybody.
///
/// # Errors
/// If the template cannot be filled.
pub fn page(scorer: &Scorer, columns: &Columns, needs_token: bool) -> Result<String, AppError> {
    let fields = columns.list.iter().filter(|c| c.is_read || c.is_id).map(|column| {
        let (holds, hint) = match column.holds {
            _ if column.is_id => ("text", ""),
            Holds::Numbers(_) => ("number", "number"),
            Holds::Truths => ("truth", "true or false"),
            Holds::Dates => ("text", "2025-12-31"),
            Holds::Times => ("text", "2025-12-31T23:59:59"),
            Holds::Texts => ("text", "text"),
        };
        let levels = if needs_token { &[][..] } else { column.levels.as_slice() };
        Field { name: &column.name, holds, hint, levels }
    });
    let (run, model) = (scorer.run.to_hex(), scorer.model.to_hex());
    let filled = Try { run: &run, model: &model, fields: fields.collect(), needs_token };
    let body = filled.render().map_err(|error| AppError::Usage(format!("the page: {error}")))?;
    Ok(page::document(&scorer.pipeline, "Try a customer by hand", &body))
}
