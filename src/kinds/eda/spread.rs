//! Figures of how values are spread: moments, quantiles, outliers, extremes. It does not know what the values are.

use crate::ml::stats::{Moments, moments, quantile};

/// The percentiles of the `columns` artifact between minimum and maximum.
pub const QUANTILES: [f64; 7] = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];

/// Figures of a numeric, boolean or date column over its finite values; NaN where not defined.
#[derive(Clone, Debug)]
pub struct Spread {
    /// Mean, deviation, skewness, kurtosis.
    pub moments: Moments,
    /// Smallest value.
    pub min: f64,
    /// The quantiles of [`QUANTILES`].
    pub quantiles: [f64; 7],
    /// Largest value.
    pub max: f64,
    /// How many are 0.
    pub zeros: usize,
    /// How many are below 0.
    pub negatives: usize,
    /// How many lie more than 1.5 interquartile ranges outside the quartiles.
    pub outliers_iqr: usize,
    /// Median of the absolute deviations from the median.
    pub mad: f64,
    /// How many have a modified z-score above 3.5: 0.6745 of the deviation from the median, in MADs. None do if that is 0.
    ///
    /// Iglewicz and Hoaglin, "How to detect and handle outliers" (1993).
    pub outliers_mad: usize,
    /// The smallest different values, ascending, and how often each occurs.
    pub smallest: Vec<(f64, usize)>,
    /// The largest ones, descending.
    pub largest: Vec<(f64, usize)>,
}

/// How many of the smallest and of the largest values are told.
const EXTREMES: usize = 5;

impl Spread {
    /// Computes the figures of ascending values.
    pub fn of(sorted: &[f64]) -> Spread {
        let quantiles = QUANTILES.map(|q| quantile(sorted, q));
        let (q1, q3) = (quantiles[2], quantiles[4]);
        let fence = 1.5 * (q3 - q1);
        let below = |edge: f64| sorted.partition_point(|v| *v < edge);
        let up_to = |edge: f64| sorted.partition_point(|v| *v <= edge);
        let outliers_iqr = if sorted.is_empty() {
            0
        } else {
            below(q1 - fence) + (sorted.len() - up_to(q3 + fence))
        };
        let mad = mad(sorted, quantiles[3]);
        let far = 3.5 / 0.6745 * mad;
        let outliers_mad = match far > 0.0 {
            true => below(quantiles[3] - far) + (sorted.len() - up_to(quantiles[3] + far)),
            false => 0,
        };
        Spread {
            mad,
            outliers_mad,
            smallest: extremes(sorted, false),
            largest: extremes(sorted, true),
            moments: moments(sorted),
            min: sorted.first().copied().unwrap_or(f64::NAN),
            quantiles,
            max: sorted.last().copied().unwrap_or(f64::NAN),
            zeros: up_to(0.0) - below(0.0),
            negatives: below(0.0),
            outliers_iqr,
        }
    }
}

/// Returns the median absolute deviation of ascending values from their median; NaN without any. Deviations are met in order,
/// walking outwards from the median, so that they need not be sorted.
fn mad(sorted: &[f64], median: f64) -> f64 {
    let n = sorted.len();
    let (mut left, mut right) = (sorted.partition_point(|v| *v < median), 0);
    right += left;
    let (mut last, mut middle) = (f64::NAN, f64::NAN);
    for _ in 0..n / 2 + 1 {
        let below = left.checked_sub(1).map_or(f64::INFINITY, |i| median - sorted[i]);
        let above = sorted.get(right).map_or(f64::INFINITY, |v| v - median);
        (last, middle) = (middle, below.min(above));
        if below < above {
            left -= 1;
        } else {
            right += 1;
        }
    }
    match n {
        0 => f64::NAN,
        n if n % 2 == 0 => last + (middle - last) * 0.5,
        _ => middle,
    }
}

/// Returns the first, or last, different values of ascending ones, outermost first.
fn extremes(sorted: &[f64], from_the_end: bool) -> Vec<(f64, usize)> {
    let (mut rest, mut found) = (sorted, Vec::new());
    while found.len() < EXTREMES {
        let Some(value) = (if from_the_end { rest.last() } else { rest.first() }).copied() else {
            break;
        };
        let before = rest.len();
        rest = match from_the_end {
            true => &rest[..rest.partition_point(|v| *v < value)],
            false => &rest[rest.partition_point(|v| *v <= value)..],
        };
        found.push((value, before - rest.len()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deviations_have_the_median_that_sorting_finds() {
        let mut rng = crate::ml::rng::Rng::new(1);
        for n in 0..40 {
            let mut values: Vec<f64> = (0..n).map(|_| rng.below(12) as f64 / 4.0).collect();
            values.sort_unstable_by(f64::total_cmp);
            let median = quantile(&values, 0.5);
            let mut away: Vec<f64> = values.iter().map(|v| (v - median).abs()).collect();
            away.sort_unstable_by(f64::total_cmp);
            let (found, expected) = (mad(&values, median), quantile(&away, 0.5));
            assert!(
                found == expected || n == 0 && found.is_nan(),
                "{values:?}: {found} {expected}"
            );
        }
    }
}
