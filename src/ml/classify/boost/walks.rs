//! Boosted trees of at most six levels laid out for a row that comes alone: two heaps of splits a tree without a branch, those
//! near the root of all trees side by side, and each one below, its leaves included, in one line of the cache. A walk does
//! little but wait for its next line, so that several trees are walked together. It does not know probabilities.

use super::{
    blocks::{Block, Blocked},
    planes::Planes,
};
use crate::ml::simd::{self, Heap, Kernel, Lines, Values};

/// Trees walked together.
const TOGETHER: usize = 4;

/// Trees laid out; the last ones only fill their four up.
pub(super) struct Walks {
    tops: Vec<[Heap; TOGETHER]>,
    lower: Vec<[[Lower; 8]; TOGETHER]>,
    n_trees: usize,
    n_scores: usize,
}

/// A lower block and the leaves under it.
#[derive(Clone, Copy, Default)]
#[repr(C, align(64))]
struct Lower {
    heap: Heap,
    leaves: [f32; 8],
}

impl Walks {
    /// Lays trees out; `None` if there are too many planes.
    pub(super) fn new(trees: &[Blocked], n_planes: usize, n_scores: usize) -> Option<Walks> {
        Values::zeros(n_planes)?;
        let lower = |tree: &Blocked| {
            std::array::from_fn(|i| Lower {
                heap: heap(&tree.lower[i]),
                leaves: std::array::from_fn(|j| tree.leaves[8 * i + j]),
            })
        };
        let fours = || trees.chunks(TOGETHER);
        let tops = |four: &[Blocked]| {
            std::array::from_fn(|i| four.get(i).map_or_else(Heap::default, |tree| heap(&tree.top)))
        };
        let lowers = |four: &[Blocked]| {
            std::array::from_fn(|i| four.get(i).map_or_else(Default::default, lower))
        };
        Some(Walks {
            tops: fours().map(tops).collect(),
            lower: fours().map(lowers).collect(),
            n_trees: trees.len(),
            n_scores,
        })
    }

    /// Adds the answers of all trees to the margins of rows of `width` values, tree after tree in single precision.
    pub(super) fn add(&self, planes: &Planes, values: &[f64], width: usize, margins: &mut [f32]) {
        let Some(mut bytes) = Values::zeros(planes.len()) else { return };
        let rows = values.chunks_exact(width);
        for (row, margins) in rows.zip(margins.chunks_exact_mut(self.n_scores)) {
            planes.fill::<1>(row, width, |plane, byte| bytes.put(plane, byte[0]));
            simd::on_lines(Walking { walks: self, values: &bytes, margins });
        }
    }
}

fn heap(block: &Block) -> Heap {
    Heap { places: block.planes, cuts: block.cuts.map(u16::from) }
}

/// One row's way through all trees.
struct Walking<'a> {
    walks: &'a Walks,
    values: &'a Values,
    margins: &'a mut [f32],
}

impl Kernel for Walking<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lines>(self, lines: L) {
        let Walking { walks, values, margins } = self;
        let (mut score, mut n_left) = (0, walks.n_trees);
        for ([a, b, c, d], [e, f, g, h]) in walks.tops.iter().zip(&walks.lower) {
            let [i, j, k, l] = lines.descend(values, [a, b, c, d]);
            let lower = [&e[i % 8], &f[j % 8], &g[k % 8], &h[l % 8]];
            let [e, f, g, h] = lower;
            let places = lines.descend(values, [&e.heap, &f.heap, &g.heap, &h.heap]);
            for (lower, place) in lower.iter().zip(places).take(n_left) {
                margins[score] += lower.leaves[place % 8];
                score = if score + 1 == walks.n_scores { 0 } else { score + 1 };
            }
            n_left = n_left.saturating_sub(TOGETHER);
        }
    }
}
