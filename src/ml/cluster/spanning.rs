//! The minimum spanning tree of rows under the mutual reachability distance, without all their pairs.
//! It does not know what is cut out of it.
//!
//! Sources: Boruvka's rounds, in which every component takes its shortest edge outwards, over a search tree: March,
//! Ram and Gray, "Fast Euclidean minimum spanning tree", KDD 2010; what is remembered between rounds as in McInnes and
//! Healy, "Accelerated hierarchical density based clustering", ICDMW 2017. Many edges weigh the same, because a core
//! distance outweighs many distances: among them the shorter wins, then the lower rows, so the tree is unique and
//! neither threads nor the order of the search reach it.

use std::{
    cmp::Ordering,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use crate::{
    ml::{
        Matrix,
        cluster::{forest::Forest, neighbours::Neighbours, panels::LANES},
    },
    stage::work::{Cancelled, Work},
};

/// Rows whose nearest neighbours in other components one piece of work looks up.
const BLOCK_ROWS: usize = 256;

/// A node with rows of more than one component.
const MIXED: usize = usize::MAX;

/// An edge between two rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Edge {
    /// The largest of the squared distance and both squared core distances.
    pub weight: f64,
    /// The squared distance.
    pub distance: f64,
    /// The lower row.
    pub a: usize,
    /// The other row.
    pub b: usize,
}

impl Edge {
    fn order(&self, other: &Edge) -> Ordering {
        let weights = self.weight.total_cmp(&other.weight);
        let distances = || self.distance.total_cmp(&other.distance);
        weights.then_with(distances).then_with(|| (self.a, self.b).cmp(&(other.a, other.b)))
    }

    fn beats(&self, other: Option<&Edge>) -> bool {
        other.is_none_or(|other| self.order(other).is_lt())
    }
}

/// What is known of a row's shortest edge out of its component.
#[derive(Clone, Copy)]
struct Outward {
    /// The edge, right for as long as it leads outwards.
    edge: Option<Edge>,
    /// No edge outwards weighs less.
    at_least: f64,
}

/// Returns the n - 1 edges of the tree over the rows of `x`, shortest first, in O(n) memory. `cores` are the squared
/// core distances: zeros give the Euclidean tree. Rows should be distinct: equal ones see each other's neighbours.
pub(super) fn tree(
    x: &Matrix,
    index: &Neighbours,
    cores: &[f64],
    work: &Work,
) -> Result<Vec<Edge>, Cancelled> {
    let n = x.n_rows();
    let mut forest = Forest::new(n);
    let mut outwards: Vec<Outward> =
        cores.iter().map(|&core| Outward { edge: None, at_least: core }).collect();
    let mut edges: Vec<Edge> = Vec::with_capacity(n.saturating_sub(1));
    while edges.len() + 1 < n {
        let components = Components::new(&mut forest, n, index);
        look_outwards(x, index, cores, &components, &mut outwards, work)?;
        let n_before = edges.len();
        for edge in components.shortest(&outwards) {
            let (a, b) = (forest.root(edge.a), forest.root(edge.b));
            // Two components may have chosen the same edge.
            if a != b {
                forest.set_parent(b, a);
                edges.push(edge);
            }
        }
        work.progress.advance((edges.len() - n_before) as u64);
        if edges.len() == n_before {
            break;
        }
    }
    edges.sort_unstable_by(Edge::order);
    Ok(edges)
}

/// The component of each row and, where it has only one, of each node of the search tree.
struct Components {
    of_row: Vec<usize>,
    of_node: Vec<usize>,
    n: usize,
}

impl Components {
    fn new(forest: &mut Forest, n_rows: usize, index: &Neighbours) -> Components {
        let mut numbers = vec![MIXED; n_rows];
        let mut n = 0;
        let mut of_row = vec![0; n_rows];
        for (row, component) in of_row.iter_mut().enumerate() {
            let root = forest.root(row);
            if numbers[root] == MIXED {
                numbers[root] = n;
                n += 1;
            }
            *component = numbers[root];
        }
        let join = |a: usize, b: usize| if a == b { a } else { MIXED };
        let of_leaf = |rows: &[usize]| rows.iter().map(|&row| of_row[row]).reduce(join);
        let of_node = index.fold_up(|rows| of_leaf(rows).unwrap_or(MIXED), join);
        Components { of_row, of_node, n }
    }

    fn leads_outwards(&self, edge: &Edge) -> bool {
        self.of_row[edge.a] != self.of_row[edge.b]
    }

    fn shortest(&self, outwards: &[Outward]) -> Vec<Edge> {
        let mut best: Vec<Option<Edge>> = vec![None; self.n];
        for (row, outward) in outwards.iter().enumerate() {
            let Some(edge) = outward.edge.filter(|e| self.leads_outwards(e)) else { continue };
            let best = &mut best[self.of_row[row]];
            if edge.beats(best.as_ref()) {
                *best = Some(edge);
            }
        }
        best.into_iter().flatten().collect()
    }
}

/// Finds each component's shortest edge outwards, remembered by the row that it starts from. Threads tell each other how
/// heavy an edge may be; that saves work and, as the least edge is unique, changes no result.
fn look_outwards(
    x: &Matrix,
    index: &Neighbours,
    cores: &[f64],
    components: &Components,
    outwards: &mut [Outward],
    work: &Work,
) -> Result<(), Cancelled> {
    let bounds: Vec<AtomicU64> =
        (0..components.n).map(|_| AtomicU64::new(f64::INFINITY.to_bits())).collect();
    for (row, outward) in outwards.iter().enumerate() {
        if let Some(edge) = outward.edge.filter(|e| components.leads_outwards(e)) {
            lower(&bounds[components.of_row[row]], edge.weight);
        }
    }
    let rows = index.rows();
    let known = &*outwards;
    let blocks = work.pool.map(rows.len().div_ceil(BLOCK_ROWS), |block| {
        work.check()?;
        let block = &rows[block * BLOCK_ROWS..((block + 1) * BLOCK_ROWS).min(rows.len())];
        let mut found: Vec<(usize, Outward)> = Vec::new();
        for &row in block {
            let bound = &bounds[components.of_row[row]];
            let is_known = known[row].edge.is_some_and(|e| components.leads_outwards(&e));
            if !is_known && known[row].at_least <= read(bound) {
                found.push((row, from_row(x, index, cores, components, row, bound)));
            }
        }
        Ok(found)
    });
    for block in blocks {
        block?.into_iter().for_each(|(row, outward)| outwards[row] = outward);
    }
    Ok(())
}

fn from_row(
    x: &Matrix,
    index: &Neighbours,
    cores: &[f64],
    components: &Components,
    row: usize,
    bound: &AtomicU64,
) -> Outward {
    let own = components.of_row[row];
    let mut best: Option<Edge> = None;
    let mut radius = read(bound);
    let enter = |node: usize| components.of_node[node] != own;
    index.search(x.row(row), radius, enter, |others, distances: &[f64; LANES]| {
        for (&other, &distance) in others.iter().zip(distances) {
            if distance > radius || components.of_row[other] == own {
                continue;
            }
            let weight = distance.max(cores[row]).max(cores[other]);
            let edge = Edge { weight, distance, a: row.min(other), b: row.max(other) };
            if weight <= radius && edge.beats(best.as_ref()) {
                best = Some(edge);
                radius = weight;
            }
        }
        radius = radius.min(read(bound));
        radius
    });
    // Where others lowered the bound below what was found, lighter edges may have been passed by.
    let edge = best.filter(|edge| edge.weight <= radius);
    if let Some(edge) = edge {
        lower(bound, edge.weight);
    }
    Outward { edge, at_least: radius }
}

/// Weights are not below 0, so their bits are in the order of their values.
fn lower(bound: &AtomicU64, weight: f64) {
    bound.fetch_min(weight.to_bits(), Relaxed);
}

fn read(bound: &AtomicU64) -> f64 {
    f64::from_bits(bound.load(Relaxed))
}
