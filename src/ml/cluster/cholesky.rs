//! The Cholesky factor of a small symmetric matrix, and solving with it for eight rows at once.
//! It does not know what the matrix is the covariance of.

use crate::ml::{Matrix, cluster::panels::LANES};

/// Returns the lower-triangular `L` with `L L^T = a`, or `None` if `a` is not positive definite.
pub(super) fn factor(a: &Matrix) -> Option<Matrix> {
    let n = a.n_rows();
    let mut l = Matrix::zeros(n, n);
    for i in 0..n {
        for j in 0..=i {
            let products = l.row(i)[..j].iter().zip(&l.row(j)[..j]).map(|(x, y)| x * y);
            let rest = a.row(i)[j] - products.sum::<f64>();
            if i != j {
                l.row_mut(i)[j] = rest / l.row(j)[j];
            } else if rest > 0.0 && rest.is_finite() {
                l.row_mut(i)[i] = rest.sqrt();
            } else {
                return None;
            }
        }
    }
    Some(l)
}

/// Solves `L y = diff` for the eight rows of a panel, in place, and returns each row's `|y|^2`: its
/// squared Mahalanobis distance.
pub(super) fn mahalanobis(l: &Matrix, diff: &mut [[f64; LANES]]) -> [f64; LANES] {
    let mut squares = [0.0; LANES];
    for i in 0..diff.len() {
        let mut y = diff[i];
        for (factor, solved) in l.row(i).iter().zip(&diff[..i]) {
            for lane in 0..LANES {
                y[lane] -= factor * solved[lane];
            }
        }
        let scale = 1.0 / l.row(i)[i];
        for lane in 0..LANES {
            y[lane] *= scale;
            squares[lane] += y[lane] * y[lane];
        }
        diff[i] = y;
    }
    squares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worked_example() {
        // [[4, 2], [2, 5]] = L L^T with L = [[2, 0], [1, 2]]; L y = (2, 5) gives y = (1, 2).
        let l = factor(&Matrix::new(2, 2, vec![4.0, 2.0, 2.0, 5.0])).unwrap();
        assert_eq!(l.data(), [2.0, 0.0, 1.0, 2.0]);
        assert_eq!(mahalanobis(&l, &mut [[2.0; LANES], [5.0; LANES]]), [5.0; LANES]);
    }

    #[test]
    fn indefinite_matrices_have_no_factor() {
        for values in [[1.0, 2.0, 2.0, 1.0], [0.0, 0.0, 0.0, 0.0], [f64::NAN, 0.0, 0.0, 1.0]] {
            assert_eq!(factor(&Matrix::new(2, 2, values.to_vec())), None);
        }
    }
}
