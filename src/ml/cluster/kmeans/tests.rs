//! Hand-worked cases, oracles and degenerate data of `kmeans`. It does not know how the results are stored.

use super::*;
use crate::{
    base::memory::Memory,
    ml::{
        cluster::oracle::{blobs, close, document, labels, ordered, with_far_rows, x},
        simd::Scalar,
    },
};

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

/// Without room for a copy in single precision the panels are made as they are looked at.
#[test]
fn little_memory_changes_no_bit() {
    let x = blobs(66_003, 3, 4, 9);
    let run = |memory| {
        let pool = Pool::new(2).with_memory(Memory::new(memory));
        let asked = KMeansParams { n_init: 2, max_iter: 8, ..params(5) };
        let found = fit(&x, &asked, &Work { pool, ..Work::alone(1) }).unwrap();
        (found.labels, found.inertia.to_bits(), found.centroids, found.iterations)
    };
    assert!(run(None) == run(Some(1)));
}

#[test]
fn a_long_table_ends_where_all_its_rows_are_at_rest() {
    let x = blobs(70_000, 2, 6, 3);
    let work = Work::alone(2);
    let params = KMeansParams { n_init: 10, ..params(6) };
    assert!(!growing::parts(&x, params.k, params.seed).is_empty());
    let found = fit(&x, &params, &work).unwrap();
    let again = fit_from(&x, &found.centroids, &params, &work).unwrap();
    assert!(found.converged && again.iterations == 1, "{}", again.iterations);
    let whole = Starts::new(&[], &x, &params, &work.pool).unwrap().best(0, &work).unwrap();
    assert!(close(found.inertia, whole.inertia, 1e-4), "{} {}", found.inertia, whole.inertia);
    assert!(found.iterations < whole.iterations);
}

#[test]
fn a_row_that_the_parts_of_a_long_table_lack_is_not_lost() {
    let mut values: Vec<f64> = (0..70_000).map(|i| f64::from(i % 2)).collect();
    values[4711] = 500.0;
    let x = Matrix::new(values.len(), 1, values);
    let mut n_lacking = 0;
    for seed in 0..4 {
        let params = KMeansParams { seed, ..params(3) };
        let parts = growing::parts(&x, 3, seed);
        n_lacking += usize::from(parts.iter().all(|part| !part.data().contains(&500.0)));
        let mut centroids = fit(&x, &params, &Work::alone(1)).unwrap().centroids.data().to_vec();
        centroids.sort_by(f64::total_cmp);
        assert_eq!(centroids, [0.0, 1.0, 500.0]);
    }
    assert!(n_lacking > 0);
}

/// Two rows in half a million carried a third of all variance, no part had them, and they never got a centroid.
#[test]
fn few_rows_far_away_get_their_centroid_in_a_long_table() {
    let x = with_far_rows();
    let work = Work::alone(2);
    for seed in 0..4 {
        let asked = KMeansParams { seed, n_init: 2, ..params(3) };
        let found = fit(&x, &asked, &work).unwrap();
        let whole = Starts::new(&[], &x, &asked, &work.pool).unwrap().best(0, &work).unwrap();
        assert!(found.inertia <= 1.02 * whole.inertia, "{} {}", found.inertia, whole.inertia);
        assert_ne!(found.labels[4711], found.labels[0]);
    }
}

#[test]
fn a_clustering_of_some_rows_extends_to_the_others() {
    let x = blobs(900, 3, 4, 8);
    let work = Work::alone(1);
    let some: Vec<usize> = (0..900).step_by(3).collect();
    let found = fit(&x.select_rows(&some), &params(4), &work).unwrap();
    let all = extend(&x, found.clone(), &work).unwrap();
    assert_eq!(all.centroids, found.centroids);
    assert_eq!((all.iterations, all.converged), (found.iterations, found.converged));
    let mut inertia = 0.0;
    for (row, &label) in x.rows().zip(&all.labels) {
        let distance = |c: usize| math::squared_distance(row, found.centroids.row(c));
        assert!((0..4).all(|c| distance(label as usize) <= distance(c)));
        inertia += distance(label as usize);
    }
    assert!(close(all.inertia, inertia, 1e-12));
}

#[test]
fn an_empty_cluster_takes_the_farthest_row() {
    let x = Matrix::new(4, 1, vec![0.0, 1.0, 2.0, 9.0]);
    let centroids = Matrix::new(2, 1, vec![1.0, 100.0]);
    let pool = Pool::new(1);
    let rows = Rows::new(&x, &pool).unwrap();
    let mut walk = lloyd::Walk::new(&rows, 2);
    assert_eq!(walk.label(&centroids, &pool), 4);
    assert_eq!(walk.labels(), [0; 4]);
    assert_eq!(walk.means(&centroids).data(), [1.0, 9.0]);
}

/// Lloyd's iterations as the book has them, all in double precision, empty clusters given the farthest rows.
fn by_the_book(x: &Matrix, mut centroids: Matrix, max_iter: usize) -> (Vec<i32>, Matrix) {
    let mut labels = Vec::new();
    for iteration in 0..=max_iter {
        let next: Vec<u32> = x.rows().map(|row| nearest::plain(row, &centroids)).collect();
        if iteration == max_iter || next == labels {
            return (next.iter().map(|&l| l as i32).collect(), centroids);
        }
        labels = next;
        let mut sums = sums::Sums::new(centroids.n_rows(), x.n_cols());
        x.rows()
            .zip(&labels)
            .for_each(|(row, &label)| sums.move_row(Scalar::new(), row, sums::NONE, label));
        let distance = |i: usize| {
            let own = centroids.row(labels[i] as usize);
            math::squared_distance(x.row(i), own)
        };
        let mut far: Vec<usize> = (0..x.n_rows()).filter(|&i| distance(i) > 0.0).collect();
        far.sort_by(|&a, &b| distance(b).total_cmp(&distance(a)));
        let empty: Vec<usize> = (0..centroids.n_rows()).filter(|&c| sums.counts[c] == 0).collect();
        for (&c, &i) in empty.iter().zip(&far) {
            sums.move_row(Scalar::new(), x.row(i), labels[i], c as u32);
        }
        for c in (0..centroids.n_rows()).filter(|&c| sums.counts[c] > 0) {
            sums.mean(c, centroids.row_mut(c));
        }
    }
    unreachable!("the last iteration returns")
}

/// The first `k` rows that differ, so that no cluster begins empty.
fn distinct_rows(x: &Matrix, k: usize) -> Matrix {
    let mut rows: Vec<usize> = Vec::new();
    for i in 0..x.n_rows() {
        if rows.len() < k && rows.iter().all(|&r| x.row(r) != x.row(i)) {
            rows.push(i);
        }
    }
    x.select_rows(&rows)
}

#[test]
fn labels_are_those_of_double_precision() {
    let whole = |x: Matrix| {
        let values = x.data().iter().map(|v| v.round()).collect();
        Matrix::new(x.n_rows(), x.n_cols(), values)
    };
    let moved = |x: Matrix, shift: f64, scale: f64| {
        let values = x.data().iter().map(|v| v * scale + shift).collect();
        Matrix::new(x.n_rows(), x.n_cols(), values)
    };
    let outlier = |mut x: Matrix| {
        x.row_mut(7)[0] = 1e12;
        x
    };
    for seed in 0..2 {
        for (n, d, k) in [(700, 2, 3), (8300, 1, 5), (500, 21, 13)] {
            let base = || blobs(n, d, 6, seed);
            let tables = [
                base(),
                // Many rows lie exactly between centroids.
                whole(base()),
                moved(base(), 1e9, 1.0),
                moved(base(), 0.0, 1e-130),
                moved(base(), 0.0, 1e120),
                outlier(base()),
            ];
            for (t, x) in tables.iter().enumerate() {
                let start = distinct_rows(x, k);
                let asked = KMeansParams { max_iter: 12, tol: 0.0, ..params(k) };
                let found = fit_from(x, &start, &asked, &Work::alone(2)).unwrap();
                let (labels, centroids) = by_the_book(x, start, 12);
                let n_wrong = found.labels.iter().zip(&labels).filter(|(a, b)| a != b).count();
                assert_eq!(n_wrong, 0, "seed {seed}, {n} rows, table {t}");
                let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-14 * b.abs();
                assert!(found.centroids.data().iter().zip(centroids.data()).all(near));
            }
        }
    }
}

#[test]
fn starts_far_outside_of_the_data_are_looked_at_in_double_precision() {
    let x = Matrix::new(4, 1, vec![0.0, 1.0, 2.0, 9.0]);
    let start = Matrix::new(3, 1, vec![1e30, -1e130, 1e30]);
    let found = fit_from(&x, &start, &params(3), &Work::alone(1)).unwrap();
    assert_eq!(found.inertia, 0.5);
    let wrong = fit_from(&x, &Matrix::zeros(2, 2), &params(2), &Work::alone(1));
    assert!(matches!(wrong, Err(MlError::Parameter { name: "centroids", .. })));
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
    assert!(matches!(too_few(3, 2, 4), Err(MlError::Parameter { name: "k", .. })));
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
