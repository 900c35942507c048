//! How far a clustering comes back when its rows are drawn anew. It does not know which algorithm is asked again.
//!
//! Source: Hennig, "Cluster-wise assessment of cluster stability", Comput. Stat. Data Anal. 52 (2007), as `clusterboot` of
//! the R package fpc has it: rows are drawn with replacement, a row drawn twice counts once, and a cluster is compared,
//! on the drawn rows, with the most similar new one by the Jaccard coefficient. Hennig takes a mean of 0.75 for a valid, stable
//! cluster and 0.5 for a dissolved one. Beside it stands the adjusted Rand index of all drawn rows, noise being one more label.

use crate::{
    ml::{Matrix, agreement::Contingency, cluster::order, rng::Rng},
    stage::work::Cancelled,
};

/// What the resamples say.
#[derive(Clone, Debug, PartialEq)]
pub struct Stability {
    /// For each cluster the mean over the resamples of its Jaccard coefficient with the most similar new cluster, 0 to 1;
    /// NaN if none of its rows was ever drawn.
    pub jaccard: Vec<f64>,
    /// Mean over the resamples of the adjusted Rand index, at most 1.
    pub adjusted_rand: f64,
}

/// Draws `resamples` times as many rows as there are, clusters the distinct ones by `cluster`, and compares with `labels`.
///
/// # Errors
/// Those of `cluster`; if cancelled.
pub fn bootstrap<E: From<Cancelled>>(
    x: &Matrix,
    labels: &[i32],
    (resamples, seed): (usize, u64),
    check: impl Fn() -> Result<(), Cancelled>,
    cluster: impl Fn(&Matrix) -> Result<Vec<i32>, E>,
) -> Result<Stability, E> {
    let n_clusters = order::n_clusters(labels);
    let mut jaccard = vec![(0.0, 0_usize); n_clusters];
    let mut rand = 0.0;
    for resample in 0..resamples {
        check()?;
        let rows = drawn(x.n_rows(), &mut Rng::stream(seed, resample as u64));
        let old: Vec<i32> = rows.iter().map(|&row| labels[row]).collect();
        let new = cluster(&x.select_rows(&rows))?;
        let table = Contingency::new(&old, &new);
        rand += table.adjusted_rand_index();
        for (sum, found) in jaccard.iter_mut().zip(most_similar(&table, n_clusters)) {
            if let Some(found) = found {
                *sum = (sum.0 + found, sum.1 + 1);
            }
        }
    }
    let mean = |(sum, n): &(f64, usize)| sum / *n as f64;
    Ok(Stability {
        jaccard: jaccard.iter().map(mean).collect(),
        adjusted_rand: rand / resamples.max(1) as f64,
    })
}

/// Returns the distinct rows among `n_rows` drawn with replacement, in their order.
fn drawn(n_rows: usize, rng: &mut Rng) -> Vec<usize> {
    let mut is_drawn = vec![false; n_rows];
    (0..n_rows).for_each(|_| is_drawn[rng.below(n_rows)] = true);
    (0..n_rows).filter(|&row| is_drawn[row]).collect()
}

/// Returns for each old cluster the largest Jaccard coefficient with a new one; `None` for one without rows. Noise is no
/// cluster.
fn most_similar(table: &Contingency, n_clusters: usize) -> Vec<Option<f64>> {
    let others: Vec<u64> =
        (0..table.columns.len()).map(|j| table.counts.iter().map(|row| row[j]).sum()).collect();
    let mut best = vec![None; n_clusters];
    for (label, counts) in table.rows.iter().zip(&table.counts) {
        let Ok(c) = usize::try_from(*label) else { continue };
        let own: u64 = counts.iter().sum();
        let mut largest = 0.0_f64;
        for (j, _) in table.columns.iter().enumerate().filter(|(_, label)| **label >= 0) {
            let both = counts[j];
            largest = largest.max(both as f64 / (own + others[j] - both) as f64);
        }
        best[c] = Some(largest);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ml::{
            cluster::{
                kmeans::{self, KMeansParams},
                oracle::blobs,
            },
            error::MlError,
        },
        stage::work::Work,
    };

    #[test]
    fn a_worked_example() {
        // Old {0, 1, 2}, {3, 4}, noise 5; new {0, 1}, {2, 3, 4}, noise 5: 2 of 3 rows, and 2 of 3.
        let table = Contingency::new(&[0, 0, 0, 1, 1, -1], &[1, 1, 0, 0, 0, -1]);
        assert_eq!(most_similar(&table, 3), [Some(2.0 / 3.0), Some(2.0 / 3.0), None]);
        let all_noise = Contingency::new(&[0, 0], &[-1, -1]);
        assert_eq!(most_similar(&all_noise, 1), [Some(0.0)]);
    }

    #[test]
    fn some_two_thirds_of_the_rows_are_drawn_in_their_order() {
        let rows = drawn(3000, &mut Rng::new(1));
        assert!(rows.is_sorted_by(|a, b| a < b));
        assert!((1850..1950).contains(&rows.len()), "{}", rows.len());
    }

    fn of(k: usize, resamples: usize) -> Stability {
        let x = blobs(600, 2, 3, 8);
        let work = Work::alone(1);
        let fit = |x: &Matrix| -> Result<Vec<i32>, MlError> {
            let params = KMeansParams { k, n_init: 3, max_iter: 100, tol: 1e-4, seed: 0 };
            Ok(kmeans::fit(x, &params, &work)?.labels)
        };
        let labels = fit(&x).unwrap();
        bootstrap(&x, &labels, (resamples, 5), || work.check(), fit).unwrap()
    }

    #[test]
    fn clusters_that_are_there_come_back_and_invented_ones_do_not() {
        let there = of(3, 10);
        assert!(there.jaccard.iter().all(|j| *j > 0.95) && there.adjusted_rand > 0.95, "{there:?}");
        let invented = of(9, 10);
        assert!(invented.jaccard.iter().any(|j| *j < 0.75), "{invented:?}");
        assert!(invented.adjusted_rand < 0.85, "{invented:?}");
        assert_eq!(of(9, 10), invented);
    }
}
