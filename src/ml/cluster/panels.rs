//! Rows in panels of eight, dimension-major, so that a distance loop works on eight rows at once.
//! It does not know what the distances are for.
//!
//! A panel holds, for each feature, the values of eight consecutive rows. The compiler turns the
//! inner loops over `[f64; 8]` into vector code of whatever width the target has; each lane is an
//! independent sum over the features in order, so the width changes no bit.

use crate::ml::{Matrix, simd::Simd};

/// Rows in one panel.
pub const LANES: usize = 8;

/// Returns how many registers hold one value of each of a panel's rows.
#[inline(always)]
pub fn registers<S: Simd>() -> usize {
    LANES / S::F64_LANES
}

/// A matrix of shape `(n_rows, n_cols)` in panels. The last panel is filled up with zeros.
#[derive(Clone, Debug)]
pub struct Panels {
    n_rows: usize,
    n_cols: usize,
    data: Vec<[f64; LANES]>,
}

impl Panels {
    /// Lays out all rows of `x`.
    pub fn new(x: &Matrix) -> Panels {
        let mut panels = Panels::zeros(x.n_rows(), x.n_cols());
        for (i, row) in x.rows().enumerate() {
            panels.set_row(i, row);
        }
        panels
    }

    /// Makes panels of zeros.
    pub fn zeros(n_rows: usize, n_cols: usize) -> Panels {
        Panels { n_rows, n_cols, data: vec![[0.0; LANES]; n_rows.div_ceil(LANES) * n_cols] }
    }

    /// Returns the number of rows, without filling.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Returns the number of features.
    pub fn n_cols(&self) -> usize {
        self.n_cols
    }

    /// Returns the number of panels.
    pub fn n_panels(&self) -> usize {
        self.n_rows.div_ceil(LANES)
    }

    /// Returns panel `p`: one array of eight values a feature.
    pub fn panel(&self, p: usize) -> &[[f64; LANES]] {
        &self.data[p * self.n_cols..(p + 1) * self.n_cols]
    }

    /// Overwrites row `i`.
    pub fn set_row(&mut self, i: usize, row: &[f64]) {
        let panel = &mut self.data[i / LANES * self.n_cols..(i / LANES + 1) * self.n_cols];
        for (values, v) in panel.iter_mut().zip(row) {
            values[i % LANES] = *v;
        }
    }

    /// Copies row `i` into `out`.
    pub fn copy_row(&self, i: usize, out: &mut [f64]) {
        for (v, values) in out.iter_mut().zip(self.panel(i / LANES)) {
            *v = values[i % LANES];
        }
    }
}

/// Returns the squared Euclidean distances between the eight rows of a panel and one point.
#[inline(always)]
pub fn squared_distances(panel: &[[f64; LANES]], point: &[f64]) -> [f64; LANES] {
    let mut sums = [0.0; LANES];
    for (values, p) in panel.iter().zip(point) {
        for lane in 0..LANES {
            let d = values[lane] - p;
            sums[lane] += d * d;
        }
    }
    sums
}

/// Writes the Euclidean distances between the eight rows of a panel and `Q` points, which are given side by side, column
/// after column.
#[inline(always)]
pub fn distances_to_group<S: Simd, const Q: usize>(
    simd: S,
    panel: &[[f64; LANES]],
    points: &[[f64; Q]],
    out: &mut [[f64; LANES]; Q],
) {
    let (columns, _) = S::as_simd_f64s(panel.as_flattened());
    for r in 0..registers::<S>() {
        let mut sums = [simd.splat_f64s(0.0); Q];
        for (column, point) in columns.chunks_exact(registers::<S>()).zip(points) {
            for q in 0..Q {
                let d = simd.sub_f64s(column[r], simd.splat_f64s(point[q]));
                sums[q] = simd.mul_add_f64s(d, d, sums[q]);
            }
        }
        for q in 0..Q {
            let (out, _) = S::as_mut_simd_f64s(&mut out[q]);
            out[r] = simd.sqrt_f64s(sums[q]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::simd::{self, WithSimd};

    struct Group<'a>(&'a [[f64; LANES]], &'a [[f64; 2]]);

    impl WithSimd for Group<'_> {
        type Output = [[f64; LANES]; 2];

        fn with_simd<S: Simd>(self, simd: S) -> [[f64; LANES]; 2] {
            let mut out = [[0.0; LANES]; 2];
            distances_to_group(simd, self.0, self.1, &mut out);
            out
        }
    }

    #[test]
    fn lanes_are_rows() {
        let x = Matrix::new(10, 3, (0..30).map(|v| f64::from(v) * 0.7).collect());
        let panels = Panels::new(&x);
        assert_eq!((panels.n_panels(), panels.n_rows(), panels.n_cols()), (2, 10, 3));
        let (point, other) = ([1.0, -2.0, 0.5], [0.0, 3.0, 9.0]);
        for i in 0..10 {
            let plain =
                |p: &[f64]| -> f64 { x.row(i).iter().zip(p).map(|(a, b)| (a - b) * (a - b)).sum() };
            let panel = panels.panel(i / LANES);
            assert_eq!(squared_distances(panel, &point)[i % LANES], plain(&point));
            let pairs: Vec<[f64; 2]> = point.iter().zip(other).map(|(a, b)| [*a, b]).collect();
            let group = simd::dispatch(Group(panel, &pairs));
            for (distances, p) in group.iter().zip([point, other]) {
                assert!((distances[i % LANES] - plain(&p).sqrt()).abs() < 1e-14);
            }
            let mut row = [0.0; 3];
            panels.copy_row(i, &mut row);
            assert_eq!(row, x.row(i));
        }
    }
}
