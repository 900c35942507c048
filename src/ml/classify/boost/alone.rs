//! Boosted trees laid out for a row that comes alone: eight bytes a node, one tree after the other, and several trees walked
//! side by side, since a walk does little but wait for its next node. The bits are those of one tree after the other.
//! It does not know probabilities.

use crate::ml::classify::tree::{Node, Tree};

/// Trees walked side by side.
const LANES: usize = 8;

/// Set in a feature's number where a missing value goes left.
const MISSING_LEFT: u16 = 1 << 15;

/// A node. The left child follows it.
#[derive(Clone, Copy)]
struct Step {
    /// What is below goes left; the answer of a leaf.
    threshold: f32,
    feature: u16,
    /// How far away the right child is; 0 in a leaf.
    right: u16,
}

/// Trees laid out.
pub(super) struct Alone {
    steps: Vec<Step>,
    roots: Vec<u32>,
    n_scores: usize,
}

impl Alone {
    /// Lays trees out; `None` if one is too large for it.
    pub(super) fn new(trees: &[Tree], n_scores: usize) -> Option<Alone> {
        let mut alone =
            Alone { steps: Vec::new(), roots: Vec::with_capacity(trees.len()), n_scores };
        for tree in trees {
            alone.roots.push(u32::try_from(alone.steps.len()).ok()?);
            alone.lay(tree)?;
        }
        Some(alone)
    }

    /// Appends a tree in preorder.
    fn lay(&mut self, tree: &Tree) -> Option<()> {
        // Nodes to come, each with the parent that it is the right child of.
        let mut open: Vec<(u32, Option<usize>)> = vec![(0, None)];
        while let Some((node, parent)) = open.pop() {
            let own = self.steps.len();
            if let Some(parent) = parent {
                self.steps[parent].right = u16::try_from(own - parent).ok()?;
            }
            match tree.nodes()[node as usize] {
                Node::Leaf(leaf) => {
                    let threshold = tree.leaf_values(leaf)[0] as f32;
                    self.steps.push(Step { threshold, feature: 0, right: 0 });
                }
                Node::Split { feature, threshold, left, right, missing_left } => {
                    let feature = u16::try_from(feature).ok().filter(|f| f & MISSING_LEFT == 0)?;
                    let feature = feature | if missing_left { MISSING_LEFT } else { 0 };
                    self.steps.push(Step { threshold: threshold as f32, feature, right: 0 });
                    open.push((right, Some(own)));
                    open.push((left, None));
                }
            }
        }
        Some(())
    }

    /// Adds the answers of all trees to the margins of rows of `width` values, tree after tree in single precision.
    pub(super) fn add(&self, values: &[f64], width: usize, margins: &mut [f32]) {
        let rows = values.chunks_exact(width);
        let mut row: Vec<f32> = Vec::with_capacity(width);
        for (values, margins) in rows.zip(margins.chunks_exact_mut(self.n_scores)) {
            row.clear();
            row.extend(values.iter().map(|v| *v as f32));
            let mut score = 0;
            for roots in self.roots.chunks(LANES) {
                let mut at = [0; LANES];
                at.iter_mut().zip(roots).for_each(|(at, root)| *at = *root as usize);
                self.walk(&row, &mut at[..roots.len()]);
                for leaf in &at[..roots.len()] {
                    margins[score] += self.steps[*leaf].threshold;
                    score = if score + 1 == self.n_scores { 0 } else { score + 1 };
                }
            }
        }
    }

    /// Moves from roots to leaves.
    fn walk(&self, row: &[f32], at: &mut [usize]) {
        loop {
            let mut moved = 0;
            for at in at.iter_mut() {
                let step = self.steps[*at];
                let value = row[usize::from(step.feature & !MISSING_LEFT)];
                let missing_left = value.is_nan() & (step.feature & MISSING_LEFT != 0);
                let left = u16::from(step.right != 0);
                let by = if (value < step.threshold) | missing_left { left } else { step.right };
                *at += usize::from(by);
                moved |= by;
            }
            if moved == 0 {
                return;
            }
        }
    }
}
