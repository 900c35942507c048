//! What a person should look at before going on, each with the line of YAML that would answer it.
//! It does not change data, and tells no value that occurs in it.

use arrow::datatypes::{DataType, Field, Schema};

use crate::{
    frame::{
        FrameError, Table,
        table::{float_array, opt_text_array, schema_with_id, text_array},
    },
    kinds::{
        eda::{
            Settings,
            columns::Column,
            correlations::{Method, Pair},
            findings::Finder,
            yaml,
        },
        ids,
        page::{self, number},
    },
};

/// How much an alert matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The column cannot be used as it is.
    Error,
    /// Results will suffer.
    Warning,
    /// Good to know.
    Info,
}

impl Severity {
    /// Returns the word in the artifact.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        }
    }
}

/// One alert.
#[derive(Clone, Debug)]
pub struct Alert {
    /// How much it matters.
    pub severity: Severity,
    /// The column (index), or the whole table.
    pub column: Option<usize>,
    /// Its code: `skewed`.
    pub alert: &'static str,
    /// The figure that raised it.
    pub value: f64,
    /// The fact in words.
    pub words: String,
    /// The YAML line that would answer it.
    pub advice: String,
}

/// Returns the schema of the artifact.
pub fn schema() -> Schema {
    let fields = [
        ("severity", DataType::Utf8),
        ("column", DataType::Utf8),
        ("alert", DataType::Utf8),
        ("value", DataType::Float64),
        ("advice", DataType::Utf8),
    ];
    schema_with_id(fields.map(|(name, ty)| Field::new(name, ty, true)).to_vec(), None)
}

/// Builds the artifact.
///
/// # Errors
/// None in practice: Arrow checks the lengths.
pub fn table(columns: &[Column], alerts: &[Alert]) -> Result<Table, FrameError> {
    let name = |alert: &Alert| alert.column.map(|i| columns[i].name.as_str());
    Table::new(
        None,
        vec![
            ("severity", text_array(alerts.iter().map(|a| a.severity.word()))),
            ("column", opt_text_array(alerts.iter().map(name))),
            ("alert", text_array(alerts.iter().map(|a| a.alert))),
            ("value", float_array(alerts.iter().map(|a| a.value).collect())),
            ("advice", text_array(alerts.iter().map(|a| &a.advice))),
        ],
    )
}

/// Returns all alerts: errors first, then by column; alerts about the whole table before columns.
pub fn all(
    columns: &[Column],
    pairs: &[Pair],
    n_rows: usize,
    n_duplicates: usize,
    settings: &Settings,
) -> Vec<Alert> {
    let mut alerts = Vec::new();
    table_alerts(n_rows, n_duplicates, &mut alerts);
    if n_rows > 0 {
        // A source without an id gets row numbers, which a real id should replace.
        let has_id = columns.iter().any(|c| c.is_id && c.name != ids::ROW);
        for (index, column) in columns.iter().enumerate().filter(|(_, c)| !c.is_id) {
            Finder { column, index, has_id, settings, alerts: &mut alerts }.find();
        }
        correlation_alerts(columns, pairs, settings, &mut alerts);
    }
    alerts.sort_by_key(|a| (a.severity, a.column));
    alerts
}

fn table_alerts(n_rows: usize, n_duplicates: usize, alerts: &mut Vec<Alert>) {
    if n_rows == 0 {
        alerts.push(Alert {
            severity: Severity::Error,
            column: None,
            alert: "empty_table",
            value: 0.0,
            words: "the table has no rows".to_string(),
            advice: "# check the source's path and any `where` before this stage".to_string(),
        });
    }
    if n_duplicates > 0 {
        alerts.push(Alert {
            severity: Severity::Warning,
            column: None,
            alert: "duplicate_rows",
            value: n_duplicates as f64,
            words: format!(
                "{} {} an earlier row in everything but the id",
                number::count(n_duplicates),
                if n_duplicates == 1 { "row repeats" } else { "rows repeat" }
            ),
            advice: "# check whether the source exports rows twice".to_string(),
        });
    }
}

/// One alert a column, for its strongest partner to the left; the right one is the one to drop.
fn correlation_alerts(
    columns: &[Column],
    pairs: &[Pair],
    settings: &Settings,
    alerts: &mut Vec<Alert>,
) {
    let mut strongest: Vec<Option<&Pair>> = vec![None; columns.len()];
    for pair in pairs.iter().filter(|p| p.value.abs() >= settings.correlation) {
        // Each of many levels belongs to one level of nearly anything.
        let many = |i: usize| columns[i].distinct > settings.max_levels;
        if pair.method == Method::CramersV && (many(pair.left) || many(pair.right)) {
            continue;
        }
        let best = &mut strongest[pair.right];
        if best.is_none_or(|b| pair.value.abs() > b.value.abs()) {
            *best = Some(pair);
        }
    }
    for pair in strongest.into_iter().flatten() {
        let (left, right) = (&columns[pair.left].name, &columns[pair.right].name);
        let figure = format!("{} {}", pair.method.word(), number::fixed(pair.value, 2));
        alerts.push(Alert {
            severity: Severity::Warning,
            column: Some(pair.right),
            alert: "high_correlation",
            value: pair.value,
            words: format!("follows {}: {figure}", page::cut(left, 40)),
            advice: format!(
                "drop: [{}]  # follows {}, {}",
                yaml::scalar(right),
                yaml::scalar(left),
                figure.replace('−', "-")
            ),
        });
    }
}
