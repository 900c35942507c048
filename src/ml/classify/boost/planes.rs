//! Values as bytes: a feature is compared with the few thresholds that occur in the trees, so a value is replaced by how
//! many of them it is not below. It does not know what trees do with the bytes.

use crate::ml::classify::tree::{Node, Tree};

/// Most thresholds of a feature.
const CUTS: usize = 255;

/// Up to here it is quicker to ask every threshold of many rows at a time than to search for each row alone.
const FEW_CUTS: usize = 12;

/// Which rows go left where a value is missing: the byte is below all cuts, or below none.
const BELOW_ALL: u8 = 0;
const BELOW_NONE: u8 = 255;

/// Where the bytes of each feature come from, and in which plane they lie.
pub(super) struct Planes {
    features: Vec<Feature>,
    n_planes: u16,
}

/// A feature that some split asks.
#[derive(Default)]
struct Feature {
    column: usize,
    /// The thresholds of all splits, ascending.
    cuts: Vec<f32>,
    /// Where the bytes of its rows lie if what is missing goes left.
    left: Option<u16>,
    /// The same if it goes right.
    right: Option<u16>,
}

impl Planes {
    /// Collects the thresholds; `None` if a feature has too many.
    pub(super) fn new(trees: &[Tree]) -> Option<Planes> {
        let mut cuts: Vec<Vec<f32>> = Vec::new();
        for node in trees.iter().flat_map(Tree::nodes) {
            if let Node::Split { feature, threshold, .. } = node {
                let column = *feature as usize;
                if cuts.len() <= column {
                    cuts.resize(column + 1, Vec::new());
                }
                cuts[column].push(*threshold as f32);
            }
        }
        let feature = |(column, mut cuts): (usize, Vec<f32>)| {
            cuts.sort_by(f32::total_cmp);
            // Equal ones are one, both zeros among them.
            cuts.dedup();
            (cuts.len() <= CUTS).then(|| Feature { column, cuts, ..Feature::default() })
        };
        let features = cuts.into_iter().enumerate().map(feature).collect::<Option<_>>()?;
        Some(Planes { features, n_planes: 0 })
    }

    /// Returns how many planes there are.
    pub(super) fn len(&self) -> usize {
        usize::from(self.n_planes)
    }

    /// Returns the plane of a split's feature, and below which number a row's byte sends it left.
    pub(super) fn place(
        &mut self,
        column: usize,
        threshold: f32,
        missing_left: bool,
    ) -> Option<(u16, u8)> {
        let feature = &mut self.features[column];
        let below = feature.cuts.partition_point(|cut| *cut < threshold);
        let plane = if missing_left { &mut feature.left } else { &mut feature.right };
        if plane.is_none() {
            *plane = Some(self.n_planes);
            self.n_planes = self.n_planes.checked_add(1)?;
        }
        Some(((*plane)?, u8::try_from(below + 1).ok()?))
    }

    /// Replaces the values of at most `N` rows of `width` each. `put` takes a plane and its bytes, a row after the other.
    pub(super) fn fill<const N: usize>(
        &self,
        rows: &[f64],
        width: usize,
        mut put: impl FnMut(usize, &[u8]),
    ) {
        let n_rows = rows.len() / width;
        let mut values = [0.0; N];
        let mut bytes = [0; N];
        let (values, bytes) = (&mut values[..n_rows], &mut bytes[..n_rows]);
        for Feature { column, cuts, left, right } in &self.features {
            for (value, row) in values.iter_mut().zip(rows.chunks_exact(width)) {
                *value = row[*column] as f32;
            }
            number(cuts, values, bytes);
            if let Some(plane) = *left {
                // What is missing is not at or above any threshold.
                put(usize::from(plane), bytes);
            }
            if let Some(plane) = *right {
                for (byte, value) in bytes.iter_mut().zip(values.iter()) {
                    *byte = if value.is_nan() { BELOW_NONE } else { *byte };
                }
                put(usize::from(plane), bytes);
            }
        }
    }
}

/// Counts the thresholds that each value is not below.
fn number(cuts: &[f32], values: &[f32], bytes: &mut [u8]) {
    if cuts.len() > FEW_CUTS {
        for (byte, value) in bytes.iter_mut().zip(values) {
            *byte = cuts.partition_point(|cut| *cut <= *value) as u8;
        }
        return;
    }
    bytes.fill(BELOW_ALL);
    for cut in cuts {
        for (byte, value) in bytes.iter_mut().zip(values) {
            *byte += u8::from(*cut <= *value);
        }
    }
}
