//! The weighted mean of ranks. It does not know requirements beyond who passed them.

use std::{cmp::Ordering, collections::BTreeMap};

use crate::kinds::select_clustering::{Entry, stability};

/// A metric that candidates may be ranked by.
pub(super) struct Ranked {
    pub name: &'static str,
    pub higher_is_better: bool,
}

const fn high(name: &'static str) -> Ranked {
    Ranked { name, higher_is_better: true }
}

const fn low(name: &'static str) -> Ranked {
    Ranked { name, higher_is_better: false }
}

/// Every metric that candidates may be ranked by.
pub(super) static RANKED: [Ranked; 11] = [
    high("silhouette"),
    high("calinski_harabasz"),
    high("log_likelihood"),
    high("min_share"),
    low("davies_bouldin"),
    low("bic"),
    low("aic"),
    low("inertia"),
    low("noise_share"),
    low("max_share"),
    high(stability::METRIC),
];

/// How an eligible candidate fares.
pub(super) struct Standing {
    pub score: f64,
    /// Its place for each metric of `rank_by`, from 1; the number of candidates for a null.
    pub places: BTreeMap<String, usize>,
}

/// Gives every eligible entry its standing and puts the entries in their final order: eligible ones by score,
/// then fewer segments, then name; then the others by name.
pub(super) fn rank(entries: &mut [Entry<'_>], weights: &BTreeMap<String, f64>) {
    let eligible: Vec<usize> =
        (0..entries.len()).filter(|&i| entries[i].failures.is_empty()).collect();
    let n = eligible.len();
    let mut places: Vec<BTreeMap<String, usize>> = vec![BTreeMap::new(); n];
    let mut sums = vec![0.0; n];
    for (metric, weight) in weights {
        let higher = RANKED.iter().any(|r| r.name == metric && r.higher_is_better);
        let values: Vec<Option<f64>> =
            eligible.iter().map(|&i| entries[i].metric(metric)).collect();
        for (e, place) in places_of(&values, higher).into_iter().enumerate() {
            // The only candidate is the best one.
            let share = if n > 1 { (n - place) as f64 / (n - 1) as f64 } else { 1.0 };
            sums[e] += weight * share;
            places[e].insert(metric.clone(), place);
        }
    }
    let total: f64 = weights.values().sum();
    for ((&i, sum), places) in eligible.iter().zip(sums).zip(places) {
        // Rounded, so that equal scores compare equal whatever the order of their sums.
        let score = (sum / total * 1e12).round() / 1e12;
        entries[i].standing = Some(Standing { score, places });
    }
    entries.sort_by(order);
}

/// Returns the place of each value, from 1: one more than the number of better ones. A null is last.
fn places_of(values: &[Option<f64>], higher_is_better: bool) -> Vec<usize> {
    let place = |value: &Option<f64>| match value {
        None => values.len(),
        Some(v) => {
            let better = |o: &&f64| if higher_is_better { **o > *v } else { **o < *v };
            1 + values.iter().flatten().filter(better).count()
        }
    };
    values.iter().map(place).collect()
}

fn order(a: &Entry<'_>, b: &Entry<'_>) -> Ordering {
    let by_name = a.candidate.name.cmp(&b.candidate.name);
    match (&a.standing, &b.standing) {
        (Some(x), Some(y)) => {
            let (n_a, n_b) = (a.metric("n_segments"), b.metric("n_segments"));
            let fewer = n_a.unwrap_or(0.0).total_cmp(&n_b.unwrap_or(0.0));
            y.score.total_cmp(&x.score).then(fewer).then(by_name)
        }
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => by_name,
    }
}

#[cfg(test)]
mod tests {
    use super::places_of;

    #[test]
    fn equal_values_share_the_better_place_and_null_is_last() {
        let values = [Some(0.5), None, Some(0.7), Some(0.5), Some(0.1)];
        assert_eq!(places_of(&values, true), [2, 5, 1, 2, 4]);
        assert_eq!(places_of(&values, false), [2, 5, 4, 2, 1]);
        assert_eq!(places_of(&[None], true), [1]);
    }
}
