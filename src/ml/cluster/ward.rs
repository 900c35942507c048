//! Ward's method by the nearest-neighbour chain on centroids: O(n^2 d) time and O(n d) memory.
//! It does not know how a tree is cut.
//!
//! Source: Ward, "Hierarchical grouping to optimize an objective function", JASA 58 (1963); Murtagh and
//! Legendre, "Ward's hierarchical agglomerative clustering method", J. Classification 31 (2014). The distance of two
//! clusters follows from their sizes and centroids alone, so no pairwise distances are kept: SciPy
//! keeps all n^2 / 2 of them. Heights are SciPy's: `sqrt(2 n m / (n + m)) |a - b|`.

use crate::{
    ml::{
        Matrix,
        cluster::{
            linkage::Pair,
            panels::{LANES, Panels, squared_distances},
        },
    },
    stage::work::{Cancelled, Work},
};

/// Returns the n - 1 merges in the order in which the chain finds them.
pub(super) fn ward(x: &Matrix, work: &Work) -> Result<Vec<Pair>, Cancelled> {
    let n = x.n_rows();
    let mut active = Active::new(x);
    // The chain holds names (rows), not slots: slots move when dead ones are cleared away.
    let mut tips: Vec<usize> = Vec::new();
    let mut pairs = Vec::with_capacity(n.saturating_sub(1));
    while pairs.len() + 1 < n {
        work.check()?;
        if tips.is_empty() {
            tips.push(active.first_alive());
        }
        let tip = tips[tips.len() - 1];
        let before = tips.len().checked_sub(2).map(|i| tips[i]);
        let (near, squared) = active.nearest(tip, before);
        if Some(near) != before {
            tips.push(near);
            continue;
        }
        tips.truncate(tips.len() - 2);
        // The merged cluster keeps the higher of the two names, as in SciPy.
        let (gone, kept) = (tip.min(near), tip.max(near));
        pairs.push(Pair { a: gone, b: kept, distance: squared.sqrt() });
        active.merge(gone, kept);
        work.progress.advance(1);
    }
    Ok(pairs)
}

/// Clusters that still may merge, in the order of their names. A dead slot has infinite coordinates, so that it is
/// nobody's nearest and the loops need no branch.
struct Active {
    names: Vec<usize>,
    slots: Vec<usize>,
    sizes: Vec<[f64; LANES]>,
    centroids: Panels,
    n_alive: usize,
    scratch: Vec<f64>,
}

impl Active {
    fn new(x: &Matrix) -> Active {
        let n = x.n_rows();
        let mut active = Active {
            names: (0..n).collect(),
            slots: (0..n).collect(),
            sizes: vec![[1.0; LANES]; n.div_ceil(LANES)],
            centroids: Panels::new(x),
            n_alive: n,
            scratch: vec![0.0; x.n_cols()],
        };
        active.kill_filling();
        active
    }

    fn kill_filling(&mut self) {
        let n_slots = self.names.len();
        self.scratch.fill(f64::INFINITY);
        for slot in n_slots..n_slots.next_multiple_of(LANES) {
            self.centroids.set_row(slot, &self.scratch);
        }
    }

    fn first_alive(&self) -> usize {
        let alive = (0..self.names.len()).find(|&slot| self.is_alive(slot));
        self.names[alive.unwrap_or(0)]
    }

    fn is_alive(&self, slot: usize) -> bool {
        self.centroids.panel(slot / LANES)[0][slot % LANES] != f64::INFINITY
    }

    /// Returns the cluster nearest to `tip` and their squared height. Among equals `before` wins, then the
    /// lowest name.
    fn nearest(&mut self, tip: usize, before: Option<usize>) -> (usize, f64) {
        let own = self.slots[tip];
        let own_size = self.sizes[own / LANES][own % LANES];
        let mut point = vec![0.0; self.scratch.len()];
        self.centroids.copy_row(own, &mut point);
        self.scratch.fill(f64::INFINITY);
        self.centroids.set_row(own, &self.scratch);
        let mut least = [f64::INFINITY; LANES];
        let mut panels = [0_u64; LANES];
        for (p, sizes) in self.sizes.iter().enumerate() {
            let distances = squared_distances(self.centroids.panel(p), &point);
            for lane in 0..LANES {
                let height = height(own_size, sizes[lane], distances[lane]);
                let better = height < least[lane];
                least[lane] = if better { height } else { least[lane] };
                panels[lane] = if better { p as u64 } else { panels[lane] };
            }
        }
        self.centroids.set_row(own, &point);
        let lanes = (0..LANES).map(|lane| (least[lane], panels[lane] as usize * LANES + lane));
        let best = lanes.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let (squared, slot) = best.unwrap_or((f64::INFINITY, own));
        match before {
            Some(before) if self.height_between(before, own_size, &point) <= squared => {
                (before, self.height_between(before, own_size, &point))
            }
            _ => (self.names[slot], squared),
        }
    }

    fn height_between(&self, name: usize, size: f64, point: &[f64]) -> f64 {
        let slot = self.slots[name];
        let distances = squared_distances(self.centroids.panel(slot / LANES), point);
        height(size, self.sizes[slot / LANES][slot % LANES], distances[slot % LANES])
    }

    fn merge(&mut self, gone: usize, kept: usize) {
        let (a, b) = (self.slots[gone], self.slots[kept]);
        let n_a = self.sizes[a / LANES][a % LANES];
        let n_b = self.sizes[b / LANES][b % LANES];
        let mut merged = vec![0.0; self.scratch.len()];
        self.centroids.copy_row(a, &mut self.scratch);
        self.centroids.copy_row(b, &mut merged);
        for (m, v) in merged.iter_mut().zip(&self.scratch) {
            *m = (n_a * v + n_b * *m) / (n_a + n_b);
        }
        self.centroids.set_row(b, &merged);
        self.sizes[b / LANES][b % LANES] = n_a + n_b;
        self.scratch.fill(f64::INFINITY);
        self.centroids.set_row(a, &self.scratch);
        self.n_alive -= 1;
        if self.n_alive * 8 < self.names.len() * 7 {
            self.clear_dead();
        }
    }

    /// Moves the living slots together, in order.
    fn clear_dead(&mut self) {
        let mut n_kept = 0;
        for slot in 0..self.names.len() {
            if self.is_alive(slot) {
                self.centroids.copy_row(slot, &mut self.scratch);
                self.centroids.set_row(n_kept, &self.scratch);
                self.sizes[n_kept / LANES][n_kept % LANES] = self.sizes[slot / LANES][slot % LANES];
                self.names[n_kept] = self.names[slot];
                self.slots[self.names[n_kept]] = n_kept;
                n_kept += 1;
            }
        }
        self.names.truncate(n_kept);
        self.sizes.truncate(n_kept.div_ceil(LANES));
        self.kill_filling();
    }
}

/// Returns the squared Ward height of two clusters from their sizes and their centroids' squared distance.
fn height(n: f64, m: f64, squared_distance: f64) -> f64 {
    2.0 * n * m / (n + m) * squared_distance
}
