//! `cluster.gmm`. It does not know the mathematics; see [`crate::ml::cluster::gmm`].

use serde::Deserialize;
use serde_json::Value;

use crate::{
    kinds::cluster_common::{self as common, Figures, Fitted, Model, Place},
    ml::{
        Matrix,
        cluster::{
            gmm::{self, Covariance, Covariances, Gmm, GmmParams},
            growing, order,
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

/// Clusters rows by a mixture of Gaussians. `confidence` is the posterior probability of the row's segment. `model`
/// has the parts `weight` (segment), `mean` (segment, feature) and `covariance` (segment, feature,
/// other): every pair of features for `full` and `tied` (whose one matrix has a null segment), the
/// variances alone for `diag` and `spherical`. A component that is no row's most probable one has a
/// segment number there, but no rows.
pub struct ClusterGmm;

static PARAMS: [Param; 7] = [
    Param::required("k", Shape::int_from(1), "number of components"),
    Param::with_default(
        "covariance",
        Shape::Choice(&["full", "tied", "diag", "spherical"]),
        "\"full\"",
        "shape of the components: own matrix, one shared matrix, own variances, one own variance",
    ),
    Param::with_default("n_init", Shape::int_from(1), "1", "starts; the highest likelihood wins"),
    Param::with_default("max_iter", Shape::int_from(1), "100", "most iterations of one start"),
    Param::with_default(
        "tol",
        Shape::NOT_NEGATIVE,
        "1e-3",
        "a start ends when the mean log-likelihood changes by less than this",
    ),
    Param::with_default(
        "reg_covar",
        Shape::NOT_NEGATIVE,
        "1e-6",
        "added to every variance, so that a component on equal rows keeps a density",
    ),
    Param::with_default("seed", Shape::int_from(0), "0", "seed of the k-means starts"),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    k: usize,
    covariance: String,
    n_init: usize,
    max_iter: usize,
    tol: f64,
    reg_covar: f64,
    seed: u64,
}

impl Params {
    fn checked(self) -> GmmParams {
        let covariance = match self.covariance.as_str() {
            "tied" => Covariance::Tied,
            "diag" => Covariance::Diag,
            "spherical" => Covariance::Spherical,
            _ => Covariance::Full,
        };
        let Params { k, n_init, max_iter, tol, reg_covar, seed, .. } = self;
        GmmParams { k, covariance, n_init, max_iter, tol, reg_covar, seed }
    }
}

/// Returns the labels that these canonical parameters give the rows of `x`, in no particular order.
///
/// # Errors
/// As the stage itself.
pub(super) fn labels(params: &Value, x: &Matrix, work: &Work) -> Result<Vec<i32>, StageError> {
    let params: Params = common::params_of(params)?;
    Ok(gmm::fit(x, &params.checked(), work)?.labels)
}

impl Kind for ClusterGmm {
    fn name(&self) -> &'static str {
        "cluster.gmm"
    }

    fn version(&self) -> u32 {
        5
    }

    fn about(&self) -> &'static str {
        "Cluster rows by a mixture of k Gaussians (expectation-maximisation from k-means, the first start from the best \
         of four; from 65,536 rows on each goes over random parts of them first); confidence is the posterior of the \
         row's segment, log_likelihood the total over the rows"
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
        let params = ctx.params::<Params>()?.checked();
        // An arrangement of all rows; the parts that iterations begin with, arranged too; and the posteriors of all.
        let features = common::read(ctx, |n, d| {
            let n_parts = growing::n_rows(n);
            let values = (n + 2 * n_parts) * d;
            let posteriors = (n + n_parts).saturating_mul(params.k);
            values.saturating_add(posteriors).saturating_add(4 * n).saturating_mul(size_of::<f64>())
        })?;
        let fitted = gmm::fit(&features.x, &params, ctx.work)?;
        let n_components = fitted.means.n_rows();
        common::note_fewer(ctx, params.k, n_components);
        common::note_cap(ctx, fitted.converged, params.max_iter);
        let places = order::by_size(&fitted.labels, n_components);
        let labels = order::relabel(&fitted.labels, &places);
        let n_used = labels.iter().map(|l| l + 1).max().unwrap_or(0) as usize;
        if n_used < n_components {
            ctx.note(format!(
                "{} of {n_components} components are no row's most probable one: {n_used} segments",
                n_components - n_used
            ));
        }
        let figures = Figures {
            inertia: None,
            log_likelihood: Some(fitted.log_likelihood),
            bic: Some(fitted.bic()),
            aic: Some(fitted.aic()),
            iterations: Some(fitted.iterations),
            converged: Some(fitted.converged),
            ..Figures::default()
        };
        let confidence = fitted.posteriors.clone();
        let told = Fitted { algorithm: "gmm", labels, confidence, figures };
        common::write(ctx, &features, told, |model| {
            push_model(model, &fitted, &features.names, &places)
        })
    }
}

fn push_model(
    model: &mut Model<'_>,
    fitted: &Gmm,
    names: &[String],
    places: &[usize],
) -> Result<(), StageError> {
    for (segment, cluster) in common::in_order(places) {
        let at = Place { segment: Some(segment), ..Place::default() };
        model.push("weight", at, fitted.weights[cluster])?;
    }
    model.push_by_segment("mean", names, &fitted.means, places)?;
    if let Covariances::Tied(_) = fitted.covariances {
        return push_covariance(model, fitted, names, None, 0);
    }
    for (segment, cluster) in common::in_order(places) {
        push_covariance(model, fitted, names, Some(segment), cluster)?;
    }
    Ok(())
}

fn push_covariance(
    model: &mut Model<'_>,
    fitted: &Gmm,
    names: &[String],
    segment: Option<usize>,
    cluster: usize,
) -> Result<(), StageError> {
    let dense = matches!(fitted.covariances, Covariances::Full(_) | Covariances::Tied(_));
    for (i, feature) in names.iter().enumerate() {
        for (j, other) in names.iter().enumerate() {
            if dense || i == j {
                let at = Place { item: None, segment, feature: Some(feature), other: Some(other) };
                model.push("covariance", at, fitted.covariances.get(cluster, i, j))?;
            }
        }
    }
    Ok(())
}
