//! The best split of a node of a classification tree, by Gini impurity.
//! It does not know how features are drawn or trees are walked.

use crate::ml::classify::bins::Feature;

/// The classes of a training set's rows, and what each counts.
#[derive(Clone, Copy, Debug)]
pub struct Classes<'a> {
    /// The class of each row.
    pub y: &'a [u32],
    /// How often each row was drawn into the tree's sample.
    pub copies: &'a [u32],
    /// The weight of each class.
    pub weights: &'a [f64],
}

/// Class counts by bin of one feature, over the rows of one node; empty bins are left out.
///
/// Counts are whole numbers, so the order of rows cannot matter. The buffers are kept between nodes.
#[derive(Debug, Default)]
pub struct Tally {
    bins: Vec<u16>,
    counts: Vec<u32>,
    rows: Vec<u32>,
    missing: Vec<u32>,
    missing_rows: u32,
    dense_counts: Vec<u32>,
    dense_rows: Vec<u32>,
    pairs: Vec<(u16, u32)>,
}

/// How to split a node on one feature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cut {
    /// Bins up to this one go left.
    pub bin: u16,
    /// Values up to this one go left.
    pub threshold: f64,
    /// Whether missing values go left.
    pub missing_left: bool,
    /// Sum over both sides of (sum of squared class weights) / (weight of the side): larger is purer.
    pub purity: f64,
}

impl Tally {
    /// Counts the classes of `rows`.
    pub fn count(&mut self, feature: &Feature<u16>, rows: &[u32], classes: &Classes<'_>) {
        let k = classes.weights.len();
        self.bins.clear();
        self.counts.clear();
        self.rows.clear();
        self.missing.clear();
        self.missing.resize(k, 0);
        self.missing_rows = 0;
        // Clearing a table of all bins costs more than sorting when there are fewer rows than bins.
        if rows.len() * 2 < feature.n_bins() {
            self.count_by_sorting(feature, rows, classes, k);
        } else {
            self.count_by_table(feature, rows, classes, k);
        }
    }

    fn count_by_table(
        &mut self,
        feature: &Feature<u16>,
        rows: &[u32],
        classes: &Classes<'_>,
        k: usize,
    ) {
        let n_bins = feature.n_bins();
        self.dense_counts.clear();
        self.dense_counts.resize((n_bins + 1) * k, 0);
        self.dense_rows.clear();
        self.dense_rows.resize(n_bins + 1, 0);
        for &row in rows {
            let row = row as usize;
            let bin = usize::from(feature.codes[row]);
            self.dense_counts[bin * k + classes.y[row] as usize] += classes.copies[row];
            self.dense_rows[bin] += 1;
        }
        for bin in 0..n_bins {
            if self.dense_rows[bin] > 0 {
                self.bins.push(bin as u16);
                self.rows.push(self.dense_rows[bin]);
                self.counts.extend_from_slice(&self.dense_counts[bin * k..(bin + 1) * k]);
            }
        }
        self.missing.copy_from_slice(&self.dense_counts[n_bins * k..]);
        self.missing_rows = self.dense_rows[n_bins];
    }

    fn count_by_sorting(
        &mut self,
        feature: &Feature<u16>,
        rows: &[u32],
        classes: &Classes<'_>,
        k: usize,
    ) {
        self.pairs.clear();
        self.pairs.extend(rows.iter().map(|&row| (feature.codes[row as usize], row)));
        self.pairs.sort_unstable();
        for group in self.pairs.chunk_by(|a, b| a.0 == b.0) {
            let is_missing = usize::from(group[0].0) == feature.n_bins();
            let counts = if is_missing {
                self.missing_rows = group.len() as u32;
                &mut self.missing[..]
            } else {
                self.bins.push(group[0].0);
                self.rows.push(group.len() as u32);
                let start = self.counts.len();
                self.counts.resize(start + k, 0);
                &mut self.counts[start..]
            };
            for &(_, row) in group {
                counts[classes.y[row as usize] as usize] += classes.copies[row as usize];
            }
        }
    }

    /// Returns true if the node's rows all have the same value, or all none.
    pub fn is_constant(&self) -> bool {
        self.bins.len() + usize::from(self.missing_rows > 0) < 2
    }

    /// Returns the purest split that leaves `min_rows` rows on either side; of equal ones the first,
    /// trying missing values on the right, then on the left, then alone. `totals` are the node's
    /// class counts.
    pub fn best_cut(
        &self,
        feature: &Feature<u16>,
        totals: &[u32],
        weights: &[f64],
        min_rows: usize,
    ) -> Option<Cut> {
        let n_rows = self.rows.iter().sum::<u32>() + self.missing_rows;
        let mut best: Option<Cut> = None;
        let mut left = vec![0_u32; totals.len()];
        let mut consider = |left: &[u32], left_rows: u32, at: usize, missing_left: bool| {
            let right_rows = (n_rows - left_rows) as usize;
            if (left_rows as usize) < min_rows || right_rows < min_rows {
                return;
            }
            let purity = purity(left, totals, weights);
            if best.is_none_or(|b| purity > b.purity) {
                let missing_left = if self.missing_rows > 0 {
                    missing_left
                } else {
                    left_rows as usize > right_rows
                };
                let threshold = self.threshold(feature, at);
                best = Some(Cut { bin: self.bins[at], threshold, missing_left, purity });
            }
        };
        for missing_left in [false, true] {
            if missing_left && self.missing_rows == 0 {
                break;
            }
            left.fill(0);
            let mut left_rows = 0;
            if missing_left {
                left.copy_from_slice(&self.missing);
                left_rows = self.missing_rows;
            }
            for at in 0..self.bins.len().saturating_sub(1) {
                self.add(&mut left, at);
                left_rows += self.rows[at];
                consider(&left, left_rows, at, missing_left);
            }
        }
        if self.missing_rows > 0 && !self.bins.is_empty() {
            for (side, (total, missing)) in left.iter_mut().zip(totals.iter().zip(&self.missing)) {
                *side = total - missing;
            }
            consider(&left, n_rows - self.missing_rows, self.bins.len() - 1, false);
        }
        best
    }

    fn add(&self, left: &mut [u32], at: usize) {
        let k = left.len();
        for (sum, count) in left.iter_mut().zip(&self.counts[at * k..(at + 1) * k]) {
            *sum += count;
        }
    }

    /// Half way to the next value that the node has, as in scikit-learn.
    fn threshold(&self, feature: &Feature<u16>, at: usize) -> f64 {
        let below = feature.upper[usize::from(self.bins[at])];
        let Some(&next) = self.bins.get(at + 1) else { return f64::INFINITY };
        let above = feature.lower[usize::from(next)];
        let middle = below / 2.0 + above / 2.0;
        if middle < above && middle >= below { middle } else { below }
    }
}

fn purity(left: &[u32], totals: &[u32], weights: &[f64]) -> f64 {
    let (mut left_sum, mut left_squares, mut right_sum, mut right_squares) = (0.0, 0.0, 0.0, 0.0);
    for ((&l, &t), w) in left.iter().zip(totals).zip(weights) {
        let (a, b) = (f64::from(l) * w, f64::from(t - l) * w);
        left_sum += a;
        left_squares += a * a;
        right_sum += b;
        right_squares += b * b;
    }
    left_squares / left_sum + right_squares / right_sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ml::{Matrix, classify::bins::Bins, rng::Rng},
        stage::work::Work,
    };

    fn feature(values: &[f64]) -> Feature<u16> {
        let x = Matrix::new(values.len(), 1, values.to_vec());
        Bins::new(&x, 256, |v| v, &Work::alone(1)).unwrap().features.remove(0)
    }

    #[test]
    fn the_split_by_hand() {
        // Values 1 2 4 9 of classes 0 0 1 1: pure when cut half way between 2 and 4.
        let feature = feature(&[1.0, 2.0, 4.0, 9.0]);
        let classes = Classes { y: &[0, 0, 1, 1], copies: &[1; 4], weights: &[1.0, 1.0] };
        let mut tally = Tally::default();
        tally.count(&feature, &[0, 1, 2, 3], &classes);
        let cut = tally.best_cut(&feature, &[2, 2], classes.weights, 1).unwrap();
        assert_eq!(cut, Cut { bin: 1, threshold: 3.0, missing_left: false, purity: 4.0 });
        assert_eq!(tally.best_cut(&feature, &[2, 2], classes.weights, 3), None);
    }

    #[test]
    fn sorting_and_counting_agree() {
        let mut rng = Rng::new(5);
        let values: Vec<f64> =
            (0..400).map(|_| if rng.below(9) == 0 { f64::NAN } else { rng.normal() }).collect();
        let feature = feature(&values);
        let y: Vec<u32> = (0..400).map(|_| rng.below(3) as u32).collect();
        let copies: Vec<u32> = (0..400).map(|_| 1 + rng.below(3) as u32).collect();
        let classes = Classes { y: &y, copies: &copies, weights: &[1.0; 3] };
        let rows: Vec<u32> = (0..100).map(|i| i * 4).collect();
        let (mut a, mut b) = (Tally::default(), Tally::default());
        a.missing.resize(3, 0);
        b.missing.resize(3, 0);
        a.count_by_sorting(&feature, &rows, &classes, 3);
        b.count_by_table(&feature, &rows, &classes, 3);
        assert_eq!((&a.bins, &a.counts, &a.rows), (&b.bins, &b.counts, &b.rows));
        assert_eq!((&a.missing, a.missing_rows), (&b.missing, b.missing_rows));
    }
}
