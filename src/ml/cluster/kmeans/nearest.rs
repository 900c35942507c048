//! The nearest centroid of each row by single precision, with a proof that double precision agrees, or none.
//! It does not know what becomes of the rows.
//!
//! For a row `y` and a centroid `z`, both centred and scaled, half the squared distance is `|y|^2 / 2 + T` with
//! `T = |z|^2 / 2 - y z`, and `T` takes one product a column. Rounding `y`, `z` and every step to 24 bits moves `T` by at most
//! `E = (n_cols + 16) 2^-24 (|z|^2 / 2 + |y| |z|)`: each of the `n_cols` steps rounds a number of at most that
//! size (Higham, "Accuracy and Stability of Numerical Algorithms", 2002, section 3.1), the 16 pay for the inputs, for `E` itself
//! and for the comparison. To it comes what squared distances in double precision may be off. A centroid is proven
//! nearest if its `T + E` is below `T - E` of every other; otherwise the row is looked at again in double precision.
//!
//! How far apart they are is kept for each panel: while the centroids have moved by less since, nothing
//! in the panel can change, and it is not read at all (after Hamerly, "Making k-means even faster", SDM 2010).

use super::rows::{LANES, Rows};
use crate::ml::{Matrix, math, simd::Simd};

/// Centroids taken side by side, and what is left of them.
const WIDE: usize = 8;
const NARROW: usize = 4;

/// Centroids of one iteration as the search reads them.
pub(super) struct Search {
    wide: Vec<Group<WIDE>>,
    narrow: Vec<Group<NARROW>>,
    /// What rows far out add to the error, a unit of their squared norm.
    by_square: f32,
    /// The centroids, centred and scaled, in double precision.
    reduced: Matrix,
    /// Whether no centroid lies so far out that single precision cannot hold it.
    within: bool,
}

/// Some centroids side by side.
struct Group<const Q: usize> {
    /// The number of the first one.
    first: usize,
    /// For each column their coordinates with opposite sign.
    minus: Vec<[f32; Q]>,
    /// Half their squared norms; a centroid that is not there is infinitely far away.
    half: [f32; Q],
    /// Their errors: a constant, and a part by the norm of the row.
    error: [f32; Q],
    by_norm: [f32; Q],
}

/// The nearest centroids of a panel's rows.
pub(super) struct Nearest {
    /// The centroid that is nearest by single precision.
    pub(super) index: [u32; LANES],
    /// By how much any other one is proven to be farther, in half squared scaled units. The nearest one is not proven unless
    /// this is above zero.
    pub(super) gap: [f32; LANES],
    /// The least of the gaps, below zero if a row's nearest centroid is not the one it has.
    pub(super) calm: f32,
}

/// How far centroids moved from one iteration to the next.
pub(super) struct Drift {
    constant: f32,
    by_norm: f32,
}

/// The best of the centroids so far, for each lane of a register.
struct Best<S: Simd> {
    index: S::u32s,
    least: S::f32s,
    second: S::f32s,
    doubt: S::f32s,
}

impl Search {
    pub(super) fn new(rows: &Rows<'_>, centroids: &Matrix) -> Search {
        let (k, d) = (centroids.n_rows(), centroids.n_cols());
        let reduced = rows.reduced(centroids);
        let rest = k % WIDE;
        let n_wide = if rest == 0 || rest > NARROW { k.next_multiple_of(WIDE) } else { k - rest };
        let wide = (0..n_wide).step_by(WIDE).map(|first| Group::new(&reduced, first));
        let narrow = (n_wide..k).step_by(NARROW).map(|first| Group::new(&reduced, first));
        let within = reduced.data().iter().all(|v| v.abs() <= 4.0);
        let (wide, narrow) = (wide.collect(), narrow.collect());
        Search { wide, narrow, by_square: up(fine(d)), reduced, within }
    }

    /// Returns false if nothing can be proven with these centroids.
    pub(super) fn is_usable(&self) -> bool {
        self.within
    }

    /// Searches for the rows of a panel whose norms are at most `norm` and which have `labels`.
    #[inline(always)]
    pub(super) fn panel<S: Simd>(
        &self,
        simd: S,
        (panel, norm): (&[[f32; LANES]], f32),
        labels: &[u32; LANES],
    ) -> Nearest {
        let mut found = Nearest { index: [0; LANES], gap: [0.0; LANES], calm: f32::INFINITY };
        let (labels, _) = S::as_simd_u32s(labels);
        let (columns, _) = S::as_simd_f32s(panel.as_flattened());
        let (indices, _) = S::as_mut_simd_u32s(&mut found.index);
        let (gaps, _) = S::as_mut_simd_f32s(&mut found.gap);
        let far = self.by_square * norm * norm;
        for (r, (index, gap)) in indices.iter_mut().zip(gaps).enumerate() {
            let infinite = simd.splat_f32s(f32::INFINITY);
            let mut best = Best::<S> {
                index: simd.splat_u32s(0),
                least: infinite,
                second: infinite,
                doubt: simd.splat_f32s(0.0),
            };
            for group in &self.wide {
                group.offer(simd, (columns, r), (norm, far), &mut best);
            }
            for group in &self.narrow {
                group.offer(simd, (columns, r), (norm, far), &mut best);
            }
            *index = best.index;
            let doubt = simd.add_f32s(best.doubt, best.doubt);
            *gap = simd.sub_f32s(best.second, simd.add_f32s(best.least, doubt));
            let same = simd.equal_u32s(best.index, labels[r]);
            let calm = simd.reduce_min_f32s(simd.select_f32s(same, *gap, simd.splat_f32s(-1.0)));
            found.calm = if calm < found.calm { calm } else { found.calm };
        }
        found
    }

    /// Returns how far the centroids are from those of the iteration before.
    pub(super) fn drift_from(&self, before: &Search) -> Drift {
        let (mut constant, mut by_norm, mut square) = (0.0_f64, 0.0_f64, 0.0_f64);
        for (new, old) in self.reduced.rows().zip(before.reduced.rows()) {
            let (a, b) = (math::dot(new, new), math::dot(old, old));
            constant = constant.max(0.5 * (a - b).abs());
            by_norm = by_norm.max(math::squared_distance(new, old).sqrt());
            square = square.max(a).max(b);
        }
        // The nearest one may come nearer by so much, and another one too; and what double precision rounds off.
        let fine = fine(self.reduced.n_cols());
        Drift {
            constant: up(2.0 * constant + fine * square + 1e-30),
            by_norm: up(2.0 * by_norm + fine * square.sqrt()),
        }
    }
}

impl<const Q: usize> Group<Q> {
    fn new(reduced: &Matrix, first: usize) -> Group<Q> {
        let d = reduced.n_cols();
        let unit = (d + 16) as f64 / f64::from(1_u32 << 24);
        let mut group = Group {
            first,
            minus: vec![[0.0; Q]; d],
            half: [f32::INFINITY; Q],
            error: [0.0; Q],
            by_norm: [0.0; Q],
        };
        for q in 0..Q.min(reduced.n_rows() - first) {
            let row = reduced.row(first + q);
            for (column, v) in group.minus.iter_mut().zip(row) {
                column[q] = -(*v as f32);
            }
            let square: f64 = row.iter().map(|v| f64::from(*v as f32) * f64::from(*v as f32)).sum();
            group.half[q] = (0.5 * square) as f32;
            group.error[q] = up(unit * 0.5 * square + fine(d) * square + 1e-36);
            group.by_norm[q] = up(unit * square.sqrt());
        }
        group
    }

    /// Compares these centroids with the best ones of the rows in register `r` of each column.
    #[inline(always)]
    fn offer<S: Simd>(
        &self,
        simd: S,
        (columns, r): (&[S::f32s], usize),
        (norm, far): (f32, f32),
        best: &mut Best<S>,
    ) {
        let mut errors = [0.0; Q];
        let mut sums = [simd.splat_f32s(0.0); Q];
        for q in 0..Q {
            errors[q] = self.by_norm[q] * norm + (self.error[q] + far);
            sums[q] = simd.splat_f32s(self.half[q] - errors[q]);
        }
        for (column, minus) in columns.chunks_exact(LANES / S::F32_LANES).zip(&self.minus) {
            for q in 0..Q {
                sums[q] = simd.mul_add_f32s(simd.splat_f32s(minus[q]), column[r], sums[q]);
            }
        }
        for q in 0..Q {
            let t = sums[q];
            let nearer = simd.less_than_f32s(t, best.least);
            best.second = simd.min_f32s(best.second, simd.max_f32s(best.least, t));
            best.least = simd.min_f32s(best.least, t);
            let number = simd.splat_u32s((self.first + q) as u32);
            best.index = simd.select_u32s(nearer, number, best.index);
            best.doubt = simd.select_f32s(nearer, simd.splat_f32s(errors[q]), best.doubt);
        }
    }
}

impl Drift {
    /// Returns what is left of a gap for rows whose norms are at most `norm`.
    #[inline(always)]
    pub(super) fn wear(&self, gap: f32, norm: f32) -> f32 {
        gap * (1.0 - 1e-6) - (self.constant + self.by_norm * norm)
    }
}

/// Returns what double precision may be off in a squared distance, a unit of both squared norms.
fn fine(n_cols: usize) -> f64 {
    (n_cols + 8) as f64 * f64::EPSILON
}

/// Rounds an error up to single precision, with something to spare for the sums it goes into.
fn up(v: f64) -> f32 {
    (v * (1.0 + 1e-5)) as f32
}

/// Returns the number of the nearest centroid of a row, the lower one among equals: what is proven, or taken where nothing
/// is.
#[inline(always)]
pub(super) fn plain(row: &[f64], centroids: &Matrix) -> u32 {
    let mut best = (0, f64::INFINITY);
    for (c, centroid) in centroids.rows().enumerate() {
        let distance = math::squared_distance(row, centroid);
        if distance < best.1 {
            best = (c as u32, distance);
        }
    }
    best.0
}
