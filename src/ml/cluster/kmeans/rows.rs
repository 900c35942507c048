//! Rows as the search for the nearest centroid reads them: centred, scaled, in single precision, sixteen side by side.
//! It does not know any centroid.
//!
//! Half the bytes of the data, and the only copy that most passes touch. Nothing is decided by these values
//! alone: see `nearest`. Where the run's memory has no room for the copy, each panel is made anew whenever it is looked
//! at, which gives the same bits and takes longer.

use crate::{
    base::{memory::Lease, pool::Pool},
    ml::{
        Matrix,
        cluster::{MAX_MAGNITUDE, check_input, check_shape, moments::add},
        error::MlError,
        simd,
    },
};

/// Rows in a panel.
pub(super) const LANES: usize = 16;

/// Rows in a block, the unit of work: an eighth of a chunk, so that threads end together. Its partial sums take
/// `k / 4096` of the memory that its rows take.
pub(super) const BLOCK_ROWS: usize = 8192;

/// Columns taken side by side, in registers, and rows in turn that stay in the nearest cache.
const WIDTH: usize = 8;
const NEAR_ROWS: usize = 128;

/// A matrix in blocks of panels.
pub(in crate::ml::cluster) struct Rows<'a> {
    /// The rows as they are.
    pub(super) x: &'a Matrix,
    /// Subtracted from each column: its mean.
    shift: Vec<f64>,
    /// Two factors, powers of two, that bring the largest deviation to between 1/2 and 1; one alone could overflow.
    scale: [f64; 2],
    pub(super) blocks: Vec<Block>,
    /// Mean over the columns of their population variances.
    pub(super) mean_variance: f64,
    /// The room that the panels take in the run's memory.
    _room: Lease,
}

/// The panels of some rows.
pub(super) struct Block {
    /// For each panel and column the values of sixteen rows; zeros beyond the last row. Empty where there is no room.
    values: Vec<[f32; LANES]>,
    /// For each panel no less than the largest Euclidean norm of its rows.
    pub(super) norms: Vec<f32>,
}

impl<'a> Rows<'a> {
    /// Lays out all rows of `x`.
    ///
    /// # Errors
    /// As [`check_input`], for one row at least.
    pub(in crate::ml::cluster) fn new(x: &'a Matrix, pool: &Pool) -> Result<Rows<'a>, MlError> {
        check_shape(x, 1)?;
        let n_blocks = x.n_rows().div_ceil(BLOCK_ROWS);
        let parts = pool.map(n_blocks, |b| {
            simd::run(
                #[inline(always)]
                || extent(values_of(x, b), x.n_cols()),
            )
        });
        let extent = parts.into_iter().fold(Extent::new(x.n_cols()), Extent::merge);
        if !extent.is_within(MAX_MAGNITUDE) {
            check_input(x, 1)?;
        }
        let shift: Vec<f64> = extent.sums.iter().map(|s| s / x.n_rows() as f64).collect();
        let ranges = extent.least.iter().zip(&extent.largest).zip(&shift);
        let reach = ranges.fold(0.0, |reach: f64, ((a, b), m)| reach.max(m - a).max(b - m));
        let scale = halves(reach);
        let mut room = Lease::default();
        let n_bytes = (x.data().len() * size_of::<f32>()) as u64;
        let keep = pool.memory().take_more(&mut room, n_bytes, 1) == 1;
        let laid = pool.map(n_blocks, |b| {
            simd::run(
                #[inline(always)]
                || lay_out(values_of(x, b), &shift, scale, keep),
            )
        });
        let mut squares = vec![0.0; x.n_cols()];
        let mut blocks = Vec::with_capacity(laid.len());
        for (block, part) in laid {
            add(&mut squares, &part);
            blocks.push(block);
        }
        let mean_variance = squares.iter().sum::<f64>() / x.data().len() as f64;
        Ok(Rows { x, shift, scale, blocks, mean_variance, _room: room })
    }

    /// Returns the rows of block `b`.
    pub(super) fn range(&self, b: usize) -> std::ops::Range<usize> {
        b * BLOCK_ROWS..((b + 1) * BLOCK_ROWS).min(self.x.n_rows())
    }

    /// Returns the columns of panel `p` of block `b`, made in `scratch` where they are not kept.
    #[inline(always)]
    pub(super) fn panel<'s>(
        &'s self,
        (b, p): (usize, usize),
        scratch: &'s mut Vec<[f32; LANES]>,
    ) -> &'s [[f32; LANES]] {
        let d = self.x.n_cols();
        let kept = &self.blocks[b].values;
        if !kept.is_empty() {
            return &kept[p * d..(p + 1) * d];
        }
        scratch.clear();
        scratch.resize(d, [0.0; LANES]);
        let rows = values_of(self.x, b).chunks(d * LANES).nth(p).unwrap_or_default();
        for (lane, row) in rows.chunks_exact(d).enumerate() {
            for ((column, v), m) in scratch.iter_mut().zip(row).zip(&self.shift) {
                column[lane] = reduce(v - m, self.scale);
            }
        }
        scratch
    }

    /// Returns points moved and scaled as the rows are, in full precision.
    pub(super) fn reduced(&self, points: &Matrix) -> Matrix {
        let mut out = points.clone();
        for c in 0..out.n_rows() {
            for (v, m) in out.row_mut(c).iter_mut().zip(&self.shift) {
                *v = (*v - m) * self.scale[0] * self.scale[1];
            }
        }
        out
    }
}

/// Returns a deviation as the panels have it.
#[inline(always)]
fn reduce(deviation: f64, scale: [f64; 2]) -> f32 {
    (deviation * scale[0] * scale[1]) as f32
}

fn values_of(x: &Matrix, b: usize) -> &[f64] {
    let d = x.n_cols();
    &x.data()[b * BLOCK_ROWS * d..((b + 1) * BLOCK_ROWS).min(x.n_rows()) * d]
}

/// Sums and ranges of the columns of some rows.
struct Extent {
    sums: Vec<f64>,
    least: Vec<f64>,
    largest: Vec<f64>,
}

impl Extent {
    fn new(n_cols: usize) -> Extent {
        let (least, largest) = (vec![f64::INFINITY; n_cols], vec![f64::NEG_INFINITY; n_cols]);
        Extent { sums: vec![0.0; n_cols], least, largest }
    }

    /// Returns whether all values are numbers and none is larger than `most`.
    fn is_within(&self, most: f64) -> bool {
        let mut ranges = self.least.iter().zip(&self.largest);
        // A value that is none is in no range, but its sum is none either.
        self.sums.iter().all(|sum| sum.is_finite())
            && ranges.all(|(least, largest)| -most <= *least && *largest <= most)
    }

    fn merge(mut self, later: Extent) -> Extent {
        add(&mut self.sums, &later.sums);
        self.least.iter_mut().zip(later.least).for_each(|(a, b)| *a = a.min(b));
        self.largest.iter_mut().zip(later.largest).for_each(|(a, b)| *a = a.max(b));
        self
    }
}

#[inline(always)]
fn extent(values: &[f64], n_cols: usize) -> Extent {
    let mut out = Extent::new(n_cols);
    for rows in values.chunks(NEAR_ROWS * n_cols) {
        for first in (0..n_cols).step_by(WIDTH) {
            let mut sums = few(&out.sums, first);
            let (mut least, mut largest) = (few(&out.least, first), few(&out.largest, first));
            for row in rows.chunks_exact(n_cols) {
                for (c, v) in few(row, first).into_iter().enumerate() {
                    sums[c] += v;
                    least[c] = if v < least[c] { v } else { least[c] };
                    largest[c] = if v > largest[c] { v } else { largest[c] };
                }
            }
            put(&sums, first, &mut out.sums);
            put(&least, first, &mut out.least);
            put(&largest, first, &mut out.largest);
        }
    }
    out
}

/// Returns the values from `first` on, zeros where there are no more.
#[inline(always)]
fn few(values: &[f64], first: usize) -> [f64; WIDTH] {
    let values = &values[first..];
    if let Some(whole) = values.first_chunk() {
        return *whole;
    }
    let mut out = [0.0; WIDTH];
    out[..values.len()].copy_from_slice(values);
    out
}

/// Puts values back that [`few`] returned.
#[inline(always)]
fn put(values: &[f64; WIDTH], first: usize, out: &mut [f64]) {
    let n = WIDTH.min(out.len() - first);
    out[first..first + n].copy_from_slice(&values[..n]);
}

/// Returns two powers of two whose product brings `reach` to between 1/2 and 1.
fn halves(reach: f64) -> [f64; 2] {
    if reach <= 0.0 || !reach.is_finite() {
        return [1.0; 2];
    }
    let exponent = -(libm::frexp(reach).1);
    let first = exponent / 2;
    [libm::ldexp(1.0, first), libm::ldexp(1.0, exponent - first)]
}

/// Returns the panels of some rows, without their values unless these are kept, and the sums of squared deviations of
/// their columns.
#[inline(always)]
fn lay_out(values: &[f64], shift: &[f64], scale: [f64; 2], keep: bool) -> (Block, Vec<f64>) {
    let d = shift.len();
    let mut squares = vec![0.0; d];
    let n_panels = (values.len() / d).div_ceil(LANES);
    let mut out = vec![[0.0; LANES]; if keep { n_panels * d } else { d }];
    let mut norms = vec![0.0; n_panels];
    for (p, (norm, rows)) in norms.iter_mut().zip(values.chunks(d * LANES)).enumerate() {
        let panel = if keep { &mut out[p * d..(p + 1) * d] } else { out.as_mut_slice() };
        panel.fill([0.0; LANES]);
        let mut lanes = [0.0_f64; LANES];
        for (lane, row) in rows.chunks_exact(d).enumerate() {
            let columns = panel.iter_mut().zip(&mut squares).zip(shift);
            for (v, ((column, square), m)) in row.iter().zip(columns) {
                let deviation = v - m;
                *square += deviation * deviation;
                column[lane] = reduce(deviation, scale);
            }
        }
        for column in panel.iter() {
            for (sum, v) in lanes.iter_mut().zip(column) {
                *sum += f64::from(*v) * f64::from(*v);
            }
        }
        let largest = lanes.iter().fold(0.0_f64, |a, b| a.max(*b));
        // What rounding may have taken, and more.
        *norm = (largest.sqrt() * (1.0 + 1e-5) + 1e-30) as f32;
    }
    if !keep {
        out = Vec::new();
    }
    (Block { values: out, norms }, squares)
}
