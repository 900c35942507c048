//! The Cholesky factor of a small symmetric matrix, and its inverse.
//! It does not know what the matrix is the covariance of.

use crate::ml::Matrix;

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

/// Returns the inverse of a lower-triangular `l` with no zero on its diagonal, which is lower-triangular too.
pub(super) fn inverse(l: &Matrix) -> Matrix {
    let n = l.n_rows();
    let mut inverse = Matrix::zeros(n, n);
    for j in 0..n {
        inverse.row_mut(j)[j] = 1.0 / l.row(j)[j];
        for i in j + 1..n {
            let products = (j..i).map(|m| l.row(i)[m] * inverse.row(m)[j]);
            let sum: f64 = products.sum();
            inverse.row_mut(i)[j] = -sum / l.row(i)[i];
        }
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worked_example() {
        // [[4, 2], [2, 5]] = L L^T with L = [[2, 0], [1, 2]], whose inverse is [[1/2, 0], [-1/4, 1/2]].
        let l = factor(&Matrix::new(2, 2, vec![4.0, 2.0, 2.0, 5.0])).unwrap();
        assert_eq!(l.data(), [2.0, 0.0, 1.0, 2.0]);
        assert_eq!(inverse(&l).data(), [0.5, 0.0, -0.25, 0.5]);
    }

    #[test]
    fn indefinite_matrices_have_no_factor() {
        for values in [[1.0, 2.0, 2.0, 1.0], [0.0, 0.0, 0.0, 0.0], [f64::NAN, 0.0, 0.0, 1.0]] {
            assert_eq!(factor(&Matrix::new(2, 2, values.to_vec())), None);
        }
    }
}
