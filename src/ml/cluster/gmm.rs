//! Gaussian mixtures by expectation-maximisation, started from k-means; on long tables each start goes over growing parts
//! of the rows first.
//! It does not know how segments are ordered, nor how a mixture is written down.
//!
//! Source: Dempster, Laird and Rubin, "Maximum likelihood from incomplete data via the EM algorithm", J. Royal
//! Stat. Soc. B 39 (1977); regularisation, stopping rule and parameter counts as scikit-learn's
//! `GaussianMixture`. Cost of an iteration: O(n k d^2), O(n k d) for diagonal covariances. It differs
//! from scikit-learn in that the likelihood is the total over the rows, not their mean, that reaching the
//! iteration cap is told and no warning, and that data with fewer distinct rows than `k` gives that
//! many components.

mod covariance;
mod passes;

use crate::{
    ml::{
        Matrix,
        cluster::{
            check_input, check_k, growing,
            kmeans::{self, KMeansParams, Starts},
            panels::Panels,
        },
        error::MlError,
        math,
    },
    stage::work::Work,
};

use covariance::Factors;
pub use covariance::{Covariance, Covariances};
use passes::{Posteriors, Sums};

/// Starts of k-means for the first start of a mixture: they cost little beside its iterations, which lead nowhere good from a
/// bad one. Each further start of a mixture has one, so that they differ.
const KMEANS_STARTS: usize = 4;

/// What a mixture is asked for.
#[derive(Clone, Debug)]
pub struct GmmParams {
    /// Number of components, from 1.
    pub k: usize,
    /// What the components' covariances may look like.
    pub covariance: Covariance,
    /// Number of starts; the one with the highest likelihood wins, the earlier one among equals.
    pub n_init: usize,
    /// Most iterations of one start, over each part and over all rows.
    pub max_iter: usize,
    /// A start ends when the mean log-likelihood of a row changes by less than this.
    pub tol: f64,
    /// Added to every variance, so that a component on few or equal rows keeps a density.
    pub reg_covar: f64,
    /// Seed of the k-means starts.
    pub seed: u64,
}

/// A fitted mixture. Labels, posteriors and likelihood are those of these very parameters.
#[derive(Clone, Debug)]
pub struct Gmm {
    /// Share of each component, summing to 1.
    pub weights: Vec<f64>,
    /// Shape `(n_components, n_cols)`.
    pub means: Matrix,
    /// Covariances, `reg_covar` included.
    pub covariances: Covariances,
    /// The most probable component of each row; the lower number among equals.
    pub labels: Vec<i32>,
    /// The posterior probability of that component, one a row.
    pub posteriors: Vec<f64>,
    /// Sum over the rows of the log of the mixture's density.
    pub log_likelihood: f64,
    /// Iterations of the winning start over all rows.
    pub iterations: usize,
    /// False if the winning start ended at `max_iter`.
    pub converged: bool,
    n_rows: usize,
}

impl Gmm {
    /// Returns the number of free parameters.
    pub fn n_parameters(&self) -> usize {
        let (k, d) = (self.means.n_rows(), self.means.n_cols());
        self.covariances.n_parameters() + k * d + k - 1
    }

    /// Returns the Bayesian information criterion; lower is better.
    pub fn bic(&self) -> f64 {
        self.n_parameters() as f64 * math::ln(self.n_rows as f64) - 2.0 * self.log_likelihood
    }

    /// Returns the Akaike information criterion; lower is better.
    pub fn aic(&self) -> f64 {
        2.0 * self.n_parameters() as f64 - 2.0 * self.log_likelihood
    }
}

/// Fits a mixture to the rows of `x`.
///
/// # Errors
/// If there are fewer rows than `k` (or than 2), no features, or a value is not finite; if a component's
/// covariance is not positive definite; if cancelled.
pub fn fit(x: &Matrix, params: &GmmParams, work: &Work) -> Result<Gmm, MlError> {
    check_input(x, 2)?;
    check_k(params.k, x.n_rows())?;
    let quiet = work.quiet();
    let parts = growing::parts(x, params.k, params.seed);
    let parts: Vec<_> = parts.iter().map(|part| Fitter::new(part, params, &quiet)).collect();
    let all = Fitter::new(x, params, work);
    work.progress.set_total((params.n_init.max(1) * params.max_iter) as u64);
    let runs = work.pool.map(params.n_init.max(1), |i| start(&parts, &all, i));
    let mut best: Option<Run> = None;
    for run in runs {
        let run = run?;
        if best.as_ref().is_none_or(|b| run.bound > b.bound) {
            best = Some(run);
        }
    }
    let best = best.ok_or(MlError::TooFew { what: "starts", needed: 1, got: 0 })?;
    all.finish(best)
}

/// Runs start number `i` to its end: over the parts, see [`growing`], and from what they find over all rows.
fn start(parts: &[Fitter<'_>], all: &Fitter<'_>, i: usize) -> Result<Run, MlError> {
    let mut found = None;
    for (part, longer) in parts.iter().zip(parts.iter().skip(1).chain([all])) {
        found = match part.run(found, i) {
            // Rows that differ may be missing here, or rows that lie far away.
            Ok(run) => part.leads_on(&run.mixture, longer)?.then_some(run.mixture),
            Err(MlError::Cancelled(cancelled)) => return Err(cancelled.into()),
            // What is flat here need not be flat there.
            Err(_) => None,
        };
    }
    all.run(found, i)
}

/// The state of one start: parameters, and how good they are.
struct Run {
    mixture: Mixture,
    bound: f64,
    iterations: usize,
    converged: bool,
}

struct Mixture {
    weights: Vec<f64>,
    means: Matrix,
    covariances: Covariances,
}

/// Fits mixtures to some rows.
struct Fitter<'a> {
    x: &'a Matrix,
    panels: Panels,
    params: &'a GmmParams,
    work: &'a Work,
}

impl<'a> Fitter<'a> {
    fn new(x: &'a Matrix, params: &'a GmmParams, work: &'a Work) -> Fitter<'a> {
        Fitter { x, panels: Panels::new(x), params, work }
    }

    /// Iterates from `begun`, or from the clusters of start number `i` of k-means, until the likelihood settles or the cap
    /// is met.
    fn run(&self, begun: Option<Mixture>, i: usize) -> Result<Run, MlError> {
        let (mut mixture, mut posteriors) = match begun {
            Some(mixture) => {
                let posteriors = Posteriors::zeros(self.x.n_rows(), mixture.weights.len());
                (mixture, posteriors)
            }
            None => {
                let posteriors = self.clusters(i)?;
                let sums = posteriors.sums(&self.panels, &self.work.pool);
                (self.maximise(&posteriors, &sums), posteriors)
            }
        };
        let (mut bound, mut iterations, mut converged) = (f64::NEG_INFINITY, 0, false);
        while iterations < self.params.max_iter && !converged {
            self.work.check()?;
            iterations += 1;
            let sums = self.expect(&mixture, &mut posteriors)?;
            mixture = self.maximise(&posteriors, &sums);
            let next = sums.log_likelihood / self.panels.n_rows() as f64;
            converged = (next - bound).abs() < self.params.tol;
            bound = next;
            self.work.progress.advance(1);
        }
        Ok(Run { mixture, bound, iterations, converged })
    }

    /// Returns whether longer rows may go on from what was found in these.
    fn leads_on(&self, mixture: &Mixture, longer: &Fitter<'_>) -> Result<bool, MlError> {
        let spread = |rows: &Fitter<'_>| kmeans::spread(rows.x, &mixture.means, self.work);
        Ok(mixture.weights.len() == self.params.k && growing::holds(spread(self)?, spread(longer)?))
    }

    /// Returns the clusters that start number `i` begins with as posteriors.
    fn clusters(&self, i: usize) -> Result<Posteriors, MlError> {
        let GmmParams { k, seed, .. } = *self.params;
        let (first, n_init) = match i {
            0 => (0, KMEANS_STARTS),
            _ => (KMEANS_STARTS - 1 + i, 1),
        };
        let params = KMeansParams { k, n_init, max_iter: 300, tol: 1e-4, seed };
        let quiet = self.work.quiet();
        let starts = Starts::new(&[], self.x, &params, &quiet.pool)?;
        let found = starts.best(first, &quiet)?;
        Ok(Posteriors::of_labels(&found.labels, found.centroids.n_rows()))
    }

    /// Fills in each row's posterior probabilities.
    fn expect(&self, mixture: &Mixture, posteriors: &mut Posteriors) -> Result<Sums, MlError> {
        let factors = Factors::of(&mixture.covariances, &mixture.means, &mixture.weights)?;
        Ok(posteriors.expect(&factors, &self.panels, &self.work.pool))
    }

    /// Returns the mixture that maximises the expected likelihood under these posteriors, whose sums are known.
    fn maximise(&self, posteriors: &Posteriors, sums: &Sums) -> Mixture {
        // A component that no row belongs to keeps a mass to divide by.
        let masses: Vec<f64> = sums.masses.iter().map(|m| m + 10.0 * f64::EPSILON).collect();
        let mut means = sums.weighted.clone();
        for (c, mass) in masses.iter().enumerate() {
            means.row_mut(c).iter_mut().for_each(|v| *v /= mass);
        }
        let covariances = covariance::estimate(
            self.params.covariance,
            (&self.panels, posteriors),
            (&masses, &means),
            self.params.reg_covar,
            &self.work.pool,
        );
        let total: f64 = masses.iter().sum();
        let weights = masses.iter().map(|m| m / total).collect();
        Mixture { weights, means, covariances }
    }

    /// Takes the labels, posteriors and likelihood from the final parameters themselves: those of the last
    /// iteration belong to the parameters before its maximisation.
    fn finish(&self, best: Run) -> Result<Gmm, MlError> {
        let n_rows = self.panels.n_rows();
        let mut posteriors = Posteriors::zeros(n_rows, best.mixture.weights.len());
        let log_likelihood = self.expect(&best.mixture, &mut posteriors)?.log_likelihood;
        let (labels, posteriors) = (0..n_rows).map(|row| posteriors.most_probable(row)).unzip();
        let Mixture { weights, means, covariances } = best.mixture;
        Ok(Gmm {
            weights,
            means,
            covariances,
            labels,
            posteriors,
            log_likelihood,
            iterations: best.iterations,
            converged: best.converged,
            n_rows,
        })
    }
}

#[cfg(test)]
mod tests;
