//! Oracles, plain algorithms and degenerate data of `hdbscan`. It does not know how results are stored.

use super::*;
use crate::ml::{
    cluster::{
        oracle::{blobs, document, floats, labels as oracle_labels, ordered, x},
        order,
    },
    math,
    rng::Rng,
};

fn params(min_cluster_size: usize, min_samples: usize) -> Params {
    Params {
        min_cluster_size,
        min_samples,
        cluster_selection_epsilon: 0.0,
        cluster_selection_method: Selection::Eom,
        allow_single_cluster: false,
    }
}

fn fit_alone(x: &Matrix, params: &Params) -> Clustering {
    fit(x, params, &Work::alone(1)).unwrap()
}

#[test]
fn labels_and_probabilities_are_scikit_learns() {
    let x = x();
    for case in document()["hdbscan"].as_array().unwrap() {
        let count = |name: &str| case[name].as_u64().unwrap() as usize;
        let params = Params {
            cluster_selection_epsilon: case["epsilon"].as_f64().unwrap(),
            cluster_selection_method: match case["method"].as_str().unwrap() {
                "leaf" => Selection::Leaf,
                _ => Selection::Eom,
            },
            allow_single_cluster: case["single"].as_bool().unwrap(),
            ..params(count("min_cluster_size"), count("min_samples"))
        };
        let found = fit_alone(&x, &params);
        // Rows that scikit-learn itself assigns in another way when the rows come in another order.
        let unsure = oracle_labels(&case["unsure"]);
        let labels = oracle_labels(&case["labels"]);
        let probabilities = floats(&case["probabilities"]);
        let ours = ordered(&found.labels);
        for row in (0..x.n_rows()).filter(|&row| !unsure.contains(&(row as i32))) {
            assert_eq!(ours[row], labels[row], "{params:?}, row {row}");
            let (p, theirs) = (found.probabilities[row], probabilities[row]);
            assert!((p - theirs).abs() < 1e-12, "{params:?}, row {row}: {p} {theirs}");
        }
    }
}

/// The weights of the tree that Prim's algorithm finds among all pairs.
fn plain_weights(x: &Matrix, cores: &[f64]) -> Vec<f64> {
    let n = x.n_rows();
    let mut nearest = vec![f64::INFINITY; n];
    let mut in_tree = vec![false; n];
    let mut weights = Vec::new();
    let mut last = 0;
    for _ in 1..n {
        in_tree[last] = true;
        for other in (0..n).filter(|&i| !in_tree[i]) {
            let distance: f64 =
                x.row(last).iter().zip(x.row(other)).map(|(a, b)| (a - b) * (a - b)).sum();
            nearest[other] = nearest[other].min(distance.max(cores[last]).max(cores[other]));
        }
        last = (0..n)
            .filter(|&i| !in_tree[i])
            .min_by(|&a, &b| nearest[a].total_cmp(&nearest[b]))
            .unwrap();
        weights.push(nearest[last]);
    }
    weights.sort_by(f64::total_cmp);
    weights
}

#[test]
fn core_distances_and_the_spanning_tree_are_those_of_the_plain_algorithms() {
    let work = Work::alone(2);
    for (n_rows, n_cols, min_samples) in [(2, 1, 1), (150, 2, 1), (400, 3, 6), (300, 12, 10)] {
        let x = blobs(n_rows, n_cols, 3, n_rows as u64);
        let index = Neighbours::new(&x);
        let cores = core_distances(&x, &index, &vec![1; n_rows], min_samples, &work).unwrap();
        for (i, core) in cores.iter().enumerate() {
            let mut all: Vec<f64> = x.rows().map(|r| math::squared_distance(x.row(i), r)).collect();
            all.sort_by(f64::total_cmp);
            assert!((core - all[min_samples - 1]).abs() < 1e-9);
        }
        let edges = spanning::tree(&x, &index, &cores, &work).unwrap();
        let weights: Vec<f64> = edges.iter().map(|e| e.weight).collect();
        assert_eq!(weights, plain_weights(&x, &cores), "{n_rows} x {n_cols}, {min_samples}");
    }
}

#[test]
fn a_row_that_joins_two_clusters_at_one_density_goes_to_the_nearer() {
    // Two groups of five with a row between them, whose second neighbour is as far to the left as to the right: at three
    // samples both of its edges weigh the same.
    let groups = [8.0, 8.25, 8.5, 8.75, 9.0, 11.5, 11.75, 12.0, 12.25, 12.5];
    let goes_left = |between: f64| {
        let values: Vec<f64> = groups.into_iter().chain([between]).collect();
        let labels = fit_alone(&Matrix::new(11, 1, values), &params(5, 3)).labels;
        assert!(labels[0] != labels[9] && labels[10] != NOISE);
        labels[10] == labels[0]
    };
    assert!(goes_left(10.125) && !goes_left(10.375));
    assert!(goes_left(10.25), "of equally near rows the lower wins");
}

#[test]
fn shapes_that_are_no_balls_and_the_noise_between() {
    let mut rng = Rng::new(2);
    let mut values = Vec::new();
    for i in 0..400 {
        // A ring in a ring.
        let radius = if i % 2 == 0 { 1.0 } else { 4.0 };
        let (c, s) = (rng.normal(), rng.normal());
        let scale = (radius + 0.05 * rng.normal()) / (c * c + s * s).sqrt();
        values.extend([scale * c, scale * s]);
    }
    values.extend([40.0, 40.0, -40.0, 30.0]);
    let x = Matrix::new(402, 2, values);
    let found = fit_alone(&x, &params(30, 5));
    assert_eq!(order::n_clusters(&found.labels), 2);
    assert_eq!(found.labels[400..], [NOISE, NOISE]);
    assert_eq!(found.probabilities[400..], [0.0, 0.0]);
    assert!((0..400).all(|i| found.labels[i] == found.labels[i % 2]));
    assert!(found.probabilities[..400].iter().all(|p| (0.0..=1.0).contains(p)));
}

#[test]
fn threads_change_nothing() {
    let x = blobs(1500, 3, 4, 2);
    let run = |n_threads| fit(&x, &params(10, 6), &Work::alone(n_threads)).unwrap();
    assert!(run(1) == run(2) && run(1) == run(7));
}

#[test]
fn many_equal_rows_are_one_place() {
    // 20,000 rows in 4 places: all pairs would be 200 million.
    let places = [[0.0, 0.0], [5.0, 1.0], [9.0, -3.0], [9.5, -3.0]];
    let values: Vec<f64> = (0..20_000).flat_map(|i| places[i % 4]).collect();
    let found = fit_alone(&Matrix::new(20_000, 2, values), &params(50, 20));
    assert_eq!(order::n_clusters(&found.labels), 4);
    assert!((0..20_000).all(|i| found.labels[i] == found.labels[i % 4]));
    assert!(found.probabilities.iter().all(|p| *p == 1.0));
    assert!(found.core_distances.iter().all(|d| *d == 0.0));
    assert!(found.births.iter().all(|b| b.is_finite()));
    assert!(found.deaths.iter().all(|d| d.is_infinite()));
}

#[test]
fn degenerate_data() {
    let work = Work::alone(1);
    let labels_of = |x: &Matrix, p: &Params| fit(x, p, &work).unwrap().labels;
    assert_eq!(labels_of(&Matrix::zeros(0, 2), &params(5, 5)), Vec::<i32>::new());
    assert_eq!(labels_of(&Matrix::zeros(1, 2), &params(5, 1)), [NOISE]);
    assert_eq!(labels_of(&Matrix::zeros(2, 2), &params(2, 1)), [NOISE; 2]);
    assert_eq!(labels_of(&Matrix::zeros(4, 2), &params(2, 5)), [NOISE; 4], "min_samples above n");
    assert_eq!(labels_of(&blobs(30, 2, 2, 1), &params(31, 2)), [NOISE; 30]);
    let single = Params { allow_single_cluster: true, ..params(5, 5) };
    assert_eq!(labels_of(&Matrix::zeros(500, 2), &single), [0; 500]);
    assert_eq!(labels_of(&Matrix::zeros(500, 2), &params(5, 5)), [NOISE; 500]);
    // Collinear columns and another scale change nothing.
    let plain = blobs(200, 1, 3, 8);
    let twice = Matrix::from_columns(&[plain.column(0), plain.column(0)]);
    assert_eq!(labels_of(&plain, &params(10, 5)), labels_of(&twice, &params(10, 5)));
    for scale in [1e-120, 1e130] {
        let scaled = plain.data().iter().map(|v| v * scale).collect();
        let labels = labels_of(&Matrix::new(200, 1, scaled), &params(10, 5));
        assert_eq!(labels, labels_of(&plain, &params(10, 5)), "{scale}");
    }
    for bad in [f64::NAN, f64::INFINITY, 1e300] {
        assert!(fit(&Matrix::new(1, 1, vec![bad]), &params(5, 1), &work).is_err());
    }
    assert!(fit(&Matrix::zeros(4, 0), &params(5, 5), &work).is_err());
    for wrong in [
        params(1, 5),
        params(5, 0),
        Params { cluster_selection_epsilon: f64::NAN, ..params(5, 5) },
        Params { cluster_selection_epsilon: -1.0, ..params(5, 5) },
    ] {
        assert!(matches!(fit(&plain, &wrong, &work), Err(MlError::Parameter { .. })), "{wrong:?}");
    }
}
