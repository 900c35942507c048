//! Boosted trees in XGBoost's meaning: softmax (logistic for two classes), second-order gradients,
//! histograms, a learned side for missing values. It does not know what its features are.
//!
//! Source: Chen and Guestrin, KDD 2016; parameter names and defaults are XGBoost's (`tree_method=hist`,
//! `grow_policy=depthwise`). Two classes take one tree a round, more take one a class. As in XGBoost,
//! features, leaves and scores have single precision, so that a model answers there as here; differs from
//! it in where it cuts a feature with more than `max_bin` distinct values, and in sums of
//! gradients, which are exact here (`histogram`). Cost of a round: about
//! `n_rows * n_features * max_depth / 2` a tree.

mod alone;
mod blocks;
mod columns;
mod compiled;
mod grow;
mod histogram;
mod margins;
mod planes;
mod ready;
mod roots;
mod search;
mod walks;

pub use self::ready::Ready;
use crate::{
    base::spares::Spares,
    ml::{
        Matrix,
        classify::{
            Samples,
            bins::{Bins, Code},
            boost::{columns::Columns, grow::Ground, margins::Margins},
            fill_rows,
            penalty::Penalty,
            scores, softmax,
            tree::{Node, Rule, Tree},
        },
        error::MlError,
        math,
        rng::Rng,
    },
    stage::work::Work,
};

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
    /// Whether classes weigh the same however many rows they have.
    pub balanced: bool,
    /// Stop after this many rounds without a better log-loss on the validation rows.
    pub early_stopping_rounds: Option<usize>,
    /// Seed.
    pub seed: u64,
}

impl Default for BoostParams {
    /// Returns XGBoost's defaults, with the 100 rounds of its scikit-learn interface.
    fn default() -> BoostParams {
        BoostParams {
            rounds: 100,
            eta: 0.3,
            max_depth: 6,
            penalty: Penalty::default(),
            subsample: 1.0,
            colsample_bytree: 1.0,
            colsample_bylevel: 1.0,
            colsample_bynode: 1.0,
            max_bin: 256,
            base_score: None,
            balanced: false,
            early_stopping_rounds: None,
            seed: 0,
        }
    }
}

/// What XGBoost tells of a node beside what it asks or answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Told {
    /// How much a split lowers the loss (`loss_changes`); 0 for a leaf.
    pub gain: f32,
    /// Sum of second derivatives (`sum_hessian`).
    pub cover: f32,
}

/// Fitted boosted trees.
#[derive(Clone, Debug, PartialEq)]
pub struct Booster {
    /// The trees, round after round, in each round one a score; a leaf holds one value.
    pub trees: Vec<Tree>,
    /// Of each tree's nodes, in their order.
    pub told: Vec<Vec<Told>>,
    /// The scores before the first round: one for two classes, else one a class. In single precision, as
    /// leaves are.
    pub base: Vec<f64>,
    /// Number of classes.
    pub n_classes: usize,
    /// The trees in the form that answers many rows.
    pub ready: Ready,
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
    /// Features whose values differ, but not in single precision, so that no split can tell them apart.
    pub coarse: Vec<usize>,
}

/// So many rows are worth making the trees ready for: about what two groups of the quick way hold.
const MANY_ROWS: usize = 128;

/// Boosts trees. `validation` is needed (and used) for `early_stopping_rounds` alone.
///
/// # Errors
/// [`MlError::TooFew`] without rows, [`MlError::NotFinite`] for an infinite value, [`MlError::TooLarge`] for one
/// beyond single precision, or if cancelled.
pub fn fit(
    samples: &Samples<'_>,
    validation: Option<&Samples<'_>>,
    params: &BoostParams,
    work: &Work,
) -> Result<Fit, MlError> {
    samples.check()?;
    check_range(samples.x)?;
    if params.max_bin <= u8::LIMIT {
        fit_binned::<u8>(samples, validation, params, work)
    } else {
        fit_binned::<u16>(samples, validation, params, work)
    }
}

fn fit_binned<C: Code>(
    samples: &Samples<'_>,
    validation: Option<&Samples<'_>>,
    params: &BoostParams,
    work: &Work,
) -> Result<Fit, MlError> {
    let bins = Bins::<C>::new(samples.x, params.max_bin, |v| f64::from(v as f32), work)?;
    let columns = Columns::new(&bins);
    let weights = samples.class_weights(params.balanced);
    let base = base_scores(samples, &weights, params.base_score);
    let n_scores = base.len();
    let mut margins = Margins::new(samples, &weights, &base);
    let unit = margins.unit();
    let ground =
        Ground { bins: &bins, columns: &columns, params, unit, work, rooms: Spares::default() };
    let mut gains = vec![(0.0, 0_u32); samples.x.n_cols()];
    let mut booster = Booster {
        trees: Vec::new(),
        told: Vec::new(),
        base,
        n_classes: samples.n_classes,
        ready: Ready::default(),
    };
    let mut watch = validation
        .zip(params.early_stopping_rounds)
        .map(|(rows, patience)| Watch::new(rows, &booster, patience));
    let mut steps = vec![vec![0.0; samples.y.len()]; n_scores];
    let mut gradients = vec![Vec::new(); n_scores];
    for round in 0..params.rounds {
        margins.advance(&steps, work);
        work.pool.map_mut(&mut gradients, |score, own| margins.gradients(score, own));
        let roots = grow::roots(&ground, &gradients);
        let grow = |score: usize, step: &mut Vec<f32>| {
            work.check()?;
            let seed = Rng::stream(params.seed, (round * n_scores + score) as u64).next_u64();
            let root = roots.as_ref().map(|sums| sums[score].clone());
            grow::tree(&ground, &gradients[score], root, seed, step)
        };
        for grown in evenly(&mut steps, work, grow) {
            let grown = grown?;
            for (node, told) in grown.tree.nodes().iter().zip(&grown.told) {
                if let Node::Split { feature, .. } = node {
                    gains[*feature as usize].0 += f64::from(told.gain);
                    gains[*feature as usize].1 += 1;
                }
            }
            booster.trees.push(grown.tree);
            booster.told.push(grown.told);
        }
        work.progress.advance(1);
        if let Some(watch) = &mut watch
            && watch.should_stop(&booster, round, work)?
        {
            break;
        }
    }
    if let Some(watch) = &watch {
        booster.trees.truncate(watch.best_rounds * n_scores);
        booster.told.truncate(watch.best_rounds * n_scores);
    }
    let rounds = booster.trees.len() / n_scores;
    let coarse = (0..samples.x.n_cols()).filter(|&j| is_coarse(samples.x, &bins, j)).collect();
    Ok(Fit { booster, gain: mean_gains(&gains), rounds, coarse })
}

/// Lets `f` change each of `items`, as many at once as there are threads; what does not fill all of them
/// comes last, so that it can have the idle ones for its own work.
fn evenly<V: Send, T: Send>(
    items: &mut [V],
    work: &Work,
    f: impl Fn(usize, &mut V) -> T + Sync,
) -> Vec<T> {
    let full = items.len() - items.len() % work.pool.n_threads().min(items.len());
    let (items, rest) = items.split_at_mut(full);
    let mut done = work.pool.map_mut(items, &f);
    done.extend(work.pool.map_mut(rest, |i, item| f(full + i, item)));
    done
}

impl Booster {
    /// Returns the probability of each class, shape `(n_rows, n_classes)`.
    ///
    /// # Errors
    /// If cancelled.
    pub fn predict(&self, x: &Matrix, work: &Work) -> Result<Matrix, MlError> {
        let (n_rows, width, n_scores) = (x.n_rows(), x.n_cols(), self.base.len());
        let ready = match n_rows {
            _ if width == 0 => None,
            MANY_ROWS.. => self.ready.get(&self.trees, n_scores),
            _ => self.ready.at_hand(),
        };
        let alone = match ready {
            Some(ready) if ready.answers_alone() || n_rows >= ready.least_rows() => None,
            None if width == 0 || n_rows >= MANY_ROWS => None,
            _ => self.ready.alone(&self.trees, n_scores),
        };
        fill_rows(n_rows, self.n_classes, work, |rows, out| {
            let mut margins = start(&self.base, rows.len());
            let values = &x.data()[rows.start * width..rows.end * width];
            match ready {
                Some(ready) if rows.len() >= ready.least_rows() => {
                    ready.add(values, width, &mut margins);
                }
                Some(ready) if ready.add_alone(values, width, &mut margins) => {}
                _ => match alone {
                    Some(alone) => alone.add(values, width, &mut margins),
                    None => self.add(0, values, width, &mut margins),
                },
            }
            self.probabilities(&margins, out);
        })
    }

    /// Makes the trees ready to be asked again and again, for few rows and for many.
    pub fn make_ready(&self) {
        let n_scores = self.base.len();
        if self.ready.get(&self.trees, n_scores).is_none_or(|ready| !ready.answers_alone()) {
            self.ready.alone(&self.trees, n_scores);
        }
    }

    /// Adds the answers of all trees from `first` on to the margins of rows of `width` values. In single
    /// precision and tree after tree, which is how XGBoost adds them.
    fn add(&self, first: usize, values: &[f64], width: usize, margins: &mut [f32]) {
        let n_scores = self.base.len();
        for (i, tree) in self.trees.iter().enumerate().skip(first) {
            let own = margins.iter_mut().skip(i % n_scores).step_by(n_scores);
            for (row, margin) in own.enumerate() {
                let row = &values[row * width..(row + 1) * width];
                *margin += tree.answer(row, Rule::Below)[0] as f32;
            }
        }
    }

    /// Writes the probability of each class, row after row: the logistic function of one margin, or the
    /// softmax of several.
    fn probabilities(&self, margins: &[f32], out: &mut [f64]) {
        let mut scores: Vec<f64> = margins.iter().map(|&v| f64::from(v)).collect();
        if self.base.len() > 1 {
            softmax::rows(&mut scores, self.base.len());
            out.copy_from_slice(&scores);
            return;
        }
        softmax::sigmoid_each(&mut scores);
        for (p, out) in scores.iter().zip(out.chunks_exact_mut(self.n_classes)) {
            // A single class has one score as well, and takes all of the probability.
            out[0] = if out.len() < 2 { 1.0 } else { 1.0 - p };
            out.iter_mut().skip(1).for_each(|v| *v = *p);
        }
    }
}

/// Checks that every finite value is finite in single precision too.
fn check_range(x: &Matrix) -> Result<(), MlError> {
    match x.data().iter().position(|&v| (v as f32).is_infinite()) {
        None => Ok(()),
        Some(at) => Err(MlError::TooLarge { row: at / x.n_cols(), column: at % x.n_cols() }),
    }
}

fn is_coarse<C: Code>(x: &Matrix, bins: &Bins<C>, feature: usize) -> bool {
    let mut values = x.rows().map(|row| row[feature]).filter(|v| !v.is_nan());
    let first = values.next();
    bins.features[feature].n_bins() == 1 && values.any(|v| Some(v) != first)
}

/// The scores before the first round, as XGBoost 3 estimates them: the logit of the second class's
/// share, or the centred logarithms of all shares.
fn base_scores(samples: &Samples<'_>, weights: &[f64], base_score: Option<f64>) -> Vec<f64> {
    let counts = samples.class_counts();
    let masses: Vec<f64> = counts.iter().zip(weights).map(|(&c, w)| c as f64 * w).collect();
    let total: f64 = masses.iter().sum();
    let shares: Vec<f64> = masses.iter().map(|m| (m / total).clamp(1e-6, 1.0 - 1e-6)).collect();
    let single = |v: f64| f64::from(v as f32);
    if samples.n_classes <= 2 {
        let p = base_score.unwrap_or(shares.get(1).copied().unwrap_or(0.5));
        return vec![single(math::ln(p / (1.0 - p)))];
    }
    let logs: Vec<f64> = shares.into_iter().map(math::ln).collect();
    let mean = logs.iter().sum::<f64>() / logs.len() as f64;
    logs.into_iter().map(|v| single(v - mean)).collect()
}

fn start(base: &[f64], n_rows: usize) -> Vec<f32> {
    base.iter().map(|&v| v as f32).cycle().take(base.len() * n_rows).collect()
}

fn mean_gains(gains: &[(f64, u32)]) -> Vec<f64> {
    let means: Vec<f64> = gains.iter().map(|(sum, n)| sum / f64::from((*n).max(1))).collect();
    let total: f64 = means.iter().sum();
    means.iter().map(|v| if total > 0.0 { v / total } else { 0.0 }).collect()
}

/// Watches the log-loss on rows that are not trained on.
struct Watch<'a> {
    rows: &'a Samples<'a>,
    margins: Vec<f32>,
    patience: usize,
    best: f64,
    best_rounds: usize,
}

impl<'a> Watch<'a> {
    fn new(rows: &'a Samples<'a>, booster: &Booster, patience: usize) -> Watch<'a> {
        let margins = start(&booster.base, rows.y.len());
        Watch { rows, margins, patience, best: f64::INFINITY, best_rounds: 0 }
    }

    /// Takes in the newest round's trees and returns true once patience is over.
    fn should_stop(
        &mut self,
        booster: &Booster,
        round: usize,
        work: &Work,
    ) -> Result<bool, MlError> {
        let n_scores = booster.base.len();
        let x = self.rows.x;
        let before = std::mem::take(&mut self.margins);
        let margins = fill_rows(x.n_rows(), n_scores, work, |rows, out| {
            let mut margins = before[rows.start * n_scores..rows.end * n_scores].to_vec();
            let values = &x.data()[rows.start * x.n_cols()..rows.end * x.n_cols()];
            booster.add(round * n_scores, values, x.n_cols(), &mut margins);
            out.iter_mut().zip(margins).for_each(|(out, v)| *out = f64::from(v));
        })?;
        self.margins = margins.data().iter().map(|&v| v as f32).collect();
        let mut p = Matrix::zeros(self.rows.y.len(), booster.n_classes);
        booster.probabilities(&self.margins, p.data_mut());
        let loss = scores::log_loss(self.rows.y, &p);
        if loss < self.best {
            (self.best, self.best_rounds) = (loss, round + 1);
        }
        Ok(round + 1 >= self.best_rounds + self.patience)
    }
}

#[cfg(test)]
mod tests;
