//! K-means, mixtures, silhouettes. It does not know the peers' figures.

use orchestrate::ml::cluster::{
    gmm::{self, Covariance, GmmParams},
    kmeans::{self, KMeansParams},
    silhouette,
};
use serde_json::{Value, json};

use crate::case::{Bench, Case, adjusted_rand};

pub const CASES: &[Case] = &[
    Case { name: "kmeans100k", run: |b| k_means(b, "blobs100k_16") },
    Case { name: "kmeans1m", run: |b| k_means(b, "blobs1m_16") },
    Case { name: "kmeans_default", run: k_means_default },
    Case { name: "gmm100k", run: mixture },
    Case { name: "silhouette20k", run: mean_silhouette },
];

fn params(max_iter: usize, tol: f64) -> KMeansParams {
    KMeansParams { k: 8, n_init: 1, max_iter, tol, seed: 0 }
}

/// From given centroids, so that both sides walk the same way.
fn k_means(bench: &mut Bench, name: &str) -> anyhow::Result<Value> {
    let x = bench.matrix(name, 16)?;
    let start = bench.matrix(&format!("{name}.init"), 16)?;
    let found = bench.timed(|work| kmeans::fit_from(&x, &start, &params(25, 0.0), work))?;
    told(bench, name, &found)
}

/// With seeding, one start, the usual tolerance.
fn k_means_default(bench: &mut Bench) -> anyhow::Result<Value> {
    let x = bench.matrix("blobs100k_16", 16)?;
    let found = bench.timed(|work| kmeans::fit(&x, &params(300, 1e-4), work))?;
    told(bench, "blobs100k_16", &found)
}

fn told(bench: &Bench, name: &str, found: &kmeans::KMeans) -> anyhow::Result<Value> {
    let ari = adjusted_rand(&bench.classes(name)?, &found.labels);
    Ok(json!({ "n_iter": found.iterations, "inertia": found.inertia, "ari": ari }))
}

/// Twenty iterations of full covariances from clusters of k-means: too few to converge, so both sides take all of them.
fn mixture(bench: &mut Bench) -> anyhow::Result<Value> {
    let x = bench.matrix("blobs100k_16", 16)?;
    let params = GmmParams {
        k: 8,
        covariance: Covariance::Full,
        n_init: 1,
        max_iter: 20,
        tol: 1e-12,
        reg_covar: 1e-6,
        seed: 0,
    };
    let found = bench.timed(|work| gmm::fit(&x, &params, work))?;
    let loglik = found.log_likelihood / x.n_rows() as f64;
    let ari = adjusted_rand(&bench.classes("blobs100k_16")?, &found.labels);
    Ok(json!({ "n_iter": found.iterations, "loglik": loglik, "ari": ari }))
}

/// Of the true classes, on all rows.
fn mean_silhouette(bench: &mut Bench) -> anyhow::Result<Value> {
    let x = bench.matrix("blobs20k_16", 16)?;
    let labels: Vec<i32> =
        bench.classes("blobs20k_16")?.into_iter().map(|class| class as i32).collect();
    let rows: Vec<usize> = (0..labels.len()).collect();
    let found = bench.timed(|work| silhouette::of_rows(&x, &labels, &rows, work))?;
    Ok(json!({ "silhouette": found.iter().sum::<f64>() / rows.len() as f64, "rows": rows.len() }))
}
