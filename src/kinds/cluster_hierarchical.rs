//! `cluster.hierarchical`. It does not know the mathematics; see [`crate::ml::cluster::hierarchical`].

use serde::Deserialize;
use serde_json::Value;

use crate::{
    kinds::cluster_common::{self as common, Figures, Fitted, Model, Place},
    ml::{
        Matrix,
        cluster::{
            hierarchical::{self, Linkage, MAX_PAIRWISE_ROWS, MICRO_CLUSTERS, Merge, TwoStep},
            means,
            micro::Micro,
            order,
        },
    },
    stage::{
        ctx::StageCtx,
        error::StageError,
        kind::{Checked, FixedOutput, Given, Inputs, Kind},
        params::{Param, Shape},
        shared::Keep,
        work::Work,
    },
};

/// Clusters rows by merging the two nearest clusters until k are left. `confidence` is null. `model` has
/// the parts `centroid` (segment, feature: the means, nearest for a new row) and, for the dendrogram, for each
/// merge `item` = 0, 1, ... the parts `left`, `right` (a row, or the number of rows plus an earlier merge's
/// item), `distance` and `size`: the columns of SciPy's linkage matrix. Where more than `exact_rows` rows differ, k-means
/// makes micro-clusters first, and these are merged by their means and sizes: `left` and `right` then speak of
/// them in the place of rows, and `micro_centroid` (item, feature) and `micro_size` (item) tell what they are. A note
/// says so, and the metrics' `params` have `micro_clusters`, their number.
pub struct ClusterHierarchical;

static PARAMS: [Param; 4] = [
    Param::required("k", Shape::int_from(1), "number of clusters"),
    Param::with_default(
        "linkage",
        Shape::Choice(&["ward", "average", "complete", "single"]),
        "\"ward\"",
        "distance between clusters; average and complete keep all pairs of rows in memory",
    ),
    Param::with_default(
        "exact_rows",
        Shape::int_from(2),
        "50000",
        "different rows up to which every row is merged (average and complete: 16384 at most); above, some thousand \
         micro-clusters of k-means are merged in their place",
    ),
    Param::with_default("seed", Shape::int_from(0), "0", "seed of the micro-clusters"),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    k: usize,
    linkage: String,
    exact_rows: usize,
    seed: u64,
}

/// Returns the labels that these canonical parameters give the rows of `x`, in no particular order.
///
/// # Errors
/// As the stage itself.
pub(super) fn labels(params: &Value, x: &Matrix, work: &Work) -> Result<Vec<i32>, StageError> {
    let params: Params = common::params_of(params)?;
    Ok(hierarchical::fit(x, params.linkage(), params.two_step(), work)?.cut(params.k)?)
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

    fn two_step(&self) -> TwoStep {
        TwoStep {
            exact_rows: self.exact_rows,
            n_groups: MICRO_CLUSTERS.max(self.k.saturating_mul(16)),
            seed: self.seed,
        }
    }
}

impl Kind for ClusterHierarchical {
    fn name(&self) -> &'static str {
        "cluster.hierarchical"
    }

    fn version(&self) -> u32 {
        5
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
        let (linkage, two_step) = (params.linkage(), params.two_step());
        let features = common::read(ctx, |n, d| n * (d * size_of::<f64>() + 64))?;
        let n_rows = features.x.n_rows();
        // One tree, cut at every k that is asked for.
        let name = format!("cluster.hierarchical {} {two_step:?}", params.linkage);
        let tree = ctx.shared("matrix", &name, Keep::ToTheEnd, || {
            Ok(hierarchical::fit(&features.x, linkage, two_step, ctx.work)?)
        })?;
        if let Some(micro) = &tree.micro {
            ctx.note(two_step_note(n_rows, micro, linkage, params.exact_rows));
        }
        let labels = tree.cut(params.k)?;
        if tree.parts_equals(params.k) {
            ctx.note("equal rows are in different segments; lower `k`, as fewer rows differ");
        }
        let labels = order::relabel(&labels, &order::by_size(&labels, params.k));
        let centroids = means(&features.x, &labels, params.k, &ctx.work.pool);
        let places: Vec<usize> = (0..params.k).collect();
        let fitted = Fitted {
            algorithm: "hierarchical",
            labels,
            confidence: vec![f64::NAN; n_rows],
            figures: Figures {
                micro_clusters: tree.micro.as_ref().map(|micro| micro.sizes.len()),
                ..Figures::default()
            },
        };
        common::write(ctx, &features, fitted, |model| {
            model.push_by_segment("centroid", &features.names, &centroids, &places)?;
            push_merges(model, &tree.merges)?;
            tree.micro.as_ref().map_or(Ok(()), |micro| push_micro(model, &features.names, micro))
        })
    }
}

fn push_merges(model: &mut Model<'_>, merges: &[Merge]) -> Result<(), StageError> {
    for (item, merge) in merges.iter().enumerate() {
        let at = Place { item: Some(item), ..Place::default() };
        model.push("left", at, merge.left as f64)?;
        model.push("right", at, merge.right as f64)?;
        model.push("distance", at, merge.distance)?;
        model.push("size", at, merge.size as f64)?;
    }
    Ok(())
}

fn push_micro(model: &mut Model<'_>, names: &[String], micro: &Micro) -> Result<(), StageError> {
    for (item, (size, mean)) in micro.sizes.iter().zip(micro.means.rows()).enumerate() {
        let at = Place { item: Some(item), ..Place::default() };
        model.push("micro_size", at, *size as f64)?;
        for (name, v) in names.iter().zip(mean) {
            model.push("micro_centroid", Place { feature: Some(name), ..at }, *v)?;
        }
    }
    Ok(())
}

fn two_step_note(n_rows: usize, micro: &Micro, linkage: Linkage, exact_rows: usize) -> String {
    let n_micro = micro.sizes.len();
    let pairs = matches!(linkage, Linkage::Average | Linkage::Complete);
    let why = if pairs && MAX_PAIRWISE_ROWS < exact_rows {
        let gib = n_rows as f64 * n_rows as f64 * 4.0 / f64::from(1 << 30);
        format!("all pairs of rows would take {gib:.1} GiB, the limit is {MAX_PAIRWISE_ROWS} rows")
    } else {
        format!("exact_rows = {exact_rows}")
    };
    format!("two steps: {n_rows} rows in {n_micro} micro-clusters, and these merged; {why}")
}
