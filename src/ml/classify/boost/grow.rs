//! Growing one boosted tree, branch by branch down to `max_depth`. It does not know the loss.

use std::ops::Range;

use crate::{
    base::spares::Spares,
    ml::{
        classify::{
            bins::{Bins, Code},
            boost::{
                BoostParams, Told,
                columns::Columns,
                histogram::{Histograms, Pair, Small, minus, plus},
                roots,
                search::{Cut, Search},
            },
            tree::{Growing, Place, Tree, partition},
        },
        error::MlError,
        rng::Rng,
    },
    stage::work::Work,
};

/// What all trees of a fit are grown from.
pub(super) struct Ground<'a, C> {
    pub bins: &'a Bins<C>,
    pub columns: &'a Columns<'a, C>,
    pub params: &'a BoostParams,
    /// What one unit of a gradient is worth.
    pub unit: f64,
    pub work: &'a Work,
    pub rooms: Spares<Room>,
}

/// What growing a tree takes in memory.
#[derive(Default)]
pub(super) struct Room {
    /// The rows drawn for the tree, and the others, each node's together.
    rows: Vec<u32>,
    others: Vec<u32>,
    scratch: Vec<u32>,
    own: Vec<Small>,
}

/// A grown tree.
pub(super) struct Grown {
    pub tree: Tree,
    /// What there is to tell of each node.
    pub told: Vec<Told>,
}

/// A node that waits to be split.
struct Waiting {
    /// Its rows among those drawn for the tree, and among the others.
    drawn: Range<usize>,
    others: Range<usize>,
    depth: usize,
    place: Place,
    sum: Pair,
    sums: Vec<Pair>,
}

/// Sums the gradients of all training rows for each of several trees, if each of them starts from all of these rows.
pub(super) fn roots<C: Code>(
    ground: &Ground<'_, C>,
    gradients: &[Vec<Small>],
) -> Option<Vec<Vec<Pair>>> {
    let params = ground.params;
    if gradients.len() < 2 || params.subsample < 1.0 || params.colsample_bytree < 1.0 {
        return None;
    }
    let features: Vec<usize> = (0..ground.bins.features.len()).collect();
    roots::sums(&Histograms::new(ground.columns, &features), gradients, ground.work)
}

/// Grows a tree on the gradients of all training rows. `root` is what [`roots`] found for it; `step` learns what the tree
/// adds to the score of each row.
pub(super) fn tree<C: Code>(
    ground: &Ground<'_, C>,
    gradients: &[Small],
    root: Option<Vec<Pair>>,
    seed: u64,
    step: &mut [f32],
) -> Result<Grown, MlError> {
    ground.rooms.with(|room| grow(ground, gradients, root, seed, step, room))
}

fn grow<C: Code>(
    ground: &Ground<'_, C>,
    gradients: &[Small],
    root: Option<Vec<Pair>>,
    seed: u64,
    step: &mut [f32],
    room: &mut Room,
) -> Result<Grown, MlError> {
    let Ground { bins, params, .. } = *ground;
    let Room { rows, others, scratch, own } = room;
    let features = Features::new(bins.features.len(), params, seed);
    let histograms = Histograms::new(ground.columns, &features.tree);
    let grower = Grower { ground, gradients, histograms };
    draw(gradients.len(), params.subsample, seed, rows, others);
    let mut search = Search::new(&params.penalty, ground.unit);
    let mut growing = Growing::new(1);
    let mut told = Vec::new();
    let mut waiting = vec![grower.root(root, rows, others.len(), own)];
    let mut n_nodes = 0;
    while let Some(node) = waiting.pop() {
        let may_split = grower.may_split(node.depth);
        let drawn = features.at(node.depth, n_nodes);
        n_nodes += 1;
        let cover = search.cover(node.sum);
        let found = if may_split { grower.best(&node, &drawn, &mut search) } else { None };
        let Some((feature, cut)) = found else {
            let value = grower.leaf(&search, node.sum);
            growing.leaf(node.place, [f64::from(value)]);
            told.push(Told { gain: 0.0, cover });
            rows[node.drawn].iter().for_each(|&row| step[row as usize] = value);
            others[node.others].iter().for_each(|&row| step[row as usize] = value);
            continue;
        };
        told.push(Told { gain: cut.gain, cover });
        let column = &bins.features[feature];
        // Codes from the cut on go right, those of missing values only if they shall.
        let end = if cut.missing_left { column.n_bins() } else { usize::MAX };
        let n_right = end.saturating_sub(cut.bin);
        let goes_left =
            |row: u32| column.codes[row as usize].index().wrapping_sub(cut.bin) >= n_right;
        // A value in single precision is below the first threshold never, below the last always.
        let threshold = match cut.bin {
            0 => f64::from(f32::MIN),
            bin => column.lower.get(bin).copied().unwrap_or(f64::from(f32::MAX)),
        };
        let parent = growing.split(node.place, feature, threshold, cut.missing_left);
        if !grower.may_split(node.depth + 1) {
            // Both children are leaves, for which rows need not be put in order.
            let [left, right] =
                [(true, cut.left), (false, minus(node.sum, cut.left))].map(|(is_left, sum)| {
                    let value = grower.leaf(&search, sum);
                    growing.leaf(Some((parent, is_left)), [f64::from(value)]);
                    told.push(Told { gain: 0.0, cover: search.cover(sum) });
                    n_nodes += 1;
                    value
                });
            for &row in rows[node.drawn].iter().chain(&others[node.others]) {
                step[row as usize] = if goes_left(row) { left } else { right };
            }
            continue;
        }
        let n_drawn = partition(&mut rows[node.drawn.clone()], scratch, goes_left);
        let n_others = partition(&mut others[node.others.clone()], scratch, goes_left);
        let (left, right) = grower.children(node, rows, (n_drawn, n_others), &cut, parent, own);
        waiting.push(right);
        waiting.push(left);
    }
    let tree = growing.finish(bins.features.len())?;
    Ok(Grown { tree, told })
}

/// Draws the rows of a tree; the others are those not drawn.
fn draw(n_rows: usize, share: f64, seed: u64, rows: &mut Vec<u32>, others: &mut Vec<u32>) {
    rows.clear();
    others.clear();
    let all = 0..n_rows as u32;
    if share >= 1.0 {
        rows.extend(all);
        return;
    }
    let mut rng = Rng::stream(seed, 0);
    all.for_each(|row| if rng.uniform() < share { rows.push(row) } else { others.push(row) });
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
    let drawn = Rng::stream(seed, stream).sample(from.len(), wanted);
    drawn.into_iter().map(|i| from[i]).collect()
}

struct Grower<'a, C> {
    ground: &'a Ground<'a, C>,
    gradients: &'a [Small],
    histograms: Histograms<'a, C>,
}

impl<C: Code> Grower<'_, C> {
    fn may_split(&self, depth: usize) -> bool {
        let max = self.ground.params.max_depth;
        max == 0 || depth < max
    }

    /// Returns the value of a leaf. XGBoost keeps single precision, and what is exported must answer alike.
    fn leaf(&self, search: &Search<'_>, sum: Pair) -> f32 {
        (self.ground.params.eta * search.leaf_value(sum)) as f32
    }

    fn root(
        &self,
        sums: Option<Vec<Pair>>,
        rows: &[u32],
        n_others: usize,
        own: &mut Vec<Small>,
    ) -> Waiting {
        let add = |sum: Pair, &row: &u32| plus(sum, self.gradients[row as usize].map(i64::from));
        let sum = rows.iter().fold([0; 2], add);
        let sum_up = || self.histograms.sum(rows, self.gradients, own, self.ground.work);
        let sums = sums.unwrap_or_else(sum_up);
        Waiting { drawn: 0..rows.len(), others: 0..n_others, depth: 0, place: None, sum, sums }
    }

    /// Returns the best split among `drawn`; of equal ones that of the first feature.
    fn best(
        &self,
        node: &Waiting,
        drawn: &[usize],
        search: &mut Search<'_>,
    ) -> Option<(usize, Cut)> {
        let mut best: Option<(usize, Cut)> = None;
        for &feature in drawn {
            let mut room = [[0; 2]; 3];
            let sums = self.histograms.of(&node.sums, feature, node.sum, &mut room);
            let cut = search.best(sums, node.sum);
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
        node: Waiting,
        rows: &[u32],
        (n_drawn, n_others): (usize, usize),
        cut: &Cut,
        parent: usize,
        own: &mut Vec<Small>,
    ) -> (Waiting, Waiting) {
        let (middle, others) = (node.drawn.start + n_drawn, node.others.start + n_others);
        let (left_rows, right_rows) = (node.drawn.start..middle, middle..node.drawn.end);
        let left_is_smaller = left_rows.len() <= right_rows.len();
        let part = if left_is_smaller { left_rows.clone() } else { right_rows.clone() };
        let small = self.histograms.sum(&rows[part], self.gradients, own, self.ground.work);
        let mut large = node.sums;
        large.iter_mut().zip(&small).for_each(|(all, s)| *all = minus(*all, *s));
        let (left, right) = if left_is_smaller { (small, large) } else { (large, small) };
        let child = |drawn, others, is_left, sum, sums| {
            let place = Some((parent, is_left));
            Waiting { drawn, others, depth: node.depth + 1, place, sum, sums }
        };
        let left = child(left_rows, node.others.start..others, true, cut.left, left);
        let sum = minus(node.sum, cut.left);
        (left, child(right_rows, others..node.others.end, false, sum, right))
    }
}
