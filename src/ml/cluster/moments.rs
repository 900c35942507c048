//! Sums over rows in fixed chunks: means, variances, sizes and centroids of clusters.
//! It does not know what they are used for.

use crate::{base::pool::Pool, ml::Matrix};

/// Returns the sizes of `n_clusters` clusters and their centroids, shape `(n_clusters, n_cols)`. Noise is left
/// out; an empty cluster's centroid is NaN.
pub(super) fn centroids(
    x: &Matrix,
    labels: &[i32],
    n_clusters: usize,
    pool: &Pool,
) -> (Vec<usize>, Matrix) {
    let n_cols = x.n_cols();
    let folded = pool.fold_chunks(
        x.n_rows(),
        |rows| {
            let mut sums = vec![0.0; n_clusters * n_cols];
            for i in rows {
                if let Ok(c) = usize::try_from(labels[i]) {
                    add(&mut sums[c * n_cols..(c + 1) * n_cols], x.row(i));
                }
            }
            sums
        },
        |mut a, b| {
            add(&mut a, &b);
            a
        },
    );
    let mut sizes = vec![0_usize; n_clusters];
    for &label in labels {
        if let Ok(c) = usize::try_from(label) {
            sizes[c] += 1;
        }
    }
    let sums = folded.unwrap_or_else(|| vec![0.0; n_clusters * n_cols]);
    let mut centroids = Matrix::new(n_clusters, n_cols, sums);
    for (c, &size) in sizes.iter().enumerate() {
        centroids.row_mut(c).iter_mut().for_each(|v| *v /= size as f64);
    }
    (sizes, centroids)
}

/// Adds `b` to `a`, value by value.
pub(super) fn add(a: &mut [f64], b: &[f64]) {
    for (x, y) in a.iter_mut().zip(b) {
        *x += y;
    }
}
