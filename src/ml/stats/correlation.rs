//! Pearson, Spearman and Cramér's V of two columns, each on the rows where both have a value.
//! It does not know which pairs are worth computing.

use crate::{
    base::pool::CHUNK_ROWS,
    ml::{
        math,
        stats::{
            levels::{Levels, MISSING},
            moments, quantile,
            ranks::Order,
        },
    },
};

/// A numeric column prepared for many correlations.
#[derive(Clone, Debug)]
pub struct Numbers {
    values: Vec<f64>,
    order: Order,
    complete: Option<Complete>,
}

/// Deviations from the mean, of values and of ranks, for a column without missing values: pairs of such
/// columns cost one dot product.
#[derive(Clone, Debug)]
struct Complete {
    values: Deviations,
    ranks: Deviations,
}

#[derive(Clone, Debug)]
struct Deviations {
    data: Vec<f64>,
    sum_of_squares: f64,
}

impl Numbers {
    /// Prepares a column; NaN and infinite values count as missing.
    pub fn new(values: Vec<f64>, order: Order) -> Numbers {
        let complete = (order.rows.len() == values.len()).then(|| {
            let mut ranks = vec![0.0; values.len()];
            order.ranks(|_| true, &mut ranks);
            Complete { values: Deviations::of(values.clone()), ranks: Deviations::of(ranks) }
        });
        Numbers { values, order, complete }
    }

    /// Returns the values by row.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Returns the column's order.
    pub fn order(&self) -> &Order {
        &self.order
    }

    fn has(&self, row: usize) -> bool {
        self.values[row].is_finite()
    }
}

impl Deviations {
    fn of(mut data: Vec<f64>) -> Deviations {
        // The mean of equal values is rounded, which would leave deviations of 1e-17 that correlate.
        let constant = data.iter().all(|v| Some(v) == data.first());
        let mean = moments::mean(&data);
        data.iter_mut().for_each(|v| *v = if constant { 0.0 } else { *v - mean });
        let sum_of_squares = dot(&data, &data);
        Deviations { data, sum_of_squares }
    }

    fn correlation(&self, other: &Deviations) -> f64 {
        // One root of the product is exact for equal columns; two roots are for what overflows. A sum of
        // zero (a constant, or no rows) divides to NaN: not defined.
        let (a, b) = (self.sum_of_squares, other.sum_of_squares);
        let product = (a * b).sqrt();
        let norm = if product.is_normal() { product } else { a.sqrt() * b.sqrt() };
        (dot(&self.data, &other.data) / norm).clamp(-1.0, 1.0)
    }
}

/// How many parts [`Numbers::tenths`] has at the most.
const PARTS: usize = 10;

impl Numbers {
    /// Cuts the values at their deciles into at most ten levels: level i has the values above the i-th of the different
    /// deciles and up to the next one, as pandas' `qcut(..., duplicates="drop")` groups them.
    pub fn tenths(&self) -> Levels {
        let deciles = (1..PARTS).map(|i| quantile(&self.order.sorted, i as f64 / PARTS as f64));
        let mut edges: Vec<f64> = deciles.filter(|edge| !edge.is_nan()).collect();
        edges.dedup();
        let code = |value: &f64| match value.is_finite() {
            true => edges.partition_point(|edge| edge < value) as u32,
            false => MISSING,
        };
        Levels {
            codes: self.values.iter().map(code).collect(),
            names: (0..=edges.len()).map(|level| level.to_string()).collect(),
            counts: Vec::new(),
        }
    }
}

/// Returns Pearson's correlation of two columns of equal length, over the rows where both are finite;
/// NaN below two such rows or where one column is constant on them.
pub fn pearson(a: &Numbers, b: &Numbers) -> f64 {
    if let (Some(a), Some(b)) = (&a.complete, &b.complete) {
        return a.values.correlation(&b.values);
    }
    let rows = || (0..a.values.len()).filter(|&row| a.has(row) && b.has(row));
    let left = Deviations::of(rows().map(|row| a.values[row]).collect());
    let right = Deviations::of(rows().map(|row| b.values[row]).collect());
    left.correlation(&right)
}

/// Returns Spearman's rank correlation (average ranks for ties), with ranks taken among the rows where
/// both are finite, as pandas does; NaN where [`pearson`] has it.
pub fn spearman(a: &Numbers, b: &Numbers) -> f64 {
    if let (Some(a), Some(b)) = (&a.complete, &b.complete) {
        return a.ranks.correlation(&b.ranks);
    }
    let n_rows = a.values.len();
    let both: Vec<bool> = (0..n_rows).map(|row| a.has(row) && b.has(row)).collect();
    let common = |numbers: &Numbers| {
        let mut ranks = vec![0.0; n_rows];
        numbers.order.ranks(|row| both[row], &mut ranks);
        let kept = ranks.iter().zip(&both).filter(|(_, keep)| **keep);
        Deviations::of(kept.map(|(rank, _)| *rank).collect())
    };
    common(a).correlation(&common(b))
}

/// Returns Cramér's V of two columns of levels, over the rows where both have one: the plain statistic
/// `sqrt(chi2 / n / (min(r, c) - 1))` without Yates' or Bergsma's correction, as
/// `scipy.stats.contingency.association(method="cramer")`. NaN where a column has fewer than two levels
/// on those rows. Costs a table of all pairs of levels.
pub fn cramers_v(a: &Levels, b: &Levels) -> f64 {
    let (n_a, n_b) = (a.names.len(), b.names.len());
    let mut counts = vec![0_usize; n_a * n_b];
    for (&i, &j) in a.codes.iter().zip(&b.codes) {
        if i != MISSING && j != MISSING {
            counts[i as usize * n_b + j as usize] += 1;
        }
    }
    let of_a: Vec<usize> = (0..n_a).map(|i| counts[i * n_b..][..n_b].iter().sum()).collect();
    let of_b: Vec<usize> = (0..n_b).map(|j| (0..n_a).map(|i| counts[i * n_b + j]).sum()).collect();
    let n = of_a.iter().sum::<usize>() as f64;
    let used = |totals: &[usize]| totals.iter().filter(|&&t| t > 0).count();
    let smaller = used(&of_a).min(used(&of_b));
    if smaller < 2 {
        return f64::NAN;
    }
    let mut chi2 = 0.0;
    for (i, &total_a) in of_a.iter().enumerate() {
        for (j, &total_b) in of_b.iter().enumerate() {
            let expected = total_a as f64 * total_b as f64 / n;
            if expected > 0.0 {
                let d = counts[i * n_b + j] as f64 - expected;
                chi2 += d * d / expected;
            }
        }
    }
    (chi2 / n / (smaller as f64 - 1.0)).sqrt().min(1.0)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.chunks(CHUNK_ROWS).zip(b.chunks(CHUNK_ROWS)).map(|(a, b)| math::dot(a, b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(values: &[f64]) -> Numbers {
        Numbers::new(values.to_vec(), Order::of(values))
    }

    #[test]
    fn hand_worked() {
        let (a, b) = (numbers(&[1.0, 2.0, 3.0]), numbers(&[1.0, 4.0, 9.0]));
        assert!((pearson(&a, &b) - 8.0 / (2.0_f64 * 98.0 / 3.0).sqrt()).abs() < 1e-15);
        assert_eq!(spearman(&a, &b), 1.0);
        let levels = |v: &[&str]| Levels::of(v.iter().map(|s| Some(*s)));
        let (x, y) = (levels(&["a", "a", "b", "b"]), levels(&["p", "p", "q", "q"]));
        assert_eq!(cramers_v(&x, &y), 1.0);
        assert_eq!(cramers_v(&x, &levels(&["p", "q", "p", "q"])), 0.0);
        assert!(cramers_v(&x, &levels(&["p", "p", "p", "p"])).is_nan());
    }

    #[test]
    fn numbers_are_cut_at_their_deciles() {
        let ascending: Vec<f64> = (0..20).map(f64::from).collect();
        let codes = numbers(&ascending).tenths().codes;
        assert_eq!(codes, (0..20).map(|i| i / 2).collect::<Vec<u32>>());
        // Many equal ones are one level, however many deciles they fill.
        let mut zeros = vec![0.0; 15];
        zeros.extend([1.0, 2.0, f64::NAN, 3.0, 4.0, 5.0]);
        let levels = numbers(&zeros).tenths();
        assert_eq!((levels.codes[0], levels.codes[17]), (0, MISSING));
        assert_eq!(levels.names.len(), 4);
        let none = numbers(&[f64::NAN]).tenths();
        assert_eq!((none.codes, none.names.len()), (vec![MISSING], 1));
    }

    #[test]
    fn gaps_are_left_out_in_pairs() {
        let gap = f64::NAN;
        let a = numbers(&[1.0, 2.0, gap, 3.0, 100.0]);
        let b = numbers(&[2.0, 4.0, 5.0, 6.0, gap]);
        assert!((pearson(&a, &b) - 1.0).abs() < 1e-15);
        assert!((spearman(&a, &b) - 1.0).abs() < 1e-15);
        assert!(pearson(&numbers(&[gap, 1.0]), &numbers(&[1.0, gap])).is_nan());
    }

    #[test]
    fn a_constant_does_not_correlate() {
        let (a, b) = (numbers(&[0.1; 7]), numbers(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0]));
        assert!(pearson(&a, &b).is_nan() && spearman(&a, &b).is_nan());
        assert!(pearson(&numbers(&[]), &numbers(&[])).is_nan());
    }

    #[test]
    fn symmetric_and_blind_to_scale() {
        let a: Vec<f64> = (0..500).map(|i| f64::from(i * 7919 % 503)).collect();
        let b: Vec<f64> = a.iter().enumerate().map(|(i, v)| v * v + (i % 13) as f64).collect();
        let moved: Vec<f64> = a.iter().map(|v| 3.0 * v - 5.0).collect();
        let r = pearson(&numbers(&a), &numbers(&b));
        assert!((r - pearson(&numbers(&b), &numbers(&a))).abs() < 1e-15);
        assert!((r - pearson(&numbers(&moved), &numbers(&b))).abs() < 1e-12);
    }
}
