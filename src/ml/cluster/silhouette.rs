//! The silhouette: how much nearer each row is to its own cluster than to the next one.
//! It does not know which algorithm made the labels.
//!
//! Source: Rousseeuw, "Silhouettes: a graphical aid to the interpretation and validation of cluster
//! analysis", J. Comp. Appl. Math. 20 (1987). Cost: O(n^2 d) time, O(n d) memory: distances are summed a cluster at a
//! time as they are computed and never kept. A row that is alone in its cluster has silhouette 0, as in
//! scikit-learn.

use crate::{
    ml::{
        Matrix,
        cluster::{
            order,
            panels::{LANES, Panels, squared_distances_to_two},
            scores,
        },
        error::MlError,
        rng::Rng,
    },
    stage::work::Work,
};

/// Above this many rows (noise left out) the silhouette is that of a sample of this many.
pub const MAX_ROWS: usize = 20_000;

/// The sample is the same for every labelling of as many rows, so that candidates stay comparable.
const SAMPLE_SEED: u64 = 0;

/// Rows whose silhouettes one piece of work computes.
const BLOCK_ROWS: usize = 128;

/// Returns the mean silhouette and the number of rows it was computed on, `None` where it is undefined (see
/// [`scores`]). Noise is left out. Above [`MAX_ROWS`] rows both the rows and their neighbours are a fixed
/// random sample.
///
/// # Errors
/// If cancelled.
pub fn mean(x: &Matrix, labels: &[i32], work: &Work) -> Result<Option<(f64, usize)>, MlError> {
    mean_of_at_most(MAX_ROWS, x, labels, work)
}

fn mean_of_at_most(
    max_rows: usize,
    x: &Matrix,
    labels: &[i32],
    work: &Work,
) -> Result<Option<(f64, usize)>, MlError> {
    let mut rows: Vec<usize> = (0..labels.len()).filter(|&i| labels[i] >= 0).collect();
    if rows.len() > max_rows {
        let mut drawn = Rng::new(SAMPLE_SEED).sample(rows.len(), max_rows);
        drawn.sort_unstable();
        rows = drawn.into_iter().map(|i| rows[i]).collect();
    }
    let kept: Vec<i32> = rows.iter().map(|&i| labels[i]).collect();
    if scores::defined(&kept).is_none() {
        return Ok(None);
    }
    let clusters = Clusters::new(x, &rows, &kept);
    let n_blocks = clusters.rows.len().div_ceil(BLOCK_ROWS);
    let sums = work.pool.map(n_blocks, |block| {
        let end = ((block + 1) * BLOCK_ROWS).min(clusters.rows.len());
        work.check().map(|()| clusters.sum_of_silhouettes(x, block * BLOCK_ROWS..end))
    });
    let total = sums.into_iter().sum::<Result<f64, _>>()?;
    Ok(Some((total / rows.len() as f64, rows.len())))
}

/// The rows of a matrix, cluster by cluster.
struct Clusters {
    /// Each row with the number of its cluster among `members`.
    rows: Vec<(usize, usize)>,
    members: Vec<Panels>,
}

impl Clusters {
    fn new(x: &Matrix, rows: &[usize], labels: &[i32]) -> Clusters {
        let mut by_cluster = vec![Vec::new(); order::n_clusters(labels)];
        for (&row, &label) in rows.iter().zip(labels) {
            by_cluster[label as usize].push(row);
        }
        by_cluster.retain(|members| !members.is_empty());
        let members = by_cluster.iter().map(|rows| Panels::new(&x.select_rows(rows))).collect();
        let numbered = by_cluster.iter().enumerate();
        let rows = numbered.flat_map(|(c, rows)| rows.iter().map(move |&row| (row, c))).collect();
        Clusters { rows, members }
    }

    fn sum_of_silhouettes(&self, x: &Matrix, block: std::ops::Range<usize>) -> f64 {
        let mut total = 0.0;
        for pair in self.rows[block].chunks(2) {
            let (first, second) = (pair[0], pair[pair.len() - 1]);
            let mut own = [0.0; 2];
            let mut nearest = [f64::INFINITY; 2];
            for (c, members) in self.members.iter().enumerate() {
                let sums = distance_sums(members, x.row(first.0), x.row(second.0));
                for (q, row) in [first, second].into_iter().enumerate() {
                    match members.n_rows() {
                        n if row.1 == c => own[q] = sums[q] / (n - 1) as f64,
                        n => nearest[q] = nearest[q].min(sums[q] / n as f64),
                    }
                }
            }
            for (q, row) in pair.iter().enumerate() {
                total += match self.members[row.1].n_rows() {
                    1 => 0.0,
                    _ => silhouette(own[q], nearest[q]),
                };
            }
        }
        total
    }
}

/// Returns the silhouette of a row at mean distance `own` to its cluster and `other` to the next one; 0 where both are 0.
fn silhouette(own: f64, other: f64) -> f64 {
    let larger = own.max(other);
    if larger > 0.0 { (other - own) / larger } else { 0.0 }
}

/// Returns the sums of the distances from two points to all members of a cluster.
fn distance_sums(members: &Panels, a: &[f64], b: &[f64]) -> [f64; 2] {
    let (mut to_a, mut to_b) = ([0.0; LANES], [0.0; LANES]);
    let n_full = members.n_rows() / LANES;
    for p in 0..n_full {
        let (da, db) = squared_distances_to_two(members.panel(p), a, b);
        for lane in 0..LANES {
            to_a[lane] += da[lane].sqrt();
            to_b[lane] += db[lane].sqrt();
        }
    }
    if members.n_panels() > n_full {
        let (da, db) = squared_distances_to_two(members.panel(n_full), a, b);
        for lane in 0..members.n_rows() % LANES {
            to_a[lane] += da[lane].sqrt();
            to_b[lane] += db[lane].sqrt();
        }
    }
    [to_a.iter().sum(), to_b.iter().sum()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worked_example() {
        // On a line: {0, 1} and {4, 6}, the rest noise. Mean distances: own 1, other 5 for the row at 0;
        // 1 and 4 at 1; 2 and 3.5 at 4; 2 and 5.5 at 6.
        let x = Matrix::new(5, 1, vec![0.0, 100.0, 4.0, 1.0, 6.0]);
        let labels = [1, -1, 0, 1, 0];
        let (value, rows) = mean(&x, &labels, &Work::alone(1)).unwrap().unwrap();
        let expected = (4.0 / 5.0 + 3.0 / 4.0 + 1.5 / 3.5 + 3.5 / 5.5) / 4.0;
        assert!((value - expected).abs() < 1e-15, "{value} {expected}");
        assert_eq!(rows, 4);
    }

    #[test]
    fn lonely_rows_and_duplicates_count_zero() {
        let work = Work::alone(1);
        let x = Matrix::new(3, 1, vec![0.0, 0.0, 9.0]);
        assert_eq!(mean(&x, &[0, 0, 1], &work).unwrap(), Some((2.0 / 3.0, 3)));
        let same = Matrix::new(4, 1, vec![5.0; 4]);
        assert_eq!(mean(&same, &[0, 0, 1, 1], &work).unwrap(), Some((0.0, 4)));
    }

    #[test]
    fn undefined_silhouettes_are_none() {
        let x = Matrix::new(3, 1, vec![0.0, 1.0, 2.0]);
        for labels in [[0, 0, 0], [-1, -1, -1], [0, 1, 2], [-1, 0, 1], [0, 0, -1]] {
            assert_eq!(mean(&x, &labels, &Work::alone(1)).unwrap(), None, "{labels:?}");
        }
        assert_eq!(mean(&Matrix::zeros(0, 1), &[], &Work::alone(1)).unwrap(), None);
    }

    #[test]
    fn threads_change_no_bit_and_a_sample_is_near() {
        let mut rng = Rng::new(3);
        let labels: Vec<i32> = (0..1500).map(|_| rng.below(4) as i32).collect();
        let values = labels.iter().flat_map(|&l| [f64::from(l) + rng.normal(), rng.normal()]);
        let x = Matrix::new(1500, 2, values.collect());
        let bits = |threads| {
            mean(&x, &labels, &Work::alone(threads)).unwrap().map(|(v, n)| (v.to_bits(), n))
        };
        assert_eq!(bits(1), bits(2));
        assert_eq!(bits(1), bits(7));
        let work = Work::alone(2);
        let (sampled, rows) = mean_of_at_most(700, &x, &labels, &work).unwrap().unwrap();
        let (exact, _) = mean(&x, &labels, &work).unwrap().unwrap();
        assert_eq!(rows, 700);
        assert!((sampled - exact).abs() < 0.02, "{sampled} {exact}");
    }
}
