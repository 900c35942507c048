//! What a leaf of a boosted tree is worth, and which split of a node gains most: second-order gradients
//! under XGBoost's penalties. It does not know the loss or how trees are walked.
//!
//! Source: Chen and Guestrin, "XGBoost: a scalable tree boosting system", KDD 2016, equations 5 to 7.

use crate::ml::classify::bins::Feature;

/// A gain no larger than this is rounding (XGBoost's `kRtEps`).
const LEAST_GAIN: f32 = 1e-6;

/// First and second derivatives of the loss, or sums of them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Gradient {
    /// Sum of first derivatives.
    pub g: f64,
    /// Sum of second derivatives.
    pub h: f64,
}

impl Gradient {
    /// Adds another.
    pub fn add(&mut self, other: Gradient) {
        self.g += other.g;
        self.h += other.h;
    }

    /// Returns the difference.
    pub fn minus(self, other: Gradient) -> Gradient {
        Gradient { g: self.g - other.g, h: self.h - other.h }
    }
}

/// XGBoost's penalties on leaves and splits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Penalty {
    /// On squared leaf values.
    pub lambda: f64,
    /// On absolute leaf values.
    pub alpha: f64,
    /// Least gain of a split.
    pub gamma: f64,
    /// Least sum of second derivatives in a child.
    pub min_child_weight: f64,
}

impl Penalty {
    /// Returns the value of a leaf, before the learning rate.
    pub fn leaf_value(&self, sum: Gradient) -> f64 {
        if sum.h <= 0.0 || sum.h + self.lambda <= 0.0 {
            return 0.0;
        }
        -self.shrink(sum.g) / (sum.h + self.lambda)
    }

    /// Returns how much a node with these sums lowers the penalised loss.
    pub fn gain(&self, sum: Gradient) -> f64 {
        if sum.h <= 0.0 || sum.h + self.lambda <= 0.0 {
            return 0.0;
        }
        let g = self.shrink(sum.g);
        g * g / (sum.h + self.lambda)
    }

    fn shrink(&self, g: f64) -> f64 {
        if g > self.alpha {
            g - self.alpha
        } else if g < -self.alpha {
            g + self.alpha
        } else {
            0.0
        }
    }
}

/// Sums of gradients by bin of one feature, over the rows of one node. The last entry is for
/// missing values, which are counted too: after a subtraction of sums, rounding would hide that there are none.
#[derive(Clone, Debug)]
pub struct Histogram {
    /// One sum a bin, then the missing rows' sum.
    pub sums: Vec<Gradient>,
    /// How many rows miss the feature.
    pub n_missing: u32,
}

impl Histogram {
    /// Sums the gradients of `rows`; `gradients` stand in the order of `rows`.
    pub fn new(feature: &Feature, rows: &[u32], gradients: &[Gradient]) -> Histogram {
        let missing = feature.n_bins();
        let mut sums = vec![Gradient::default(); missing + 1];
        let mut n_missing = 0;
        for (&row, &gradient) in rows.iter().zip(gradients) {
            let code = usize::from(feature.codes[row as usize]);
            n_missing += u32::from(code == missing);
            sums[code].add(gradient);
        }
        Histogram { sums, n_missing }
    }

    /// Returns the histogram of the rows that `part` does not have.
    pub fn without(&self, part: &Histogram) -> Histogram {
        let sums = self.sums.iter().zip(&part.sums).map(|(all, p)| all.minus(*p)).collect();
        Histogram { sums, n_missing: self.n_missing - part.n_missing }
    }
}

/// How to split a node on one feature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cut {
    /// Bins below this one go left.
    pub bin: usize,
    /// Values below this one go left.
    pub threshold: f64,
    /// Whether missing values go left.
    pub missing_left: bool,
    /// The gain, in single precision: equal gains that differ by rounding stay equal.
    pub gain: f32,
    /// The left child's sums.
    pub left: Gradient,
    /// The right child's sums.
    pub right: Gradient,
}

/// Returns the split with the largest gain; of equal ones the first, trying missing values on the
/// right, then on the left. `total` are the node's sums.
pub fn best_cut(
    feature: &Feature,
    histogram: &Histogram,
    total: Gradient,
    penalty: &Penalty,
) -> Option<Cut> {
    let n_bins = feature.n_bins();
    let before = penalty.gain(total);
    let mut best: Option<Cut> = None;
    let mut consider = |bin: usize, left: Gradient, right: Gradient, missing_left: bool| {
        let least = penalty.min_child_weight;
        if !(left.h > 0.0 && right.h > 0.0 && left.h >= least && right.h >= least) {
            return;
        }
        let gain = (penalty.gain(left) + penalty.gain(right) - before) as f32;
        let enough = gain > LEAST_GAIN && f64::from(gain) >= penalty.gamma;
        if enough && best.is_none_or(|b| gain > b.gain) {
            let threshold = match bin {
                0 => f64::NEG_INFINITY,
                bin => feature.lower.get(bin).copied().unwrap_or(f64::INFINITY),
            };
            best = Some(Cut { bin, threshold, missing_left, gain, left, right });
        }
    };
    let mut left = Gradient::default();
    let n_missing = usize::from(histogram.n_missing > 0);
    for bin in 1..n_bins + n_missing {
        left.add(histogram.sums[bin - 1]);
        consider(bin, left, total.minus(left), false);
    }
    if n_missing > 0 {
        let mut right = Gradient::default();
        for bin in (0..n_bins).rev() {
            right.add(histogram.sums[bin]);
            consider(bin, total.minus(right), right, true);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Penalty = Penalty { lambda: 1.0, alpha: 0.0, gamma: 0.0, min_child_weight: 1.0 };

    #[test]
    fn leaves_and_gains_by_hand() {
        let sum = Gradient { g: -3.0, h: 2.0 };
        assert_eq!((PLAIN.leaf_value(sum), PLAIN.gain(sum)), (1.0, 3.0));
        let lasso = Penalty { alpha: 1.5, ..PLAIN };
        assert_eq!((lasso.leaf_value(sum), lasso.gain(sum)), (0.5, 0.75));
        assert_eq!(Penalty { alpha: 4.0, ..PLAIN }.leaf_value(sum), 0.0);
        assert_eq!(PLAIN.leaf_value(Gradient::default()), 0.0);
    }

    #[test]
    fn missing_values_go_where_they_gain() {
        let feature =
            Feature { codes: vec![0, 1, 2], lower: vec![1.0, 5.0], upper: vec![1.0, 5.0] };
        let gradients = [(-2.0, 2.0), (2.0, 2.0), (2.0, 2.0)].map(|(g, h)| Gradient { g, h });
        let histogram = Histogram::new(&feature, &[0, 1, 2], &gradients);
        let total = Gradient { g: 2.0, h: 6.0 };
        let cut = best_cut(&feature, &histogram, total, &PLAIN).unwrap();
        assert_eq!((cut.bin, cut.threshold, cut.missing_left), (1, 5.0, false));
        assert_eq!(cut.right, Gradient { g: 4.0, h: 4.0 });
        let strict = Penalty { gamma: 100.0, ..PLAIN };
        assert_eq!(best_cut(&feature, &histogram, total, &strict), None);
    }
}
