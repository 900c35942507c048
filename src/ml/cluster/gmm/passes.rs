//! The two passes of an iteration over the rows, eight at a time: posteriors, and sums weighted by them.
//! It does not know what covariances are made of the sums.
//!
//! Everything is a sum over eight virtual lanes, one for each row of a panel, merged in the order of the chunks; the lanes
//! of a chunk meet when it ends.

use std::ops::Range;

use crate::{
    base::pool::Pool,
    ml::{
        Matrix,
        cluster::{
            gmm::covariance::Factors,
            moments::add,
            panels::{LANES, Panels, registers},
        },
        math,
        simd::{self, Simd, WithSimd},
    },
};

/// Panels whose deviations are laid out feature by feature before their products are summed: few enough for the nearest
/// cache, many enough for the loops.
const BLOCK_PANELS: usize = 16;

/// Rows and columns of a tile of a scatter whose sums stay in registers.
const TILE_ROWS: usize = 4;
const TILE_COLS: usize = 2;

/// The posterior probability of each of `k` components for each row: for each panel of rows, `k` times eight.
pub(super) struct Posteriors {
    n_rows: usize,
    k: usize,
    data: Vec<f64>,
}

/// What an expectation sums up.
pub(super) struct Sums {
    /// Sum over the rows of the log of the mixture's density.
    pub log_likelihood: f64,
    /// Sum of the posteriors of each component.
    pub masses: Vec<f64>,
    /// Sum of the rows weighted by them, shape `(k, n_cols)`.
    pub weighted: Matrix,
}

impl Posteriors {
    pub(super) fn zeros(n_rows: usize, k: usize) -> Posteriors {
        Posteriors { n_rows, k, data: vec![0.0; n_rows.next_multiple_of(LANES) * k] }
    }

    /// Returns those of rows that surely belong to the component of their label.
    pub(super) fn of_labels(labels: &[i32], k: usize) -> Posteriors {
        let mut posteriors = Posteriors::zeros(labels.len(), k);
        for (row, &label) in labels.iter().enumerate() {
            let at = posteriors.at(row, label as usize);
            posteriors.data[at] = 1.0;
        }
        posteriors
    }

    fn at(&self, row: usize, c: usize) -> usize {
        (row / LANES * self.k + c) * LANES + row % LANES
    }

    /// Returns the `k` posteriors of a panel's rows.
    fn panel(&self, p: usize) -> &[[f64; LANES]] {
        let width = self.k * LANES;
        self.data[p * width..(p + 1) * width].as_chunks().0
    }

    /// Returns the most probable component of a row, the first of several, and its probability.
    pub(super) fn most_probable(&self, row: usize) -> (i32, f64) {
        let mut best = (0, f64::NEG_INFINITY);
        for c in 0..self.k {
            let p = self.data[self.at(row, c)];
            if p > best.1 {
                best = (c as i32, p);
            }
        }
        best
    }

    /// Replaces them by those under `factors`.
    pub(super) fn expect(&mut self, factors: &Factors, panels: &Panels, pool: &Pool) -> Sums {
        let (n_rows, k) = (self.n_rows, self.k);
        let chunks = pool.fill_chunks(&mut self.data, k, |rows, out| {
            simd::dispatch(Expectation { factors, panels, n_rows, rows, k, out })
        });
        merged(chunks, k, panels.n_cols())
    }

    /// Returns their sums; no likelihood.
    pub(super) fn sums(&self, panels: &Panels, pool: &Pool) -> Sums {
        let chunks = pool.map_chunks(self.n_rows, |rows| {
            simd::dispatch(Weighing { posteriors: self, panels, rows })
        });
        merged(chunks, self.k, panels.n_cols())
    }

    /// Returns each component's weighted scatter around its mean; only the lower triangles are filled.
    pub(super) fn scatters(&self, panels: &Panels, means: &Matrix, pool: &Pool) -> Vec<Matrix> {
        let d = panels.n_cols();
        let folded = pool.fold_chunks(
            self.n_rows,
            |rows| {
                let mut tiles = vec![Tiles::new(d); self.k];
                let mut deviations = Deviations::new(d);
                let (start, end) = (rows.start / LANES, rows.end.div_ceil(LANES));
                for block in (start..end).step_by(BLOCK_PANELS) {
                    let block = block..(block + BLOCK_PANELS).min(end);
                    for (c, tiles) in tiles.iter_mut().enumerate() {
                        let (deviations, block) = (&mut deviations, block.clone());
                        let mean = means.row(c);
                        simd::dispatch(Scattering {
                            posteriors: self,
                            panels,
                            c,
                            mean,
                            block,
                            deviations,
                            tiles,
                        });
                    }
                }
                tiles.iter().map(Tiles::scatter).collect::<Vec<_>>()
            },
            |mut a, b| {
                a.iter_mut().zip(&b).for_each(|(a, b)| add(a.data_mut(), b.data()));
                a
            },
        );
        folded.unwrap_or_else(|| vec![Matrix::zeros(d, d); self.k])
    }

    /// Returns each component's weighted sum of squared deviations from its mean, shape `(k, n_cols)`.
    pub(super) fn squares(&self, panels: &Panels, means: &Matrix, pool: &Pool) -> Matrix {
        let (k, d) = (self.k, panels.n_cols());
        let folded = pool.fold_chunks(
            self.n_rows,
            |rows| {
                let sums = simd::dispatch(Squaring { posteriors: self, panels, means, rows });
                sums.iter().map(across).collect::<Vec<f64>>()
            },
            |mut a, b| {
                add(&mut a, &b);
                a
            },
        );
        Matrix::new(k, d, folded.unwrap_or_else(|| vec![0.0; k * d]))
    }
}

/// The expectation of a chunk of rows, whose posteriors it writes.
struct Expectation<'a> {
    factors: &'a Factors,
    panels: &'a Panels,
    n_rows: usize,
    rows: Range<usize>,
    k: usize,
    out: &'a mut [f64],
}

impl WithSimd for Expectation<'_> {
    type Output = LaneSums;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> LaneSums {
        let Expectation { factors, panels, n_rows, rows, k, out } = self;
        let mut sums = LaneSums::new(k, panels.n_cols());
        let mut scratch = vec![[0.0; LANES]; panels.n_cols()];
        let outs = out.as_chunks_mut::<LANES>().0.chunks_exact_mut(k.max(1));
        for (first, out) in rows.step_by(LANES).zip(outs) {
            let panel = panels.panel(first / LANES);
            factors.log_densities(simd, panel, &mut scratch, out);
            let mut norms = normalise(simd, out);
            for lane in (n_rows - first).min(LANES)..LANES {
                norms[lane] = 0.0;
                out.iter_mut().for_each(|p| p[lane] = 0.0);
            }
            for (sum, norm) in sums.log_likelihood.iter_mut().zip(norms) {
                *sum += norm;
            }
            sums.add(simd, panel, out);
        }
        sums
    }
}

/// The sums of a chunk of rows, weighted by posteriors.
struct Weighing<'a> {
    posteriors: &'a Posteriors,
    panels: &'a Panels,
    rows: Range<usize>,
}

impl WithSimd for Weighing<'_> {
    type Output = LaneSums;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> LaneSums {
        let Weighing { posteriors, panels, rows } = self;
        let mut sums = LaneSums::new(posteriors.k, panels.n_cols());
        for first in rows.step_by(LANES) {
            sums.add(simd, panels.panel(first / LANES), posteriors.panel(first / LANES));
        }
        sums
    }
}

/// Adds a block of panels to the scatter of component `c` around its mean.
struct Scattering<'a> {
    posteriors: &'a Posteriors,
    panels: &'a Panels,
    c: usize,
    mean: &'a [f64],
    block: Range<usize>,
    deviations: &'a mut Deviations,
    tiles: &'a mut Tiles,
}

impl WithSimd for Scattering<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Scattering { posteriors, panels, c, mean, block, deviations, tiles } = self;
        let of = |p| (panels.panel(p), &posteriors.panel(p)[c]);
        deviations.fill(simd, block.map(of), mean);
        tiles.add(deviations);
    }
}

/// Sums a chunk's weighted squares of deviations from the means: for each component and feature eight lanes.
struct Squaring<'a> {
    posteriors: &'a Posteriors,
    panels: &'a Panels,
    means: &'a Matrix,
    rows: Range<usize>,
}

impl WithSimd for Squaring<'_> {
    type Output = Vec<[f64; LANES]>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<[f64; LANES]> {
        let Squaring { posteriors, panels, means, rows } = self;
        let (k, d, n) = (posteriors.k, panels.n_cols(), registers::<S>());
        let mut all = vec![[0.0; LANES]; k * d];
        for p in rows.start / LANES..rows.end.div_ceil(LANES) {
            let (values, _) = S::as_simd_f64s(panels.panel(p).as_flattened());
            let own = means.rows().zip(posteriors.panel(p));
            for (sums, (mean, weights)) in all.chunks_exact_mut(d.max(1)).zip(own) {
                let (weights, _) = S::as_simd_f64s(weights);
                let (sums, _) = S::as_mut_simd_f64s(sums.as_flattened_mut());
                let features = sums.chunks_exact_mut(n).zip(values.chunks_exact(n));
                for ((sums, values), m) in features.zip(mean) {
                    for r in 0..n {
                        let v = simd.sub_f64s(values[r], simd.splat_f64s(*m));
                        sums[r] = simd.mul_add_f64s(simd.mul_f64s(weights[r], v), v, sums[r]);
                    }
                }
            }
        }
        all
    }
}

/// Turns log-densities of a panel's rows under each component into posteriors; returns the logs of the rows' densities.
#[inline(always)]
fn normalise<S: Simd>(simd: S, densities: &mut [[f64; LANES]]) -> [f64; LANES] {
    let n = registers::<S>();
    let mut most = [f64::NEG_INFINITY; LANES];
    let mut totals = [0.0; LANES];
    let (greatest, _) = S::as_mut_simd_f64s(&mut most);
    for d in densities.iter() {
        let (d, _) = S::as_simd_f64s(d);
        for r in 0..n {
            greatest[r] = simd.max_f64s(d[r], greatest[r]);
        }
    }
    for d in densities.iter_mut() {
        let mut powers = [0.0; LANES];
        for lane in 0..LANES {
            powers[lane] = math::exp_plain(d[lane] - most[lane]);
        }
        *d = powers;
        for lane in 0..LANES {
            totals[lane] += powers[lane];
        }
    }
    let (sums, _) = S::as_simd_f64s(&totals);
    for d in densities.iter_mut() {
        let (d, _) = S::as_mut_simd_f64s(d);
        for r in 0..n {
            d[r] = simd.div_f64s(d[r], sums[r]);
        }
    }
    for lane in 0..LANES {
        most[lane] += math::ln(totals[lane]);
    }
    most
}

/// Sums of a chunk, a lane for each row of a panel.
struct LaneSums {
    log_likelihood: [f64; LANES],
    masses: Vec<[f64; LANES]>,
    weighted: Vec<[f64; LANES]>,
}

impl LaneSums {
    fn new(k: usize, d: usize) -> LaneSums {
        let zero = [0.0; LANES];
        LaneSums { log_likelihood: zero, masses: vec![zero; k], weighted: vec![zero; k * d] }
    }

    #[inline(always)]
    fn add<S: Simd>(&mut self, simd: S, panel: &[[f64; LANES]], posteriors: &[[f64; LANES]]) {
        let n = registers::<S>();
        let (values, _) = S::as_simd_f64s(panel.as_flattened());
        let weighted = self.weighted.chunks_exact_mut(panel.len().max(1));
        for ((sums, mass), weights) in weighted.zip(&mut self.masses).zip(posteriors) {
            let (weights, _) = S::as_simd_f64s(weights);
            let (mass, _) = S::as_mut_simd_f64s(mass);
            let (sums, _) = S::as_mut_simd_f64s(sums.as_flattened_mut());
            for r in 0..n {
                mass[r] = simd.add_f64s(mass[r], weights[r]);
            }
            for (sums, values) in sums.chunks_exact_mut(n).zip(values.chunks_exact(n)) {
                for r in 0..n {
                    sums[r] = simd.mul_add_f64s(weights[r], values[r], sums[r]);
                }
            }
        }
    }
}

fn merged(chunks: Vec<LaneSums>, k: usize, d: usize) -> Sums {
    let mut sums =
        Sums { log_likelihood: 0.0, masses: vec![0.0; k], weighted: Matrix::zeros(k, d) };
    for chunk in chunks {
        sums.log_likelihood += across(&chunk.log_likelihood);
        add(&mut sums.masses, &chunk.masses.iter().map(across).collect::<Vec<_>>());
        add(sums.weighted.data_mut(), &chunk.weighted.iter().map(across).collect::<Vec<_>>());
    }
    sums
}

fn across(lanes: &[f64; LANES]) -> f64 {
    ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3]))
        + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]))
}

/// Deviations of a block of panels from one mean, feature by feature, and the same times the rows' weights. Features are
/// filled up to whole tiles with zeros, and so are panels to whole blocks.
struct Deviations {
    plain: Vec<[f64; LANES]>,
    weighted: Vec<[f64; LANES]>,
}

impl Deviations {
    fn new(d: usize) -> Deviations {
        let zeros = vec![[0.0; LANES]; d.next_multiple_of(TILE_ROWS) * BLOCK_PANELS];
        Deviations { plain: zeros.clone(), weighted: zeros }
    }

    #[inline(always)]
    fn fill<'a, S: Simd>(
        &mut self,
        simd: S,
        block: impl Iterator<Item = (&'a [[f64; LANES]], &'a [f64; LANES])>,
        mean: &[f64],
    ) {
        let n = registers::<S>();
        let (plain, _) = S::as_mut_simd_f64s(self.plain.as_flattened_mut());
        let (weighted, _) = S::as_mut_simd_f64s(self.weighted.as_flattened_mut());
        let mut panels: [&[[f64; LANES]]; BLOCK_PANELS] = [&[]; BLOCK_PANELS];
        let mut weights = [[0.0; LANES]; BLOCK_PANELS];
        let mut n_filled = 0;
        for (panel, own) in block {
            (panels[n_filled], weights[n_filled]) = (panel, *own);
            n_filled += 1;
        }
        let (weights, _) = S::as_simd_f64s(weights.as_flattened());
        let of_feature = plain.chunks_exact_mut(BLOCK_PANELS * n);
        let of_feature = of_feature.zip(weighted.chunks_exact_mut(BLOCK_PANELS * n));
        for (j, ((plain, weighted), m)) in of_feature.zip(mean).enumerate() {
            let m = simd.splat_f64s(*m);
            let outs = plain.chunks_exact_mut(n).zip(weighted.chunks_exact_mut(n));
            let outs = outs.zip(weights.chunks_exact(n));
            for (((plain, weighted), weights), panel) in outs.zip(&panels[..n_filled]) {
                let (values, _) = S::as_simd_f64s(&panel[j]);
                for r in 0..n {
                    plain[r] = simd.sub_f64s(values[r], m);
                    weighted[r] = simd.mul_f64s(plain[r], weights[r]);
                }
            }
        }
        for j in 0..mean.len() {
            self.weighted[j * BLOCK_PANELS + n_filled..(j + 1) * BLOCK_PANELS].fill([0.0; LANES]);
        }
    }

    /// Returns the block's values of one feature.
    #[inline(always)]
    fn of(values: &[[f64; LANES]], j: usize) -> &[[f64; LANES]; BLOCK_PANELS] {
        &values.as_chunks().0[j]
    }
}

/// The lower triangle of a scatter in tiles, eight lanes a value.
#[derive(Clone)]
struct Tiles {
    d: usize,
    sums: Vec<[[[f64; LANES]; TILE_COLS]; TILE_ROWS]>,
}

impl Tiles {
    fn new(d: usize) -> Tiles {
        let zero = [[[0.0; LANES]; TILE_COLS]; TILE_ROWS];
        Tiles { d, sums: vec![zero; Tiles::places(d).count()] }
    }

    /// Returns the first row and column of each tile that touches the lower triangle.
    #[inline(always)]
    fn places(d: usize) -> impl Iterator<Item = (usize, usize)> {
        (0..d)
            .step_by(TILE_ROWS)
            .flat_map(move |i| (0..(i + TILE_ROWS).min(d)).step_by(TILE_COLS).map(move |j| (i, j)))
    }

    #[inline(always)]
    fn add(&mut self, deviations: &Deviations) {
        for (sums, (i, j)) in self.sums.iter_mut().zip(Tiles::places(self.d)) {
            let rows: [_; TILE_ROWS] =
                std::array::from_fn(|r| Deviations::of(&deviations.weighted, i + r));
            let cols: [_; TILE_COLS] =
                std::array::from_fn(|c| Deviations::of(&deviations.plain, j + c));
            let mut tile = *sums;
            for p in 0..BLOCK_PANELS {
                for (r, row) in rows.iter().enumerate() {
                    for (c, col) in cols.iter().enumerate() {
                        for lane in 0..LANES {
                            tile[r][c][lane] = row[p][lane].mul_add(col[p][lane], tile[r][c][lane]);
                        }
                    }
                }
            }
            *sums = tile;
        }
    }

    fn scatter(&self) -> Matrix {
        let mut scatter = Matrix::zeros(self.d, self.d);
        for (tile, (i, j)) in self.sums.iter().zip(Tiles::places(self.d)) {
            for (r, row) in tile.iter().enumerate().filter(|(r, _)| i + r < self.d) {
                for (c, lanes) in row.iter().enumerate().filter(|(c, _)| j + c <= i + r) {
                    scatter.row_mut(i + r)[j + c] = across(lanes);
                }
            }
        }
        scatter
    }
}
