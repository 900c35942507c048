//! Ward's method by the nearest-neighbour chain on centroids: O(n d) memory. It does not know how a tree is cut.
//!
//! Source: Ward, "Hierarchical grouping to optimize an objective function", JASA 58 (1963); Murtagh and
//! Legendre, "Ward's hierarchical agglomerative clustering method", J. Classification 31 (2014). The distance of two
//! clusters follows from their sizes and centroids alone, so no pairwise distances are kept: SciPy
//! keeps all n^2 / 2 of them. Heights are SciPy's: `sqrt(2 n m / (n + m)) |a - b|`.
//!
//! Most steps of the chain look at a short list instead of all clusters. Each cluster remembers its nearest points and a
//! bound: whatever was not on the list is no nearer than that. Merging keeps bounds true, because Ward's height to a
//! union is never less than the lesser height to its parts (Lance and Williams' formula), and the list and the bound of
//! a union follow from those of its parts. Only where a list is used up are all clusters looked at. Among equals the
//! neighbour before the tip of the chain wins, then the lowest name; a merged cluster keeps the higher name, as in SciPy.

use crate::{
    ml::{
        Matrix,
        cluster::{
            forest::Forest,
            linkage::Pair,
            neighbours::Neighbours,
            panels::{LANES, Panels, squared_distances},
        },
        simd,
    },
    stage::work::{Cancelled, Work},
};

/// Points that a cluster remembers.
const LIST: usize = 16;

/// Points whose first lists one piece of work makes.
const BLOCK_ROWS: usize = 256;

/// Lists answer only below their bound less this, for rounding.
const MARGIN: f64 = 1e-12;

/// Returns the n - 1 merges of the rows of `x`, which stand for `sizes` equal rows each, in the order in which the chain
/// finds them. Rows should be distinct: equal ones use up the lists.
pub(super) fn ward(x: &Matrix, sizes: &[usize], work: &Work) -> Result<Vec<Pair>, Cancelled> {
    let n = x.n_rows();
    let sizes: Vec<f64> = sizes.iter().map(|&size| size as f64).collect();
    let mut clusters = Clusters::new(x, sizes, work)?;
    let mut first = 0;
    let mut tips: Vec<usize> = Vec::new();
    let mut pairs = Vec::with_capacity(n.saturating_sub(1));
    while pairs.len() + 1 < n {
        work.check()?;
        if tips.is_empty() {
            // The lower name of a pair dies, so the first alive only moves up.
            while !clusters.is_alive(first) {
                first += 1;
            }
            tips.push(first);
        }
        let tip = tips[tips.len() - 1];
        let before = tips.len().checked_sub(2).map(|i| tips[i]);
        let (squared, near) = clusters.nearest(tip, before);
        if Some(near) != before {
            tips.push(near);
            continue;
        }
        tips.truncate(tips.len() - 2);
        let (gone, kept) = (tip.min(near), tip.max(near));
        pairs.push(Pair { a: gone, b: kept, distance: squared.sqrt() });
        clusters.merge(gone, kept, squared);
        work.progress.advance(1);
    }
    Ok(pairs)
}

/// A squared height and the name of the cluster at it.
type Near = (f64, usize);

/// The clusters that still may merge, each named by one of its points.
struct Clusters {
    n_cols: usize,
    sizes: Vec<f64>,
    /// One row a name.
    centroids: Vec<f64>,
    /// The cluster of each point.
    forest: Forest,
    /// The lists: points that are in the nearest clusters.
    lists: Vec<Vec<u32>>,
    /// No cluster without a point on the list has a squared height below this.
    bounds: Vec<f64>,
    table: Table,
}

impl Clusters {
    fn new(x: &Matrix, sizes: Vec<f64>, work: &Work) -> Result<Clusters, Cancelled> {
        let (lists, bounds) = first_lists(x, &sizes, work)?.into_iter().unzip();
        Ok(Clusters {
            n_cols: x.n_cols(),
            table: Table::new(x, &sizes),
            sizes,
            centroids: x.data().to_vec(),
            forest: Forest::new(x.n_rows()),
            lists,
            bounds,
        })
    }

    fn is_alive(&mut self, name: usize) -> bool {
        self.forest.root(name) == name
    }

    fn centroid(&self, name: usize) -> &[f64] {
        &self.centroids[name * self.n_cols..(name + 1) * self.n_cols]
    }

    fn squared_height(&self, a: usize, b: usize) -> f64 {
        // In the order of the features, as the lanes of a panel sum.
        let parts = self.centroid(a).iter().zip(self.centroid(b)).map(|(a, b)| a - b);
        height(self.sizes[a], self.sizes[b], parts.fold(0.0, |sum, d| sum + d * d))
    }

    /// Returns the cluster nearest to `tip`.
    fn nearest(&mut self, tip: usize, before: Option<usize>) -> Near {
        let listed = self.listed(&[tip], tip);
        let mut best = listed.first().copied();
        if best.is_none_or(|(h, _)| h >= self.bounds[tip] * (1.0 - MARGIN)) {
            let all = self.table.nearest(self.sizes[tip], self.centroid(tip), tip);
            best = all.first().copied();
            self.remember(tip, all, f64::INFINITY);
        } else {
            self.lists[tip] = listed.iter().map(|near| near.1 as u32).collect();
        }
        let (squared, near) = best.unwrap_or((f64::INFINITY, tip));
        let to_before = before.map(|before| (self.squared_height(tip, before), before));
        to_before.filter(|(h, _)| *h <= squared).unwrap_or((squared, near))
    }

    /// Returns the clusters on the lists of `names`, nearest to `cluster` first.
    fn listed(&mut self, names: &[usize], cluster: usize) -> Vec<Near> {
        let mut roots: Vec<usize> = Vec::with_capacity(2 * LIST);
        for &name in names {
            for at in 0..self.lists[name].len() {
                let root = self.forest.root(self.lists[name][at] as usize);
                if root != cluster && !roots.contains(&root) {
                    roots.push(root);
                }
            }
        }
        let mut listed: Vec<Near> =
            roots.into_iter().map(|root| (self.squared_height(cluster, root), root)).collect();
        listed.sort_unstable_by(order);
        listed
    }

    fn remember(&mut self, name: usize, mut nearest: Vec<Near>, mut bound: f64) {
        if let Some((dropped, _)) = nearest.get(LIST) {
            bound = bound.min(*dropped);
            nearest.truncate(LIST);
        }
        self.bounds[name] = bound;
        self.lists[name] = nearest.into_iter().map(|near| near.1 as u32).collect();
    }

    fn merge(&mut self, gone: usize, kept: usize, squared: f64) {
        let (n, m) = (self.sizes[gone], self.sizes[kept]);
        for j in 0..self.n_cols {
            let (a, b) =
                (self.centroids[gone * self.n_cols + j], self.centroids[kept * self.n_cols + j]);
            self.centroids[kept * self.n_cols + j] = (n * a + m * b) / (n + m);
        }
        self.sizes[kept] = n + m;
        self.forest.set_parent(gone, kept);
        let merged = &self.centroids[kept * self.n_cols..(kept + 1) * self.n_cols];
        self.table.merge(gone, kept, merged, n + m);
        // Lance and Williams' height to a third cluster lies between its values for a third size of zero and of infinity.
        let (a, b) = (self.bounds[gone], self.bounds[kept]);
        let bound = ((n * a + m * b) / (n + m)).min(a + b - squared);
        let listed = self.listed(&[gone, kept], kept);
        self.lists[gone] = Vec::new();
        self.remember(kept, listed, bound);
    }
}

fn order(a: &Near, b: &Near) -> std::cmp::Ordering {
    a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
}

/// Returns list and bound of every point, from a search tree.
fn first_lists(x: &Matrix, sizes: &[f64], work: &Work) -> Result<Vec<(Vec<u32>, f64)>, Cancelled> {
    let index = Neighbours::new(x);
    let least_size = sizes.iter().copied().fold(f64::INFINITY, f64::min);
    let rows = index.rows();
    let blocks = work.pool.map(rows.len().div_ceil(BLOCK_ROWS), |block| {
        work.check()?;
        let block = &rows[block * BLOCK_ROWS..((block + 1) * BLOCK_ROWS).min(rows.len())];
        Ok(block
            .iter()
            .map(|&row| first_list(x, sizes, least_size, &index, row))
            .collect::<Vec<_>>())
    });
    let mut lists = vec![(Vec::new(), 0.0); rows.len()];
    let mut at = rows.iter();
    for block in blocks {
        for (list, &row) in block?.into_iter().zip(&mut at) {
            lists[row] = list;
        }
    }
    Ok(lists)
}

fn first_list(
    x: &Matrix,
    sizes: &[f64],
    least_size: f64,
    index: &Neighbours,
    row: usize,
) -> (Vec<u32>, f64) {
    let size = sizes[row];
    let mut nearest = Nearest::new();
    // How much less a height can be than a squared distance.
    let factor = height(size, least_size, 1.0);
    index.search(
        x.row(row),
        f64::INFINITY,
        |_| true,
        |others, distances| {
            for (&other, &distance) in others.iter().zip(distances) {
                if other != row {
                    nearest.offer(height(size, sizes[other], distance), other);
                }
            }
            nearest.limit() / factor
        },
    );
    let bound = nearest.limit();
    let mut found = nearest.found;
    found.truncate(LIST);
    (found.into_iter().map(|near| near.1 as u32).collect(), bound)
}

/// The `LIST + 1` nearest clusters seen, nearest first: the last is the bound of the others.
struct Nearest {
    found: Vec<Near>,
}

impl Nearest {
    fn new() -> Nearest {
        Nearest { found: Vec::with_capacity(LIST + 2) }
    }

    fn limit(&self) -> f64 {
        if self.found.len() > LIST { self.found[LIST].0 } else { f64::INFINITY }
    }

    #[inline(always)]
    fn offer(&mut self, squared: f64, name: usize) {
        if squared <= self.limit() {
            self.insert((squared, name));
        }
    }

    fn insert(&mut self, near: Near) {
        let at = self.found.partition_point(|other| order(other, &near).is_lt());
        self.found.insert(at, near);
        self.found.truncate(LIST + 1);
    }
}

/// All living clusters in panels, to look at every one of them. A dead slot has infinite coordinates, so that it is
/// nobody's nearest and the loops need no branch.
struct Table {
    names: Vec<usize>,
    slots: Vec<usize>,
    sizes: Vec<[f64; LANES]>,
    centroids: Panels,
    n_alive: usize,
    scratch: Vec<f64>,
}

impl Table {
    fn new(x: &Matrix, sizes: &[f64]) -> Table {
        let n = x.n_rows();
        let mut table = Table {
            names: (0..n).collect(),
            slots: (0..n).collect(),
            sizes: vec![[1.0; LANES]; n.div_ceil(LANES)],
            centroids: Panels::new(x),
            n_alive: n,
            scratch: vec![0.0; x.n_cols()],
        };
        for (slot, size) in sizes.iter().enumerate() {
            table.sizes[slot / LANES][slot % LANES] = *size;
        }
        table.kill_filling();
        table
    }

    fn kill_filling(&mut self) {
        let n_slots = self.names.len();
        self.scratch.fill(f64::INFINITY);
        for slot in n_slots..n_slots.next_multiple_of(LANES) {
            self.centroids.set_row(slot, &self.scratch);
        }
    }

    /// Returns the `LIST + 1` clusters nearest to one of `size` at `point`, nearest first.
    fn nearest(&self, size: f64, point: &[f64], own: usize) -> Vec<Near> {
        let mut nearest = Nearest::new();
        let own = self.slots[own];
        simd::run(
            #[inline(always)]
            || {
                for (p, sizes) in self.sizes.iter().enumerate() {
                    let distances = squared_distances(self.centroids.panel(p), point);
                    let mut heights = [0.0; LANES];
                    for lane in 0..LANES {
                        heights[lane] = height(size, sizes[lane], distances[lane]);
                    }
                    let limit = nearest.limit().min(f64::MAX);
                    if heights.iter().any(|h| *h <= limit) {
                        for (lane, h) in heights.iter().enumerate() {
                            let slot = p * LANES + lane;
                            if *h < f64::INFINITY && slot != own {
                                nearest.offer(*h, self.names[slot]);
                            }
                        }
                    }
                }
            },
        );
        nearest.found
    }

    fn merge(&mut self, gone: usize, kept: usize, centroid: &[f64], size: f64) {
        let (a, b) = (self.slots[gone], self.slots[kept]);
        self.centroids.set_row(b, centroid);
        self.sizes[b / LANES][b % LANES] = size;
        self.scratch.fill(f64::INFINITY);
        self.centroids.set_row(a, &self.scratch);
        self.names[a] = usize::MAX;
        self.n_alive -= 1;
        if self.n_alive * 8 < self.names.len() * 7 {
            self.clear_dead();
        }
    }

    /// Moves the living slots together, in order.
    fn clear_dead(&mut self) {
        let mut n_kept = 0;
        for slot in 0..self.names.len() {
            let name = self.names[slot];
            if name != usize::MAX {
                self.centroids.copy_row(slot, &mut self.scratch);
                self.centroids.set_row(n_kept, &self.scratch);
                self.sizes[n_kept / LANES][n_kept % LANES] = self.sizes[slot / LANES][slot % LANES];
                self.names[n_kept] = name;
                self.slots[name] = n_kept;
                n_kept += 1;
            }
        }
        self.names.truncate(n_kept);
        self.sizes.truncate(n_kept.div_ceil(LANES));
        self.kill_filling();
    }
}

/// Returns the squared Ward height of two clusters from their sizes and their centroids' squared distance.
#[inline(always)]
fn height(n: f64, m: f64, squared_distance: f64) -> f64 {
    2.0 * n * m / (n + m) * squared_distance
}
