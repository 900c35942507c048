//! How good predicted probabilities are, in scikit-learn's meaning of each score.
//! It does not know which model gave them.

use crate::ml::{Matrix, math};

/// The scores' names, in the order in which they are listed. All but `log_loss` are better when larger.
pub const NAMES: [&str; 5] =
    ["accuracy", "macro_f1", "balanced_accuracy", "log_loss", "roc_auc_ovr"];

/// Returns every score, in the order of [`NAMES`]; NaN where one is not defined (no rows, or no
/// class that both has rows and lacks some, for `roc_auc_ovr`).
///
/// `p` has shape `(n_rows, n_classes)`, `y` holds the actual classes.
pub fn all(y: &[u32], p: &Matrix) -> [f64; 5] {
    let table = confusion(y, &predicted(p), p.n_cols());
    [
        accuracy(&table),
        macro_f1(&table),
        balanced_accuracy(&table),
        log_loss(y, p),
        roc_auc_ovr(y, p),
    ]
}

/// Returns true if a smaller value of the score is better.
pub fn smaller_is_better(name: &str) -> bool {
    name == "log_loss"
}

/// Returns each row's most probable class; of equal ones the lowest.
pub fn predicted(p: &Matrix) -> Vec<u32> {
    p.rows()
        .map(|row| {
            let best = row.iter().enumerate().fold((0, f64::NEG_INFINITY), |best, (c, &v)| {
                if v > best.1 { (c, v) } else { best }
            });
            best.0 as u32
        })
        .collect()
}

/// Returns how many rows of class `i` were taken for class `j`, at `[i][j]`.
pub fn confusion(y: &[u32], predicted: &[u32], n_classes: usize) -> Vec<Vec<u64>> {
    let mut table = vec![vec![0; n_classes]; n_classes];
    for (&actual, &found) in y.iter().zip(predicted) {
        table[actual as usize][found as usize] += 1;
    }
    table
}

/// Returns the share of rows that were found.
pub fn accuracy(table: &[Vec<u64>]) -> f64 {
    let all: u64 = table.iter().flatten().sum();
    let found: u64 = table.iter().enumerate().map(|(c, row)| row[c]).sum();
    found as f64 / all as f64
}

/// Returns the mean F1 over the classes that occur or were predicted; a class with neither hit counts 0.
pub fn macro_f1(table: &[Vec<u64>]) -> f64 {
    let f1 = (0..table.len()).filter_map(|c| {
        let actual: u64 = table[c].iter().sum();
        let found: u64 = table.iter().map(|row| row[c]).sum();
        (actual + found > 0).then(|| 2.0 * table[c][c] as f64 / (actual + found) as f64)
    });
    mean(f1)
}

/// Returns the mean share found over the classes that occur.
pub fn balanced_accuracy(table: &[Vec<u64>]) -> f64 {
    mean((0..table.len()).filter_map(|c| {
        let actual: u64 = table[c].iter().sum();
        (actual > 0).then(|| table[c][c] as f64 / actual as f64)
    }))
}

/// Returns the mean negative logarithm of the probability of the actual class, probabilities kept
/// within machine precision of 0 and 1.
pub fn log_loss(y: &[u32], p: &Matrix) -> f64 {
    let eps = f64::EPSILON;
    let losses: Vec<f64> = y
        .iter()
        .zip(p.rows())
        .map(|(&class, row)| -math::ln(row[class as usize].clamp(eps, 1.0 - eps)))
        .collect();
    math::sum(&losses) / losses.len() as f64
}

/// Returns the mean over the classes of the area under the curve of that class against the rest.
/// A class without rows, or with all of them, is left out (scikit-learn refuses it).
pub fn roc_auc_ovr(y: &[u32], p: &Matrix) -> f64 {
    mean((0..p.n_cols()).filter_map(|c| auc(y, &p.column(c), c as u32)))
}

/// The area under the curve as the rank statistic of Mann and Whitney, equal scores sharing their ranks.
fn auc(y: &[u32], scores: &[f64], class: u32) -> Option<f64> {
    let n_in = y.iter().filter(|&&c| c == class).count();
    let n_out = y.len() - n_in;
    if n_in == 0 || n_out == 0 {
        return None;
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by(|&a, &b| scores[a].total_cmp(&scores[b]).then(a.cmp(&b)));
    // Twice the number of pairs in the right order, ties counting one half: whole numbers are exact.
    let (mut twice, mut out_below) = (0_u128, 0_u128);
    for group in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let own_in = group.iter().filter(|&&row| y[row] == class).count() as u128;
        let own_out = group.len() as u128 - own_in;
        twice += own_in * (2 * out_below + own_out);
        out_below += own_out;
    }
    Some(twice as f64 / 2.0 / (n_in as f64 * n_out as f64))
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.fold((0.0, 0_u32), |(sum, n), v| (sum + v, n + 1));
    sum / f64::from(n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::classify::tests::{cases, close};

    #[test]
    fn scores_are_scikit_learns() {
        for case in cases("scores") {
            let p = case.matrix("p");
            let found = all(&case.y, &p);
            for (name, value) in NAMES.iter().zip(found) {
                close(&[value], &[case.json[*name].as_f64().unwrap()], 1e-12, name);
            }
            let table = confusion(&case.y, &predicted(&p), p.n_cols());
            assert_eq!(serde_json::to_value(&table).unwrap(), case.json["confusion"]);
        }
    }

    #[test]
    fn by_hand() {
        let p = Matrix::new(4, 2, vec![0.9, 0.1, 0.5, 0.5, 0.2, 0.8, 0.7, 0.3]);
        assert_eq!(predicted(&p), [0, 0, 1, 0]);
        let [accuracy, f1, balanced, _, auc] = all(&[0, 1, 1, 1], &p);
        assert_eq!((accuracy, balanced, auc), (0.5, (1.0 + 1.0 / 3.0) / 2.0, 1.0));
        assert!((f1 - 0.5).abs() < 1e-15);
    }

    #[test]
    fn undefined_scores_are_nan() {
        assert!(all(&[], &Matrix::zeros(0, 2)).iter().all(|v| v.is_nan()));
        let [accuracy, f1, balanced, loss, auc] = all(&[1], &Matrix::new(1, 2, vec![0.0, 1.0]));
        assert_eq!((accuracy, f1, balanced), (1.0, 1.0, 1.0));
        assert!(loss < 1e-15 && auc.is_nan());
        let absent = all(&[0, 1], &Matrix::new(2, 3, vec![0.6, 0.4, 0.0, 0.3, 0.7, 0.0]));
        assert_eq!(absent[4], 1.0);
    }
}
