//! Features cut into bins, so that a split is found by counting instead of sorting.
//! It does not know classes, gradients or trees.

use crate::{
    ml::{Matrix, error::MlError},
    stage::work::Work,
};

/// The number of a bin, as narrow as the most bins allow: codes are what growing a tree reads most.
pub trait Code: Copy + Send + Sync {
    /// How many codes there are, that of missing values included.
    const LIMIT: usize;

    /// Wraps a number below [`Code::LIMIT`].
    fn new(bin: usize) -> Self;

    /// Returns the number.
    fn index(self) -> usize;
}

impl Code for u8 {
    const LIMIT: usize = 256;

    fn new(bin: usize) -> u8 {
        bin as u8
    }

    fn index(self) -> usize {
        usize::from(self)
    }
}

impl Code for u16 {
    const LIMIT: usize = 65_536;

    fn new(bin: usize) -> u16 {
        bin as u16
    }

    fn index(self) -> usize {
        usize::from(self)
    }
}

/// The binned features of a training set.
#[derive(Clone, Debug)]
pub struct Bins<C> {
    /// One entry a feature.
    pub features: Vec<Feature<C>>,
}

/// One binned feature. Bins are in ascending order of their values.
#[derive(Clone, Debug)]
pub struct Feature<C> {
    /// The bin of each row; a missing value has the number after the last bin.
    pub codes: Vec<C>,
    /// The smallest training value of each bin.
    pub lower: Vec<f64>,
    /// The largest training value of each bin.
    pub upper: Vec<f64>,
}

impl<C: Code> Feature<C> {
    /// Returns the number of bins, which is also the code of a missing value.
    pub fn n_bins(&self) -> usize {
        self.lower.len()
    }
}

impl<C: Code> Bins<C> {
    /// Cuts every feature into at most `max_bins` bins (one less if the code would not have room for
    /// missing values that occur). A feature with no more distinct values than that gets a bin for
    /// each; else bins hold about equally many rows, and equal values never part. `round` is what a
    /// value is taken as; it must not change the order of values.
    ///
    /// # Errors
    /// If cancelled.
    pub fn new(
        x: &Matrix,
        max_bins: usize,
        round: fn(f64) -> f64,
        work: &Work,
    ) -> Result<Bins<C>, MlError> {
        let features = work.pool.map(x.n_cols(), |j| {
            work.check()?;
            let values: Vec<f64> = x.rows().map(|row| round(row[j])).collect();
            Ok::<_, MlError>(bin_feature(&values, max_bins))
        });
        Ok(Bins { features: features.into_iter().collect::<Result<_, _>>()? })
    }
}

fn bin_feature<C: Code>(values: &[f64], max_bins: usize) -> Feature<C> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
    let has_missing = sorted.len() < values.len();
    let max_bins = max_bins.clamp(1, C::LIMIT - usize::from(has_missing));
    sorted.sort_unstable_by(f64::total_cmp);
    let (lower, upper) = cut(&sorted, max_bins);
    let codes = codes(values, &upper);
    Feature { codes, lower, upper }
}

/// Returns the smallest and the largest value of each bin.
fn cut(sorted: &[f64], max_bins: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut lower, mut upper) = (Vec::new(), Vec::new());
    let mut add = |from: f64, to: f64| {
        lower.push(from);
        upper.push(to);
    };
    let n_distinct = sorted.chunk_by(|a, b| a == b).count();
    let mut groups = sorted.chunk_by(|a, b| a == b);
    if n_distinct <= max_bins {
        groups.for_each(|g| add(g[0], g[0]));
        return (lower, upper);
    }
    let mut rows_left = sorted.len();
    for bins_left in (1..=max_bins).rev() {
        let Some(first) = groups.next() else { break };
        let wanted = rows_left.div_ceil(bins_left);
        let (mut taken, mut to) = (first.len(), first[0]);
        while taken < wanted {
            let Some(group) = groups.next() else { break };
            taken += group.len();
            to = group[0];
        }
        rows_left -= taken;
        add(first[0], to);
    }
    (lower, upper)
}

/// Looks up the bin of each value: a binary search with the same steps for every value, so that the
/// processor need not guess.
fn codes<C: Code>(values: &[f64], upper: &[f64]) -> Vec<C> {
    let n_bins = upper.len();
    let code = |&v: &f64| {
        if v.is_nan() {
            return C::new(n_bins);
        }
        let (mut from, mut len) = (0, n_bins);
        while len > 1 {
            let half = len / 2;
            from += if upper[from + half - 1] < v { half } else { 0 };
            len -= half;
        }
        C::new(from)
    };
    values.iter().map(code).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_get_a_bin_each_and_missing_comes_last() {
        let feature = bin_feature::<u8>(&[3.0, f64::NAN, -0.0, 0.0, 3.0], 10);
        assert_eq!(feature.codes, [1, 2, 0, 0, 1]);
        assert_eq!(feature.upper, [0.0, 3.0]);
        assert_eq!(bin_feature::<u8>(&[f64::NAN], 10).codes, [0]);
    }

    #[test]
    fn many_values_share_bins_evenly_and_equal_values_stay_together() {
        let mut values: Vec<f64> = (0..1000).map(f64::from).collect();
        values.extend([500.0; 1000]);
        let feature = bin_feature::<u16>(&values, 16);
        assert!(feature.n_bins() <= 16);
        let mut counts = vec![0; feature.n_bins()];
        feature.codes.iter().for_each(|&c| counts[usize::from(c)] += 1);
        assert_eq!(counts.iter().sum::<i32>(), 2000);
        assert_eq!(feature.codes[500], feature.codes[1500]);
        for (v, &c) in values.iter().zip(&feature.codes) {
            let c = usize::from(c);
            assert!(feature.lower[c] <= *v && *v <= feature.upper[c]);
        }
    }

    #[test]
    fn narrow_codes_leave_room_for_missing_values() {
        let mut values: Vec<f64> = (0..256).map(f64::from).collect();
        let full = bin_feature::<u8>(&values, 256);
        assert_eq!((full.n_bins(), full.codes[255]), (256, 255));
        values.push(f64::NAN);
        let with_missing = bin_feature::<u8>(&values, 256);
        assert_eq!((with_missing.n_bins(), with_missing.codes[256]), (255, 255));
    }
}
