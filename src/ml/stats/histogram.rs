//! Counts of sorted values in equal bins.
//! It does not draw, and does not know units.

/// One bin: `lower <= value < upper`; the last one includes its upper edge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    /// Lower edge.
    pub lower: f64,
    /// Upper edge; equal to `lower` where all values are one and the same.
    pub upper: f64,
    /// How many values fall in.
    pub count: usize,
}

/// Returns the edges of at most `n_bins` equal bins that cover `low..=high`.
///
/// For measures: numpy's `linspace(low, high, n_bins + 1)`. For `whole` numbers the width is a whole
/// number too, so that no bin is empty only because no integer lies in it; the last edge may then lie
/// beyond `high`. A single value gives one bin without width. A range too wide for f64 gives one bin.
pub fn edges(low: f64, high: f64, n_bins: usize, whole: bool) -> Vec<f64> {
    let n_bins = n_bins.max(1);
    if low == high || !(high - low).is_finite() {
        return vec![low, high];
    }
    if whole {
        let width = ((high - low + 1.0) / n_bins as f64).ceil();
        let needed = ((high - low + 1.0) / width).ceil() as usize;
        return (0..=needed).map(|i| low + i as f64 * width).collect();
    }
    let step = (high - low) / n_bins as f64;
    let mut edges: Vec<f64> = (0..n_bins).map(|i| low + i as f64 * step).collect();
    edges.push(high);
    edges
}

/// Counts ascending `sorted` values between `edges` as numpy does; values outside are not counted.
pub fn histogram(sorted: &[f64], edges: &[f64]) -> Vec<Bin> {
    let last = edges.len().saturating_sub(2);
    let below = |edge: f64| sorted.partition_point(|v| *v < edge);
    edges
        .windows(2)
        .enumerate()
        .map(|(i, pair)| {
            let (lower, upper) = (pair[0], pair[1]);
            let end =
                if i == last { sorted.partition_point(|v| *v <= upper) } else { below(upper) };
            Bin { lower, upper, count: end.saturating_sub(below(lower)) }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_as_numpy() {
        let sorted = [0.0, 0.5, 1.0, 1.0, 2.0];
        let bins = histogram(&sorted, &edges(0.0, 2.0, 2, false));
        let counts: Vec<usize> = bins.iter().map(|b| b.count).collect();
        assert_eq!(counts, [2, 3]);
        assert_eq!((bins[1].lower, bins[1].upper), (1.0, 2.0));
    }

    #[test]
    fn whole_numbers_get_whole_bins() {
        assert_eq!(edges(0.0, 10.0, 30, true).len(), 12);
        assert_eq!(edges(1.0, 100.0, 30, true)[..2], [1.0, 5.0]);
        let bins = histogram(&[0.0, 1.0, 1.0, 2.0], &edges(0.0, 2.0, 30, true));
        assert_eq!(bins.iter().map(|b| b.count).collect::<Vec<_>>(), [1, 2, 1]);
    }

    #[test]
    fn one_value_and_none_and_extremes() {
        assert_eq!(
            histogram(&[4.0, 4.0], &edges(4.0, 4.0, 30, false)),
            [Bin { lower: 4.0, upper: 4.0, count: 2 }]
        );
        assert!(histogram(&[], &[]).is_empty());
        let wide = histogram(&[-f64::MAX, f64::MAX], &edges(-f64::MAX, f64::MAX, 9, false));
        assert_eq!(wide.len(), 1);
        assert_eq!(wide[0].count, 2);
    }
}
