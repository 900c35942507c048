//! Hand-worked cases, oracles and degenerate data of `kmeans`. It does not know how the results are stored.

use super::*;
use crate::ml::cluster::oracle::{blobs, close, document, labels, ordered, x};

fn params(k: usize) -> KMeansParams {
    KMeansParams { k, n_init: 1, max_iter: 300, tol: 1e-4, seed: 0 }
}

#[test]
fn reaches_scikit_learns_best() {
    let x = x();
    for case in document()["kmeans"].as_array().unwrap() {
        let k = case["k"].as_u64().unwrap() as usize;
        let asked = KMeansParams { n_init: 50, tol: 0.0, ..params(k) };
        let found = fit(&x, &asked, &Work::alone(2)).unwrap();
        let expected = case["inertia"].as_f64().unwrap();
        assert!(close(found.inertia, expected, 1e-9), "k = {k}: {} {expected}", found.inertia);
        assert_eq!(ordered(&found.labels), labels(&case["labels"]), "k = {k}");
        assert!(found.converged && found.iterations > 0);
    }
}

#[test]
fn a_worked_example() {
    let x = Matrix::new(5, 1, vec![0.0, 1.0, 10.0, 11.0, 12.0]);
    let found = fit(&x, &params(2), &Work::alone(1)).unwrap();
    assert_eq!(ordered(&found.labels), [1, 1, 0, 0, 0]);
    let mut centroids = found.centroids.data().to_vec();
    centroids.sort_by(f64::total_cmp);
    assert_eq!((centroids, found.inertia), (vec![0.5, 11.0], 2.5));
    // The row at 1 is 0.5 from its own centroid and 10 from the other one.
    assert_eq!(margins(&x, &found, &Work::alone(1).pool)[1], 1.0 - 0.5 / 10.0);
}

#[test]
fn labels_centroids_and_inertia_belong_together() {
    for seed in 0..20 {
        let x = blobs(300, 3, 6, seed);
        // Two iterations end before convergence, which is where they could drift apart.
        let asked = KMeansParams { seed, max_iter: 2, n_init: 3, ..params(8) };
        let found = fit(&x, &asked, &Work::alone(1)).unwrap();
        let mut inertia = 0.0;
        for (row, &label) in x.rows().zip(&found.labels) {
            let distances: Vec<f64> =
                found.centroids.rows().map(|c| math::squared_distance(row, c)).collect();
            let nearest = distances.iter().copied().fold(f64::INFINITY, f64::min);
            assert!(close(distances[label as usize], nearest, 1e-12));
            inertia += distances[label as usize];
        }
        assert!(close(found.inertia, inertia, 1e-12));
    }
}

#[test]
fn more_starts_are_never_worse() {
    let x = blobs(400, 2, 9, 1);
    let inertia =
        |n_init| fit(&x, &KMeansParams { n_init, ..params(9) }, &Work::alone(1)).unwrap().inertia;
    assert!(inertia(10) <= inertia(1));
}

#[test]
fn threads_change_no_bit() {
    let x = blobs(70_000, 3, 4, 9);
    let run = |n_threads| {
        let asked = KMeansParams { n_init: 3, max_iter: 5, ..params(5) };
        let found = fit(&x, &asked, &Work::alone(n_threads)).unwrap();
        (found.labels, found.inertia.to_bits(), found.centroids)
    };
    let one = run(1);
    assert!(one == run(2) && one == run(7));
}

#[test]
fn an_empty_cluster_takes_the_farthest_row() {
    let x = Matrix::new(4, 1, vec![0.0, 1.0, 2.0, 9.0]);
    let centroids = Matrix::new(2, 1, vec![1.0, 100.0]);
    let mut labels = vec![-1; 4];
    let panels = Panels::new(&x);
    let pass = assign(&x, &panels, &centroids, &mut labels, &Work::alone(1).pool);
    assert_eq!(labels, [0, 0, 0, 0]);
    assert_eq!(pass.into_centroids(&x, &centroids, &labels).data(), [1.0, 9.0]);
}

#[test]
fn degenerate_data() {
    let work = Work::alone(1);
    let constant = Matrix::new(6, 2, vec![3.0; 12]);
    let found = fit(&constant, &params(3), &work).unwrap();
    assert_eq!((found.centroids.n_rows(), found.inertia), (1, 0.0));
    assert!(margins(&constant, &found, &work.pool).iter().all(|m| m.is_nan()));

    let two = Matrix::new(5, 1, vec![1.0, 2.0, 1.0, 2.0, 2.0]);
    assert_eq!(ordered(&fit(&two, &params(4), &work).unwrap().labels), [1, 0, 1, 0, 0]);

    let each_its_own = fit(&Matrix::new(3, 1, vec![1.0, 2.0, 3.0]), &params(3), &work).unwrap();
    assert_eq!((each_its_own.centroids.n_rows(), each_its_own.inertia), (3, 0.0));

    let one = fit(&Matrix::new(1, 1, vec![1.0]), &params(1), &work).unwrap();
    assert_eq!(one.labels, [0]);

    let too_few = |n_rows, n_cols, k| fit(&Matrix::zeros(n_rows, n_cols), &params(k), &work);
    assert!(matches!(too_few(0, 2, 1), Err(MlError::TooFew { what: "rows", .. })));
    assert!(matches!(too_few(3, 2, 4), Err(MlError::TooFew { what: "rows", .. })));
    assert!(matches!(too_few(3, 0, 2), Err(MlError::TooFew { what: "feature columns", .. })));
    for bad in [f64::NAN, f64::INFINITY] {
        let x = Matrix::new(2, 1, vec![1.0, bad]);
        assert_eq!(
            fit(&x, &params(1), &work).unwrap_err(),
            MlError::NotFinite { row: 1, column: 0 }
        );
    }
    let huge = Matrix::new(2, 1, vec![1e300, -1e300]);
    assert!(matches!(fit(&huge, &params(1), &work), Err(MlError::Numeric(_))));
}

#[test]
fn stops_when_asked() {
    let work = Work::alone(1);
    work.cancel.cancel();
    let found = fit(&blobs(50, 2, 2, 0), &params(2), &work);
    assert!(matches!(found, Err(MlError::Cancelled(_))));
}
