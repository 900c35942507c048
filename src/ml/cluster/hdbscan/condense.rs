//! The tree of merges without the clusters that are too small to count. It does not know which are taken.
//!
//! Source: Campello, Moulavi and Sander (2013), section 3, read downwards: while the density is raised, a cluster loses
//! rows, until it parts into two clusters that are both large enough, or dissolves.

use crate::ml::cluster::hierarchical::Merge;

/// A cluster of the condensed tree. Densities are 1 / distance.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cluster {
    /// The cluster that it came from; the root's own number for the root, which is 0. Parents have lower numbers.
    pub parent: usize,
    /// The density at which it appears.
    pub birth: f64,
    /// The density at which it parts, or its last row leaves it.
    pub death: f64,
    /// How long its rows stay, summed over them.
    pub stability: f64,
}

/// The condensed tree.
pub(super) struct Condensed {
    /// The root, all rows, is first.
    pub clusters: Vec<Cluster>,
    /// The cluster that each row leaves as a row, and at which density.
    pub left: Vec<(usize, f64)>,
}

impl Condensed {
    /// Condenses the merges of `n_rows` rows in O(n).
    pub(super) fn new(merges: &[Merge], n_rows: usize, min_cluster_size: usize) -> Condensed {
        let root = Cluster { parent: 0, birth: 0.0, death: 0.0, stability: 0.0 };
        let mut condensed = Condensed { clusters: vec![root], left: vec![(0, 0.0); n_rows] };
        let size = |node: usize| node.checked_sub(n_rows).map_or(1, |m| merges[m].size);
        // The cluster of each merge that is large enough; its parts have lower numbers than it.
        let mut cluster_of: Vec<Option<usize>> = vec![None; merges.len()];
        if let Some(last) = cluster_of.last_mut() {
            *last = Some(0);
        }
        for m in (0..merges.len()).rev() {
            let Some(cluster) = cluster_of[m] else { continue };
            let merge = merges[m];
            let density = if merge.distance > 0.0 { 1.0 / merge.distance } else { f64::INFINITY };
            let parts = [merge.left, merge.right];
            let large = parts.map(|part| size(part) >= min_cluster_size);
            // Equal rows do not part, however many: their order in the tree means nothing.
            let splits = large == [true, true] && density.is_finite();
            for (part, is_large) in parts.into_iter().zip(large) {
                if splits {
                    let child = condensed.split(cluster, density, size(part));
                    set(&mut cluster_of, part, n_rows, child);
                } else if is_large && density.is_finite() {
                    set(&mut cluster_of, part, n_rows, cluster);
                } else {
                    condensed.leave(part, cluster, density, merges);
                }
            }
        }
        condensed
    }

    fn split(&mut self, parent: usize, density: f64, size: usize) -> usize {
        self.lose(parent, density, size);
        self.clusters.push(Cluster { parent, birth: density, death: 0.0, stability: 0.0 });
        self.clusters.len() - 1
    }

    /// Lets all rows below `node` leave `cluster`.
    fn leave(&mut self, node: usize, cluster: usize, density: f64, merges: &[Merge]) {
        let n_rows = self.left.len();
        let mut nodes = vec![node];
        while let Some(node) = nodes.pop() {
            match node.checked_sub(n_rows) {
                Some(m) => nodes.extend([merges[m].left, merges[m].right]),
                None => {
                    self.left[node] = (cluster, density);
                    self.lose(cluster, density, 1);
                }
            }
        }
    }

    fn lose(&mut self, cluster: usize, density: f64, size: usize) {
        let cluster = &mut self.clusters[cluster];
        cluster.death = cluster.death.max(density);
        cluster.stability += (density - cluster.birth) * size as f64;
    }
}

/// Notes the cluster of a part that is a merge; a single row is none, it left.
fn set(cluster_of: &mut [Option<usize>], part: usize, n_rows: usize, cluster: usize) {
    if let Some(of_part) = part.checked_sub(n_rows).and_then(|m| cluster_of.get_mut(m)) {
        *of_part = Some(cluster);
    }
}
