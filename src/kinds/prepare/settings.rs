//! What a person asks of a preparation, checked: what the parameters become. It does not know any data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Number;

use crate::{
    base::node::{Node, Val},
    stage::{
        error::StageError,
        kind::Problem,
        params::{self, Param},
    },
};

/// Everything a preparation is asked to do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Consider only these columns.
    pub columns: Option<Vec<String>>,
    /// Leave these out.
    pub drop: Vec<String>,
    /// The numeric group; `None` takes no column.
    pub numeric: Option<NumericSettings>,
    /// The categorical group; `None` takes no column.
    pub categorical: Option<CategoricalSettings>,
    /// What happens to the features afterwards.
    pub reduce: Option<ReduceSettings>,
}

impl Settings {
    /// Returns the settings with both groups at a kind's defaults where a person wrote neither.
    /// A person who writes one group only means that group only, as with scikit-learn's ColumnTransformer.
    ///
    /// # Errors
    /// [`StageError::Internal`] if the parameters' defaults do not make settings.
    pub fn or_both(
        mut self,
        numeric: &'static [Param],
        categorical: &'static [Param],
    ) -> Result<Settings, StageError> {
        if self.numeric.is_none() && self.categorical.is_none() {
            self.numeric = Some(defaults(numeric)?);
            self.categorical = Some(defaults(categorical)?);
        }
        Ok(self)
    }

    /// Returns true if a group names the column or goes by type.
    pub fn may_take(&self, name: &String) -> bool {
        let takes = |columns: &Option<Vec<String>>| {
            columns.as_ref().is_none_or(|columns| columns.contains(name))
        };
        self.numeric.as_ref().is_some_and(|group| takes(&group.columns))
            || self.categorical.as_ref().is_some_and(|group| takes(&group.columns))
    }

    /// Returns what is wrong with the settings, whatever the data.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Some((low, high)) = self.numeric.as_ref().and_then(|group| group.clip)
            && low >= high
        {
            problems.push(Problem::new(
                &["numeric", "clip"],
                format!("the lower quantile {low} is not below the upper one {high}"),
                "write the smaller one first, such as [0.01, 0.99]",
            ));
        }
        let pca = self.reduce.as_ref().and_then(|reduce| reduce.pca.as_ref());
        if pca.is_some_and(|pca| pca.variance.is_some() && pca.components.is_some()) {
            problems.push(Problem::new(
                &["reduce", "pca"],
                "both `variance` and `components` are given",
                "keep one of them",
            ));
        }
        problems
    }
}

/// Fills a group with nothing but defaults.
fn defaults<T: for<'a> Deserialize<'a>>(inside: &'static [Param]) -> Result<T, StageError> {
    let nothing = Node { at: crate::base::node::Span::default(), val: Val::Null };
    let mut faults = Vec::new();
    let value = params::check(inside, &nothing, &mut faults);
    if let Some(fault) = faults.first() {
        return Err(StageError::Internal(format!("defaults of a group: {}", fault.message)));
    }
    serde_json::from_value(value)
        .map_err(|error| StageError::Internal(format!("defaults of a group: {error}")))
}

/// How numbers become features. The steps follow the order of the fields, each learning from what the
/// step before it gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumericSettings {
    /// These columns; by type when `None`.
    pub columns: Option<Vec<String>>,
    /// Whether dates count as numbers.
    pub dates: Dates,
    /// What stands in for a missing value.
    pub impute: NumericImpute,
    /// What [`NumericImpute::Constant`] fills in.
    pub fill_value: f64,
    /// Whether a column with missing values gets a second feature that says so.
    pub indicator: bool,
    /// Lower and upper quantile to clip at.
    pub clip: Option<(f64, f64)>,
    /// The power transformation.
    pub power: PowerChoice,
    /// The scaling.
    pub scale: ScaleChoice,
}

/// Whether the numeric group takes dates by type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dates {
    /// No.
    None,
    /// As days since 1970-01-01, with a fraction for timestamps.
    Days,
}

/// What stands in for a missing number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumericImpute {
    /// The mean.
    Mean,
    /// The median.
    Median,
    /// The most frequent value; of equally frequent ones the smallest.
    MostFrequent,
    /// `fill_value`.
    Constant,
    /// Nothing: it stays missing.
    None,
}

/// A power transformation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PowerChoice {
    /// None.
    None,
    /// ln(1 + x).
    Log1p,
    /// Yeo and Johnson's, with the exponent of maximum likelihood.
    YeoJohnson,
}

/// A scaling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScaleChoice {
    /// None.
    None,
    /// Mean 0, population standard deviation 1.
    Standard,
    /// Smallest 0, largest 1.
    Minmax,
    /// Median 0, distance between the quartiles 1.
    Robust,
}

/// How levels become features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CategoricalSettings {
    /// These columns; by type when `None`.
    pub columns: Option<Vec<String>>,
    /// What stands in for a missing level.
    pub impute: CategoricalImpute,
    /// What [`CategoricalImpute::Constant`] fills in.
    pub fill_value: String,
    /// How a level becomes numbers.
    pub encode: Encode,
    /// All levels of some columns, in order.
    pub categories: BTreeMap<String, Vec<String>>,
    /// Below this a level is rare: a count where whole, a share of the rows where a fraction.
    pub min_frequency: Option<Number>,
    /// What to make of a level that was not there when fitting.
    pub unknown: Unknown,
    /// The most features that a one-hot column may make.
    pub max_levels: u64,
}

/// What stands in for a missing level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CategoricalImpute {
    /// The most frequent level; of equally frequent ones the first in order.
    MostFrequent,
    /// `fill_value`.
    Constant,
    /// Nothing: missing is a level of its own.
    None,
}

/// How a level becomes numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encode {
    /// A 0/1 feature for each level.
    Onehot,
    /// The level's place in the sorted list of levels, from 0.
    Ordinal,
    /// The level's share of the rows.
    Frequency,
}

/// What to make of a level that was not there when fitting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// No level: all features 0 (one-hot, frequency), or -1 (ordinal).
    Ignore,
    /// `<other>` if rare levels were pooled, else as `Ignore`.
    Other,
    /// An error that names column, row and level.
    Error,
}

/// What happens to the features afterwards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReduceSettings {
    /// Principal components.
    pub pca: Option<PcaSettings>,
}

/// How many principal components to keep; all of them where neither is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PcaSettings {
    /// The fewest that explain more than this share of the variance.
    pub variance: Option<f64>,
    /// This many.
    pub components: Option<usize>,
    /// Whether each component is divided by its standard deviation.
    pub whiten: bool,
}
