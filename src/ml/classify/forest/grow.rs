//! Growing one tree of a forest, node by node, on a sample of the rows. It does not know the other trees.

use std::ops::Range;

use super::ForestParams;
use crate::ml::{
    classify::{
        Samples,
        bins::Bins,
        gini::{Cut, Drawn, TOGETHER, Tables, Tally},
        tree::{Growing, Place, Tree, partition},
    },
    error::MlError,
    rng::Rng,
};

/// A node that waits to be split: its rows, what they count by class, and its place.
struct Waiting {
    start: usize,
    end: usize,
    totals: Vec<u32>,
    depth: usize,
    place: Place,
}

/// What growing a tree takes in memory.
#[derive(Default)]
pub(super) struct Room {
    copies: Vec<u32>,
    rows: Vec<Drawn>,
    scratch: Vec<Drawn>,
    tables: Tables,
    tally: Tally,
}

/// Grows a tree; returns it, and how much purer each feature made it.
pub(super) fn tree(
    samples: &Samples<'_>,
    bins: &Bins<u8>,
    weights: &[f64],
    params: &ForestParams,
    mut rng: Rng,
    room: &mut Room,
) -> Result<(Tree, Vec<f64>), MlError> {
    let Room { copies, rows, scratch, tables, tally } = room;
    draw(samples.y, params.bootstrap, &mut rng, copies, rows);
    let totals = count(rows, samples.n_classes);
    let mut growing = Growing::new(samples.n_classes);
    let mut decreases = vec![0.0; bins.features.len()];
    let order = (0..bins.features.len()).collect();
    let mut search = Search { bins, params, weights, order, tables, tally };
    let mut waiting = vec![Waiting { start: 0, end: rows.len(), totals, depth: 0, place: None }];
    while let Some(Waiting { start, end, totals, depth, place }) = waiting.pop() {
        let node = &mut rows[start..end];
        let may_split = params.max_depth.is_none_or(|max| depth < max)
            && node.len() >= params.min_samples_split
            && totals.iter().filter(|&&c| c > 0).count() > 1;
        let found = if may_split { search.best(node, &totals, &mut rng) } else { None };
        let Some((feature, cut)) = found else {
            growing.leaf(place, shares(&totals, weights));
            continue;
        };
        decreases[feature] += cut.purity - purity_of(&totals, weights);
        let codes = &bins.features[feature].codes;
        let missing = bins.features[feature].n_bins();
        let n_left = partition(node, scratch, |drawn| {
            let code = codes[drawn.row as usize];
            let is_missing = usize::from(code) == missing;
            (is_missing & cut.missing_left) | (!is_missing & (u16::from(code) <= cut.bin))
        });
        // Only the smaller side is counted; the other is what is left.
        let (left, right) = node.split_at(n_left);
        let left_is_smaller = left.len() <= right.len();
        let small = count(if left_is_smaller { left } else { right }, totals.len());
        let large = totals.iter().zip(&small).map(|(all, s)| all - s).collect();
        let (of_left, of_right) = if left_is_smaller { (small, large) } else { (large, small) };
        let parent = growing.split(place, feature, cut.threshold, cut.missing_left);
        let (middle, depth) = (start + n_left, depth + 1);
        // The left child is taken up first, so that nodes come in preorder.
        let mut child = |rows: Range<usize>, totals, is_left| {
            let Range { start, end } = rows;
            waiting.push(Waiting { start, end, totals, depth, place: Some((parent, is_left)) });
        };
        child(middle..end, of_right, false);
        child(start..middle, of_left, true);
    }
    Ok((growing.finish(bins.features.len())?, decreases))
}

/// Draws a tree's sample: each row that is in it, ascending.
fn draw(y: &[u32], bootstrap: bool, rng: &mut Rng, copies: &mut Vec<u32>, rows: &mut Vec<Drawn>) {
    copies.clear();
    copies.resize(y.len(), u32::from(!bootstrap));
    if bootstrap {
        (0..y.len()).for_each(|_| copies[rng.below(y.len())] += 1);
    }
    rows.clear();
    for ((row, &class), &copies) in (0..).zip(y).zip(&*copies) {
        let mut left = copies;
        while left > 0 {
            // A row that was drawn more often than its field holds stands twice.
            let copies = u16::try_from(left).unwrap_or(u16::MAX);
            rows.push(Drawn { row, class: class as u16, copies });
            left -= u32::from(copies);
        }
    }
}

/// Returns what rows count by class.
fn count(rows: &[Drawn], n_classes: usize) -> Vec<u32> {
    let mut totals = vec![0; n_classes];
    rows.iter().for_each(|drawn| totals[usize::from(drawn.class)] += u32::from(drawn.copies));
    totals
}

fn shares<'a>(totals: &'a [u32], weights: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
    let weigh = |(&count, &weight): (&u32, &f64)| f64::from(count) * weight;
    let sum: f64 = totals.iter().zip(weights).map(weigh).sum();
    totals.iter().zip(weights).map(move |pair| weigh(pair) / sum)
}

fn purity_of(totals: &[u32], weights: &[f64]) -> f64 {
    let (mut sum, mut squares) = (0.0, 0.0);
    for (&count, weight) in totals.iter().zip(weights) {
        let w = f64::from(count) * weight;
        sum += w;
        squares += w * w;
    }
    squares / sum
}

/// The search for a node's split.
struct Search<'a> {
    bins: &'a Bins<u8>,
    params: &'a ForestParams,
    weights: &'a [f64],
    order: Vec<usize>,
    tables: &'a mut Tables,
    tally: &'a mut Tally,
}

impl Search<'_> {
    /// Returns the best split among randomly drawn features; of equal ones the first drawn. Draws go
    /// on past `max_features` until one feature is not constant, as in scikit-learn.
    fn best(&mut self, rows: &[Drawn], totals: &[u32], rng: &mut Rng) -> Option<(usize, Cut)> {
        let mut best: Option<(usize, Cut)> = None;
        let (n_features, n_classes) = (self.order.len(), self.weights.len());
        let (mut n_drawn, mut n_constant) = (0, 0);
        while n_drawn < n_features && (n_drawn < self.params.max_features || n_constant == n_drawn)
        {
            let first = n_drawn;
            let wanted = self.params.max_features.saturating_sub(first).clamp(1, TOGETHER);
            while n_drawn < n_features.min(first + wanted) {
                let pick = n_drawn + rng.below(n_features - n_drawn);
                self.order.swap(n_drawn, pick);
                n_drawn += 1;
            }
            let indices = &self.order[first..n_drawn];
            let features: Vec<_> = indices.iter().map(|&i| &self.bins.features[i]).collect();
            self.tables.count(&features, rows, n_classes);
            for (i, (&index, feature)) in indices.iter().zip(features).enumerate() {
                self.tally.take(self.tables, i, feature.n_bins(), n_classes);
                if self.tally.is_constant() {
                    n_constant += 1;
                    continue;
                }
                let min_rows = self.params.min_samples_leaf;
                let cut = self.tally.best_cut(feature, totals, self.weights, min_rows);
                if let Some(cut) = cut
                    && best.is_none_or(|(_, b)| cut.purity > b.purity)
                {
                    best = Some((index, cut));
                }
            }
        }
        best
    }
}
