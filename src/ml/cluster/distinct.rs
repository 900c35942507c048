//! Rows that are equal, taken together: many duplicates must not make an algorithm quadratic.
//! It does not know what is done with them.

use crate::ml::Matrix;

/// The distinct rows of a matrix, in the order of their first appearance.
pub(super) struct Distinct {
    /// The first row of each group of equal rows.
    pub first: Vec<usize>,
    /// How many rows each group has.
    pub counts: Vec<usize>,
    /// The group of each row.
    pub group: Vec<usize>,
}

impl Distinct {
    /// Finds the equal rows of `x` in O(n d log n). The two zeros are one.
    pub(super) fn of(x: &Matrix) -> Distinct {
        let n = x.n_rows();
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_unstable_by(|&a, &b| compare(x.row(a), x.row(b)).then(a.cmp(&b)));
        // The first row of a group is the least, so a group is known by it.
        let mut leaders = vec![0; n];
        for run in order.chunk_by(|&a, &b| compare(x.row(a), x.row(b)).is_eq()) {
            run.iter().for_each(|&row| leaders[row] = run[0]);
        }
        let mut distinct = Distinct { first: Vec::new(), counts: Vec::new(), group: vec![0; n] };
        for (row, &leader) in leaders.iter().enumerate() {
            if leader == row {
                distinct.group[row] = distinct.first.len();
                distinct.first.push(row);
                distinct.counts.push(1);
            } else {
                let group = distinct.group[leader];
                distinct.group[row] = group;
                distinct.counts[group] += 1;
            }
        }
        distinct
    }

    /// Returns true if no two rows are equal.
    pub(super) fn all(&self) -> bool {
        self.first.len() == self.group.len()
    }
}

fn compare(a: &[f64], b: &[f64]) -> std::cmp::Ordering {
    let unequal = a.iter().zip(b).find(|(a, b)| a != b);
    unequal.map_or(std::cmp::Ordering::Equal, |(a, b)| a.total_cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_in_order_of_appearance() {
        let x = Matrix::new(5, 2, vec![3.0, 0.0, 1.0, 2.0, 3.0, -0.0, 1.0, 2.5, 3.0, 0.0]);
        let distinct = Distinct::of(&x);
        assert_eq!(distinct.first, [0, 1, 3]);
        assert_eq!(distinct.counts, [3, 1, 1]);
        assert_eq!(distinct.group, [0, 1, 0, 2, 0]);
        assert!(!distinct.all() && Distinct::of(&Matrix::zeros(1, 2)).all());
        assert!(Distinct::of(&Matrix::zeros(0, 2)).all());
    }
}
