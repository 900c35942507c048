//! Labels of a block of rows and the sums of its clusters, kept from one iteration to the next.
//! It does not know how labels are found.
//!
//! Rows that move are taken out of one sum and added to another one. So that a large row leaves nothing behind,
//! sums have a second number for what rounding took from the first (Knuth, "The Art of Computer Programming" 2, section
//! 4.2.2, theorem B): together some 106 bits.

use super::rows::LANES;
use crate::ml::Matrix;

/// What one start knows of a block.
pub(super) struct State {
    /// Labels of the panels' rows; [`NONE`] before the first pass and beyond the last row.
    pub(super) labels: Vec<[u32; LANES]>,
    /// For each panel how much the distances to the two nearest centroids may change before a label can.
    pub(super) gaps: Vec<f32>,
    pub(super) sums: Sums,
}

/// The label of a row that has none yet.
pub(super) const NONE: u32 = u32::MAX;

/// A row that changes its cluster.
pub(super) struct Move {
    pub(super) row: usize,
    pub(super) from: u32,
    pub(super) to: u32,
}

impl State {
    pub(super) fn new(n_panels: usize, k: usize, n_cols: usize) -> State {
        State {
            labels: vec![[NONE; LANES]; n_panels],
            gaps: vec![0.0; n_panels],
            sums: Sums::new(k, n_cols),
        }
    }
}

/// Sums and counts of clusters.
pub(super) struct Sums {
    high: Matrix,
    low: Matrix,
    pub(super) counts: Vec<usize>,
}

impl Sums {
    pub(super) fn new(k: usize, n_cols: usize) -> Sums {
        Sums { high: Matrix::zeros(k, n_cols), low: Matrix::zeros(k, n_cols), counts: vec![0; k] }
    }

    /// Takes a row from a cluster (unless that is [`NONE`]) to another one.
    #[inline(always)]
    pub(super) fn move_row(&mut self, row: &[f64], from: u32, to: u32) {
        if from != NONE {
            let from = from as usize;
            self.counts[from] -= 1;
            let sums = self.high.row_mut(from).iter_mut().zip(self.low.row_mut(from));
            sums.zip(row).for_each(|((high, low), v)| add_to(high, low, -v));
        }
        let to = to as usize;
        self.counts[to] += 1;
        let sums = self.high.row_mut(to).iter_mut().zip(self.low.row_mut(to));
        sums.zip(row).for_each(|((high, low), v)| add_to(high, low, *v));
    }

    /// Adds the sums of other rows.
    pub(super) fn add(&mut self, other: &Sums) {
        let own = self.high.data_mut().iter_mut().zip(self.low.data_mut());
        for ((high, low), (h, l)) in own.zip(other.high.data().iter().zip(other.low.data())) {
            add_to(high, low, *h);
            *low += l;
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(a, b)| *a += b);
    }

    /// Returns the mean of cluster `c`, which has rows.
    pub(super) fn mean(&self, c: usize, out: &mut [f64]) {
        let n = self.counts[c] as f64;
        for (out, (high, low)) in out.iter_mut().zip(self.high.row(c).iter().zip(self.low.row(c))) {
            *out = (high + low) / n;
        }
    }
}

#[inline(always)]
fn add_to(high: &mut f64, low: &mut f64, v: f64) {
    let sum = *high + v;
    let added = sum - *high;
    *low += (*high - (sum - added)) + (v - added);
    *high = sum;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_row_leaves_nothing_behind() {
        let mut sums = Sums::new(2, 1);
        for (v, to) in [(1.0, 0), (1e25, 0), (2.5, 0), (4.0, 1)] {
            sums.move_row(&[v], NONE, to);
        }
        sums.move_row(&[1e25], 0, 1);
        let mean = |sums: &Sums, c| {
            let mut out = [0.0];
            sums.mean(c, &mut out);
            out[0]
        };
        assert_eq!((mean(&sums, 0), sums.counts.clone()), (1.75, vec![2, 2]));
        let mut all = Sums::new(2, 1);
        all.add(&sums);
        all.add(&sums);
        assert_eq!((mean(&all, 0), all.counts), (1.75, vec![4, 4]));
    }
}
