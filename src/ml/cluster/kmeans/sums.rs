//! Labels of a block of rows and the sums of its clusters, kept from one iteration to the next.
//! It does not know how labels are found.
//!
//! Rows that move are taken out of one sum and added to another one. So that a large row leaves nothing behind,
//! sums have a second number for what rounding took from the first (Knuth, "The Art of Computer Programming" 2, section
//! 4.2.2, theorem B): together some 106 bits.

use super::rows::LANES;
use crate::ml::simd::{Scalar, Simd};

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
    n_cols: usize,
    /// Those of one cluster after the other.
    parts: Vec<Part>,
    pub(super) counts: Vec<usize>,
}

/// Columns in a part.
const WIDTH: usize = 8;

/// The sums of some columns of a cluster, and what rounding took from them. A register that lies across two lines of
/// the cache would be waited for whenever two rows in turn come to the same cluster.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct Part {
    high: [f64; WIDTH],
    low: [f64; WIDTH],
}

impl Sums {
    pub(super) fn new(k: usize, n_cols: usize) -> Sums {
        let parts = vec![Part::default(); k * n_cols.div_ceil(WIDTH)];
        Sums { n_cols, parts, counts: vec![0; k] }
    }

    fn parts_of(&self, c: usize) -> std::ops::Range<usize> {
        let width = self.n_cols.div_ceil(WIDTH);
        c * width..(c + 1) * width
    }

    /// Takes a row from a cluster (unless that is [`NONE`]) to another one.
    #[inline(always)]
    pub(super) fn move_row<S: Simd>(&mut self, simd: S, row: &[f64], from: u32, to: u32) {
        if from != NONE {
            self.counts[from as usize] -= 1;
            let parts = self.parts_of(from as usize);
            each_part(simd, &mut self.parts[parts], row, |v| simd.neg_f64s(v));
        }
        self.counts[to as usize] += 1;
        let parts = self.parts_of(to as usize);
        each_part(simd, &mut self.parts[parts], row, |v| v);
    }

    /// Adds the sums of other rows.
    pub(super) fn add(&mut self, other: &Sums) {
        for (own, part) in self.parts.iter_mut().zip(&other.parts) {
            own.add(Scalar::new(), &part.high, |v| v);
            own.low.iter_mut().zip(&part.low).for_each(|(low, l)| *low += l);
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(a, b)| *a += b);
    }

    /// Returns the mean of cluster `c`, which has rows.
    pub(super) fn mean(&self, c: usize, out: &mut [f64]) {
        let n = self.counts[c] as f64;
        let parts = &self.parts[self.parts_of(c)];
        let sums = parts.iter().flat_map(|part| part.high.iter().zip(&part.low));
        out.iter_mut().zip(sums).for_each(|(out, (high, low))| *out = (high + low) / n);
    }
}

impl Part {
    #[inline(always)]
    fn add<S: Simd>(&mut self, simd: S, values: &[f64; WIDTH], f: impl Fn(S::f64s) -> S::f64s) {
        let ((highs, _), (lows, _)) =
            (S::as_mut_simd_f64s(&mut self.high), S::as_mut_simd_f64s(&mut self.low));
        let (values, _) = S::as_simd_f64s(values);
        for ((high, low), v) in highs.iter_mut().zip(lows).zip(values) {
            let v = f(*v);
            let sum = simd.add_f64s(*high, v);
            let added = simd.sub_f64s(sum, *high);
            let lost = simd.sub_f64s(*high, simd.sub_f64s(sum, added));
            *low = simd.add_f64s(*low, simd.add_f64s(lost, simd.sub_f64s(v, added)));
            *high = sum;
        }
    }
}

/// Adds to parts what `f` makes of a row's values.
#[inline(always)]
fn each_part<S: Simd>(simd: S, parts: &mut [Part], row: &[f64], f: impl Fn(S::f64s) -> S::f64s) {
    let (whole, rest) = row.as_chunks::<WIDTH>();
    for (part, values) in parts.iter_mut().zip(whole) {
        part.add(simd, values, &f);
    }
    if let (Some(part), [_, ..]) = (parts.last_mut(), rest) {
        let mut values = [0.0; WIDTH];
        values[..rest.len()].copy_from_slice(rest);
        part.add(simd, &values, &f);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_row_leaves_nothing_behind() {
        let mut sums = Sums::new(2, 1);
        for (v, to) in [(1.0, 0), (1e25, 0), (2.5, 0), (4.0, 1)] {
            sums.move_row(Scalar::new(), &[v], NONE, to);
        }
        sums.move_row(Scalar::new(), &[1e25], 0, 1);
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
