//! Worked examples, linfa's components, plain sums and degenerate data. It does not know where rows come from.

use linfa::traits::{Fit, Predict};

use super::*;
use crate::ml::rng::Rng;

fn sample(n: usize, d: usize, seed: u64) -> Matrix {
    let mut rng = Rng::new(seed);
    let mut x = Matrix::zeros(n, d);
    for i in 0..n {
        let common = rng.normal();
        for (j, v) in x.row_mut(i).iter_mut().enumerate() {
            *v = 10.0 + common * (j + 1) as f64 + rng.normal() / (j + 1) as f64;
        }
    }
    x
}

fn apply(pca: &Pca, x: &Matrix) -> Matrix {
    let projection = pca.projection(x.n_cols()).unwrap();
    let mut out = Matrix::zeros(x.n_rows(), pca.components.len());
    for i in 0..x.n_rows() {
        projection.write(&mut x.row(i).to_vec(), out.row_mut(i));
    }
    out
}

#[test]
fn hand_worked() {
    // On the line y = 2x: one component along (1, 2) / sqrt 5, variance 5 * var(x).
    let x = Matrix::new(3, 2, vec![0.0, 0.0, 1.0, 2.0, 2.0, 4.0]);
    let work = Work::alone(1);
    let pca = Pca::fit(&x, Keep::Variance(0.95), false, &work).unwrap();
    assert_eq!(pca.components.len(), 1);
    let root = 5.0_f64.sqrt();
    assert!((pca.components[0][0] - 1.0 / root).abs() < 1e-15);
    assert!((pca.components[0][1] - 2.0 / root).abs() < 1e-15);
    assert!((pca.variance[0] - 5.0).abs() < 1e-14);
    let out = apply(&pca, &x);
    for (value, expected) in out.data().iter().zip([-root, 0.0, root]) {
        assert!((value - expected).abs() < 1e-14);
    }
}

#[test]
fn linfa_finds_the_same_components() {
    let x = sample(500, 6, 1);
    let work = Work::alone(1);
    let ours = Pca::fit(&x, Keep::Components(3), false, &work).unwrap();
    let records =
        ndarray::Array2::from_shape_vec((500, 6), x.data().to_vec()).expect("the shape fits");
    let data = linfa::DatasetBase::from(records);
    let theirs = linfa_reduction::Pca::params(3).fit(&data).unwrap();
    let theirs = theirs.predict(&data);
    let out = apply(&ours, &x);
    for k in 0..3 {
        let same = (0..500).map(|i| (out.row(i)[k] - theirs[(i, k)]).abs()).fold(0.0, f64::max);
        let flipped = (0..500).map(|i| (out.row(i)[k] + theirs[(i, k)]).abs()).fold(0.0, f64::max);
        assert!(same.min(flipped) < 1e-6, "component {k}: {same} {flipped}");
    }
}

#[test]
fn whitened_components_are_uncorrelated_with_variance_one() {
    let x = sample(400, 5, 2);
    let work = Work::alone(1);
    let out = apply(&Pca::fit(&x, Keep::All, true, &work).unwrap(), &x);
    let covariance = moments(&out).1;
    for i in 0..5 {
        for j in 0..=i {
            let expected = f64::from(u8::from(i == j));
            assert!((covariance.row(i)[j] - expected).abs() < 1e-9);
        }
    }
}

fn moments(x: &Matrix) -> (Vec<f64>, Matrix) {
    let (n, d) = (x.n_rows(), x.n_cols());
    let mean: Vec<f64> = column_sums(x.data(), d).iter().map(|s| s / n as f64).collect();
    let covariance = covariance(&products(x.data(), &mean), d, n).unwrap();
    (mean, covariance)
}

#[test]
fn moments_are_those_of_plain_sums() {
    let mut rng = Rng::new(6);
    for (n, d) in [(2, 1), (31, 5), (33, 16), (100, 17), (64, 33), (200, 3)] {
        let large = 1e6;
        let x = Matrix::new(n, d, (0..n * d).map(|_| large + rng.normal()).collect());
        let (mean, covariance) = moments(&x);
        for i in 0..d {
            let plain = large + x.rows().map(|r| r[i] - large).sum::<f64>() / n as f64;
            assert!((mean[i] - plain).abs() < 1e-8, "{n} x {d}");
            for j in 0..=i {
                let product = |r: &[f64]| (r[i] - mean[i]) * (r[j] - mean[j]);
                let plain = x.rows().map(product).sum::<f64>() / (n - 1) as f64;
                assert!((covariance.row(i)[j] - plain).abs() < 1e-8, "{n} x {d}: {i}, {j}");
            }
        }
    }
}

#[test]
fn scales_whose_squares_do_not_fit() {
    let work = Work::alone(1);
    let scaled = |scale: f64| {
        let x = sample(50, 3, 4);
        Matrix::new(50, 3, x.data().iter().map(|v| v * scale).collect())
    };
    let message =
        |scale| Pca::fit(&scaled(scale), Keep::All, false, &work).unwrap_err().to_string();
    assert!(message(1e300).contains("column 0") && message(1e300).contains("scale"));
    assert!(message(1e-300).contains("so little"));
    let plain = Pca::fit(&scaled(1.0), Keep::All, false, &work).unwrap();
    for scale in [1e-120, 1e120] {
        let found = Pca::fit(&scaled(scale), Keep::All, false, &work).unwrap();
        for (a, b) in found.components.iter().flatten().zip(plain.components.iter().flatten()) {
            assert!((a - b).abs() < 1e-9, "{scale}");
        }
    }
}

#[test]
fn threads_change_no_bit() {
    let x = sample(150_000, 4, 3);
    let run = |n_threads| {
        let work = Work::alone(n_threads);
        let pca = Pca::fit(&x, Keep::All, false, &work).unwrap();
        let out = apply(&pca, &x);
        (pca, out.data().iter().map(|v| v.to_bits()).collect::<Vec<_>>())
    };
    let one = run(1);
    assert!(one == run(2) && one == run(7));
}

#[test]
fn degenerate_data() {
    let work = Work::alone(1);
    let fit = |x: &Matrix, keep| Pca::fit(x, keep, false, &work);
    assert!(matches!(fit(&sample(1, 3, 0), Keep::All), Err(MlError::TooFew { .. })));
    assert!(matches!(fit(&sample(0, 3, 0), Keep::All), Err(MlError::TooFew { .. })));
    assert!(matches!(fit(&sample(9, 3, 0), Keep::Components(4)), Err(MlError::Parameter { .. })));
    assert!(matches!(fit(&Matrix::zeros(3, 0), Keep::All), Err(MlError::Numeric(_))));
    let constant = Matrix::new(3, 2, vec![1.0; 6]);
    assert!(matches!(fit(&constant, Keep::All), Err(MlError::Numeric(_))));
    let mut gap = sample(9, 3, 0);
    gap.row_mut(4)[1] = f64::NAN;
    assert_eq!(fit(&gap, Keep::All), Err(MlError::NotFinite { row: 4, column: 1 }));
    // More features than rows, a feature twice, a constant one.
    let wide = fit(&sample(4, 9, 0), Keep::All).unwrap();
    assert_eq!(wide.components.len(), 4);
    assert!(wide.variance[3] < 1e-12);
    assert_eq!(fit(&sample(50, 3, 0), Keep::Variance(1.0)).unwrap().components.len(), 3);
    assert_eq!(fit(&sample(50, 3, 0), Keep::Variance(0.0)).unwrap().components.len(), 1);
}
