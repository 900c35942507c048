//! `select.clustering`: hard requirements, then a weighted rank, and a written reason for every candidate.
//! It does not know how clusterings are made; it reads their metrics.

mod rank;
mod reason;
mod require;
mod stability;

use std::{collections::BTreeMap, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array},
    compute,
    datatypes::{DataType, Field, Float64Type},
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    base::{canon, names},
    frame::{
        Table,
        table::{schema_with_id, text_array},
    },
    kinds::cluster_common::METRIC_COLUMNS,
    ml::cluster::stability::Stability,
    stage::{
        ctx::{Candidate, StageCtx},
        error::StageError,
        kind::{Checked, FixedOutput, Given, InputPort, Inputs, Kind, PortType, Problem},
        params::{Param, Shape},
    },
};

use rank::{RANKED, Standing};
use require::Require;

/// Chooses one clustering out of many.
///
/// Each metric of `rank_by` becomes a rank among the eligible candidates, scaled to 0..1: the best gets 1,
/// each other one the share of candidates that it beats or equals less itself, equal values the better of
/// their ranks, a null 0. The score is the weighted mean; ties go to fewer segments, then to the name.
pub struct SelectClustering;

static PARAMS: [Param; 3] = [
    Param::with_default(
        "rank_by",
        Shape::Map(&Shape::Positive),
        r#"{"silhouette": 1.0}"#,
        "weights of metrics; high is good for silhouette, calinski_harabasz, log_likelihood, min_share, low for \
         davies_bouldin, bic, aic, inertia, noise_share, max_share; stability (high) if that is asked for",
    ),
    Param::with_default(
        "require",
        Shape::Object(&require::PARAMS),
        "{}",
        "what a candidate must fulfil to be ranked at all",
    ),
    Param::optional(
        "stability",
        Shape::Object(&stability::PARAMS),
        "cluster rows drawn anew as each eligible candidate did, and compare: needs the input `matrix`, and adds to the \
         leaderboard `stability` (mean Jaccard coefficient of the segments), `least_stable`, `adjusted_rand` and \
         `jaccard` (each segment's, JSON)",
    ),
];

static OUTPUTS: [FixedOutput; 3] = [
    FixedOutput {
        name: "leaderboard",
        ty: PortType::Table,
        help: "one row a candidate, best first, with score, rank and reason",
    },
    FixedOutput { name: "labels", ty: PortType::Labels, help: "the winner's labels, unchanged" },
    FixedOutput { name: "model", ty: PortType::Clusterer, help: "the winner's model, unchanged" },
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    rank_by: BTreeMap<String, f64>,
    require: Require,
    stability: Option<stability::Asked>,
}

/// A candidate and what is known of it.
struct Entry<'a> {
    candidate: &'a Candidate,
    metrics: Table,
    algorithm: String,
    /// What it fails to fulfil.
    failures: Vec<String>,
    stability: Option<Stability>,
    /// `None` for one that is not eligible.
    standing: Option<Standing>,
}

impl Entry<'_> {
    /// Returns a metric, `None` for null.
    fn metric(&self, name: &str) -> Option<f64> {
        if name == stability::METRIC {
            return self.stability.as_ref().and_then(stability::mean);
        }
        number(&self.metrics, name)
    }
}

impl Kind for SelectClustering {
    fn name(&self) -> &'static str {
        "select.clustering"
    }

    fn version(&self) -> u32 {
        2
    }

    fn about(&self) -> &'static str {
        "Choose one clustering: requirements first, then a weighted mean of ranks, with a reason for each candidate"
    }

    fn params(&self) -> &'static [Param] {
        &PARAMS
    }

    fn inputs(&self) -> Inputs {
        Inputs::Fixed(&[
            InputPort {
                name: "candidates",
                ty: PortType::Clusterings,
                required: true,
                help: "the clustering stages to choose from",
            },
            InputPort {
                name: "matrix",
                ty: PortType::Matrix,
                required: false,
                help: "what the candidates clustered; only `stability` reads it",
            },
        ])
    }

    fn fixed_outputs(&self) -> &'static [FixedOutput] {
        &OUTPUTS
    }

    fn check(&self, given: &Given) -> Checked {
        let mut checked = Checked { problems: problems(&given.params), ..Checked::default() };
        checked.problems.extend(stability::problems(given));
        let more = stability::columns(given.params.get("stability").is_some_and(|s| !s.is_null()));
        let fields = leaderboard_fields().chain(more);
        let fields = fields.map(|(name, ty)| Field::new(name, ty, true)).collect();
        let schema = Arc::new(schema_with_id(fields, None));
        checked.schemas.insert("leaderboard".to_string(), schema);
        checked
    }

    fn run(&self, ctx: &mut StageCtx<'_>) -> Result<(), StageError> {
        let params: Params = ctx.params()?;
        let mut entries = ctx
            .candidates("candidates")
            .iter()
            .map(|candidate| read(candidate, &params.require))
            .collect::<Result<Vec<_>, _>>()?;
        if let Some(asked) = &params.stability {
            stability::measure(ctx, &mut entries, asked)?;
        }
        rank::rank(&mut entries, &params.rank_by);
        let Some(winner) = entries.first().filter(|e| e.standing.is_some()).map(|e| e.candidate)
        else {
            return Err(StageError::Data(reason::nobody(&entries)));
        };
        let mut columns = leaderboard(&entries, &params.rank_by)?;
        if params.stability.is_some() {
            columns.extend(stability::cells(&entries));
        }
        ctx.write("leaderboard", &Table::new(None, columns)?)?;
        ctx.copy(winner, "labels")?;
        ctx.copy(winner, "model")
    }
}

fn problems(params: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Some(weights) = params.get("rank_by").and_then(Value::as_object) {
        if weights.is_empty() {
            let help = "give at least one, as in `rank_by: { silhouette: 1 }`";
            problems.push(Problem::new(&["rank_by"], "no metric to rank by", help));
        }
        let known = || RANKED.iter().map(|metric| metric.name);
        for name in weights.keys().filter(|name| !known().any(|k| k == name.as_str())) {
            let mut help = names::suggestion(name, known());
            if help.is_empty() {
                help = format!("known metrics: {}", known().collect::<Vec<_>>().join(", "));
            }
            problems.push(Problem::new(
                &["rank_by", name],
                format!("`{name}` is no metric to rank by"),
                help,
            ));
        }
    }
    problems.extend(require::problems(params.get("require")));
    problems
}

/// Reads a candidate's metrics and holds them against the requirements.
fn read<'a>(candidate: &'a Candidate, require: &Require) -> Result<Entry<'a>, StageError> {
    let table = candidate.table("metrics")?;
    if table.n_rows() != 1 {
        return Err(StageError::Data(format!(
            "candidate `{}`: `metrics` has {} rows, expected 1",
            candidate.name,
            table.n_rows()
        )));
    }
    let missing = |error| StageError::Data(format!("candidate `{}`: {error}", candidate.name));
    for (name, _) in &METRIC_COLUMNS {
        table.column(name).map_err(missing)?;
    }
    let algorithm = table.texts("algorithm").map_err(missing)?.value(0).to_string();
    let failures = require.failures(|name| number(&table, name));
    Ok(Entry { candidate, metrics: table, algorithm, failures, stability: None, standing: None })
}

/// Returns a figure of a one-row table, `None` for null.
fn number(table: &Table, name: &str) -> Option<f64> {
    let array = compute::cast(table.column(name).ok()?, &DataType::Float64).ok()?;
    let values = array.as_primitive_opt::<Float64Type>()?;
    (values.len() == 1 && values.is_valid(0)).then(|| values.value(0))
}

fn leaderboard_fields() -> impl Iterator<Item = (&'static str, DataType)> {
    let before =
        [("stage", DataType::Utf8), ("algorithm", DataType::Utf8), ("params", DataType::Utf8)];
    let after = [
        ("eligible", DataType::Boolean),
        ("reason", DataType::Utf8),
        ("score", DataType::Float64),
        ("rank", DataType::Int64),
        ("chosen", DataType::Boolean),
    ];
    before.into_iter().chain(METRIC_COLUMNS).chain(after)
}

/// Returns the leaderboard's columns for entries in their final order.
fn leaderboard(
    entries: &[Entry<'_>],
    weights: &BTreeMap<String, f64>,
) -> Result<Vec<(&'static str, ArrayRef)>, StageError> {
    let params: Vec<String> =
        entries.iter().map(|e| canon::to_string(&e.candidate.params)).collect();
    let mut columns: Vec<(&'static str, ArrayRef)> = vec![
        ("stage", text_array(entries.iter().map(|e| &e.candidate.name))),
        ("algorithm", text_array(entries.iter().map(|e| &e.algorithm))),
        ("params", text_array(params)),
    ];
    for (name, ty) in METRIC_COLUMNS {
        let cells = entries
            .iter()
            .map(|e| Ok(compute::cast(e.metrics.column(name)?, &ty)?))
            .collect::<Result<Vec<_>, crate::frame::FrameError>>()?;
        let cells: Vec<&dyn Array> = cells.iter().map(AsRef::as_ref).collect();
        columns.push((name, compute::concat(&cells).map_err(crate::frame::FrameError::from)?));
    }
    let eligible: Vec<bool> = entries.iter().map(|e| e.standing.is_some()).collect();
    let scores: Float64Array =
        entries.iter().map(|e| e.standing.as_ref().map(|s| s.score)).collect();
    let ranks: Int64Array =
        (1..).zip(&eligible).map(|(rank, eligible)| eligible.then_some(rank)).collect();
    let chosen: Vec<bool> = (0..entries.len()).map(|i| i == 0).collect();
    columns.extend::<[(&'static str, ArrayRef); 5]>([
        ("eligible", Arc::new(BooleanArray::from(eligible))),
        ("reason", text_array(reason::all(entries, weights))),
        ("score", Arc::new(scores)),
        ("rank", Arc::new(ranks)),
        ("chosen", Arc::new(BooleanArray::from(chosen))),
    ]);
    Ok(columns)
}

#[cfg(test)]
mod tests;
