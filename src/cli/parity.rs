//! `orchestrate export --verify`: asks, records and tells. It does not know how models are asked.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::{Value, json};

use crate::{
    app::{AppError, Form, ModelExportOptions, Parity, Project, export},
    cli::{context::Context, exit},
    report::style::counted,
    stage::{error::StageError, work::Work},
};

/// What has been exported, and what to tell of it.
pub struct Told {
    /// For programs.
    pub document: Value,
    /// For people.
    pub talk: String,
}

/// What a verification needs to know.
pub struct Question<'a> {
    /// Which run and classifier.
    pub options: &'a ModelExportOptions,
    /// The form of the export.
    pub form: Form,
    /// Where it is.
    pub path: &'a Path,
    /// The interpreter.
    pub python: &'a str,
}

/// Tells what has been exported; if there is a `question`, verifies it first.
///
/// # Errors
/// If it cannot be verified.
pub fn finish(
    context: &Context,
    project: &Project,
    told: Told,
    question: Option<&Question<'_>>,
    work: &Work,
) -> Result<ExitCode, AppError> {
    let Told { mut document, talk } = told;
    if !context.json {
        context.say(&talk);
    }
    let mut code = exit::DONE;
    if let Some(question) = question {
        let Question { options, form, path, python } = question;
        let parity = project.verify(options, *form, path, python, work)?;
        let place = beside(path);
        let record = serde_json::to_string_pretty(&parity)
            .map_err(|error| StageError::Internal(format!("parity: {error}")))?;
        export::bytes(format!("{record}\n").as_bytes(), &place)?;
        if !parity.agrees {
            code = exit::DIFFERS;
        }
        if context.json {
            document["parity"] = json!(parity);
        } else {
            context.say(&words(&parity, &place));
        }
    }
    if context.json {
        context.print_json(&document);
    }
    Ok(ExitCode::from(code))
}

fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{name}.parity.json"))
}

fn words(parity: &Parity, place: &Path) -> String {
    let who: Vec<String> = parity.runtime.iter().map(|(name, v)| format!("{name} {v}")).collect();
    let verdict = if parity.agrees { "agrees" } else { "DIFFERS" };
    let labels = match (parity.labels_differ, parity.first_difference) {
        (n, Some(first)) if n > 0 => format!("{n} labels differ, the first in row {first}"),
        _ => "every label the same".to_string(),
    };
    format!(
        "{verdict}: {} asked about {} of the run, {labels}, probabilities within {:.1e} -> {}\n",
        who.join(" and "),
        counted(parity.rows, "row", "rows"),
        parity.max_difference,
        place.display()
    )
}
