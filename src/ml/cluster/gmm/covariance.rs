//! Covariances of a mixture's components: the four shapes, their estimates, their densities.
//! It does not know the iterations around them.

use crate::{
    base::pool::Pool,
    ml::{
        Matrix,
        cluster::{
            cholesky,
            gmm::passes::Posteriors,
            moments::add,
            panels::{LANES, Panels, registers},
        },
        error::MlError,
        math,
        simd::Simd,
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

/// What densities are computed from.
pub(super) struct Factors {
    roots: Roots,
    means: Matrix,
    /// The logs of each component's weight and of its density's greatest value, together.
    greatest: Vec<f64>,
}

/// What makes a deviation from a mean one of variance 1 in every direction.
enum Roots {
    /// The inverse of each component's Cholesky factor.
    Dense(Vec<Inverse>),
    /// One for all components.
    Shared(Inverse),
    /// Inverse standard deviations, shape `(k, n_cols)`.
    Diagonal(Matrix),
}

impl Factors {
    pub(super) fn of(
        covariances: &Covariances,
        means: &Matrix,
        weights: &[f64],
    ) -> Result<Factors, MlError> {
        let (k, n_cols) = (means.n_rows(), means.n_cols());
        let inverse_root = |c: usize, v: f64| match v {
            v if v > 0.0 => Ok(1.0 / v.sqrt()),
            _ => Err(collapsed(Some(c))),
        };
        let roots = match covariances {
            Covariances::Full(all) => {
                let factors = all.iter().enumerate().map(|(c, m)| factor(m, Some(c)));
                Roots::Dense(factors.collect::<Result<_, _>>()?)
            }
            Covariances::Tied(one) => Roots::Shared(factor(one, None)?),
            Covariances::Diag(variances) => {
                let values = variances.data().iter().enumerate();
                let roots = values.map(|(at, v)| inverse_root(at / n_cols.max(1), *v));
                let roots = roots.collect::<Result<_, _>>()?;
                Roots::Diagonal(Matrix::new(variances.n_rows(), n_cols, roots))
            }
            Covariances::Spherical(variances) => {
                let mut roots = Matrix::zeros(variances.len(), n_cols);
                for (c, v) in variances.iter().enumerate() {
                    roots.row_mut(c).fill(inverse_root(c, *v)?);
                }
                Roots::Diagonal(roots)
            }
        };
        let constant = n_cols as f64 * math::ln(2.0 * std::f64::consts::PI);
        let log_root_det = |c: usize| match &roots {
            Roots::Dense(all) => all[c].log_det,
            Roots::Shared(one) => one.log_det,
            Roots::Diagonal(roots) => roots.row(c).iter().map(|r| math::ln(*r)).sum::<f64>(),
        };
        let greatest =
            (0..k).map(|c| math::ln(weights[c]) + log_root_det(c) - 0.5 * constant).collect();
        Ok(Factors { roots, means: means.clone(), greatest })
    }

    /// Writes the log-densities of a panel's eight rows under each component, its weight included; `scratch` has one
    /// entry a feature.
    #[inline(always)]
    pub(super) fn log_densities<S: Simd>(
        &self,
        simd: S,
        panel: &[[f64; LANES]],
        scratch: &mut [[f64; LANES]],
        out: &mut [[f64; LANES]],
    ) {
        let n = registers::<S>();
        let (values, _) = S::as_simd_f64s(panel.as_flattened());
        let (diffs, _) = S::as_mut_simd_f64s(scratch.as_flattened_mut());
        for (c, (out, greatest)) in out.iter_mut().zip(&self.greatest).enumerate() {
            let features = diffs.chunks_exact_mut(n).zip(values.chunks_exact(n));
            for ((diffs, values), m) in features.zip(self.means.row(c)) {
                for r in 0..n {
                    diffs[r] = simd.sub_f64s(values[r], simd.splat_f64s(*m));
                }
            }
            let (out, _) = S::as_mut_simd_f64s(out);
            for (r, out) in out.iter_mut().enumerate() {
                let squares = match &self.roots {
                    Roots::Dense(all) => all[c].squares(simd, (diffs, r)),
                    Roots::Shared(one) => one.squares(simd, (diffs, r)),
                    Roots::Diagonal(roots) => {
                        let mut squares = simd.splat_f64s(0.0);
                        for (diffs, root) in diffs.chunks_exact(n).zip(roots.row(c)) {
                            let z = simd.mul_f64s(diffs[r], simd.splat_f64s(*root));
                            squares = simd.mul_add_f64s(z, z, squares);
                        }
                        squares
                    }
                };
                let half = simd.splat_f64s(-0.5);
                *out = simd.mul_add_f64s(half, squares, simd.splat_f64s(*greatest));
            }
        }
    }
}

/// Rows of an inverse factor that are multiplied side by side.
const ROWS: usize = 4;

/// The inverse of a Cholesky factor, rows by fours, filled up with zeros.
struct Inverse {
    /// For each four rows, the values of each column up to the diagonal.
    groups: Vec<Vec<[f64; ROWS]>>,
    /// The log of its determinant.
    log_det: f64,
}

impl Inverse {
    fn of(l: &Matrix) -> Inverse {
        let n = l.n_rows();
        let inverse = cholesky::inverse(l);
        let value = |i: usize, j: usize| if i < n { inverse.row(i)[j] } else { 0.0 };
        let group = |first: usize| {
            let columns = 0..(first + ROWS).min(n);
            columns.map(|j| std::array::from_fn(|r| value(first + r, j))).collect()
        };
        Inverse {
            groups: (0..n).step_by(ROWS).map(group).collect(),
            log_det: -(0..n).map(|j| math::ln(l.row(j)[j])).sum::<f64>(),
        }
    }

    /// Returns the squared lengths of vectors, of which `diffs` holds in each feature's `r`-th register, times the inverse:
    /// squared Mahalanobis distances. A product, where solving with the factor would make each feature wait for the one
    /// before.
    #[inline(always)]
    fn squares<S: Simd>(&self, simd: S, (diffs, r): (&[S::f64s], usize)) -> S::f64s {
        let n = registers::<S>();
        let mut squares = simd.splat_f64s(0.0);
        for group in &self.groups {
            let mut rows = [simd.splat_f64s(0.0); ROWS];
            for (factors, diffs) in group.iter().zip(diffs.chunks_exact(n)) {
                for (row, factor) in rows.iter_mut().zip(factors) {
                    *row = simd.mul_add_f64s(simd.splat_f64s(*factor), diffs[r], *row);
                }
            }
            for row in rows {
                squares = simd.mul_add_f64s(row, row, squares);
            }
        }
        squares
    }
}

fn factor(covariance: &Matrix, component: Option<usize>) -> Result<Inverse, MlError> {
    let l = cholesky::factor(covariance).ok_or_else(|| collapsed(component))?;
    Ok(Inverse::of(&l))
}

fn collapsed(component: Option<usize>) -> MlError {
    let which = component.map_or_else(|| "shared".to_string(), |c| format!("component {c}'s"));
    MlError::Numeric(format!(
        "the mixture collapsed: {which} covariance is not positive definite; \
         lower `k`, raise `reg_covar`, or take `covariance: diag`"
    ))
}

/// Returns the covariances of the components around their means, `reg_covar` added to the variances.
pub(super) fn estimate(
    shape: Covariance,
    (panels, posteriors): (&Panels, &Posteriors),
    (masses, means): (&[f64], &Matrix),
    reg_covar: f64,
    pool: &Pool,
) -> Covariances {
    let variances = || {
        let mut variances = posteriors.squares(panels, means, pool);
        for (c, mass) in masses.iter().enumerate() {
            variances.row_mut(c).iter_mut().for_each(|v| *v = *v / mass + reg_covar);
        }
        variances
    };
    match shape {
        Covariance::Full => {
            let mut all = posteriors.scatters(panels, means, pool);
            for (scatter, mass) in all.iter_mut().zip(masses) {
                finish(scatter, *mass, reg_covar);
            }
            Covariances::Full(all)
        }
        Covariance::Tied => {
            // The scatters of all components have to be summed anyway, and summing them around their own
            // means keeps the digits that `X^T X` minus the means' products would lose.
            let all = posteriors.scatters(panels, means, pool);
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
        Covariance::Diag => Covariances::Diag(variances()),
        Covariance::Spherical => {
            let mean = |row: &[f64]| row.iter().sum::<f64>() / row.len() as f64;
            Covariances::Spherical(variances().rows().map(mean).collect())
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
