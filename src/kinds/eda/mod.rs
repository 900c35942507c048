//! The parts of `eda.profile`: columns described, then pairs, alerts and the page made from them.
//! It does not know how a stage is run; [`crate::kinds::eda_profile`] does.

pub mod alerts;
pub mod columns;
pub mod correlations;
pub mod dates;
pub mod extremes;
pub mod figures;
pub mod findings;
pub mod gaps;
pub mod histograms;
pub mod page;
pub mod spread;
pub mod yaml;

#[cfg(test)]
mod tests;

use serde::Deserialize;

/// The parameters of `eda.profile`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Most bins of a histogram.
    pub bins: usize,
    /// Levels counted one by one in histograms; the rest are one.
    pub top_levels: usize,
    /// |r| from which two columns say the same.
    pub correlation: f64,
    /// Missing share from which a column is reported.
    pub missing: f64,
    /// |skewness| from which a column is reported.
    pub skewness: f64,
    /// Share of values outside the IQR fences from which a column is reported.
    pub outliers: f64,
    /// Share of zeros from which a column is reported.
    pub zeros: f64,
    /// Share of rows below which a level is rare.
    pub min_frequency: f64,
    /// Levels above which a text column has too many.
    pub max_levels: usize,
    /// Whether raw values stay out of every output.
    pub redact: bool,
}
