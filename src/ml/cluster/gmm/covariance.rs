//! Covariances of a mixture's components: the four shapes, their estimates, their densities.
//! It does not know the iterations around them.

use crate::{
    base::pool::Pool,
    ml::{
        Matrix,
        cluster::{cholesky, moments, moments::add, panels::LANES},
        error::MlError,
        math,
    },
};

/// What the components' covariances may look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Covariance {
    /// Each component has its own matrix.
    Full,
    /// All components share one matrix.
    Tied,
    /// Each component has its own variance a feature.
    Diag,
    /// Each component has one variance.
    Spherical,
}

/// Estimated covariances.
#[derive(Clone, Debug, PartialEq)]
pub enum Covariances {
    /// One matrix of shape `(n_cols, n_cols)` a component.
    Full(Vec<Matrix>),
    /// One matrix of shape `(n_cols, n_cols)`; the number of components beside it.
    Tied(Matrix),
    /// Variances, shape `(n_components, n_cols)`.
    Diag(Matrix),
    /// One variance a component, and the number of features.
    Spherical(Vec<f64>),
}

impl Covariances {
    /// Returns the number of free parameters.
    pub fn n_parameters(&self) -> usize {
        let triangle = |d: usize| d * (d + 1) / 2;
        match self {
            Covariances::Full(all) => all.iter().map(|m| triangle(m.n_rows())).sum(),
            Covariances::Tied(one) => triangle(one.n_rows()),
            Covariances::Diag(variances) => variances.data().len(),
            Covariances::Spherical(variances) => variances.len(),
        }
    }

    /// Returns the covariance between features `i` and `j` in component `c`.
    pub fn get(&self, c: usize, i: usize, j: usize) -> f64 {
        match self {
            Covariances::Full(all) => all[c].row(i)[j],
            Covariances::Tied(one) => one.row(i)[j],
            Covariances::Diag(variances) if i == j => variances.row(c)[i],
            Covariances::Spherical(variances) if i == j => variances[c],
            _ => 0.0,
        }
    }
}

/// What densities are computed from: Cholesky factors, or inverse standard deviations.
pub(super) enum Factors {
    Dense(Vec<Matrix>),
    Shared(Matrix),
    Diagonal(Matrix),
}

impl Factors {
    pub(super) fn of(covariances: &Covariances, n_cols: usize) -> Result<Factors, MlError> {
        let inverse_root = |c: usize, v: f64| match v {
            v if v > 0.0 => Ok(1.0 / v.sqrt()),
            _ => Err(collapsed(Some(c))),
        };
        match covariances {
            Covariances::Full(all) => {
                let factors = all.iter().enumerate().map(|(c, m)| factor(m, Some(c)));
                Ok(Factors::Dense(factors.collect::<Result<_, _>>()?))
            }
            Covariances::Tied(one) => Ok(Factors::Shared(factor(one, None)?)),
            Covariances::Diag(variances) => {
                let values = variances.data().iter().enumerate();
                let roots = values.map(|(at, v)| inverse_root(at / n_cols.max(1), *v));
                let roots = roots.collect::<Result<_, _>>()?;
                Ok(Factors::Diagonal(Matrix::new(variances.n_rows(), n_cols, roots)))
            }
            Covariances::Spherical(variances) => {
                let mut roots = Matrix::zeros(variances.len(), n_cols);
                for (c, v) in variances.iter().enumerate() {
                    roots.row_mut(c).fill(inverse_root(c, *v)?);
                }
                Ok(Factors::Diagonal(roots))
            }
        }
    }
}

fn factor(covariance: &Matrix, component: Option<usize>) -> Result<Matrix, MlError> {
    cholesky::factor(covariance).ok_or_else(|| collapsed(component))
}

fn collapsed(component: Option<usize>) -> MlError {
    let which = component.map_or_else(|| "shared".to_string(), |c| format!("component {c}'s"));
    MlError::Numeric(format!(
        "the mixture collapsed: {which} covariance is not positive definite; \
         lower `k`, raise `reg_covar`, or take `covariance: diag`"
    ))
}

/// Returns the log-densities of a panel's eight rows under component `c`; `scratch` has one entry a feature.
pub(super) fn log_densities(
    factors: &Factors,
    c: usize,
    panel: &[[f64; LANES]],
    mean: &[f64],
    scratch: &mut [[f64; LANES]],
) -> [f64; LANES] {
    let (squares, log_root_det) = match factors {
        Factors::Dense(_) | Factors::Shared(_) => {
            let l = match factors {
                Factors::Dense(all) => &all[c],
                Factors::Shared(one) | Factors::Diagonal(one) => one,
            };
            for ((diff, values), m) in scratch.iter_mut().zip(panel).zip(mean) {
                *diff = values.map(|v| v - m);
            }
            let squares = cholesky::mahalanobis(l, scratch);
            (squares, -(0..l.n_rows()).map(|j| math::ln(l.row(j)[j])).sum::<f64>())
        }
        Factors::Diagonal(roots) => {
            let mut squares = [0.0; LANES];
            for ((values, m), root) in panel.iter().zip(mean).zip(roots.row(c)) {
                for lane in 0..LANES {
                    let z = (values[lane] - m) * root;
                    squares[lane] += z * z;
                }
            }
            (squares, roots.row(c).iter().map(|r| math::ln(*r)).sum::<f64>())
        }
    };
    let constant = mean.len() as f64 * math::ln(2.0 * std::f64::consts::PI);
    squares.map(|s| log_root_det - 0.5 * (constant + s))
}

/// Returns the covariances of the components around their means, `reg_covar` added to the variances.
pub(super) fn estimate(
    shape: Covariance,
    x: &Matrix,
    responsibilities: &Matrix,
    (masses, means): (&[f64], &Matrix),
    reg_covar: f64,
    pool: &Pool,
) -> Covariances {
    match shape {
        Covariance::Full => {
            let mut all = scatters(x, responsibilities, means, pool);
            for (scatter, mass) in all.iter_mut().zip(masses) {
                finish(scatter, *mass, reg_covar);
            }
            Covariances::Full(all)
        }
        Covariance::Tied => {
            // The scatters of all components have to be summed anyway, and summing them around their own
            // means keeps the digits that `X^T X` minus the means' products would lose.
            let all = scatters(x, responsibilities, means, pool);
            let mut shared = all.into_iter().reduce(|mut a, b| {
                add(a.data_mut(), b.data());
                a
            });
            let total: f64 = masses.iter().sum();
            if let Some(scatter) = &mut shared {
                finish(scatter, total, reg_covar);
            }
            Covariances::Tied(shared.unwrap_or_else(|| Matrix::zeros(0, 0)))
        }
        Covariance::Diag => {
            Covariances::Diag(variances(x, responsibilities, (masses, means), reg_covar, pool))
        }
        Covariance::Spherical => {
            let variances = variances(x, responsibilities, (masses, means), reg_covar, pool);
            let mean = |row: &[f64]| row.iter().sum::<f64>() / row.len() as f64;
            Covariances::Spherical(variances.rows().map(mean).collect())
        }
    }
}

/// Divides a scatter (lower triangle) by its mass, adds the regularisation and mirrors it.
fn finish(scatter: &mut Matrix, mass: f64, reg_covar: f64) {
    for i in 0..scatter.n_rows() {
        for j in 0..=i {
            let value = scatter.row(i)[j] / mass;
            scatter.row_mut(i)[j] = value;
            scatter.row_mut(j)[i] = value;
        }
        scatter.row_mut(i)[i] += reg_covar;
    }
}

/// Rows whose deviations are laid out column by column before their products are summed: small enough for
/// the nearest cache, long enough for the loops.
const BLOCK_ROWS: usize = 128;

/// Returns each component's weighted scatter around its mean; only the lower triangles are filled.
fn scatters(x: &Matrix, responsibilities: &Matrix, means: &Matrix, pool: &Pool) -> Vec<Matrix> {
    let (k, d) = (means.n_rows(), x.n_cols());
    let empty = || vec![Matrix::zeros(d, d); k];
    let folded = pool.fold_chunks(
        x.n_rows(),
        |rows| {
            let mut scatters = empty();
            let mut deviations = vec![0.0; d * BLOCK_ROWS];
            let mut weighted = vec![0.0; BLOCK_ROWS];
            for start in rows.clone().step_by(BLOCK_ROWS) {
                let n = BLOCK_ROWS.min(rows.end - start);
                for (c, scatter) in scatters.iter_mut().enumerate() {
                    for r in 0..n {
                        let row = x.row(start + r).iter().zip(means.row(c));
                        for (j, (v, m)) in row.enumerate() {
                            deviations[j * BLOCK_ROWS + r] = v - m;
                        }
                    }
                    for i in 0..d {
                        let own = &deviations[i * BLOCK_ROWS..i * BLOCK_ROWS + n];
                        for (r, (w, v)) in weighted.iter_mut().zip(own).enumerate() {
                            *w = v * responsibilities.row(start + r)[c];
                        }
                        for j in 0..=i {
                            let other = &deviations[j * BLOCK_ROWS..j * BLOCK_ROWS + n];
                            scatter.row_mut(i)[j] += math::dot(&weighted[..n], other);
                        }
                    }
                }
            }
            scatters
        },
        |mut a, b| {
            a.iter_mut().zip(&b).for_each(|(a, b)| add(a.data_mut(), b.data()));
            a
        },
    );
    folded.unwrap_or_else(empty)
}

/// Returns each component's variance a feature, shape `(k, n_cols)`.
fn variances(
    x: &Matrix,
    responsibilities: &Matrix,
    (masses, means): (&[f64], &Matrix),
    reg_covar: f64,
    pool: &Pool,
) -> Matrix {
    let (k, d) = (means.n_rows(), x.n_cols());
    let folded = pool.fold_chunks(
        x.n_rows(),
        |rows| {
            let mut sums = Matrix::zeros(k, d);
            for i in rows {
                for (c, &r) in responsibilities.row(i).iter().enumerate() {
                    let values = x.row(i).iter().zip(means.row(c));
                    for (s, (v, m)) in sums.row_mut(c).iter_mut().zip(values) {
                        *s += r * ((v - m) * (v - m));
                    }
                }
            }
            sums
        },
        |mut a, b| {
            moments::add(a.data_mut(), b.data());
            a
        },
    );
    let mut variances = folded.unwrap_or_else(|| Matrix::zeros(k, d));
    for (c, mass) in masses.iter().enumerate() {
        variances.row_mut(c).iter_mut().for_each(|v| *v = *v / mass + reg_covar);
    }
    variances
}
