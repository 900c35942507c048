//! `cluster.hdbscan`. It does not know the mathematics; see [`crate::ml::cluster::hdbscan`].

use serde::Deserialize;
use serde_json::Value;

use crate::{
    kinds::cluster_common::{self as common, Features, Figures, Fitted, Model, Place, in_order},
    ml::{
        Matrix,
        cluster::{
            hdbscan::{self, Clustering, Selection},
            order,
        },
    },
    stage::{
        ctx::StageCtx,
        error::StageError,
        kind::{Checked, FixedOutput, Given, Inputs, Kind},
        params::{Param, Shape},
        work::Work,
    },
};

/// Clusters regions that stay together longest while the density is raised; the rest is noise. `confidence` is the
/// probability of membership: how deep in its segment a row lies, 0 for noise. `model` has the parts
/// `min_cluster_size`, `min_samples`, for each segment its `birth` and `death` (densities, 1 / distance), and for each
/// row with a segment (item: the row) its `core_distance` and `member` (segment, feature). A new row belongs to
/// the segment of the member with the least distance to it, that being not less than the member's core distance,
/// if 1 / distance is at least the segment's birth; else it is noise.
pub struct ClusterHdbscan;

static PARAMS: [Param; 5] = [
    Param::with_default(
        "min_cluster_size",
        Shape::int_from(2),
        "5",
        "fewer rows are noise, not a segment",
    ),
    Param::optional(
        "min_samples",
        Shape::int_from(1),
        "rows, itself included, within a row's core distance: more of them smooth the density; min_cluster_size if \
         not given",
    ),
    Param::with_default(
        "cluster_selection_epsilon",
        Shape::NOT_NEGATIVE,
        "0.0",
        "segments that part only below this distance, in units of the matrix, stay one",
    ),
    Param::with_default(
        "cluster_selection_method",
        Shape::Choice(&["eom", "leaf"]),
        "\"eom\"",
        "the most stable clusters of the hierarchy (excess of mass), or its finest",
    ),
    Param::with_default(
        "allow_single_cluster",
        Shape::Bool,
        "false",
        "whether all rows may be one segment",
    ),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    min_cluster_size: usize,
    #[serde(default)]
    min_samples: Option<usize>,
    cluster_selection_epsilon: f64,
    cluster_selection_method: String,
    allow_single_cluster: bool,
}

impl Params {
    fn checked(&self) -> hdbscan::Params {
        hdbscan::Params {
            min_cluster_size: self.min_cluster_size,
            min_samples: self.min_samples.unwrap_or(self.min_cluster_size),
            cluster_selection_epsilon: self.cluster_selection_epsilon,
            cluster_selection_method: match self.cluster_selection_method.as_str() {
                "leaf" => Selection::Leaf,
                _ => Selection::Eom,
            },
            allow_single_cluster: self.allow_single_cluster,
        }
    }
}

/// Returns the labels that these canonical parameters give the rows of `x`, in no particular order.
///
/// # Errors
/// As the stage itself.
pub(super) fn labels(params: &Value, x: &Matrix, work: &Work) -> Result<Vec<i32>, StageError> {
    let params: Params = common::params_of(params)?;
    Ok(hdbscan::fit(x, &params.checked(), work)?.labels)
}

impl Kind for ClusterHdbscan {
    fn name(&self) -> &'static str {
        "cluster.hdbscan"
    }

    fn version(&self) -> u32 {
        3
    }

    fn about(&self) -> &'static str {
        "Cluster dense regions of any shape and of different densities, found without a radius, and leave the rest as \
         noise, segment -1; confidence is the probability of membership, 0 for noise"
    }

    fn params(&self) -> &'static [Param] {
        &PARAMS
    }

    fn inputs(&self) -> Inputs {
        common::INPUTS
    }

    fn fixed_outputs(&self) -> &'static [FixedOutput] {
        &common::OUTPUTS
    }

    fn check(&self, given: &Given) -> Checked {
        common::checked(given)
    }

    fn run(&self, ctx: &mut StageCtx<'_>) -> Result<(), StageError> {
        let params: Params = ctx.params()?;
        let features = common::read(ctx, |n, d| n * (d * size_of::<f64>() + 128))?;
        let params = params.checked();
        let found = hdbscan::fit(&features.x, &params, ctx.work)?;
        let places = order::by_size(&found.labels, order::n_clusters(&found.labels));
        let labels = order::relabel(&found.labels, &places);
        if places.is_empty() {
            ctx.note(
                "every row is noise: no two regions stay apart long enough; lower `min_cluster_size`, or set \
                 `allow_single_cluster` if one segment is an answer",
            );
        }
        let fitted = Fitted {
            algorithm: "hdbscan",
            confidence: found.probabilities.clone(),
            labels: labels.clone(),
            figures: Figures::default(),
        };
        common::write(ctx, &features, fitted, |model| {
            model.push("min_cluster_size", Place::default(), params.min_cluster_size as f64)?;
            model.push("min_samples", Place::default(), params.min_samples as f64)?;
            push_lives(model, &found, &places)?;
            push_members(model, &features, &found, &labels)
        })
    }
}

fn push_lives(
    model: &mut Model<'_>,
    found: &Clustering,
    places: &[usize],
) -> Result<(), StageError> {
    for (segment, cluster) in in_order(places) {
        let at = Place { segment: Some(segment), ..Place::default() };
        model.push("birth", at, found.births[cluster])?;
        model.push("death", at, found.deaths[cluster])?;
    }
    Ok(())
}

fn push_members(
    model: &mut Model<'_>,
    features: &Features,
    found: &Clustering,
    labels: &[i32],
) -> Result<(), StageError> {
    for (row, &label) in labels.iter().enumerate() {
        let Ok(segment) = usize::try_from(label) else { continue };
        let at = Place { item: Some(row), segment: Some(segment), ..Place::default() };
        model.push("core_distance", at, found.core_distances[row])?;
        for (name, v) in features.names.iter().zip(features.x.row(row)) {
            model.push("member", Place { feature: Some(name), ..at }, *v)?;
        }
    }
    Ok(())
}
