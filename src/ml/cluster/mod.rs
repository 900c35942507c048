//! Clustering: k-means, Gaussian mixtures, agglomerative clustering, DBSCAN, HDBSCAN, and the indices that judge them.
//! It does not know where rows come from, nor what a segment is called.
//!
//! Labels are `i32`: 0-based clusters, [`NOISE`] for rows that belong to none.

pub mod dbscan;
pub mod eps;
pub mod gmm;
pub mod growing;
pub mod hdbscan;
pub mod hierarchical;
pub mod kmeans;
pub mod micro;
pub mod order;
pub mod panels;
pub mod scores;
pub mod silhouette;
pub mod stability;

mod cholesky;
mod distinct;
mod forest;
mod linkage;
mod moments;
mod neighbours;
mod spanning;
mod ward;

#[cfg(test)]
pub(crate) mod oracle;

use crate::{
    base::pool::Pool,
    ml::{
        Matrix,
        error::{MlError, check_finite},
    },
};

/// The label of a row that belongs to no cluster.
pub const NOISE: i32 = -1;

/// Returns the mean of the rows of each of `n_clusters` clusters, shape `(n_clusters, n_cols)`; noise is left out, an
/// empty cluster's mean is NaN.
pub fn means(x: &Matrix, labels: &[i32], n_clusters: usize, pool: &Pool) -> Matrix {
    moments::centroids(x, labels, n_clusters, pool).1
}

/// Checks that `k` clusters of `n_rows` rows can be.
///
/// # Errors
/// [`MlError::Parameter`].
fn check_k(k: usize, n_rows: usize) -> Result<(), MlError> {
    if (1..=n_rows).contains(&k) {
        return Ok(());
    }
    let why = format!("{k} is not from 1 to the number of rows, {n_rows}");
    Err(MlError::Parameter { name: "k", why })
}

/// The largest magnitude whose squared distances, summed over many features and rows, stay finite.
pub const MAX_MAGNITUDE: f64 = 1e140;

/// Where no value is larger than this, squared distances vanish.
pub const MIN_MAGNITUDE: f64 = 1e-140;

/// Checks that there are at least one feature and `needed` rows.
///
/// # Errors
/// [`MlError::TooFew`].
fn check_shape(x: &Matrix, needed: usize) -> Result<(), MlError> {
    if x.n_cols() == 0 {
        return Err(MlError::TooFew { what: "feature columns", needed: 1, got: 0 });
    }
    if x.n_rows() < needed {
        return Err(MlError::TooFew { what: "rows", needed, got: x.n_rows() });
    }
    Ok(())
}

/// Checks that there is at least one feature, that every value is finite, and that there are at least
/// `needed` rows.
///
/// # Errors
/// [`MlError::TooFew`] or [`MlError::NotFinite`].
pub fn check_input(x: &Matrix, needed: usize) -> Result<(), MlError> {
    check_shape(x, needed)?;
    // Whole chunks without a way out early, which the compiler can do many values at a time.
    let is_fine =
        |chunk: &[f64]| chunk.iter().fold(true, |fine, v| fine & (v.abs() <= MAX_MAGNITUDE));
    if x.data().chunks(4096).all(is_fine) {
        return Ok(());
    }
    check_finite(x)?;
    match x.data().iter().position(|v| v.abs() > MAX_MAGNITUDE) {
        None => Ok(()),
        Some(at) => Err(MlError::Numeric(format!(
            "value {} in row {}, column {} is too large to square; scale the features",
            x.data()[at],
            at / x.n_cols(),
            at % x.n_cols()
        ))),
    }
}
