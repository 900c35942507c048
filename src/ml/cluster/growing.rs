//! The random parts of a long table that iterations begin with, each several times as long as the one before.
//! It does not know what is fitted to them.
//!
//! Source: Newling and Fleuret, "Nested mini-batch k-means", NIPS 2016, and Bradley, Fayyad and Reina, "Scaling EM
//! (expectation-maximization) clustering to large databases", 1998, in the plainest form: each part is gone over until nothing
//! changes any more, and the next one goes on from there. What a part finds is as far from what all rows find as chance
//! makes it, which a few passes over all rows put right; the many passes before them were short ones. The result is
//! a fixed point of all rows, as without. What a part cannot know is checked, see [`holds`].

use std::iter;

use crate::ml::{Matrix, rng::Rng};

/// How many times as long as a part the next one is, or all rows.
const FACTOR: usize = 8;

/// The shortest part, and the longest: what it leaves to chance is little then, and its copy must not be large.
const MIN_ROWS: usize = 8_192;
const MAX_ROWS: usize = 262_144;

/// The fewest rows of a part for each of `k` clusters.
const ROWS_A_CLUSTER: usize = 256;

/// The largest relative difference of the mean squared distances of a part and of longer rows: several standard errors of
/// the shortest part, unless few rows weigh much.
const TOLERANCE: f64 = 0.02;

/// Returns parts of the rows of `x` in ascending length, without `x` itself; none where `x` is short.
pub fn parts(x: &Matrix, k: usize, seed: u64) -> Vec<Matrix> {
    let part = |(i, n_rows): (u64, usize)| {
        // A stream that no start has.
        let mut rng = Rng::stream(seed, u64::MAX - i);
        x.select_rows(&rng.sample(x.n_rows(), n_rows))
    };
    let mut parts: Vec<Matrix> = (0..).zip(lengths(x.n_rows(), k)).map(part).collect();
    parts.reverse();
    parts
}

/// Returns whether what was found in a part may lead on, by the mean squared distance to the nearest centre of the part's rows
/// and of the longer ones' that follow. Where few rows lie so far away that they carry much of it, a part has none of them
/// or too many, and no pass from there ever gives them a centre: all rows must be begun with then.
pub fn holds(of_part: f64, of_longer: f64) -> bool {
    (of_longer - of_part).abs() <= TOLERANCE * of_part
}

/// Returns how many rows all parts of a table of `n_rows` rows have at the most.
pub fn n_rows(n_rows: usize) -> usize {
    lengths(n_rows, 1).sum()
}

/// Returns the lengths of the parts, the longest first.
fn lengths(n_rows: usize, k: usize) -> impl Iterator<Item = usize> {
    let least = MIN_ROWS.max(k.saturating_mul(ROWS_A_CLUSTER));
    let longest = (n_rows / FACTOR).min(MAX_ROWS);
    iter::successors(Some(longest), |n| Some(n / FACTOR)).take_while(move |n| *n >= least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_grow_and_are_bounded() {
        let lengths = |n: usize, k: usize| -> Vec<usize> {
            let x = Matrix::new(n, 1, (0..n).map(|i| i as f64).collect());
            let parts = parts(&x, k, 7);
            for part in &parts {
                assert!(part.data().windows(2).all(|w| w[0] < w[1]), "a row twice");
            }
            parts.iter().map(Matrix::n_rows).collect()
        };
        assert!(lengths(65_535, 3).is_empty());
        assert_eq!(lengths(200_000, 3), [25_000]);
        assert_eq!(lengths(1_200_000, 3), [18_750, 150_000]);
        assert_eq!(lengths(1_200_000, 100), [150_000], "more rows for many clusters");
        assert_eq!(lengths(4_000_000, 3), [32_768, 262_144]);
        assert!(holds(1.0, 1.01) && holds(0.0, 0.0));
        assert!(
            !holds(1.0, 1.03) && !holds(1.0, 0.9) && !holds(0.0, 1e-9) && !holds(1.0, f64::NAN)
        );
        assert_eq!((n_rows(65_535), n_rows(4_000_000)), (0, 294_912));
    }
}
