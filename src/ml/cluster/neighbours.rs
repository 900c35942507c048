//! Rows near a point: a balanced tree of boxes over panels of rows.
//! It does not know what the neighbours are for.
//!
//! Source: Bentley, "Multidimensional binary search trees used for associative searching", CACM 18 (1975). Leaves hold up to
//! eight panels, so that in many dimensions, where no box can be left out, a query is a plain pass over panels.
//! Answers are sets and distances of pairs, so the shape of the tree reaches no result. A box is never farther than
//! a row in it, not even by rounding: both sum the same features in the same order, and each rounding
//! is monotone.

use std::ops::Range;

use crate::ml::{
    Matrix,
    cluster::panels::{LANES, Panels, squared_distances},
    simd,
};

/// Most rows in a leaf.
const LEAF_ROWS: usize = 8 * LANES;

/// A search tree over the rows of a matrix.
pub(super) struct Neighbours {
    panels: Panels,
    /// The row in each slot of the panels.
    rows: Vec<usize>,
    /// The root is node 0; children come after their parents.
    nodes: Vec<Node>,
}

struct Node {
    slots: Range<usize>,
    children: Option<Children>,
}

/// Two nodes and their boxes, side by side.
struct Children {
    numbers: [usize; 2],
    /// Least and largest value of each feature, of one and the other.
    bounds: Vec<[[f64; 2]; 2]>,
}

impl Neighbours {
    /// Builds the tree in O(n d log n).
    pub(super) fn new(x: &Matrix) -> Neighbours {
        let mut rows: Vec<usize> = (0..x.n_rows()).collect();
        let mut nodes = Vec::new();
        if !rows.is_empty() {
            let bounds = bounds_of(x, &rows);
            build(x, &mut rows, &bounds, 0, &mut nodes);
        }
        Neighbours { panels: Panels::new(&x.select_rows(&rows)), rows, nodes }
    }

    /// Returns the number of nodes.
    pub(super) fn n_nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Returns the nodes that hold each row, from the root to its leaf, as one list of nodes a leaf, and the rows
    /// of that leaf.
    pub(super) fn leaves(&self) -> Vec<(Vec<usize>, &[usize])> {
        let mut leaves = Vec::new();
        let mut paths = vec![vec![0]];
        while let Some(path) = paths.pop() {
            let Some(node) = path.last().and_then(|&last| self.nodes.get(last)) else { continue };
            match &node.children {
                None => leaves.push((path, &self.rows[node.slots.clone()])),
                Some(children) => paths.extend(
                    children
                        .numbers
                        .map(|child| path.iter().copied().chain([child]).collect::<Vec<usize>>()),
                ),
            }
        }
        leaves
    }

    /// Returns all rows, those near each other mostly together.
    pub(super) fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// Returns a value for each node: of a leaf from its rows, of another node from those of its two children.
    pub(super) fn fold_up<T: Copy>(
        &self,
        of_leaf: impl Fn(&[usize]) -> T,
        join: impl Fn(T, T) -> T,
    ) -> Vec<T> {
        // Children come after their parents, so all values but those above the last node are known.
        let mut values: Vec<T> = Vec::with_capacity(self.nodes.len());
        let at = |child: usize| self.nodes.len() - 1 - child;
        for node in self.nodes.iter().rev() {
            values.push(match &node.children {
                None => of_leaf(&self.rows[node.slots.clone()]),
                Some(children) => {
                    let [a, b] = children.numbers;
                    join(values[at(a)], values[at(b)])
                }
            });
        }
        values.reverse();
        values
    }

    /// Returns the `n`-th smallest squared distance (from 1) of a row to `point`, where row `i` counts `count_of(i)`
    /// times; the largest if there are fewer rows, 0 if there are none.
    pub(super) fn nth_squared_distance(
        &self,
        point: &[f64],
        n: usize,
        count_of: impl Fn(usize) -> usize,
    ) -> f64 {
        let mut nearest: Vec<f64> = Vec::with_capacity(n.min(self.rows.len()) + 1);
        self.search(
            point,
            f64::INFINITY,
            |_| true,
            |rows, distances| {
                for (&row, &d) in rows.iter().zip(distances) {
                    for _ in 0..count_of(row) {
                        let is_full = nearest.len() >= n;
                        if is_full && nearest.last().is_none_or(|last| d >= *last) {
                            break;
                        }
                        if is_full {
                            nearest.pop();
                        }
                        nearest.insert(nearest.partition_point(|&other| other <= d), d);
                    }
                }
                match nearest.last() {
                    // Nothing is nearer than equal rows.
                    Some(0.0) if nearest.len() >= n => -1.0,
                    Some(last) if nearest.len() >= n => *last,
                    _ => f64::INFINITY,
                }
            },
        );
        nearest.last().copied().unwrap_or(0.0)
    }

    /// Returns the row nearest to `point` within the squared `radius`, of equally near ones the first.
    pub(super) fn nearest(&self, point: &[f64], radius: f64) -> Option<usize> {
        let mut best: Option<(f64, usize)> = None;
        self.search(
            point,
            radius,
            |_| true,
            |rows, distances| {
                for (&row, &d) in rows.iter().zip(distances) {
                    if d <= radius && best.is_none_or(|(least, first)| (d, row) < (least, first)) {
                        best = Some((d, row));
                    }
                }
                best.map_or(radius, |(least, _)| least)
            },
        );
        best.map(|(_, row)| row)
    }

    /// Shows `visit` the rows of every panel with one within the squared `radius` of `point`, with their
    /// squared distances, near boxes first. `visit` returns the squared radius that counts from then on; a
    /// negative one ends the search. Nodes that `enter` refuses are left out.
    pub(super) fn search(
        &self,
        point: &[f64],
        radius: f64,
        enter: impl Fn(usize) -> bool,
        visit: impl FnMut(&[usize], &[f64; LANES]) -> f64,
    ) {
        simd::run(
            #[inline(always)]
            || self.search_portable(point, radius, enter, visit),
        );
    }

    #[inline(always)]
    fn search_portable(
        &self,
        point: &[f64],
        mut radius: f64,
        enter: impl Fn(usize) -> bool,
        mut visit: impl FnMut(&[usize], &[f64; LANES]) -> f64,
    ) {
        let mut waiting: Vec<(f64, usize)> = Vec::with_capacity(32);
        if !self.nodes.is_empty() && enter(0) {
            waiting.push((0.0, 0));
        }
        while let Some((distance, node)) = waiting.pop() {
            if distance > radius {
                continue;
            }
            let node = &self.nodes[node];
            let Some(children) = &node.children else {
                for first in node.slots.clone().step_by(LANES) {
                    let distances = squared_distances(self.panels.panel(first / LANES), point);
                    // Most panels hold nothing near, which is seen at once where rows are looked at side by side.
                    if !distances.iter().fold(false, |any, d| any | (*d <= radius)) {
                        continue;
                    }
                    let end = (first + LANES).min(node.slots.end);
                    radius = visit(&self.rows[first..end], &distances);
                }
                continue;
            };
            let [a, b] = children.numbers;
            let distances = children.squared_distances(point, radius);
            let (a, b) = ((distances[0], a), (distances[1], b));
            let (near, far) = if b.0 < a.0 { (b, a) } else { (a, b) };
            for next in [far, near] {
                if next.0 <= radius && enter(next.1) {
                    waiting.push(next);
                }
            }
        }
    }
}

impl Children {
    /// Returns the squared distances of the boxes to `point`, or something above `radius` for both if they are.
    #[inline(always)]
    fn squared_distances(&self, point: &[f64], radius: f64) -> [f64; 2] {
        let mut sums = [0.0; 2];
        for (bounds, p) in self.bounds.chunks(4).zip(point.chunks(4)) {
            for ([least, largest], p) in bounds.iter().zip(p) {
                for i in 0..2 {
                    let d = larger(larger(least[i] - p, p - largest[i]), 0.0);
                    sums[i] += d * d;
                }
            }
            if sums[0] > radius && sums[1] > radius {
                break;
            }
        }
        sums
    }
}

/// Returns the larger of two numbers, of which neither is NaN: one instruction, where `f64::max` takes three.
#[inline(always)]
fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

/// Appends the node over `rows`, whose box is known and which fill the slots from `start`, and those below it; returns its
/// number.
fn build(
    x: &Matrix,
    rows: &mut [usize],
    bounds: &[[f64; 2]],
    start: usize,
    nodes: &mut Vec<Node>,
) -> usize {
    let number = nodes.len();
    let spread = |j: &usize| bounds[*j][1] - bounds[*j][0];
    let widest = (0..bounds.len()).max_by(|a, b| spread(a).total_cmp(&spread(b))).unwrap_or(0);
    nodes.push(Node { slots: start..start + rows.len(), children: None });
    if rows.len() > LEAF_ROWS {
        // Halves begin at a panel's first lane.
        let half = (rows.len() / 2).next_multiple_of(LANES);
        rows.select_nth_unstable_by(half, |&a, &b| {
            x.row(a)[widest].total_cmp(&x.row(b)[widest]).then(a.cmp(&b))
        });
        let (lower, upper) = rows.split_at_mut(half);
        let boxes = [bounds_of(x, lower), bounds_of(x, upper)];
        let numbers = [
            build(x, lower, &boxes[0], start, nodes),
            build(x, upper, &boxes[1], start + half, nodes),
        ];
        let [a, b] = boxes;
        let bounds = a.iter().zip(&b).map(|(a, b)| [[a[0], b[0]], [a[1], b[1]]]).collect();
        nodes[number].children = Some(Children { numbers, bounds });
    }
    number
}

fn bounds_of(x: &Matrix, rows: &[usize]) -> Vec<[f64; 2]> {
    let mut bounds = vec![[f64::INFINITY, f64::NEG_INFINITY]; x.n_cols()];
    for &row in rows {
        for ([least, largest], v) in bounds.iter_mut().zip(x.row(row)) {
            *least = least.min(*v);
            *largest = largest.max(*v);
        }
    }
    bounds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::{cluster::oracle::blobs, math};

    #[test]
    fn nothing_within_the_radius_is_missed() {
        for (n_rows, n_cols) in [(1, 1), (7, 2), (64, 3), (65, 2), (1000, 2), (500, 12)] {
            let x = blobs(n_rows, n_cols, 3, 4);
            let index = Neighbours::new(&x);
            for i in (0..n_rows).step_by(17) {
                for radius in [0.0, 1.0, 9.0, 400.0] {
                    let mut found = Vec::new();
                    index.search(
                        x.row(i),
                        radius,
                        |_| true,
                        |rows, distances| {
                            let near = rows.iter().zip(distances).filter(|(_, d)| **d <= radius);
                            found.extend(near.map(|(row, _)| *row));
                            radius
                        },
                    );
                    found.sort_unstable();
                    let near = |j: &usize| math::squared_distance(x.row(i), x.row(*j)) <= radius;
                    let expected: Vec<usize> = (0..n_rows).filter(near).collect();
                    assert_eq!(found, expected, "{n_rows} x {n_cols}, radius {radius}");
                }
            }
        }
    }

    #[test]
    fn leaves_hold_every_row_once_below_the_root() {
        let x = blobs(700, 3, 2, 1);
        let index = Neighbours::new(&x);
        let mut rows = Vec::new();
        for (path, members) in index.leaves() {
            assert_eq!(path[0], 0);
            assert!(members.len() <= LEAF_ROWS);
            rows.extend_from_slice(members);
        }
        rows.sort_unstable();
        assert_eq!(rows, (0..700).collect::<Vec<usize>>());
        assert!(Neighbours::new(&Matrix::zeros(0, 2)).leaves().is_empty());
    }
}
