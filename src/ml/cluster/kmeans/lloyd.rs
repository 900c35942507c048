//! Lloyd's iterations from given centroids to the end. It does not know how starts are drawn or compared.

use super::{
    KMeans,
    nearest::{Drift, Nearest, Search, plain},
    rows::{LANES, Rows},
    sums::{Move, State, Sums},
};
use crate::{
    base::pool::Pool,
    ml::{
        Matrix,
        error::MlError,
        math,
        simd::{self, Scalar, Simd, WithSimd},
    },
    stage::work::Work,
};

/// Iterates until no label changes, the centroids' squared shift is at most `least_shift`, or `max_iter` is met.
pub(super) fn run(
    rows: &Rows<'_>,
    mut centroids: Matrix,
    (max_iter, least_shift): (usize, f64),
    work: &Work,
) -> Result<KMeans, MlError> {
    let mut walk = Walk::new(rows, centroids.n_rows());
    let (mut iterations, mut converged) = (0, false);
    let mut labelled = false;
    while iterations < max_iter && !converged {
        work.check()?;
        iterations += 1;
        let n_moved = walk.label(&centroids, &work.pool);
        let next = walk.means(&centroids);
        converged =
            n_moved == 0 || math::squared_distance(next.data(), centroids.data()) <= least_shift;
        labelled = next == centroids;
        centroids = next;
    }
    if !labelled {
        walk.label(&centroids, &work.pool);
    }
    let inertia = walk.inertia(&centroids, &work.pool);
    let labels = walk.labels().into_iter().map(|label| label as i32).collect();
    Ok(KMeans { labels, centroids, inertia, iterations, converged })
}

/// Labels and sums of all blocks on the way of one start.
pub(super) struct Walk<'a, 'x> {
    rows: &'a Rows<'x>,
    states: Vec<State>,
    before: Option<Search>,
    k: usize,
}

impl<'a, 'x> Walk<'a, 'x> {
    pub(super) fn new(rows: &'a Rows<'x>, k: usize) -> Walk<'a, 'x> {
        let d = rows.x.n_cols();
        let states = rows.blocks.iter().map(|b| State::new(b.norms.len(), k, d)).collect();
        Walk { rows, states, before: None, k }
    }

    /// Gives each row its nearest centroid; returns how many rows moved.
    pub(super) fn label(&mut self, centroids: &Matrix, pool: &Pool) -> usize {
        let search = Search::new(self.rows, centroids);
        let drift = self.before.as_ref().map(|before| search.drift_from(before));
        let rows = self.rows;
        let moved = pool.map_mut(&mut self.states, |b, state| {
            let (search, drift) = (&search, drift.as_ref());
            simd::dispatch(Labelling { rows, b, search, centroids, drift, state })
        });
        self.before = Some(search);
        moved.into_iter().sum()
    }

    /// Returns the means of the clusters. An empty cluster takes the row that lies farthest from its own
    /// centroid, away from that one's cluster, as scikit-learn does.
    pub(super) fn means(&self, old: &Matrix) -> Matrix {
        let mut sums = Sums::new(self.k, old.n_cols());
        self.states.iter().for_each(|state| sums.add(&state.sums));
        let empty: Vec<usize> = (0..self.k).filter(|&c| sums.counts[c] == 0).collect();
        for (&c, (row, from)) in empty.iter().zip(self.farthest(old, empty.len())) {
            sums.move_row(Scalar::new(), self.rows.x.row(row), from, c as u32);
        }
        let mut means = old.clone();
        for c in (0..self.k).filter(|&c| sums.counts[c] > 0) {
            sums.mean(c, means.row_mut(c));
        }
        means
    }

    /// Returns up to `n` rows and their clusters, those farthest from their centroids first, earlier rows first among
    /// equals. Rows that lie on their centroid are not among them.
    fn farthest(&self, centroids: &Matrix, n: usize) -> Vec<(usize, u32)> {
        if n == 0 {
            return Vec::new();
        }
        let far = |(i, label): (usize, u32)| {
            let centroid = centroids.row(label as usize);
            (math::squared_distance(self.rows.x.row(i), centroid), i, label)
        };
        let labels = self.labels().into_iter().enumerate();
        let mut rows: Vec<_> = labels.map(far).filter(|(d, ..)| *d > 0.0).collect();
        rows.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        rows.into_iter().take(n).map(|(_, i, label)| (i, label)).collect()
    }

    /// Returns the sum of squared distances of the rows to their centroids.
    fn inertia(&self, centroids: &Matrix, pool: &Pool) -> f64 {
        let of_block = |b: usize| {
            simd::run(
                #[inline(always)]
                || {
                    let labels = self.states[b].labels.as_flattened();
                    let rows = self.rows.range(b).zip(labels);
                    rows.fold(0.0, |sum, (i, &label)| {
                        sum + math::squared_distance(
                            self.rows.x.row(i),
                            centroids.row(label as usize),
                        )
                    })
                },
            )
        };
        pool.map(self.states.len(), of_block).into_iter().sum()
    }

    /// Returns the labels of all rows.
    pub(super) fn labels(&self) -> Vec<u32> {
        let mut labels = Vec::with_capacity(self.rows.x.n_rows());
        for (b, state) in self.states.iter().enumerate() {
            labels.extend_from_slice(&state.labels.as_flattened()[..self.rows.range(b).len()]);
        }
        labels
    }
}

/// A pass over block `b` that labels its rows anew and moves those whose label changed; returns how many.
struct Labelling<'a, 'x> {
    rows: &'a Rows<'x>,
    b: usize,
    search: &'a Search,
    centroids: &'a Matrix,
    drift: Option<&'a Drift>,
    state: &'a mut State,
}

impl WithSimd for Labelling<'_, '_> {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) -> usize {
        let mut scratch = Vec::new();
        let mut moves = Vec::new();
        for (p, &norm) in self.rows.blocks[self.b].norms.iter().enumerate() {
            if let Some(drift) = self.drift {
                self.state.gaps[p] = drift.wear(self.state.gaps[p], norm);
                if self.state.gaps[p] > 0.0 {
                    continue;
                }
            }
            let panel = (self.rows.panel((self.b, p), &mut scratch), norm);
            let found = self.search.panel(simd, panel, &self.state.labels[p]);
            if found.calm > 0.0 && self.search.is_usable() {
                self.state.gaps[p] = found.calm;
            } else {
                self.settle(p, &found, &mut moves);
            }
        }
        for moves in moves.chunks(READ_AHEAD) {
            fetch(self.rows.x, moves);
            for Move { row, from, to } in moves {
                self.state.sums.move_row(simd, self.rows.x.row(*row), *from, *to);
            }
        }
        moves.len()
    }
}

/// Moved rows fetched at a time: few enough for the nearest cache.
const READ_AHEAD: usize = 64;

/// Reads a value of every cache line of the rows that move, the last one too, which begins within a line. They lie far apart,
/// and the processor waits for all of them at once here, where it would wait for one after the other while it adds.
#[inline(always)]
fn fetch(x: &Matrix, moves: &[Move]) {
    let mut sum = 0.0;
    for Move { row, .. } in moves {
        let row = x.row(*row);
        for v in row.iter().step_by(8).chain(row.last()) {
            sum += v;
        }
    }
    std::hint::black_box(sum);
}

impl Labelling<'_, '_> {
    /// Notes what was found for panel `p`; where nothing is proven, looks in double precision.
    #[inline(always)]
    fn settle(&mut self, p: usize, found: &Nearest, moves: &mut Vec<Move>) {
        let range = self.rows.range(self.b);
        let first = range.start + p * LANES;
        let usable = self.search.is_usable();
        let labels = &mut self.state.labels[p];
        let mut gaps = [0.0; LANES];
        let mut others = 0_u32;
        for lane in 0..LANES {
            // Not above zero also where it is not a number.
            gaps[lane] = if usable && found.gap[lane] > 0.0 { found.gap[lane] } else { 0.0 };
            let is_other = (gaps[lane] == 0.0) | (found.index[lane] != labels[lane]);
            others |= u32::from(is_other) << lane;
        }
        while others != 0 {
            let lane = others.trailing_zeros() as usize;
            others &= others - 1;
            let row = first + lane;
            if row >= range.end {
                break;
            }
            let is_proven = gaps[lane] > 0.0;
            let to = if is_proven {
                found.index[lane]
            } else {
                plain(self.rows.x.row(row), self.centroids)
            };
            if labels[lane] != to {
                moves.push(Move { row, from: labels[lane], to });
                labels[lane] = to;
            }
        }
        let gaps = &gaps[..LANES.min(range.end - first)];
        self.state.gaps[p] = gaps.iter().fold(f32::INFINITY, |a, b| if *b < a { *b } else { a });
    }
}
