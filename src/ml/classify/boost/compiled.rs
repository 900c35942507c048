//! Boosted trees of more than six levels made ready to answer many rows at once, to the same bits as one by one. It does not
//! know probabilities.
//!
//! Every split compares the bytes of many rows with one number and picks, row by row, the leaf of its left or its right
//! side, from the leaves up, as in `blocks`; but what is to be done is read from a list, as such trees have no common shape.

use super::planes::Planes;
use crate::ml::{
    classify::tree::{Node, Tree},
    simd,
};

/// Rows that are answered together: the more, the less it costs to tell what is to be done with them, while their bytes
/// stay near the processor.
const WIDE: usize = 1024;
/// The same for the rest.
const NARROW: usize = 64;

/// Most leaves of a tree: as many as a byte can tell apart.
const MANY: usize = 256;

/// Trees ready for many rows.
pub(super) struct Compiled {
    planes: Planes,
    trees: Vec<Program>,
    n_scores: usize,
    /// Most answers that wait for another at a time.
    height: usize,
}

struct Program {
    picks: Vec<Pick>,
    /// The answers by leaf, filled up to [`MANY`].
    leaves: Vec<f32>,
}

/// A split: rows below the cut take the left side, the others the right one.
#[derive(Clone, Copy)]
struct Pick {
    plane: u16,
    cut: u8,
    sides: Sides,
    left: u8,
    right: u8,
}

/// Which sides of a split are leaves; the others wait on the stack, the left one on top.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sides {
    Leaves,
    LeafLeft,
    LeafRight,
    Splits,
    /// Both sides are splits of leaves: the next two picks, done in one go with this one.
    Four,
    /// One of these two.
    Half,
}

impl Compiled {
    /// Makes trees ready; `None` if one has more leaves, or a feature too many thresholds.
    pub(super) fn new(trees: &[Tree], n_scores: usize) -> Option<Compiled> {
        let mut planes = Planes::new(trees)?;
        let mut programs = Vec::with_capacity(trees.len());
        let mut height = 1;
        for tree in trees {
            if tree.nodes().len() >= 2 * MANY {
                return None;
            }
            let mut program = Program { picks: Vec::new(), leaves: Vec::new() };
            Build { tree, planes: &mut planes }.side(&mut program, 0)?;
            program.leaves.resize(MANY, 0.0);
            height = height.max(program.height());
            programs.push(program);
        }
        Some(Compiled { planes, trees: programs, n_scores, height })
    }

    /// Adds the answers of all trees to the margins of rows of `width` values, tree after tree in single precision.
    pub(super) fn add(&self, values: &[f64], width: usize, margins: &mut [f32]) {
        let wide = margins.len() / self.n_scores / WIDE * WIDE;
        let (first, rest) = values.split_at(wide * width);
        let (own, others) = margins.split_at_mut(wide * self.n_scores);
        self.add_groups::<WIDE>(first, width, own);
        self.add_groups::<NARROW>(rest, width, others);
    }

    fn add_groups<const N: usize>(&self, values: &[f64], width: usize, margins: &mut [f32]) {
        if values.is_empty() {
            return;
        }
        let mut planes = vec![[0; N]; self.planes.len()];
        let mut stack = vec![[0; N]; self.height];
        let mut sums = vec![[0.0; N]; self.n_scores];
        let groups = values.chunks(N * width);
        for (rows, own) in groups.zip(margins.chunks_mut(N * self.n_scores)) {
            self.planes.fill::<N>(rows, width, |plane, bytes| {
                planes[plane][..bytes.len()].copy_from_slice(bytes);
            });
            for (row, margins) in own.chunks_exact(self.n_scores).enumerate() {
                sums.iter_mut().zip(margins).for_each(|(sum, margin)| sum[row] = *margin);
            }
            simd::run(
                #[inline(always)]
                || self.sum(&planes, &mut stack, &mut sums),
            );
            for (row, margins) in own.chunks_exact_mut(self.n_scores).enumerate() {
                sums.iter().zip(margins).for_each(|(sum, margin)| *margin = sum[row]);
            }
        }
    }

    #[inline(always)]
    fn sum<const N: usize>(
        &self,
        planes: &[[u8; N]],
        stack: &mut [[u8; N]],
        sums: &mut [[f32; N]],
    ) {
        for (i, tree) in self.trees.iter().enumerate() {
            tree.pick(planes, stack);
            let sum = &mut sums[i % self.n_scores];
            if let Some(leaves) = tree.leaves.first_chunk::<MANY>() {
                for (sum, leaf) in sum.iter_mut().zip(&stack[0]) {
                    *sum += leaves[usize::from(*leaf)];
                }
            }
        }
    }
}

/// Returns one of two bytes without a branch, nor a load of one of them alone: the compiler would not put that side by side.
#[inline(always)]
fn chosen(first: bool, a: u8, b: u8) -> u8 {
    let mask = u8::from(first).wrapping_neg();
    (a & mask) | (b & !mask)
}

impl Program {
    /// Finds the leaf of each row, which lies at the bottom of the stack then.
    #[inline(always)]
    fn pick<const N: usize>(&self, planes: &[[u8; N]], stack: &mut [[u8; N]]) {
        let mut n = 0;
        if self.picks.is_empty() {
            stack[0] = [0; N];
        }
        let mut picks = self.picks.iter();
        while let Some(&Pick { plane, cut, sides, left, right }) = picks.next() {
            let values = &planes[usize::from(plane)];
            match sides {
                Sides::Four => {
                    let (Some(a), Some(b)) = (picks.next(), picks.next()) else { return };
                    let (lefts, rights) =
                        (&planes[usize::from(a.plane)], &planes[usize::from(b.plane)]);
                    let both = lefts.iter().zip(rights);
                    for ((out, value), (l, r)) in stack[n].iter_mut().zip(values).zip(both) {
                        let left = chosen(*l < a.cut, a.left, a.right);
                        let right = chosen(*r < b.cut, b.left, b.right);
                        *out = chosen(*value < cut, left, right);
                    }
                    n += 1;
                }
                // Taken with the pick before.
                Sides::Half => {}
                Sides::Leaves => {
                    let out = &mut stack[n];
                    for (out, value) in out.iter_mut().zip(values) {
                        *out = chosen(*value < cut, left, right);
                    }
                    n += 1;
                }
                Sides::LeafLeft => {
                    let out = &mut stack[n - 1];
                    for (out, value) in out.iter_mut().zip(values) {
                        *out = chosen(*value < cut, left, *out);
                    }
                }
                Sides::LeafRight => {
                    let out = &mut stack[n - 1];
                    for (out, value) in out.iter_mut().zip(values) {
                        *out = chosen(*value < cut, *out, right);
                    }
                }
                Sides::Splits => {
                    let (lower, upper) = stack.split_at_mut(n - 1);
                    let (out, lefts) = (&mut lower[n - 2], &upper[0]);
                    for ((out, value), left) in out.iter_mut().zip(values).zip(lefts) {
                        *out = chosen(*value < cut, *left, *out);
                    }
                    n -= 1;
                }
            }
        }
    }

    /// Returns how many answers wait at most.
    fn height(&self) -> usize {
        let (mut n, mut most) = (0, 1);
        for pick in &self.picks {
            match pick.sides {
                Sides::Leaves | Sides::Four => n += 1,
                Sides::Splits => n -= 1,
                Sides::LeafLeft | Sides::LeafRight | Sides::Half => {}
            }
            most = most.max(n);
        }
        most
    }
}

struct Build<'a> {
    tree: &'a Tree,
    planes: &'a mut Planes,
}

/// What a child of a split comes to.
enum Side {
    Leaf(u8),
    Waiting,
}

impl Build<'_> {
    /// Appends the picks of a node, children first; `None` if the tree is too large.
    fn side(&mut self, program: &mut Program, node: usize) -> Option<Side> {
        match self.tree.nodes()[node] {
            Node::Leaf(leaf) => {
                let place = u8::try_from(program.leaves.len()).ok()?;
                program.leaves.push(self.tree.leaf_values(leaf)[0] as f32);
                Some(Side::Leaf(place))
            }
            Node::Split { feature, threshold, left, right, missing_left } => {
                // The right side first, so that the left one lies on top.
                let right = self.side(program, right as usize)?;
                let left = self.side(program, left as usize)?;
                let (plane, cut) =
                    self.planes.place(feature as usize, threshold as f32, missing_left)?;
                let (sides, left, right) = match (left, right) {
                    (Side::Leaf(left), Side::Leaf(right)) => (Sides::Leaves, left, right),
                    (Side::Leaf(left), Side::Waiting) => (Sides::LeafLeft, left, 0),
                    (Side::Waiting, Side::Leaf(right)) => (Sides::LeafRight, 0, right),
                    (Side::Waiting, Side::Waiting) => (Sides::Splits, 0, 0),
                };
                let own = Pick { plane, cut, sides, left, right };
                // The last pick of a side is its first split: where that has leaves alone, it is the side's only one.
                match *program.picks.as_slice() {
                    [.., right, left]
                        if sides == Sides::Splits
                            && [left.sides, right.sides] == [Sides::Leaves; 2] =>
                    {
                        program.picks.truncate(program.picks.len() - 2);
                        let half = |pick| Pick { sides: Sides::Half, ..pick };
                        let four = Pick { sides: Sides::Four, ..own };
                        program.picks.extend([four, half(left), half(right)]);
                    }
                    _ => program.picks.push(own),
                }
                Some(Side::Waiting)
            }
        }
    }
}
