//! The order of segments: by size, largest first, equal sizes by their first row.
//! It does not know which algorithm made the clusters.

use crate::ml::cluster::NOISE;

/// Returns, for each of `n_clusters` clusters, its place when ordered by size (largest first; equal sizes
/// by first row; empty ones last, by their own number).
pub fn by_size(labels: &[i32], n_clusters: usize) -> Vec<usize> {
    let mut sizes = vec![0_usize; n_clusters];
    let mut first_rows = vec![usize::MAX; n_clusters];
    for (row, &label) in labels.iter().enumerate() {
        if let Ok(c) = usize::try_from(label) {
            sizes[c] += 1;
            first_rows[c] = first_rows[c].min(row);
        }
    }
    let mut clusters: Vec<usize> = (0..n_clusters).collect();
    clusters.sort_by_key(|&c| (std::cmp::Reverse(sizes[c]), first_rows[c], c));
    let mut places = vec![0; n_clusters];
    for (place, &c) in clusters.iter().enumerate() {
        places[c] = place;
    }
    places
}

/// Returns the labels with each cluster replaced by its place; noise stays noise.
pub fn relabel(labels: &[i32], places: &[usize]) -> Vec<i32> {
    let place = |label: i32| usize::try_from(label).map_or(NOISE, |c| places[c] as i32);
    labels.iter().map(|&label| place(label)).collect()
}

/// Returns the number of clusters that labels speak of: the largest label plus one.
pub fn n_clusters(labels: &[i32]) -> usize {
    labels.iter().copied().max().map_or(0, |max| usize::try_from(max + 1).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_then_first_rows_then_numbers() {
        // Cluster 2 has three rows; 0 and 4 have one each, 4 comes first; 1 and 3 are empty.
        let labels = [-1, 4, 2, 2, 0, 2];
        let places = by_size(&labels, 5);
        assert_eq!(places, [2, 3, 0, 4, 1]);
        assert_eq!(relabel(&labels, &places), [-1, 1, 0, 0, 2, 0]);
        assert_eq!((n_clusters(&labels), n_clusters(&[-1]), n_clusters(&[])), (5, 0, 0));
    }
}
