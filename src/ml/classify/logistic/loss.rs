//! The penalised log-loss of logistic regression and its gradient, over panels of rows.
//! It does not know how the minimum is looked for.
//!
//! Rows are kept in panels of [`ROWS`], feature after feature, so that every step is the same operation on neighbouring
//! rows whatever the number of classes: scores as products of coefficients and features, the softmax across classes,
//! the gradient as products of residuals and features, summed over eight lanes.

use crate::{
    ml::{
        classify::{Samples, logistic::LogisticParams},
        math, simd,
    },
    stage::work::Work,
};

/// Rows of a panel: as many numbers as fill the registers of a class's scores.
const ROWS: usize = 32;
/// Virtual lanes of a sum over rows.
const LANES: usize = 8;
/// Panels whose sums are merged at a time.
const PANELS: usize = 128;

type Row = [f64; ROWS];
type Lanes = [f64; LANES];

/// The objective. Parameters lie vector after vector, the intercepts last.
pub(super) struct Loss {
    /// Features of each panel, feature after feature; the last panel is filled up with zeros.
    x: Vec<Row>,
    /// The class of each row, panel by panel, as wide as what it is compared for.
    classes: Vec<[u64; ROWS]>,
    /// The weight of each row; none for those that fill up.
    weights: Vec<Row>,
    total: f64,
    strength: f64,
    n_vectors: usize,
    n_features: usize,
}

impl Loss {
    pub(super) fn new(samples: &Samples<'_>, params: &LogisticParams, n_vectors: usize) -> Loss {
        let of_class = samples.class_weights(params.balanced);
        let counts = samples.class_counts();
        let total: f64 = counts.iter().zip(&of_class).map(|(&c, w)| c as f64 * w).sum();
        let (n_rows, n_features) = (samples.y.len(), samples.x.n_cols());
        let n_panels = n_rows.div_ceil(ROWS);
        let mut x = vec![[0.0; ROWS]; n_panels * n_features];
        let mut classes = vec![[0; ROWS]; n_panels];
        let mut weights = vec![[0.0; ROWS]; n_panels];
        for (row, &class) in samples.y.iter().enumerate() {
            let (panel, at) = (row / ROWS, row % ROWS);
            classes[panel][at] = u64::from(class);
            weights[panel][at] = of_class[class as usize];
            let own = &mut x[panel * n_features..(panel + 1) * n_features];
            own.iter_mut().zip(samples.x.row(row)).for_each(|(own, v)| own[at] = *v);
        }
        let strength = 1.0 / (params.c * total);
        Loss { x, classes, weights, total, strength, n_vectors, n_features }
    }

    /// Returns the objective at `theta` and writes its gradient.
    pub(super) fn evaluate(&self, theta: &[f64], gradient: &mut [f64], work: &Work) -> f64 {
        let n_parts = self.classes.len().div_ceil(PANELS);
        let parts = work.pool.map(n_parts, |i| {
            let panels = i * PANELS..((i + 1) * PANELS).min(self.classes.len());
            let mut sums = Sums::new(self.n_vectors, theta.len());
            simd::run(
                #[inline(always)]
                || {
                    // A loop, not `for_each`, whose closure would be compiled for the oldest processor.
                    for panel in panels {
                        self.add(panel, theta, &mut sums);
                    }
                },
            );
            sums
        });
        gradient.fill(0.0);
        let mut loss = 0.0;
        for part in &parts {
            loss += sum(&part.loss);
            gradient.iter_mut().zip(&part.gradient).for_each(|(g, lanes)| *g += sum(lanes));
        }
        let n_coefficients = self.n_vectors * self.n_features;
        for (i, gradient) in gradient.iter_mut().enumerate() {
            let penalty = if i < n_coefficients { self.strength * theta[i] } else { 0.0 };
            *gradient = *gradient / self.total + penalty;
        }
        let w = &theta[..n_coefficients];
        loss / self.total + 0.5 * self.strength * math::dot(w, w)
    }

    #[inline(always)]
    fn add(&self, panel: usize, theta: &[f64], sums: &mut Sums) {
        let x = &self.x[panel * self.n_features..(panel + 1) * self.n_features];
        let (coefficients, intercepts) = theta.split_at(self.n_vectors * self.n_features);
        for (v, (scores, intercept)) in sums.scores.iter_mut().zip(intercepts).enumerate() {
            let own = &coefficients[v * self.n_features..(v + 1) * self.n_features];
            *scores = products(x, own, *intercept);
        }
        let (classes, weights) = (&self.classes[panel], &self.weights[panel]);
        match &mut sums.scores[..] {
            [scores] => logistic_residuals(scores, classes, weights, &mut sums.loss),
            scores => softmax_residuals(scores, classes, weights, &mut sums.loss),
        }
        let (by_feature, by_intercept) = sums.gradient.split_at_mut(coefficients.len());
        for (v, residuals) in sums.scores.iter().enumerate() {
            let own = &mut by_feature[v * self.n_features..(v + 1) * self.n_features];
            for (lanes, x) in own.iter_mut().zip(x) {
                add_products(lanes, residuals, x);
            }
            add_products(&mut by_intercept[v], residuals, &[1.0; ROWS]);
        }
    }
}

/// What is summed over some panels, and room for one panel's scores.
struct Sums {
    loss: Lanes,
    gradient: Vec<Lanes>,
    scores: Vec<Row>,
}

impl Sums {
    fn new(n_vectors: usize, n_parameters: usize) -> Sums {
        Sums {
            loss: [0.0; LANES],
            gradient: vec![[0.0; LANES]; n_parameters],
            scores: vec![[0.0; ROWS]; n_vectors],
        }
    }
}

#[inline(always)]
fn products(x: &[Row], coefficients: &[f64], intercept: f64) -> Row {
    let mut scores = [intercept; ROWS];
    for (x, w) in x.iter().zip(coefficients) {
        for r in 0..ROWS {
            scores[r] = w.mul_add(x[r], scores[r]);
        }
    }
    scores
}

#[inline(always)]
fn add_products(lanes: &mut Lanes, a: &Row, b: &Row) {
    for (a, b) in a.as_chunks::<LANES>().0.iter().zip(b.as_chunks::<LANES>().0) {
        for l in 0..LANES {
            lanes[l] = a[l].mul_add(b[l], lanes[l]);
        }
    }
}

/// Adds the weighted log-loss of each row and turns scores into its derivatives by them.
#[inline(always)]
fn softmax_residuals(scores: &mut [Row], classes: &[u64; ROWS], weights: &Row, loss: &mut Lanes) {
    let mut max = [f64::NEG_INFINITY; ROWS];
    let mut own = [0.0; ROWS];
    for (c, scores) in scores.iter().enumerate() {
        for r in 0..ROWS {
            max[r] = if scores[r] > max[r] { scores[r] } else { max[r] };
            own[r] = if classes[r] == c as u64 { scores[r] } else { own[r] };
        }
    }
    let mut total = [0.0; ROWS];
    for scores in scores.iter_mut() {
        for r in 0..ROWS {
            scores[r] = math::exp_plain(scores[r] - max[r]);
            total[r] += scores[r];
        }
    }
    let mut row_loss = [0.0; ROWS];
    let mut share = [0.0; ROWS];
    for r in 0..ROWS {
        row_loss[r] = math::ln_plain(total[r]) - (own[r] - max[r]);
        share[r] = weights[r] / total[r];
    }
    add_products(loss, &row_loss, weights);
    for (c, scores) in scores.iter_mut().enumerate() {
        for r in 0..ROWS {
            let actual = if classes[r] == c as u64 { weights[r] } else { 0.0 };
            scores[r] = scores[r].mul_add(share[r], -actual);
        }
    }
}

/// The same for two classes, whose one score is the second's.
#[inline(always)]
fn logistic_residuals(scores: &mut Row, classes: &[u64; ROWS], weights: &Row, loss: &mut Lanes) {
    let mut row_loss = [0.0; ROWS];
    for r in 0..ROWS {
        let is_second = classes[r] == 1;
        let score = scores[r];
        let towards = if is_second { -score } else { score };
        let small = math::exp_plain(-score.abs());
        // ln(1 + e^t), without overflow.
        let above = if towards > 0.0 { towards } else { 0.0 };
        row_loss[r] = above + math::ln_plain(1.0 + small);
        let p = if score >= 0.0 { 1.0 } else { small } / (1.0 + small);
        scores[r] = (p - if is_second { 1.0 } else { 0.0 }) * weights[r];
    }
    add_products(loss, &row_loss, weights);
}

fn sum(l: &Lanes) -> f64 {
    ((l[0] + l[1]) + (l[2] + l[3])) + ((l[4] + l[5]) + (l[6] + l[7]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::classify::tests::blobs;

    /// The objective one row at a time, in the plainest way.
    fn plain(samples: &Samples<'_>, params: &LogisticParams, theta: &[f64]) -> f64 {
        let k = if samples.n_classes == 2 { 1 } else { samples.n_classes };
        let weights = samples.class_weights(params.balanced);
        let n_features = samples.x.n_cols();
        let (mut loss, mut total) = (0.0, 0.0);
        for (x, &y) in samples.x.rows().zip(samples.y) {
            let score = |v: usize| {
                let own = &theta[v * n_features..(v + 1) * n_features];
                own.iter().zip(x).map(|(w, x)| w * x).sum::<f64>() + theta[k * n_features + v]
            };
            let own = match k {
                1 if y == 0 => vec![0.0, -score(0)],
                1 => vec![0.0, score(0)],
                k => (0..k).map(score).collect(),
            };
            let actual = if k == 1 { own[1] } else { own[y as usize] };
            let weight = weights[y as usize];
            loss += weight * (math::log_sum_exp(&own) - actual);
            total += weight;
        }
        let squares: f64 = theta[..k * n_features].iter().map(|w| w * w).sum();
        loss / total + squares / (2.0 * params.c * total)
    }

    #[test]
    fn loss_and_gradient_are_those_of_the_plain_sum() {
        for (n_rows, n_classes, balanced) in [(70, 2, false), (70, 2, true), (133, 5, true)] {
            let (x, y) = blobs(n_rows, n_classes);
            let samples = Samples { x: &x, y: &y, n_classes };
            let params = LogisticParams { c: 0.3, max_iter: 1, tol: 1e-4, balanced };
            let n_vectors = if n_classes == 2 { 1 } else { n_classes };
            let mut theta: Vec<f64> =
                (0..n_vectors * 5).map(|i| f64::from(i as u32 * 7 % 11) / 5.0 - 1.0).collect();
            let loss = Loss::new(&samples, &params, n_vectors);
            let mut gradient = vec![0.0; theta.len()];
            let work = Work::alone(1);
            let value = loss.evaluate(&theta, &mut gradient, &work);
            assert!((value - plain(&samples, &params, &theta)).abs() < 1e-12);
            for i in 0..theta.len() {
                let step = 1e-5;
                theta[i] += step;
                let above = plain(&samples, &params, &theta);
                theta[i] -= 2.0 * step;
                let below = plain(&samples, &params, &theta);
                theta[i] += step;
                let slope = (above - below) / (2.0 * step);
                assert!((slope - gradient[i]).abs() < 1e-8, "{i}: {slope} {}", gradient[i]);
            }
        }
    }
}
