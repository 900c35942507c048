//! `cluster.hierarchical`. It does not know the mathematics; see [`crate::ml::cluster::hierarchical`].

use serde::Deserialize;
use serde_json::Value;

use crate::{
    kinds::cluster_common::{self as common, Figures, Fitted, Model, Place},
    ml::{
        Matrix,
        cluster::{
            hierarchical::{self, Linkage, Merge},
            means, order,
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

/// Clusters rows by merging the two nearest clusters until k are left. `confidence` is null. `model` has
/// the parts `centroid` (segment, feature: the means, nearest for a new row) and, for the dendrogram, for each
/// merge `item` = 0, 1, ... the parts `left`, `right` (a row, or the number of rows plus an earlier merge's
/// item), `distance` and `size`: the columns of SciPy's linkage matrix.
pub struct ClusterHierarchical;

static PARAMS: [Param; 2] = [
    Param::required("k", Shape::int_from(1), "number of clusters"),
    Param::with_default(
        "linkage",
        Shape::Choice(&["ward", "average", "complete", "single"]),
        "\"ward\"",
        "distance between clusters; average and complete keep all pairs of rows in memory",
    ),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    k: usize,
    linkage: String,
}

/// Returns the labels that these canonical parameters give the rows of `x`, in no particular order.
///
/// # Errors
/// As the stage itself.
pub(super) fn labels(params: &Value, x: &Matrix, work: &Work) -> Result<Vec<i32>, StageError> {
    let params: Params = common::params_of(params)?;
    let merges = hierarchical::tree(x, params.linkage(), work)?;
    Ok(hierarchical::cut(&merges, x.n_rows(), params.k)?)
}

impl Params {
    fn linkage(&self) -> Linkage {
        match self.linkage.as_str() {
            "average" => Linkage::Average,
            "complete" => Linkage::Complete,
            "single" => Linkage::Single,
            _ => Linkage::Ward,
        }
    }
}

impl Kind for ClusterHierarchical {
    fn name(&self) -> &'static str {
        "cluster.hierarchical"
    }

    fn version(&self) -> u32 {
        2
    }

    fn about(&self) -> &'static str {
        "Cluster rows by merging the two nearest clusters until k are left (ward, average, complete, single); \
         confidence is null"
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
        let linkage = params.linkage();
        let features = common::read(ctx)?;
        let n_rows = features.x.n_rows();
        // One tree, cut at every k that is asked for.
        let name = format!("cluster.hierarchical {}", params.linkage);
        let merges = ctx
            .shared("matrix", &name, || Ok(hierarchical::tree(&features.x, linkage, ctx.work)?))?;
        let labels = hierarchical::cut(&merges, n_rows, params.k)?;
        let labels = order::relabel(&labels, &order::by_size(&labels, params.k));
        let mut model = Model::new("cluster.hierarchical");
        let centroids = means(&features.x, &labels, params.k, &ctx.work.pool);
        let places: Vec<usize> = (0..params.k).collect();
        model.push_by_segment("centroid", &features.names, &centroids, &places);
        push_merges(&mut model, &merges);
        let fitted = Fitted {
            algorithm: "hierarchical",
            labels,
            confidence: vec![f64::NAN; n_rows],
            model,
            figures: Figures::default(),
        };
        common::write(ctx, &features, fitted)
    }
}

fn push_merges(model: &mut Model, merges: &[Merge]) {
    for (item, merge) in merges.iter().enumerate() {
        let at = Place { item: Some(item), ..Place::default() };
        model.push("left", at, merge.left as f64);
        model.push("right", at, merge.right as f64);
        model.push("distance", at, merge.distance);
        model.push("size", at, merge.size as f64);
    }
}
