//! Clustering on real public datasets against scikit-learn's figures. The data is no part of the
//! repository: where it is absent the tests say so and pass.

use std::path::PathBuf;

use orchestrate::{
    ml::{
        Matrix,
        cluster::{
            gmm::{self, Covariance, GmmParams},
            hierarchical::{self, Linkage},
            kmeans::{self, KMeansParams},
            order, scores,
        },
    },
    stage::work::Work,
};

/// Reads the named columns; a blank becomes the column's median.
fn read(file: &str, columns: &[&str]) -> Option<Matrix> {
    let folder = std::env::var_os("ORCHESTRATE_REAL_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        PathBuf::from,
    );
    let path = folder.join(file);
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return None;
    }
    let mut reader = csv::Reader::from_path(path).unwrap();
    let headers = reader.headers().unwrap().clone();
    let at: Vec<usize> =
        columns.iter().map(|c| headers.iter().position(|h| h == *c).unwrap()).collect();
    let mut values = vec![Vec::new(); columns.len()];
    for record in reader.records() {
        let record = record.unwrap();
        for (column, &i) in values.iter_mut().zip(&at) {
            column.push(record[i].trim().parse::<f64>().unwrap_or(f64::NAN));
        }
    }
    values.iter_mut().for_each(|column| impute_median(column));
    Some(Matrix::from_columns(&values))
}

fn impute_median(column: &mut [f64]) {
    let mut known: Vec<f64> = column.iter().copied().filter(|v| !v.is_nan()).collect();
    known.sort_by(f64::total_cmp);
    let middle = known.len() / 2;
    let median = if known.len() % 2 == 1 {
        known[middle]
    } else {
        (known[middle - 1] + known[middle]) / 2.0
    };
    column.iter_mut().filter(|v| v.is_nan()).for_each(|v| *v = median);
}

fn z_scored(x: &Matrix) -> Matrix {
    let columns: Vec<Vec<f64>> = (0..x.n_cols())
        .map(|j| {
            let column = x.column(j);
            let n = column.len() as f64;
            let mean = column.iter().sum::<f64>() / n;
            let variance = column.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
            column.iter().map(|v| (v - mean) / variance.sqrt()).collect()
        })
        .collect();
    Matrix::from_columns(&columns)
}

fn logged(x: &Matrix) -> Matrix {
    Matrix::new(x.n_rows(), x.n_cols(), x.data().iter().map(|v| v.ln()).collect())
}

fn mall(columns: &[&str]) -> Option<Matrix> {
    read("Mall_Customers.csv", columns).map(|x| z_scored(&x))
}

const INCOME_AND_SCORE: [&str; 2] = ["Annual Income (k$)", "Spending Score (1-100)"];
const AGE_TOO: [&str; 3] = ["Age", "Annual Income (k$)", "Spending Score (1-100)"];

fn wholesale() -> Option<Matrix> {
    let columns = ["Fresh", "Milk", "Grocery", "Frozen", "Detergents_Paper", "Delicassen"];
    read("Wholesale customers data.csv", &columns)
}

fn credit_cards() -> Option<Matrix> {
    let columns = [
        "BALANCE",
        "BALANCE_FREQUENCY",
        "PURCHASES",
        "ONEOFF_PURCHASES",
        "INSTALLMENTS_PURCHASES",
        "CASH_ADVANCE",
        "PURCHASES_FREQUENCY",
        "ONEOFF_PURCHASES_FREQUENCY",
        "PURCHASES_INSTALLMENTS_FREQUENCY",
        "CASH_ADVANCE_FREQUENCY",
        "CASH_ADVANCE_TRX",
        "PURCHASES_TRX",
        "CREDIT_LIMIT",
        "PAYMENTS",
        "MINIMUM_PAYMENTS",
        "PRC_FULL_PAYMENT",
        "TENURE",
    ];
    read("CC GENERAL.csv", &columns).map(|x| z_scored(&x))
}

fn sizes(labels: &[i32]) -> Vec<usize> {
    let mut sizes = vec![0; order::n_clusters(labels)];
    labels.iter().for_each(|&l| sizes[l as usize] += 1);
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes
}

struct Expected<'a> {
    inertia: f64,
    silhouette: f64,
    davies_bouldin: f64,
    calinski_harabasz: f64,
    sizes: &'a [usize],
}

fn check_kmeans(name: &str, x: Option<Matrix>, k: usize, expected: &Expected<'_>) {
    let Some(x) = x else { return };
    let work = Work::alone(2);
    let params = KMeansParams { k, n_init: 50, max_iter: 300, tol: 1e-4, seed: 0 };
    let found = kmeans::fit(&x, &params, &work).unwrap();
    let scores = scores::all(&x, &found.labels, &work).unwrap();
    let near = |value: f64, expected: f64, tolerance: f64| {
        assert!((value - expected).abs() <= tolerance, "{name}: {value} against {expected}");
    };
    near(found.inertia, expected.inertia, 0.001 * expected.inertia);
    near(scores.silhouette.unwrap(), expected.silhouette, 0.002);
    near(scores.davies_bouldin.unwrap(), expected.davies_bouldin, 0.005);
    near(
        scores.calinski_harabasz.unwrap(),
        expected.calinski_harabasz,
        0.01 * expected.calinski_harabasz,
    );
    for (size, expected) in sizes(&found.labels).iter().zip(expected.sizes) {
        // Two starts within a hundredth of a per cent of each other differ by a row or two.
        near(*size as f64, *expected as f64, 0.01 * x.n_rows() as f64);
    }
}

#[test]
fn kmeans_reaches_the_reference_figures() {
    let expected = |inertia, silhouette, davies_bouldin, calinski_harabasz, sizes| Expected {
        inertia,
        silhouette,
        davies_bouldin,
        calinski_harabasz,
        sizes,
    };
    let cases = [
        (
            "mall 2",
            mall(&INCOME_AND_SCORE),
            5,
            expected(65.568, 0.5547, 0.5722, 248.65, &[81, 39, 35, 23, 22][..]),
        ),
        (
            "mall 3",
            mall(&AGE_TOO),
            6,
            expected(133.868, 0.4274, 0.8277, 135.10, &[45, 39, 38, 33, 24, 21]),
        ),
        (
            "wholesale",
            wholesale().map(|x| z_scored(&x)),
            2,
            expected(1954.042, 0.5673, 1.1824, 153.76, &[391, 49]),
        ),
        (
            "wholesale log",
            wholesale().map(|x| z_scored(&logged(&x))),
            2,
            expected(1847.980, 0.2900, 1.3525, 187.72, &[252, 188]),
        ),
        (
            "credit cards",
            credit_cards(),
            3,
            expected(111_973.97, 0.2510, 1.5971, 1605.08, &[6119, 1598, 1233]),
        ),
    ];
    for (name, x, k, expected) in cases {
        check_kmeans(name, x, k, &expected);
    }
}

#[test]
fn ward_has_exactly_the_reference_sizes() {
    let cases = [
        (mall(&INCOME_AND_SCORE), 5, &[85, 39, 32, 23, 21][..], 0.5538),
        (wholesale().map(|x| z_scored(&x)), 2, &[434, 6], 0.7925),
    ];
    for (x, k, expected, silhouette) in cases {
        let Some(x) = x else { continue };
        let work = Work::alone(1);
        let merges = hierarchical::tree(&x, Linkage::Ward, &work).unwrap();
        let labels = hierarchical::cut(&merges, x.n_rows(), k).unwrap();
        assert_eq!(sizes(&labels), expected);
        let found = scores::all(&x, &labels, &work).unwrap().silhouette.unwrap();
        assert!((found - silhouette).abs() < 1e-4, "{found} against {silhouette}");
    }
}

#[test]
fn mixtures_reach_the_reference_figures() {
    let cases = [
        (mall(&INCOME_AND_SCORE), 5, 1058.65, Some(-452.501)),
        (wholesale().map(|x| z_scored(&logged(&x))), 3, 6257.02, None),
    ];
    for (x, k, bic, log_likelihood) in cases {
        let Some(x) = x else { continue };
        let params = GmmParams {
            k,
            covariance: Covariance::Full,
            n_init: 50,
            max_iter: 100,
            tol: 1e-3,
            reg_covar: 1e-6,
            seed: 0,
        };
        let found = gmm::fit(&x, &params, &Work::alone(2)).unwrap();
        println!("bic {} against {bic}, log-likelihood {}", found.bic(), found.log_likelihood);
        // A better optimum than the reference's is no failure.
        assert!(found.bic() < bic + 0.001 * bic, "{} against {bic}", found.bic());
        if let Some(expected) = log_likelihood {
            assert!(found.log_likelihood > expected - 0.5, "{}", found.log_likelihood);
        }
    }
}
