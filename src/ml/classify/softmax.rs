//! Scores turned into probabilities, many rows at a time. It does not know what gave the scores.

use crate::ml::{math, simd};

/// Replaces each row of `width` scores by its softmax, without overflow.
pub fn rows(scores: &mut [f64], width: usize) {
    let width = width.max(1);
    simd::run(
        #[inline(always)]
        || rows_plain(scores, width),
    );
}

#[inline(always)]
fn rows_plain(scores: &mut [f64], width: usize) {
    for row in scores.chunks_exact_mut(width) {
        let max = row.iter().fold(f64::NEG_INFINITY, |max, &v| if v > max { v } else { max });
        row.iter_mut().for_each(|v| *v -= max);
    }
    math::exp_each(scores);
    for row in scores.chunks_exact_mut(width) {
        let total: f64 = row.iter().sum();
        row.iter_mut().for_each(|v| *v /= total);
    }
}

/// Replaces each score by the logistic function of it, exact to the last digits on both sides.
pub fn sigmoid_each(scores: &mut [f64]) {
    simd::run(
        #[inline(always)]
        || sigmoid_plain(scores),
    );
}

#[inline(always)]
fn sigmoid_plain(scores: &mut [f64]) {
    let mut small: [f64; 64] = [0.0; 64];
    for scores in scores.chunks_mut(64) {
        let small = &mut small[..scores.len()];
        small.iter_mut().zip(scores.iter()).for_each(|(e, v)| *e = -v.abs());
        math::exp_each(small);
        for (v, e) in scores.iter_mut().zip(small) {
            *v = if *v >= 0.0 { 1.0 } else { *e } / (1.0 + *e);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_those_of_one_row_at_a_time() {
        let mut scores = vec![1.0, 2.0, -3.0, 1000.0, 1000.0, -1000.0, 0.0, -800.0, -0.5];
        let one_by_one: Vec<f64> = scores
            .chunks_exact(3)
            .flat_map(|row| {
                let mut out = [0.0; 3];
                math::softmax(row, &mut out);
                out
            })
            .collect();
        rows(&mut scores, 3);
        for (found, expected) in scores.iter().zip(one_by_one) {
            assert!((found - expected).abs() <= 1e-15, "{found} {expected}");
        }
    }

    #[test]
    fn sigmoids_keep_their_digits_on_both_sides() {
        let given: Vec<f64> = (-100..100).map(|i| f64::from(i) * 0.37).collect();
        let mut found = given.clone();
        sigmoid_each(&mut found);
        for (x, p) in given.iter().zip(found) {
            assert!((p / math::sigmoid(*x) - 1.0).abs() < 1e-15, "{x}: {p}");
        }
    }
}
