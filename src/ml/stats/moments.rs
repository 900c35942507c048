//! Mean, standard deviation, skewness and kurtosis in two passes over fixed chunks.
//! It does not know missing values: callers leave them out.

use crate::{base::pool::CHUNK_ROWS, ml::math};

/// The first four moments of a column, as pandas reports them. NaN where a figure is not defined.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// How many values there are.
    pub count: usize,
    /// Arithmetic mean; NaN for no values.
    pub mean: f64,
    /// Standard deviation with ddof 1; NaN below two values.
    pub std: f64,
    /// Skewness corrected for bias (adjusted Fisher-Pearson, G1); NaN below three values and for a constant.
    pub skewness: f64,
    /// Excess kurtosis corrected for bias (G2); NaN below four values and for a constant.
    pub kurtosis: f64,
}

/// Returns the moments of finite `values`.
///
/// Two passes (mean, then powers of the deviations) as pandas does, over chunks of
/// [`CHUNK_ROWS`] values merged in order. A column of equal values is recognised as such, so that
/// rounding in its mean does not give it a spread; pandas answers 1e-17 there.
///
/// Source: Joanes and Gill, "Comparing measures of sample skewness and kurtosis",
/// The Statistician 47 (1998), 183-189.
pub fn moments(values: &[f64]) -> Moments {
    let count = values.len();
    let mean = mean(values);
    let n = count as f64;
    let mut result = Moments { count, mean, std: f64::NAN, skewness: f64::NAN, kurtosis: f64::NAN };
    if values.iter().all(|v| Some(v) == values.first()) {
        result.mean = values.first().copied().unwrap_or(f64::NAN);
        result.std = if count > 1 { 0.0 } else { f64::NAN };
        return result;
    }
    let (m2, m3, m4) = deviations(values, mean);
    result.std = (m2 / (n - 1.0)).sqrt();
    if count > 2 {
        result.skewness = n * (n - 1.0).sqrt() / (n - 2.0) * (m3 / (m2 * m2.sqrt()));
    }
    if count > 3 {
        let shrink = (n - 2.0) * (n - 3.0);
        let raw = n * (n + 1.0) * (n - 1.0) * m4 / (shrink * m2 * m2);
        result.kurtosis = raw - 3.0 * (n - 1.0) * (n - 1.0) / shrink;
    }
    result
}

/// Returns the mean of `values`, NaN for none.
pub fn mean(values: &[f64]) -> f64 {
    values.chunks(CHUNK_ROWS).map(math::sum).sum::<f64>() / values.len() as f64
}

/// Sums of the second, third and fourth powers of the deviations from `mean`.
fn deviations(values: &[f64], mean: f64) -> (f64, f64, f64) {
    let mut total = (0.0, 0.0, 0.0);
    for chunk in values.chunks(CHUNK_ROWS) {
        // Four lanes of their own: one running sum would lose digits over long columns.
        let mut lanes = [[0.0_f64; 4]; 3];
        for block in chunk.chunks(4) {
            for (lane, value) in block.iter().enumerate() {
                let d = value - mean;
                let d2 = d * d;
                lanes[0][lane] += d2;
                lanes[1][lane] += d2 * d;
                lanes[2][lane] += d2 * d2;
            }
        }
        let [a, b, c] = lanes.map(|l| (l[0] + l[1]) + (l[2] + l[3]));
        total = (total.0 + a, total.1 + b, total.2 + c);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hand_worked() {
        // Deviations of 1, 2, 4, 9 from 4 are -3, -2, 0, 5: m2 = 38, m3 = 90, m4 = 722.
        let m = moments(&[1.0, 2.0, 4.0, 9.0]);
        assert_eq!((m.count, m.mean), (4, 4.0));
        assert_eq!(m.std, (38.0_f64 / 3.0).sqrt());
        let g1 = 4.0 * 3.0_f64.sqrt() / 2.0 * 90.0 / (38.0 * 38.0_f64.sqrt());
        assert!((m.skewness - g1).abs() < 1e-15, "{}", m.skewness);
        assert_eq!(m.kurtosis, 60.0 * 722.0 / (2.0 * 1444.0) - 13.5);
    }

    #[test]
    fn too_few_and_constant_values_have_no_shape() {
        assert!(moments(&[]).mean.is_nan());
        let one = moments(&[5.0]);
        assert!(one.mean == 5.0 && one.std.is_nan());
        let two = moments(&[1.0, 2.0]);
        assert!(two.std > 0.0 && two.skewness.is_nan() && two.kurtosis.is_nan());
        let same = moments(&[0.1; 7]);
        assert_eq!((same.mean, same.std), (0.1, 0.0));
        assert!(same.skewness.is_nan() && same.kurtosis.is_nan());
    }

    #[test]
    fn moving_a_column_moves_only_its_mean() {
        let values: Vec<f64> = (0..70_000).map(|i| f64::from(i % 97) * f64::from(i % 5)).collect();
        let moved: Vec<f64> = values.iter().map(|v| v + 1024.0).collect();
        let (a, b) = (moments(&values), moments(&moved));
        assert!((b.mean - a.mean - 1024.0).abs() < 1e-9);
        assert!((a.std - b.std).abs() < 1e-9 && (a.skewness - b.skewness).abs() < 1e-9);
    }
}
