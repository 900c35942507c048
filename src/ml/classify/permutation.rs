//! Permutation importance: how much worse a model answers when a column's values change places.
//! It does not know the model or the score.
//!
//! Source: Breiman (2001), as scikit-learn's `permutation_importance` does it. Features that come from one
//! column (the levels of a category) are moved together: alone, the others would give the value away.

use crate::{
    ml::{Matrix, error::MlError, rng::Rng},
    stage::work::Work,
};

/// The importance of one column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Importance {
    /// Mean drop of the score.
    pub mean: f64,
    /// Standard deviation of the drop over the repeats (population).
    pub std: f64,
}

/// Returns the importance of each group of features: the score on `x` less the mean score over
/// `n_repeats` shuffles of that group's columns.
///
/// # Errors
/// Whatever `score` fails with, or if cancelled.
pub fn importance(
    x: &Matrix,
    groups: &[Vec<usize>],
    n_repeats: usize,
    seed: u64,
    work: &Work,
    score: impl Fn(&Matrix) -> Result<f64, MlError> + Sync,
) -> Result<Vec<Importance>, MlError> {
    let whole = score(x)?;
    let drops = work.pool.map(groups.len() * n_repeats, |i| {
        work.check()?;
        let mut order: Vec<usize> = (0..x.n_rows()).collect();
        Rng::stream(seed, i as u64).shuffle(&mut order);
        let drop = whole - score(&shuffled(x, &groups[i / n_repeats], &order))?;
        work.progress.advance(1);
        Ok::<_, MlError>(drop)
    });
    let drops = drops.into_iter().collect::<Result<Vec<f64>, _>>()?;
    Ok(drops.chunks(n_repeats.max(1)).map(summary).collect())
}

fn shuffled(x: &Matrix, features: &[usize], order: &[usize]) -> Matrix {
    let mut moved = x.clone();
    for (row, &from) in order.iter().enumerate() {
        for &j in features {
            moved.row_mut(row)[j] = x.row(from)[j];
        }
    }
    moved
}

fn summary(drops: &[f64]) -> Importance {
    let n = drops.len() as f64;
    let mean = drops.iter().sum::<f64>() / n;
    let variance = drops.iter().map(|d| (d - mean) * (d - mean)).sum::<f64>() / n;
    Importance { mean, std: variance.sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::classify::tests::blobs;

    #[test]
    fn only_what_the_score_reads_matters() {
        let (x, _) = blobs(200, 2);
        // The score reads feature 0 alone: the share of rows where it equals itself unshuffled.
        let score = |m: &Matrix| {
            let same = m.rows().zip(x.rows()).filter(|(a, b)| a[0] == b[0]).count();
            Ok(same as f64 / x.n_rows() as f64)
        };
        let groups = [vec![0], vec![1], vec![0, 2]];
        let on = |n| importance(&x, &groups, 4, 0, &Work::alone(n), score).unwrap();
        let found = on(1);
        assert!(found[0].mean > 0.9 && found[2].mean > 0.9 && found[0].std < 0.05);
        assert_eq!(found[1], Importance { mean: 0.0, std: 0.0 });
        assert_eq!(found, on(7));
    }
}
