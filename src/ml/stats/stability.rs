//! How far a distribution over bins has moved from another. It does not know what the bins are.

use crate::ml::math;

/// The least share that a bin is taken to have, so that one without a row counts and does not count for ever.
const LEAST: f64 = 1e-4;

/// Returns the population stability index of `now` against `before`, counts over the same bins: the sum of
/// `(q - p) ln(q / p)` over their shares `p` and `q`, 0 for the same shares. NaN if either has no rows. (It is the
/// symmetric Kullback-Leibler divergence; the custom of credit scoring calls 0.1 worth a look and 0.25 a shift.)
pub fn index(before: &[u64], now: &[u64]) -> f64 {
    let (all_before, all_now) = (total(before), total(now));
    if all_before == 0.0 || all_now == 0.0 {
        return f64::NAN;
    }
    let part = |(before, now): (&u64, &u64)| {
        let p = (*before as f64 / all_before).max(LEAST);
        let q = (*now as f64 / all_now).max(LEAST);
        (q - p) * math::ln(q / p)
    };
    before.iter().zip(now).map(part).sum()
}

/// Returns about what the index of `n_now` rows drawn from the very same distribution would be: each bin beyond the first
/// adds `1 / n_before + 1 / n_now` on average (the index is near a chi-squared figure then).
pub fn by_chance(n_bins: usize, n_before: u64, n_now: u64) -> f64 {
    let degrees = n_bins.saturating_sub(1) as f64;
    degrees * (1.0 / n_before.max(1) as f64 + 1.0 / n_now.max(1) as f64)
}

fn total(counts: &[u64]) -> f64 {
    counts.iter().sum::<u64>() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        assert_eq!(index(&[5, 5], &[50, 50]), 0.0);
        // (0.8 - 0.5) ln(0.8 / 0.5) + (0.2 - 0.5) ln(0.2 / 0.5)
        let expected = 0.3 * math::ln(1.6) - 0.3 * math::ln(0.4);
        assert!((index(&[5, 5], &[8, 2]) - expected).abs() < 1e-15);
        assert!((index(&[8, 2], &[5, 5]) - expected).abs() < 1e-15);
        // A bin that is new: (0.1 - 0.0001) ln 1000, and the other loses a tenth.
        let expected = 0.0999 * math::ln(1000.0) - 0.1 * math::ln(0.9);
        assert!((index(&[10, 0], &[9, 1]) - expected).abs() < 1e-12);
        assert!(index(&[], &[]).is_nan() && index(&[1], &[0]).is_nan());
    }

    /// Rows of the same distribution do not come out at 0, and how far from it is known beforehand.
    #[test]
    fn chance_is_told() {
        let mut rng = crate::ml::rng::Rng::new(1);
        let mut sum = 0.0;
        for _ in 0..200 {
            let (mut before, mut now) = ([0; 10], [0; 10]);
            (0..2000).for_each(|_| before[rng.below(10)] += 1);
            (0..500).for_each(|_| now[rng.below(10)] += 1);
            sum += index(&before, &now) / 200.0;
        }
        let expected = by_chance(10, 2000, 500);
        assert!((sum / expected - 1.0).abs() < 0.15, "{sum} {expected}");
    }
}
