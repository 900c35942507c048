//! K-means: greedy k-means++ and Lloyd's iterations, the best of several starts; on long tables each start goes over growing
//! parts of the rows first.
//! It does not know how segments are ordered or named.
//!
//! Source: Lloyd, "Least squares quantization in PCM", IEEE Trans. Inf. Theory 28 (1982); stopping rule,
//! scaled tolerance and relocation of empty clusters as scikit-learn's `KMeans`. Cost: O(n k d) an
//! iteration. It differs from scikit-learn in that the random numbers are ours, and that data with
//! fewer distinct rows than `k` gives that many clusters instead of empty ones.

mod lloyd;
mod nearest;
mod rows;
mod seeding;
mod sums;

use rows::Rows;
use seeding::plus_plus;

use crate::{
    base::pool::Pool,
    ml::{
        Matrix,
        cluster::{check_input, check_k, check_shape, growing},
        error::MlError,
        math,
        rng::Rng,
        simd,
    },
    stage::work::Work,
};

/// What k-means is asked for.
#[derive(Clone, Debug)]
pub struct KMeansParams {
    /// Number of clusters, from 1.
    pub k: usize,
    /// Number of starts; the one with the least inertia wins, the earlier one among equals.
    pub n_init: usize,
    /// Most iterations of one start, over each part and over all rows.
    pub max_iter: usize,
    /// A start ends when the squared shift of all centroids is at most this times the mean variance
    /// of the features.
    pub tol: f64,
    /// Seed of the starts.
    pub seed: u64,
}

/// A k-means clustering. Labels, centroids and inertia belong together: each row's label is its
/// nearest centroid (the lower number among equals), the inertia is that of these labels.
#[derive(Clone, Debug)]
pub struct KMeans {
    /// Shape `(n_clusters, n_cols)`; fewer than `k` rows when the data has fewer distinct rows.
    pub centroids: Matrix,
    /// The cluster of each row.
    pub labels: Vec<i32>,
    /// Sum of squared distances of the rows to their centroids.
    pub inertia: f64,
    /// Iterations of the winning start over all rows.
    pub iterations: usize,
    /// False if the winning start ended at `max_iter`.
    pub converged: bool,
}

/// Clusters the rows of `x`.
///
/// # Errors
/// If there are fewer rows than `k`, no features, or a value is not finite; if cancelled.
pub fn fit(x: &Matrix, params: &KMeansParams, work: &Work) -> Result<KMeans, MlError> {
    check_shape(x, 1)?;
    check_k(params.k, x.n_rows())?;
    let parts = growing::parts(x, params.k, params.seed);
    let starts = Starts::new(&parts, x, params, &work.pool)?;
    work.progress.set_total(params.n_init as u64);
    starts.best(0, work)
}

/// Clusters the rows of `x` from given centroids, shape `(k, n_cols)`, in one start; `params.k` and `params.n_init` have no
/// say.
///
/// # Errors
/// As [`fit`]; if the centroids' shape does not fit.
pub fn fit_from(
    x: &Matrix,
    centroids: &Matrix,
    params: &KMeansParams,
    work: &Work,
) -> Result<KMeans, MlError> {
    check_shape(x, 1)?;
    check_centroids(x, centroids)?;
    check_k(centroids.n_rows(), x.n_rows())?;
    Starts::new(&[], x, params, &work.pool)?.run_from(centroids.clone(), work)
}

/// Extends a clustering of some rows of `x` to all of them: each belongs to the nearest centroid.
///
/// # Errors
/// As [`fit`].
pub fn extend(x: &Matrix, found: KMeans, work: &Work) -> Result<KMeans, MlError> {
    let KMeans { centroids, iterations, converged, .. } = found;
    let rows = Rows::new(x, &work.pool)?;
    let KMeans { labels, inertia, .. } = lloyd::run(&rows, centroids.clone(), (0, 0.0), work)?;
    Ok(KMeans { centroids, labels, inertia, iterations, converged })
}

/// Returns the mean squared distance of the rows of `x` to the nearest of some centroids.
///
/// # Errors
/// As [`fit`].
pub(super) fn spread(x: &Matrix, centroids: &Matrix, work: &Work) -> Result<f64, MlError> {
    spread_around(&Rows::new(x, &work.pool)?, centroids, work)
}

fn spread_around(rows: &Rows<'_>, centroids: &Matrix, work: &Work) -> Result<f64, MlError> {
    let labelled = lloyd::run(rows, centroids.clone(), (0, 0.0), work)?;
    Ok(labelled.inertia / rows.x.n_rows() as f64)
}

/// Checks that given centroids are finite rows of as many features as `x` has.
fn check_centroids(x: &Matrix, centroids: &Matrix) -> Result<(), MlError> {
    if centroids.n_cols() != x.n_cols() {
        let why = format!("{} features, the data has {}", centroids.n_cols(), x.n_cols());
        return Err(MlError::Parameter { name: "centroids", why });
    }
    check_input(centroids, 1)
}

/// Returns for each row how much nearer its own centroid is than the next one: `(b - a) / b` for the
/// distances `a` to the own and `b` to the nearest other centroid; 0 on the border between two clusters,
/// 1 on a centroid, NaN with a single cluster.
pub fn margins(x: &Matrix, model: &KMeans, pool: &Pool) -> Vec<f64> {
    let mut out = vec![f64::NAN; x.n_rows()];
    if model.centroids.n_rows() < 2 {
        return out;
    }
    pool.fill_chunks(&mut out, 1, |rows, slice| {
        simd::run(
            #[inline(always)]
            || {
                for (i, out) in rows.zip(slice) {
                    *out = margin(x.row(i), &model.centroids, model.labels[i] as usize);
                }
            },
        );
    });
    out
}

#[inline(always)]
fn margin(row: &[f64], centroids: &Matrix, own: usize) -> f64 {
    let (mut to_own, mut to_other) = (0.0, f64::INFINITY);
    for (c, centroid) in centroids.rows().enumerate() {
        let distance = math::squared_distance(row, centroid);
        if c == own {
            to_own = distance;
        } else if distance < to_other {
            to_other = distance;
        }
    }
    if to_other > 0.0 { 1.0 - to_own.sqrt() / to_other.sqrt() } else { 0.0 }
}

/// What all starts on the same data share.
pub(super) struct Starts<'a> {
    /// What a start goes over first, see [`growing`], and all rows.
    parts: Vec<Rows<'a>>,
    rows: Rows<'a>,
    params: &'a KMeansParams,
}

impl<'a> Starts<'a> {
    /// Prepares the rows of `x` and of parts of it.
    ///
    /// # Errors
    /// As [`check_input`], for one row at least.
    pub(super) fn new(
        parts: &'a [Matrix],
        x: &'a Matrix,
        params: &'a KMeansParams,
        pool: &Pool,
    ) -> Result<Starts<'a>, MlError> {
        let rows = Rows::new(x, pool)?;
        let parts = parts.iter().map(|part| Rows::new(part, pool)).collect::<Result<_, _>>()?;
        Ok(Starts { parts, rows, params })
    }

    /// Returns the best of the starts from number `first` on.
    pub(super) fn best(&self, first: usize, work: &Work) -> Result<KMeans, MlError> {
        let runs = work.pool.map(self.params.n_init.max(1), |i| {
            let run = self.run(first + i, work);
            work.progress.advance(1);
            run
        });
        let mut best: Option<KMeans> = None;
        for run in runs {
            let run = run?;
            if best.as_ref().is_none_or(|b| run.inertia < b.inertia) {
                best = Some(run);
            }
        }
        best.ok_or(MlError::TooFew { what: "starts", needed: 1, got: 0 })
    }

    /// Runs start number `i` to its end.
    fn run(&self, i: usize, work: &Work) -> Result<KMeans, MlError> {
        let mut rng = Rng::stream(self.params.seed, i as u64);
        let k = self.params.k;
        let mut found: Option<Matrix> = None;
        let longer = self.parts.iter().skip(1).chain([&self.rows]);
        for (part, longer) in self.parts.iter().zip(longer) {
            let from = found.unwrap_or_else(|| plus_plus(part, k, &mut rng, &work.pool));
            let run = self.iterate(part, from, work)?;
            // Rows that differ may be missing here, or rows that lie far away: then the next part draws anew.
            let spread = run.inertia / part.x.n_rows() as f64;
            let leads_on = run.centroids.n_rows() == k
                && growing::holds(spread, spread_around(longer, &run.centroids, work)?);
            found = leads_on.then_some(run.centroids);
        }
        let from = found.unwrap_or_else(|| plus_plus(&self.rows, k, &mut rng, &work.pool));
        self.run_from(from, work)
    }

    fn run_from(&self, centroids: Matrix, work: &Work) -> Result<KMeans, MlError> {
        self.iterate(&self.rows, centroids, work)
    }

    fn iterate(&self, rows: &Rows<'_>, from: Matrix, work: &Work) -> Result<KMeans, MlError> {
        let least_shift = self.params.tol * rows.mean_variance;
        lloyd::run(rows, from, (self.params.max_iter, least_shift), work)
    }
}

#[cfg(test)]
mod tests;
