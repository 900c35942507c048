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

    /// Returns the components of every row, shape `(n_rows, n_components)`.
    ///
    /// # Errors
    /// If the number of features is another, or the work is cancelled.
    pub fn apply(&self, x: &Matrix, work: &Work) -> Result<Matrix, MlError> {
        let k = self.components.len();
        if x.n_cols() != self.mean.len() || self.components.iter().any(|c| c.len() != x.n_cols()) {
            let fact =
                format!("{} features, but {} components' worth", x.n_cols(), self.mean.len());
            return Err(MlError::Numeric(fact));
        }
        let scales = self.scales();
        let mut out = Matrix::zeros(x.n_rows(), k);
        let chunks = work.pool.fill_chunks(out.data_mut(), k, |rows, slice| {
            work.check()?;
            let mut centred = vec![0.0; x.n_cols()];
            for (i, out) in rows.zip(slice.chunks_exact_mut(k.max(1))) {
                for ((c, v), mean) in centred.iter_mut().zip(x.row(i)).zip(&self.mean) {
                    *c = v - mean;
                }
                for ((out, component), scale) in out.iter_mut().zip(&self.components).zip(&scales) {
                    *out = math::dot(&centred, component) / scale;
                }
            }
            Ok(())
        });
        chunks.into_iter().collect::<Result<(), MlError>>()?;
        Ok(out)
    }

    /// What each component is divided by. Directions without variance are not blown up.
    fn scales(&self) -> Vec<f64> {
        let scale = |v: &f64| if self.whiten { v.sqrt().max(f64::EPSILON) } else { 1.0 };
        self.variance.iter().map(scale).collect()
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
mod tests {
    use linfa::traits::{Fit, Predict};

    use super::*;
    use crate::ml::rng::Rng;

    fn sample(n: usize, d: usize, seed: u64) -> Matrix {
        let mut rng = Rng::new(seed);
        let mut x = Matrix::zeros(n, d);
        for i in 0..n {
            let common = rng.normal();
            for (j, v) in x.row_mut(i).iter_mut().enumerate() {
                *v = 10.0 + common * (j + 1) as f64 + rng.normal() / (j + 1) as f64;
            }
        }
        x
    }

    #[test]
    fn hand_worked() {
        // On the line y = 2x: one component along (1, 2) / sqrt 5, variance 5 * var(x).
        let x = Matrix::new(3, 2, vec![0.0, 0.0, 1.0, 2.0, 2.0, 4.0]);
        let work = Work::alone(1);
        let pca = Pca::fit(&x, Keep::Variance(0.95), false, &work).unwrap();
        assert_eq!(pca.components.len(), 1);
        let root = 5.0_f64.sqrt();
        assert!((pca.components[0][0] - 1.0 / root).abs() < 1e-15);
        assert!((pca.components[0][1] - 2.0 / root).abs() < 1e-15);
        assert!((pca.variance[0] - 5.0).abs() < 1e-14);
        let out = pca.apply(&x, &work).unwrap();
        for (value, expected) in out.data().iter().zip([-root, 0.0, root]) {
            assert!((value - expected).abs() < 1e-14);
        }
    }

    #[test]
    fn linfa_finds_the_same_components() {
        let x = sample(500, 6, 1);
        let work = Work::alone(1);
        let ours = Pca::fit(&x, Keep::Components(3), false, &work).unwrap();
        let records =
            ndarray::Array2::from_shape_vec((500, 6), x.data().to_vec()).expect("the shape fits");
        let data = linfa::DatasetBase::from(records);
        let theirs = linfa_reduction::Pca::params(3).fit(&data).unwrap();
        let theirs = theirs.predict(&data);
        let out = ours.apply(&x, &work).unwrap();
        for k in 0..3 {
            let same = (0..500).map(|i| (out.row(i)[k] - theirs[(i, k)]).abs()).fold(0.0, f64::max);
            let flipped =
                (0..500).map(|i| (out.row(i)[k] + theirs[(i, k)]).abs()).fold(0.0, f64::max);
            assert!(same.min(flipped) < 1e-6, "component {k}: {same} {flipped}");
        }
    }

    #[test]
    fn whitened_components_are_uncorrelated_with_variance_one() {
        let x = sample(400, 5, 2);
        let work = Work::alone(1);
        let out = Pca::fit(&x, Keep::All, true, &work).unwrap().apply(&x, &work).unwrap();
        let covariance = moments(&out).1;
        for i in 0..5 {
            for j in 0..=i {
                let expected = f64::from(u8::from(i == j));
                assert!((covariance.row(i)[j] - expected).abs() < 1e-9);
            }
        }
    }

    fn moments(x: &Matrix) -> (Vec<f64>, Matrix) {
        let (n, d) = (x.n_rows(), x.n_cols());
        let mean: Vec<f64> = column_sums(x.data(), d).iter().map(|s| s / n as f64).collect();
        let covariance = covariance(&products(x.data(), &mean), d, n).unwrap();
        (mean, covariance)
    }

    #[test]
    fn moments_are_those_of_plain_sums() {
        let mut rng = Rng::new(6);
        for (n, d) in [(2, 1), (31, 5), (33, 16), (100, 17), (64, 33), (200, 3)] {
            let large = 1e6;
            let x = Matrix::new(n, d, (0..n * d).map(|_| large + rng.normal()).collect());
            let (mean, covariance) = moments(&x);
            for i in 0..d {
                let plain = large + x.rows().map(|r| r[i] - large).sum::<f64>() / n as f64;
                assert!((mean[i] - plain).abs() < 1e-8, "{n} x {d}");
                for j in 0..=i {
                    let product = |r: &[f64]| (r[i] - mean[i]) * (r[j] - mean[j]);
                    let plain = x.rows().map(product).sum::<f64>() / (n - 1) as f64;
                    assert!((covariance.row(i)[j] - plain).abs() < 1e-8, "{n} x {d}: {i}, {j}");
                }
            }
        }
    }

    #[test]
    fn scales_whose_squares_do_not_fit() {
        let work = Work::alone(1);
        let scaled = |scale: f64| {
            let x = sample(50, 3, 4);
            Matrix::new(50, 3, x.data().iter().map(|v| v * scale).collect())
        };
        let message =
            |scale| Pca::fit(&scaled(scale), Keep::All, false, &work).unwrap_err().to_string();
        assert!(message(1e300).contains("column 0") && message(1e300).contains("scale"));
        assert!(message(1e-300).contains("so little"));
        let plain = Pca::fit(&scaled(1.0), Keep::All, false, &work).unwrap();
        for scale in [1e-120, 1e120] {
            let found = Pca::fit(&scaled(scale), Keep::All, false, &work).unwrap();
            for (a, b) in found.components.iter().flatten().zip(plain.components.iter().flatten()) {
                assert!((a - b).abs() < 1e-9, "{scale}");
            }
        }
    }

    #[test]
    fn threads_change_no_bit() {
        let x = sample(150_000, 4, 3);
        let run = |n_threads| {
            let work = Work::alone(n_threads);
            let pca = Pca::fit(&x, Keep::All, false, &work).unwrap();
            let out = pca.apply(&x, &work).unwrap();
            (pca, out.data().iter().map(|v| v.to_bits()).collect::<Vec<_>>())
        };
        let one = run(1);
        assert!(one == run(2) && one == run(7));
    }

    #[test]
    fn degenerate_data() {
        let work = Work::alone(1);
        let fit = |x: &Matrix, keep| Pca::fit(x, keep, false, &work);
        assert!(matches!(fit(&sample(1, 3, 0), Keep::All), Err(MlError::TooFew { .. })));
        assert!(matches!(fit(&sample(0, 3, 0), Keep::All), Err(MlError::TooFew { .. })));
        assert!(matches!(
            fit(&sample(9, 3, 0), Keep::Components(4)),
            Err(MlError::Parameter { .. })
        ));
        assert!(matches!(fit(&Matrix::zeros(3, 0), Keep::All), Err(MlError::Numeric(_))));
        let constant = Matrix::new(3, 2, vec![1.0; 6]);
        assert!(matches!(fit(&constant, Keep::All), Err(MlError::Numeric(_))));
        let mut gap = sample(9, 3, 0);
        gap.row_mut(4)[1] = f64::NAN;
        assert_eq!(fit(&gap, Keep::All), Err(MlError::NotFinite { row: 4, column: 1 }));
        // More features than rows, a feature twice, a constant one.
        let wide = fit(&sample(4, 9, 0), Keep::All).unwrap();
        assert_eq!(wide.components.len(), 4);
        assert!(wide.variance[3] < 1e-12);
        assert_eq!(fit(&sample(50, 3, 0), Keep::Variance(1.0)).unwrap().components.len(), 3);
        assert_eq!(fit(&sample(50, 3, 0), Keep::Variance(0.0)).unwrap().components.len(), 1);
    }
}
