//! Yeo and Johnson's power transformation and its exponent of maximum likelihood.
//! It does not know missing values, nor does it standardise its result.
//!
//! Source: Yeo and Johnson, "A new family of power transformations to improve normality or symmetry",
//! Biometrika 87 (2000). The search interval that keeps the transformed values' variance inside the
//! floating-point range is that of scipy's `yeojohnson_normmax`, so that both find the same optimum.

use crate::ml::{math, optimize};

/// How near the exponent is brought to the optimum, relative to its size; scipy's.
const TOLERANCE: f64 = 1.48e-8;

/// Below this distance from 0 (or 2) the logarithm is the transformation; numpy's spacing at 1.
const NEAR: f64 = f64::EPSILON;

/// Returns the Yeo-Johnson transformation of `x` with exponent `lambda`.
pub fn yeo_johnson(x: f64, lambda: f64) -> f64 {
    of_log(math::ln_1p(x.abs()), x < 0.0, lambda)
}

/// The transformation of the value whose ln(1 + |x|) is `log`.
fn of_log(log: f64, negative: bool, lambda: f64) -> f64 {
    let exponent = if negative { 2.0 - lambda } else { lambda };
    let size = if exponent.abs() < NEAR { log } else { math::expm1(exponent * log) / exponent };
    if negative { -size } else { size }
}

/// Returns the exponent under which the transformed values are most like a normal sample; 1 (the identity)
/// for constant or no values. Values must be finite.
pub fn yeo_johnson_lambda(values: &[f64]) -> f64 {
    let Some(first) = values.first() else { return 1.0 };
    if values.iter().all(|v| v == first) {
        return 1.0;
    }
    // The logarithm of each value is all that the likelihood needs, for any exponent.
    let logs: Vec<f64> = values.iter().map(|v| math::ln_1p(v.abs())).collect();
    let signed: Vec<f64> =
        values.iter().zip(&logs).map(|(v, log)| if *v < 0.0 { -log } else { *log }).collect();
    let log_jacobian = math::sum(&signed);
    let (low, high) = search_interval(values);
    // Values of both signs near the largest double leave no exponent but the identity.
    if low >= high {
        return 1.0;
    }
    let mut transformed = vec![0.0; values.len()];
    let cost = |lambda: f64| {
        for ((t, log), v) in transformed.iter_mut().zip(&logs).zip(values) {
            *t = of_log(*log, *v < 0.0, lambda);
        }
        negative_log_likelihood(&mut transformed, log_jacobian, lambda)
    };
    optimize::minimum(cost, low, high, TOLERANCE)
}

/// The negative logarithm of the likelihood, up to a constant. Overwrites `transformed`.
fn negative_log_likelihood(transformed: &mut [f64], log_jacobian: f64, lambda: f64) -> f64 {
    let n = transformed.len() as f64;
    let mean = math::sum(transformed) / n;
    transformed.iter_mut().for_each(|t| *t = (*t - mean) * (*t - mean));
    let variance = math::sum(transformed) / n;
    let cost = 0.5 * n * math::ln(variance) - (lambda - 1.0) * log_jacobian;
    // A variance that vanished makes the likelihood infinite; that is no optimum.
    if cost.is_finite() { cost } else { f64::INFINITY }
}

/// Exponents under which values up to twenty times the largest keep half the floating-point exponent range.
fn search_interval(values: &[f64]) -> (f64, f64) {
    let largest = values.iter().fold(0.0_f64, |a, v| a.max(v.abs()));
    let log_largest = math::ln_1p((20.0 * largest).min(f64::MAX));
    let log_epsilon = math::ln(f64::EPSILON);
    let low = (math::ln(f64::MIN_POSITIVE) - log_epsilon) / 2.0 / log_largest;
    let high = (math::ln(f64::MAX) + log_epsilon) / 2.0 / log_largest;
    match (values.iter().any(|v| *v < 0.0), values.iter().any(|v| *v >= 0.0)) {
        (false, _) => (low, high),
        (true, false) => (2.0 - high, 2.0 - low),
        (true, true) => (low.max(2.0 - high), high.min(2.0 - low)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_exponents() {
        for x in [-3.0, -0.5, 0.0, 0.25, 7.0] {
            assert!((yeo_johnson(x, 1.0) - x).abs() < 1e-14, "{x}");
        }
        assert_eq!(yeo_johnson(3.0, 0.0), math::ln(4.0));
        assert_eq!(yeo_johnson(-3.0, 2.0), -math::ln(4.0));
        assert!((yeo_johnson(3.0, 2.0) - 7.5).abs() < 1e-14);
        assert!((yeo_johnson(-3.0, 0.0) + 7.5).abs() < 1e-14);
    }

    #[test]
    fn mirrored_values_have_the_mirrored_exponent() {
        let values: Vec<f64> = (1..200).map(|i| math::exp(f64::from(i) / 40.0)).collect();
        let mirrored: Vec<f64> = values.iter().map(|v| -v).collect();
        let lambda = yeo_johnson_lambda(&values);
        assert!(lambda < 0.3, "{lambda}");
        assert!((lambda + yeo_johnson_lambda(&mirrored) - 2.0).abs() < 1e-6);
    }

    #[test]
    fn degenerate_values_keep_themselves() {
        assert_eq!(yeo_johnson_lambda(&[]), 1.0);
        assert_eq!(yeo_johnson_lambda(&[5.0]), 1.0);
        assert_eq!(yeo_johnson_lambda(&[5.0, 5.0]), 1.0);
        for values in [[0.0, 1e300], [-1e300, 1e300], [1e-300, 2e-300], [0.0, f64::MAX]] {
            let lambda = yeo_johnson_lambda(&values);
            assert!(lambda.is_finite(), "{values:?}");
            assert!(yeo_johnson(values[1], lambda).is_finite(), "{values:?} {lambda}");
        }
    }
}
