//! The split of a node that gains most on one feature. It does not know rows.

use crate::ml::{
    classify::{
        boost::histogram::{Pair, minus, plus},
        penalty::{Gradient, Penalty},
    },
    simd,
};

/// A gain no larger than this is rounding (XGBoost's `kRtEps`).
const LEAST_GAIN: f32 = 1e-6;

/// How to split a node on one feature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cut {
    /// Bins below this one go left.
    pub bin: usize,
    /// Whether missing values go left.
    pub missing_left: bool,
    /// The gain, in single precision: equal gains that differ by rounding stay equal.
    pub gain: f32,
    /// The left child's sums.
    pub left: Pair,
}

/// The search, with buffers that live as long as a tree grows.
pub(super) struct Search<'a> {
    penalty: &'a Penalty,
    /// What one unit of the sums is worth.
    unit: f64,
    lefts: Vec<Pair>,
    gains: Vec<f32>,
}

impl<'a> Search<'a> {
    pub(super) fn new(penalty: &'a Penalty, unit: f64) -> Search<'a> {
        Search { penalty, unit, lefts: Vec::new(), gains: Vec::new() }
    }

    /// Returns the value of a leaf with these sums, before the learning rate.
    pub(super) fn leaf_value(&self, sum: Pair) -> f64 {
        self.penalty.leaf_value(self.gradient(sum))
    }

    /// Returns the sum of second derivatives.
    pub(super) fn cover(&self, sum: Pair) -> f32 {
        self.gradient(sum).h as f32
    }

    fn gradient(&self, [g, h]: Pair) -> Gradient {
        Gradient { g: g as f64 * self.unit, h: h as f64 * self.unit }
    }

    /// Returns the split with the largest gain; of equal ones the first, trying missing values on the
    /// right, then on the left. `sums` holds one entry a bin, then the missing rows'; `total` is the node's.
    pub(super) fn best(&mut self, sums: &[Pair], total: Pair) -> Option<Cut> {
        let (&missing, bins) = sums.split_last()?;
        let has_missing = missing != [0; 2];
        // A cut after the last bin sends missing values alone to the right.
        let n_cuts = if has_missing { bins.len() } else { bins.len().saturating_sub(1) };
        let mut left = [0; 2];
        self.lefts.clear();
        self.lefts.extend(bins[..n_cuts].iter().map(|&sum| {
            left = plus(left, sum);
            left
        }));
        self.gain_each(total);
        let right = self.largest();
        let mut best = right.map(|at| self.cut(at, at + 1, false));
        if has_missing {
            // From the other end, as XGBoost goes, so that of equal gains the last cut is taken; the cut
            // before the first bin sends missing values alone to the left.
            let mut right = [0; 2];
            self.lefts.clear();
            self.lefts.extend(bins.iter().rev().map(|&sum| {
                right = plus(right, sum);
                minus(total, right)
            }));
            self.gain_each(total);
            if let Some(at) = self.largest()
                && best.is_none_or(|best| self.gains[at] > best.gain)
            {
                best = Some(self.cut(at, bins.len() - 1 - at, true));
            }
        }
        best
    }

    fn cut(&self, at: usize, bin: usize, missing_left: bool) -> Cut {
        Cut { bin, missing_left, gain: self.gains[at], left: self.lefts[at] }
    }

    /// Computes the gain of each of the left sides; negative infinity where a child would be too light.
    fn gain_each(&mut self, total: Pair) {
        let before = self.penalty.gain(self.gradient(total));
        let (penalty, unit) = (*self.penalty, self.unit);
        self.gains.resize(self.lefts.len(), 0.0);
        let (gains, lefts) = (&mut self.gains, &self.lefts);
        simd::run(
            #[inline(always)]
            || {
                for (out, left) in gains.iter_mut().zip(lefts) {
                    *out = gain(*left, total, &penalty, unit, before);
                }
            },
        );
    }

    /// Returns the place of the first of the largest gains, if that is enough.
    fn largest(&self) -> Option<usize> {
        let max =
            self.gains.iter().fold(f32::NEG_INFINITY, |max, &v| if v > max { v } else { max });
        let enough = max > LEAST_GAIN && f64::from(max) >= self.penalty.gamma;
        if enough { self.gains.iter().position(|&v| v == max) } else { None }
    }
}

/// Returns the gain of a split without branches, in single precision.
#[inline(always)]
fn gain(left: Pair, total: Pair, penalty: &Penalty, unit: f64, before: f64) -> f32 {
    let right = minus(total, left);
    let [hl, hr] = [left[1] as f64 * unit, right[1] as f64 * unit];
    let [gl, gr] = [left[0] as f64 * unit, right[0] as f64 * unit];
    let [gl, gr] = [penalty.shrunk(gl), penalty.shrunk(gr)];
    let after = gl * gl / (hl + penalty.lambda) + gr * gr / (hr + penalty.lambda);
    let least = penalty.min_child_weight;
    let is_heavy = (hl > 0.0) & (hr > 0.0) & (hl >= least) & (hr >= least);
    if is_heavy { (after - before) as f32 } else { f32::NEG_INFINITY }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_values_go_where_they_gain() {
        let plain = Penalty::default();
        let (sums, total) = ([[-4, 4], [4, 4], [4, 4]], [4, 12]);
        let cut = Search::new(&plain, 0.5).best(&sums, total).unwrap();
        assert_eq!((cut.bin, cut.missing_left, cut.left), (1, false, [-4, 4]));
        let other = Search::new(&plain, 0.5).best(&[[-4, 4], [4, 4], [-4, 4]], [-4, 12]).unwrap();
        assert_eq!((other.bin, other.missing_left, other.left), (1, true, [-8, 8]));
        let strict = Penalty { gamma: 100.0, ..plain };
        assert_eq!(Search::new(&strict, 0.5).best(&sums, total), None);
        let heavy = Penalty { min_child_weight: 3.0, ..plain };
        let cut = Search::new(&heavy, 0.5).best(&sums, total);
        assert_eq!(cut, None);
    }
}
