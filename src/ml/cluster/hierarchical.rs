//! Agglomerative clustering: a tree of merges, and its cut into k clusters.
//! It does not know how segments are ordered or named.
//!
//! The tree is SciPy's `linkage` and the cut scikit-learn's `AgglomerativeClustering`, but for exact ties that
//! rounding decides. Ward and single linkage keep O(n d) numbers; average and complete linkage keep all pairs. Equal rows
//! are merged first and stand as one with their number, so that duplicates cost nothing. Where rows are too many, groups
//! of them are merged instead ([`fit`]); the tree then says so.

use crate::{
    ml::{
        Matrix,
        cluster::{
            check_input, check_k,
            distinct::Distinct,
            forest::Forest,
            linkage::{self, Pair, Update},
            micro::{self, Micro},
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

/// Groups of rows that are merged in the place of rows, where there are too many rows.
pub const MICRO_CLUSTERS: usize = 1024;

/// A tree over rows, or over groups of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    /// The merges, nearest first.
    pub merges: Vec<Merge>,
    /// What was merged, if not the rows themselves; a merge's `size` then counts the rows in the groups.
    pub micro: Option<Micro>,
    n_rows: usize,
}

/// When and how groups of rows take the place of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TwoStep {
    /// Distinct rows up to which every row is merged, by average and complete linkage at most [`MAX_PAIRWISE_ROWS`].
    pub exact_rows: usize,
    /// Groups to make above.
    pub n_groups: usize,
    /// Seed of the groups.
    pub seed: u64,
}

/// Builds the tree over all rows of `x`, or over groups of them if more than `two_step` allows are distinct.
///
/// # Errors
/// If there are no rows, no features or values that are not finite; if cancelled.
pub fn fit(x: &Matrix, linkage: Linkage, two_step: TwoStep, work: &Work) -> Result<Tree, MlError> {
    check_input(x, 1)?;
    let most = match linkage {
        Linkage::Ward | Linkage::Single => two_step.exact_rows,
        Linkage::Average | Linkage::Complete => two_step.exact_rows.min(MAX_PAIRWISE_ROWS),
    };
    if x.n_rows() <= most {
        return Ok(Tree { merges: tree(x, linkage, work)?, micro: None, n_rows: x.n_rows() });
    }
    let distinct = Distinct::of(x);
    if distinct.first.len() <= most {
        let merges = merge_distinct(x, &distinct, linkage, work)?;
        return Ok(Tree { merges, micro: None, n_rows: x.n_rows() });
    }
    let micro = micro::groups(x, two_step.n_groups, two_step.seed, work)?;
    let pairs = merge_weighted(&micro.means, &micro.sizes, linkage, work)?;
    let merges = number(pairs, &micro.sizes);
    Ok(Tree { merges, micro: Some(micro), n_rows: x.n_rows() })
}

impl Tree {
    /// Returns true if a cut into `k` clusters parts rows that are equal.
    pub fn parts_equals(&self, k: usize) -> bool {
        let undone =
            (self.merges.len() + 1).checked_sub(k).and_then(|first| self.merges.get(first));
        undone.is_some_and(|merge| merge.distance == 0.0)
    }

    /// Returns the cluster of each row, as [`cut`].
    ///
    /// # Errors
    /// If `k` is 0 or above the number of what was merged.
    pub fn cut(&self, k: usize) -> Result<Vec<i32>, MlError> {
        let Some(micro) = &self.micro else { return cut(&self.merges, self.n_rows, k) };
        let of_group = cut(&self.merges, micro.sizes.len(), k)?;
        Ok(micro.labels.iter().map(|&group| of_group[group as usize]).collect())
    }
}

/// Builds the tree over all rows: n - 1 merges, nearest first.
///
/// # Errors
/// If there are no rows, no features, values that are not finite, or too many rows for the linkage; if cancelled.
pub fn tree(x: &Matrix, linkage: Linkage, work: &Work) -> Result<Vec<Merge>, MlError> {
    check_input(x, 1)?;
    merge_distinct(x, &Distinct::of(x), linkage, work)
}

/// Merges equal rows in their order, at height 0, then the distinct ones.
fn merge_distinct(
    x: &Matrix,
    distinct: &Distinct,
    linkage: Linkage,
    work: &Work,
) -> Result<Vec<Merge>, MlError> {
    let one_each = vec![1; x.n_rows()];
    if distinct.all() {
        return Ok(number(merge_weighted(x, &one_each, linkage, work)?, &one_each));
    }
    let first_of = |row: usize| distinct.first[distinct.group[row]];
    let later = (0..x.n_rows()).filter(|&row| first_of(row) != row);
    let mut pairs: Vec<Pair> =
        later.map(|row| Pair { a: first_of(row), b: row, distance: 0.0 }).collect();
    let few = x.select_rows(&distinct.first);
    let named = |pair: Pair| Pair { a: distinct.first[pair.a], b: distinct.first[pair.b], ..pair };
    pairs.extend(merge_weighted(&few, &distinct.counts, linkage, work)?.into_iter().map(named));
    Ok(number(pairs, &one_each))
}

fn merge_weighted(
    x: &Matrix,
    sizes: &[usize],
    linkage: Linkage,
    work: &Work,
) -> Result<Vec<Pair>, MlError> {
    work.progress.set_total(x.n_rows().saturating_sub(1) as u64);
    let update = match linkage {
        Linkage::Ward => return Ok(ward::ward(x, sizes, work)?),
        Linkage::Single => return Ok(linkage::single(x, work)?),
        Linkage::Average => Update::Average,
        Linkage::Complete => Update::Complete,
    };
    check_pairwise(x.n_rows())?;
    Ok(linkage::chain(x, sizes, update, work)?)
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
             distinct rows; the limit is {MAX_PAIRWISE_ROWS}: take `ward` or `single`, or merge groups of rows"
        ),
    })
}

/// Sorts merges by distance and names each cluster by the merge that made it. What is merged has `sizes`.
pub(super) fn number(mut pairs: Vec<Pair>, sizes: &[usize]) -> Vec<Merge> {
    let n_rows = sizes.len();
    // Stable: among equal heights the chain's order puts a cluster's making before its use.
    pairs.sort_by(|a, b| a.distance.total_cmp(&b.distance));
    let mut forest = Forest::new(2 * n_rows);
    let mut sizes = sizes.to_vec();
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
    check_k(k, n_rows)?;
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
