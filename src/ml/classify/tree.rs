//! A binary decision tree as it is kept and asked. It does not know how it was grown or what its values mean.

use crate::ml::error::MlError;

/// On which side of a threshold a value equal to it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// `value <= threshold` goes left, as in scikit-learn.
    AtMost,
    /// `value < threshold` goes left, both in single precision, as in XGBoost.
    Below,
}

/// A node of a tree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Node {
    /// Asks one feature.
    Split {
        /// The feature's index.
        feature: u32,
        /// What the value is compared with.
        threshold: f64,
        /// The child for small values.
        left: u32,
        /// The child for the others.
        right: u32,
        /// Whether a missing value goes left.
        missing_left: bool,
    },
    /// Answers; the leaf's number, in the order of nodes.
    Leaf(u32),
}

/// A tree whose children come after their parents, with `width` values a leaf.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    nodes: Vec<Node>,
    leaves: Leaves,
}

/// The values of the leaves. Most leaves of a forest hold one class alone, and all of that class share one row of values.
#[derive(Clone, Debug, PartialEq)]
struct Leaves {
    width: usize,
    values: Vec<f64>,
    /// The row of values of each leaf; empty where each has its own.
    rows: Vec<u32>,
}

impl Leaves {
    /// Takes `width` values a leaf, leaf after leaf.
    fn new(values: Vec<f64>, width: usize) -> Leaves {
        if width < 2 {
            return Leaves { width, values, rows: Vec::new() };
        }
        let mut leaves = Leaves { width, values: Vec::new(), rows: Vec::new() };
        let mut of_class: Vec<Option<u32>> = vec![None; width];
        for values in values.chunks_exact(width) {
            let next = (leaves.values.len() / width) as u32;
            let row = match only_class(values) {
                Some(class) => *of_class[class].get_or_insert(next),
                None => next,
            };
            if row == next {
                leaves.values.extend_from_slice(values);
            }
            leaves.rows.push(row);
        }
        leaves.values.shrink_to_fit();
        leaves.rows.shrink_to_fit();
        leaves
    }

    fn get(&self, leaf: u32) -> &[f64] {
        let row = self.rows.get(leaf as usize).copied().unwrap_or(leaf);
        let start = row as usize * self.width;
        &self.values[start..start + self.width]
    }
}

/// Returns the class whose share is 1 where all others are 0.
pub fn only_class(shares: &[f64]) -> Option<usize> {
    let class = shares.iter().position(|&share| share == 1.0)?;
    let rest = |(i, share): (usize, &f64)| i == class || share.to_bits() == 0;
    shares.iter().enumerate().all(rest).then_some(class)
}

impl Tree {
    /// Puts a tree together. `values` holds `width` values a leaf, leaf after leaf.
    ///
    /// # Errors
    /// [`MlError::Numeric`] if a node points backwards, nowhere, or to a feature that is not there: a
    /// tree read from damaged bytes must not loop or reach outside.
    pub fn new(
        nodes: Vec<Node>,
        values: Vec<f64>,
        width: usize,
        n_features: usize,
    ) -> Result<Tree, MlError> {
        let mut n_leaves = 0;
        let sound = nodes.iter().enumerate().all(|(i, node)| match *node {
            Node::Split { feature, threshold, left, right, .. } => {
                let follows = |child: u32| (child as usize) > i && (child as usize) < nodes.len();
                (feature as usize) < n_features
                    && !threshold.is_nan()
                    && follows(left)
                    && follows(right)
            }
            Node::Leaf(leaf) => {
                n_leaves += 1;
                leaf + 1 == n_leaves
            }
        });
        if !sound || nodes.is_empty() || values.len() != n_leaves as usize * width {
            return Err(MlError::Numeric("the tree's nodes do not fit together".to_string()));
        }
        Ok(Tree { nodes, leaves: Leaves::new(values, width) })
    }

    /// Returns the nodes; the first is the root.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Returns the values of a leaf.
    pub fn leaf_values(&self, leaf: u32) -> &[f64] {
        self.leaves.get(leaf)
    }

    /// Returns the values of the leaf that a row of features reaches; NaN is missing.
    pub fn answer(&self, row: &[f64], rule: Rule) -> &[f64] {
        let mut at = 0;
        loop {
            match self.nodes[at] {
                Node::Leaf(leaf) => return self.leaf_values(leaf),
                Node::Split { .. } => at = self.next(at, row, rule),
            }
        }
    }

    /// Returns the child of node `at` that a row goes to; of a leaf itself.
    #[inline]
    pub fn next(&self, at: usize, row: &[f64], rule: Rule) -> usize {
        let Node::Split { feature, threshold, left, right, missing_left } = self.nodes[at] else {
            return at;
        };
        let value = row[feature as usize];
        let goes_left = match rule {
            _ if value.is_nan() => missing_left,
            Rule::AtMost => value <= threshold,
            Rule::Below => (value as f32) < (threshold as f32),
        };
        (if goes_left { left } else { right }) as usize
    }
}

/// A tree that is being grown, nodes in preorder.
#[derive(Debug)]
pub(crate) struct Growing {
    nodes: Vec<Node>,
    values: Vec<f64>,
    width: usize,
    n_leaves: u32,
}

/// Which child of which node a new node is; `None` for the root.
pub(crate) type Place = Option<(usize, bool)>;

impl Growing {
    pub(crate) fn new(width: usize) -> Growing {
        Growing { nodes: Vec::new(), values: Vec::new(), width, n_leaves: 0 }
    }

    /// Adds a leaf.
    pub(crate) fn leaf(&mut self, place: Place, values: impl IntoIterator<Item = f64>) {
        self.push(place, Node::Leaf(self.n_leaves));
        self.n_leaves += 1;
        self.values.extend(values);
    }

    /// Adds a split whose children follow; returns its index.
    pub(crate) fn split(
        &mut self,
        place: Place,
        feature: usize,
        threshold: f64,
        missing_left: bool,
    ) -> usize {
        let feature = feature as u32;
        self.push(place, Node::Split { feature, threshold, left: 0, right: 0, missing_left })
    }

    /// Puts the tree together, in no more memory than it takes: a forest holds hundreds.
    pub(crate) fn finish(self, n_features: usize) -> Result<Tree, MlError> {
        Tree::new(self.nodes.clone(), self.values.clone(), self.width, n_features)
    }

    fn push(&mut self, place: Place, node: Node) -> usize {
        let index = self.nodes.len();
        if let Some((parent, is_left)) = place
            && let Node::Split { left, right, .. } = &mut self.nodes[parent]
        {
            *(if is_left { left } else { right }) = index as u32;
        }
        self.nodes.push(node);
        index
    }
}

/// Moves the rows of a node so that those that go left stand first, each side in its old order;
/// returns how many went left. Every row is written to both sides and one side forgets it: which way rows go is
/// what a processor cannot guess, so there is no branch.
pub(crate) fn partition<T: Copy>(
    rows: &mut [T],
    scratch: &mut Vec<T>,
    goes_left: impl Fn(T) -> bool,
) -> usize {
    let Some(&any) = rows.first() else { return 0 };
    if scratch.len() < rows.len() {
        scratch.resize(rows.len(), any);
    }
    let (mut n_left, mut n_right) = (0, 0);
    for i in 0..rows.len() {
        let row = rows[i];
        let is_left = usize::from(goes_left(row));
        rows[n_left] = row;
        scratch[n_right] = row;
        n_left += is_left;
        n_right += 1 - is_left;
    }
    rows[n_left..].copy_from_slice(&scratch[..n_right]);
    n_left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_find_their_leaf() {
        let mut growing = Growing::new(1);
        let root = growing.split(None, 0, 2.0, true);
        growing.leaf(Some((root, true)), [10.0]);
        growing.leaf(Some((root, false)), [20.0]);
        let tree = growing.finish(1).unwrap();
        for (value, rule, expected) in [
            (1.0, Rule::AtMost, 10.0),
            (2.0, Rule::AtMost, 10.0),
            (2.0, Rule::Below, 20.0),
            (3.0, Rule::Below, 20.0),
            // Equal in single precision, so not below.
            (2.0 - 1e-12, Rule::Below, 20.0),
            (f64::NAN, Rule::Below, 10.0),
        ] {
            assert_eq!(tree.answer(&[value], rule), [expected], "{value} {rule:?}");
        }
    }

    #[test]
    fn leaves_of_one_class_share_their_values() {
        let shares =
            [[0.0, 1.0], [0.25, 0.75], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [-0.0, 1.0], [1.0, 1.0]];
        let leaves = Leaves::new(shares.as_flattened().to_vec(), 2);
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        for (leaf, shares) in (0..).zip(&shares) {
            assert_eq!(bits(leaves.get(leaf)), bits(shares));
        }
        assert_eq!(leaves.rows, [0, 1, 0, 2, 0, 3, 4]);
        assert_eq!(Leaves::new(vec![1.0, 1.0, 2.0], 1).values, [1.0, 1.0, 2.0]);
    }

    #[test]
    fn damaged_trees_are_refused() {
        let split = |feature, left, right| Node::Split {
            feature,
            threshold: 0.0,
            left,
            right,
            missing_left: false,
        };
        for nodes in [
            vec![],
            vec![split(0, 0, 0)],
            vec![split(0, 1, 5), Node::Leaf(0)],
            vec![split(9, 1, 2), Node::Leaf(0), Node::Leaf(1)],
            vec![split(0, 1, 2), Node::Leaf(1), Node::Leaf(0)],
        ] {
            assert!(Tree::new(nodes, vec![0.0, 0.0], 1, 1).is_err());
        }
    }

    #[test]
    fn partitions_are_stable() {
        let mut rows = [5, 2, 9, 4, 7];
        assert_eq!(partition(&mut rows, &mut Vec::new(), |r| r % 2 == 0), 2);
        assert_eq!(rows, [2, 4, 5, 9, 7]);
    }
}
