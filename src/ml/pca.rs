//! Principal components of a matrix, by the eigenvectors of its covariance. It does not know names.
//!
//! One pass for the means and one for the covariance, each over fixed chunks, so that tables of any length
//! fit and the number of threads changes no bit. scikit-learn's `PCA` takes the singular vectors of the
//! centred table instead; the components agree, with signs chosen by its rule (the largest loading of a
//! component is positive).

use serde::{Deserialize, Serialize};

use crate::{
    ml::{Matrix, eigen, error::MlError, math, simd},
    stage::work::Work,
};

/// How many components to keep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Keep {
    /// As many as there are.
    All,
    /// This many.
    Components(usize),
    /// The fewest that explain more than this share of the variance.
    Variance(f64),
}

/// Fitted principal components.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pca {
    /// The mean of each feature.
    pub mean: Vec<f64>,
    /// One unit vector of loadings a component, shape `(n_components, n_features)`.
    pub components: Vec<Vec<f64>>,
    /// The variance (ddof 1) along each component, largest first.
    pub variance: Vec<f64>,
    /// Its share of the variance of all features.
    pub variance_ratio: Vec<f64>,
    /// Whether each component is divided by its standard deviation.
    pub whiten: bool,
}

impl Pca {
    /// Learns the components of `x`, shape `(n_rows, n_features)`.
    ///
    /// # Errors
    /// If there are fewer than two rows, a value is not finite, nothing varies, or more components are
    /// asked for than rows or features.
    pub fn fit(x: &Matrix, keep: Keep, whiten: bool, work: &Work) -> Result<Pca, MlError> {
        let all = InMemory { x, work };
        Pca::fit_chunks(&all, x.n_rows(), x.n_cols(), keep, whiten, work)?
    }

    /// Learns the components of `n_rows` rows of `n_features` that come chunk by chunk, twice. The bits are those of
    /// [`Pca::fit`].
    ///
    /// # Errors
    /// The outer ones are those of `chunks`, the inner ones those of [`Pca::fit`].
    pub fn fit_chunks<C: Chunks>(
        chunks: &C,
        n_rows: usize,
        n_features: usize,
        keep: Keep,
        whiten: bool,
        work: &Work,
    ) -> Result<Result<Pca, MlError>, C::Error> {
        if let Err(error) = check(n_rows, n_features, keep) {
            return Ok(Err(error));
        }
        let (d, mut sums) = (n_features, None);
        let finite_sums = |first_row: usize, rows: &[f64]| {
            work.check()?;
            let sums = simd::run(
                #[inline(always)]
                || column_sums(rows, d),
            );
            // A value that is not finite shows in its column's sum; what it is, only a second look tells.
            if sums.iter().all(|sum| sum.is_finite()) {
                return Ok(sums);
            }
            match rows.iter().position(|v| !v.is_finite()) {
                None => Ok(sums),
                Some(at) => Err(MlError::NotFinite { row: first_row + at / d, column: at % d }),
            }
        };
        if let Err(error) = chunks.fold(&finite_sums, &mut |part| add(&mut sums, part))? {
            return Ok(Err(error));
        }
        let sums = sums.unwrap_or_default();
        let mean: Vec<f64> = sums.into_iter().map(|s| s / n_rows as f64).collect();
        let mut sums = None;
        let products = |_, rows: &[f64]| {
            work.check()?;
            Ok(simd::run(
                #[inline(always)]
                || products(rows, &mean),
            ))
        };
        if let Err(error) = chunks.fold(&products, &mut |part| add(&mut sums, part))? {
            return Ok(Err(error));
        }
        let covariance = match sums {
            Some(sums) => covariance(&sums, d, n_rows),
            None => Ok(Matrix::zeros(d, d)),
        };
        Ok(covariance.and_then(|c| components(mean, &c, n_rows.min(d), keep, whiten)))
    }

    /// Returns what takes rows of `n_features` features to their components.
    ///
    /// # Errors
    /// If the number of features is another.
    pub fn projection(&self, n_features: usize) -> Result<Projection<'_>, MlError> {
        let fits = |c: &Vec<f64>| c.len() == n_features;
        if !fits(&self.mean) || !self.components.iter().all(fits) {
            let fact = format!("{n_features} features, but {} components' worth", self.mean.len());
            return Err(MlError::Numeric(fact));
        }
        Ok(Projection { pca: self, scales: self.scales() })
    }

    /// Returns what each component is divided by. Directions without variance are not blown up.
    pub fn scales(&self) -> Vec<f64> {
        let scale = |v: &f64| if self.whiten { v.sqrt().max(f64::EPSILON) } else { 1.0 };
        self.variance.iter().map(scale).collect()
    }
}

/// Takes rows to their components.
pub struct Projection<'a> {
    pca: &'a Pca,
    scales: Vec<f64>,
}

impl Projection<'_> {
    /// Writes the components of a row, whose features are centred on the way.
    pub fn write(&self, features: &mut [f64], components: &mut [f64]) {
        features.iter_mut().zip(&self.pca.mean).for_each(|(v, mean)| *v -= mean);
        let directions = self.pca.components.iter().zip(&self.scales);
        for (out, (component, scale)) in components.iter_mut().zip(directions) {
            *out = math::dot(features, component) / scale;
        }
    }
}

/// The number of leading shares whose sum exceeds `share`.
fn enough(ratios: &[f64], share: f64) -> usize {
    let mut sum = 0.0;
    let within = |ratio: &&f64| {
        sum += **ratio;
        sum <= share
    };
    ratios.iter().take_while(within).count() + 1
}

/// Computes something of the rows of a chunk, which stand one after the other in the slice; the number counts those before.
pub type OfRows<'a> = dyn Fn(usize, &[f64]) -> Result<Vec<f64>, MlError> + Sync + 'a;

/// Rows of features that come chunk by chunk, as often as somebody asks.
pub trait Chunks {
    /// Why they cannot be read.
    type Error;

    /// Computes `f` of each chunk and hands the results to `take` in chunk order. The inner error is the first of `f`.
    ///
    /// # Errors
    /// If the rows cannot be read.
    fn fold(
        &self,
        f: &OfRows<'_>,
        take: &mut dyn FnMut(Vec<f64>),
    ) -> Result<Result<(), MlError>, Self::Error>;
}

struct InMemory<'a> {
    x: &'a Matrix,
    work: &'a Work,
}

impl Chunks for InMemory<'_> {
    type Error = MlError;

    fn fold(
        &self,
        f: &OfRows<'_>,
        take: &mut dyn FnMut(Vec<f64>),
    ) -> Result<Result<(), MlError>, MlError> {
        let d = self.x.n_cols();
        let parts = self.work.pool.map_chunks(self.x.n_rows(), |rows| {
            f(rows.start, &self.x.data()[rows.start * d..rows.end * d])
        });
        for part in parts {
            take(part?);
        }
        Ok(Ok(()))
    }
}

fn check(n_rows: usize, n_features: usize, keep: Keep) -> Result<(), MlError> {
    if n_rows < 2 {
        let what = "rows for principal components";
        return Err(MlError::TooFew { what, needed: 2, got: n_rows });
    }
    let n_most = n_rows.min(n_features);
    match keep {
        Keep::Components(asked) if asked > n_most => {
            let why = format!(
                "{asked} asked for, but {n_rows} rows of {n_features} features have {n_most} at most"
            );
            Err(MlError::Parameter { name: "components", why })
        }
        _ => Ok(()),
    }
}

fn components(
    mean: Vec<f64>,
    covariance: &Matrix,
    n_most: usize,
    keep: Keep,
    whiten: bool,
) -> Result<Pca, MlError> {
    let eigen = eigen::symmetric(covariance)?;
    // Rounding may leave the smallest eigenvalues just below zero.
    let variance: Vec<f64> = eigen.values.iter().map(|v| v.max(0.0)).collect();
    let total: f64 = variance.iter().sum();
    if total <= 0.0 {
        return Err(MlError::Numeric(
            "no feature varies, or so little that its square vanishes, so there are no principal components"
                .to_string(),
        ));
    }
    let variance_ratio: Vec<f64> = variance.iter().map(|v| v / total).collect();
    let n_kept = match keep {
        Keep::All => n_most,
        Keep::Components(asked) => asked,
        Keep::Variance(share) => enough(&variance_ratio, share).min(n_most),
    };
    Ok(Pca {
        mean,
        components: (0..n_kept).map(|i| signed(eigen.vectors.row(i))).collect(),
        variance: variance[..n_kept].to_vec(),
        variance_ratio: variance_ratio[..n_kept].to_vec(),
        whiten,
    })
}

#[inline(always)]
fn column_sums(rows: &[f64], d: usize) -> Vec<f64> {
    let mut sums = vec![0.0; d];
    for row in rows.chunks_exact(d.max(1)) {
        sums.iter_mut().zip(row).for_each(|(s, v)| *s += v);
    }
    sums
}

/// Rows that are centred and multiplied together while the nearest cache holds them.
const BLOCK_ROWS: usize = 32;
/// The products that the registers hold at a time: these many rows and columns of them.
const TILE_ROWS: usize = 4;
const TILE_COLS: usize = 16;

/// Returns the products of deviations of all pairs of columns, summed: rows of `d` rounded up to whole tiles, of which
/// only the lower triangle counts.
#[inline(always)]
fn products(rows: &[f64], mean: &[f64]) -> Vec<f64> {
    let d = mean.len().max(1);
    let width = d.next_multiple_of(TILE_COLS);
    let mut sums = vec![0.0; width * width];
    // Columns past the last stay zero.
    let mut block = vec![0.0; BLOCK_ROWS * width];
    for rows in rows.chunks(BLOCK_ROWS * d) {
        for (centred, row) in block.chunks_exact_mut(width).zip(rows.chunks_exact(d)) {
            centred.iter_mut().zip(row).zip(mean).for_each(|((c, v), m)| *c = v - m);
        }
        add_products(&mut sums, &block[..rows.len() / d * width], width);
    }
    sums
}

/// Adds the products of all pairs of columns of `block`, tile by tile of the lower triangle.
#[inline(always)]
fn add_products(sums: &mut [f64], block: &[f64], width: usize) {
    for i in (0..width).step_by(TILE_ROWS) {
        for j in (0..=i).step_by(TILE_COLS) {
            for (lane, tile) in tile(block, width, i, j).iter().enumerate() {
                let at = (i + lane) * width + j;
                sums[at..at + TILE_COLS].iter_mut().zip(tile).for_each(|(sum, t)| *sum += t);
            }
        }
    }
}

#[inline(always)]
fn tile(block: &[f64], width: usize, i: usize, j: usize) -> [[f64; TILE_COLS]; TILE_ROWS] {
    let mut sums = [[0.0; TILE_COLS]; TILE_ROWS];
    for row in block.chunks_exact(width) {
        let left = row[i..].first_chunk::<TILE_ROWS>();
        let right = row[j..].first_chunk::<TILE_COLS>();
        let (Some(left), Some(right)) = (left, right) else { continue };
        for a in 0..TILE_ROWS {
            for b in 0..TILE_COLS {
                sums[a][b] += left[a] * right[b];
            }
        }
    }
    sums
}

/// Returns the covariance (ddof 1; the lower triangle only) from the sums of [`products`].
fn covariance(sums: &[f64], d: usize, n_rows: usize) -> Result<Matrix, MlError> {
    let width = d.max(1).next_multiple_of(TILE_COLS);
    let mut covariance = Matrix::zeros(d, d);
    for (i, row) in sums.chunks_exact(width).take(d).enumerate() {
        for (c, sum) in covariance.row_mut(i)[..=i].iter_mut().zip(row) {
            *c = sum / (n_rows - 1) as f64;
        }
        if !row[i].is_finite() {
            let fact = format!("the variance of column {i} is not a number; scale the features");
            return Err(MlError::Numeric(fact));
        }
    }
    Ok(covariance)
}

fn add(total: &mut Option<Vec<f64>>, part: Vec<f64>) {
    match total {
        None => *total = Some(part),
        Some(total) => total.iter_mut().zip(part).for_each(|(a, b)| *a += b),
    }
}

/// Returns the vector or its negative, so that its largest entry (the first of equal ones) is positive.
fn signed(vector: &[f64]) -> Vec<f64> {
    let largest =
        vector.iter().fold(0.0_f64, |best, v| if v.abs() > best.abs() { *v } else { best });
    vector.iter().map(|v| if largest < 0.0 { -v } else { *v }).collect()
}

#[cfg(test)]
mod tests;
