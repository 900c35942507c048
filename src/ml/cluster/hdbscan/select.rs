//! Which clusters of a condensed tree are taken, and which rows belong to them. It does not know distances of rows.

use super::{Condensed, Params, Selection};
use crate::ml::cluster::NOISE;

/// Returns for each cluster of the tree whether it is taken.
pub(super) fn clusters(tree: &Condensed, params: &Params) -> Vec<bool> {
    let selected = match params.cluster_selection_method {
        Selection::Eom => most_stable(tree, params.allow_single_cluster),
        Selection::Leaf => leaves(tree),
    };
    // Nothing lies above the root.
    if params.cluster_selection_epsilon == 0.0 || selected[0] {
        return selected;
    }
    let mut coarser = vec![false; selected.len()];
    for cluster in (0..selected.len()).filter(|&c| selected[c]) {
        coarser[coarsened(tree, cluster, params)] = true;
    }
    coarser
}

/// A cluster is taken if it is at least as stable as the best choice below it. The root is all rows, an answer only
/// where that is allowed.
fn most_stable(tree: &Condensed, with_root: bool) -> Vec<bool> {
    let n = tree.clusters.len();
    let mut below = vec![0.0_f64; n];
    let mut selected = vec![false; n];
    for c in (0..n).rev() {
        let cluster = &tree.clusters[c];
        selected[c] = (c > 0 || with_root) && cluster.stability >= below[c];
        if c > 0 {
            below[cluster.parent] += cluster.stability.max(below[c]);
        }
    }
    keep_highest(tree, selected)
}

fn keep_highest(tree: &Condensed, mut selected: Vec<bool>) -> Vec<bool> {
    let mut covered = vec![false; selected.len()];
    for (c, cluster) in tree.clusters.iter().enumerate() {
        let is_below = c > 0 && covered[cluster.parent];
        covered[c] = is_below || selected[c];
        selected[c] &= !is_below;
    }
    selected
}

/// A root that never parts is no leaf, as in scikit-learn.
fn leaves(tree: &Condensed) -> Vec<bool> {
    let mut is_leaf = vec![true; tree.clusters.len()];
    is_leaf[0] = false;
    tree.clusters.iter().for_each(|cluster| is_leaf[cluster.parent] = false);
    is_leaf
}

/// Climbs from a cluster that appeared below `cluster_selection_epsilon` to the first above it that did not.
fn coarsened(tree: &Condensed, cluster: usize, params: &Params) -> usize {
    let epsilon = params.cluster_selection_epsilon;
    let mut at = cluster;
    if 1.0 / tree.clusters[at].birth >= epsilon {
        return at;
    }
    loop {
        let parent = tree.clusters[at].parent;
        if parent == 0 {
            return if params.allow_single_cluster { 0 } else { at };
        }
        at = parent;
        if 1.0 / tree.clusters[at].birth > epsilon {
            return at;
        }
    }
}

/// Returns label and probability of each row.
pub(super) fn members(
    tree: &Condensed,
    selected: &[bool],
    params: &Params,
) -> (Vec<i32>, Vec<f64>) {
    let chosen: Vec<usize> = (0..selected.len()).filter(|&c| selected[c]).collect();
    // The place in `chosen` of the nearest taken cluster at or above each.
    let mut owner: Vec<Option<usize>> = vec![None; selected.len()];
    for (c, cluster) in tree.clusters.iter().enumerate() {
        let above = if c > 0 { owner[cluster.parent] } else { None };
        owner[c] = if selected[c] { chosen.binary_search(&c).ok() } else { above };
    }
    let member = |&(left, density): &(usize, f64)| {
        let place = owner[left]?;
        let cluster = chosen[place];
        let death = tree.clusters[cluster].death;
        if cluster == 0 && !(chosen.len() == 1 && density >= root_threshold(death, params)) {
            return None;
        }
        let is_whole = death == 0.0 || density.is_infinite();
        Some((place as i32, if is_whole { 1.0 } else { density.min(death) / death }))
    };
    tree.left.iter().map(|left| member(left).unwrap_or((NOISE, 0.0))).unzip()
}

/// The density from which a row belongs to a single cluster of all rows.
fn root_threshold(death: f64, params: &Params) -> f64 {
    let epsilon = params.cluster_selection_epsilon;
    if epsilon == 0.0 { death } else { 1.0 / epsilon }
}
