//! Which column goes to which group, by name or by type. It sees schemas only, never a value, so that a
//! pipeline can be checked before anything runs.

use arrow::datatypes::{DataType, Schema};

use crate::{
    base::names,
    frame::{
        FrameError,
        table::{id_of, is_temporal, type_word},
    },
    kinds::prepare::settings::{Dates, Settings},
    stage::{error::StageError, kind::Problem},
};

/// The columns that each group takes, in the table's order.
#[derive(Debug, Default, PartialEq)]
pub struct Selection {
    /// Columns that become numbers.
    pub numeric: Vec<Chosen>,
    /// Columns that become levels.
    pub categorical: Vec<Chosen>,
    /// Columns that no group takes, with the type's name.
    pub left_out: Vec<(String, String)>,
}

/// A column that a group takes.
#[derive(Debug, PartialEq)]
pub struct Chosen {
    /// Its name.
    pub name: String,
    /// Whether a person named it in the group; otherwise its type chose it.
    pub named: bool,
}

/// Chooses columns. Names in a group's `columns` come first, then types: integers and floats (and dates, if
/// asked) are numeric, texts and booleans categorical.
///
/// # Errors
/// Everything that is wrong with the names.
pub fn select(schema: &Schema, settings: &Settings) -> Result<Selection, Vec<Problem>> {
    let problems = problems(schema, settings);
    if !problems.is_empty() {
        return Err(problems);
    }
    let id = id_of(schema);
    let mut selection = Selection::default();
    for field in schema.fields() {
        let (name, ty) = (field.name(), field.data_type());
        if Some(name) == id.as_ref() || !considered(settings, name) {
            continue;
        }
        let chosen = |named| Chosen { name: name.clone(), named };
        if named(numeric_columns(settings), name) {
            selection.numeric.push(chosen(true));
        } else if named(categorical_columns(settings), name) {
            selection.categorical.push(chosen(true));
        } else if numeric_by_type(settings, ty) {
            selection.numeric.push(chosen(false));
        } else if categorical_by_type(settings, ty) {
            selection.categorical.push(chosen(false));
        } else {
            selection.left_out.push((name.clone(), type_word(ty)));
        }
    }
    Ok(selection)
}

/// Chooses columns of a table that is there; a wrong name is an error of the stage.
///
/// # Errors
/// The first missing column as such, anything else as text.
pub fn select_at_run(schema: &Schema, settings: &Settings) -> Result<Selection, StageError> {
    select(schema, settings).map_err(|problems| {
        match lists(settings).into_iter().flat_map(|(_, list)| list).find(|n| !has(schema, n)) {
            Some(column) => StageError::Column {
                port: "table".to_string(),
                error: FrameError::MissingColumn {
                    column: column.clone(),
                    suggestion: nearest(schema, column).unwrap_or_default().to_string(),
                },
            },
            None => {
                let texts: Vec<_> = problems.into_iter().map(|p| p.message).collect();
                StageError::Data(texts.join("; "))
            }
        }
    })
}

/// Returns what is wrong with the names in the settings.
fn problems(schema: &Schema, settings: &Settings) -> Vec<Problem> {
    let mut problems = Vec::new();
    let id = id_of(schema);
    for (path, list) in lists(settings) {
        for (i, name) in list.iter().enumerate() {
            let index = i.to_string();
            let at: Vec<&str> = path.iter().copied().chain([index.as_str()]).collect();
            let mut wrong = |message: String, help: String| {
                problems.push(Problem::new(&at, message, help));
            };
            match schema.field_with_name(name) {
                Err(_) => wrong(
                    format!("there is no column `{name}`"),
                    names::suggestion(name, schema.fields().iter().map(|f| f.name().as_str())),
                ),
                Ok(_) if path == ["drop"] => {}
                Ok(_) if id.as_ref() == Some(name) => wrong(
                    format!("`{name}` is the id, which is never a feature"),
                    "leave it out of the list".to_string(),
                ),
                Ok(_) if !considered(settings, name) => wrong(
                    format!("`{name}` is left out by `columns` or `drop`"),
                    "name it in one place only".to_string(),
                ),
                Ok(field) if path[0] == "numeric" && !can_be_numeric(field.data_type()) => wrong(
                    format!("`{name}` is {}, not a number", type_word(field.data_type())),
                    "name it in `categorical`, or make a number of it in features.derive"
                        .to_string(),
                ),
                Ok(_) if path[0] == "numeric" && named(categorical_columns(settings), name) => {
                    wrong(
                        format!("`{name}` is named in both groups"),
                        "a column goes to one group".to_string(),
                    );
                }
                Ok(_) => {}
            }
        }
    }
    for column in settings.categorical.iter().flat_map(|group| group.categories.keys()) {
        if !has(schema, column) {
            problems.push(Problem::new(
                &["categorical", "categories", column],
                format!("there is no column `{column}`"),
                names::suggestion(column, schema.fields().iter().map(|f| f.name().as_str())),
            ));
        }
    }
    problems
}

/// Returns every list of column names with its parameter path.
fn lists(settings: &Settings) -> Vec<(&'static [&'static str], &Vec<String>)> {
    let mut lists: Vec<(&'static [&'static str], &Vec<String>)> = Vec::new();
    lists.extend(settings.columns.iter().map(|list| (["columns"].as_slice(), list)));
    lists.push((&["drop"], &settings.drop));
    lists.extend(numeric_columns(settings).map(|list| (["numeric", "columns"].as_slice(), list)));
    lists.extend(
        categorical_columns(settings).map(|list| (["categorical", "columns"].as_slice(), list)),
    );
    lists
}

/// Returns true if neither `columns` nor `drop` rules the column out.
pub fn considered(settings: &Settings, name: &String) -> bool {
    settings.columns.as_ref().is_none_or(|columns| columns.contains(name))
        && !settings.drop.contains(name)
}

fn numeric_columns(settings: &Settings) -> Option<&Vec<String>> {
    settings.numeric.as_ref().and_then(|group| group.columns.as_ref())
}

fn categorical_columns(settings: &Settings) -> Option<&Vec<String>> {
    settings.categorical.as_ref().and_then(|group| group.columns.as_ref())
}

fn named(columns: Option<&Vec<String>>, name: &String) -> bool {
    columns.is_some_and(|columns| columns.contains(name))
}

fn numeric_by_type(settings: &Settings, ty: &DataType) -> bool {
    let Some(group) = &settings.numeric else { return false };
    let by_type = ty.is_numeric() || (is_temporal(ty) && group.dates == Dates::Days);
    group.columns.is_none() && by_type
}

// Booleans go with the texts, as `make_column_selector(dtype_exclude=number)` has them: a mean or a
// quantile of true and false says little, and clipping at one would erase the rarer value.
fn categorical_by_type(settings: &Settings, ty: &DataType) -> bool {
    let Some(group) = &settings.categorical else { return false };
    group.columns.is_none() && matches!(ty, DataType::Utf8 | DataType::Boolean)
}

fn can_be_numeric(ty: &DataType) -> bool {
    ty.is_numeric() || *ty == DataType::Boolean || is_temporal(ty)
}

fn has(schema: &Schema, name: &str) -> bool {
    schema.field_with_name(name).is_ok()
}

fn nearest<'a>(schema: &'a Schema, name: &str) -> Option<&'a str> {
    names::did_you_mean(name, schema.fields().iter().map(|f| f.name().as_str()))
}

/// Returns a note for each reason why columns are left out.
pub fn left_out_notes(selection: &Selection, settings: &Settings) -> Vec<String> {
    let mut by_type: Vec<(&str, Vec<&str>)> = Vec::new();
    for (name, ty) in &selection.left_out {
        match by_type.iter_mut().find(|(word, _)| word == ty) {
            Some((_, names)) => names.push(name),
            None => by_type.push((ty, vec![name])),
        }
    }
    let note = |(ty, names): (&str, Vec<&str>)| {
        format!("left out, as no group takes it ({ty}; {}): {}", way_in(ty, settings), list(&names))
    };
    by_type.into_iter().map(note).collect()
}

/// Says how a column of this type could get in.
fn way_in(ty: &str, settings: &Settings) -> &'static str {
    let by_name = "name it in a group's `columns`";
    match ty {
        "date" | "timestamp" => "`numeric: { dates: days }` takes dates as days",
        "text" | "boolean" if settings.categorical.is_none() => {
            "write `categorical: {}` to take it"
        }
        "integer" | "float" if settings.numeric.is_none() => "write `numeric: {}` to take it",
        _ => by_name,
    }
}

/// Lists names, the first ten of many.
pub fn list(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(10).map(|n| format!("`{n}`")).collect();
    match names.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
