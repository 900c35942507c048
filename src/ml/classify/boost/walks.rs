//! Boosted trees of at most six levels laid out for a row that comes alone: six steps a tree without a branch, the splits
//! near the root of all trees side by side, and what is below them, its leaves included, in one line of the cache. A walk
//! does little but wait for its next line, so that several trees are walked together. It does not know probabilities.

use super::{
    blocks::{Block, Blocked},
    planes::Planes,
};

/// Most planes; a power of two, so that no plane needs a check.
const PLANES: usize = 512;

/// Trees walked together.
const TOGETHER: usize = 8;

/// Trees laid out.
pub(super) struct Walks {
    tops: Vec<Block>,
    lower: Vec<[Lower; 8]>,
    n_scores: usize,
}

/// A lower block and the leaves under it.
#[repr(C, align(64))]
struct Lower {
    block: Block,
    leaves: [f32; 8],
}

impl Walks {
    /// Lays trees out; `None` if there are too many planes.
    pub(super) fn new(trees: &[Blocked], n_planes: usize, n_scores: usize) -> Option<Walks> {
        if n_planes > PLANES {
            return None;
        }
        let lower = |tree: &Blocked| {
            std::array::from_fn(|i| Lower {
                block: tree.lower[i],
                leaves: std::array::from_fn(|j| tree.leaves[8 * i + j]),
            })
        };
        Some(Walks {
            tops: trees.iter().map(|tree| tree.top).collect(),
            lower: trees.iter().map(lower).collect(),
            n_scores,
        })
    }

    /// Adds the answers of all trees to the margins of rows of `width` values, tree after tree in single precision.
    pub(super) fn add(&self, planes: &Planes, values: &[f64], width: usize, margins: &mut [f32]) {
        let mut bytes = [0; PLANES];
        let rows = values.chunks_exact(width);
        for (row, margins) in rows.zip(margins.chunks_exact_mut(self.n_scores)) {
            planes.fill::<1>(row, width, |plane, byte| bytes[plane] = byte[0]);
            let mut score = 0;
            for (tops, lower) in self.tops.chunks(TOGETHER).zip(self.lower.chunks(TOGETHER)) {
                let mut places = [0; TOGETHER];
                places.iter_mut().zip(tops).for_each(|(place, top)| *place = top.walk(&bytes));
                let mut found = [0.0; TOGETHER];
                for ((found, place), lower) in found.iter_mut().zip(places).zip(lower) {
                    let Lower { block, leaves } = &lower[place];
                    *found = leaves[block.walk(&bytes)];
                }
                for found in &found[..tops.len()] {
                    margins[score] += found;
                    score = if score + 1 == self.n_scores { 0 } else { score + 1 };
                }
            }
        }
    }
}

impl Block {
    /// Returns the place under the block that a row comes to.
    #[inline]
    fn walk(&self, bytes: &[u8; PLANES]) -> usize {
        let mut at = 1;
        for _ in 0..3 {
            let byte = bytes[usize::from(self.planes[at % 8]) % PLANES];
            at = 2 * at + usize::from(byte >= self.cuts[at % 8]);
        }
        at % 8
    }
}
