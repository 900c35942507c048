//! K-means: greedy k-means++ and Lloyd's iterations, the best of several starts.
//! It does not know how segments are ordered or named.
//!
//! Source: Lloyd, "Least squares quantization in PCM", IEEE Trans. Inf. Theory 28 (1982); stopping rule,
//! scaled tolerance and relocation of empty clusters as scikit-learn's `KMeans`. Cost: O(n k d) an
//! iteration. It differs from scikit-learn in that the random numbers are ours, and that data with
//! fewer distinct rows than `k` gives that many clusters instead of empty ones.

use crate::{
    base::pool::Pool,
    ml::{
        Matrix,
        cluster::{
            check_input,
            moments::{add, mean_variance},
            panels::{LANES, Panels, squared_distances_to_two},
            seeding::plus_plus,
        },
        error::MlError,
        math,
        rng::Rng,
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
    /// Most iterations of one start.
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
    /// Iterations of the winning start.
    pub iterations: usize,
    /// False if the winning start ended at `max_iter`.
    pub converged: bool,
}

/// Clusters the rows of `x`.
///
/// # Errors
/// If there are fewer rows than `k`, no features, or a value is not finite; if cancelled.
pub fn fit(x: &Matrix, params: &KMeansParams, work: &Work) -> Result<KMeans, MlError> {
    check_input(x, params.k.max(1))?;
    let starts = Starts::new(x, params, &work.pool);
    work.progress.set_total(params.n_init as u64);
    let runs = work.pool.map(params.n_init.max(1), |i| {
        let run = starts.run(i, work);
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
    check_input(x, centroids.n_rows().max(1))?;
    check_centroids(x, centroids)?;
    Starts::new(x, params, &work.pool).run_from(centroids.clone(), work)
}

/// Checks that given centroids are finite rows of as many features as `x` has.
pub(super) fn check_centroids(x: &Matrix, centroids: &Matrix) -> Result<(), MlError> {
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
    pool.fill_chunks(&mut out, 1, |rows, slice| {
        for (i, margin) in rows.zip(slice) {
            let own = model.labels[i] as usize;
            let distance = |c: usize| math::squared_distance(x.row(i), model.centroids.row(c));
            let others = (0..model.centroids.n_rows()).filter(|&c| c != own).map(distance);
            if let Some(other) = others.min_by(f64::total_cmp).map(f64::sqrt) {
                *margin = if other > 0.0 { 1.0 - distance(own).sqrt() / other } else { 0.0 };
            }
        }
    });
    out
}

/// What all starts on the same data share.
pub(super) struct Starts<'a> {
    x: &'a Matrix,
    panels: Panels,
    params: &'a KMeansParams,
    least_shift: f64,
}

impl<'a> Starts<'a> {
    pub(super) fn new(x: &'a Matrix, params: &'a KMeansParams, pool: &Pool) -> Starts<'a> {
        let least_shift = params.tol * mean_variance(x, pool);
        Starts { x, panels: Panels::new(x), params, least_shift }
    }

    /// Runs start number `i` to its end.
    pub(super) fn run(&self, i: usize, work: &Work) -> Result<KMeans, MlError> {
        let mut rng = Rng::stream(self.params.seed, i as u64);
        let centroids = plus_plus(self.x, &self.panels, self.params.k, &mut rng, &work.pool);
        self.run_from(centroids, work)
    }

    fn run_from(&self, mut centroids: Matrix, work: &Work) -> Result<KMeans, MlError> {
        let mut labels = vec![-1; self.x.n_rows()];
        let (mut iterations, mut converged) = (0, false);
        while iterations < self.params.max_iter && !converged {
            work.check()?;
            iterations += 1;
            let pass = assign(self.x, &self.panels, &centroids, &mut labels, &work.pool);
            let n_moved = pass.n_moved;
            let next = pass.into_centroids(self.x, &centroids, &labels);
            let shift = math::squared_distance(next.data(), centroids.data());
            centroids = next;
            converged = n_moved == 0 || shift <= self.least_shift;
        }
        let last = assign(self.x, &self.panels, &centroids, &mut labels, &work.pool);
        Ok(KMeans { centroids, labels, inertia: last.inertia, iterations, converged })
    }
}

/// What one pass over the rows gathers.
struct Pass {
    sums: Matrix,
    counts: Vec<usize>,
    inertia: f64,
    n_moved: usize,
}

/// Gives each row its nearest centroid and gathers what the next centroids need.
fn assign(
    x: &Matrix,
    panels: &Panels,
    centroids: &Matrix,
    labels: &mut [i32],
    pool: &Pool,
) -> Pass {
    let k = centroids.n_rows();
    let empty = || Pass {
        sums: Matrix::zeros(k, x.n_cols()),
        counts: vec![0; k],
        inertia: 0.0,
        n_moved: 0,
    };
    let passes = pool.fill_chunks(labels, 1, |rows, slice| {
        let mut pass = empty();
        for (first, out) in rows.step_by(LANES).zip(slice.chunks_mut(LANES)) {
            let (nearest, distances) = nearest(panels.panel(first / LANES), centroids);
            for (lane, label) in out.iter_mut().enumerate() {
                pass.n_moved += usize::from(*label != nearest[lane]);
                *label = nearest[lane];
                pass.inertia += distances[lane];
                pass.counts[nearest[lane] as usize] += 1;
                add(pass.sums.row_mut(nearest[lane] as usize), x.row(first + lane));
            }
        }
        pass
    });
    passes.into_iter().reduce(Pass::merge).unwrap_or_else(empty)
}

/// Returns the nearest centroid of each row of a panel, and the squared distance to it.
fn nearest(panel: &[[f64; LANES]], centroids: &Matrix) -> ([i32; LANES], [f64; LANES]) {
    let mut best = ([0_i32; LANES], [f64::INFINITY; LANES]);
    let mut offer = |c: usize, distances: [f64; LANES]| {
        for ((d, number), least) in distances.iter().zip(&mut best.0).zip(&mut best.1) {
            let better = d < least;
            *least = if better { *d } else { *least };
            *number = if better { c as i32 } else { *number };
        }
    };
    for c in (0..centroids.n_rows()).step_by(2) {
        let other = (c + 1).min(centroids.n_rows() - 1);
        let (a, b) = squared_distances_to_two(panel, centroids.row(c), centroids.row(other));
        offer(c, a);
        offer(other, b);
    }
    best
}

impl Pass {
    fn merge(mut self, later: Pass) -> Pass {
        add(self.sums.data_mut(), later.sums.data());
        self.counts.iter_mut().zip(&later.counts).for_each(|(a, b)| *a += b);
        self.inertia += later.inertia;
        self.n_moved += later.n_moved;
        self
    }

    /// Returns the means of the clusters. An empty cluster takes the row that lies farthest from its own
    /// centroid, away from that one's cluster, as scikit-learn does.
    fn into_centroids(mut self, x: &Matrix, old: &Matrix, labels: &[i32]) -> Matrix {
        let empty: Vec<usize> = (0..self.counts.len()).filter(|&c| self.counts[c] == 0).collect();
        for (&c, row) in empty.iter().zip(farthest(x, old, labels, empty.len())) {
            let from = labels[row] as usize;
            for (s, v) in self.sums.row_mut(from).iter_mut().zip(x.row(row)) {
                *s -= v;
            }
            self.sums.row_mut(c).copy_from_slice(x.row(row));
            self.counts[from] -= 1;
            self.counts[c] = 1;
        }
        for (c, &count) in self.counts.iter().enumerate() {
            match count {
                // All rows lie on their centroids, so there is none to take: the centroid stays.
                0 => self.sums.row_mut(c).copy_from_slice(old.row(c)),
                n => self.sums.row_mut(c).iter_mut().for_each(|v| *v /= n as f64),
            }
        }
        self.sums
    }
}

/// Returns up to `n` rows, those farthest from their centroids first, earlier rows first among equals. Rows that
/// lie on their centroid are not among them.
fn farthest(x: &Matrix, centroids: &Matrix, labels: &[i32], n: usize) -> Vec<usize> {
    if n == 0 {
        return Vec::new();
    }
    let distance = |i: usize| math::squared_distance(x.row(i), centroids.row(labels[i] as usize));
    let mut rows: Vec<(f64, usize)> =
        (0..x.n_rows()).map(|i| (distance(i), i)).filter(|(d, _)| *d > 0.0).collect();
    rows.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    rows.into_iter().take(n).map(|(_, i)| i).collect()
}

#[cfg(test)]
mod tests;
