//! The order of a column, found once and used for quantiles, distinct values, ranks and histograms.
//! It does not compute any of these figures but ranks.

/// The rows of a column in ascending order of their values, missing ones left out.
#[derive(Clone, Debug)]
pub struct Order {
    /// Row numbers by ascending value; equal values by row.
    pub rows: Vec<u32>,
    /// The values in the same order; `-0.0` is taken for `0.0`.
    pub sorted: Vec<f64>,
}

impl Order {
    /// Sorts the finite values of a column; NaN and infinite ones are left out.
    ///
    /// Complexity: n log n. Tables have fewer than 2^32 rows; rows beyond are not seen.
    pub fn of(values: &[f64]) -> Order {
        let mut keyed: Vec<(u64, u32)> = (0_u32..)
            .zip(values)
            .filter(|(_, v)| v.is_finite())
            .map(|(row, v)| (to_key(v + 0.0), row))
            .collect();
        keyed.sort_unstable();
        let sorted = keyed.iter().map(|(key, _)| from_key(*key)).collect();
        Order { rows: keyed.into_iter().map(|(_, row)| row).collect(), sorted }
    }

    /// Sorts the finite values of a column without their rows, which takes half the memory.
    pub fn of_values(values: &[f64]) -> Order {
        let finite = values.iter().filter(|v| v.is_finite());
        let mut keys: Vec<u64> = finite.map(|v| to_key(v + 0.0)).collect();
        keys.sort_unstable();
        Order { rows: Vec::new(), sorted: keys.into_iter().map(from_key).collect() }
    }

    /// Calls `visit` with each run of equal values: the value and how many there are.
    pub fn for_each_run(&self, mut visit: impl FnMut(f64, usize)) {
        for run in self.sorted.chunk_by(|a, b| a == b) {
            visit(run[0], run.len());
        }
    }

    /// Returns how many different values there are.
    pub fn distinct(&self) -> usize {
        self.sorted.chunk_by(|a, b| a == b).count()
    }

    /// Returns the most frequent value and its count; of several, the smallest.
    pub fn mode(&self) -> Option<(f64, usize)> {
        let mut best: Option<(f64, usize)> = None;
        self.for_each_run(|value, n| {
            if best.is_none_or(|(_, most)| n > most) {
                best = Some((value, n));
            }
        });
        best
    }

    /// Writes the average rank (from 1) of each row that `keep` accepts into `ranks`, in place; other
    /// rows are left as they are. Ranks count kept rows only.
    pub fn ranks(&self, keep: impl Fn(usize) -> bool, ranks: &mut [f64]) {
        let mut before = 0;
        let mut run: Vec<usize> = Vec::new();
        let mut at = 0;
        for values in self.sorted.chunk_by(|a, b| a == b) {
            let rows = &self.rows[at..at + values.len()];
            at += values.len();
            run.clear();
            run.extend(rows.iter().map(|&row| row as usize).filter(|&row| keep(row)));
            let rank = before as f64 + (run.len() as f64 + 1.0) / 2.0;
            for &row in &run {
                ranks[row] = rank;
            }
            before += run.len();
        }
    }
}

/// Maps a float to an integer of the same order, because integers sort faster than `total_cmp`.
fn to_key(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | (1 << 63) }
}

fn from_key(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_runs_and_ranks() {
        let values = [3.0, f64::NAN, -1.0, 3.0, 0.0, -0.0, f64::INFINITY];
        let order = Order::of(&values);
        assert_eq!(order.rows, [2, 4, 5, 0, 3]);
        assert_eq!(order.sorted, [-1.0, 0.0, 0.0, 3.0, 3.0]);
        assert_eq!(order.distinct(), 3);
        assert_eq!(order.mode(), Some((0.0, 2)));
        let mut ranks = [0.0; 7];
        order.ranks(|_| true, &mut ranks);
        assert_eq!(ranks, [4.5, 0.0, 1.0, 4.5, 2.5, 2.5, 0.0]);
        assert_eq!(Order::of_values(&values).sorted, order.sorted);
        order.ranks(|row| row != 4, &mut ranks);
        assert_eq!(ranks, [3.5, 0.0, 1.0, 3.5, 2.5, 2.0, 0.0]);
    }

    #[test]
    fn empty_column() {
        let order = Order::of(&[f64::NAN]);
        assert_eq!((order.distinct(), order.mode()), (0, None));
    }
}
