//! Merging the two nearest clusters over and over, for linkages that need all pairwise distances, and for single
//! linkage, which does not. It does not know Ward's centroids, nor how a tree is cut.
//!
//! Sources: the nearest-neighbour chain of Murtagh, "A survey of recent advances in hierarchical clustering
//! algorithms", Computer Journal 26 (1983); a spanning tree for single linkage, over a search tree in low dimension and by
//! Prim's algorithm in high. Ties fall as in SciPy: the
//! neighbour before the tip of the chain, then the lowest row.

use crate::{
    ml::{
        Matrix,
        cluster::{
            neighbours::Neighbours,
            panels::{LANES, Panels, squared_distances},
            spanning,
        },
        simd,
    },
    stage::work::{Cancelled, Work},
};

/// Two clusters that merge, each named by one of its rows, and the distance between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pair {
    pub a: usize,
    pub b: usize,
    pub distance: f64,
}

/// How the distance from a merged cluster to another follows from those of its parts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Update {
    Average,
    Complete,
}

/// Returns the n - 1 merges of rows that stand for `sizes` equal rows each, in the order in which the chain finds them;
/// memory O(n^2).
pub(super) fn chain(
    x: &Matrix,
    sizes: &[usize],
    update: Update,
    work: &Work,
) -> Result<Vec<Pair>, Cancelled> {
    let n = x.n_rows();
    let mut distances = Condensed::of(x, work)?;
    let mut sizes = sizes.to_vec();
    let mut alive: Vec<usize> = (0..n).collect();
    let mut tips: Vec<usize> = Vec::new();
    let mut pairs = Vec::with_capacity(n.saturating_sub(1));
    while alive.len() > 1 {
        work.check()?;
        if tips.is_empty() {
            tips.push(alive[0]);
        }
        let tip = tips[tips.len() - 1];
        let before = tips.len().checked_sub(2).map(|i| tips[i]);
        let (near, distance) = nearest(&distances, &alive, tip, before);
        if Some(near) != before {
            tips.push(near);
            continue;
        }
        tips.truncate(tips.len() - 2);
        // The merged cluster keeps the higher of the two names, as in SciPy.
        let (gone, kept) = (tip.min(near), tip.max(near));
        pairs.push(Pair { a: gone, b: kept, distance });
        alive.retain(|&i| i != gone);
        let (n_gone, n_kept) = (sizes[gone] as f64, sizes[kept] as f64);
        sizes[kept] += sizes[gone];
        for &i in alive.iter().filter(|&&i| i != kept) {
            let (d_gone, d_kept) = (distances.get(i, gone), distances.get(i, kept));
            *distances.get_mut(i, kept) = match update {
                Update::Average => (n_gone * d_gone + n_kept * d_kept) / (n_gone + n_kept),
                Update::Complete => d_gone.max(d_kept),
            };
        }
        work.progress.advance(1);
    }
    Ok(pairs)
}

fn nearest(
    distances: &Condensed,
    alive: &[usize],
    tip: usize,
    before: Option<usize>,
) -> (usize, f64) {
    let mut best = match before {
        Some(before) => (before, distances.get(tip, before)),
        None => (tip, f64::INFINITY),
    };
    for &i in alive {
        if i != tip {
            let d = distances.get(tip, i);
            if d < best.1 {
                best = (i, d);
            }
        }
    }
    best
}

/// The upper triangle of a distance matrix, row after row.
struct Condensed {
    n: usize,
    data: Vec<f64>,
}

impl Condensed {
    fn of(x: &Matrix, work: &Work) -> Result<Condensed, Cancelled> {
        let n = x.n_rows();
        let panels = Panels::new(x);
        let mut data = Vec::with_capacity(n * n.saturating_sub(1) / 2);
        for i in 0..n {
            if i % 256 == 0 {
                work.check()?;
            }
            for p in i / LANES..panels.n_panels() {
                let row = squared_distances(panels.panel(p), x.row(i));
                let later = (i + 1).saturating_sub(p * LANES)..(n - p * LANES).min(LANES);
                data.extend(row.get(later).into_iter().flatten().map(|d| d.sqrt()));
            }
        }
        Ok(Condensed { n, data })
    }

    fn at(&self, i: usize, j: usize) -> usize {
        let (i, j) = (i.min(j), i.max(j));
        self.n * i - i * (i + 1) / 2 + (j - i - 1)
    }

    fn get(&self, i: usize, j: usize) -> f64 {
        self.data[self.at(i, j)]
    }

    fn get_mut(&mut self, i: usize, j: usize) -> &mut f64 {
        let at = self.at(i, j);
        &mut self.data[at]
    }
}

/// Features up to which a search tree finds the spanning tree with less work than a look at all pairs.
const TREE_COLS: usize = 8;

/// Returns the n - 1 merges of single linkage from a minimum spanning tree; memory O(n).
pub(super) fn single(x: &Matrix, work: &Work) -> Result<Vec<Pair>, Cancelled> {
    if x.n_cols() > TREE_COLS {
        return prim(x, work);
    }
    let edges = spanning::tree(x, &Neighbours::new(x), &vec![0.0; x.n_rows()], work)?;
    Ok(edges.iter().map(|e| Pair { a: e.a, b: e.b, distance: e.weight.sqrt() }).collect())
}

fn prim(x: &Matrix, work: &Work) -> Result<Vec<Pair>, Cancelled> {
    let n = x.n_rows();
    let panels = Panels::new(x);
    let mut nearest = vec![f64::INFINITY; n];
    let mut in_tree = vec![false; n];
    let mut pairs = Vec::with_capacity(n.saturating_sub(1));
    let mut last = 0;
    for step in 1..n {
        if step % 256 == 0 {
            work.check()?;
        }
        work.progress.advance(1);
        in_tree[last] = true;
        let (distance, next) = simd::run(
            #[inline(always)]
            || advance(&panels, x.row(last), &mut nearest, &in_tree),
        );
        // Rows joined one after the other in Prim's order split at any height into the same clusters as the
        // tree itself, so the row before stands for the tree.
        pairs.push(Pair { a: last, b: next, distance: distance.sqrt() });
        last = next;
    }
    Ok(pairs)
}

/// Lowers each row's distance to the tree by that to its newest row; returns the nearest row outside the tree.
#[inline(always)]
fn advance(panels: &Panels, newest: &[f64], nearest: &mut [f64], in_tree: &[bool]) -> (f64, usize) {
    let mut next = (f64::INFINITY, 0);
    let lanes = nearest.chunks_mut(LANES).zip(in_tree.chunks(LANES)).enumerate();
    for (p, (nearest, in_tree)) in lanes {
        let distances = squared_distances(panels.panel(p), newest);
        for (near, d) in nearest.iter_mut().zip(distances) {
            *near = near.min(d);
        }
        for (lane, (near, is_in)) in nearest.iter().zip(in_tree).enumerate() {
            if *near < next.0 && !is_in {
                next = (*near, p * LANES + lane);
            }
        }
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::cluster::oracle::blobs;

    #[test]
    fn both_ways_to_the_spanning_tree_give_the_same_heights() {
        let x = blobs(300, 4, 3, 6);
        let heights = |mut pairs: Vec<Pair>| {
            pairs.sort_by(|a, b| a.distance.total_cmp(&b.distance));
            pairs.iter().map(|pair| pair.distance).collect::<Vec<f64>>()
        };
        let work = Work::alone(1);
        assert_eq!(heights(single(&x, &work).unwrap()), heights(prim(&x, &work).unwrap()));
    }
}
