//! The minimum of a function of one variable. It does not know derivatives.

/// Steps after which the search stops wherever it is; scipy's.
const MAX_STEPS: usize = 500;

/// Returns where `f` is smallest within `low..high`, for a function with one valley; otherwise some local
/// minimum. Golden section steps, replaced by a parabola's vertex where that is the better guess.
///
/// Source: Brent, "Algorithms for minimization without derivatives" (1973), chapter 5.
pub fn minimum(mut f: impl FnMut(f64) -> f64, low: f64, high: f64, tolerance: f64) -> f64 {
    let golden = 0.5 * (3.0 - 5.0_f64.sqrt());
    let (mut a, mut b) = (low, high);
    // x: best so far, w: second best, v: the w before.
    let mut x = a + golden * (b - a);
    let (mut w, mut v) = (x, x);
    let mut fx = f(x);
    let (mut fw, mut fv) = (fx, fx);
    let (mut step, mut step_before) = (0.0_f64, 0.0_f64);
    for _ in 0..MAX_STEPS {
        let middle = 0.5 * (a + b);
        let close = f64::EPSILON.sqrt() * x.abs() + tolerance / 3.0;
        if (x - middle).abs() <= 2.0 * close - 0.5 * (b - a) {
            break;
        }
        let parabola = (step_before.abs() > close)
            .then(|| vertex((x, fx), (w, fw), (v, fv)))
            .flatten()
            .filter(|d| d.abs() < 0.5 * step_before.abs() && x + d > a && x + d < b);
        let before = step;
        step =
            match parabola {
                // Not too near to an end, where nothing would be learnt.
                Some(d) if (x + d - a) < 2.0 * close || (b - x - d) < 2.0 * close => {
                    if middle >= x { close } else { -close }
                }
                Some(d) => d,
                None => golden * if x >= middle { a - x } else { b - x },
            };
        step_before = match parabola {
            Some(_) => before,
            None => {
                if x >= middle {
                    a - x
                } else {
                    b - x
                }
            }
        };
        let u = if step.abs() >= close { x + step } else { x + close.copysign(step) };
        let fu = f(u);
        if fu <= fx {
            if u >= x {
                a = x
            } else {
                b = x
            }
            (v, fv, w, fw, x, fx) = (w, fw, x, fx, u, fu);
        } else {
            if u < x {
                a = u
            } else {
                b = u
            }
            if fu <= fw || w == x {
                (v, fv, w, fw) = (w, fw, u, fu);
            } else if fu <= fv || v == x || v == w {
                (v, fv) = (u, fu);
            }
        }
    }
    x
}

/// How far from the first point the vertex of the parabola through three points lies.
fn vertex(x: (f64, f64), w: (f64, f64), v: (f64, f64)) -> Option<f64> {
    let r = (x.0 - w.0) * (x.1 - v.1);
    let q = (x.0 - v.0) * (x.1 - w.1);
    let above = (x.0 - v.0) * q - (x.0 - w.0) * r;
    let below = 2.0 * (q - r);
    let d = -above / below;
    d.is_finite().then_some(d)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_valley() {
        type Case = (fn(f64) -> f64, f64, f64, f64);
        let cases: [Case; 3] = [
            (|x| (x - 0.3) * (x - 0.3), -2.0, 2.0, 0.3),
            (|x| (x * x - 2.0).abs(), 0.0, 5.0, 2.0_f64.sqrt()),
            (|x| x, 1.0, 2.0, 1.0),
        ];
        for (i, (f, low, high, expected)) in cases.into_iter().enumerate() {
            let found = minimum(f, low, high, 1e-10);
            assert!((found - expected).abs() < 1e-2, "case {i}: {found}");
        }
        assert!((minimum(cases[0].0, -2.0, 2.0, 1e-10) - 0.3).abs() < 1e-7);
    }
}
