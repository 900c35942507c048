//! `cluster.kmeans`. It does not know the mathematics; see [`crate::ml::cluster::kmeans`].

use serde::Deserialize;
use serde_json::Value;

use crate::{
    kinds::cluster_common::{self as common, Figures, Fitted},
    ml::{
        Matrix,
        cluster::{
            growing,
            kmeans::{self, KMeans, KMeansParams},
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

static PARAMS: [Param; 6] = [
    Param::required("k", Shape::int_from(1), "number of clusters"),
    Param::with_default("n_init", Shape::int_from(1), "1", "starts; the least inertia wins"),
    Param::with_default("max_iter", Shape::int_from(1), "300", "most iterations of one start"),
    Param::with_default(
        "tol",
        Shape::NOT_NEGATIVE,
        "1e-4",
        "a start ends when the centroids' squared shift is at most this times the mean variance",
    ),
    Param::optional(
        "sample",
        Shape::int_from(2),
        "iterate over only so many rows, drawn at random, and give each other row the segment of the nearest centroid, \
         for tables of many millions of rows; all rows if not given",
    ),
    Param::with_default("seed", Shape::int_from(0), "0", "seed of the starts and the sample"),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    k: usize,
    n_init: usize,
    max_iter: usize,
    tol: f64,
    #[serde(default)]
    sample: Option<usize>,
    seed: u64,
}

impl Params {
    /// Clusters the rows of `x`, or a sample of them that is extended to all. Also returns, of a sample, how large the mean
    /// squared distance to the own centroid is among its rows and among all, where that is not the same.
    fn cluster(&self, x: &Matrix, work: &Work) -> Result<(KMeans, Option<[f64; 2]>), StageError> {
        let Params { k, n_init, max_iter, tol, sample, seed } = *self;
        let params = KMeansParams { k, n_init, max_iter, tol, seed };
        let Some(sample) = common::sample_of(x, sample, seed) else {
            return Ok((kmeans::fit(x, &params, work)?, None));
        };
        let found = kmeans::fit(&x.select_rows(&sample), &params, work)?;
        let of_sample = found.inertia / sample.len() as f64;
        let all = kmeans::extend(x, found, work)?;
        let of_all = all.inertia / x.n_rows() as f64;
        let differs = !growing::holds(of_sample, of_all);
        Ok((all, differs.then_some([of_sample, of_all])))
    }
}

/// Returns the labels that these canonical parameters give the rows of `x`, in no particular order.
///
/// # Errors
/// As the stage itself.
pub(super) fn labels(params: &Value, x: &Matrix, work: &Work) -> Result<Vec<i32>, StageError> {
    let params: Params = common::params_of(params)?;
    Ok(params.cluster(x, work)?.0.labels)
}

impl Kind for ClusterKMeans {
    fn name(&self) -> &'static str {
        "cluster.kmeans"
    }

    fn version(&self) -> u32 {
        4
    }

    fn about(&self) -> &'static str {
        "Cluster rows around k means (greedy k-means++, Lloyd; from 65,536 rows on each start goes over random parts of \
         them first); confidence is 1 - a/b for the distances a to the own and b to the next centroid"
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
        // A sample, and the parts that iterations begin with.
        let features = common::read(ctx, |n, d| {
            let n_copied = growing::n_rows(n) + params.sample.unwrap_or(0).min(n);
            n_copied * d * size_of::<f64>() + 64 * n
        })?;
        let (fitted, differing) = params.cluster(&features.x, ctx.work)?;
        let others = "have the segment of the nearest centroid";
        common::note_sample(ctx, &features.x, (params.sample, params.seed), others);
        if let Some([of_sample, of_all]) = differing {
            ctx.note(format!(
                "the sample does not stand for all rows: the mean squared distance to the own centroid is {of_sample:.4} \
                 in it and {of_all:.4} in all; take a larger one, or none"
            ));
        }
        let n_clusters = fitted.centroids.n_rows();
        common::note_fewer(ctx, params.k, n_clusters);
        common::note_cap(ctx, fitted.converged, params.max_iter);
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
