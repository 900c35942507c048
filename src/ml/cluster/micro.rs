//! Small groups of like rows that stand for a table too long to merge row by row.
//! It does not know how the groups are merged.
//!
//! Source: the two steps of Zhang, Ramakrishnan and Livny, "BIRCH", SIGMOD 1996, with k-means in the place of their tree:
//! k-means in two levels, some thirty coarse clusters and some thirty within each, so that a row is compared with
//! about 2 sqrt(m) means for m groups. For Ward's heights between groups their sizes and means are enough, exactly;
//! what is lost is only where rows within a group would have parted.

use crate::{
    ml::{
        Matrix,
        cluster::{
            kmeans::{self, KMeansParams},
            moments, order,
        },
        error::MlError,
    },
    stage::work::Work,
};

/// Iterations of each k-means: the groups need not be the best, only small.
const MAX_ITER: usize = 10;

/// Groups of rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Micro {
    /// The group of each row.
    pub labels: Vec<i32>,
    /// The mean of each group, shape `(n_groups, n_cols)`.
    pub means: Matrix,
    /// The rows of each group; none is empty.
    pub sizes: Vec<usize>,
}

/// Makes about `n_groups` groups of the rows of `x` (fewer where fewer rows differ).
///
/// # Errors
/// If there are no rows or features, or a value is not finite; if cancelled.
pub fn groups(x: &Matrix, n_groups: usize, seed: u64, work: &Work) -> Result<Micro, MlError> {
    // The callers' progress counts merges.
    let quiet = work.quiet();
    let n_coarse = ((n_groups as f64).sqrt().ceil() as usize).min(x.n_rows());
    let coarse = kmeans::fit(x, &params(n_coarse, seed), &quiet)?;
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); order::n_clusters(&coarse.labels)];
    for (row, &label) in coarse.labels.iter().enumerate() {
        if let Ok(c) = usize::try_from(label) {
            members[c].push(row);
        }
    }
    let fine = quiet.pool.map(members.len(), |c| -> Result<Vec<i32>, MlError> {
        let rows = &members[c];
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let share = rows.len() as f64 / x.n_rows() as f64;
        let k = ((n_groups as f64 * share).round() as usize).clamp(1, rows.len());
        Ok(kmeans::fit(&x.select_rows(rows), &params(k, seed), &quiet)?.labels)
    });
    let mut labels = vec![0_i32; x.n_rows()];
    let mut n_before = 0;
    for (rows, fine) in members.iter().zip(fine) {
        let fine = fine?;
        rows.iter().zip(&fine).for_each(|(&row, label)| labels[row] = n_before + label);
        n_before += order::n_clusters(&fine) as i32;
    }
    Ok(without_empty(x, &labels, n_before as usize, work))
}

fn params(k: usize, seed: u64) -> KMeansParams {
    KMeansParams { k, n_init: 1, max_iter: MAX_ITER, tol: 1e-3, seed }
}

/// Leaves out numbers that no row has.
fn without_empty(x: &Matrix, labels: &[i32], n: usize, work: &Work) -> Micro {
    let (sizes, means) = moments::centroids(x, labels, n, &work.pool);
    let full: Vec<usize> = (0..n).filter(|&c| sizes[c] > 0).collect();
    let mut places = vec![0; n];
    full.iter().enumerate().for_each(|(place, &c)| places[c] = place);
    Micro {
        labels: order::relabel(labels, &places),
        means: means.select_rows(&full),
        sizes: full.iter().map(|&c| sizes[c]).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::cluster::oracle::blobs;

    #[test]
    fn groups_cover_all_rows_and_are_small() {
        let x = blobs(3000, 3, 4, 5);
        let micro = groups(&x, 100, 0, &Work::alone(2)).unwrap();
        let n = micro.sizes.len();
        assert!((80..=130).contains(&n), "{n}");
        assert_eq!(micro.sizes.iter().sum::<usize>(), 3000);
        assert!(micro.sizes.iter().all(|size| (1..600).contains(size)), "{:?}", micro.sizes);
        for (c, &size) in micro.sizes.iter().enumerate() {
            assert_eq!(micro.labels.iter().filter(|l| **l == c as i32).count(), size);
        }
        for threads in [1, 7] {
            assert_eq!(groups(&x, 100, 0, &Work::alone(threads)).unwrap(), micro);
        }
    }

    #[test]
    fn few_distinct_rows_are_few_groups() {
        let x = Matrix::new(600, 1, (0..600).map(|i| f64::from(i % 3)).collect());
        let micro = groups(&x, 64, 0, &Work::alone(1)).unwrap();
        let mut means = micro.means.data().to_vec();
        means.sort_by(f64::total_cmp);
        assert_eq!((means, micro.sizes), (vec![0.0, 1.0, 2.0], vec![200; 3]));
    }
}
