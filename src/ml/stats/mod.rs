//! Descriptive statistics of columns: moments, quantiles, ranks, correlations, histograms, levels.
//! Conventions are those of pandas: ddof 1, linear quantiles, bias-corrected skewness and kurtosis.
//! It does not know where a column came from or what is said about it.

pub mod correlation;
pub mod histogram;
pub mod levels;
pub mod moments;
pub mod ranks;
pub mod stability;

pub use correlation::{Numbers, cramers_v, pearson, spearman};
pub use histogram::{Bin, edges, histogram};
pub use levels::Levels;
pub use moments::{Moments, moments};
pub use ranks::Order;

pub use crate::ml::quantiles::quantile;
