//! Boosted trees in XGBoost's meaning: softmax (logistic for two classes), second-order gradients,
//! histograms, a learned side for missing values. It does not know what its features are.
//!
//! Source: Chen and Guestrin, KDD 2016; parameter names and defaults are XGBoost's (`tree_method=hist`,
//! `grow_policy=depthwise`). Two classes take one tree a round, more take one a class. Differs from
//! XGBoost in computing with double precision, and in where it cuts a feature with more than
//! `max_bin` distinct values. Cost of a round: about `n_rows * n_features * max_depth` a tree.

mod grow;

use crate::{
    ml::{
        Matrix,
        classify::{
            Samples,
            bins::Bins,
            fill_rows,
            penalty::{Gradient, Penalty},
            scores,
            tree::{Rule, Tree},
        },
        error::MlError,
        math,
        rng::Rng,
    },
    stage::work::Work,
};

/// Least second derivative, so that a leaf's value stays finite (XGBoost's `kRtEps` for gradients).
const LEAST_HESSIAN: f64 = 1e-16;

/// How trees are boosted; names as in XGBoost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoostParams {
    /// Boosting rounds (`n_estimators`).
    pub rounds: usize,
    /// Learning rate.
    pub eta: f64,
    /// Deepest level of a leaf; 0 means no limit.
    pub max_depth: usize,
    /// `lambda`, `alpha`, `gamma`, `min_child_weight`.
    pub penalty: Penalty,
    /// Share of rows drawn for each tree.
    pub subsample: f64,
    /// Share of features drawn for each tree.
    pub colsample_bytree: f64,
    /// Share of those drawn for each level.
    pub colsample_bylevel: f64,
    /// Share of those drawn for each node.
    pub colsample_bynode: f64,
    /// Most bins of a feature.
    pub max_bin: usize,
    /// Probability of the second of two classes before the first round; `None` takes its share.
    /// Without meaning for more classes.
    pub base_score: Option<f64>,
    /// Stop after this many rounds without a better log-loss on the validation rows.
    pub early_stopping_rounds: Option<usize>,
    /// Seed.
    pub seed: u64,
}

/// Fitted boosted trees.
#[derive(Clone, Debug, PartialEq)]
pub struct Booster {
    /// The trees, round after round, in each round one a score; a leaf holds one value.
    pub trees: Vec<Tree>,
    /// The scores before the first round: one for two classes, else one a class.
    pub base: Vec<f64>,
    /// Number of classes.
    pub n_classes: usize,
}

/// What a fit tells beside the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// The model.
    pub booster: Booster,
    /// Mean gain of each feature's splits, adding up to 1 (XGBoost's `feature_importances_`).
    pub gain: Vec<f64>,
    /// Rounds kept; fewer than asked for after an early stop.
    pub rounds: usize,
}

/// Boosts trees. `validation` is needed (and used) for `early_stopping_rounds` alone.
///
/// # Errors
/// [`MlError::TooFew`] without rows, [`MlError::NotFinite`] for an infinite value, or if cancelled.
pub fn fit(
    samples: &Samples<'_>,
    validation: Option<&Samples<'_>>,
    params: &BoostParams,
    work: &Work,
) -> Result<Fit, MlError> {
    samples.check()?;
    let bins = Bins::new(samples.x, params.max_bin, work)?;
    let base = base_scores(samples, params.base_score);
    let n_scores = base.len();
    let mut margins = start(&base, samples.y.len());
    let mut gains = vec![(0.0, 0_u32); samples.x.n_cols()];
    let mut booster = Booster { trees: Vec::new(), base, n_classes: samples.n_classes };
    let mut watch = validation
        .zip(params.early_stopping_rounds)
        .map(|(rows, patience)| Watch::new(rows, &booster.base, patience));
    for round in 0..params.rounds {
        let gradients = gradients(samples, &margins, n_scores, work);
        let grown = work.pool.map(n_scores, |score| {
            work.check()?;
            let seed = Rng::stream(params.seed, (round * n_scores + score) as u64).next_u64();
            let own: Vec<Gradient> =
                gradients.iter().skip(score).step_by(n_scores).copied().collect();
            grow::tree(samples.x, &bins, &own, params, seed, work)
        });
        for (score, grown) in grown.into_iter().enumerate() {
            let grown = grown?;
            let own = margins.iter_mut().skip(score).step_by(n_scores);
            own.zip(&grown.step).for_each(|(margin, step)| *margin += step);
            for (feature, gain) in grown.gains {
                gains[feature].0 += gain;
                gains[feature].1 += 1;
            }
            booster.trees.push(grown.tree);
        }
        work.progress.advance(1);
        if let Some(watch) = &mut watch
            && watch.should_stop(&booster, round)
        {
            break;
        }
    }
    if let Some(watch) = &watch {
        booster.trees.truncate(watch.best_rounds * n_scores);
    }
    let rounds = booster.trees.len() / n_scores;
    Ok(Fit { booster, gain: mean_gains(&gains), rounds })
}

impl Booster {
    /// Returns the probability of each class, shape `(n_rows, n_classes)`.
    ///
    /// # Errors
    /// If cancelled.
    pub fn predict(&self, x: &Matrix, work: &Work) -> Result<Matrix, MlError> {
        let n_scores = self.base.len();
        fill_rows(x.n_rows(), self.n_classes, work, |rows, out| {
            let mut margins = start(&self.base, rows.len());
            for (i, tree) in self.trees.iter().enumerate() {
                let own = margins.iter_mut().skip(i % n_scores).step_by(n_scores);
                for (row, margin) in rows.clone().zip(own) {
                    *margin += tree.answer(x.row(row), Rule::Below)[0];
                }
            }
            let answers = out.chunks_exact_mut(self.n_classes);
            for (margin, answer) in margins.chunks_exact(n_scores).zip(answers) {
                probabilities(margin, answer);
            }
        })
    }
}

/// Writes the probability of each class: the logistic function of one score, or the softmax of several.
fn probabilities(margins: &[f64], out: &mut [f64]) {
    if let [margin] = margins {
        let p = math::sigmoid(*margin);
        // A single class has one score as well, and takes all of the probability.
        let certain = out.len() < 2;
        out[0] = if certain { 1.0 } else { 1.0 - p };
        out.iter_mut().skip(1).for_each(|v| *v = p);
    } else {
        math::softmax(margins, out);
    }
}

/// The scores before the first round, as XGBoost 3 estimates them: the logit of the second class's
/// share, or the centred logarithms of all shares.
fn base_scores(samples: &Samples<'_>, base_score: Option<f64>) -> Vec<f64> {
    let n = samples.y.len() as f64;
    let shares: Vec<f64> =
        samples.class_counts().iter().map(|&c| (c as f64 / n).clamp(1e-6, 1.0 - 1e-6)).collect();
    if samples.n_classes <= 2 {
        let p = base_score.unwrap_or(shares.get(1).copied().unwrap_or(0.5));
        return vec![math::ln(p / (1.0 - p))];
    }
    let logs: Vec<f64> = shares.into_iter().map(math::ln).collect();
    let mean = logs.iter().sum::<f64>() / logs.len() as f64;
    logs.into_iter().map(|v| v - mean).collect()
}

fn start(base: &[f64], n_rows: usize) -> Vec<f64> {
    base.iter().copied().cycle().take(base.len() * n_rows).collect()
}

/// Returns the gradients of the log-loss by each score, row after row.
fn gradients(
    samples: &Samples<'_>,
    margins: &[f64],
    n_scores: usize,
    work: &Work,
) -> Vec<Gradient> {
    let mut out = vec![Gradient::default(); margins.len()];
    work.pool.fill_chunks(&mut out, n_scores, |rows, out| {
        let mut p = vec![0.0; samples.n_classes.max(2)];
        for (row, out) in rows.zip(out.chunks_exact_mut(n_scores)) {
            probabilities(&margins[row * n_scores..(row + 1) * n_scores], &mut p);
            let class = samples.y[row] as usize;
            if let [out] = out {
                let h = (p[1] * (1.0 - p[1])).max(LEAST_HESSIAN);
                *out = Gradient { g: p[1] - f64::from(u8::from(class == 1)), h };
                continue;
            }
            for (c, out) in out.iter_mut().enumerate() {
                let h = (2.0 * p[c] * (1.0 - p[c])).max(LEAST_HESSIAN);
                *out = Gradient { g: p[c] - f64::from(u8::from(class == c)), h };
            }
        }
    });
    out
}

fn mean_gains(gains: &[(f64, u32)]) -> Vec<f64> {
    let means: Vec<f64> = gains.iter().map(|(sum, n)| sum / f64::from((*n).max(1))).collect();
    let total: f64 = means.iter().sum();
    means.iter().map(|v| if total > 0.0 { v / total } else { 0.0 }).collect()
}

/// Watches the log-loss on rows that are not trained on.
struct Watch<'a> {
    rows: &'a Samples<'a>,
    margins: Vec<f64>,
    patience: usize,
    best: f64,
    best_rounds: usize,
}

impl<'a> Watch<'a> {
    fn new(rows: &'a Samples<'a>, base: &[f64], patience: usize) -> Watch<'a> {
        let margins = start(base, rows.y.len());
        Watch { rows, margins, patience, best: f64::INFINITY, best_rounds: 0 }
    }

    /// Takes in the newest round's trees and returns true once patience is over.
    fn should_stop(&mut self, booster: &Booster, round: usize) -> bool {
        let n_scores = booster.base.len();
        let newest = &booster.trees[round * n_scores..];
        let mut p = Matrix::zeros(self.rows.y.len(), booster.n_classes);
        for (row, margins) in self.margins.chunks_exact_mut(n_scores).enumerate() {
            for (margin, tree) in margins.iter_mut().zip(newest) {
                *margin += tree.answer(self.rows.x.row(row), Rule::Below)[0];
            }
            probabilities(margins, p.row_mut(row));
        }
        let loss = scores::log_loss(self.rows.y, &p);
        if loss < self.best {
            (self.best, self.best_rounds) = (loss, round + 1);
        }
        round + 1 >= self.best_rounds + self.patience
    }
}

#[cfg(test)]
mod tests;
