//! Features cut into bins, so that a split is found by counting instead of sorting.
//! It does not know classes, gradients or trees.

use crate::{
    ml::{Matrix, error::MlError},
    stage::work::Work,
};

/// The binned features of a training set.
#[derive(Clone, Debug)]
pub struct Bins {
    /// One entry a feature.
    pub features: Vec<Feature>,
}

/// One binned feature. Bins are in ascending order of their values.
#[derive(Clone, Debug)]
pub struct Feature {
    /// The bin of each row; a missing value has the number after the last bin.
    pub codes: Vec<u16>,
    /// The smallest training value of each bin.
    pub lower: Vec<f64>,
    /// The largest training value of each bin.
    pub upper: Vec<f64>,
}

impl Feature {
    /// Returns the number of bins, which is also the code of a missing value.
    pub fn n_bins(&self) -> usize {
        self.lower.len()
    }
}

impl Bins {
    /// Cuts every feature into at most `max_bins` bins. A feature with no more distinct values than
    /// that gets a bin for each; else bins hold about equally many rows, and equal values never part.
    ///
    /// # Errors
    /// If cancelled.
    pub fn new(x: &Matrix, max_bins: usize, work: &Work) -> Result<Bins, MlError> {
        let max_bins = max_bins.clamp(1, usize::from(u16::MAX) - 1);
        let features = work.pool.map(x.n_cols(), |j| {
            work.check()?;
            Ok::<_, MlError>(bin_feature(&x.column(j), max_bins))
        });
        Ok(Bins { features: features.into_iter().collect::<Result<_, _>>()? })
    }
}

fn bin_feature(values: &[f64], max_bins: usize) -> Feature {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let groups: Vec<&[f64]> = sorted.chunk_by(|a, b| a == b).collect();
    let (mut lower, mut upper) = (Vec::new(), Vec::new());
    let mut add = |from: f64, to: f64| {
        lower.push(from);
        upper.push(to);
    };
    if groups.len() <= max_bins {
        groups.iter().for_each(|g| add(g[0], g[0]));
    } else {
        let (mut at, mut rows_left) = (0, sorted.len());
        for bins_left in (1..=max_bins).rev() {
            let Some(first) = groups.get(at) else { break };
            let wanted = rows_left.div_ceil(bins_left);
            let (mut taken, mut to) = (0, first[0]);
            while let Some(group) = groups.get(at).filter(|_| taken < wanted) {
                taken += group.len();
                to = group[0];
                at += 1;
            }
            rows_left -= taken;
            add(first[0], to);
        }
    }
    let missing = upper.len() as u16;
    let code = |&v: &f64| match v.is_nan() {
        true => missing,
        false => upper.partition_point(|&u| u < v) as u16,
    };
    Feature { codes: values.iter().map(code).collect(), lower, upper }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_get_a_bin_each_and_missing_comes_last() {
        let feature = bin_feature(&[3.0, f64::NAN, -0.0, 0.0, 3.0], 10);
        assert_eq!(feature.codes, [1, 2, 0, 0, 1]);
        assert_eq!(feature.upper, [0.0, 3.0]);
        assert_eq!(bin_feature(&[f64::NAN], 10).codes, [0]);
    }

    #[test]
    fn many_values_share_bins_evenly_and_equal_values_stay_together() {
        let mut values: Vec<f64> = (0..1000).map(f64::from).collect();
        values.extend([500.0; 1000]);
        let feature = bin_feature(&values, 16);
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
}
