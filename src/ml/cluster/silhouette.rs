//! The silhouette: how much nearer each row is to its own cluster than to the next one.
//! It does not know which algorithm made the labels.
//!
//! Source: Rousseeuw, "Silhouettes: a graphical aid to the interpretation and validation of cluster
//! analysis", J. Comp. Appl. Math. 20 (1987). Cost: O(n^2 d) time, O(n d) memory: distances are summed a cluster at a
//! time as they are computed and never kept, and each pair of rows is computed once. A row that is alone in its cluster
//! has silhouette 0, as in scikit-learn.

use std::ops::Range;

use crate::{
    ml::{
        Matrix,
        cluster::{
            order,
            panels::{LANES, Panels, distances_to_group},
            scores,
        },
        error::MlError,
        rng::Rng,
        simd::{self, Simd, WithSimd},
    },
    stage::work::Work,
};

/// Above this many rows (noise left out) the silhouette is that of a sample.
pub const MAX_ROWS: usize = 15_000;

/// Rows of that sample. Twice as many would take four times as long for a standard error that is smaller by three tenths: of
/// silhouettes that deviate by 0.1, 0.0007 instead of 0.001.
pub const SAMPLE_ROWS: usize = 10_000;

/// The sample is the same for every labelling of as many rows, so that candidates stay comparable.
pub const SAMPLE_SEED: u64 = 0;

/// Rows of a block: few enough for the nearest cache, a whole number of panels.
const BLOCK_ROWS: usize = 8 * LANES;

/// Points taken side by side.
const GROUP: usize = 4;

/// Blocks whose results are held at a time.
const BLOCKS_AT_A_TIME: usize = 64;

/// Returns the mean silhouette and the number of rows it was computed on, `None` where it is undefined (see
/// [`scores`]). Noise is left out. Above [`MAX_ROWS`] rows both the rows and their neighbours are a fixed
/// random sample of [`SAMPLE_ROWS`].
///
/// # Errors
/// If cancelled.
pub fn mean(x: &Matrix, labels: &[i32], work: &Work) -> Result<Option<(f64, usize)>, MlError> {
    mean_sampled((MAX_ROWS, SAMPLE_ROWS), x, labels, work)
}

fn mean_sampled(
    (max_rows, sample_rows): (usize, usize),
    x: &Matrix,
    labels: &[i32],
    work: &Work,
) -> Result<Option<(f64, usize)>, MlError> {
    let mut rows: Vec<usize> = (0..labels.len()).filter(|&i| labels[i] >= 0).collect();
    if rows.len() > max_rows {
        let drawn = Rng::new(SAMPLE_SEED).sample(rows.len(), sample_rows);
        rows = drawn.into_iter().map(|i| rows[i]).collect();
    }
    let kept: Vec<i32> = rows.iter().map(|&i| labels[i]).collect();
    if scores::defined(&kept).is_none() {
        return Ok(None);
    }
    let clusters = Clusters::new(x, &rows, &kept);
    let apart = Apart::of(&clusters, work)?;
    Ok(Some((apart.mean_silhouette(&clusters), rows.len())))
}

/// Returns the silhouette of each of `rows` among these rows; empty where it is undefined (see [`scores`]). None of
/// them may be noise.
///
/// # Errors
/// If cancelled.
pub fn of_rows(
    x: &Matrix,
    labels: &[i32],
    rows: &[usize],
    work: &Work,
) -> Result<Vec<f64>, MlError> {
    let kept: Vec<i32> = rows.iter().map(|&i| labels[i]).collect();
    if scores::defined(&kept).is_none() {
        return Ok(Vec::new());
    }
    let clusters = Clusters::new(x, rows, &kept);
    let apart = Apart::of(&clusters, work)?;
    let places = places(&kept);
    Ok(places.into_iter().map(|(c, i)| apart.silhouette(&clusters.slots[c], i)).collect())
}

/// Returns for each label the place of its cluster among those that have rows, and its own within the cluster.
fn places(labels: &[i32]) -> Vec<(usize, usize)> {
    let mut sizes = vec![0; order::n_clusters(labels)];
    let within: Vec<usize> = labels
        .iter()
        .map(|&label| {
            sizes[label as usize] += 1;
            sizes[label as usize] - 1
        })
        .collect();
    let mut filled = 0;
    let cluster: Vec<usize> = sizes
        .iter()
        .map(|&size| {
            filled += usize::from(size > 0);
            filled.saturating_sub(1)
        })
        .collect();
    labels.iter().map(|&label| cluster[label as usize]).zip(within).collect()
}

/// The rows of a matrix in panels, cluster by cluster; each cluster begins a panel.
struct Clusters {
    panels: Panels,
    /// The slots of each cluster in the panels. Slots between clusters are filling.
    slots: Vec<Range<usize>>,
}

/// Rows of one cluster whose distances to each other and to all later rows one piece of work computes.
struct Block {
    cluster: usize,
    slots: Range<usize>,
}

/// Sums of the distances of a block, every pair of rows counted once.
struct BlockSums {
    /// From each row of the block to the rows of its own cluster from the block on, and of each later one.
    from_block: Vec<Vec<f64>>,
    /// From each slot after the block to the rows of the block.
    to_block: Vec<f64>,
}

impl Clusters {
    fn new(x: &Matrix, rows: &[usize], labels: &[i32]) -> Clusters {
        let mut by_cluster = vec![Vec::new(); order::n_clusters(labels)];
        for (&row, &label) in rows.iter().zip(labels) {
            by_cluster[label as usize].push(row);
        }
        by_cluster.retain(|members| !members.is_empty());
        let n_slots = by_cluster.iter().map(|m| m.len().next_multiple_of(LANES)).sum();
        let mut panels = Panels::zeros(n_slots, x.n_cols());
        let mut slots = Vec::with_capacity(by_cluster.len());
        let mut start = 0_usize;
        for members in &by_cluster {
            for (slot, &row) in (start..).zip(members) {
                panels.set_row(slot, x.row(row));
            }
            slots.push(start..start + members.len());
            start += members.len().next_multiple_of(LANES);
        }
        Clusters { panels, slots }
    }

    fn blocks(&self) -> Vec<Block> {
        let of_cluster = |(cluster, slots): (usize, &Range<usize>)| {
            let end = slots.end;
            let starts = slots.clone().step_by(BLOCK_ROWS);
            starts
                .map(move |start| Block { cluster, slots: start..(start + BLOCK_ROWS).min(end) })
                .collect::<Vec<_>>()
        };
        self.slots.iter().enumerate().flat_map(of_cluster).collect()
    }

    fn distance_sums(&self, block: &Block) -> BlockSums {
        let points = self.points(block.slots.clone());
        let after = block.slots.end.next_multiple_of(LANES);
        let mut to_block = vec![0.0; self.panels.n_rows() - after];
        let mut from_block = Vec::with_capacity(self.slots.len() - block.cluster);
        for (c, slots) in self.slots.iter().enumerate().skip(block.cluster) {
            let mut sums = vec![[0.0; LANES]; block.slots.len()];
            let mut add = |slots: Range<usize>, to: &mut [f64]| {
                let (panels, from) = (&self.panels, &mut sums[..]);
                simd::dispatch(Distances { panels, points: &points, slots, from, to });
            };
            if c == block.cluster {
                // Within the block both directions are computed, as filling may lie among its panels.
                add(block.slots.clone(), &mut []);
            }
            let slots = slots.start.max(after)..slots.end;
            if !slots.is_empty() {
                let to = slots.start - after..slots.end.next_multiple_of(LANES) - after;
                add(slots, &mut to_block[to]);
            }
            from_block.push(sums.iter().map(|lanes| lanes.iter().sum()).collect());
        }
        BlockSums { from_block, to_block }
    }

    /// Returns the rows in `slots` side by side in groups, column after column; zeros where the last group is not full.
    fn points(&self, slots: Range<usize>) -> Vec<[f64; GROUP]> {
        let n_cols = self.panels.n_cols();
        let mut points = vec![[0.0; GROUP]; slots.len().div_ceil(GROUP) * n_cols];
        for (i, slot) in slots.enumerate() {
            let group = points[i / GROUP * n_cols..].iter_mut();
            for (point, values) in group.zip(self.panels.panel(slot / LANES)) {
                point[i % GROUP] = values[slot % LANES];
            }
        }
        points
    }
}

/// Adds the distances between some points and the rows in `slots` to the sums of both sides; `to` may be empty.
struct Distances<'a> {
    panels: &'a Panels,
    /// Side by side in groups, as many as `from` has sums.
    points: &'a [[f64; GROUP]],
    slots: Range<usize>,
    from: &'a mut [[f64; LANES]],
    to: &'a mut [f64],
}

impl WithSimd for Distances<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let mut to_panels = self.to.chunks_exact_mut(LANES);
        for first in self.slots.clone().step_by(LANES) {
            let panel = self.panels.panel(first / LANES);
            let n_lanes = (self.slots.end - first).min(LANES);
            let mut to_panel = [0.0; LANES];
            let groups = self.points.chunks_exact(self.panels.n_cols());
            for (points, from) in groups.zip(self.from.chunks_mut(GROUP)) {
                let mut distances = [[0.0; LANES]; GROUP];
                distances_to_group(simd, panel, points, &mut distances);
                for (sum, distances) in from.iter_mut().zip(&distances) {
                    for lane in 0..LANES {
                        to_panel[lane] += distances[lane];
                        sum[lane] += if lane < n_lanes { distances[lane] } else { 0.0 };
                    }
                }
            }
            if let Some(to) = to_panels.next() {
                to.copy_from_slice(&to_panel);
            }
        }
    }
}

/// What is known of each slot while blocks are added in their order.
struct Apart {
    /// Sum of distances to the own cluster.
    own: Vec<f64>,
    /// Least mean distance to another cluster that is complete.
    nearest: Vec<f64>,
    /// Sum of distances from slots of later clusters to the cluster whose blocks are being added.
    to_current: Vec<f64>,
}

impl Apart {
    fn new(clusters: &Clusters) -> Apart {
        let n_slots = clusters.panels.n_rows();
        Apart {
            own: vec![0.0; n_slots],
            nearest: vec![f64::INFINITY; n_slots],
            to_current: vec![0.0; n_slots],
        }
    }

    /// Adds up all distances.
    fn of(clusters: &Clusters, work: &Work) -> Result<Apart, MlError> {
        let mut apart = Apart::new(clusters);
        // Blocks at a time, so that what they return stays small beside the data.
        for blocks in clusters.blocks().chunks(BLOCKS_AT_A_TIME) {
            let sums = work
                .pool
                .map(blocks.len(), |b| work.check().map(|()| clusters.distance_sums(&blocks[b])));
            for (block, sums) in blocks.iter().zip(sums) {
                apart.add(clusters, block, &sums?);
            }
        }
        Ok(apart)
    }

    fn add(&mut self, clusters: &Clusters, block: &Block, sums: &BlockSums) {
        let current = &clusters.slots[block.cluster];
        for (c, from) in (block.cluster..).zip(&sums.from_block) {
            let n_members = clusters.slots[c].len() as f64;
            for (slot, sum) in block.slots.clone().zip(from) {
                if c == block.cluster {
                    self.own[slot] += sum;
                } else {
                    self.nearest[slot] = self.nearest[slot].min(sum / n_members);
                }
            }
        }
        let after = block.slots.end.next_multiple_of(LANES);
        for (slot, sum) in (after..).zip(&sums.to_block) {
            let total = if slot < current.end { &mut self.own } else { &mut self.to_current };
            total[slot] += sum;
        }
        if block.slots.end == current.end {
            for slot in after..self.to_current.len() {
                let mean = self.to_current[slot] / current.len() as f64;
                self.nearest[slot] = self.nearest[slot].min(mean);
                self.to_current[slot] = 0.0;
            }
        }
    }

    fn mean_silhouette(&self, clusters: &Clusters) -> f64 {
        let mut total = 0.0;
        let mut n_rows = 0;
        for slots in &clusters.slots {
            n_rows += slots.len();
            if slots.len() > 1 {
                total += (0..slots.len()).map(|i| self.silhouette(slots, i)).sum::<f64>();
            }
        }
        total / n_rows as f64
    }

    /// Returns the silhouette of the i-th row of the cluster in `slots`; 0 for one that is alone.
    fn silhouette(&self, slots: &Range<usize>, i: usize) -> f64 {
        if slots.len() < 2 {
            return 0.0;
        }
        let (slot, others) = (slots.start + i, (slots.len() - 1) as f64);
        silhouette(self.own[slot] / others, self.nearest[slot])
    }
}

/// Returns the silhouette of a row at mean distance `own` to its cluster and `other` to the next one; 0 where both are 0.
fn silhouette(own: f64, other: f64) -> f64 {
    let larger = own.max(other);
    if larger > 0.0 { (other - own) / larger } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::{cluster::oracle::blobs, math};

    #[test]
    fn a_worked_example() {
        // On a line: {0, 1} and {4, 6}, the rest noise. Mean distances: own 1, other 5 for the row at 0;
        // 1 and 4 at 1; 2 and 3.5 at 4; 2 and 5.5 at 6.
        let x = Matrix::new(5, 1, vec![0.0, 100.0, 4.0, 1.0, 6.0]);
        let labels = [1, -1, 0, 1, 0];
        let (value, rows) = mean(&x, &labels, &Work::alone(1)).unwrap().unwrap();
        let expected = (4.0 / 5.0 + 3.0 / 4.0 + 1.5 / 3.5 + 3.5 / 5.5) / 4.0;
        assert!((value - expected).abs() < 1e-15, "{value} {expected}");
        assert_eq!(rows, 4);
        let each = of_rows(&x, &labels, &[0, 2, 3, 4], &Work::alone(1)).unwrap();
        let expected = [4.0 / 5.0, 1.5 / 3.5, 3.0 / 4.0, 3.5 / 5.5];
        assert!(each.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15), "{each:?}");
    }

    #[test]
    fn rows_keep_their_silhouettes_where_clusters_are_missing_or_of_one_row() {
        let x = Matrix::new(4, 1, vec![0.0, 1.0, 10.0, 20.0]);
        let each = of_rows(&x, &[5, 5, 2, 7], &[0, 1, 2, 3], &Work::alone(1)).unwrap();
        assert_eq!(each, [1.0 - 1.0 / 10.0, 1.0 - 1.0 / 9.0, 0.0, 0.0]);
        assert!(of_rows(&x, &[0; 4], &[0, 1], &Work::alone(1)).unwrap().is_empty());
    }

    /// Rousseeuw's formulas as they stand.
    fn plain(x: &Matrix, labels: &[i32]) -> f64 {
        let mean_distance = |i: usize, cluster: i32| {
            let others: Vec<usize> =
                (0..x.n_rows()).filter(|&j| j != i && labels[j] == cluster).collect();
            let distance = |&j: &usize| math::squared_distance(x.row(i), x.row(j)).sqrt();
            others.iter().map(distance).sum::<f64>() / others.len() as f64
        };
        let of_row = |i: usize| {
            let own = mean_distance(i, labels[i]);
            let clusters = (0..=*labels.iter().max().unwrap()).filter(|c| *c != labels[i]);
            let other = clusters.map(|c| mean_distance(i, c)).fold(f64::INFINITY, f64::min);
            if own.is_nan() { 0.0 } else { (other - own) / own.max(other) }
        };
        let rows: Vec<usize> = (0..x.n_rows()).filter(|&i| labels[i] >= 0).collect();
        rows.iter().map(|&i| of_row(i)).sum::<f64>() / rows.len() as f64
    }

    #[test]
    fn blocks_of_all_sizes_agree_with_the_plain_formulas() {
        let mut rng = Rng::new(17);
        for (n_rows, n_clusters) in [(9, 2), (64, 2), (130, 3), (300, 2), (301, 40), (257, 90)] {
            let x = blobs(n_rows, 3, 4, n_rows as u64);
            let labels: Vec<i32> =
                (0..n_rows).map(|_| rng.below(n_clusters + 1) as i32 - 1).collect();
            let (fast, _) = mean(&x, &labels, &Work::alone(1)).unwrap().unwrap();
            let expected = plain(&x, &labels);
            assert!((fast - expected).abs() < 1e-12, "{n_rows} rows: {fast} {expected}");
        }
    }

    #[test]
    fn lonely_rows_and_duplicates_count_zero() {
        let work = Work::alone(1);
        let x = Matrix::new(3, 1, vec![0.0, 0.0, 9.0]);
        assert_eq!(mean(&x, &[0, 0, 1], &work).unwrap(), Some((2.0 / 3.0, 3)));
        let same = Matrix::new(4, 1, vec![5.0; 4]);
        assert_eq!(mean(&same, &[0, 0, 1, 1], &work).unwrap(), Some((0.0, 4)));
    }

    #[test]
    fn undefined_silhouettes_are_none() {
        let x = Matrix::new(3, 1, vec![0.0, 1.0, 2.0]);
        for labels in [[0, 0, 0], [-1, -1, -1], [0, 1, 2], [-1, 0, 1], [0, 0, -1]] {
            assert_eq!(mean(&x, &labels, &Work::alone(1)).unwrap(), None, "{labels:?}");
        }
        assert_eq!(mean(&Matrix::zeros(0, 1), &[], &Work::alone(1)).unwrap(), None);
    }

    #[test]
    fn threads_change_no_bit_and_a_sample_is_near() {
        let mut rng = Rng::new(3);
        let labels: Vec<i32> = (0..1500).map(|_| rng.below(4) as i32).collect();
        let values = labels.iter().flat_map(|&l| [f64::from(l) + rng.normal(), rng.normal()]);
        let x = Matrix::new(1500, 2, values.collect());
        let bits = |threads| {
            mean(&x, &labels, &Work::alone(threads)).unwrap().map(|(v, n)| (v.to_bits(), n))
        };
        assert_eq!(bits(1), bits(2));
        assert_eq!(bits(1), bits(7));
        let work = Work::alone(2);
        let (sampled, rows) = mean_sampled((700, 700), &x, &labels, &work).unwrap().unwrap();
        let (exact, _) = mean(&x, &labels, &work).unwrap().unwrap();
        assert_eq!(rows, 700);
        assert!((sampled - exact).abs() < 0.02, "{sampled} {exact}");
    }
}
