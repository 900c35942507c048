//! Sums over rows in fixed chunks: means, variances, sizes and centroids of clusters.
//! It does not know what they are used for.

use crate::{base::pool::Pool, ml::Matrix};

/// Returns the mean of each column; zeros for zero rows.
pub(super) fn column_means(x: &Matrix, pool: &Pool) -> Vec<f64> {
    let mut sums = column_sums(x, pool, |v, _| v);
    sums.iter_mut().for_each(|s| *s /= x.n_rows().max(1) as f64);
    sums
}

/// Returns the mean over the columns of their population variances.
pub(super) fn mean_variance(x: &Matrix, pool: &Pool) -> f64 {
    let means = column_means(x, pool);
    let squares = column_sums(x, pool, |v, j| (v - means[j]) * (v - means[j]));
    squares.iter().sum::<f64>() / (x.n_rows().max(1) * x.n_cols().max(1)) as f64
}

fn column_sums(x: &Matrix, pool: &Pool, f: impl Fn(f64, usize) -> f64 + Sync) -> Vec<f64> {
    let sums = pool.fold_chunks(
        x.n_rows(),
        |rows| {
            let mut sums = vec![0.0; x.n_cols()];
            for i in rows {
                for (j, (s, v)) in sums.iter_mut().zip(x.row(i)).enumerate() {
                    *s += f(*v, j);
                }
            }
            sums
        },
        |mut a, b| {
            add(&mut a, &b);
            a
        },
    );
    sums.unwrap_or_else(|| vec![0.0; x.n_cols()])
}

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
