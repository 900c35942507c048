//! Hand-worked cases, oracles and degenerate data of `scores`. It does not know how the results are stored.

use super::*;
use crate::ml::cluster::oracle::{blobs, close, document, labels as oracle_labels, x};

#[test]
fn agree_with_scikit_learn() {
    let (x, work) = (x(), Work::alone(2));
    for case in document()["scores"].as_array().unwrap() {
        let labels = oracle_labels(&case["labels"]);
        let found = all(&x, &labels, &work).unwrap();
        for (value, key) in [
            (found.silhouette, "silhouette"),
            (found.davies_bouldin, "davies_bouldin"),
            (found.calinski_harabasz, "calinski_harabasz"),
        ] {
            let expected = case[key].as_f64().unwrap();
            assert!(close(value.unwrap(), expected, 1e-12), "{key}: {value:?} {expected}");
        }
        assert_eq!(found.silhouette_rows, Some(labels.iter().filter(|&&l| l >= 0).count()));
    }
}

#[test]
fn a_worked_example() {
    // {0, 2} around 1 and {10, 14} around 12, the last row noise. Spreads 1 and 2, 11 apart: (1 + 2) / 11.
    // Around the mean 6.5: between 2 * 5.5^2 * 2 = 121, within 2 + 8 = 10, so 121 / 1 / (10 / 2).
    let x = Matrix::new(5, 1, vec![0.0, 10.0, 2.0, 14.0, 1000.0]);
    let labels = [0, 1, 0, 1, -1];
    let pool = Pool::new(1);
    assert_eq!(davies_bouldin(&x, &labels, &pool), Some(3.0 / 11.0));
    assert_eq!(calinski_harabasz(&x, &labels, &pool), Some(121.0 / 5.0));
}

#[test]
fn numbers_of_clusters_do_not_matter() {
    let x = blobs(80, 2, 3, 1);
    let labels: Vec<i32> = (0..80).map(|i| i % 3).collect();
    let renamed: Vec<i32> = labels.iter().map(|l| [7, 0, 3][*l as usize]).collect();
    let (a, b) = (all(&x, &labels, &Work::alone(1)), all(&x, &renamed, &Work::alone(1)));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert!(close(a.silhouette.unwrap(), b.silhouette.unwrap(), 1e-12));
    assert!(close(a.davies_bouldin.unwrap(), b.davies_bouldin.unwrap(), 1e-12));
    assert!(close(a.calinski_harabasz.unwrap(), b.calinski_harabasz.unwrap(), 1e-12));
}

#[test]
fn undefined_and_degenerate() {
    let pool = Pool::new(1);
    let x = Matrix::new(4, 1, vec![1.0, 1.0, 5.0, 5.0]);
    for labels in [[0, 0, 0, 0], [-1, -1, -1, -1], [0, 1, 2, 3], [-1, 0, 0, 0]] {
        assert_eq!(davies_bouldin(&x, &labels, &pool), None);
        assert_eq!(calinski_harabasz(&x, &labels, &pool), None);
    }
    // As scikit-learn: no spread at all gives 0 and 1.
    assert_eq!(davies_bouldin(&x, &[0, 0, 1, 1], &pool), Some(0.0));
    assert_eq!(calinski_harabasz(&x, &[0, 0, 1, 1], &pool), Some(1.0));
    assert_eq!(all(&Matrix::zeros(0, 1), &[], &Work::alone(1)).unwrap(), Scores::default());
}

#[test]
fn threads_change_no_bit() {
    let x = blobs(70_000, 2, 3, 5);
    let labels: Vec<i32> = (0..70_000).map(|i| i % 4 - 1).collect();
    let run = |n_threads| {
        let pool = Pool::new(n_threads);
        let (db, ch) = (davies_bouldin(&x, &labels, &pool), calinski_harabasz(&x, &labels, &pool));
        (db.map(f64::to_bits), ch.map(f64::to_bits))
    };
    assert!(run(1) == run(2) && run(1) == run(7));
}
