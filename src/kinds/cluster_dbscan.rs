//! `cluster.dbscan`. It does not know the mathematics; see [`crate::ml::cluster::dbscan`].

use serde::Deserialize;
use serde_json::Value;

use crate::{
    kinds::cluster_common::{self as common, Features, Figures, Fitted, Model, Place},
    ml::{
        Matrix,
        cluster::{
            dbscan::{self, Clustering},
            eps, order,
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

/// Clusters dense regions; the rest is noise. `confidence` is null. `model` has the parts `eps`, `min_samples`
/// and `core` (item: the row; segment, feature): a new row within `eps` of a core row belongs to the
/// nearest one's segment, else it is noise; so does, where only a `sample` is clustered, every row outside it.
pub struct ClusterDbscan;

static PARAMS: [Param; 4] = [
    Param::with_default(
        "eps",
        Shape::OneOf(&[Shape::Positive, Shape::Choice(&["auto"])]),
        "0.5",
        "radius of a neighbourhood, in units of the matrix; `auto` takes the highest knee of the sorted distances to \
         the min_samples-th neighbour that parts the data, at last their median",
    ),
    Param::with_default(
        "min_samples",
        Shape::int_from(1),
        "5",
        "rows within `eps`, itself included, that make a row part of a cluster's core",
    ),
    Param::optional(
        "sample",
        Shape::int_from(2),
        "cluster only so many rows, drawn at random, and give each other row the segment of the nearest core row \
         within `eps`; all rows if not given. `min_samples` counts rows of the sample",
    ),
    Param::with_default("seed", Shape::int_from(0), "0", "seed of the sample"),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    /// A number or `auto`; the shape allows nothing else.
    eps: Value,
    min_samples: usize,
    #[serde(default)]
    sample: Option<usize>,
    seed: u64,
}

impl Params {
    /// Clusters the rows of `x`, or a sample of them that is extended to all; returns the radius too.
    fn cluster(&self, x: &Matrix, work: &Work) -> Result<(f64, Clustering), StageError> {
        let Some(sample) = common::sample_of(x, self.sample, self.seed) else {
            return self.cluster_all(x, work);
        };
        let (eps, found) = self.cluster_all(&x.select_rows(&sample), work)?;
        Ok((eps, dbscan::extend(x, &sample, &found, eps, work)?))
    }

    fn cluster_all(&self, x: &Matrix, work: &Work) -> Result<(f64, Clustering), StageError> {
        match self.eps.as_f64() {
            Some(eps) => Ok((eps, dbscan::fit(x, eps, self.min_samples, work)?)),
            None => Ok(eps::auto(x, self.min_samples, work)?),
        }
    }
}

/// Returns the labels that these canonical parameters give the rows of `x`, in no particular order.
///
/// # Errors
/// As the stage itself.
pub(super) fn labels(params: &Value, x: &Matrix, work: &Work) -> Result<Vec<i32>, StageError> {
    let params: Params = common::params_of(params)?;
    Ok(params.cluster(x, work)?.1.labels)
}

impl Kind for ClusterDbscan {
    fn name(&self) -> &'static str {
        "cluster.dbscan"
    }

    fn version(&self) -> u32 {
        5
    }

    fn about(&self) -> &'static str {
        "Cluster dense regions of any shape and leave the rest as noise, segment -1; confidence is null"
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
        let features = common::read(ctx, |n, d| n * (d * size_of::<f64>() + 64))?;
        let (eps, found) = params.cluster(&features.x, ctx.work)?;
        let others = "have the segment of the nearest core row within `eps`";
        common::note_sample(ctx, &features.x, (params.sample, params.seed), others);
        if !params.eps.is_number() {
            ctx.note(format!("eps = {eps} by the knee of the k-distances"));
        }
        let places = order::by_size(&found.labels, order::n_clusters(&found.labels));
        let labels = order::relabel(&found.labels, &places);
        if places.is_empty() {
            ctx.note("every row is noise; raise `eps` or lower `min_samples`");
        }
        let fitted = Fitted {
            algorithm: "dbscan",
            confidence: vec![f64::NAN; labels.len()],
            labels: labels.clone(),
            figures: Figures::default(),
        };
        common::write(ctx, &features, fitted, |model| {
            model.push("eps", Place::default(), eps)?;
            model.push("min_samples", Place::default(), params.min_samples as f64)?;
            push_core(model, &features, &found, &labels)
        })
    }
}

fn push_core(
    model: &mut Model<'_>,
    features: &Features,
    found: &Clustering,
    labels: &[i32],
) -> Result<(), StageError> {
    for (row, &label) in labels.iter().enumerate() {
        let Ok(segment) = usize::try_from(label) else { continue };
        if !found.is_core[row] {
            continue;
        }
        let at = Place { item: Some(row), segment: Some(segment), ..Place::default() };
        for (name, v) in features.names.iter().zip(features.x.row(row)) {
            model.push("core", Place { feature: Some(name), ..at }, *v)?;
        }
    }
    Ok(())
}
