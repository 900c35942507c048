//! A dense matrix of f64, one row after the other. It does not know what its columns are called.

/// A dense row-major matrix of shape `(n_rows, n_cols)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    n_rows: usize,
    n_cols: usize,
    data: Vec<f64>,
}

impl Matrix {
    /// Wraps `data`, which holds `n_rows * n_cols` values, row after row.
    ///
    /// # Panics
    /// If the length does not fit; callers compute it, users cannot cause it.
    pub fn new(n_rows: usize, n_cols: usize, data: Vec<f64>) -> Matrix {
        assert_eq!(data.len(), n_rows * n_cols, "a matrix needs n_rows * n_cols values");
        Matrix { n_rows, n_cols, data }
    }

    /// Makes a matrix of zeros.
    pub fn zeros(n_rows: usize, n_cols: usize) -> Matrix {
        Matrix::new(n_rows, n_cols, vec![0.0; n_rows * n_cols])
    }

    /// Makes a matrix from columns of equal length.
    pub fn from_columns(columns: &[Vec<f64>]) -> Matrix {
        let n_rows = columns.first().map_or(0, Vec::len);
        let mut matrix = Matrix::zeros(n_rows, columns.len());
        for (j, column) in columns.iter().enumerate() {
            for (i, value) in column.iter().enumerate() {
                matrix.data[i * columns.len() + j] = *value;
            }
        }
        matrix
    }

    /// Returns the number of rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Returns the number of columns.
    pub fn n_cols(&self) -> usize {
        self.n_cols
    }

    /// Returns row `i`.
    pub fn row(&self, i: usize) -> &[f64] {
        &self.data[i * self.n_cols..(i + 1) * self.n_cols]
    }

    /// Returns row `i` for writing.
    pub fn row_mut(&mut self, i: usize) -> &mut [f64] {
        &mut self.data[i * self.n_cols..(i + 1) * self.n_cols]
    }

    /// Returns a copy of column `j`.
    pub fn column(&self, j: usize) -> Vec<f64> {
        (0..self.n_rows).map(|i| self.data[i * self.n_cols + j]).collect()
    }

    /// Iterates over the rows in order.
    pub fn rows(&self) -> impl Iterator<Item = &[f64]> {
        (0..self.n_rows).map(|i| self.row(i))
    }

    /// Returns all values, row after row.
    pub fn data(&self) -> &[f64] {
        &self.data
    }

    /// Returns all values for writing, row after row.
    pub fn data_mut(&mut self) -> &mut [f64] {
        &mut self.data
    }

    /// Returns the rows with the given indices, in that order.
    pub fn select_rows(&self, rows: &[usize]) -> Matrix {
        let mut data = Vec::with_capacity(rows.len() * self.n_cols);
        for &i in rows {
            data.extend_from_slice(self.row(i));
        }
        Matrix::new(rows.len(), self.n_cols, data)
    }

    /// Returns only `rows`, which must ascend, without room for a copy.
    pub fn keep_rows(mut self, rows: &[usize]) -> Matrix {
        let width = self.n_cols;
        for (to, &from) in rows.iter().enumerate() {
            self.data.copy_within(from * width..(from + 1) * width, to * width);
        }
        self.data.truncate(rows.len() * width);
        Matrix::new(rows.len(), width, self.data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_rows_are_those_selected() {
        let x = Matrix::new(4, 2, (0..8).map(f64::from).collect());
        for rows in [&[][..], &[0], &[1, 3], &[0, 1, 2, 3]] {
            assert_eq!(x.clone().keep_rows(rows), x.select_rows(rows));
        }
    }
}
