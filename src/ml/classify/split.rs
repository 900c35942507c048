//! Stratified hold-outs and folds: every part has the classes in the shares of the whole.
//! It does not know features.

use crate::ml::{classify::class_counts, error::MlError, rng::Rng};

/// Rows to train on and rows to judge by, both ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldOut {
    /// Rows to train on; every class that occurs is among them.
    pub train: Vec<usize>,
    /// Rows to judge by.
    pub test: Vec<usize>,
}

/// Holds out `ceil(test_share * n_rows)` rows as scikit-learn does, classes in proportion by largest
/// remainder (of equal ones the lower class). Each class keeps one row to train on, so a class with a single
/// row is never held out, and tiny data may hold out fewer rows than asked, or none.
pub fn hold_out(y: &[u32], n_classes: usize, test_share: f64, seed: u64) -> HoldOut {
    let counts = class_counts(y, n_classes);
    let limit: usize = counts.iter().map(|c| c.saturating_sub(1)).sum();
    let wanted = (test_share * y.len() as f64).ceil() as usize;
    let taken = apportion(&counts, wanted.min(limit));
    let mut is_test = vec![false; y.len()];
    for (class, members) in shuffled_members(y, n_classes, seed).iter().enumerate() {
        members[..taken[class]].iter().for_each(|&row| is_test[row] = true);
    }
    let (test, train) = (0..y.len()).partition(|&row| is_test[row]);
    HoldOut { train, test }
}

/// Cuts the rows into `n_folds` parts to be judged in turn; returns the rows of each, ascending. Classes
/// are dealt out one row at a time, each going on where the last one ended, so parts differ by one row at most.
///
/// # Errors
/// [`MlError::Parameter`] for fewer than 2 folds or more folds than rows.
pub fn folds(
    y: &[u32],
    n_classes: usize,
    n_folds: usize,
    seed: u64,
) -> Result<Vec<Vec<usize>>, MlError> {
    if n_folds < 2 || n_folds > y.len() {
        let why = format!("{n_folds} folds of {} rows; take from 2 to the number of rows", y.len());
        return Err(MlError::Parameter { name: "folds", why });
    }
    let mut folds = vec![Vec::new(); n_folds];
    let members = shuffled_members(y, n_classes, seed);
    for (i, row) in members.into_iter().flatten().enumerate() {
        folds[i % n_folds].push(row);
    }
    folds.iter_mut().for_each(|fold| fold.sort_unstable());
    Ok(folds)
}

/// Returns the rows of each class in random order; each class has random numbers of its own.
fn shuffled_members(y: &[u32], n_classes: usize, seed: u64) -> Vec<Vec<usize>> {
    let mut members = vec![Vec::new(); n_classes];
    for (row, &class) in y.iter().enumerate() {
        members[class as usize].push(row);
    }
    for (class, members) in members.iter_mut().enumerate() {
        Rng::stream(seed, class as u64).shuffle(members);
    }
    members
}

/// Shares `wanted` places in proportion to `counts`, never all members of a class.
fn apportion(counts: &[usize], wanted: usize) -> Vec<usize> {
    let n: usize = counts.iter().sum::<usize>().max(1);
    let limit = |class: usize| counts[class].saturating_sub(1);
    let mut taken: Vec<usize> =
        (0..counts.len()).map(|c| (wanted * counts[c] / n).min(limit(c))).collect();
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|&c| (std::cmp::Reverse(wanted * counts[c] % n), c));
    let mut left = wanted - taken.iter().sum::<usize>();
    while left > 0 {
        let before = left;
        for &class in &order {
            if left > 0 && taken[class] < limit(class) {
                taken[class] += 1;
                left -= 1;
            }
        }
        if left == before {
            break;
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(counts: &[usize]) -> Vec<u32> {
        let repeated = counts.iter().enumerate().map(|(c, &n)| vec![c as u32; n]);
        repeated.flatten().collect()
    }

    #[test]
    fn shares_are_kept_and_no_class_loses_all_its_rows() {
        for (counts, share, expected) in [
            (&[80, 16, 4][..], 0.25, &[20, 4, 1][..]),
            (&[50, 30, 20], 0.33, &[16, 10, 7]),
            (&[9, 1], 0.25, &[3, 0]),
            (&[1, 1], 0.25, &[0, 0]),
            (&[2, 2], 0.9, &[1, 1]),
            (&[5, 0, 5], 0.5, &[3, 0, 2]),
            (&[], 0.5, &[]),
        ] {
            let y = classes(counts);
            let split = hold_out(&y, counts.len(), share, 3);
            let test: Vec<u32> = split.test.iter().map(|&row| y[row]).collect();
            assert_eq!(class_counts(&test, counts.len()), expected, "{counts:?} {share}");
            assert_eq!(split.train.len() + split.test.len(), y.len());
            assert!(split.train.is_sorted() && split.test.is_sorted());
        }
    }

    #[test]
    fn the_seed_decides() {
        let y = classes(&[50, 50]);
        assert_eq!(hold_out(&y, 2, 0.25, 1), hold_out(&y, 2, 0.25, 1));
        assert_ne!(hold_out(&y, 2, 0.25, 1), hold_out(&y, 2, 0.25, 2));
    }

    #[test]
    fn folds_cover_every_row_once_in_proportion() {
        let y = classes(&[23, 11, 2]);
        let folds = folds(&y, 3, 5, 0).unwrap();
        let mut all = folds.concat();
        all.sort_unstable();
        assert_eq!(all, (0..36).collect::<Vec<_>>());
        for fold in &folds {
            assert!((7..=8).contains(&fold.len()));
            let first = fold.iter().filter(|&&row| y[row] == 0).count();
            assert!((4..=5).contains(&first));
        }
        for n_folds in [0, 1, 37] {
            assert!(super::folds(&y, 3, n_folds, 0).is_err());
        }
    }
}
