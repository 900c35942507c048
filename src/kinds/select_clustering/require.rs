//! Requirements that a clustering must fulfil to be ranked at all. It does not know ranks.

use serde::Deserialize;
use serde_json::Value;

use crate::stage::{
    kind::Problem,
    params::{Param, Shape},
};

/// The parameters under `require`.
pub(super) static PARAMS: [Param; 7] = [
    Param::optional(
        "segments",
        Shape::Tuple(&[Shape::int_from(1), Shape::int_from(1)]),
        "fewest and most segments, noise not counted",
    ),
    Param::optional("min_share", Shape::SHARE, "least share of all rows in the smallest segment"),
    Param::optional("max_share", Shape::SHARE, "largest share of all rows in the largest segment"),
    Param::optional("max_noise", Shape::SHARE, "largest share of all rows that is noise"),
    Param::optional("silhouette", Shape::Float { min: -1.0, max: 1.0 }, "least silhouette"),
    Param::optional("davies_bouldin", Shape::NOT_NEGATIVE, "largest Davies-Bouldin index"),
    Param::optional("calinski_harabasz", Shape::NOT_NEGATIVE, "least Calinski-Harabasz index"),
];

/// Checked requirements; `None` asks for nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Require {
    segments: Option<(u64, u64)>,
    min_share: Option<f64>,
    max_share: Option<f64>,
    max_noise: Option<f64>,
    silhouette: Option<f64>,
    davies_bouldin: Option<f64>,
    calinski_harabasz: Option<f64>,
}

/// Returns what is wrong with the requirements themselves.
pub(super) fn problems(require: Option<&Value>) -> Option<Problem> {
    let require = Require::deserialize(require?).ok()?;
    let (least, most) = require.segments?;
    (least > most).then(|| {
        Problem::new(
            &["require", "segments"],
            format!("fewest segments {least} is above most segments {most}"),
            format!("did you mean [{most}, {least}]?"),
        )
    })
}

impl Require {
    /// Returns what is not fulfilled, each with the figure and the limit. A figure that is null fulfils nothing.
    pub(super) fn failures(&self, metric: impl Fn(&str) -> Option<f64>) -> Vec<String> {
        let mut failures = Vec::new();
        let n_segments = metric("n_segments").unwrap_or(0.0);
        if let Some((least, most)) = self.segments
            && !(least as f64..=most as f64).contains(&n_segments)
        {
            failures.push(format!("{n_segments} segments, {least} to {most} required"));
        }
        let mut at_least = |limit: Option<f64>, name: &str, words: &str, unit: Unit| {
            if let Some(limit) = limit {
                match metric(name) {
                    Some(value) if value >= limit => {}
                    value => failures.push(unit.say(words, value, "at least", limit)),
                }
            }
        };
        at_least(self.min_share, "min_share", "smallest segment", Unit::Share);
        at_least(self.silhouette, "silhouette", "silhouette", Unit::Plain);
        at_least(self.calinski_harabasz, "calinski_harabasz", "calinski_harabasz", Unit::Plain);
        let mut at_most = |limit: Option<f64>, name: &str, words: &str, unit: Unit| {
            if let Some(limit) = limit {
                match metric(name) {
                    Some(value) if value <= limit => {}
                    value => failures.push(unit.say(words, value, "at most", limit)),
                }
            }
        };
        at_most(self.max_share, "max_share", "largest segment", Unit::Share);
        at_most(self.max_noise, "noise_share", "noise", Unit::Share);
        at_most(self.davies_bouldin, "davies_bouldin", "davies_bouldin", Unit::Plain);
        failures
    }
}

#[derive(Clone, Copy)]
enum Unit {
    Share,
    Plain,
}

impl Unit {
    fn say(self, words: &str, value: Option<f64>, bound: &str, limit: f64) -> String {
        match (self, value) {
            (_, None) => format!("no {words}, {bound} {} required", self.number(limit)),
            (Unit::Share, Some(v)) => {
                format!(
                    "{words} {} of the rows, {bound} {} required",
                    self.number(v),
                    self.number(limit)
                )
            }
            (Unit::Plain, Some(v)) => {
                format!("{words} {}, {bound} {} required", self.number(v), self.number(limit))
            }
        }
    }

    fn number(self, value: f64) -> String {
        match self {
            Unit::Share => format!("{:.2} %", 100.0 * value),
            Unit::Plain => format!("{value:.4}"),
        }
    }
}
