//! A forest's trees laid out to be walked by several rows side by side: 16 bytes a node, the left child behind its parent,
//! and no branch but the last, since a walk does little but wait for its next node. It does not know probabilities.

use std::{fmt, sync::OnceLock};

use crate::ml::classify::tree::{Node, Tree};

/// Rows walked side by side.
const LANES: usize = 64;

/// Set in a feature's number where a missing value goes left.
const MISSING_LEFT: u32 = 1 << 31;

/// Trees that are laid out when they are first asked for many rows. It is no part of the model: whoever changes the trees
/// after that must start with a new one.
#[derive(Default)]
pub struct Ready(OnceLock<Vec<Option<Steps>>>);

/// A tree, laid out.
pub(super) struct Steps(Vec<Step>);

#[derive(Clone, Copy)]
struct Step {
    /// What is not above goes left; the number of a leaf.
    threshold: f64,
    feature: u32,
    /// How far away the right child is; 0 in a leaf.
    right: u32,
}

impl Ready {
    /// Returns the trees laid out; `None` in the place of one that is too large for it.
    pub(super) fn get(&self, trees: &[Tree]) -> &[Option<Steps>] {
        self.0.get_or_init(|| trees.iter().map(Steps::of).collect())
    }
}

impl Steps {
    /// Lays a tree out in preorder.
    fn of(tree: &Tree) -> Option<Steps> {
        let mut steps: Vec<Step> = Vec::with_capacity(tree.nodes().len());
        // Nodes to come, each with the parent that it is the right child of.
        let mut open: Vec<(u32, Option<usize>)> = vec![(0, None)];
        while let Some((node, parent)) = open.pop() {
            let own = steps.len();
            if let Some(parent) = parent {
                steps[parent].right = u32::try_from(own - parent).ok()?;
            }
            match tree.nodes()[node as usize] {
                Node::Leaf(leaf) => {
                    steps.push(Step { threshold: f64::from(leaf), feature: 0, right: 0 });
                }
                Node::Split { feature, threshold, left, right, missing_left } => {
                    let side = if missing_left { MISSING_LEFT } else { 0 };
                    if feature & MISSING_LEFT != 0 {
                        return None;
                    }
                    steps.push(Step { threshold, feature: feature | side, right: 0 });
                    open.push((right, Some(own)));
                    open.push((left, None));
                }
            }
        }
        Some(Steps(steps))
    }

    /// Tells `take` the leaf of each row of `width` values, in their order.
    pub(super) fn leaves(&self, values: &[f64], width: usize, mut take: impl FnMut(usize, u32)) {
        for (group, rows) in values.chunks(LANES * width).enumerate() {
            let n = rows.len() / width;
            let mut at = [0; LANES];
            self.walk(rows, width, &mut at[..n]);
            for (lane, at) in at[..n].iter().enumerate() {
                take(group * LANES + lane, self.0[*at].threshold as u32);
            }
        }
    }

    /// Walks each row from its place to its leaf. Rows that are there are left out of the next round.
    fn walk(&self, rows: &[f64], width: usize, at: &mut [usize]) {
        let mut open: [u8; LANES] = std::array::from_fn(|lane| lane as u8);
        let mut n_open = at.len();
        while n_open > 0 {
            let mut n_left = 0;
            for i in 0..n_open {
                let lane = usize::from(open[i]);
                let step = self.0[at[lane]];
                let value = rows[lane * width + (step.feature & !MISSING_LEFT) as usize];
                let missing_left = value.is_nan() & (step.feature & MISSING_LEFT != 0);
                let is_split = u32::from(step.right != 0);
                let goes_left = (value <= step.threshold) | missing_left;
                at[lane] += if goes_left { is_split } else { step.right } as usize;
                open[n_left] = lane as u8;
                n_left += is_split as usize;
            }
            n_open = n_left;
        }
    }
}

impl Clone for Ready {
    fn clone(&self) -> Ready {
        Ready::default()
    }
}

impl PartialEq for Ready {
    fn eq(&self, _: &Ready) -> bool {
        true
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ready")
    }
}
