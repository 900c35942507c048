//! Whether a candidate's segments come back when rows are drawn anew. It does not know how that is compared.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Float64Array},
    datatypes::DataType,
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    frame::table::opt_text_array,
    kinds::{
        cluster_dbscan, cluster_gmm, cluster_hdbscan, cluster_hierarchical, cluster_kmeans,
        select_clustering::Entry,
    },
    ml::{
        Matrix,
        cluster::{
            order,
            stability::{self, Stability},
        },
    },
    stage::{
        ctx::{Candidate, StageCtx},
        error::StageError,
        kind::{Given, Problem},
        params::{Param, Shape},
        work::Work,
    },
};

/// The name under which candidates may be ranked by it.
pub(super) const METRIC: &str = "stability";

/// The parameters under `stability`.
pub(super) static PARAMS: [Param; 2] = [
    Param::with_default(
        "resamples",
        Shape::Int { min: 1, max: 10_000 },
        "20",
        "how many times rows are drawn (with replacement, each used once) and clustered",
    ),
    Param::with_default("seed", Shape::int_from(0), "0", "seed of the draws"),
];

/// What was asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    resamples: usize,
    seed: u64,
}

type Labels = fn(&Value, &Matrix, &Work) -> Result<Vec<i32>, StageError>;

/// The kinds that can be asked again.
const CLUSTERERS: [(&str, Labels); 5] = [
    ("cluster.kmeans", cluster_kmeans::labels),
    ("cluster.gmm", cluster_gmm::labels),
    ("cluster.hierarchical", cluster_hierarchical::labels),
    ("cluster.dbscan", cluster_dbscan::labels),
    ("cluster.hdbscan", cluster_hdbscan::labels),
];

/// Returns what is wrong with asking, or not asking, for stability.
pub(super) fn problems(given: &Given) -> Option<Problem> {
    let asked = given.params.get("stability").is_some_and(|s| !s.is_null());
    if asked && !given.inputs.contains_key("matrix") {
        let help = "connect what the candidates clustered, as in `inputs: { candidates: [...], matrix: prepare.matrix }`";
        return Some(Problem::new(&["stability"], "needs the input `matrix`", help));
    }
    let ranked = given.params.get("rank_by").and_then(|by| by.get(METRIC)).is_some();
    (ranked && !asked).then(|| {
        let help = "ask for it beside `rank_by`, as in `stability: { resamples: 20 }`";
        Problem::new(&["rank_by", METRIC], "`stability` is not measured", help)
    })
}

/// Returns the columns that the leaderboard has at its end when stability is asked for.
pub(super) fn columns(asked: bool) -> Vec<(&'static str, DataType)> {
    let columns = [
        (METRIC, DataType::Float64),
        ("least_stable", DataType::Float64),
        ("adjusted_rand", DataType::Float64),
        ("jaccard", DataType::Utf8),
    ];
    if asked { columns.into() } else { Vec::new() }
}

/// Measures the candidates that fulfil all requirements.
pub(super) fn measure(
    ctx: &StageCtx<'_>,
    entries: &mut [Entry<'_>],
    asked: &Asked,
) -> Result<(), StageError> {
    let matrix = ctx.table("matrix")?;
    let (id_name, _) = matrix.id()?;
    let (_, x) = matrix.to_matrix()?;
    let eligible = || entries.iter().filter(|e| e.failures.is_empty());
    ctx.work.progress.set_total(eligible().count() as u64);
    for entry in entries.iter_mut().filter(|e| e.failures.is_empty()) {
        let candidate = entry.candidate;
        let named = |error: StageError| match error {
            StageError::Data(fact) => {
                StageError::Data(format!("stability of candidate `{}`: {fact}", candidate.name))
            }
            other => other,
        };
        let labels = candidate.table("labels")?;
        if labels.id()? != matrix.id()? {
            return Err(named(StageError::Data(format!(
                "its labels are of other rows than the input `matrix` (by `{id_name}`); connect the matrix that it clustered"
            ))));
        }
        let labels: Vec<i32> =
            labels.integers("segment")?.iter().map(|l| l.unwrap_or(-1) as i32).collect();
        let again = |x: &Matrix| again(candidate, x, ctx.work);
        if again(&x).map_err(named)? != labels {
            return Err(named(StageError::Data(
                "it makes other segments of the input `matrix`; connect the matrix that it clustered"
                    .to_string(),
            )));
        }
        let draws = (asked.resamples, asked.seed);
        let found = stability::bootstrap(&x, &labels, draws, || ctx.work.check(), again);
        entry.stability = Some(found.map_err(drawn).map_err(named)?);
        ctx.work.progress.advance(1);
    }
    Ok(())
}

/// Says of what fails on drawn rows alone what to do about it.
fn drawn(error: StageError) -> StageError {
    match error {
        StageError::Data(fact) => StageError::Data(format!(
            "{fact} (some two thirds of the rows are drawn); offer fewer segments, or leave `stability` out"
        )),
        other => other,
    }
}

/// Clusters rows as a candidate did; segments are ordered as its labels are.
fn again(candidate: &Candidate, x: &Matrix, work: &Work) -> Result<Vec<i32>, StageError> {
    let known = CLUSTERERS.iter().find(|(kind, _)| *kind == candidate.kind);
    let (_, labels) = known
        .ok_or_else(|| StageError::Data(format!("a `{}` cannot be asked again", candidate.kind)))?;
    // Its progress is not the selection's.
    let quiet = work.quiet();
    let labels = labels(&candidate.params, x, &quiet)?;
    Ok(order::relabel(&labels, &order::by_size(&labels, order::n_clusters(&labels))))
}

/// Returns the mean of the segments' coefficients, `None` without segments.
pub(super) fn mean(stability: &Stability) -> Option<f64> {
    let known: Vec<f64> = stability.jaccard.iter().copied().filter(|j| !j.is_nan()).collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}

/// Returns the leaderboard's columns for entries in their final order; null for what was not measured.
pub(super) fn cells(entries: &[Entry<'_>]) -> [(&'static str, ArrayRef); 4] {
    let floats = |f: &dyn Fn(&Stability) -> Option<f64>| -> ArrayRef {
        Arc::new(entries.iter().map(|e| e.stability.as_ref().and_then(f)).collect::<Float64Array>())
    };
    let least = |s: &Stability| s.jaccard.iter().copied().filter(|j| !j.is_nan()).reduce(f64::min);
    let list =
        |e: &Entry<'_>| e.stability.as_ref().map(|s| serde_json::json!(s.jaccard).to_string());
    [
        (METRIC, floats(&mean)),
        ("least_stable", floats(&least)),
        ("adjusted_rand", floats(&|s| Some(s.adjusted_rand))),
        ("jaccard", opt_text_array(entries.iter().map(list))),
    ]
}
