//! What a leaf of a boosted tree is worth and what a node costs: second-order gradients under XGBoost's
//! penalties. It does not know the loss or how trees are walked.
//!
//! Source: Chen and Guestrin, "XGBoost: a scalable tree boosting system", KDD 2016, equations 5 to 7.

/// First and second derivatives of the loss, or sums of them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Gradient {
    /// Sum of first derivatives.
    pub g: f64,
    /// Sum of second derivatives.
    pub h: f64,
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

impl Default for Penalty {
    /// Returns XGBoost's defaults.
    fn default() -> Penalty {
        Penalty { lambda: 1.0, alpha: 0.0, gamma: 0.0, min_child_weight: 1.0 }
    }
}

impl Penalty {
    /// Returns the value of a leaf, before the learning rate.
    pub fn leaf_value(&self, sum: Gradient) -> f64 {
        if sum.h <= 0.0 || sum.h + self.lambda <= 0.0 {
            return 0.0;
        }
        -self.shrunk(sum.g).copysign(sum.g) / (sum.h + self.lambda)
    }

    /// Returns how much a node with these sums lowers the penalised loss.
    pub fn gain(&self, sum: Gradient) -> f64 {
        if sum.h <= 0.0 || sum.h + self.lambda <= 0.0 {
            return 0.0;
        }
        let g = self.shrunk(sum.g);
        g * g / (sum.h + self.lambda)
    }

    /// Returns what the penalty on absolute leaf values leaves of the size of a first derivative.
    #[inline(always)]
    pub(super) fn shrunk(&self, g: f64) -> f64 {
        let size = g.abs() - self.alpha;
        if size > 0.0 { size } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_and_gains_by_hand() {
        let plain = Penalty::default();
        let sum = Gradient { g: -3.0, h: 2.0 };
        assert_eq!((plain.leaf_value(sum), plain.gain(sum)), (1.0, 3.0));
        let lasso = Penalty { alpha: 1.5, ..plain };
        assert_eq!((lasso.leaf_value(sum), lasso.gain(sum)), (0.5, 0.75));
        assert_eq!(Penalty { alpha: 4.0, ..plain }.leaf_value(sum), 0.0);
        assert_eq!(plain.leaf_value(Gradient::default()), 0.0);
    }
}
