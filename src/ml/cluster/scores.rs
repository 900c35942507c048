//! Indices of how well labels separate rows: Davies-Bouldin and Calinski-Harabasz, and one call for all.
//! It does not know which algorithm made the labels.
//!
//! Noise (-1) is left out. Every index is `None` where it is undefined: below two clusters, or when every row
//! is a cluster of its own. Sources: Davies and Bouldin, "A cluster separation measure", IEEE
//! PAMI 1 (1979); Calinski and Harabasz, "A dendrite method for cluster analysis", Comm. Stat. 3 (1974). Edge
//! cases as in scikit-learn. Distances are sums of squared differences; scikit-learn expands the square, which leaves
//! some 1e-8 where a cluster of one row has distance 0 to its centroid.

use crate::{
    base::pool::Pool,
    ml::{
        Matrix,
        cluster::{moments, order, silhouette},
        error::MlError,
        math,
    },
    stage::work::Work,
};

/// The three indices of one labelling.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores {
    /// Mean silhouette, -1 to 1, higher is better.
    pub silhouette: Option<f64>,
    /// Rows on which the silhouette was computed.
    pub silhouette_rows: Option<usize>,
    /// From 0, lower is better.
    pub davies_bouldin: Option<f64>,
    /// From 0, higher is better.
    pub calinski_harabasz: Option<f64>,
}

/// Returns all indices of `labels` on the rows of `x`.
///
/// # Errors
/// If cancelled.
pub fn all(x: &Matrix, labels: &[i32], work: &Work) -> Result<Scores, MlError> {
    let silhouette = silhouette::mean(x, labels, work)?;
    Ok(Scores {
        silhouette: silhouette.map(|(value, _)| value),
        silhouette_rows: silhouette.map(|(_, rows)| rows),
        davies_bouldin: davies_bouldin(x, labels, &work.pool),
        calinski_harabasz: calinski_harabasz(x, labels, &work.pool),
    })
}

/// Returns the number of clusters that have rows, and the number of rows that are not noise, if indices
/// are defined for them.
pub(super) fn defined(labels: &[i32]) -> Option<(usize, usize)> {
    let mut used = vec![false; order::n_clusters(labels)];
    let mut n_rows = 0;
    for &label in labels {
        if let Ok(c) = usize::try_from(label) {
            used[c] = true;
            n_rows += 1;
        }
    }
    let n_used = used.iter().filter(|u| **u).count();
    (n_used >= 2 && n_used < n_rows).then_some((n_used, n_rows))
}

/// Returns the Davies-Bouldin index: the mean over clusters of the worst ratio of spreads to separation.
pub fn davies_bouldin(x: &Matrix, labels: &[i32], pool: &Pool) -> Option<f64> {
    let (n_used, _) = defined(labels)?;
    let (sizes, centroids) = moments::centroids(x, labels, order::n_clusters(labels), pool);
    let sums = sums_by_cluster(x, labels, &centroids, f64::sqrt, pool);
    let used: Vec<usize> = (0..sizes.len()).filter(|&c| sizes[c] > 0).collect();
    let spread: Vec<f64> = sums.iter().zip(&sizes).map(|(s, &n)| s / n as f64).collect();
    let apart =
        |a: usize, b: usize| math::squared_distance(centroids.row(a), centroids.row(b)).sqrt();
    // `numpy.allclose(.., 0)` is what scikit-learn asks: an absolute tolerance of 1e-8.
    let is_zero = |v: f64| v <= 1e-8;
    let compact = used.iter().all(|&c| is_zero(spread[c]));
    if compact || used.iter().all(|&a| used.iter().all(|&b| is_zero(apart(a, b)))) {
        return Some(0.0);
    }
    let worst = |a: usize| {
        let ratio = |&b: &usize| match apart(a, b) {
            d if b == a || d == 0.0 => 0.0,
            d => (spread[a] + spread[b]) / d,
        };
        used.iter().map(ratio).fold(0.0, f64::max)
    };
    Some(used.iter().map(|&c| worst(c)).sum::<f64>() / n_used as f64)
}

/// Returns the Calinski-Harabasz index: between-cluster over within-cluster dispersion, each a degree of freedom.
pub fn calinski_harabasz(x: &Matrix, labels: &[i32], pool: &Pool) -> Option<f64> {
    let (n_used, n_rows) = defined(labels)?;
    let (sizes, centroids) = moments::centroids(x, labels, order::n_clusters(labels), pool);
    let within: f64 = sums_by_cluster(x, labels, &centroids, |d| d, pool).iter().sum();
    // Noise becomes one more label here, so that the overall mean leaves it out.
    let all: Vec<i32> = labels.iter().map(|&label| label.min(0)).collect();
    let (_, overall) = moments::centroids(x, &all, 1, pool);
    let between: f64 = sizes
        .iter()
        .enumerate()
        .filter(|(_, size)| **size > 0)
        .map(|(c, &n)| n as f64 * math::squared_distance(centroids.row(c), overall.row(0)))
        .sum();
    if within == 0.0 {
        return Some(1.0);
    }
    Some(between * (n_rows - n_used) as f64 / (within * (n_used - 1) as f64))
}

/// Returns for each cluster the sum over its rows of `f(squared distance to its centroid)`.
fn sums_by_cluster(
    x: &Matrix,
    labels: &[i32],
    centroids: &Matrix,
    f: impl Fn(f64) -> f64 + Sync,
    pool: &Pool,
) -> Vec<f64> {
    let folded = pool.fold_chunks(
        x.n_rows(),
        |rows| {
            let mut sums = vec![0.0; centroids.n_rows()];
            for i in rows {
                if let Ok(c) = usize::try_from(labels[i]) {
                    sums[c] += f(math::squared_distance(x.row(i), centroids.row(c)));
                }
            }
            sums
        },
        |mut a, b| {
            moments::add(&mut a, &b);
            a
        },
    );
    folded.unwrap_or_default()
}

#[cfg(test)]
mod tests;
