//! What a person may ask of a preparation: the parameters, shared by every kind that prepares a table, and
//! the checked settings they become. It does not know any data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Number;

use crate::{
    base::node::{Node, Val},
    stage::{
        error::StageError,
        kind::Problem,
        params::{self, Param, Shape},
    },
};

/// `columns` of a kind that prepares a table.
pub const COLUMNS: Param = Param::optional(
    "columns",
    Shape::TEXTS,
    "consider these columns only; all when left out (the id is never a feature)",
);

/// `drop` of a kind that prepares a table.
pub const DROP: Param = Param::with_default(
    "drop",
    Shape::TEXTS,
    "[]",
    "columns to leave out before any group chooses",
);

const DATES: &[&str] = &["none", "days"];
const NUMERIC_IMPUTE: &[&str] = &["mean", "median", "most_frequent", "constant", "none"];
const POWER: &[&str] = &["none", "log1p", "yeo-johnson"];
const SCALE: &[&str] = &["none", "standard", "minmax", "robust"];
const CATEGORICAL_IMPUTE: &[&str] = &["most_frequent", "constant", "none"];
const ENCODE: &[&str] = &["onehot", "ordinal", "frequency"];
const COUNT_OR_SHARE: &[Shape] = &[Shape::int_from(1), Shape::SHARE];
const UNKNOWN: &[&str] = &["ignore", "other", "error"];

/// Parameters of the numeric group, with a kind's own defaults for `impute` and `scale` as JSON text.
pub const fn numeric_params(impute: &'static str, scale: &'static str) -> [Param; 8] {
    [
        Param::optional(
            "columns",
            Shape::TEXTS,
            "the columns of this group; integers and floats that no other group names when left out",
        ),
        Param::with_default(
            "dates",
            Shape::Choice(DATES),
            "\"none\"",
            "take dates too, as days since 1970-01-01 (a date named in `columns` is always taken so)",
        ),
        Param::with_default(
            "impute",
            Shape::Choice(NUMERIC_IMPUTE),
            impute,
            "what stands in for a missing value",
        ),
        Param::with_default(
            "fill_value",
            Shape::NUMBER,
            "0",
            "the value that `impute: constant` fills in",
        ),
        Param::with_default(
            "indicator",
            Shape::Bool,
            "false",
            "add a 0/1 feature `column=<missing>` for each column with missing values",
        ),
        Param::optional(
            "clip",
            Shape::Tuple(&[Shape::SHARE, Shape::SHARE]),
            "pull values in to these two quantiles, such as [0.01, 0.99]",
        ),
        Param::with_default(
            "power",
            Shape::Choice(POWER),
            "\"none\"",
            "make skewed values more symmetric (yeo-johnson finds its exponent by maximum likelihood)",
        ),
        Param::with_default(
            "scale",
            Shape::Choice(SCALE),
            scale,
            "standard: mean 0, deviation 1; minmax: 0 to 1; robust: median 0, quartile distance 1",
        ),
    ]
}

/// Parameters of the categorical group, with a kind's own defaults for `impute` and `encode` as JSON text.
pub const fn categorical_params(impute: &'static str, encode: &'static str) -> [Param; 8] {
    [
        Param::optional(
            "columns",
            Shape::TEXTS,
            "the columns of this group, numbers too; texts and booleans when left out",
        ),
        Param::with_default(
            "impute",
            Shape::Choice(CATEGORICAL_IMPUTE),
            impute,
            "what stands in for a missing value; none: missing is a level of its own",
        ),
        Param::with_default(
            "fill_value",
            Shape::Text,
            "\"missing_value\"",
            "the level that `impute: constant` fills in",
        ),
        Param::with_default(
            "encode",
            Shape::Choice(ENCODE),
            encode,
            "onehot: a 0/1 feature a level; ordinal: the level's rank; frequency: the level's share of rows",
        ),
        Param::with_default(
            "categories",
            Shape::Map(&Shape::TEXTS),
            "{}",
            "all levels of a column in order, such as { size: [S, M, L] }; sorted by spelling when left out",
        ),
        Param::optional(
            "min_frequency",
            Shape::OneOf(COUNT_OR_SHARE),
            "levels with fewer rows (whole number) or a smaller share (fraction) become one, `<other>`",
        ),
        Param::with_default(
            "unknown",
            Shape::Choice(UNKNOWN),
            "\"ignore\"",
            "a level not seen when fitting: ignore (onehot 0 everywhere, ordinal -1, frequency 0), take it as \
             `<other>` where there is one, or stop with an error",
        ),
        Param::with_default(
            "max_levels",
            Shape::int_from(1),
            "100",
            "leave out a onehot column with more levels than this (names, ids); an error if `columns` names it",
        ),
    ]
}

/// `numeric`, with the given parameters inside.
pub const fn numeric(inside: &'static [Param]) -> Param {
    Param::optional(
        "numeric",
        Shape::Object(inside),
        "how numbers become features; once one of `numeric` and `categorical` is written, the other takes \
         columns only if it is written too",
    )
}

/// `categorical`, with the given parameters inside.
pub const fn categorical(inside: &'static [Param]) -> Param {
    Param::optional(
        "categorical",
        Shape::Object(inside),
        "how texts and booleans become features; see `numeric` for what leaving it out means",
    )
}

const PCA: &[Param] = &[
    Param::optional(
        "variance",
        Shape::SHARE,
        "keep the fewest components that explain more than this share of the variance",
    ),
    Param::optional("components", Shape::int_from(1), "keep this many components"),
    Param::with_default(
        "whiten",
        Shape::Bool,
        "false",
        "divide each component by its standard deviation",
    ),
];

const REDUCE: &[Param] = &[Param::optional(
    "pca",
    Shape::Object(PCA),
    "principal components, named pc1, pc2, ...; all of them unless `variance` or `components` says how many",
)];

/// `reduce`, which makes fewer features of many.
pub const fn reduce() -> Param {
    Param::optional("reduce", Shape::Object(REDUCE), "make fewer features of many")
}

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
