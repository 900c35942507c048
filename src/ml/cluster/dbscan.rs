//! DBSCAN: clusters as connected dense regions, everything else noise.
//! It does not know how a radius is found; see [`super::eps`].
//!
//! Source: Ester, Kriegel, Sander and Xu, "A density-based algorithm for discovering clusters", KDD 1996. The labels
//! are those of scikit-learn, border rows included: a row in reach of several clusters belongs to the one
//! whose first core row comes first. linfa's `Dbscan` gives the same labels and is the oracle of the tests; over many
//! features its k-d tree is ten times slower than a pass over panels, it takes no `min_samples` of 1, tells
//! no core rows and cannot be stopped.

use crate::{
    ml::{
        Matrix,
        cluster::{NOISE, check_input, neighbours::Neighbours},
        error::MlError,
    },
    stage::work::Work,
};

/// A DBSCAN clustering.
#[derive(Clone, Debug, PartialEq)]
pub struct Clustering {
    /// The cluster of each row, numbered by their first core row; -1 for noise.
    pub labels: Vec<i32>,
    /// Whether each row has at least `min_samples` rows, itself included, within `eps`.
    pub is_core: Vec<bool>,
}

/// Rows whose neighbourhoods one piece of work looks up.
const BLOCK_ROWS: usize = 256;

/// Clusters the rows of `x` with radius `eps` (inclusive) and density `min_samples` (itself included).
///
/// # Errors
/// If there are no features, `eps` is not above 0, or a value is not finite; if cancelled.
pub fn fit(x: &Matrix, eps: f64, min_samples: usize, work: &Work) -> Result<Clustering, MlError> {
    check_input(x, 0)?;
    Searcher::new(x).cluster(eps, min_samples, work)
}

/// Extends a clustering of some rows of `x`, `of` (ascending), to all of them: each other row belongs to the cluster of
/// the nearest core row within `eps` (of equally near ones that of the first), else it is noise.
///
/// # Errors
/// If cancelled.
pub fn extend(
    x: &Matrix,
    of: &[usize],
    found: &Clustering,
    eps: f64,
    work: &Work,
) -> Result<Clustering, MlError> {
    let core: Vec<usize> = (0..of.len()).filter(|&i| found.is_core[i]).collect();
    let core_rows: Vec<usize> = core.iter().map(|&i| of[i]).collect();
    let core_x = x.select_rows(&core_rows);
    let index = Neighbours::new(&core_x);
    let nearest = |row: usize| match index.nearest(x.row(row), eps * eps) {
        Some(at) => found.labels[core[at]],
        None => NOISE,
    };
    let mut labels = for_each_row(x.n_rows(), work, nearest)?;
    let mut is_core = vec![false; x.n_rows()];
    for (i, &row) in of.iter().enumerate() {
        labels[row] = found.labels[i];
        is_core[row] = found.is_core[i];
    }
    Ok(Clustering { labels, is_core })
}

/// A matrix with its search tree, to be asked more than once.
pub(super) struct Searcher<'a> {
    x: &'a Matrix,
    index: Neighbours,
}

impl<'a> Searcher<'a> {
    /// Expects a matrix that passed [`check_input`].
    pub(super) fn new(x: &'a Matrix) -> Searcher<'a> {
        Searcher { x, index: Neighbours::new(x) }
    }

    fn cluster(&self, eps: f64, min_samples: usize, work: &Work) -> Result<Clustering, MlError> {
        if !(eps > 0.0 && eps.is_finite()) {
            let why = format!("{eps} is not a number above 0");
            return Err(MlError::Parameter { name: "eps", why });
        }
        let is_core =
            for_each_row(self.x.n_rows(), work, |row| self.is_core(row, eps * eps, min_samples))?;
        let labels = self.connect(&is_core, eps * eps, work)?;
        Ok(Clustering { labels, is_core })
    }

    /// Returns the clustering that [`fit`] finds where the squared distance of each row to its `min_samples`-th nearest
    /// row, itself included, is known: that tells which rows are core rows.
    pub(super) fn cluster_known(
        &self,
        eps: f64,
        min_samples: usize,
        squared_distances: &[f64],
        work: &Work,
    ) -> Result<Clustering, MlError> {
        let is_near = |d: f64| min_samples <= self.x.n_rows() && d <= eps * eps;
        let is_core: Vec<bool> =
            squared_distances.iter().map(|&d| min_samples <= 1 || is_near(d)).collect();
        let labels = self.connect(&is_core, eps * eps, work)?;
        Ok(Clustering { labels, is_core })
    }

    /// Returns each row's squared distance to its `n`-th nearest other row (to the farthest if there are fewer).
    pub(super) fn squared_distances(&self, n: usize, work: &Work) -> Result<Vec<f64>, MlError> {
        // The row itself is nearest of all.
        let nth = |row| self.index.nth_squared_distance(self.x.row(row), n + 1, |_| 1);
        for_each_row(self.x.n_rows(), work, nth)
    }

    /// Returns what [`Searcher::squared_distances`] does for some rows.
    pub(super) fn squared_distances_of(
        &self,
        rows: &[usize],
        n: usize,
        work: &Work,
    ) -> Result<Vec<f64>, MlError> {
        let nth = |i: usize| self.index.nth_squared_distance(self.x.row(rows[i]), n + 1, |_| 1);
        for_each_row(rows.len(), work, nth)
    }

    fn is_core(&self, row: usize, radius: f64, min_samples: usize) -> bool {
        let mut n_near = 0;
        self.index.search(
            self.x.row(row),
            radius,
            |_| true,
            |rows, distances| {
                let near = distances[..rows.len()].iter().filter(|d| **d <= radius);
                n_near += near.count();
                // Enough is enough: where rows are dense the own leaf tells.
                if n_near >= min_samples { -1.0 } else { radius }
            },
        );
        n_near >= min_samples
    }

    /// Connects core rows within reach of each other, and gives each other row to the first cluster that reaches it.
    fn connect(&self, is_core: &[bool], radius: f64, work: &Work) -> Result<Vec<i32>, MlError> {
        let mut open = Open::new(&self.index, is_core);
        let has_core: Vec<bool> = open.counts.iter().map(|&n| n > 0).collect();
        let mut labels = vec![NOISE; self.x.n_rows()];
        let mut n_clusters = 0;
        let mut reached = Vec::new();
        for start in 0..labels.len() {
            if !is_core[start] || labels[start] != NOISE {
                continue;
            }
            labels[start] = n_clusters;
            open.close(start);
            reached.push(start);
            while let Some(row) = reached.pop() {
                work.check()?;
                let first = reached.len();
                let enter = |node| open.has_rows(node);
                self.index.search(self.x.row(row), radius, enter, |rows, distances| {
                    for (&other, d) in rows.iter().zip(distances) {
                        if *d <= radius && is_core[other] && labels[other] == NOISE {
                            labels[other] = n_clusters;
                            reached.push(other);
                        }
                    }
                    radius
                });
                reached[first..].iter().for_each(|&other| open.close(other));
            }
            n_clusters += 1;
        }
        for_each_row(self.x.n_rows(), work, |row| match is_core[row] {
            true => labels[row],
            false => self.first_in_reach(row, radius, &has_core, is_core, &labels),
        })
    }

    /// Returns the first of the clusters whose core rows reach a row; noise if none does.
    fn first_in_reach(
        &self,
        row: usize,
        radius: f64,
        has_core: &[bool],
        is_core: &[bool],
        labels: &[i32],
    ) -> i32 {
        let mut first = i32::MAX;
        let enter = |node: usize| has_core[node];
        self.index.search(self.x.row(row), radius, enter, |rows, distances| {
            for (&other, d) in rows.iter().zip(distances) {
                if *d <= radius && is_core[other] {
                    first = first.min(labels[other]);
                }
            }
            // None comes before the first one.
            if first == 0 { -1.0 } else { radius }
        });
        if first == i32::MAX { NOISE } else { first }
    }
}

fn for_each_row<T: Send>(
    n_rows: usize,
    work: &Work,
    ask: impl Fn(usize) -> T + Sync,
) -> Result<Vec<T>, MlError> {
    let blocks = work.pool.map(n_rows.div_ceil(BLOCK_ROWS), |block| {
        work.check()?;
        let end = ((block + 1) * BLOCK_ROWS).min(n_rows);
        Ok((block * BLOCK_ROWS..end).map(&ask).collect::<Vec<_>>())
    });
    let blocks = blocks.into_iter().collect::<Result<Vec<_>, MlError>>()?;
    Ok(blocks.into_iter().flatten().collect())
}

/// How many core rows below each node have no cluster yet: a search for more of them leaves out the rest, which makes
/// the growing of a large cluster cheap.
struct Open {
    counts: Vec<usize>,
    /// The leaf of each row, and the nodes above each leaf with it.
    leaves: Vec<usize>,
    paths: Vec<Vec<usize>>,
}

impl Open {
    fn new(index: &Neighbours, is_core: &[bool]) -> Open {
        let mut counts = vec![0; index.n_nodes()];
        let mut leaves = vec![0; is_core.len()];
        let mut paths = Vec::new();
        for (leaf, (path, rows)) in index.leaves().into_iter().enumerate() {
            let n_core = rows.iter().filter(|&&row| is_core[row]).count();
            path.iter().for_each(|&node| counts[node] += n_core);
            rows.iter().for_each(|&row| leaves[row] = leaf);
            paths.push(path);
        }
        Open { counts, leaves, paths }
    }

    fn has_rows(&self, node: usize) -> bool {
        self.counts[node] > 0
    }

    fn close(&mut self, row: usize) {
        for &node in &self.paths[self.leaves[row]] {
            self.counts[node] -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::{
        cluster::oracle::{blobs, document, labels as oracle_labels, x},
        math,
    };

    #[test]
    fn labels_and_core_rows_are_scikit_learns() {
        let x = x();
        for case in document()["dbscan"].as_array().unwrap() {
            let eps = case["eps"].as_f64().unwrap();
            let min_samples = case["min_samples"].as_u64().unwrap() as usize;
            let found = fit(&x, eps, min_samples, &Work::alone(2)).unwrap();
            assert_eq!(found.labels, oracle_labels(&case["labels"]), "{eps} {min_samples}");
            let core: Vec<i32> = (0..).zip(&found.is_core).filter(|c| *c.1).map(|c| c.0).collect();
            assert_eq!(core, oracle_labels(&case["core"]), "{eps} {min_samples}");
        }
    }

    #[test]
    fn a_border_row_belongs_to_the_first_cluster_that_reaches_it() {
        // The row at 2 is within 1 of a core row on either side and, at four rows, no core row itself.
        let mut values = vec![4.0, 3.4, 3.0, 2.0, 1.0, 0.6, 0.0];
        let found = fit(&Matrix::new(7, 1, values.clone()), 1.0, 4, &Work::alone(1)).unwrap();
        assert_eq!(found.labels, [0, 0, 0, 0, 1, 1, 1]);
        assert_eq!(found.is_core, [false, false, true, false, true, false, false]);
        values.reverse();
        let x = Matrix::new(7, 1, values);
        let found = fit(&x, 1.0, 4, &Work::alone(1)).unwrap();
        assert_eq!(found.labels, [0, 0, 0, 0, 1, 1, 1], "the first cluster is the other side now");
        let found = fit(&x, 1.0, 3, &Work::alone(1)).unwrap();
        assert_eq!(found.labels, [0; 7], "at three rows it is a core row and joins the two");
        let found = fit(&x, 0.99, 3, &Work::alone(1)).unwrap();
        assert_eq!(found.labels, [0, 0, 0, NOISE, 1, 1, 1]);
    }

    #[test]
    fn distances_to_neighbours() {
        let x = Matrix::new(4, 1, vec![0.0, 1.0, 3.0, 7.0]);
        let work = Work::alone(1);
        let squared = |n| Searcher::new(&x).squared_distances(n, &work).unwrap();
        assert_eq!(squared(1), [1.0, 1.0, 4.0, 16.0]);
        assert_eq!(squared(2), [9.0, 4.0, 9.0, 36.0]);
    }

    /// What a radius is tried with takes core rows from distances that are known already, and must not differ by it.
    #[test]
    fn known_distances_give_the_same_labels() {
        let (x, work) = (blobs(600, 3, 4, 2), Work::alone(2));
        let searcher = Searcher::new(&x);
        for min_samples in [1, 2, 6, 30, 600, 601] {
            let n_neighbours = (min_samples - 1).clamp(1, 599);
            let squared = searcher.squared_distances(n_neighbours, &work).unwrap();
            // Of radii at which a row just becomes a core row.
            for at in [10, 300, 599] {
                let eps = squared[at].sqrt();
                let found = searcher.cluster_known(eps, min_samples, &squared, &work).unwrap();
                assert!(found == fit(&x, eps, min_samples, &work).unwrap(), "{eps}");
            }
        }
    }

    #[test]
    fn a_clustering_of_some_rows_extends_to_the_others() {
        let x = Matrix::new(8, 1, vec![0.0, 0.5, 1.0, 1.9, 9.0, 9.5, 10.0, 5.0]);
        let of = [0, 1, 2, 4, 5, 6];
        let found = fit(&x.select_rows(&of), 1.0, 3, &Work::alone(1)).unwrap();
        assert_eq!(found.labels, [0, 0, 0, 1, 1, 1]);
        let all = extend(&x, &of, &found, 1.0, &Work::alone(1)).unwrap();
        assert_eq!(all.labels, [0, 0, 0, 0, 1, 1, 1, NOISE]);
        assert_eq!(all.is_core, [true, true, true, false, true, true, true, false]);
        // Of rows that were all clustered nothing changes, border rows included.
        let x = blobs(1200, 3, 4, 2);
        let all: Vec<usize> = (0..1200).collect();
        let found = fit(&x, 0.9, 8, &Work::alone(1)).unwrap();
        for n_threads in [1, 3] {
            let again = extend(&x, &all, &found, 0.9, &Work::alone(n_threads)).unwrap();
            assert!(again == found);
        }
        // What is left out gets the nearest core row's cluster, as a plain search finds it.
        let some: Vec<usize> = (0..1200).step_by(3).collect();
        let found = fit(&x.select_rows(&some), 0.9, 4, &Work::alone(1)).unwrap();
        let extended = extend(&x, &some, &found, 0.9, &Work::alone(2)).unwrap();
        for row in (0..1200).filter(|row| row % 3 != 0) {
            let distance = |i: usize| math::squared_distance(x.row(row), x.row(some[i]));
            let near = (0..some.len()).filter(|&i| found.is_core[i] && distance(i) <= 0.81);
            let nearest = near.min_by(|&a, &b| distance(a).total_cmp(&distance(b)));
            assert_eq!(extended.labels[row], nearest.map_or(NOISE, |i| found.labels[i]), "{row}");
        }
    }

    #[test]
    fn threads_change_nothing() {
        let x = blobs(1500, 3, 4, 2);
        let run = |n_threads| fit(&x, 1.0, 6, &Work::alone(n_threads)).unwrap();
        assert!(run(1) == run(2) && run(1) == run(7));
        let distances =
            |n_threads| Searcher::new(&x).squared_distances(5, &Work::alone(n_threads)).unwrap();
        assert_eq!(distances(1), distances(3));
    }

    #[test]
    fn linfa_finds_the_same() {
        use linfa::traits::Transformer;

        for (n_cols, eps, min_samples) in [(2, 0.5, 5), (3, 1.0, 8), (10, 3.6, 5), (2, 3.0, 30)] {
            let x = blobs(900, n_cols, 4, 13);
            let rows = ndarray::ArrayView2::from_shape((900, n_cols), x.data()).unwrap();
            let params = linfa_clustering::Dbscan::params(min_samples).tolerance(eps);
            let theirs: Vec<i32> = params
                .transform(&rows)
                .unwrap()
                .iter()
                .map(|l| l.map_or(NOISE, |c| c as i32))
                .collect();
            let ours = fit(&x, eps, min_samples, &Work::alone(2)).unwrap();
            assert_eq!(ours.labels, theirs, "{n_cols} {eps} {min_samples}");
        }
    }

    #[test]
    fn degenerate_data() {
        let work = Work::alone(1);
        let labels_of = |x: &Matrix, min_samples| fit(x, 0.5, min_samples, &work).unwrap().labels;
        assert_eq!(labels_of(&Matrix::zeros(0, 2), 5), Vec::<i32>::new());
        assert_eq!(labels_of(&Matrix::zeros(1, 2), 5), [NOISE]);
        assert_eq!(labels_of(&Matrix::zeros(1, 2), 1), [0]);
        assert_eq!(labels_of(&Matrix::zeros(500, 2), 5), [0; 500]);
        assert_eq!(labels_of(&Matrix::zeros(4, 2), 5), [NOISE; 4]);
        assert_eq!(labels_of(&Matrix::new(3, 1, vec![9.0, 1.0, 9.0]), 1), [0, 1, 0]);
        assert!(fit(&Matrix::zeros(4, 0), 0.5, 5, &work).is_err());
        assert!(fit(&Matrix::zeros(4, 1), 0.0, 5, &work).is_err());
        assert!(fit(&Matrix::new(1, 1, vec![f64::NAN]), 0.5, 5, &work).is_err());
    }
}
