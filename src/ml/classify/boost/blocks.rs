//! Boosted trees of at most six levels, made ready to answer rows side by side: every tree a block of seven splits above
//! eight such blocks, whatever it looks like, so that no branch depends on its shape. The bits are those of one tree after
//! the other. It does not know probabilities.
//!
//! A split compares the bytes of 64 rows with one number and picks, row by row, what its left or its right side has
//! found, from the leaves up; each of the eight blocks knows its leaves by numbers that are the same in all trees. Where a
//! tree has a leaf higher up, the splits below it are any, and the leaf stands in all places under them. That asks 63
//! splits where a walk asks six, and is still several times as fast: the places of all loads are known beforehand.
//! (QuickScorer, Lucchese et al., SIGIR 2015, asks all splits too, feature by feature for one row; here rows stand side by
//! side.)

use super::{planes::Planes, walks::Walks};
use crate::ml::{
    classify::tree::{Node, Tree},
    simd::{self, Kernel, Line, Lines},
};

/// Places for leaves in a tree.
const LEAVES: usize = 64;

/// Lines that go through all trees together: the more, the less it costs to tell what is to be done with them, while their
/// bytes stay near the processor.
const WIDE: usize = 8;

/// Trees ready for rows side by side.
pub(super) struct Blocks {
    planes: Planes,
    trees: Vec<Blocked>,
    walks: Option<Box<Walks>>,
    n_scores: usize,
}

/// A tree.
pub(super) struct Blocked {
    pub(super) top: Block,
    pub(super) lower: [Block; 8],
    /// The answers by leaf, eight under each lower block.
    pub(super) leaves: [f32; LEAVES],
}

/// Three levels of splits, the children of split `i` being `2 i` and `2 i + 1`: which plane each asks, and below which
/// number a row's byte sends it left. The first split has number 1; 0 is not used.
#[derive(Clone, Copy, Default)]
pub(super) struct Block {
    pub(super) planes: [u16; 8],
    pub(super) cuts: [u8; 8],
}

impl Blocks {
    /// Makes trees ready; `None` if one has more levels, or a feature too many thresholds.
    pub(super) fn new(trees: &[Tree], n_scores: usize) -> Option<Blocks> {
        let mut planes = Planes::new(trees)?;
        let trees = trees.iter().map(|tree| Blocked::of(tree, &mut planes));
        let trees = trees.collect::<Option<Vec<_>>>()?;
        let walks = Walks::new(&trees, planes.len(), n_scores).map(Box::new);
        Some(Blocks { planes, trees, walks, n_scores })
    }

    /// Adds the answers of all trees to the margins of rows of `width` values, tree after tree in single precision.
    pub(super) fn add(&self, values: &[f64], width: usize, margins: &mut [f32]) {
        let together = 64 * WIDE;
        let wide = margins.len() / self.n_scores / together * together;
        let (first, rest) = values.split_at(wide * width);
        let (own, others) = margins.split_at_mut(wide * self.n_scores);
        self.add_groups::<WIDE>(first, width, own);
        self.add_groups::<1>(rest, width, others);
    }

    /// Does so for few rows, one by one. Returns false if that is not to be had for these trees.
    pub(super) fn add_alone(&self, values: &[f64], width: usize, margins: &mut [f32]) -> bool {
        match &self.walks {
            Some(walks) => walks.add(&self.planes, values, width, margins),
            None => return false,
        }
        true
    }

    /// Returns true if [`Blocks::add_alone`] answers.
    pub(super) fn answers_alone(&self) -> bool {
        self.walks.is_some()
    }

    fn add_groups<const K: usize>(&self, values: &[f64], width: usize, margins: &mut [f32]) {
        if values.is_empty() {
            return;
        }
        // One plane at least: trees without a split ask it.
        let mut planes = vec![[Line([0_u8; 64]); K]; self.planes.len().max(1)];
        let mut sums = vec![[Line([0.0_f32; 64]); K]; self.n_scores];
        let groups = values.chunks(64 * K * width);
        for (rows, own) in groups.zip(margins.chunks_mut(64 * K * self.n_scores)) {
            let mut put = |plane: usize, bytes: &[u8]| {
                for (line, bytes) in planes[plane].iter_mut().zip(bytes.chunks(64)) {
                    line.0[..bytes.len()].copy_from_slice(bytes);
                }
            };
            match K {
                1 => self.planes.fill::<64>(rows, width, &mut put),
                _ => self.planes.fill::<{ 64 * WIDE }>(rows, width, &mut put),
            }
            for (row, margins) in own.chunks_exact(self.n_scores).enumerate() {
                let (line, place) = (row / 64, row % 64);
                sums.iter_mut().zip(margins).for_each(|(sum, m)| sum[line].0[place] = *m);
            }
            simd::on_lines(Summing { trees: &self.trees, planes: &planes, sums: &mut sums });
            for (row, margins) in own.chunks_exact_mut(self.n_scores).enumerate() {
                let (line, place) = (row / 64, row % 64);
                sums.iter().zip(margins).for_each(|(sum, m)| *m = sum[line].0[place]);
            }
        }
    }
}

impl Blocked {
    fn of(tree: &Tree, planes: &mut Planes) -> Option<Blocked> {
        let (mut top, mut lower) = (Block::default(), [Block::default(); 8]);
        let mut leaves = [0.0; LEAVES];
        let mut starts = [0; 8];
        top.take(tree, planes, 0, 1, &mut starts)?;
        let blocks = lower.iter_mut().zip(leaves.as_chunks_mut::<8>().0);
        for ((block, leaves), start) in blocks.zip(starts) {
            let mut ends = [0; 8];
            block.take(tree, planes, start, 1, &mut ends)?;
            for (value, end) in leaves.iter_mut().zip(ends) {
                let Node::Leaf(leaf) = tree.nodes()[end] else { return None };
                *value = tree.leaf_values(leaf)[0] as f32;
            }
        }
        Some(Blocked { top, lower, leaves })
    }
}

impl Block {
    /// Takes a node and what is below it in for the split `place` (from 1). `ends` learns which nodes lie under the block; a
    /// leaf lies under all places that it leaves empty.
    fn take(
        &mut self,
        tree: &Tree,
        planes: &mut Planes,
        node: usize,
        place: usize,
        ends: &mut [usize; 8],
    ) -> Option<()> {
        if place >= 8 {
            ends[place - 8] = node;
            return Some(());
        }
        let (left, right) = match tree.nodes()[node] {
            Node::Leaf(_) => (node, node),
            Node::Split { feature, threshold, left, right, missing_left } => {
                (self.planes[place], self.cuts[place]) =
                    planes.place(feature as usize, threshold as f32, missing_left)?;
                (left as usize, right as usize)
            }
        };
        self.take(tree, planes, left, 2 * place, ends)?;
        self.take(tree, planes, right, 2 * place + 1, ends)
    }

    /// Returns where the bytes lie that each split asks.
    #[inline(always)]
    fn asked<'p, T>(&self, planes: &'p [T]) -> [&'p T; 7] {
        let [_, a, b, c, d, e, f, g] = self.planes;
        let plane = |at: u16| &planes[usize::from(at)];
        [plane(a), plane(b), plane(c), plane(d), plane(e), plane(f), plane(g)]
    }

    /// Returns, for the rows of one line, what they find under the block.
    #[inline(always)]
    fn pick<L: Lines>(&self, lines: L, asked: [L::Bytes; 7], under: [L::Bytes; 8]) -> L::Bytes {
        let [v1, v2, v3, v4, v5, v6, v7] = asked;
        let [_, c1, c2, c3, c4, c5, c6, c7] = self.cuts;
        let [a, b, c, d, e, f, g, h] = under;
        let (a, c) = (lines.pick(v4, c4, a, b), lines.pick(v5, c5, c, d));
        let (e, g) = (lines.pick(v6, c6, e, f), lines.pick(v7, c7, g, h));
        lines.pick(v1, c1, lines.pick(v2, c2, a, c), lines.pick(v3, c3, e, g))
    }
}

/// Sums the answers of all trees.
struct Summing<'a, const K: usize> {
    trees: &'a [Blocked],
    planes: &'a [[Line<u8>; K]],
    sums: &'a mut [[Line<f32>; K]],
}

impl<const K: usize> Kernel for Summing<'_, K> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lines>(self, lines: L) {
        let Summing { trees, planes, sums } = self;
        let mut under = [[Line([0; 64]); K]; 8];
        let (n_scores, mut score) = (sums.len(), 0);
        for tree in trees {
            for ((block, under), first) in tree.lower.iter().zip(&mut under).zip((0..).step_by(8)) {
                let asked = block.asked(planes);
                for (k, under) in under.iter_mut().enumerate() {
                    let code = |i: u8| lines.splat(first + i);
                    let codes =
                        [code(0), code(1), code(2), code(3), code(4), code(5), code(6), code(7)];
                    lines.store(block.pick(lines, loaded(lines, asked, k), codes), under);
                }
            }
            let asked = tree.top.asked(planes);
            for (k, sums) in sums[score].iter_mut().enumerate() {
                let found = |i: usize| lines.load(&under[i][k]);
                let found = [
                    found(0),
                    found(1),
                    found(2),
                    found(3),
                    found(4),
                    found(5),
                    found(6),
                    found(7),
                ];
                let at = tree.top.pick(lines, loaded(lines, asked, k), found);
                lines.add_found(at, &tree.leaves, sums);
            }
            score = if score + 1 == n_scores { 0 } else { score + 1 };
        }
    }
}

/// Takes up line `k` of each plane. Spelt out, as closures handed to `map` are not compiled for the kernel's level.
#[inline(always)]
fn loaded<L: Lines, const K: usize>(
    lines: L,
    [a, b, c, d, e, f, g]: [&[Line<u8>; K]; 7],
    k: usize,
) -> [L::Bytes; 7] {
    let load = |plane: &[Line<u8>; K]| lines.load(&plane[k]);
    [load(a), load(b), load(c), load(d), load(e), load(f), load(g)]
}
