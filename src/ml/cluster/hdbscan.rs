//! HDBSCAN: the clusters that last longest while the density is raised, everything else noise.
//! It does not know how segments are ordered or named.
//!
//! Sources: Campello, Moulavi and Sander, "Density-based clustering based on hierarchical density estimates", PAKDD
//! 2013; McInnes and Healy, "Accelerated hierarchical density based clustering", ICDMW 2017; for
//! `cluster_selection_epsilon` Malzer and Baum, "A hybrid approach to hierarchical density-based cluster selection", MFI
//! 2020. Labels and probabilities are those of scikit-learn's `HDBSCAN`, but for rows that join two clusters at exactly
//! the same density (a row far from both often does): there scikit-learn's answer depends on how an unstable sort left
//! equal edges, and here the side of the nearer row wins.
//!
//! Memory is O(n d); scikit-learn looks at all pairs of rows, this takes about O(n log n) steps in low dimension and
//! O(n^2) in high. Equal rows are taken together, so that duplicates cost nothing.

use crate::{
    ml::{
        Matrix,
        cluster::{
            NOISE, check_input,
            distinct::Distinct,
            hierarchical::{Merge, number},
            linkage::Pair,
            neighbours::Neighbours,
            spanning,
        },
        error::MlError,
    },
    stage::work::Work,
};

mod condense;
mod select;

use condense::Condensed;

/// Which clusters of the condensed tree are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Those with the largest excess of mass: the most stable ones that do not overlap.
    Eom,
    /// Its leaves: the finest clusters.
    Leaf,
}

/// What HDBSCAN is asked for; names and meanings are scikit-learn's.
#[derive(Clone, Debug, PartialEq)]
pub struct Params {
    /// Fewer rows are no cluster; at least 2.
    pub min_cluster_size: usize,
    /// The core distance is that to the n-th nearest row, itself included; at least 1.
    pub min_samples: usize,
    /// Clusters that only part below this distance stay one; 0 for none.
    pub cluster_selection_epsilon: f64,
    /// Which clusters are taken.
    pub cluster_selection_method: Selection,
    /// Whether all rows may be one cluster.
    pub allow_single_cluster: bool,
}

/// An HDBSCAN clustering.
#[derive(Clone, Debug, PartialEq)]
pub struct Clustering {
    /// The cluster of each row; -1 for noise.
    pub labels: Vec<i32>,
    /// How deep in its cluster each row lies, `0..=1`; 0 for noise.
    pub probabilities: Vec<f64>,
    /// The distance of each row to its `min_samples`-th nearest; infinite if there are fewer rows.
    pub core_distances: Vec<f64>,
    /// For each cluster the density (1 / distance) at which it appears.
    pub births: Vec<f64>,
    /// And the density at which its last row leaves it; infinite where rows are equal.
    pub deaths: Vec<f64>,
}

/// Rows whose core distances one piece of work looks up.
const BLOCK_ROWS: usize = 256;

/// Clusters the rows of `x`.
///
/// # Errors
/// If there are no features, a parameter is out of its range, or a value is not finite; if cancelled.
pub fn fit(x: &Matrix, params: &Params, work: &Work) -> Result<Clustering, MlError> {
    check_input(x, 0)?;
    check(params)?;
    let n = x.n_rows();
    if params.min_samples > n {
        // No row has that many neighbours, so none is dense at any distance.
        return Ok(Clustering {
            labels: vec![NOISE; n],
            probabilities: vec![0.0; n],
            core_distances: vec![f64::INFINITY; n],
            births: Vec::new(),
            deaths: Vec::new(),
        });
    }
    let distinct = Distinct::of(x);
    let (merges, cores) = single_linkage(x, &distinct, params.min_samples, work)?;
    let condensed = Condensed::new(&merges, n, params.min_cluster_size);
    let selected = select::clusters(&condensed, params);
    let (labels, probabilities) = select::members(&condensed, &selected, params);
    let chosen: Vec<_> =
        condensed.clusters.iter().zip(&selected).filter(|c| *c.1).map(|c| c.0).collect();
    Ok(Clustering {
        labels,
        probabilities,
        core_distances: distinct.group.iter().map(|&g| cores[g].sqrt()).collect(),
        births: chosen.iter().map(|cluster| cluster.birth).collect(),
        deaths: chosen.iter().map(|cluster| cluster.death).collect(),
    })
}

fn check(params: &Params) -> Result<(), MlError> {
    let fault = |name, why: String| Err(MlError::Parameter { name, why });
    if params.min_cluster_size < 2 {
        return fault("min_cluster_size", format!("{} is below 2", params.min_cluster_size));
    }
    if params.min_samples < 1 {
        return fault("min_samples", "0 is below 1".to_string());
    }
    let epsilon = params.cluster_selection_epsilon;
    if !(epsilon >= 0.0 && epsilon.is_finite()) {
        return fault("cluster_selection_epsilon", format!("{epsilon} is not a number from 0"));
    }
    Ok(())
}

/// Returns the tree of merges by mutual reachability distance, and the squared core distance of each distinct row.
fn single_linkage(
    x: &Matrix,
    distinct: &Distinct,
    min_samples: usize,
    work: &Work,
) -> Result<(Vec<Merge>, Vec<f64>), MlError> {
    let n = x.n_rows();
    work.progress.set_total(2 * distinct.first.len() as u64);
    let some;
    let few = if distinct.all() {
        x
    } else {
        some = x.select_rows(&distinct.first);
        &some
    };
    let index = Neighbours::new(few);
    let cores = core_distances(few, &index, &distinct.counts, min_samples, work)?;
    let mut pairs = Vec::with_capacity(n.saturating_sub(1));
    // No edge is shorter than the one between equal rows, so these come before all others of their weight.
    for (row, &group) in distinct.group.iter().enumerate() {
        if distinct.first[group] != row {
            pairs.push(Pair { a: distinct.first[group], b: row, distance: cores[group].sqrt() });
        }
    }
    for edge in spanning::tree(few, &index, &cores, work)? {
        let (a, b) = (distinct.first[edge.a], distinct.first[edge.b]);
        pairs.push(Pair { a, b, distance: edge.weight.sqrt() });
    }
    Ok((number(pairs, &vec![1; n]), cores))
}

fn core_distances(
    x: &Matrix,
    index: &Neighbours,
    counts: &[usize],
    min_samples: usize,
    work: &Work,
) -> Result<Vec<f64>, MlError> {
    // Rows near each other ask one after the other: they need the same part of the tree.
    let rows = index.rows();
    let blocks = work.pool.map(rows.len().div_ceil(BLOCK_ROWS), |block| {
        work.check()?;
        let block = &rows[block * BLOCK_ROWS..((block + 1) * BLOCK_ROWS).min(rows.len())];
        work.progress.advance(block.len() as u64);
        let nth = |&row: &usize| index.nth_squared_distance(x.row(row), min_samples, |i| counts[i]);
        Ok(block.iter().map(nth).collect::<Vec<f64>>())
    });
    let mut cores = vec![0.0; rows.len()];
    let blocks = blocks.into_iter().collect::<Result<Vec<_>, MlError>>()?;
    for (&row, core) in rows.iter().zip(blocks.into_iter().flatten()) {
        cores[row] = core;
    }
    Ok(cores)
}

#[cfg(test)]
mod tests;
