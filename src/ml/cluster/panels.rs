//! Rows in panels of eight, dimension-major, so that a distance loop works on eight rows at once.
//! It does not know what the distances are for.
//!
//! A panel holds, for each feature, the values of eight consecutive rows. The compiler turns the
//! inner loops over `[f64; 8]` into vector code of whatever width the target has; each lane is an
//! independent sum over the features in order, so the width changes no bit.

use crate::ml::Matrix;

/// Rows in one panel.
pub const LANES: usize = 8;

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
#[inline]
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

/// Returns [`squared_distances`] for two points in one pass over the panel.
#[inline]
pub fn squared_distances_to_two(
    panel: &[[f64; LANES]],
    a: &[f64],
    b: &[f64],
) -> ([f64; LANES], [f64; LANES]) {
    let (mut to_a, mut to_b) = ([0.0; LANES], [0.0; LANES]);
    for ((values, p), q) in panel.iter().zip(a).zip(b) {
        for lane in 0..LANES {
            let d = values[lane] - p;
            to_a[lane] += d * d;
            let e = values[lane] - q;
            to_b[lane] += e * e;
        }
    }
    (to_a, to_b)
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let (a, b) = squared_distances_to_two(panel, &point, &other);
            assert_eq!((a[i % LANES], b[i % LANES]), (plain(&point), plain(&other)));
            let mut row = [0.0; 3];
            panels.copy_row(i, &mut row);
            assert_eq!(row, x.row(i));
        }
    }
}
