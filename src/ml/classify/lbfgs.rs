//! Minimises a smooth function by L-BFGS with a strong-Wolfe line search. It does not know the function.
//!
//! Source: Nocedal and Wright, "Numerical optimization" (2006), algorithms 7.4, 7.5, 3.5 and 3.6.
//! Stops as SciPy's L-BFGS-B does (largest gradient entry, relative decrease of the value).

use crate::ml::{error::MlError, math};

/// Pairs of steps kept.
const MEMORY: usize = 10;
/// Function values tried in one line search.
const MAX_TRIALS: usize = 50;
/// Sufficient decrease and curvature of the Wolfe conditions.
const C1: f64 = 1e-4;
const C2: f64 = 0.9;
/// Relative decrease of the value that is rounding.
const FLAT: f64 = 64.0 * f64::EPSILON;

/// Where the search ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Minimum {
    /// The point.
    pub x: Vec<f64>,
    /// The value there.
    pub value: f64,
    /// Iterations taken.
    pub iterations: usize,
    /// False if `max_iter` was met first.
    pub converged: bool,
}

/// Minimises `f`, which returns the value at a point and writes the gradient, from `start` until no
/// entry of the gradient exceeds `tol` or `max_iter` iterations are done.
///
/// # Errors
/// Whatever `f` fails with; [`MlError::Numeric`] if the value at `start` is not finite.
pub fn minimize(
    start: Vec<f64>,
    max_iter: usize,
    tol: f64,
    mut f: impl FnMut(&[f64], &mut [f64]) -> Result<f64, MlError>,
) -> Result<Minimum, MlError> {
    let mut here = Point { gradient: vec![0.0; start.len()], x: start, value: 0.0 };
    here.value = f(&here.x, &mut here.gradient)?;
    if !here.value.is_finite() {
        return Err(MlError::Numeric("the loss is not finite at the start".to_string()));
    }
    let mut pairs: Vec<Pair> = Vec::new();
    let mut iterations = 0;
    let mut converged = here.largest() <= tol;
    while !converged && iterations < max_iter {
        let mut direction = direction(&here.gradient, &pairs);
        if math::dot(&direction, &here.gradient) >= 0.0 {
            pairs.clear();
            direction = here.gradient.iter().map(|g| -g).collect();
        }
        let first = if pairs.is_empty() { 1.0 / norm(&here.gradient).max(1.0) } else { 1.0 };
        let Some(next) = search(&here, &direction, first, &mut f)? else {
            // No step makes the value smaller: what is left is rounding, or the memory misled us.
            converged = pairs.is_empty();
            if converged {
                break;
            }
            pairs.clear();
            continue;
        };
        iterations += 1;
        let scale = here.value.abs().max(next.value.abs()).max(1.0);
        let is_flat = here.value - next.value <= FLAT * scale;
        remember(&mut pairs, &here, &next);
        here = next;
        converged = here.largest() <= tol || is_flat;
    }
    Ok(Minimum { x: here.x, value: here.value, iterations, converged })
}

struct Point {
    x: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
}

impl Point {
    fn largest(&self) -> f64 {
        self.gradient.iter().fold(0.0, |max, g| g.abs().max(max))
    }
}

/// A step, the change of the gradient along it, and 1 / their product.
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    rho: f64,
}

fn remember(pairs: &mut Vec<Pair>, from: &Point, to: &Point) {
    let minus = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<_>>();
    let (step, change) = (minus(&to.x, &from.x), minus(&to.gradient, &from.gradient));
    let product = math::dot(&step, &change);
    if product > f64::EPSILON * math::dot(&change, &change) {
        if pairs.len() == MEMORY {
            pairs.remove(0);
        }
        pairs.push(Pair { step, change, rho: 1.0 / product });
    }
}

/// Multiplies the gradient by the inverse Hessian that the pairs tell of (two loops), negated.
fn direction(gradient: &[f64], pairs: &[Pair]) -> Vec<f64> {
    let mut q: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut alphas = Vec::with_capacity(pairs.len());
    for pair in pairs.iter().rev() {
        let alpha = pair.rho * math::dot(&pair.step, &q);
        add(&mut q, -alpha, &pair.change);
        alphas.push(alpha);
    }
    if let Some(newest) = pairs.last() {
        let scale = 1.0 / (newest.rho * math::dot(&newest.change, &newest.change));
        q.iter_mut().for_each(|v| *v *= scale);
    }
    for (pair, alpha) in pairs.iter().zip(alphas.into_iter().rev()) {
        let beta = pair.rho * math::dot(&pair.change, &q);
        add(&mut q, alpha - beta, &pair.step);
    }
    q
}

/// Returns a point along `direction` that meets the strong Wolfe conditions, else the lowest one
/// found; `None` if no step lowers the value.
fn search(
    here: &Point,
    direction: &[f64],
    first: f64,
    f: &mut impl FnMut(&[f64], &mut [f64]) -> Result<f64, MlError>,
) -> Result<Option<Point>, MlError> {
    let slope = math::dot(direction, &here.gradient);
    // Both ends of the bracket: length, value, slope. `high` is unknown until one is too long.
    let mut low = (0.0, here.value, slope);
    let mut high: Option<(f64, f64, f64)> = None;
    let mut best: Option<Point> = None;
    let mut length = first;
    for _ in 0..MAX_TRIALS {
        let mut x = here.x.clone();
        add(&mut x, length, direction);
        let mut gradient = vec![0.0; x.len()];
        let value = f(&x, &mut gradient)?;
        let own = math::dot(direction, &gradient);
        let is_low_enough = value <= here.value + C1 * length * slope;
        if is_low_enough && best.as_ref().is_none_or(|b| value <= b.value) {
            best = Some(Point { x, value, gradient });
        }
        if !(is_low_enough && value < low.1) {
            high = Some((length, value, own));
        } else if own.abs() <= -C2 * slope {
            break;
        } else {
            if own > 0.0 && high.is_none() || own * (high.map_or(0.0, |h| h.0) - low.0) > 0.0 {
                high = Some(low);
            }
            low = (length, value, own);
        }
        length = match high {
            None => length * 2.0,
            Some(high) => between(low, high),
        };
        if high.is_some_and(|h| (h.0 - low.0).abs() <= f64::EPSILON * low.0.abs().max(1e-300)) {
            break;
        }
    }
    Ok(best)
}

/// The minimum of the cubic through both ends, kept away from them.
fn between(a: (f64, f64, f64), b: (f64, f64, f64)) -> f64 {
    let d1 = a.2 + b.2 - 3.0 * (a.1 - b.1) / (a.0 - b.0);
    let square = d1 * d1 - a.2 * b.2;
    let half = (a.0 + b.0) / 2.0;
    if square.is_nan() || square < 0.0 {
        return half;
    }
    let d2 = square.sqrt() * if b.0 >= a.0 { 1.0 } else { -1.0 };
    let length = b.0 - (b.0 - a.0) * ((b.2 + d2 - d1) / (b.2 - a.2 + 2.0 * d2));
    let (from, to) = (a.0.min(b.0), a.0.max(b.0));
    let margin = 0.1 * (to - from);
    if length > from + margin && length < to - margin { length } else { half }
}

fn add(to: &mut [f64], factor: f64, what: &[f64]) {
    to.iter_mut().zip(what).for_each(|(t, w)| *t += factor * w);
}

fn norm(v: &[f64]) -> f64 {
    math::dot(v, v).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quadratic_and_rosenbrock_are_minimised() {
        let bowl = minimize(vec![5.0, -3.0], 100, 1e-10, |x, g| {
            (g[0], g[1]) = (2.0 * (x[0] - 1.0), 20.0 * x[1]);
            Ok((x[0] - 1.0) * (x[0] - 1.0) + 10.0 * x[1] * x[1])
        })
        .unwrap();
        assert!(bowl.converged && (bowl.x[0] - 1.0).abs() < 1e-9 && bowl.x[1].abs() < 1e-9);
        let valley = minimize(vec![-1.2, 1.0], 200, 1e-9, |x, g| {
            let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
            (g[0], g[1]) = (-2.0 * a - 400.0 * x[0] * b, 200.0 * b);
            Ok(a * a + 100.0 * b * b)
        })
        .unwrap();
        assert!(valley.converged && valley.iterations < 100, "{valley:?}");
        assert!((valley.x[0] - 1.0).abs() < 1e-6 && (valley.x[1] - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_cap_is_told_and_a_bad_start_refused() {
        let steep = |x: &[f64], g: &mut [f64]| {
            g[0] = 4.0 * x[0] * x[0] * x[0];
            Ok(x[0] * x[0] * x[0] * x[0])
        };
        assert!(!minimize(vec![100.0], 2, 1e-12, steep).unwrap().converged);
        assert!(minimize(vec![f64::NAN], 2, 1e-12, steep).is_err());
        assert_eq!(minimize(vec![0.0], 2, 1e-12, steep).unwrap().iterations, 0);
    }
}
