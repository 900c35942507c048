//! Every kernel on every instruction set of this machine, compared bit by bit.
//! It does not know what is right: the kernels' own tests hold them against oracles.
//!
//! Whoever writes a kernel adds a line to [`KERNELS`]. Whole algorithms may stand there too, on one thread.

use super::*;
use crate::{
    ml::{
        Matrix,
        classify::{
            Samples,
            boost::{self, BoostParams},
            logistic::{self, LogisticParams},
            penalty::Penalty,
        },
        cluster::{
            dbscan, eps,
            gmm::{self, Covariance, GmmParams},
            hdbscan::{self, Selection},
            hierarchical::{self, Linkage},
            kmeans::{self, KMeansParams},
            oracle::blobs,
            silhouette,
        },
        math,
        pca::{Keep, Pca},
    },
    stage::work::Work,
};

/// A kernel's name, and what it returns on some data, as bits.
type Kernel = (&'static str, fn() -> Vec<u64>);

const KERNELS: &[Kernel] = &[
    ("math::dot", || data(37).rows().map(|r| math::dot(r, r).to_bits()).collect()),
    ("k-means", k_means),
    ("mixture, full", || mixture(Covariance::Full)),
    ("mixture, tied", || mixture(Covariance::Tied)),
    ("mixture, diag", || mixture(Covariance::Diag)),
    ("mixture, spherical", || mixture(Covariance::Spherical)),
    ("silhouette", mean_silhouette),
    ("trees of merges", trees),
    ("DBSCAN and HDBSCAN", densities),
    ("principal components", components),
    ("logistic regression", logistic_regression),
    ("boosted trees", boosted_trees),
];

#[test]
fn every_level_gives_the_same_bits() {
    for (name, kernel) in KERNELS {
        let mut levels = Level::all().into_iter();
        let portable = levels.next().map(|level| level.force(kernel)).unwrap();
        assert!(!portable.is_empty(), "{name} returned nothing to compare");
        for level in levels {
            assert!(level.force(kernel) == portable, "{name} differs on {}", level.name());
        }
    }
}

#[test]
fn levels_have_names_and_a_forced_one_ends_with_its_scope() {
    let names: Vec<String> = Level::all().into_iter().map(Level::name).collect();
    assert_eq!(names[0], "scalar");
    assert_eq!(names.last(), Some(&Level::best().name()));
    Level::all()[0].force(|| assert_eq!(FORCED.get().unwrap().name(), "scalar"));
    assert!(FORCED.get().is_none());
}

/// Rows that no vector width divides, of `n_cols` features around three centres.
fn data(n_cols: usize) -> Matrix {
    blobs(331, n_cols, 3, 11)
}

/// Appends the bits of `values` to `bits`.
fn extend(bits: &mut Vec<u64>, values: &[f64]) {
    bits.extend(values.iter().map(|v| v.to_bits()));
}

fn k_means() -> Vec<u64> {
    let mut bits = Vec::new();
    for n_cols in [1, 3, 16, 21] {
        let params = KMeansParams { k: 5, n_init: 2, max_iter: 30, tol: 1e-4, seed: 3 };
        let x = data(n_cols);
        let found = kmeans::fit(&x, &params, &Work::alone(1)).unwrap();
        extend(&mut bits, found.centroids.data());
        extend(&mut bits, &[found.inertia]);
        extend(&mut bits, &kmeans::margins(&x, &found, &Work::alone(1).pool));
        bits.extend(found.labels.iter().map(|&l| l as u64));
    }
    bits
}

fn mixture(covariance: Covariance) -> Vec<u64> {
    let mut bits = Vec::new();
    for n_cols in [1, 5, 9] {
        let params = GmmParams {
            k: 3,
            covariance,
            n_init: 1,
            max_iter: 10,
            tol: 1e-6,
            reg_covar: 1e-6,
            seed: 5,
        };
        let found = gmm::fit(&data(n_cols), &params, &Work::alone(1)).unwrap();
        extend(&mut bits, found.means.data());
        extend(&mut bits, &found.posteriors);
        extend(&mut bits, &[found.log_likelihood]);
    }
    bits
}

fn mean_silhouette() -> Vec<u64> {
    let x = data(16);
    let labels: Vec<i32> = (0..x.n_rows()).map(|i| (i % 4) as i32 - 1).collect();
    let (value, rows) = silhouette::mean(&x, &labels, &Work::alone(1)).unwrap().unwrap();
    vec![value.to_bits(), rows as u64]
}

fn logistic_regression() -> Vec<u64> {
    let mut bits = Vec::new();
    for n_classes in [2, 3, 11] {
        let x = data(5);
        let y: Vec<u32> = (0..x.n_rows()).map(|i| (i * i % n_classes) as u32).collect();
        let params = LogisticParams { c: 0.5, max_iter: 20, tol: 1e-6, balanced: true };
        let samples = Samples { x: &x, y: &y, n_classes };
        let found = logistic::fit(&samples, &params, &Work::alone(1)).unwrap().logistic;
        extend(&mut bits, found.coefficients.data());
        extend(&mut bits, &found.intercepts);
    }
    bits
}

fn boosted_trees() -> Vec<u64> {
    let mut bits = Vec::new();
    for n_classes in [2, 5] {
        let x = data(6);
        let y: Vec<u32> = (0..x.n_rows()).map(|i| (i * i % n_classes) as u32).collect();
        let params = BoostParams {
            rounds: 4,
            max_depth: 4,
            penalty: Penalty { alpha: 0.1, ..Penalty::default() },
            subsample: 0.9,
            max_bin: 64,
            seed: 2,
            ..BoostParams::default()
        };
        let samples = Samples { x: &x, y: &y, n_classes };
        let work = Work::alone(1);
        let found = boost::fit(&samples, None, &params, &work).unwrap();
        extend(&mut bits, found.booster.predict(&x, &work).unwrap().data());
        extend(&mut bits, &found.gain);
    }
    bits
}

fn trees() -> Vec<u64> {
    let mut bits = Vec::new();
    for n_cols in [1, 3, 16, 21] {
        for linkage in [Linkage::Ward, Linkage::Average, Linkage::Complete, Linkage::Single] {
            let merges = hierarchical::tree(&data(n_cols), linkage, &Work::alone(1)).unwrap();
            for merge in merges {
                bits.extend([merge.left as u64, merge.right as u64]);
                extend(&mut bits, &[merge.distance]);
            }
        }
    }
    bits
}

fn densities() -> Vec<u64> {
    let mut bits = Vec::new();
    let work = Work::alone(1);
    for n_cols in [1, 3, 16] {
        let x = data(n_cols);
        let (radius, _) = eps::auto(&x, 5, &work).unwrap();
        extend(&mut bits, &[radius]);
        let labels = dbscan::fit(&x, radius, 5, &work).unwrap().labels;
        bits.extend(labels.into_iter().map(|label| label as u64));
        let params = hdbscan::Params {
            min_cluster_size: 10,
            min_samples: 5,
            cluster_selection_epsilon: 0.0,
            cluster_selection_method: Selection::Eom,
            allow_single_cluster: false,
        };
        let found = hdbscan::fit(&x, &params, &work).unwrap();
        extend(&mut bits, &found.probabilities);
        extend(&mut bits, &found.core_distances);
    }
    bits
}

fn components() -> Vec<u64> {
    let mut bits = Vec::new();
    for n_cols in [1, 3, 16, 21] {
        let found = Pca::fit(&data(n_cols), Keep::All, false, &Work::alone(1)).unwrap();
        extend(&mut bits, &found.mean);
        extend(&mut bits, &found.variance);
        found.components.iter().for_each(|c| extend(&mut bits, c));
    }
    bits
}
