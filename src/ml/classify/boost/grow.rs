//! Growing one boosted tree, level by level down to `max_depth`. It does not know the loss.

use crate::{
    ml::{
        Matrix,
        classify::{
            bins::Bins,
            boost::BoostParams,
            penalty::{self, Cut, Gradient, Histogram},
            tree::{Growing, Place, Rule, Tree, partition},
        },
        error::MlError,
        rng::Rng,
    },
    stage::work::Work,
};

/// Rows times features below which a histogram is not worth a second thread. It cannot change a
/// result: each feature is summed by one thread, in row order.
const WORTH_THREADS: usize = 1 << 17;

/// A grown tree.
pub(super) struct Grown {
    pub tree: Tree,
    /// What the tree adds to the score of each training row.
    pub step: Vec<f64>,
    /// Feature and gain of each split.
    pub gains: Vec<(usize, f64)>,
}

/// A node that waits to be split. `histograms` stand in the order of the tree's features.
struct Waiting {
    start: usize,
    end: usize,
    depth: usize,
    place: Place,
    sum: Gradient,
    histograms: Vec<Histogram>,
}

pub(super) fn tree(
    x: &Matrix,
    bins: &Bins,
    gradients: &[Gradient],
    params: &BoostParams,
    seed: u64,
    work: &Work,
) -> Result<Grown, MlError> {
    let mut rows = sampled_rows(gradients.len(), params.subsample, seed);
    let features = Features::new(bins.features.len(), params, seed);
    let grower = Grower { bins, gradients, work, features: &features.tree };
    let mut growing = Growing::new(1);
    let mut step = vec![0.0; gradients.len()];
    let mut gains = Vec::new();
    let mut scratch = Vec::new();
    let (sum, histograms) = (grower.sum(&rows), grower.histograms(&rows));
    let root = Waiting { start: 0, end: rows.len(), depth: 0, place: None, sum, histograms };
    let mut waiting = vec![root];
    let mut n_nodes = 0;
    while let Some(node) = waiting.pop() {
        let may_split = params.max_depth == 0 || node.depth < params.max_depth;
        let drawn = features.at(node.depth, n_nodes);
        n_nodes += 1;
        let found = if may_split { grower.best(&node, &drawn, params) } else { None };
        let Some((feature, cut)) = found else {
            let value = params.eta * params.penalty.leaf_value(node.sum);
            growing.leaf(node.place, [value]);
            rows[node.start..node.end].iter().for_each(|&row| step[row as usize] = value);
            continue;
        };
        gains.push((feature, f64::from(cut.gain)));
        let column = &bins.features[feature];
        let n_left = partition(&mut rows[node.start..node.end], &mut scratch, |row| {
            match usize::from(column.codes[row as usize]) {
                code if code == column.n_bins() => cut.missing_left,
                code => code < cut.bin,
            }
        });
        let parent = growing.split(node.place, feature, cut.threshold, cut.missing_left);
        let (left, right) = grower.children(&node, &rows, n_left, &cut, parent, params);
        waiting.push(right);
        waiting.push(left);
    }
    let tree = growing.finish(bins.features.len())?;
    if rows.len() < gradients.len() {
        for (row, step) in step.iter_mut().enumerate() {
            *step = tree.answer(x.row(row), Rule::Below)[0];
        }
    }
    Ok(Grown { tree, step, gains })
}

fn sampled_rows(n_rows: usize, subsample: f64, seed: u64) -> Vec<u32> {
    let all = 0..n_rows as u32;
    if subsample >= 1.0 {
        return all.collect();
    }
    let mut rng = Rng::stream(seed, 0);
    all.filter(|_| rng.uniform() < subsample).collect()
}

/// Which features a tree, a level, a node may use, in ascending order. Each draw has random numbers
/// of its own, so that the order in which nodes are taken up does not matter.
struct Features {
    tree: Vec<usize>,
    by_level: f64,
    by_node: f64,
    seed: u64,
}

impl Features {
    fn new(n_features: usize, params: &BoostParams, seed: u64) -> Features {
        let all: Vec<usize> = (0..n_features).collect();
        let tree = sample(&all, params.colsample_bytree, seed, 1);
        let (by_level, by_node) = (params.colsample_bylevel, params.colsample_bynode);
        Features { tree, by_level, by_node, seed }
    }

    fn at(&self, depth: usize, node: u64) -> Vec<usize> {
        let level = sample(&self.tree, self.by_level, self.seed, (1 << 32) + depth as u64);
        sample(&level, self.by_node, self.seed, (2 << 32) + node)
    }
}

fn sample(from: &[usize], share: f64, seed: u64, stream: u64) -> Vec<usize> {
    if share >= 1.0 {
        return from.to_vec();
    }
    let wanted = ((from.len() as f64 * share) as usize).max(1);
    let mut drawn = Rng::stream(seed, stream).sample(from.len(), wanted);
    drawn.sort_unstable();
    drawn.into_iter().map(|i| from[i]).collect()
}

struct Grower<'a> {
    bins: &'a Bins,
    gradients: &'a [Gradient],
    work: &'a Work,
    features: &'a [usize],
}

impl Grower<'_> {
    fn sum(&self, rows: &[u32]) -> Gradient {
        let mut sum = Gradient::default();
        rows.iter().for_each(|&row| sum.add(self.gradients[row as usize]));
        sum
    }

    fn histograms(&self, rows: &[u32]) -> Vec<Histogram> {
        let own: Vec<Gradient> = rows.iter().map(|&row| self.gradients[row as usize]).collect();
        let histogram =
            |i: usize| Histogram::new(&self.bins.features[self.features[i]], rows, &own);
        if rows.len() * self.features.len() < WORTH_THREADS {
            (0..self.features.len()).map(histogram).collect()
        } else {
            self.work.pool.map(self.features.len(), histogram)
        }
    }

    /// Returns the best split among `drawn`; of equal ones that of the first feature.
    fn best(&self, node: &Waiting, drawn: &[usize], params: &BoostParams) -> Option<(usize, Cut)> {
        let mut best: Option<(usize, Cut)> = None;
        for (&feature, histogram) in self.features.iter().zip(&node.histograms) {
            if drawn.binary_search(&feature).is_err() {
                continue;
            }
            let column = &self.bins.features[feature];
            let cut = penalty::best_cut(column, histogram, node.sum, &params.penalty);
            if let Some(cut) = cut
                && best.is_none_or(|(_, b)| cut.gain > b.gain)
            {
                best = Some((feature, cut));
            }
        }
        best
    }

    /// Returns both children. Only the smaller one is summed; the other is what is left of the parent.
    fn children(
        &self,
        node: &Waiting,
        rows: &[u32],
        n_left: usize,
        cut: &Cut,
        parent: usize,
        params: &BoostParams,
    ) -> (Waiting, Waiting) {
        let middle = node.start + n_left;
        let depth = node.depth + 1;
        let is_last = params.max_depth > 0 && depth >= params.max_depth;
        let (mut left, mut right) = (Vec::new(), Vec::new());
        if !is_last {
            let left_is_smaller = n_left <= node.end - middle;
            let part = if left_is_smaller { node.start..middle } else { middle..node.end };
            let small = self.histograms(&rows[part]);
            let large = node.histograms.iter().zip(&small).map(|(all, s)| all.without(s)).collect();
            (left, right) = if left_is_smaller { (small, large) } else { (large, small) };
        }
        let child = |start, end, is_left, sum, histograms| {
            let place = Some((parent, is_left));
            Waiting { start, end, depth, place, sum, histograms }
        };
        (
            child(node.start, middle, true, cut.left, left),
            child(middle, node.end, false, cut.right, right),
        )
    }
}
