//! Hand-worked cases, oracles and degenerate data of `hierarchical`. It does not know how the results are stored.

use super::*;
use crate::ml::agreement::Contingency;
use crate::ml::cluster::oracle::{blobs, close, document, labels, ordered, x};

const LINKAGES: [(Linkage, &str); 4] = [
    (Linkage::Ward, "ward"),
    (Linkage::Average, "average"),
    (Linkage::Complete, "complete"),
    (Linkage::Single, "single"),
];

#[test]
fn trees_and_cuts_are_scipys_and_scikit_learns() {
    let x = x();
    for case in document()["hierarchical"].as_array().unwrap() {
        let (linkage, name) = *LINKAGES.iter().find(|(_, name)| *name == case["linkage"]).unwrap();
        let merges = tree(&x, linkage, &Work::alone(1)).unwrap();
        let expected = case["tree"].as_array().unwrap();
        assert_eq!(merges.len(), expected.len());
        for (m, (merge, row)) in merges.iter().zip(expected).enumerate() {
            let row: Vec<f64> =
                row.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
            let parts = [merge.left as f64, merge.right as f64, merge.size as f64];
            assert_eq!(parts, [row[0], row[1], row[3]], "{name}, merge {m}");
            assert!(close(merge.distance, row[2], 1e-12), "{name}, merge {m}");
        }
        for (k, cut_labels) in case["labels"].as_object().unwrap() {
            let found = cut(&merges, x.n_rows(), k.parse().unwrap()).unwrap();
            assert_eq!(ordered(&found), labels(cut_labels), "{name}, k = {k}");
        }
    }
}

/// Merges the two nearest clusters by looking at all pairs of rows each time.
fn plain(x: &Matrix, linkage: Linkage) -> Vec<f64> {
    let mut clusters: Vec<Vec<usize>> = (0..x.n_rows()).map(|i| vec![i]).collect();
    let between = |a: &[usize], b: &[usize]| {
        let distance =
            |i: usize, j: usize| crate::ml::math::squared_distance(x.row(i), x.row(j)).sqrt();
        let all: Vec<f64> =
            a.iter().flat_map(|&i| b.iter().map(move |&j| distance(i, j))).collect();
        let mean = |rows: &[usize]| -> Vec<f64> {
            let sum = |j| rows.iter().map(|&i| x.row(i)[j]).sum::<f64>();
            (0..x.n_cols()).map(|j| sum(j) / rows.len() as f64).collect()
        };
        match linkage {
            Linkage::Average => all.iter().sum::<f64>() / all.len() as f64,
            Linkage::Complete => all.iter().copied().fold(0.0, f64::max),
            Linkage::Single => all.iter().copied().fold(f64::INFINITY, f64::min),
            Linkage::Ward => {
                let (n, m) = (a.len() as f64, b.len() as f64);
                let apart = crate::ml::math::squared_distance(&mean(a), &mean(b));
                (2.0 * n * m / (n + m) * apart).sqrt()
            }
        }
    };
    let mut heights = Vec::new();
    while clusters.len() > 1 {
        let pairs = (0..clusters.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
        let (i, j) = pairs
            .min_by(|a, b| {
                let height = |p: &(usize, usize)| between(&clusters[p.0], &clusters[p.1]);
                height(a).total_cmp(&height(b))
            })
            .unwrap();
        heights.push(between(&clusters[i], &clusters[j]));
        let merged = clusters.swap_remove(i);
        clusters[j].extend(merged);
    }
    heights
}

#[test]
fn heights_are_those_of_the_plain_algorithm() {
    for seed in 0..6 {
        let x = blobs(30, 2, 3, seed);
        for (linkage, name) in LINKAGES {
            let heights = tree(&x, linkage, &Work::alone(1)).unwrap();
            for (merge, expected) in heights.iter().zip(plain(&x, linkage)) {
                assert!(close(merge.distance, expected, 1e-10), "{name}, seed {seed}");
            }
        }
    }
}

#[test]
fn clusters_are_nested_and_k_is_met() {
    let x = blobs(90, 3, 5, 11);
    for (linkage, name) in LINKAGES {
        let merges = tree(&x, linkage, &Work::alone(1)).unwrap();
        assert!(merges.windows(2).all(|w| w[0].distance <= w[1].distance), "{name}");
        assert_eq!(merges.last().unwrap().size, 90);
        let mut coarser = cut(&merges, 90, 1).unwrap();
        for k in 2..=90 {
            let finer = cut(&merges, 90, k).unwrap();
            assert_eq!(finer.iter().max().unwrap() + 1, k as i32, "{name}");
            let mut parents = vec![-1; k];
            for (f, c) in finer.iter().zip(&coarser) {
                let parent = &mut parents[*f as usize];
                assert!(*parent == -1 || parent == c, "{name}: not nested at {k}");
                *parent = *c;
            }
            coarser = finer;
        }
    }
}

#[test]
fn duplicates_merge_at_zero() {
    let x = Matrix::new(6, 1, vec![1.0, 5.0, 1.0, 5.0, 1.0, 9.0]);
    for (linkage, name) in LINKAGES {
        let merges = tree(&x, linkage, &Work::alone(1)).unwrap();
        assert!(merges[..3].iter().all(|m| m.distance == 0.0), "{name}");
        assert_eq!(cut(&merges, 6, 3).unwrap(), [0, 1, 0, 1, 0, 2], "{name}");
    }
}

#[test]
fn degenerate_data() {
    let work = Work::alone(1);
    for (linkage, _) in LINKAGES {
        let one = tree(&Matrix::new(1, 1, vec![4.0]), linkage, &work).unwrap();
        assert_eq!((one.len(), cut(&one, 1, 1)), (0, Ok(vec![0])));
        assert!(cut(&one, 1, 2).is_err() && cut(&one, 1, 0).is_err());
        let nothing = tree(&Matrix::zeros(0, 2), linkage, &work);
        assert!(matches!(nothing, Err(MlError::TooFew { .. })));
        let bad = tree(&Matrix::new(2, 1, vec![1.0, f64::NAN]), linkage, &work);
        assert!(matches!(bad, Err(MlError::NotFinite { .. })));
        let constant = tree(&Matrix::new(20, 2, vec![2.0; 40]), linkage, &work).unwrap();
        assert_eq!(cut(&constant, 20, 20).unwrap(), (0..20).collect::<Vec<i32>>());
    }
    let many = Matrix::new(16_385, 1, (0..16_385).map(f64::from).collect());
    assert_eq!(many.n_rows(), MAX_PAIRWISE_ROWS + 1);
    let error = tree(&many, Linkage::Average, &work).unwrap_err().to_string();
    assert!(error.contains("16385 distinct rows") && error.contains("ward"), "{error}");
    assert!(tree(&Matrix::new(1, 1, vec![1e300]), Linkage::Ward, &work).is_err());
    // Collinear columns and other scales change nothing.
    let plain = blobs(120, 1, 3, 4);
    let labels = |x: &Matrix, linkage| cut(&tree(x, linkage, &work).unwrap(), 120, 4).unwrap();
    for (linkage, name) in LINKAGES {
        let twice = Matrix::from_columns(&[plain.column(0), plain.column(0), vec![7.0; 120]]);
        assert_eq!(labels(&twice, linkage), labels(&plain, linkage), "{name}");
        for scale in [1e-120, 1e130] {
            let values = plain.data().iter().map(|v| v * scale).collect();
            let scaled = Matrix::new(120, 1, values);
            assert_eq!(labels(&scaled, linkage), labels(&plain, linkage), "{name} {scale}");
        }
    }
}

#[test]
fn many_equal_rows_are_merged_as_one() {
    // 30,000 rows in 5 places: their pairs would be 450 million.
    let place = |i: usize| [0.0, 1.0, 10.0, 12.0, 50.0][i % 5];
    let x = Matrix::new(30_000, 1, (0..30_000).map(place).collect());
    for (linkage, name) in LINKAGES {
        let merges = tree(&x, linkage, &Work::alone(2)).unwrap();
        assert_eq!(merges.len(), 29_999);
        assert_eq!(merges.last().unwrap().size, 30_000);
        let labels = cut(&merges, 30_000, 3).unwrap();
        assert!((0..30_000).all(|i| labels[i] == [0, 0, 1, 1, 2][i % 5]), "{name}");
    }
}

#[test]
fn lattices_full_of_ties_give_the_plain_heights() {
    // Every step of the chain has several nearest clusters.
    let x =
        Matrix::new(64, 2, (0..64).flat_map(|i| [f64::from(i / 8), f64::from(i % 8)]).collect());
    for linkage in [Linkage::Ward, Linkage::Single] {
        let heights: Vec<f64> =
            tree(&x, linkage, &Work::alone(1)).unwrap().iter().map(|m| m.distance).collect();
        assert!(heights.windows(2).all(|w| w[0] <= w[1]));
        assert_eq!(heights[..8], [1.0; 8]);
    }
}

#[test]
fn ward_on_groups_is_ward_on_the_rows_that_they_stand_for() {
    let x = blobs(400, 3, 4, 9);
    let work = Work::alone(2);
    let two_step = TwoStep { exact_rows: 100, n_groups: 60, seed: 0 };
    let found = fit(&x, Linkage::Ward, two_step, &work).unwrap();
    let micro = found.micro.as_ref().unwrap();
    // The same groups with each row at the mean of its own.
    let rows: Vec<usize> = micro.labels.iter().map(|&group| group as usize).collect();
    let blurred = tree(&micro.means.select_rows(&rows), Linkage::Ward, &work).unwrap();
    let n_zero = blurred.iter().filter(|m| m.distance == 0.0).count();
    assert_eq!(n_zero, 400 - micro.sizes.len());
    for (merge, expected) in found.merges.iter().zip(&blurred[n_zero..]) {
        assert!(close(merge.distance, expected.distance, 1e-9));
        assert_eq!(merge.size, expected.size);
    }
    let exact = cut(&tree(&x, Linkage::Ward, &work).unwrap(), 400, 4).unwrap();
    let agreement = Contingency::new(&found.cut(4).unwrap(), &exact).adjusted_rand_index();
    assert!(agreement > 0.9, "{agreement}");
    for threads in [1, 7] {
        assert_eq!(fit(&x, Linkage::Ward, two_step, &Work::alone(threads)).unwrap(), found);
    }
    for (linkage, _) in LINKAGES {
        let few = TwoStep { exact_rows: 400, ..two_step };
        let all = fit(&x, linkage, few, &work).unwrap();
        assert!(all.micro.is_none() && all.merges == tree(&x, linkage, &work).unwrap());
        assert_eq!(fit(&x, linkage, two_step, &work).unwrap().cut(5).unwrap().len(), 400);
    }
}

#[test]
fn threads_change_nothing() {
    let x = blobs(1500, 3, 4, 2);
    for (linkage, name) in LINKAGES {
        let run = |n_threads| tree(&x, linkage, &Work::alone(n_threads)).unwrap();
        assert!(run(1) == run(2) && run(1) == run(7), "{name}");
    }
}
