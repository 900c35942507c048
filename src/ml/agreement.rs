//! How far two labelings of the same rows agree. It does not know where the labels come from.

use std::collections::BTreeMap;

/// How often each pair of labels meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contingency {
    /// Labels of the first labeling, ascending.
    pub rows: Vec<i32>,
    /// Labels of the second labeling, ascending.
    pub columns: Vec<i32>,
    /// Counts of shape `(rows, columns)`.
    pub counts: Vec<Vec<u64>>,
}

impl Contingency {
    /// Counts pairs of labels; `a` and `b` are of equal length (what is longer is not looked at).
    pub fn new(a: &[i32], b: &[i32]) -> Contingency {
        let mut cells: BTreeMap<(i32, i32), u64> = BTreeMap::new();
        for pair in a.iter().copied().zip(b.iter().copied()) {
            *cells.entry(pair).or_default() += 1;
        }
        let mut rows: Vec<i32> = cells.keys().map(|k| k.0).collect();
        let mut columns: Vec<i32> = cells.keys().map(|k| k.1).collect();
        for labels in [&mut rows, &mut columns] {
            labels.sort_unstable();
            labels.dedup();
        }
        let count = |r: &i32, c: &i32| cells.get(&(*r, *c)).copied().unwrap_or(0);
        let counts = rows.iter().map(|r| columns.iter().map(|c| count(r, c)).collect()).collect();
        Contingency { rows, columns, counts }
    }

    /// Returns the adjusted Rand index: 1 for the same partition, about 0 for unrelated ones. Noise (-1) counts as
    /// a segment like any other. Fewer than two rows agree wholly, as in scikit-learn.
    ///
    /// Hubert and Arabie (1985), in the form of pair counts, computed in whole numbers.
    pub fn adjusted_rand_index(&self) -> f64 {
        let square = |n: u64| i128::from(n) * i128::from(n);
        let both: i128 = self.counts.iter().flatten().map(|&n| square(n)).sum();
        let first: i128 = self.counts.iter().map(|row| square(row.iter().sum())).sum();
        let second: i128 = (0..self.columns.len())
            .map(|c| square(self.counts.iter().map(|row| row[c]).sum()))
            .sum();
        let n: u64 = self.counts.iter().flatten().sum();
        let together = both - i128::from(n);
        let only_second = second - both;
        let only_first = first - both;
        let apart = square(n) - only_first - only_second - both;
        if only_first == 0 && only_second == 0 {
            return 1.0;
        }
        let agreement = 2 * (together * apart - only_first * only_second);
        let possible = (together + only_first) * (only_first + apart)
            + (together + only_second) * (only_second + apart);
        agreement as f64 / possible as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_scikit_learn() {
        // sklearn.metrics.adjusted_rand_score 1.9
        for (a, b, expected) in [
            (vec![0, 0, 1, 1], vec![0, 0, 1, 2], 0.5714285714285714),
            (vec![0, 0, 1, 1], vec![1, 1, 0, 0], 1.0),
            (vec![0, 0, 1, 1], vec![0, 1, 0, 1], -0.5),
            (vec![0, 0, 0, 0], vec![0, 1, 2, 3], 0.0),
            (vec![0, 0, 0], vec![5, 5, 5], 1.0),
            (vec![0, 1, 2], vec![2, 1, 0], 1.0),
            (vec![], vec![], 1.0),
            (vec![-1, 0, 0, 1, 1, 2], vec![0, 0, 0, 1, 2, 2], 0.1891891891891892),
        ] {
            let index = Contingency::new(&a, &b).adjusted_rand_index();
            assert!((index - expected).abs() < 1e-15, "{a:?} {b:?}: {index}");
        }
    }

    #[test]
    fn pairs_are_counted() {
        let table = Contingency::new(&[0, 0, 1, -1], &[2, 2, 2, 0]);
        assert_eq!((table.rows, table.columns), (vec![-1, 0, 1], vec![0, 2]));
        assert_eq!(table.counts, [[1, 0], [0, 2], [0, 1]]);
    }
}
