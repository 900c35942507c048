//! DBSCAN: clusters as connected dense regions, everything else noise.
//! It does not know how a radius is found; see [`super::eps`].
//!
//! Source: Ester, Kriegel, Sander and Xu, "A density-based algorithm for discovering clusters", KDD 1996. The
//! clusters come from linfa's `Dbscan` over a k-d tree (plain loops in row order, one thread: the same bits
//! everywhere) and are those of scikit-learn, border rows included: a row in reach of several clusters
//! belongs to the one whose first core row comes first.

use linfa::traits::Transformer;
use linfa_clustering::Dbscan;
use linfa_nn::{CommonNearestNeighbour, NearestNeighbour, distance::L2Dist};
use ndarray::{ArrayView2, aview1};

use crate::{
    ml::{
        Matrix,
        cluster::{NOISE, check_input},
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
    let labels = labels(x, eps, min_samples, work)?;
    let is_core = core_rows(x, eps, min_samples, work)?;
    Ok(Clustering { labels, is_core })
}

/// Returns the labels alone.
pub(super) fn labels(
    x: &Matrix,
    eps: f64,
    min_samples: usize,
    work: &Work,
) -> Result<Vec<i32>, MlError> {
    check_input(x, 0)?;
    work.check()?;
    let rows = view(x)?;
    // linfa asks for at least two. With two, a row without neighbours is noise and every other row is a core row;
    // with one it would be a cluster of its own, which is all the difference there is.
    let found = Dbscan::params(min_samples.max(2)).tolerance(eps).transform(&rows);
    let found =
        found.map_err(|error| MlError::Parameter { name: "eps", why: error.to_string() })?;
    let mut labels: Vec<i32> =
        found.iter().map(|label| label.map_or(NOISE, |c| c as i32)).collect();
    if min_samples <= 1 {
        make_singletons(&mut labels);
    }
    work.check()?;
    Ok(labels)
}

/// Turns noise into clusters of one row and numbers all clusters by their first row.
fn make_singletons(labels: &mut [i32]) {
    let mut numbers: Vec<i32> = vec![NOISE; labels.len()];
    let mut next = 0;
    for label in labels {
        let number = match usize::try_from(*label) {
            Ok(c) if numbers[c] != NOISE => numbers[c],
            known => {
                if let Ok(c) = known {
                    numbers[c] = next;
                }
                next += 1;
                next - 1
            }
        };
        *label = number;
    }
}

/// Returns for each row whether at least `min_samples` rows lie within `eps`.
fn core_rows(x: &Matrix, eps: f64, min_samples: usize, work: &Work) -> Result<Vec<bool>, MlError> {
    queries(x, work, |index, row| {
        index.within_range(aview1(row), eps).is_ok_and(|found| found.len() >= min_samples)
    })
}

/// Returns each row's distance to its `n`-th nearest other row (to the farthest if there are fewer).
pub(super) fn neighbour_distances(x: &Matrix, n: usize, work: &Work) -> Result<Vec<f64>, MlError> {
    queries(x, work, |index, row| {
        // The row itself is among the answers.
        let found = index.k_nearest(aview1(row), n + 1).unwrap_or_default();
        let distance = |point: &ndarray::ArrayView1<'_, f64>| {
            let squares = point.iter().zip(row).map(|(a, b)| (a - b) * (a - b));
            squares.sum::<f64>().sqrt()
        };
        found.iter().map(|(point, _)| distance(point)).fold(0.0, f64::max)
    })
}

/// Asks an index of all rows about each row.
fn queries<T: Send>(
    x: &Matrix,
    work: &Work,
    ask: impl Fn(&dyn linfa_nn::NearestNeighbourIndex<f64>, &[f64]) -> T + Sync,
) -> Result<Vec<T>, MlError> {
    let rows = view(x)?;
    let index = CommonNearestNeighbour::KdTree
        .from_batch(&rows, L2Dist)
        .map_err(|error| MlError::Numeric(error.to_string()))?;
    let blocks = work.pool.map(x.n_rows().div_ceil(BLOCK_ROWS), |block| {
        work.check()?;
        let end = ((block + 1) * BLOCK_ROWS).min(x.n_rows());
        let answers = (block * BLOCK_ROWS..end).map(|i| ask(index.as_ref(), x.row(i)));
        Ok(answers.collect::<Vec<_>>())
    });
    let blocks = blocks.into_iter().collect::<Result<Vec<_>, MlError>>()?;
    Ok(blocks.into_iter().flatten().collect())
}

fn view(x: &Matrix) -> Result<ArrayView2<'_, f64>, MlError> {
    ArrayView2::from_shape((x.n_rows(), x.n_cols()), x.data())
        .map_err(|error| MlError::Numeric(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::cluster::oracle::{blobs, document, labels as oracle_labels, x};

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
        assert_eq!(neighbour_distances(&x, 1, &work).unwrap(), [1.0, 1.0, 2.0, 4.0]);
        assert_eq!(neighbour_distances(&x, 2, &work).unwrap(), [3.0, 2.0, 3.0, 6.0]);
    }

    #[test]
    fn threads_change_nothing() {
        let x = blobs(1500, 3, 4, 2);
        let run = |n_threads| fit(&x, 1.0, 6, &Work::alone(n_threads)).unwrap();
        assert!(run(1) == run(2) && run(1) == run(7));
        let work = Work::alone(3);
        assert_eq!(
            neighbour_distances(&x, 5, &work).unwrap(),
            neighbour_distances(&x, 5, &Work::alone(1)).unwrap()
        );
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
