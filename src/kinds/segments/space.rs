//! The matrix that was clustered, its rows in the order of the table's. It does not know what its columns mean.

use crate::{
    frame::Table,
    kinds::segments::{figures::Segments, join},
    ml::{Matrix, rng::Rng},
    stage::error::StageError,
};

/// Rows that charts of single rows show at the most, chosen by a fixed seed.
pub const MOST_ROWS: usize = 2000;

/// What was clustered.
pub struct Space {
    /// Names of the columns.
    pub names: Vec<String>,
    /// The matrix in its own order.
    pub x: Matrix,
    /// For each row of the table its row in the matrix.
    rows: Vec<usize>,
}

impl Space {
    /// Joins the matrix to the table.
    ///
    /// # Errors
    /// If the matrix is not numeric or its ids are not those of the table.
    pub fn new(table: &Table, matrix: &Table) -> Result<Space, StageError> {
        let rows = join::rows_in(table, matrix, "matrix")?;
        let (names, x) = matrix.to_matrix()?;
        Ok(Space { names, x, rows })
    }

    /// Returns what the matrix holds of row `row` of the table.
    pub fn row(&self, row: usize) -> &[f64] {
        self.x.row(self.rows[row])
    }

    /// Returns a column of the matrix in the order of the table.
    pub fn column(&self, column: usize) -> Vec<f64> {
        self.rows.iter().map(|&row| self.x.row(row)[column]).collect()
    }

    /// Returns how many rows there are.
    pub fn n_rows(&self) -> usize {
        self.rows.len()
    }

    /// Returns some rows of the table, in their order.
    pub fn some_rows(&self) -> Vec<usize> {
        some(&(0..self.n_rows()).collect::<Vec<_>>(), MOST_ROWS)
    }

    /// Returns some rows of the table that are no noise, in their order.
    pub fn some_rows_in(&self, segments: &Segments) -> Vec<usize> {
        some(&known_rows(segments), MOST_ROWS)
    }
}

/// Returns the rows that are no noise.
pub fn known_rows(segments: &Segments) -> Vec<usize> {
    let is_known = |row: &usize| segments.numbers[segments.of_row[*row]] >= 0;
    (0..segments.of_row.len()).filter(is_known).collect()
}

/// Returns at most `most` of `rows` in their order, always the same ones.
pub fn some(rows: &[usize], most: usize) -> Vec<usize> {
    Rng::new(0).sample(rows.len(), most).into_iter().map(|i| rows[i]).collect()
}
