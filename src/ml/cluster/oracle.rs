//! Results of scikit-learn and SciPy on one small table, for the tests of this folder.
//! It does not know what is compared with them. Made by `tests/oracle/cluster.py`.

use serde_json::Value;

use crate::ml::{Matrix, cluster::order, rng::Rng};

/// Returns the whole document.
pub(super) fn document() -> Value {
    serde_json::from_str(include_str!("../../../tests/oracle/cluster.json")).unwrap()
}

/// Returns the table that the document is about.
pub(super) fn x() -> Matrix {
    let document = document();
    let rows = document["x"].as_array().unwrap();
    let values: Vec<f64> = rows.iter().flat_map(floats).collect();
    Matrix::new(rows.len(), values.len() / rows.len(), values)
}

pub(super) fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

pub(super) fn labels(value: &Value) -> Vec<i32> {
    value.as_array().unwrap().iter().map(|v| v.as_i64().unwrap() as i32).collect()
}

/// Returns labels renumbered by size, as the document has them.
pub(super) fn ordered(labels: &[i32]) -> Vec<i32> {
    order::relabel(labels, &order::by_size(labels, order::n_clusters(labels)))
}

/// Returns true if `a` and `b` agree to `tolerance`, relative to their size where that is above 1.
pub(super) fn close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * b.abs().max(1.0)
}

/// Makes a long table of one feature, of which two rows lie far away.
pub(crate) fn with_far_rows() -> Matrix {
    let mut values = blobs(70_000, 1, 2, 4).data().to_vec();
    values[4711] = 3000.0;
    values[47_110] = 3001.0;
    Matrix::new(values.len(), 1, values)
}

/// Returns `n_rows` rows around `n_centres` centres in `n_cols` dimensions.
pub(crate) fn blobs(n_rows: usize, n_cols: usize, n_centres: usize, seed: u64) -> Matrix {
    let mut rng = Rng::new(seed);
    let centres: Vec<f64> = (0..n_centres * n_cols).map(|_| 6.0 * rng.normal()).collect();
    let mut values = Vec::with_capacity(n_rows * n_cols);
    for _ in 0..n_rows {
        let c = rng.below(n_centres);
        for j in 0..n_cols {
            values.push(centres[c * n_cols + j] + rng.normal());
        }
    }
    Matrix::new(n_rows, n_cols, values)
}
