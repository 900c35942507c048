//! Exact quantiles of sorted values, interpolated linearly.
//! It does not sort: callers have the order already.

/// Returns quantile `q` (in 0..=1) of ascending `sorted` finite values by linear interpolation between
/// order statistics (type 7 of Hyndman and Fan, the default of numpy and pandas); NaN for no values.
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let position = q * last as f64;
    let below = (position.floor() as usize).min(last);
    let above = (below + 1).min(last);
    let (a, b, t) = (sorted[below], sorted[above], position - below as f64);
    // numpy interpolates from the nearer end, so that t = 1 gives b exactly.
    if t < 0.5 { a + (b - a) * t } else { b - (b - a) * (1.0 - t) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hand_worked() {
        let sorted = [1.0, 2.0, 4.0, 9.0];
        for (q, expected) in [(0.0, 1.0), (0.25, 1.75), (0.5, 3.0), (0.75, 5.25), (1.0, 9.0)] {
            assert_eq!(quantile(&sorted, q), expected, "{q}");
        }
        assert_eq!(quantile(&[7.0], 0.3), 7.0);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
