//! Agglomerative clustering: a tree of merges, and its cut into k clusters.
//! It does not know how segments are ordered or named.
//!
//! The tree is SciPy's `linkage` and the cut scikit-learn's `AgglomerativeClustering`, but for exact ties that
//! rounding decides. Ward and single linkage keep O(n d) numbers; average and complete linkage keep all pairs.

use crate::{
    ml::{
        Matrix,
        cluster::{
            check_input,
            forest::Forest,
            linkage::{self, Pair, Update},
            ward,
        },
        error::MlError,
    },
    stage::work::Work,
};

/// What the distance between two clusters is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linkage {
    /// The increase of the within-cluster variance.
    Ward,
    /// The mean distance over all pairs.
    Average,
    /// The largest distance over all pairs.
    Complete,
    /// The smallest distance over all pairs.
    Single,
}

/// Most rows for average and complete linkage: their pairwise distances then take 1 GiB.
pub const MAX_PAIRWISE_ROWS: usize = 16_384;

/// One merge of the tree, as in a row of SciPy's linkage matrix.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Merge {
    /// The lower-numbered part: a row (below n), or n + the number of an earlier merge.
    pub left: usize,
    /// The other part.
    pub right: usize,
    /// The distance between the two.
    pub distance: f64,
    /// Rows in the merged cluster.
    pub size: usize,
}

/// Builds the whole tree: n - 1 merges, nearest first.
///
/// # Errors
/// If there are no rows, no features, values that are not finite, or too many rows for the linkage; if cancelled.
pub fn tree(x: &Matrix, linkage: Linkage, work: &Work) -> Result<Vec<Merge>, MlError> {
    check_input(x, 1)?;
    work.progress.set_total(x.n_rows().saturating_sub(1) as u64);
    let pairs = match linkage {
        Linkage::Ward => ward::ward(x, work)?,
        Linkage::Single => linkage::single(x, work)?,
        Linkage::Average | Linkage::Complete => {
            check_pairwise(x.n_rows())?;
            let update = match linkage {
                Linkage::Average => Update::Average,
                _ => Update::Complete,
            };
            linkage::chain(x, update, work)?
        }
    };
    Ok(number(pairs, x.n_rows()))
}

fn check_pairwise(n_rows: usize) -> Result<(), MlError> {
    if n_rows <= MAX_PAIRWISE_ROWS {
        return Ok(());
    }
    let gib = (n_rows as f64) * (n_rows as f64) * 4.0 / (1_u64 << 30) as f64;
    Err(MlError::Parameter {
        name: "linkage",
        why: format!(
            "average and complete linkage keep the distances of all pairs of rows, {gib:.1} GiB for {n_rows} \
             rows; the limit is {MAX_PAIRWISE_ROWS} rows: take `ward` or `single`, or sample the rows"
        ),
    })
}

/// Sorts merges by distance and names each cluster by the merge that made it.
pub(super) fn number(mut pairs: Vec<Pair>, n_rows: usize) -> Vec<Merge> {
    // Stable: among equal heights the chain's order puts a cluster's making before its use.
    pairs.sort_by(|a, b| a.distance.total_cmp(&b.distance));
    let mut forest = Forest::new(2 * n_rows);
    let mut sizes = vec![1_usize; n_rows];
    let mut merges = Vec::with_capacity(pairs.len());
    for (m, pair) in pairs.iter().enumerate() {
        let (a, b) = (forest.root(pair.a), forest.root(pair.b));
        let merged = n_rows + m;
        let size = sizes[a] + sizes[b];
        forest.set_parent(a, merged);
        forest.set_parent(b, merged);
        sizes.push(size);
        merges.push(Merge { left: a.min(b), right: a.max(b), distance: pair.distance, size });
    }
    merges
}

/// Cuts a tree over `n_rows` rows into `k` clusters by undoing its last `k - 1` merges. Clusters are numbered
/// by their first row.
///
/// # Errors
/// If `k` is 0 or above the number of rows.
pub fn cut(merges: &[Merge], n_rows: usize, k: usize) -> Result<Vec<i32>, MlError> {
    if k == 0 || k > n_rows {
        return Err(MlError::TooFew { what: "rows", needed: k.max(1), got: n_rows });
    }
    let mut forest = Forest::new(2 * n_rows);
    for (m, merge) in merges.iter().take(n_rows - k).enumerate() {
        forest.set_parent(merge.left, n_rows + m);
        forest.set_parent(merge.right, n_rows + m);
    }
    let mut numbers = vec![-1_i32; 2 * n_rows];
    let mut n_seen = 0;
    let mut number = |root: usize| {
        if numbers[root] < 0 {
            numbers[root] = n_seen;
            n_seen += 1;
        }
        numbers[root]
    };
    Ok((0..n_rows).map(|row| number(forest.root(row))).collect())
}

#[cfg(test)]
mod tests;
