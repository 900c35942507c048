//! Eigenvalues and eigenvectors of a symmetric matrix. It does not know where the matrix comes from.
//!
//! Householder reflections make the matrix tridiagonal, implicitly shifted QR rotations make it diagonal
//! (Golub and Van Loan, "Matrix computations", 4th edition, sections 8.3.1 to 8.3.5). Jacobi rotations were
//! tried on paper and rejected: some six times the work at a few hundred columns, for relative accuracy of
//! tiny eigenvalues that nobody reads. Only `+ - * /` and `sqrt` are used, so results are the same
//! everywhere.

use crate::ml::{Matrix, error::MlError, math};

/// Rotation sweeps for one eigenvalue; two or three are usual.
const MAX_SWEEPS: usize = 60;

/// The eigenpairs of a symmetric matrix.
#[derive(Clone, Debug)]
pub struct Eigen {
    /// Eigenvalues, largest first.
    pub values: Vec<f64>,
    /// Row `i` is the eigenvector of `values[i]`, of length 1; its sign means nothing.
    pub vectors: Matrix,
}

/// Returns the eigenpairs of the symmetric `matrix`; what stands above the diagonal does not matter, as long as
/// it is finite.
/// Takes O(n^3) steps.
///
/// # Errors
/// If a value is not finite or the rotations do not converge.
pub fn symmetric(matrix: &Matrix) -> Result<Eigen, MlError> {
    let n = matrix.n_rows();
    if matrix.data().iter().any(|v| !v.is_finite()) {
        return Err(MlError::Numeric("a covariance is not finite; scale the features".to_string()));
    }
    // Scaled to 1, so that no square of a small entry vanishes.
    let largest = matrix.data().iter().fold(0.0_f64, |a, v| a.max(v.abs()));
    let scale = if largest > 0.0 { largest } else { 1.0 };
    let mut scaled = matrix.clone();
    scaled.data_mut().iter_mut().for_each(|v| *v /= scale);
    let mut tri = tridiagonal(scaled);
    diagonalise(&mut tri)?;
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| tri.diagonal[b].total_cmp(&tri.diagonal[a]));
    Ok(Eigen {
        values: order.iter().map(|&i| tri.diagonal[i] * scale).collect(),
        vectors: tri.vectors.select_rows(&order),
    })
}

/// A tridiagonal matrix T and, as rows, the columns of the orthogonal Q with A = Q T Q'.
struct Tridiagonal {
    diagonal: Vec<f64>,
    beside: Vec<f64>,
    vectors: Matrix,
}

fn tridiagonal(mut a: Matrix) -> Tridiagonal {
    let n = a.n_rows();
    let mut beside = Vec::with_capacity(n);
    let mut reflections: Vec<Vec<f64>> = Vec::new();
    for k in 0..n.saturating_sub(1) {
        let column: Vec<f64> = (k + 1..n).map(|i| a.row(i)[k]).collect();
        let Some((reflection, corner)) = reflection(&column) else {
            // Everything below the first entry is zero already.
            beside.push(column.first().copied().unwrap_or(0.0));
            reflections.push(Vec::new());
            continue;
        };
        beside.push(corner);
        reflect_both_sides(&mut a, k + 1, &reflection);
        reflections.push(reflection);
    }
    let diagonal = (0..n).map(|i| a.row(i)[i]).collect();
    let mut vectors = Matrix::zeros(n, n);
    (0..n).for_each(|i| vectors.row_mut(i)[i] = 1.0);
    for (k, v) in reflections.iter().enumerate().rev().filter(|(_, v)| !v.is_empty()) {
        for i in k + 1..n {
            let row = &mut vectors.row_mut(i)[k + 1..];
            let twice = 2.0 * math::dot(row, v);
            row.iter_mut().zip(v).for_each(|(r, v)| *r -= twice * v);
        }
    }
    Tridiagonal { diagonal, beside, vectors }
}

/// Returns the unit vector v for which (I - 2vv')x has zeros after the first entry, and that entry.
fn reflection(x: &[f64]) -> Option<(Vec<f64>, f64)> {
    let largest = x.iter().skip(1).fold(0.0_f64, |a, v| a.max(v.abs()));
    if largest == 0.0 {
        return None;
    }
    // Scaled first, so that squares neither vanish nor overflow.
    let scale = largest.max(x[0].abs());
    let mut v: Vec<f64> = x.iter().map(|x| x / scale).collect();
    let norm = math::dot(&v, &v).sqrt();
    let corner = if v[0] >= 0.0 { -norm } else { norm };
    v[0] -= corner;
    let length = math::dot(&v, &v).sqrt();
    v.iter_mut().for_each(|v| *v /= length);
    Some((v, corner * scale))
}

/// Replaces the block B from row and column `at` on by HBH with H = I - 2vv'. Only the lower triangle
/// counts on entry; the block is symmetric afterwards.
fn reflect_both_sides(a: &mut Matrix, at: usize, v: &[f64]) {
    let m = v.len();
    let mut p = vec![0.0; m];
    for i in 0..m {
        let row = &a.row(at + i)[at..=at + i];
        p[i] += math::dot(row, &v[..=i]);
        for (p, b) in p[..i].iter_mut().zip(row) {
            *p += b * v[i];
        }
    }
    let along = math::dot(v, &p);
    let w: Vec<f64> = p.iter().zip(v).map(|(p, v)| 2.0 * (p - along * v)).collect();
    for i in 0..m {
        let (vi, wi) = (v[i], w[i]);
        let row = &mut a.row_mut(at + i)[at..=at + i];
        for ((b, v), w) in row.iter_mut().zip(v).zip(&w) {
            *b -= vi * w + wi * v;
        }
    }
}

fn diagonalise(tri: &mut Tridiagonal) -> Result<(), MlError> {
    let Tridiagonal { diagonal: d, beside: e, vectors } = tri;
    let mut high = d.len().saturating_sub(1);
    let mut n_sweeps = 0;
    while high > 0 {
        let negligible = |i: usize| e[i].abs() <= f64::EPSILON * (d[i].abs() + d[i + 1].abs());
        if negligible(high - 1) {
            high -= 1;
            n_sweeps = 0;
            continue;
        }
        let low = (0..high - 1).rev().find(|&i| negligible(i)).map_or(0, |i| i + 1);
        n_sweeps += 1;
        if n_sweeps > MAX_SWEEPS {
            return Err(MlError::Numeric(
                "eigenvalues did not converge; scale the features".to_string(),
            ));
        }
        sweep(d, e, vectors, low, high);
    }
    Ok(())
}

/// One implicitly shifted QR step on the block `low..=high`.
fn sweep(d: &mut [f64], e: &mut [f64], vectors: &mut Matrix, low: usize, high: usize) {
    let half = 0.5 * (d[high - 1] - d[high]);
    let last = e[high - 1];
    let root = (half * half + last * last).sqrt();
    let away = if half >= 0.0 { half + root } else { half - root };
    // Wilkinson's shift; `away` only vanishes where squares underflow, and then any shift will do.
    let shift = if away == 0.0 { d[high] } else { d[high] - last * (last / away) };
    let (mut x, mut z) = (d[low] - shift, e[low]);
    for k in low..high {
        let r = (x * x + z * z).sqrt();
        let (c, s) = if r == 0.0 { (1.0, 0.0) } else { (x / r, z / r) };
        if k > low {
            e[k - 1] = r;
        }
        let (a, b, off) = (d[k], d[k + 1], e[k]);
        d[k] = c * c * a + 2.0 * c * s * off + s * s * b;
        d[k + 1] = s * s * a - 2.0 * c * s * off + c * c * b;
        e[k] = c * s * (b - a) + (c * c - s * s) * off;
        rotate(vectors, k, c, s);
        if k + 1 < high {
            x = e[k];
            z = s * e[k + 1];
            e[k + 1] *= c;
        }
    }
}

/// Rotates rows `k` and `k + 1`.
fn rotate(vectors: &mut Matrix, k: usize, c: f64, s: f64) {
    let width = vectors.n_cols();
    let (upper, lower) = vectors.data_mut()[k * width..(k + 2) * width].split_at_mut(width);
    for (u, l) in upper.iter_mut().zip(lower) {
        (*u, *l) = (c * *u + s * *l, c * *l - s * *u);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::rng::Rng;

    /// Checks A v = value v, unit length and orthogonality.
    fn check(a: &Matrix, tolerance: f64) -> Vec<f64> {
        let n = a.n_rows();
        let eigen = symmetric(a).unwrap();
        for i in 0..n {
            let v = eigen.vectors.row(i);
            for r in 0..n {
                let off = math::dot(a.row(r), v) - eigen.values[i] * v[r];
                assert!(off.abs() <= tolerance, "pair {i}, row {r}: {off}");
            }
            for j in 0..=i {
                let expected = f64::from(u8::from(i == j));
                assert!((math::dot(v, eigen.vectors.row(j)) - expected).abs() < 1e-12);
            }
        }
        assert!(eigen.values.windows(2).all(|w| w[0] >= w[1]));
        eigen.values
    }

    #[test]
    fn hand_worked() {
        let a = Matrix::new(2, 2, vec![2.0, 1.0, 1.0, 2.0]);
        let values = check(&a, 1e-14);
        assert!((values[0] - 3.0).abs() < 1e-14 && (values[1] - 1.0).abs() < 1e-14);
        // Second differences: 2 - 2 cos(k pi / 4).
        let a = Matrix::new(3, 3, vec![2.0, -1.0, 0.0, -1.0, 2.0, -1.0, 0.0, -1.0, 2.0]);
        let root = 2.0_f64.sqrt();
        for (value, expected) in check(&a, 1e-14).iter().zip([2.0 + root, 2.0, 2.0 - root]) {
            assert!((value - expected).abs() < 1e-14);
        }
    }

    #[test]
    fn random_and_rank_deficient_matrices() {
        for (n, rank, seed) in [(1, 1, 0), (5, 5, 1), (30, 30, 2), (30, 4, 3), (60, 1, 4)] {
            let mut rng = Rng::new(seed);
            let factors: Vec<Vec<f64>> =
                (0..rank).map(|_| (0..n).map(|_| rng.normal()).collect()).collect();
            let mut a = Matrix::zeros(n, n);
            for f in &factors {
                for i in 0..n {
                    (0..n).for_each(|j| a.row_mut(i)[j] += f[i] * f[j]);
                }
            }
            let values = check(&a, 1e-11);
            assert!(values[rank..].iter().all(|v| v.abs() < 1e-11));
        }
    }

    #[test]
    fn degenerate_matrices() {
        assert!(check(&Matrix::zeros(0, 0), 0.0).is_empty());
        assert_eq!(check(&Matrix::zeros(3, 3), 0.0), [0.0; 3]);
        let mut identity = Matrix::zeros(4, 4);
        (0..4).for_each(|i| identity.row_mut(i)[i] = 1e300);
        assert_eq!(check(&identity, 0.0), [1e300; 4]);
        let tiny = Matrix::new(2, 2, vec![1e-300, 5e-301, 5e-301, 1e-300]);
        check(&tiny, 1e-310);
        assert!(symmetric(&Matrix::new(1, 1, vec![f64::NAN])).is_err());
    }
}
