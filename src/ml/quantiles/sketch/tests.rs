//! What `sketch` promises: exactness, the bound, the order of merging. It does not know who asks for quantiles.

use super::*;
use crate::{
    base::pool::Pool,
    ml::{quantiles::quantile, rng::Rng},
};

/// Values in an order that is hard on a sketch: sorted, reversed, shuffled, mostly equal, or from both ends in turn.
fn column(n: usize, shape: usize, rng: &mut Rng) -> Vec<f64> {
    let ramp = |i: usize| i as f64 * 0.25 - 3.0;
    match shape {
        0 => (0..n).map(ramp).collect(),
        1 => (0..n).rev().map(ramp).collect(),
        2 => (0..n).map(|_| rng.normal()).collect(),
        3 => (0..n).map(|_| rng.below(3) as f64).collect(),
        _ => (0..n).map(|i| ramp(if i % 2 == 0 { i } else { 2 * n - i })).collect(),
    }
}

/// How far the rank of `value` among ascending `sorted` values lies from `rank`.
fn rank_error(sorted: &[f64], value: f64, rank: f64) -> f64 {
    let first = sorted.partition_point(|v| *v < value) as f64;
    let after = sorted.partition_point(|v| *v <= value) as f64;
    // An interpolated value stands between two ranks.
    (first - 1.0 - rank).max(rank - after).max(0.0)
}

#[test]
fn exact_up_to_the_capacity() {
    let mut rng = Rng::new(3);
    for n in [0, 1, 2, 7, 64] {
        let mut values: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
        let mut sketch = Sketch::new(64);
        sketch.extend(values.iter().copied());
        assert!(sketch.is_exact() && sketch.n_values() == n);
        values.sort_by(f64::total_cmp);
        let found = sketch.finish();
        for q in [0.0, 0.01, 0.25, 0.5, 0.77, 0.99, 1.0] {
            assert_eq!(found.quantile(q).to_bits(), quantile(&values, q).to_bits(), "{n} {q}");
        }
    }
}

#[test]
fn no_rank_is_off_by_more_than_the_bound() {
    let mut rng = Rng::new(8);
    for (n, capacity) in [(65, 64), (1000, 64), (20_000, 64), (20_000, 1000), (3001, 2)] {
        for shape in 0..5 {
            let mut values = column(n, shape, &mut rng);
            let mut sketch = Sketch::new(capacity);
            sketch.extend(values.iter().copied());
            let bound = sketch.max_rank_error() as f64;
            let n_levels = (n as f64 / capacity as f64).log2().ceil();
            let stated = n_levels * n as f64 / (2.0 * capacity as f64) + n_levels.exp2();
            assert!(!sketch.is_exact() && bound <= stated, "{n}/{capacity}: {bound} > {stated}");
            values.sort_by(f64::total_cmp);
            let found = sketch.finish();
            for q in (0..=200).map(|q| f64::from(q) / 200.0) {
                let error = rank_error(&values, found.quantile(q), q * (n - 1) as f64);
                assert!(error <= bound, "{n}/{capacity} shape {shape} q {q}: {error} > {bound}");
            }
            assert_eq!((found.quantile(0.0), found.quantile(1.0)), (values[0], values[n - 1]));
        }
    }
}

#[test]
fn chunks_merged_in_order_keep_the_bound_and_their_bits() {
    let mut rng = Rng::new(1);
    let n = 5 * crate::base::pool::CHUNK_ROWS + 17;
    let mut values: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
    let sketch_on = |n_threads: usize| {
        let of = |rows: std::ops::Range<usize>| {
            let mut sketch = Sketch::new(10_000);
            sketch.extend(values[rows].iter().copied());
            sketch
        };
        Pool::new(n_threads).fold_chunks(n, of, Sketch::merge).unwrap()
    };
    let sketch = sketch_on(1);
    assert!(sketch == sketch_on(2) && sketch == sketch_on(7));
    assert_eq!(sketch.n_values(), n as u64);
    assert!(sketch.levels.iter().all(|level| level.len() <= 10_000));
    let bound = sketch.max_rank_error() as f64;
    assert!(bound < 1e-3 * n as f64, "{bound}");
    values.sort_by(f64::total_cmp);
    let found = sketch.finish();
    for q in [0.001, 0.01, 0.25, 0.5, 0.75, 0.99] {
        assert!(rank_error(&values, found.quantile(q), q * (n - 1) as f64) <= bound, "{q}");
    }
}

#[test]
fn the_largest_and_smallest_doubles_and_both_zeros_stay() {
    let mut sketch = Sketch::new(2);
    sketch.extend([1e300, -1e300, 1e-300, 0.0, -0.0, f64::MAX, f64::INFINITY, 5.0]);
    let found = sketch.finish();
    assert_eq!((found.quantile(0.0), found.quantile(1.0)), (-1e300, f64::INFINITY));
    let mut equal = Sketch::new(2);
    equal.extend([0.1; 1000]);
    assert_eq!(equal.finish().quantile(0.3), 0.1);
}
