//! Sums of gradients by bin, over the rows of one node. It does not know what a split gains.
//!
//! Gradients are whole multiples of a power of two, so sums are exact: rows and threads may come in any order, a
//! sibling is what is left of the parent without rounding, and equal splits stay equal.

use crate::{
    ml::classify::bins::{Bins, Code},
    stage::work::Work,
};

/// First and second derivative of the loss in one row, in units of the fit.
pub(super) type Small = [i32; 2];
/// Sums of them.
pub(super) type Pair = [i64; 2];

/// Rows times features below which a histogram is not worth a second thread.
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

/// The codes of four features side by side, row after row: one read serves four sums. Empty for wide codes.
pub(super) fn quads<C: Code>(bins: &Bins<C>) -> Vec<Vec<[u8; 4]>> {
    if C::LIMIT > u8::LIMIT {
        return Vec::new();
    }
    let narrow = |code: C| code.index() as u8;
    let quad = |four: &[_]| -> Vec<[u8; 4]> {
        let four: &[crate::ml::classify::bins::Feature<C>] = four;
        let codes = |row| [0, 1, 2, 3].map(|i: usize| narrow(four[i].codes[row]));
        (0..four[0].codes.len()).map(codes).collect()
    };
    bins.features.chunks_exact(4).map(quad).collect()
}

/// Where the sums of a tree's features lie in one list: each has one a bin, then the missing rows'.
pub(super) struct Histograms<'a, C> {
    bins: &'a Bins<C>,
    quads: &'a [Vec<[u8; 4]>],
    features: &'a [usize],
    /// Where each feature's sums start, and where the last one's end.
    starts: Vec<usize>,
}

impl<'a, C: Code> Histograms<'a, C> {
    /// Lays out the sums of `features`, ascending indices.
    pub(super) fn new(bins: &'a Bins<C>, quads: &'a [Vec<[u8; 4]>], features: &'a [usize]) -> Self {
        let all = features.len() == bins.features.len();
        let mut starts = vec![0];
        for &feature in features {
            let end = starts[starts.len() - 1] + bins.features[feature].n_bins() + 1;
            starts.push(end);
        }
        Histograms { bins, quads: if all { quads } else { &[] }, features, starts }
    }

    /// Returns the part of `sums` that belongs to the `i`-th of the features.
    pub(super) fn of<'s>(&self, sums: &'s [Pair], i: usize) -> &'s [Pair] {
        &sums[self.starts[i]..self.starts[i + 1]]
    }

    /// Sums the gradients of `rows`, one entry of `gradients` a row of the table.
    pub(super) fn sum(&self, rows: &[u32], gradients: &[Small], work: &Work) -> Vec<Pair> {
        let own: Vec<Pair> =
            rows.iter().map(|&row| gradients[row as usize].map(i64::from)).collect();
        // Whole groups of four first, then what is left one by one.
        let n_quads = self.quads.len();
        let n_tasks = n_quads + self.features.len() - 4 * n_quads;
        let task = |i: usize| {
            let first = if i < n_quads { 4 * i } else { 3 * n_quads + i };
            let last = if i < n_quads { first + 4 } else { first + 1 };
            let start = self.starts[first];
            let mut sums = vec![[0; 2]; self.starts[last] - start];
            if i < n_quads {
                let (a, rest) = sums.split_at_mut(self.starts[first + 1] - start);
                let (b, rest) = rest.split_at_mut(self.starts[first + 2] - self.starts[first + 1]);
                let (c, d) = rest.split_at_mut(self.starts[first + 3] - self.starts[first + 2]);
                add_four(&self.quads[i], rows, &own, [a, b, c, d]);
            } else {
                add_one(&self.bins.features[self.features[first]].codes, rows, &own, &mut sums);
            }
            sums
        };
        let parts: Vec<Vec<Pair>> = if rows.len() * self.features.len() < WORTH_THREADS {
            (0..n_tasks).map(task).collect()
        } else {
            work.pool.map(n_tasks, task)
        };
        parts.concat()
    }
}

fn add_four(codes: &[[u8; 4]], rows: &[u32], own: &[Pair], sums: [&mut [Pair]; 4]) {
    let [a, b, c, d] = sums;
    for (&row, &gradient) in rows.iter().zip(own) {
        let [i, j, k, l] = codes[row as usize].map(usize::from);
        a[i] = plus(a[i], gradient);
        b[j] = plus(b[j], gradient);
        c[k] = plus(c[k], gradient);
        d[l] = plus(d[l], gradient);
    }
}

fn add_one<C: Code>(codes: &[C], rows: &[u32], own: &[Pair], sums: &mut [Pair]) {
    for (&row, &gradient) in rows.iter().zip(own) {
        let i = codes[row as usize].index();
        sums[i] = plus(sums[i], gradient);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::{Matrix, rng::Rng};

    #[test]
    fn fours_ones_and_parts_of_the_features_agree() {
        let mut rng = Rng::new(8);
        let value = |rng: &mut Rng| if rng.below(9) == 0 { f64::NAN } else { rng.normal() };
        let x = Matrix::new(500, 6, (0..3000).map(|_| value(&mut rng)).collect());
        let gradients: Vec<Small> =
            (0..500).map(|_| [rng.below(100) as i32 - 50, rng.below(50) as i32]).collect();
        let work = Work::alone(2);
        let bins = Bins::<u8>::new(&x, 40, |v| v, &work).unwrap();
        let rows: Vec<u32> = (0..500).filter(|row| row % 3 > 0).collect();
        let quads = quads(&bins);
        let all: Vec<usize> = (0..6).collect();
        let fast = Histograms::new(&bins, &quads, &all).sum(&rows, &gradients, &work);
        assert_eq!(fast, Histograms::new(&bins, &[], &all).sum(&rows, &gradients, &work));
        let some = Histograms::new(&bins, &quads, &[1, 4]);
        let sums = some.sum(&rows, &gradients, &work);
        let whole = Histograms::new(&bins, &quads, &all);
        assert_eq!(some.of(&sums, 1), whole.of(&fast, 4));
        let total =
            rows.iter().fold([0; 2], |sum, &row| plus(sum, gradients[row as usize].map(i64::from)));
        assert_eq!(whole.of(&fast, 2).iter().copied().fold([0; 2], plus), total);
    }
}
