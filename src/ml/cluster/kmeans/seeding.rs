//! Starting centroids: greedy k-means++.
//! It does not know Lloyd's iterations.
//!
//! Source: Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007, with the
//! greedy choice among `2 + ln k` trials that scikit-learn makes, and as many more as the pass takes that tries them.
//! Chances are squared distances in single precision: all trials of a step share a pass, and what is drawn by chance
//! loses nothing by seven digits. Only where they cannot tell rows apart does double precision go on.

use super::rows::{BLOCK_ROWS, LANES, Rows};
use crate::{
    base::pool::Pool,
    ml::{
        Matrix, math,
        rng::Rng,
        simd::{self, Simd, WithSimd},
    },
};

/// Trials side by side.
const GROUP: usize = 4;

/// Returns up to `k` starting centroids, shape `(at most k, n_cols)`: rows of `x`, each drawn with probability
/// proportional to its squared distance to the nearest one drawn before. Fewer come back
/// exactly when `x` has fewer distinct rows than `k`.
pub(super) fn plus_plus(rows: &Rows<'_>, k: usize, rng: &mut Rng, pool: &Pool) -> Matrix {
    let n_trials = (2 + math::ln(k as f64) as usize).next_multiple_of(GROUP);
    let mut chosen = vec![rng.below(rows.x.n_rows())];
    let mut chances = Chances::new(rows);
    chances.lower(rows, chosen[0], pool);
    while chosen.len() < k && chances.total() > 0.0 {
        let trials: Vec<usize> = (0..n_trials).map(|_| chances.draw(rng)).collect();
        let potentials = chances.potentials(rows, &trials, pool);
        let mut best = 0;
        for (t, potential) in potentials.iter().enumerate() {
            if *potential < potentials[best] {
                best = t;
            }
        }
        chosen.push(trials[best]);
        chances.lower(rows, trials[best], pool);
    }
    while chosen.len() < k {
        match another(rows.x, &chosen, rng) {
            Some(row) => chosen.push(row),
            None => break,
        }
    }
    rows.x.select_rows(&chosen)
}

/// For each row its squared distance to the nearest chosen one.
struct Chances {
    /// A panel after the other, for each block; zeros beyond its last row.
    blocks: Vec<Vec<[f32; LANES]>>,
    /// The sum of each block.
    sums: Vec<f64>,
}

impl Chances {
    fn new(rows: &Rows<'_>) -> Chances {
        let of_block = |b: usize| {
            let mut panels = vec![[0.0; LANES]; rows.blocks[b].norms.len()];
            panels.as_flattened_mut()[..rows.range(b).len()].fill(f32::INFINITY);
            panels
        };
        Chances { blocks: (0..rows.blocks.len()).map(of_block).collect(), sums: Vec::new() }
    }

    fn total(&self) -> f64 {
        self.sums.iter().sum()
    }

    /// Lowers each distance to the one to `row` where that is smaller.
    fn lower(&mut self, rows: &Rows<'_>, row: usize, pool: &Pool) {
        let points = points::<1>(rows, &[row]);
        self.sums = pool.map_mut(&mut self.blocks, |b, nearest| {
            let mut lowered = vec![[0.0; LANES]; nearest.len()];
            let pass = Pass { rows, b, nearest, points: &points, lowered: Some(&mut lowered) };
            let [sum] = simd::dispatch(pass);
            *nearest = lowered;
            sum
        });
    }

    /// Returns what the sum of all distances would be with each of these rows.
    fn potentials(&self, rows: &Rows<'_>, trials: &[usize], pool: &Pool) -> Vec<f64> {
        let groups: Vec<_> = trials.chunks(GROUP).map(|g| points::<GROUP>(rows, g)).collect();
        let sums = pool.map(self.blocks.len(), |b| {
            let nearest = &self.blocks[b];
            let pass =
                |points: &Vec<_>| simd::dispatch(Pass { rows, b, nearest, points, lowered: None });
            groups.iter().flat_map(pass).collect::<Vec<f64>>()
        });
        (0..trials.len()).map(|t| sums.iter().map(|block| block[t]).sum()).collect()
    }

    /// Draws a row with probability proportional to its distance. A row of distance zero is never drawn.
    fn draw(&self, rng: &mut Rng) -> usize {
        let mut target = rng.uniform() * self.total();
        let has_chance = |b: &usize| self.sums[*b] > 0.0;
        let mut last = None;
        for b in (0..self.sums.len()).filter(has_chance) {
            last = Some(b);
            if target < self.sums[b] {
                break;
            }
            target -= self.sums[b];
        }
        // Rounding can leave the target beyond the last row that has a chance, which then stands for it.
        let Some(b) = last else { return 0 };
        let mut row = 0;
        for (i, &distance) in self.blocks[b].as_flattened().iter().enumerate() {
            if distance > 0.0 {
                row = i;
                if target < f64::from(distance) {
                    break;
                }
                target -= f64::from(distance);
            }
        }
        b * BLOCK_ROWS + row
    }
}

/// Returns rows as the panels have them, side by side; the first one again where there are fewer than `Q`.
fn points<const Q: usize>(rows: &Rows<'_>, indices: &[usize]) -> Vec<[f32; Q]> {
    let d = rows.x.n_cols();
    let mut points = vec![[0.0; Q]; d];
    let mut scratch = Vec::new();
    for q in 0..Q {
        let i = indices.get(q).or(indices.first()).copied().unwrap_or(0);
        let (b, i) = (i / BLOCK_ROWS, i % BLOCK_ROWS);
        let panel = rows.panel((b, i / LANES), &mut scratch);
        points.iter_mut().zip(panel).for_each(|(point, column)| point[q] = column[i % LANES]);
    }
    points
}

/// Sums the distances of a block's rows to the nearest chosen one or to one of some points, for each point. Writes down
/// those to the last point.
struct Pass<'a, const Q: usize> {
    rows: &'a Rows<'a>,
    b: usize,
    nearest: &'a [[f32; LANES]],
    points: &'a [[f32; Q]],
    lowered: Option<&'a mut [[f32; LANES]]>,
}

impl<const Q: usize> WithSimd for Pass<'_, Q> {
    type Output = [f64; Q];

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) -> [f64; Q] {
        let mut totals = [[0.0_f64; LANES]; Q];
        let mut scratch = Vec::new();
        for (p, nearest) in self.nearest.iter().enumerate() {
            let mut least = [[0.0_f32; LANES]; Q];
            let panel = self.rows.panel((self.b, p), &mut scratch);
            lower(simd, panel, (self.points, nearest), &mut least);
            for (totals, least) in totals.iter_mut().zip(&least) {
                for (total, v) in totals.iter_mut().zip(least) {
                    *total += f64::from(*v);
                }
            }
            if let Some(lowered) = &mut self.lowered {
                lowered[p] = least[Q - 1];
            }
        }
        totals.map(|lanes| lanes.iter().sum())
    }
}

#[inline(always)]
fn lower<S: Simd, const Q: usize>(
    simd: S,
    panel: &[[f32; LANES]],
    (points, nearest): (&[[f32; Q]], &[f32; LANES]),
    out: &mut [[f32; LANES]; Q],
) {
    let (columns, _) = S::as_simd_f32s(panel.as_flattened());
    let (nearest, _) = S::as_simd_f32s(nearest);
    for (r, nearest) in nearest.iter().enumerate() {
        let mut sums = [simd.splat_f32s(0.0); Q];
        for (column, point) in columns.chunks_exact(LANES / S::F32_LANES).zip(points) {
            for q in 0..Q {
                let d = simd.sub_f32s(column[r], simd.splat_f32s(point[q]));
                sums[q] = simd.mul_add_f32s(d, d, sums[q]);
            }
        }
        for q in 0..Q {
            let nearer = simd.less_than_f32s(sums[q], *nearest);
            let (out, _) = S::as_mut_simd_f32s(&mut out[q]);
            out[r] = simd.select_f32s(nearer, sums[q], *nearest);
        }
    }
}

/// Draws one more row by distances in double precision; `None` if all rows lie on chosen ones.
fn another(x: &Matrix, chosen: &[usize], rng: &mut Rng) -> Option<usize> {
    let distance = |row: &[f64]| {
        let distances = chosen.iter().map(|&c| math::squared_distance(row, x.row(c)));
        distances.fold(f64::INFINITY, f64::min)
    };
    let distances: Vec<f64> = x.rows().map(distance).collect();
    let mut target = rng.uniform() * distances.iter().sum::<f64>();
    let mut found = None;
    for (i, &distance) in distances.iter().enumerate().filter(|(_, d)| **d > 0.0) {
        found = Some(i);
        if target < distance {
            break;
        }
        target -= distance;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seeds(values: Vec<f64>, k: usize, seed: u64) -> Vec<f64> {
        let x = Matrix::new(values.len(), 1, values);
        let pool = Pool::new(1);
        let rows = Rows::new(&x, &pool).unwrap();
        let mut seeds = plus_plus(&rows, k, &mut Rng::new(seed), &pool).data().to_vec();
        seeds.sort_by(f64::total_cmp);
        seeds
    }

    #[test]
    fn chances_go_by_distance_and_a_row_without_is_never_drawn() {
        let x = Matrix::new(4, 1, vec![0.0, 1.0, 0.0, 2.0]);
        let pool = Pool::new(1);
        let rows = Rows::new(&x, &pool).unwrap();
        let mut chances = Chances::new(&rows);
        chances.lower(&rows, 0, &pool);
        let mut rng = Rng::new(0);
        let drawn: Vec<usize> = (0..2000).map(|_| chances.draw(&mut rng)).collect();
        let far = drawn.iter().filter(|&&row| row == 3).count();
        assert!(drawn.iter().all(|row| matches!(row, 1 | 3)));
        assert!((1500..1700).contains(&far), "{far}");
        let both = chances.potentials(&rows, &[1, 3], &pool);
        assert_eq!(both[0], both[1]);
        assert!(both[0] < chances.total() / 2.0);
    }

    #[test]
    fn only_distinct_rows_become_centroids() {
        assert_eq!(seeds(vec![1.0, 1.0, 2.0, 2.0, 1.0, 2.0], 5, 0), [1.0, 2.0]);
    }

    #[test]
    fn rows_that_single_precision_takes_for_one_are_told_apart() {
        for seed in 0..10 {
            let values = vec![0.0, 1.0, 1.0 + 1e-12, 1e9];
            assert_eq!(seeds(values.clone(), 4, seed), values);
        }
    }
}
