//! The best split of a node of a classification tree, by Gini impurity.
//! It does not know how features are drawn or trees are walked.

use crate::ml::classify::bins::{Code, Feature};

/// Rows from which a look at every bin costs less than to mark those that rows are in.
const MANY_ROWS: usize = 512;

/// A row of a tree's sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drawn {
    /// The row.
    pub row: u32,
    /// Its class.
    pub class: u16,
    /// How often it was drawn.
    pub copies: u16,
}

/// Features counted together: what one waits for in its table, the others do not.
pub const TOGETHER: usize = 3;

/// Class counts by bin of some features, over the rows of one node.
///
/// Counts are whole numbers, so the order of rows cannot matter. The buffers are kept between nodes.
#[derive(Debug, Default)]
pub struct Tables {
    /// For each feature, code and class, copies times 2^32 plus rows; zeros once taken.
    counts: [Vec<u64>; TOGETHER],
    /// A bit for each code that some row has.
    present: [[u64; 4]; TOGETHER],
}

/// Class counts by bin of one feature; empty bins are left out.
#[derive(Debug, Default)]
pub struct Tally {
    bins: Vec<u16>,
    counts: Vec<u32>,
    rows: Vec<u32>,
    missing: Vec<u32>,
    missing_rows: u32,
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

impl Tables {
    /// Counts `n_classes` classes of rows by each of some features, [`TOGETHER`] at the most.
    pub fn count(&mut self, features: &[&Feature<u8>], rows: &[Drawn], n_classes: usize) {
        match *features {
            [a] => self.count_each([a], rows, n_classes),
            [a, b] => self.count_each([a, b], rows, n_classes),
            [a, b, c] => self.count_each([a, b, c], rows, n_classes),
            _ => {}
        }
    }

    fn count_each<const N: usize>(
        &mut self,
        features: [&Feature<u8>; N],
        rows: &[Drawn],
        n_classes: usize,
    ) {
        let size = u8::LIMIT * n_classes;
        self.counts.iter_mut().for_each(|counts| counts.resize(size, 0));
        self.present = Default::default();
        let (present, [a, b, c]) = (&mut self.present, &mut self.counts);
        let counts = [&mut a[..size], &mut b[..size], &mut c[..size]];
        let codes = features.map(|feature| &feature.codes[..]);
        if rows.len() < MANY_ROWS {
            for drawn in rows {
                for i in 0..N {
                    let code = codes[i][drawn.row as usize];
                    counts[i][drawn.place(code, n_classes)] += drawn.count();
                    present[i][usize::from(code / 64)] |= 1 << (code % 64);
                }
            }
            return;
        }
        for drawn in rows {
            for i in 0..N {
                let code = codes[i][drawn.row as usize];
                counts[i][drawn.place(code, n_classes)] += drawn.count();
            }
        }
        for i in 0..N {
            for (code, counts) in counts[i].chunks_exact(n_classes).enumerate() {
                let is_present = counts.iter().any(|&c| c > 0);
                present[i][code / 64] |= u64::from(is_present) << (code % 64);
            }
        }
    }
}

impl Drawn {
    fn place(&self, code: u8, n_classes: usize) -> usize {
        usize::from(code) * n_classes + usize::from(self.class)
    }

    fn count(&self) -> u64 {
        (u64::from(self.copies) << 32) + 1
    }
}

impl Tally {
    /// Takes the counts of the `i`-th of the features, which has `n_bins` bins, out of the tables.
    pub fn take(&mut self, tables: &mut Tables, i: usize, n_bins: usize, n_classes: usize) {
        self.bins.clear();
        self.counts.clear();
        self.rows.clear();
        self.missing.clear();
        self.missing.resize(n_classes, 0);
        self.missing_rows = 0;
        for (first, mut left) in (0..).step_by(64).zip(tables.present[i]) {
            while left != 0 {
                let code = first + left.trailing_zeros() as usize;
                left &= left - 1;
                let own = &mut tables.counts[i][code * n_classes..(code + 1) * n_classes];
                let n_rows = own.iter().map(|&c| c as u32).sum();
                let copies = own.iter().map(|&c| (c >> 32) as u32);
                if code == n_bins {
                    self.missing_rows = n_rows;
                    self.missing.iter_mut().zip(copies).for_each(|(all, c)| *all = c);
                } else {
                    self.bins.push(code as u16);
                    self.rows.push(n_rows);
                    self.counts.extend(copies);
                }
                own.fill(0);
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
        feature: &Feature<u8>,
        totals: &[u32],
        weights: &[f64],
        min_rows: usize,
    ) -> Option<Cut> {
        let n_rows = self.rows.iter().sum::<u32>() + self.missing_rows;
        let is_plain = weights.iter().all(|w| *w == 1.0);
        let mut best: Option<Cut> = None;
        let mut left = vec![0_u32; totals.len()];
        let mut consider = |left: &[u32], left_rows: u32, at: usize, missing_left: bool| {
            let right_rows = (n_rows - left_rows) as usize;
            if (left_rows as usize) < min_rows || right_rows < min_rows {
                return;
            }
            let purity = match is_plain {
                true => purity_of_counts(left, totals),
                false => purity(left, totals, weights),
            };
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
    fn threshold(&self, feature: &Feature<u8>, at: usize) -> f64 {
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

/// Returns what [`purity`] does where every class weighs 1, in whole numbers, which the processor adds sooner.
fn purity_of_counts(left: &[u32], totals: &[u32]) -> f64 {
    let (mut left_sum, mut left_squares, mut right_sum, mut right_squares) = (0, 0, 0, 0);
    for (&l, &t) in left.iter().zip(totals) {
        let (a, b) = (u64::from(l), u64::from(t - l));
        left_sum += a;
        left_squares += a * a;
        right_sum += b;
        right_squares += b * b;
    }
    left_squares as f64 / left_sum as f64 + right_squares as f64 / right_sum as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ml::{Matrix, classify::bins::Bins, rng::Rng},
        stage::work::Work,
    };

    fn feature(values: &[f64]) -> Feature<u8> {
        let x = Matrix::new(values.len(), 1, values.to_vec());
        Bins::new(&x, 256, |v| v, &Work::alone(1)).unwrap().features.remove(0)
    }

    fn drawn(y: &[u16], copies: &[u16]) -> Vec<Drawn> {
        let all = (0..).zip(y.iter().zip(copies));
        all.map(|(row, (&class, &copies))| Drawn { row, class, copies }).collect()
    }

    #[test]
    fn the_split_by_hand() {
        // Values 1 2 4 9 of classes 0 0 1 1: pure when cut half way between 2 and 4.
        let feature = feature(&[1.0, 2.0, 4.0, 9.0]);
        let (mut tables, mut tally) = (Tables::default(), Tally::default());
        tables.count(&[&feature], &drawn(&[0, 0, 1, 1], &[1; 4]), 2);
        tally.take(&mut tables, 0, feature.n_bins(), 2);
        let cut = tally.best_cut(&feature, &[2, 2], &[1.0; 2], 1).unwrap();
        assert_eq!(cut, Cut { bin: 1, threshold: 3.0, missing_left: false, purity: 4.0 });
        assert_eq!(tally.best_cut(&feature, &[2, 2], &[1.0; 2], 3), None);
    }

    #[test]
    fn whole_numbers_are_as_pure_as_others() {
        let mut rng = Rng::new(2);
        for _ in 0..200 {
            let left: Vec<u32> = (0..5).map(|_| rng.below(1 << 20) as u32).collect();
            let totals: Vec<u32> = left.iter().map(|l| l + 1 + rng.below(1 << 22) as u32).collect();
            assert_eq!(purity_of_counts(&left, &totals), purity(&left, &totals, &[1.0; 5]));
        }
    }

    /// Few rows and many, alone and together, after whatever an earlier node left behind.
    #[test]
    fn all_ways_to_count_agree() {
        let mut rng = Rng::new(5);
        let n = MANY_ROWS + 88;
        let mut values = || -> Vec<f64> {
            (0..n).map(|_| if rng.below(9) == 0 { f64::NAN } else { rng.normal() }).collect()
        };
        let features = [feature(&values()), feature(&values()), feature(&values())];
        let y: Vec<u16> = (0..n).map(|_| rng.below(3) as u16).collect();
        let copies: Vec<u16> = (0..n).map(|_| 1 + rng.below(3) as u16).collect();
        let rows = drawn(&y, &copies);
        let (mut tables, mut tally) = (Tables::default(), Tally::default());
        for (n_rows, n_features) in [(n, 1), (100, 3), (1, 2), (n, 3), (MANY_ROWS, 2), (511, 1)] {
            let own: Vec<&Feature<u8>> = features[..n_features].iter().collect();
            tables.count(&own, &rows[..n_rows], 3);
            for (i, feature) in own.into_iter().enumerate() {
                tally.take(&mut tables, i, feature.n_bins(), 3);
                are_right(&tally, feature, &rows[..n_rows]);
            }
        }
    }

    fn are_right(tally: &Tally, feature: &Feature<u8>, rows: &[Drawn]) {
        let mut at = 0;
        for code in 0..=feature.n_bins() {
            let own = rows.iter().filter(|d| usize::from(feature.codes[d.row as usize]) == code);
            let (mut counts, mut n_rows) = ([0; 3], 0);
            for row in own {
                counts[usize::from(row.class)] += u32::from(row.copies);
                n_rows += 1;
            }
            if code == feature.n_bins() {
                assert_eq!((&tally.missing[..], tally.missing_rows), (&counts[..], n_rows));
            } else if n_rows > 0 {
                assert_eq!((tally.bins[at], tally.rows[at]), (code as u16, n_rows));
                assert_eq!(tally.counts[3 * at..3 * at + 3], counts);
                at += 1;
            }
        }
        assert_eq!(tally.bins.len(), at);
    }
}
