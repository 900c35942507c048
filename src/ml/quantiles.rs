//! Quantiles, modes and moments of one column. It does not know missing values: callers leave them out.

use crate::ml::math;

/// Returns the `q` quantile (`0..=1`) of ascending `sorted` values with linear interpolation, as numpy's
/// and pandas' default; NaN for no values.
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = q.clamp(0.0, 1.0) * last as f64;
    let below = (place.floor() as usize).min(last);
    let (low, high) = (sorted[below], sorted[(below + 1).min(last)]);
    let weight = place - below as f64;
    if !(high - low).is_finite() {
        // Infinite, or too far apart for a difference.
        let same = low == high || weight == 0.0;
        return if same { low } else { low * (1.0 - weight) + high * weight };
    }
    // Counting from the nearer end, as numpy does, keeps the result monotone in `q`.
    if weight < 0.5 { low + (high - low) * weight } else { high - (high - low) * (1.0 - weight) }
}

/// Returns the most frequent of ascending `sorted` values, the smallest of equally frequent ones; NaN for
/// no values.
pub fn mode(sorted: &[f64]) -> f64 {
    let (mut best, mut best_count) = (f64::NAN, 0);
    for run in sorted.chunk_by(|a, b| a == b) {
        if run.len() > best_count {
            (best, best_count) = (run[0], run.len());
        }
    }
    best
}

/// Returns the mean; NaN for no values, infinite where the sum overflows. Else it never leaves the range of the values, so that a constant column
/// has exactly its value as mean.
pub fn mean(values: &[f64]) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    let (low, high) = values
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)));
    let mean = math::sum(values) / values.len() as f64;
    if mean.is_finite() { mean.max(low).min(high) } else { mean }
}

/// Returns the mean squared deviation from `mean` (ddof 0); NaN for no values.
pub fn variance(values: &[f64], mean: f64) -> f64 {
    let squares: Vec<f64> = values.iter().map(|v| (v - mean) * (v - mean)).collect();
    math::sum(&squares) / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hand_worked() {
        let sorted = [1.0, 2.0, 2.0, 4.0, 9.0];
        for (q, expected) in [(0.0, 1.0), (0.5, 2.0), (1.0, 9.0), (0.9, 7.0), (0.125, 1.5)] {
            assert_eq!(quantile(&sorted, q), expected, "{q}");
        }
        assert_eq!(mode(&sorted), 2.0);
        assert_eq!(mode(&[1.0, 1.0, 3.0, 3.0]), 1.0);
        assert_eq!(mean(&sorted), 3.6);
        assert!((variance(&sorted, 3.6) - 8.24).abs() < 1e-12);
        assert_eq!(mean(&[0.1; 7]), 0.1);
    }

    #[test]
    fn no_values_have_no_quantile() {
        assert!(quantile(&[], 0.5).is_nan() && mode(&[]).is_nan() && mean(&[]).is_nan());
        assert_eq!(quantile(&[3.0], 0.99), 3.0);
    }

    #[test]
    fn values_too_far_apart_for_a_difference() {
        assert_eq!(quantile(&[-f64::MAX, f64::MAX], 0.5), 0.0);
        assert_eq!(quantile(&[1.0, f64::INFINITY], 0.0), 1.0);
        assert_eq!(quantile(&[f64::INFINITY; 3], 0.3), f64::INFINITY);
    }
}
