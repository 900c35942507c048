//! Elementary functions with the same bits on every machine, and sums in a fixed order.
//! Everything transcendental in the program goes through here; `sqrt` and `abs` of the
//! standard library are exact everywhere and need no wrapper. The sums are inlined, so that a kernel's instruction set
//! (see [`crate::ml::simd`]) reaches them.

/// Returns e^x.
pub fn exp(x: f64) -> f64 {
    libm::exp(x)
}

/// Replaces each x by e^x, within 2 units in the last place; 0 below -708 and infinite above 709, where the
/// result would leave the normal numbers. No branch and no table, so that compilers do several at once (within
/// [`simd::run`](crate::ml::simd::run), for `mul_add` is a call elsewhere); only correctly rounded
/// operations, so that every vector width gives the same bits.
#[inline(always)]
pub fn exp_each(values: &mut [f64]) {
    for v in values {
        *v = exp_plain(*v);
    }
}

/// Returns e^x as [`exp_each`] does, for kernels: e^x = 2^n e^r with n whole and |r| <= ln(2) / 2 (Tang, ACM TOMS 15, 1989), e^r by its Taylor series, whose
/// next term is below 4e-18.
#[inline(always)]
pub(crate) fn exp_plain(x: f64) -> f64 {
    const LOG2_E: f64 = std::f64::consts::LOG2_E;
    // ln(2) in two parts; the first has so many zeros at its end that n times it is exact.
    const LN2_HIGH: f64 = 0.693_147_180_369_123_8;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    // Adding this pushes the fraction out of a number's bits and leaves n in the lowest of them.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    const TERMS: [f64; 12] = [
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
    ];
    let inside = if x > 709.0 { 709.0 } else { x };
    let inside = if inside < -708.0 { -708.0 } else { inside };
    let shifted = inside.mul_add(LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-LN2_LOW, n.mul_add(-LN2_HIGH, inside));
    let mut sum: f64 = 1.0 / 6_227_020_800.0;
    for term in TERMS {
        sum = sum.mul_add(r, term);
    }
    let scale = f64::from_bits((shifted.to_bits() << 52).wrapping_add(1023 << 52));
    let found = sum.mul_add(r, 1.0) * scale;
    let found = if x > 709.0 { f64::INFINITY } else { found };
    if x < -708.0 { 0.0 } else { found }
}

/// Returns ln(x) of a finite x that is not below 1, within 2 units in the last place of 1 + ln(x), for kernels.
///
/// x = 2^n m with m around 1; ln(m) is the series of twice the inverse hyperbolic tangent of
/// (m - 1) / (m + 1), which is below 0.172, so that the next term is below 1e-18.
#[inline(always)]
pub(crate) fn ln_plain(x: f64) -> f64 {
    // The bits of the square root of one half, below which m does not lie.
    const LEAST: u64 = 0x3FE6_A09E_667F_3BCD;
    // A number whose lowest bits are a whole number, and its value without those.
    const WHOLE: u64 = 0x4330_0000_0000_0000;
    let shift = (x.to_bits() - LEAST) >> 52;
    let m = f64::from_bits(x.to_bits() - (shift << 52));
    let n = f64::from_bits(shift | WHOLE) - f64::from_bits(WHOLE);
    let f = (m - 1.0) / (m + 1.0);
    let square = f * f;
    let mut sum: f64 = 1.0 / 23.0;
    for odd in [21.0, 19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0] {
        sum = sum.mul_add(square, 1.0 / odd);
    }
    n.mul_add(std::f64::consts::LN_2, (2.0 * f * square).mul_add(sum, 2.0 * f))
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
#[inline(always)]
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
#[inline(always)]
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
#[inline(always)]
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
    fn many_exponentials_are_those_of_one() {
        let mut rng = crate::ml::rng::Rng::new(1);
        let wide = (0..20_000).map(|_| (rng.uniform() - 0.5) * 1416.0);
        let mut rng = crate::ml::rng::Rng::new(2);
        let near = (0..20_000).map(|_| rng.normal());
        let given: Vec<f64> = wide.chain(near).chain([0.0, -0.0, 709.0, -708.0]).collect();
        let mut found = given.clone();
        exp_each(&mut found);
        for (x, e) in given.iter().zip(&found) {
            assert!((e / exp(*x) - 1.0).abs() <= 2.0 * f64::EPSILON, "{x}: {e}");
        }
        let mut odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 800.0, -800.0];
        exp_each(&mut odd);
        assert!(odd[0].is_nan());
        assert_eq!(odd[1..], [f64::INFINITY, 0.0, f64::INFINITY, 0.0]);
    }

    #[test]
    fn logarithms_from_one_up_are_the_librarys() {
        let mut x = 1.0;
        while x < 1e300 {
            let (found, known) = (ln_plain(x), ln(x));
            assert!((found - known).abs() <= 2.0 * f64::EPSILON * (1.0 + known), "{x}: {found}");
            x *= 1.000_37 + x * 1e-6;
        }
        assert_eq!(ln_plain(1.0), 0.0);
    }

    #[test]
    fn extremes_do_not_overflow() {
        assert_eq!(sigmoid(1000.0), 1.0);
        assert_eq!(sigmoid(-1000.0), 0.0);
        assert_eq!(log_sum_exp(&[1000.0, 1000.0]), 1000.0 + ln(2.0));
        assert_eq!(log_sum_exp(&[]), f64::NEG_INFINITY);
    }
}
