//! Density, trees of merges, principal components. It does not know the peers' figures.

use orchestrate::ml::{
    cluster::{
        dbscan,
        hdbscan::{self, Selection},
        hierarchical,
    },
    pca::{Keep, Pca},
};
use serde_json::{Value, json};

use crate::case::{Bench, Case, adjusted_rand};

pub const CASES: &[Case] = &[
    Case { name: "dbscan20k", run: |b| density(b, "blobs20k_4") },
    Case { name: "dbscan100k", run: |b| density(b, "blobs100k_4") },
    Case { name: "hdbscan20k", run: hierarchy },
    Case { name: "ward10k", run: ward },
    Case { name: "pca100k", run: components },
];

fn density(bench: &mut Bench, name: &str) -> anyhow::Result<Value> {
    let x = bench.matrix(name, 4)?;
    let found = bench.timed(|work| dbscan::fit(&x, 0.6, 10, work))?;
    figures(bench, name, &found.labels)
}

fn hierarchy(bench: &mut Bench) -> anyhow::Result<Value> {
    let x = bench.matrix("blobs20k_4", 4)?;
    let params = hdbscan::Params {
        min_cluster_size: 50,
        min_samples: 50,
        cluster_selection_epsilon: 0.0,
        cluster_selection_method: Selection::Eom,
        allow_single_cluster: false,
    };
    let found = bench.timed(|work| hdbscan::fit(&x, &params, work))?;
    figures(bench, "blobs20k_4", &found.labels)
}

fn figures(bench: &Bench, name: &str, labels: &[i32]) -> anyhow::Result<Value> {
    let clusters = labels.iter().max().map_or(0, |label| label + 1);
    let noise = labels.iter().filter(|&&label| label < 0).count();
    let ari = adjusted_rand(&bench.classes(name)?, labels);
    Ok(json!({ "clusters": clusters, "noise": noise, "ari": ari }))
}

fn ward(bench: &mut Bench) -> anyhow::Result<Value> {
    let x = bench.matrix("blobs10k_16", 16)?;
    let labels = bench.timed(|work| {
        let tree = hierarchical::tree(&x, hierarchical::Linkage::Ward, work)?;
        hierarchical::cut(&tree, x.n_rows(), 8)
    })?;
    Ok(json!({ "ari": adjusted_rand(&bench.classes("blobs10k_16")?, &labels) }))
}

fn components(bench: &mut Bench) -> anyhow::Result<Value> {
    let x = bench.matrix("lowrank100k_64", 64)?;
    let found = bench.timed(|work| Pca::fit(&x, Keep::Components(8), false, work))?;
    let singular = |v: &f64| (v * (x.n_rows() - 1) as f64).sqrt();
    Ok(json!({
        "sv0": found.variance.first().map(singular), "sv7": found.variance.get(7).map(singular),
    }))
}
