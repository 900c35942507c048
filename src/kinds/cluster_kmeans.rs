//! `cluster.kmeans`. It does not know the mathematics; see [`crate::ml::cluster::kmeans`].

use serde::Deserialize;
use serde_json::Value;

use crate::{
    kinds::cluster_common::{self as common, Figures, Fitted, Needs},
    ml::{
        Matrix,
        cluster::{
            kmeans::{self, KMeansParams},
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

/// Clusters rows around means. `confidence` is `(b - a) / b` for the distances `a` to the own centroid and
/// `b` to the nearest other one: 0 on the border, 1 on the centroid, null with one segment. `model` has the parts
/// `centroid` (segment, feature) and nothing else: a new row belongs to the nearest.
pub struct ClusterKMeans;

static PARAMS: [Param; 5] = [
    Param::required("k", Shape::int_from(1), "number of clusters"),
    Param::with_default("n_init", Shape::int_from(1), "1", "starts; the least inertia wins"),
    Param::with_default("max_iter", Shape::int_from(1), "300", "most iterations of one start"),
    Param::with_default(
        "tol",
        Shape::NOT_NEGATIVE,
        "1e-4",
        "a start ends when the centroids' squared shift is at most this times the mean variance",
    ),
    Param::with_default("seed", Shape::int_from(0), "0", "seed of the starts"),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    k: usize,
    n_init: usize,
    max_iter: usize,
    tol: f64,
    seed: u64,
}

/// Returns the labels that these canonical parameters give the rows of `x`, in no particular order.
///
/// # Errors
/// As the stage itself.
pub(super) fn labels(params: &Value, x: &Matrix, work: &Work) -> Result<Vec<i32>, StageError> {
    let Params { k, n_init, max_iter, tol, seed } = common::params_of(params)?;
    let params = KMeansParams { k, n_init, max_iter, tol, seed };
    Ok(kmeans::fit(x, &params, work)?.labels)
}

impl Kind for ClusterKMeans {
    fn name(&self) -> &'static str {
        "cluster.kmeans"
    }

    fn version(&self) -> u32 {
        3
    }

    fn about(&self) -> &'static str {
        "Cluster rows around k means (greedy k-means++, Lloyd); confidence is 1 - a/b for the distances a to the \
         own and b to the next centroid"
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
        let Params { k, n_init, max_iter, tol, seed } = ctx.params()?;
        let features = common::read(ctx, &Needs { matrices: 0, by_row: 64 })?;
        let params = KMeansParams { k, n_init, max_iter, tol, seed };
        let fitted = kmeans::fit(&features.x, &params, ctx.work)?;
        let n_clusters = fitted.centroids.n_rows();
        common::note_fewer(ctx, k, n_clusters);
        common::note_cap(ctx, fitted.converged, max_iter);
        let places = order::by_size(&fitted.labels, n_clusters);
        let figures = Figures {
            inertia: Some(fitted.inertia),
            iterations: Some(fitted.iterations),
            converged: Some(fitted.converged),
            ..Figures::default()
        };
        let told = Fitted {
            algorithm: "kmeans",
            labels: order::relabel(&fitted.labels, &places),
            confidence: kmeans::margins(&features.x, &fitted, &ctx.work.pool),
            figures,
        };
        common::write(ctx, &features, told, |model| {
            model.push_by_segment("centroid", &features.names, &fitted.centroids, &places)
        })
    }
}
