//! Sums of gradients by bin, over the rows of one node. It does not know what a split gains.
//!
//! Gradients are whole multiples of a power of two, so sums are exact: rows and threads may come in any order, a
//! sibling is what is left of the parent without rounding, and equal splits stay equal.

use std::ops::Range;

use super::columns::{Columns, Place};
use crate::{
    ml::{classify::bins::Code, simd},
    stage::work::Work,
};

/// First and second derivative of the loss in one row, in units of the fit.
pub(super) type Small = [i32; 2];
/// Sums of them.
pub(super) type Pair = [i64; 2];

/// Rows times columns below which a histogram is not worth a second thread.
const WORTH_THREADS: usize = 1 << 18;

/// Returns the sum of two pairs.
#[inline(always)]
pub(super) fn plus(a: Pair, b: Pair) -> Pair {
    [a[0] + b[0], a[1] + b[1]]
}

/// Returns the difference of two pairs.
#[inline(always)]
pub(super) fn minus(a: Pair, b: Pair) -> Pair {
    [a[0] - b[0], a[1] - b[1]]
}

/// Where the sums of a tree's columns lie in one list.
pub(super) struct Histograms<'a, C> {
    columns: &'a Columns<'a, C>,
    /// Where each column's sums start, and where the last one's end; a column that is not asked for has none.
    starts: Vec<usize>,
    /// Columns summed together.
    tasks: Vec<Range<usize>>,
}

impl<'a, C: Code> Histograms<'a, C> {
    /// Lays out the sums of `features`.
    pub(super) fn new(columns: &'a Columns<'a, C>, features: &[usize]) -> Self {
        let mut is_asked = vec![false; columns.len()];
        for &feature in features {
            let (Place::Own { column } | Place::Shared { column, .. }) = columns.place(feature);
            is_asked[column] = true;
        }
        let mut starts = vec![0];
        for (column, &is_asked) in is_asked.iter().enumerate() {
            let own = if is_asked { columns.n_codes(column) } else { 0 };
            starts.push(starts[column] + own);
        }
        let (n, together) = (columns.len(), if columns.quads().is_empty() { 1 } else { 4 });
        let tasks = (0..n).step_by(together).map(|i| i..(i + together).min(n));
        let tasks = tasks.filter(|task| is_asked[task.clone()].contains(&true)).collect();
        Histograms { columns, starts, tasks }
    }

    /// Returns the sums of a feature, one a bin and the missing rows', of a node whose own sum is `total`. `room` is where
    /// they are put together if they do not lie in `sums`.
    pub(super) fn of<'s>(
        &self,
        sums: &'s [Pair],
        feature: usize,
        total: Pair,
        room: &'s mut [Pair; 3],
    ) -> &'s [Pair] {
        match self.columns.place(feature) {
            Place::Own { column } => &sums[self.starts[column]..self.starts[column + 1]],
            Place::Shared { column, code, bin } => {
                let set = sums[self.starts[column] + code];
                *room = [minus(total, set), minus(total, set), [0; 2]];
                room[bin] = set;
                room
            }
        }
    }

    /// Sums the gradients of `rows`, one entry of `gradients` a row of the table. `own` is room for them.
    pub(super) fn sum(
        &self,
        rows: &[u32],
        gradients: &[Small],
        own: &mut Vec<Small>,
        work: &Work,
    ) -> Vec<Pair> {
        own.clear();
        own.extend(rows.iter().map(|&row| gradients[row as usize]));
        let mut sums = self.zeros();
        let mut parts = self.parts(&mut sums);
        let fill = |i: usize, part: &mut &mut [Pair]| {
            let Range { start, end } = self.tasks[i];
            if end == start + 1 {
                add_one(self.columns.codes(start), rows, own, part);
                return;
            }
            let tables = add_four(&self.columns.quads()[start / 4], rows, own);
            self.put(i, part, |column, code| tables[column][code]);
        };
        if rows.len() * self.columns.len() < WORTH_THREADS {
            parts.iter_mut().enumerate().for_each(|(i, part)| fill(i, part));
        } else {
            work.pool.map_mut(&mut parts, fill);
        }
        sums
    }

    /// Returns sums of nothing.
    pub(super) fn zeros(&self) -> Vec<Pair> {
        vec![[0; 2]; self.starts[self.columns.len()]]
    }

    /// Returns the codes of each part's columns by fours; nothing if parts are not fours.
    pub(super) fn quads(&self) -> &[Vec<[u8; 4]>] {
        let quads = self.columns.quads();
        if self.tasks.len() == quads.len() { quads } else { &[] }
    }

    /// Returns the parts of `sums` that are summed together.
    pub(super) fn parts<'s>(&self, sums: &'s mut [Pair]) -> Vec<&'s mut [Pair]> {
        let mut rest = sums;
        let mut parts = Vec::new();
        for task in &self.tasks {
            let (part, after) = rest.split_at_mut(self.starts[task.end] - self.starts[task.start]);
            parts.push(part);
            rest = after;
        }
        parts
    }

    /// Fills part `i` from tables of all codes: `of` returns the sum of a code in the part's first, second ... column.
    pub(super) fn put(&self, i: usize, part: &mut [Pair], of: impl Fn(usize, usize) -> Pair) {
        let mut rest = part;
        for (place, column) in self.tasks[i].clone().enumerate() {
            let (own, after) = rest.split_at_mut(self.starts[column + 1] - self.starts[column]);
            // There is one more than a table holds where all codes are bins, and so no value is missing.
            for (code, sum) in own.iter_mut().enumerate().take(u8::LIMIT) {
                *sum = of(place, code);
            }
            rest = after;
        }
    }
}

/// Sums four columns side by side, in tables of all codes there are, so that no code needs a check.
fn add_four(codes: &[[u8; 4]], rows: &[u32], own: &[Small]) -> [[Pair; u8::LIMIT]; 4] {
    let mut tables = [[[0; 2]; u8::LIMIT]; 4];
    let [a, b, c, d] = &mut tables;
    simd::run(
        #[inline(always)]
        || {
            for (&row, &[g, h]) in rows.iter().zip(own) {
                let gradient = [i64::from(g), i64::from(h)];
                let [i, j, k, l] = codes[row as usize].map(usize::from);
                a[i] = plus(a[i], gradient);
                b[j] = plus(b[j], gradient);
                c[k] = plus(c[k], gradient);
                d[l] = plus(d[l], gradient);
            }
        },
    );
    tables
}

fn add_one<C: Code>(codes: &[C], rows: &[u32], own: &[Small], sums: &mut [Pair]) {
    for (&row, gradient) in rows.iter().zip(own) {
        let i = codes[row as usize].index();
        sums[i] = plus(sums[i], gradient.map(i64::from));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::{Matrix, classify::bins::Bins, rng::Rng};

    /// Each way to count against adding up a feature's rows one by one.
    #[test]
    fn sums_are_those_of_each_feature_alone() {
        let mut rng = Rng::new(8);
        let mut data = Vec::new();
        for _ in 0..500 {
            let level = rng.below(4);
            data.extend((0..3).map(|i| f64::from(u8::from(i == level))));
            data.extend((0..6).map(|_| {
                let value = rng.normal();
                if rng.below(9) == 0 { f64::NAN } else { value }
            }));
            data.push(rng.normal());
        }
        let x = Matrix::new(500, 10, data);
        let gradients: Vec<Small> =
            (0..500).map(|_| [rng.below(100) as i32 - 50, rng.below(50) as i32]).collect();
        let rows: Vec<u32> = (0..500).filter(|row| row % 3 > 0).collect();
        for max_bin in [40, 256] {
            let work = Work::alone(1);
            sums_are_right(&Bins::<u8>::new(&x, max_bin, |v| v, &work).unwrap(), &rows, &gradients);
            sums_are_right(
                &Bins::<u16>::new(&x, max_bin, |v| v, &work).unwrap(),
                &rows,
                &gradients,
            );
        }
    }

    fn sums_are_right<C: Code>(bins: &Bins<C>, rows: &[u32], gradients: &[Small]) {
        let columns = Columns::new(bins);
        assert_eq!(columns.len(), 8);
        let add = |sum: Pair, row: &u32| plus(sum, gradients[*row as usize].map(i64::from));
        let total = rows.iter().fold([0; 2], add);
        for features in [&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9][..], &[1, 4], &[8]] {
            let histograms = Histograms::new(&columns, features);
            let sums = histograms.sum(rows, gradients, &mut Vec::new(), &Work::alone(2));
            for &i in features {
                let feature = &bins.features[i];
                let mut expected = vec![[0; 2]; feature.n_bins() + 1];
                for row in rows {
                    let sum = &mut expected[feature.codes[*row as usize].index()];
                    *sum = add(*sum, row);
                }
                assert_eq!(histograms.of(&sums, i, total, &mut [[0; 2]; 3]), expected, "{i}");
            }
        }
    }
}
