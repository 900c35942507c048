//! Logistic regression with an L2 penalty, multinomial for more than two classes.
//! It does not know how its features were scaled.
//!
//! The objective is scikit-learn's: mean weighted log-loss plus `|w|^2 / (2 C sum of weights)`,
//! intercepts free; two classes take one coefficient vector, more take one a class (softmax).
//! Minimised by L-BFGS, `n_rows * n_features * n_classes` an evaluation.

mod loss;

use self::loss::Loss;
use crate::{
    ml::{
        Matrix,
        classify::{Samples, fill_rows, lbfgs},
        error::{MlError, check_finite},
        math,
    },
    stage::work::Work,
};

/// How the coefficients are found; names as in scikit-learn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogisticParams {
    /// Inverse strength of the penalty (`C`).
    pub c: f64,
    /// Most iterations.
    pub max_iter: usize,
    /// Largest entry of the gradient at the end.
    pub tol: f64,
    /// Whether classes weigh the same however many rows they have.
    pub balanced: bool,
}

/// A fitted logistic regression.
#[derive(Clone, Debug, PartialEq)]
pub struct Logistic {
    /// Shape `(n_vectors, n_features)`: one vector (for class 1) if there are two classes, else one a class.
    pub coefficients: Matrix,
    /// One a vector.
    pub intercepts: Vec<f64>,
    /// Number of classes.
    pub n_classes: usize,
}

/// What a fit tells beside the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// The model.
    pub logistic: Logistic,
    /// Iterations taken.
    pub iterations: usize,
    /// False if `max_iter` was met first.
    pub converged: bool,
}

/// Fits coefficients.
///
/// # Errors
/// [`MlError::TooFew`] without rows, [`MlError::NotFinite`] for a value that is NaN or infinite, or
/// if cancelled.
pub fn fit(samples: &Samples<'_>, params: &LogisticParams, work: &Work) -> Result<Fit, MlError> {
    samples.check()?;
    check_finite(samples.x)?;
    let n_vectors = if samples.n_classes <= 2 { 1 } else { samples.n_classes };
    let n_features = samples.x.n_cols();
    let loss = Loss::new(samples, params, n_vectors);
    let start = vec![0.0; (n_features + 1) * n_vectors];
    let end = lbfgs::minimize(start, params.max_iter, params.tol, |theta, gradient| {
        work.check()?;
        work.progress.advance(1);
        Ok(loss.evaluate(theta, gradient, work))
    })?;
    let mut coefficients = end.x;
    let intercepts = coefficients.split_off(n_features * n_vectors);
    let coefficients = Matrix::new(n_vectors, n_features, coefficients);
    let logistic = Logistic { coefficients, intercepts, n_classes: samples.n_classes };
    Ok(Fit { logistic, iterations: end.iterations, converged: end.converged })
}

impl Logistic {
    /// Returns the probability of each class, shape `(n_rows, n_classes)`.
    ///
    /// # Errors
    /// [`MlError::NotFinite`] for a value that is NaN or infinite, or if cancelled.
    pub fn predict(&self, x: &Matrix, work: &Work) -> Result<Matrix, MlError> {
        check_finite(x)?;
        fill_rows(x.n_rows(), self.n_classes, work, |rows, out| {
            let mut scores = vec![0.0; self.intercepts.len()];
            for (row, out) in rows.zip(out.chunks_exact_mut(self.n_classes.max(1))) {
                for (v, score) in scores.iter_mut().enumerate() {
                    *score = math::dot(self.coefficients.row(v), x.row(row)) + self.intercepts[v];
                }
                match (&scores[..], out) {
                    ([score], [first, second]) => {
                        // Each from its own side, so that a tiny probability keeps its digits.
                        (*first, *second) = (math::sigmoid(-score), math::sigmoid(*score));
                    }
                    ([_], out) => out.fill(1.0),
                    (scores, out) => math::softmax(scores, out),
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::classify::tests::{Case, blobs, cases, close};

    const EXACT: LogisticParams =
        LogisticParams { c: 1.0, max_iter: 1000, tol: 1e-9, balanced: false };

    #[test]
    fn coefficients_are_scikit_learns() {
        for case in cases("logistic") {
            let Case { x, y, .. } = &case;
            let n_classes = *y.iter().max().unwrap() as usize + 1;
            let c = case.json["c"].as_f64().unwrap();
            let balanced = case.json["balanced"].as_bool().unwrap();
            let own = LogisticParams { c, balanced, ..EXACT };
            let work = Work::alone(2);
            let fit = fit(&Samples { x, y, n_classes }, &own, &work).unwrap();
            assert!(fit.converged);
            let found = &fit.logistic;
            let expected = case.matrix("coefficients");
            close(found.coefficients.data(), expected.data(), 1e-6, &case.name);
            close(&found.intercepts, &case.floats("intercepts"), 1e-6, &case.name);
            let p = found.predict(x, &work).unwrap();
            close(p.data(), case.matrix("probabilities").data(), 1e-6, &case.name);
        }
    }

    #[test]
    fn default_settings_come_close() {
        for case in cases("logistic") {
            let Case { x, y, .. } = &case;
            let n_classes = *y.iter().max().unwrap() as usize + 1;
            let c = case.json["c"].as_f64().unwrap();
            let balanced = case.json["balanced"].as_bool().unwrap();
            let own = LogisticParams { c, balanced, max_iter: 100, tol: 1e-4 };
            let fit = fit(&Samples { x, y, n_classes }, &own, &Work::alone(1)).unwrap();
            let expected = case.matrix("coefficients");
            close(fit.logistic.coefficients.data(), expected.data(), 2e-2, &case.name);
        }
    }

    #[test]
    fn linfa_finds_the_same_minimum() {
        use linfa::{Dataset, traits::Fit as _};
        let (x, y) = blobs(300, 3);
        let samples = Samples { x: &x, y: &y, n_classes: 3 };
        let found = fit(&samples, &EXACT, &Work::alone(1)).unwrap().logistic;
        let records = ndarray::Array2::from_shape_vec((300, 4), x.data().to_vec()).unwrap();
        let targets = ndarray::Array1::from_iter(y.iter().map(|&c| c as usize));
        let linfa = linfa_logistic::MultiLogisticRegression::default()
            .alpha(1.0 / EXACT.c)
            .max_iterations(1000)
            .gradient_tolerance(1e-7)
            .fit(&Dataset::new(records.clone(), targets))
            .unwrap();
        let theirs = linfa.predict_probabilities(&records);
        let ours = found.predict(&x, &Work::alone(1)).unwrap();
        close(ours.data(), theirs.as_slice().unwrap(), 1e-5, "linfa");
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        // Rows of three parts that are summed on their own.
        let (x, y) = blobs(10_000, 3);
        let samples = Samples { x: &x, y: &y, n_classes: 3 };
        let few = LogisticParams { max_iter: 3, ..EXACT };
        let on = |n| fit(&samples, &few, &Work::alone(n)).unwrap();
        assert_eq!(on(1), on(2));
        assert_eq!(on(1), on(7));
    }

    #[test]
    fn degenerate_data_is_defined() {
        let work = Work::alone(1);
        for (n_rows, values, y, n_classes) in [
            (1, vec![1.0, 2.0], vec![0], 2),
            (3, vec![7.0; 6], vec![0, 1, 1], 3),
            (3, vec![], vec![0, 1, 1], 2),
            (2, vec![1e300, -1e300], vec![0, 1], 2),
        ] {
            let x = Matrix::new(n_rows, values.len() / n_rows, values);
            let samples = Samples { x: &x, y: &y, n_classes };
            if let Ok(fit) = fit(&samples, &EXACT, &work) {
                let p = fit.logistic.predict(&x, &work).unwrap();
                assert!(p.rows().all(|row| (row.iter().sum::<f64>() - 1.0).abs() < 1e-9));
            }
        }
        let x = Matrix::new(1, 1, vec![f64::NAN]);
        let samples = Samples { x: &x, y: &[0], n_classes: 2 };
        assert!(matches!(fit(&samples, &EXACT, &work), Err(MlError::NotFinite { .. })));
    }
}
