//! DBSCAN's radius from the data: a knee of the sorted k-distances.
//! It does not know who asked for it.
//!
//! Source: Satopaa, Albrecht, Irwin and Raghavan, "Finding a kneedle in a haystack", ICDCSW 2011. The textbook
//! takes the one knee of the whole curve. A few far outliers stretch that curve, and a group less
//! dense than the rest bends it late: the knee then lies so high that one cluster holds everything. So the
//! knee is sought again below the one found, at least a tenth of the rows further down each time and at last at
//! the median, until the clustering has at least two clusters of which none holds more than nine tenths of what is
//! clustered. If none does, the textbook one stays, and the answer is honest: the data has no regions of
//! different density at this `min_samples`.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::{
    ml::{
        Matrix,
        cluster::{
            check_input,
            dbscan::{Clustering, Searcher},
            distinct::Distinct,
        },
        error::MlError,
    },
    stage::work::Work,
};

/// The largest share of the clustered rows that one cluster may hold.
const MAX_SHARE: f64 = 0.9;

/// Returns the radius for `min_samples`, the textbook knee or a lower one as the module tells, and the clustering that
/// [`super::dbscan::fit`] finds with it.
///
/// # Errors
/// If there are fewer than two rows, all rows are equal, no features, or a value is not finite; if cancelled.
pub fn auto(x: &Matrix, min_samples: usize, work: &Work) -> Result<(f64, Clustering), MlError> {
    check_input(x, 2)?;
    // `min_samples` counts the row itself.
    let n_neighbours = min_samples.saturating_sub(1).clamp(1, x.n_rows() - 1);
    let searcher = Searcher::new(x);
    let squared = searcher.squared_distances(n_neighbours, work)?;
    let mut curve: Vec<f64> = squared.iter().map(|d| d.sqrt()).collect();
    if curve.iter().all(|&d| d == 0.0) {
        // Every row has enough equal ones: what is left to ask is how far apart the places are.
        let places = x.select_rows(&Distinct::of(x).first);
        let n_neighbours = n_neighbours.min(places.n_rows().saturating_sub(1));
        if n_neighbours > 0 {
            let squared = Searcher::new(&places).squared_distances(n_neighbours, work)?;
            curve = squared.iter().map(|d| d.sqrt()).collect();
        }
    }
    curve.sort_by(f64::total_cmp);
    let cluster = |eps| searcher.cluster_known(eps, min_samples, &squared, work);
    let textbook = knee(&curve);
    let (half, step) = (curve.len() / 2, curve.len().div_ceil(10));
    let mut radii = Vec::new();
    let mut at = textbook;
    while at >= half && curve[at] > 0.0 {
        radii.push(curve[at]);
        if at == half {
            break;
        }
        at = knee(&curve[..=at]).min(at.saturating_sub(step)).max(half);
    }
    // Each takes one thread, so they are tried side by side; what comes after one that parts the data is not begun.
    let first_to_part = AtomicUsize::new(usize::MAX);
    let tried = work.pool.map(radii.len(), |i| {
        if first_to_part.load(Ordering::Relaxed) < i {
            return Ok(None);
        }
        let found = cluster(radii[i])?;
        if separates(&found.labels) {
            first_to_part.fetch_min(i, Ordering::Relaxed);
        }
        Ok(Some((radii[i], found)))
    });
    let mut tried = tried.into_iter().collect::<Result<Vec<_>, MlError>>()?;
    let best = Some(first_to_part.into_inner()).filter(|i| *i < tried.len()).unwrap_or(0);
    if let Some(found) = tried.get_mut(best).and_then(Option::take) {
        return Ok(found);
    }
    // Where more than half of the rows have equal twins the knee can lie at distance 0, which is no radius.
    let positive = curve[textbook..].iter().copied().find(|&d| d > 0.0);
    let eps = positive.ok_or_else(|| MlError::Parameter {
        name: "eps",
        why: "`auto` finds no radius where all rows are equal; give a number".to_string(),
    })?;
    Ok((eps, cluster(eps)?))
}

/// Returns the distance of each of `rows` to its `min_samples`-th nearest row of `x`, itself included, ascending: what a
/// k-distance plot shows, or a sample of it.
///
/// # Errors
/// If there are fewer than two rows, no features, or a value is not finite; if cancelled.
pub fn distances(
    x: &Matrix,
    rows: &[usize],
    min_samples: usize,
    work: &Work,
) -> Result<Vec<f64>, MlError> {
    check_input(x, 2)?;
    let n_neighbours = min_samples.saturating_sub(1).clamp(1, x.n_rows() - 1);
    let squared = Searcher::new(x).squared_distances_of(rows, n_neighbours, work)?;
    let mut curve: Vec<f64> = squared.iter().map(|d| d.sqrt()).collect();
    curve.sort_by(f64::total_cmp);
    Ok(curve)
}

/// Returns the index of the knee of an ascending curve: where it lies farthest below the straight line from its
/// first to its last point; the lowest such index.
fn knee(curve: &[f64]) -> usize {
    let (Some(first), Some(last)) = (curve.first(), curve.last()) else { return 0 };
    let (length, rise) = ((curve.len() - 1).max(1) as f64, last - first);
    if rise <= 0.0 {
        return curve.len() - 1;
    }
    let below = |i: usize| i as f64 / length - (curve[i] - first) / rise;
    let mut best = 0;
    for i in 1..curve.len() {
        if below(i) > below(best) {
            best = i;
        }
    }
    best
}

/// Returns true if there are at least two clusters and none holds nearly all clustered rows.
fn separates(labels: &[i32]) -> bool {
    let mut sizes: Vec<usize> = Vec::new();
    for &label in labels {
        if let Ok(c) = usize::try_from(label) {
            sizes.resize(sizes.len().max(c + 1), 0);
            sizes[c] += 1;
        }
    }
    let n_clustered: usize = sizes.iter().sum();
    let largest = sizes.iter().copied().max().unwrap_or(0);
    sizes.len() >= 2 && largest as f64 <= MAX_SHARE * n_clustered as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::{cluster::dbscan, rng::Rng};

    #[test]
    fn knees_of_simple_curves() {
        // Flat, then steep: the knee is where it turns.
        assert_eq!(knee(&[0.0, 0.1, 0.2, 0.3, 5.0, 10.0]), 3);
        // A straight line has none; the first point stands for it.
        assert_eq!(knee(&[0.0, 1.0, 2.0]), 0);
        assert_eq!((knee(&[]), knee(&[1.0]), knee(&[2.0, 2.0, 2.0])), (0, 0, 2));
    }

    #[test]
    fn distances_of_some_rows_are_those_to_all() {
        let x = Matrix::new(5, 1, vec![0.0, 1.0, 3.0, 6.0, 10.0]);
        let work = Work::alone(1);
        assert_eq!(distances(&x, &[0, 4, 2], 3, &work).unwrap(), [3.0, 3.0, 7.0]);
        assert_eq!(distances(&x, &[0], 9, &work).unwrap(), [10.0]);
    }

    #[test]
    fn far_outliers_do_not_melt_the_clusters() {
        let mut rng = Rng::new(5);
        let mut values = Vec::new();
        for i in 0..400 {
            let centre = if i % 2 == 0 { 0.0 } else { 8.0 };
            values.extend([centre + rng.normal(), centre + rng.normal()]);
        }
        values.extend([4000.0, 0.0, 0.0, 9000.0, -7000.0, 3.0]);
        let x = Matrix::new(403, 2, values);
        let work = Work::alone(2);
        let (eps, found) = auto(&x, 5, &work).unwrap();
        assert!(found == dbscan::fit(&x, eps, 5, &work).unwrap());
        assert!(separates(&found.labels), "eps {eps}");
        assert!((0.4..3.0).contains(&eps), "eps {eps}");
    }

    /// Two heaps and a chain of rows between them: the one knee lies where the chain holds all together.
    #[test]
    fn where_no_knee_parts_the_rows_the_median_may() {
        let spaced = |n: usize, from: f64, to: f64| {
            let step = move |i: usize| from + (to - from) * i as f64 / (n - 1) as f64;
            (0..n).scan(0.0, move |at, i| {
                *at += step(i);
                Some(*at)
            })
        };
        let chain: Vec<f64> = spaced(50, 0.03, 0.06).collect();
        let end = chain.last().unwrap() + 0.1;
        let mut values: Vec<f64> = spaced(30, 0.01, 0.03).map(|v| -v).collect();
        values.extend(chain);
        values.extend(spaced(30, 0.01, 0.03).map(|v| end + v));
        let x = Matrix::new(110, 1, values);
        for n_threads in [1, 3] {
            let (eps, found) = auto(&x, 5, &Work::alone(n_threads)).unwrap();
            assert!((0.059..0.06).contains(&eps), "{eps}");
            assert!(separates(&found.labels));
        }
    }

    #[test]
    fn where_every_row_has_many_twins_the_places_count() {
        let x = Matrix::new(60, 1, (0..60).map(|i| [0.0, 1.0, 50.0][i % 3]).collect());
        let work = Work::alone(1);
        let (eps, found) = auto(&x, 5, &work).unwrap();
        assert!(eps > 0.0 && eps.is_finite(), "{eps}");
        assert!(found == dbscan::fit(&x, eps, 5, &work).unwrap());
    }

    #[test]
    fn equal_rows_have_no_radius() {
        let x = Matrix::new(5, 1, vec![3.0; 5]);
        assert!(matches!(auto(&x, 5, &Work::alone(1)), Err(MlError::Parameter { .. })));
        let one = Matrix::new(1, 1, vec![3.0]);
        assert!(matches!(auto(&one, 5, &Work::alone(1)), Err(MlError::TooFew { .. })));
    }
}
