//! Starting centroids: greedy k-means++.
//! It does not know Lloyd's iterations.
//!
//! Source: Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007, with the
//! greedy choice among `2 + ln k` trials that scikit-learn makes.

use crate::{
    base::pool::Pool,
    ml::{
        Matrix,
        cluster::panels::{LANES, Panels, squared_distances},
        math,
        rng::Rng,
    },
};

/// Returns up to `k` starting centroids, shape `(at most k, n_cols)`: rows of `x`, each drawn with probability
/// proportional to its squared distance to the nearest one drawn before. Fewer come back
/// exactly when `x` has fewer distinct rows than `k`.
pub(super) fn plus_plus(
    x: &Matrix,
    panels: &Panels,
    k: usize,
    rng: &mut Rng,
    pool: &Pool,
) -> Matrix {
    let n_trials = 2 + math::ln(k as f64) as usize;
    let mut chosen = vec![rng.below(x.n_rows())];
    let mut nearest = vec![f64::INFINITY; x.n_rows()];
    let mut potential = lower(&mut nearest, panels, x.row(chosen[0]), pool);
    while chosen.len() < k && potential > 0.0 {
        let mut best: Option<(f64, usize, Vec<f64>)> = None;
        for row in draw(&nearest, n_trials, rng) {
            let mut distances = nearest.clone();
            let total = lower(&mut distances, panels, x.row(row), pool);
            if best.as_ref().is_none_or(|(least, ..)| total < *least) {
                best = Some((total, row, distances));
            }
        }
        let Some((total, row, distances)) = best else { break };
        chosen.push(row);
        (potential, nearest) = (total, distances);
    }
    x.select_rows(&chosen)
}

/// Lowers each row's squared distance to the one to `point` where that is smaller; returns their sum.
fn lower(nearest: &mut [f64], panels: &Panels, point: &[f64], pool: &Pool) -> f64 {
    let sums = pool.fill_chunks(nearest, 1, |rows, slice| {
        let mut total = 0.0;
        for (p, out) in (rows.start / LANES..).zip(slice.chunks_mut(LANES)) {
            let distances = squared_distances(panels.panel(p), point);
            for (old, new) in out.iter_mut().zip(distances) {
                *old = old.min(new);
                total += *old;
            }
        }
        total
    });
    sums.into_iter().sum()
}

/// Draws rows with probability proportional to `weights`. A row of weight zero is never drawn.
fn draw(weights: &[f64], n_draws: usize, rng: &mut Rng) -> Vec<usize> {
    let mut running = 0.0;
    let cumulative: Vec<f64> = weights
        .iter()
        .map(|w| {
            running += w;
            running
        })
        .collect();
    let row = |target: f64| match cumulative.partition_point(|&c| c <= target) {
        row if row < weights.len() => row,
        // The target can round up to the total; the last row that carries weight stands for it.
        _ => weights.iter().rposition(|&w| w > 0.0).unwrap_or(0),
    };
    (0..n_draws).map(|_| row(rng.uniform() * running)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_without_weight_are_never_drawn() {
        let drawn = draw(&[0.0, 1.0, 0.0, 3.0, 0.0], 2000, &mut Rng::new(0));
        let threes = drawn.iter().filter(|&&row| row == 3).count();
        assert!(drawn.iter().all(|row| matches!(row, 1 | 3)));
        assert!((1400..1600).contains(&threes), "{threes}");
    }

    #[test]
    fn only_distinct_rows_become_centroids() {
        let x = Matrix::new(6, 1, vec![1.0, 1.0, 2.0, 2.0, 1.0, 2.0]);
        let centroids = plus_plus(&x, &Panels::new(&x), 5, &mut Rng::new(0), &Pool::new(1));
        let mut values = centroids.data().to_vec();
        values.sort_by(f64::total_cmp);
        assert_eq!(values, [1.0, 2.0]);
    }
}
