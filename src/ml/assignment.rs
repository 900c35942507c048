//! One-to-one pairs of rows and columns with the largest total. It does not know what is paired.
//!
//! Source: Kuhn, "The Hungarian method for the assignment problem" (1955), in the form with potentials that adds one row at a
//! time, O(n^2 m). Where several pairings are equally good the one found is always the same.

/// Returns for each row of `gains` (all rows of equal length) the column it is paired with; `None` for a row that is left over
/// or whose pair would gain nothing. Gains are counts: whole numbers, so that no rounding decides.
pub fn best(gains: &[Vec<u64>]) -> Vec<Option<usize>> {
    let n_columns = gains.first().map_or(0, Vec::len);
    let most = gains.iter().flatten().copied().max().unwrap_or(0) as i128;
    // As many columns as rows at least: the ones beyond gain nothing.
    let (n, m) = (gains.len(), n_columns.max(gains.len()));
    let cost = |i: usize, j: usize| most - gains[i].get(j).copied().map_or(0, i128::from);
    // Position 0 stands for "no row" and "no column".
    let (mut of_row, mut of_column) = (vec![0_i128; n + 1], vec![0_i128; m + 1]);
    let mut row_of = vec![0_usize; m + 1];
    for row in 1..=n {
        row_of[0] = row;
        let mut at = 0;
        let (mut least, mut from) = (vec![i128::MAX; m + 1], vec![0_usize; m + 1]);
        let mut used = vec![false; m + 1];
        while row_of[at] != 0 {
            used[at] = true;
            let i = row_of[at];
            let (mut delta, mut next) = (i128::MAX, 0);
            for j in (1..=m).filter(|&j| !used[j]) {
                let reduced = cost(i - 1, j - 1) - of_row[i] - of_column[j];
                if reduced < least[j] {
                    (least[j], from[j]) = (reduced, at);
                }
                if least[j] < delta {
                    (delta, next) = (least[j], j);
                }
            }
            for j in 0..=m {
                if used[j] {
                    of_row[row_of[j]] += delta;
                    of_column[j] -= delta;
                } else {
                    least[j] = least[j].saturating_sub(delta);
                }
            }
            at = next;
        }
        while at != 0 {
            row_of[at] = row_of[from[at]];
            at = from[at];
        }
    }
    let mut pairs = vec![None; n];
    for (j, &row) in row_of.iter().enumerate().skip(1) {
        if row > 0 && gains[row - 1].get(j - 1).is_some_and(|gain| *gain > 0) {
            pairs[row - 1] = Some(j - 1);
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::rng::Rng;

    #[test]
    fn the_total_counts_and_not_the_largest() {
        // The greedy pair 10 would leave 0 for the other row.
        assert_eq!(best(&[vec![10, 9], vec![8, 0]]), [Some(1), Some(0)]);
        assert_eq!(best(&[vec![5, 2], vec![4, 0], vec![0, 0]]), [Some(1), Some(0), None]);
        assert_eq!(best(&[vec![0, 0, 3]]), [Some(2)]);
        assert!(best(&[]).is_empty());
        assert_eq!(best(&[vec![], vec![]]), [None, None]);
    }

    fn total(gains: &[Vec<u64>], pairs: &[Option<usize>]) -> u64 {
        gains.iter().zip(pairs).filter_map(|(row, pair)| Some(row[(*pair)?])).sum()
    }

    /// All ways to pair, one after the other.
    fn plain(gains: &[Vec<u64>], free: &mut Vec<bool>) -> u64 {
        let Some((row, rest)) = gains.split_first() else { return 0 };
        let mut most = plain(rest, free);
        for j in 0..free.len() {
            if std::mem::take(&mut free[j]) {
                most = most.max(row[j] + plain(rest, free));
                free[j] = true;
            }
        }
        most
    }

    #[test]
    fn no_other_pairing_gains_more() {
        let mut rng = Rng::new(3);
        for _ in 0..200 {
            let (n, m) = (1 + rng.below(5), 1 + rng.below(5));
            let gains: Vec<Vec<u64>> =
                (0..n).map(|_| (0..m).map(|_| rng.below(9) as u64).collect()).collect();
            let pairs = best(&gains);
            let mut columns: Vec<usize> = pairs.iter().flatten().copied().collect();
            columns.sort_unstable();
            assert!(columns.windows(2).all(|w| w[0] != w[1]), "{pairs:?}");
            assert_eq!(total(&gains, &pairs), plain(&gains, &mut vec![true; m]), "{gains:?}");
        }
    }
}
