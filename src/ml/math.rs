//! Elementary functions with the same bits on every machine, and sums in a fixed order.
//! Everything transcendental in the program goes through here; `sqrt` and `abs` of the
//! standard library are exact everywhere and need no wrapper.

/// Returns e^x.
pub fn exp(x: f64) -> f64 {
    libm::exp(x)
}

/// Returns e^x - 1, exact near zero.
pub fn expm1(x: f64) -> f64 {
    libm::expm1(x)
}

/// Returns the natural logarithm.
pub fn ln(x: f64) -> f64 {
    libm::log(x)
}

/// Returns ln(1 + x), exact near zero.
pub fn ln_1p(x: f64) -> f64 {
    libm::log1p(x)
}

/// Returns the logarithm to base 10.
pub fn log10(x: f64) -> f64 {
    libm::log10(x)
}

/// Returns the logarithm to base 2.
pub fn log2(x: f64) -> f64 {
    libm::log2(x)
}

/// Returns `base` to the power `exponent`.
pub fn pow(base: f64, exponent: f64) -> f64 {
    libm::pow(base, exponent)
}

/// Returns 1 / (1 + e^-x) without overflow.
pub fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + exp(-x))
    } else {
        let e = exp(x);
        e / (1.0 + e)
    }
}

/// Returns ln(sum of e^v) without overflow; negative infinity for an empty slice.
pub fn log_sum_exp(values: &[f64]) -> f64 {
    let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if max == f64::NEG_INFINITY {
        return max;
    }
    max + ln(values.iter().map(|v| exp(v - max)).sum::<f64>())
}

/// Writes the softmax of `scores` without overflow; slices of equal length.
pub fn softmax(scores: &[f64], out: &mut [f64]) {
    let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut total = 0.0;
    for (out, score) in out.iter_mut().zip(scores) {
        *out = exp(score - max);
        total += *out;
    }
    out.iter_mut().for_each(|v| *v /= total);
}

/// Returns the sum over eight virtual lanes: the same bits whatever the vector width of the
/// machine, and about eight times more exact than one running sum.
pub fn sum(values: &[f64]) -> f64 {
    let mut lanes = [0.0_f64; 8];
    let blocks = values.chunks_exact(8);
    let rest = blocks.remainder();
    for block in blocks {
        for (lane, v) in lanes.iter_mut().zip(block) {
            *lane += v;
        }
    }
    let mut total = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3]))
        + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
    for v in rest {
        total += v;
    }
    total
}

/// Returns the dot product over eight virtual lanes; slices of equal length.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0_f64; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let (rest_a, rest_b) = (a8.remainder(), b8.remainder());
    for (x, y) in a8.zip(b8) {
        for i in 0..8 {
            lanes[i] += x[i] * y[i];
        }
    }
    let mut total = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3]))
        + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
    for (x, y) in rest_a.iter().zip(rest_b) {
        total += x * y;
    }
    total
}

/// Returns the squared Euclidean distance over eight virtual lanes; slices of equal length.
pub fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0_f64; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let (rest_a, rest_b) = (a8.remainder(), b8.remainder());
    for (x, y) in a8.zip(b8) {
        for i in 0..8 {
            let d = x[i] - y[i];
            lanes[i] += d * d;
        }
    }
    let mut total = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3]))
        + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
    for (x, y) in rest_a.iter().zip(rest_b) {
        let d = x - y;
        total += d * d;
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_agree_with_plain_loops() {
        let a: Vec<f64> = (0..19).map(f64::from).collect();
        let b: Vec<f64> = a.iter().map(|v| v + 2.0).collect();
        assert_eq!(sum(&a), 171.0);
        assert_eq!(dot(&a, &a), 2109.0);
        assert_eq!(squared_distance(&a, &b), 76.0);
    }

    #[test]
    fn extremes_do_not_overflow() {
        assert_eq!(sigmoid(1000.0), 1.0);
        assert_eq!(sigmoid(-1000.0), 0.0);
        assert_eq!(log_sum_exp(&[1000.0, 1000.0]), 1000.0 + ln(2.0));
        assert_eq!(log_sum_exp(&[]), f64::NEG_INFINITY);
    }
}
