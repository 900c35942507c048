//! Scores from 1 to 5 and what they are called together.
//! It does not know which figure is scored: more is better.

/// Returns the score of each value: 5 for the best fifth, 1 for the worst.
///
/// Without ties it is `pandas.qcut(values, 5)`. Equal values get equal scores, the one that the worst-ranked
/// of them would get: customers with the same figures must not differ by their place in a file, as they do
/// with the usual `qcut(rank(method="first"))`. O(n log n).
pub fn quintiles(values: &[f64]) -> Vec<i64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let n = values.len();
    let score = |value: &f64| {
        let n_worse = sorted.partition_point(|other| other.total_cmp(value).is_lt());
        // Ranks run from 0 to n - 1; a fifth ends where qcut's quantile of the ranks lies.
        let fifths = (5 * n_worse).div_ceil((n - 1).max(1));
        fifths.clamp(1, 5) as i64
    };
    values.iter().map(score).collect()
}

/// Returns the customary name for a recency and a frequency score.
pub fn segment(r: i64, f: i64) -> &'static str {
    match (r, f) {
        (..=2, ..=2) => "hibernating",
        (..=2, 3..=4) => "at risk",
        (..=2, _) => "cannot lose",
        (3, ..=2) => "about to sleep",
        (3, 3) => "need attention",
        (5, 4..) => "champions",
        (3..=4, 4..) => "loyal",
        (4, ..=1) => "promising",
        (_, ..=1) => "new",
        _ => "potential loyalists",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifths_are_those_of_qcut() {
        let ascending = |n: usize| (0..n).map(|i| i as f64).collect::<Vec<_>>();
        // pandas 3: pd.qcut(range(n), 5, labels=[1, 2, 3, 4, 5]).
        assert_eq!(quintiles(&ascending(10)), [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
        assert_eq!(quintiles(&ascending(7)), [1, 1, 2, 3, 4, 5, 5]);
        assert_eq!(quintiles(&ascending(6)), [1, 1, 2, 3, 4, 5]);
        assert_eq!(quintiles(&ascending(2)), [1, 5]);
        assert_eq!(quintiles(&[3.0, 1.0, 1.0, 1.0, 2.0]), [5, 1, 1, 1, 4]);
        assert_eq!(quintiles(&[4.0, 4.0, 4.0]), [1, 1, 1]);
        assert_eq!(quintiles(&[4.0]), [1]);
        assert_eq!(quintiles(&[]), Vec::<i64>::new());
    }

    #[test]
    fn every_pair_of_scores_has_a_name() {
        let grid: Vec<Vec<&str>> =
            (1..=5).map(|r| (1..=5).map(|f| segment(r, f)).collect()).collect();
        let poor = ["hibernating", "hibernating", "at risk", "at risk", "cannot lose"];
        assert_eq!(grid[0], poor);
        assert_eq!(grid[1], poor);
        assert_eq!(
            grid[2],
            ["about to sleep", "about to sleep", "need attention", "loyal", "loyal"]
        );
        assert_eq!(
            grid[3],
            ["promising", "potential loyalists", "potential loyalists", "loyal", "loyal"]
        );
        assert_eq!(
            grid[4],
            ["new", "potential loyalists", "potential loyalists", "champions", "champions"]
        );
    }
}
