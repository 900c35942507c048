//! Probabilities corrected by how often they came true on rows that the model was not fitted to. It does not know the
//! model: it sees its probabilities and the actual classes.
//!
//! One curve a class against the rest (for two classes one, of the second), the corrected values divided by their
//! sum, as scikit-learn's `CalibratedClassifierCV` does. Differs from it in that the sigmoid takes log-odds of every
//! model, so that probabilities that are right already can stay as they are.

use serde::{Deserialize, Serialize};

use crate::ml::{Matrix, classify::lbfgs, error::MlError, math};

/// Probabilities nearer to 0 or 1 count as this near when their log-odds are taken.
pub const NEAR: f64 = 1e-4;

/// The shape of a curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// A sigmoid of the log-odds (Platt 1999).
    Sigmoid,
    /// The best curve that never falls (Zadrozny and Elkan 2002).
    Isotonic,
}

/// How a class's probabilities are corrected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Curve {
    /// The logistic function of `slope * log-odds + offset`.
    Sigmoid {
        /// 1 leaves probabilities as they are, less draws them to the middle.
        slope: f64,
        /// Positive makes the class more likely.
        offset: f64,
    },
    /// A line through points, level outside of them.
    Isotonic {
        /// Probabilities in ascending order.
        from: Vec<f64>,
        /// What each becomes, never falling.
        to: Vec<f64>,
    },
}

/// Curves for all classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Calibration {
    curves: Vec<Curve>,
}

impl Calibration {
    /// Fits curves to probabilities of shape `(n_rows, n_classes)` and the actual classes of those rows, which
    /// must not be among those that the probabilities were learnt from.
    ///
    /// # Errors
    /// [`MlError::TooFew`] without rows.
    pub fn fit(method: Method, p: &Matrix, y: &[u32]) -> Result<Calibration, MlError> {
        if y.is_empty() {
            return Err(MlError::TooFew { what: "rows", needed: 1, got: 0 });
        }
        let n_classes = p.n_cols();
        let classes = if n_classes == 2 { 1..2 } else { 0..n_classes };
        let curve = |class: usize| {
            let came_true: Vec<bool> = y.iter().map(|&c| c as usize == class).collect();
            match method {
                Method::Sigmoid => sigmoid(&p.column(class), &came_true),
                Method::Isotonic => Ok(isotonic(&p.column(class), &came_true)),
            }
        };
        Ok(Calibration { curves: classes.map(curve).collect::<Result<_, _>>()? })
    }

    /// Returns true if the curves are those of so many classes and whole; those read from a file may not be.
    pub fn is_sound(&self, n_classes: usize) -> bool {
        let sound = |curve: &Curve| match curve {
            Curve::Sigmoid { slope, offset } => slope.is_finite() && offset.is_finite(),
            Curve::Isotonic { from, to } => {
                let inside = |v: &f64| (0.0..=1.0).contains(v);
                !from.is_empty()
                    && from.len() == to.len()
                    && from.iter().chain(to).all(inside)
                    && from.is_sorted()
            }
        };
        self.curves.len() == if n_classes == 2 { 1 } else { n_classes }
            && self.curves.iter().all(sound)
    }

    /// Returns the curves: one a class, or that of the second of two.
    pub fn curves(&self) -> &[Curve] {
        &self.curves
    }

    /// Corrects probabilities in place; each row's depend on that row alone.
    pub fn apply(&self, p: &mut Matrix) {
        let n_classes = p.n_cols();
        for row in p.data_mut().chunks_exact_mut(n_classes.max(1)) {
            if let ([curve], [first, second]) = (&self.curves[..], &mut *row) {
                *second = curve.at(*second);
                *first = 1.0 - *second;
                continue;
            }
            row.iter_mut().zip(&self.curves).for_each(|(v, curve)| *v = curve.at(*v));
            let total: f64 = row.iter().sum();
            match total > 0.0 {
                true => row.iter_mut().for_each(|v| *v /= total),
                // No class is held possible any more, so nothing is known.
                false => row.fill(1.0 / n_classes as f64),
            }
        }
    }
}

impl Curve {
    fn at(&self, p: f64) -> f64 {
        match self {
            Curve::Sigmoid { slope, offset } => math::sigmoid(slope * log_odds(p) + offset),
            Curve::Isotonic { from, to } => {
                let above = from.partition_point(|&v| v < p);
                match (above.checked_sub(1), from.get(above)) {
                    (Some(below), Some(&end)) => {
                        let share = (p - from[below]) / (end - from[below]);
                        to[below] + share * (to[above] - to[below])
                    }
                    (None, _) => to[0],
                    (Some(below), None) => to[below],
                }
            }
        }
    }
}

fn log_odds(p: f64) -> f64 {
    let p = p.clamp(NEAR, 1.0 - NEAR);
    math::ln(p / (1.0 - p))
}

/// Minimises the log-loss towards Platt's targets, which are not quite 0 and 1 so that few rows do not make the curve
/// a step (Lin, Lin and Weng 2007).
fn sigmoid(p: &[f64], came_true: &[bool]) -> Result<Curve, MlError> {
    let n_true = came_true.iter().filter(|&&t| t).count() as f64;
    let n_false = came_true.len() as f64 - n_true;
    let (high, low) = ((n_true + 1.0) / (n_true + 2.0), 1.0 / (n_false + 2.0));
    let rows: Vec<(f64, f64)> =
        p.iter().zip(came_true).map(|(&p, &t)| (log_odds(p), if t { high } else { low })).collect();
    let n = rows.len() as f64;
    let loss = |x: &[f64], gradient: &mut [f64]| {
        gradient.fill(0.0);
        let mut sum = 0.0;
        for &(odds, target) in &rows {
            let score = x[0] * odds + x[1];
            // ln(1 + e^score) - target * score, without overflow.
            sum += score.max(0.0) + math::ln_1p(math::exp(-score.abs())) - target * score;
            let residual = (math::sigmoid(score) - target) / n;
            gradient[0] += residual * odds;
            gradient[1] += residual;
        }
        Ok(sum / n)
    };
    let end = lbfgs::minimize(vec![1.0, 0.0], 200, 1e-9, loss)?;
    Ok(Curve::Sigmoid { slope: end.x[0], offset: end.x[1] })
}

/// A run of equal values of the curve.
struct Level {
    first: f64,
    last: f64,
    n_true: f64,
    n: f64,
}

impl Level {
    fn mean(&self) -> f64 {
        self.n_true / self.n
    }
}

/// Pools neighbours that stand in the wrong order until none does (Ayer et al. 1955).
fn isotonic(p: &[f64], came_true: &[bool]) -> Curve {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_unstable_by(|&a, &b| p[a].total_cmp(&p[b]).then(a.cmp(&b)));
    let mut levels: Vec<Level> = Vec::new();
    for rows in order.chunk_by(|&a, &b| p[a] == p[b]) {
        let n_true = rows.iter().filter(|&&row| came_true[row]).count() as f64;
        let value = p[rows[0]];
        let mut level = Level { first: value, last: value, n_true, n: rows.len() as f64 };
        while let Some(before) = levels.pop_if(|before| before.mean() >= level.mean()) {
            let n_true = before.n_true + level.n_true;
            level = Level { first: before.first, n_true, n: before.n + level.n, ..level };
        }
        levels.push(level);
    }
    let (mut from, mut to) = (Vec::new(), Vec::new());
    for level in &levels {
        from.push(level.first);
        to.push(level.mean());
        if level.last > level.first {
            from.push(level.last);
            to.push(level.mean());
        }
    }
    Curve::Isotonic { from, to }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::{classify::scores, rng::Rng};

    /// Rows whose second class comes true with a probability that is told with too much confidence.
    fn overconfident(n_rows: usize, n_classes: usize) -> (Matrix, Vec<u32>) {
        let mut rng = Rng::new(4);
        let mut y = Vec::new();
        let mut told = Matrix::zeros(n_rows, n_classes);
        for row in 0..n_rows {
            let scores: Vec<f64> = (0..n_classes).map(|_| rng.normal()).collect();
            let mut p = vec![0.0; n_classes];
            math::softmax(&scores, &mut p);
            let mut at = rng.uniform();
            let class = p.iter().position(|&v| {
                at -= v;
                at < 0.0
            });
            y.push(class.unwrap_or(0) as u32);
            let loud: Vec<f64> = scores.iter().map(|v| 3.0 * v).collect();
            math::softmax(&loud, told.row_mut(row));
        }
        (told, y)
    }

    #[test]
    fn too_much_confidence_is_taken_back() {
        for n_classes in [2, 4] {
            let (p, y) = overconfident(4000, n_classes);
            for method in [Method::Sigmoid, Method::Isotonic] {
                let found = Calibration::fit(method, &p, &y).unwrap();
                assert!(found.is_sound(n_classes) && !found.is_sound(n_classes + 1));
                let mut better = p.clone();
                found.apply(&mut better);
                let (before, after) = (scores::log_loss(&y, &p), scores::log_loss(&y, &better));
                assert!(after < before - 0.1, "{n_classes} {method:?}: {before} {after}");
                assert!(better.rows().all(|r| (r.iter().sum::<f64>() - 1.0).abs() < 1e-12));
                if let ([Curve::Sigmoid { slope, offset }], 2) = (&found.curves[..], n_classes) {
                    assert!((slope - 1.0 / 3.0).abs() < 0.05 && offset.abs() < 0.1);
                }
            }
        }
    }

    #[test]
    fn neighbours_are_pooled_by_hand() {
        let p = [0.1, 0.2, 0.2, 0.4, 0.6, 0.9];
        let curve = isotonic(&p, &[false, true, false, false, true, true]);
        let Curve::Isotonic { from, to } = &curve else { panic!("{curve:?}") };
        assert_eq!(from, &[0.1, 0.2, 0.4, 0.6, 0.9]);
        assert_eq!(to, &[0.0, 1.0 / 3.0, 1.0 / 3.0, 1.0, 1.0]);
        for (p, expected) in
            [(0.0, 0.0), (0.2, 1.0 / 3.0), (0.5, 2.0 / 3.0), (0.7, 1.0), (1.0, 1.0)]
        {
            assert!((curve.at(p) - expected).abs() < 1e-15, "{p}");
        }
    }

    #[test]
    fn little_to_go_by_is_defined() {
        for method in [Method::Sigmoid, Method::Isotonic] {
            for (p, y) in [
                (vec![1.0, 0.0], vec![0]),
                (vec![0.5, 0.5, 0.5, 0.5], vec![1, 1]),
                (vec![1.0, 0.0, 0.0, 1.0], vec![0, 1]),
            ] {
                let mut p = Matrix::new(y.len(), 2, p);
                Calibration::fit(method, &p, &y).unwrap().apply(&mut p);
                assert!(p.data().iter().all(|v| (0.0..=1.0).contains(v)), "{method:?} {p:?}");
            }
            let none = Calibration::fit(method, &Matrix::zeros(0, 2), &[]);
            assert!(matches!(none, Err(MlError::TooFew { .. })));
        }
    }
}
