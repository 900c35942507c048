//! `classify.forest`: a random forest. It does not know trees; `ml::classify::forest` grows them.

use serde::Deserialize;
use serde_json::Value;

use crate::{
    kinds::{
        classify_common::{self as common, Algorithm, Common, Fitted, params::*},
        prepare,
    },
    ml::{
        classify::{
            Model, Samples,
            forest::{self, ForestParams},
        },
        error::MlError,
    },
    stage::{
        ctx::StageCtx,
        error::StageError,
        kind::{Checked, FixedOutput, Given, Inputs, Kind},
        params::{Param, Shape},
        work::Work,
    },
};

/// The kind.
pub struct ClassifyForest;

const NUMERIC: &[Param] = &prepare::numeric_params("\"none\"", "\"none\"");
const CATEGORICAL: &[Param] = &prepare::categorical_params("\"none\"", "\"onehot\"");
const CLASS_WEIGHT: &[&str] = &["balanced"];
const MAX_FEATURES: &[Shape] = &[
    Shape::Choice(&["sqrt", "log2", "all"]),
    Shape::int_from(1),
    Shape::Float { min: 0.0001, max: 1.0 },
];

static PARAMS: &[Param] = &[
    Param::with_default("trees", Shape::Int { min: 1, max: 100_000 }, "100", "number of trees"),
    Param::optional(
        "max_depth",
        Shape::int_from(1),
        "deepest level of a leaf; to purity when left out",
    ),
    Param::with_default(
        "min_samples_split",
        Shape::int_from(2),
        "2",
        "fewest rows of a node that is split",
    ),
    Param::with_default("min_samples_leaf", Shape::int_from(1), "1", "fewest rows of a leaf"),
    Param::with_default(
        "max_features",
        Shape::OneOf(MAX_FEATURES),
        "\"sqrt\"",
        "features tried at each node: a rule, a number, or a share of them",
    ),
    Param::with_default(
        "bootstrap",
        Shape::Bool,
        "true",
        "grow each tree on rows drawn with replacement, not on all rows",
    ),
    Param::optional(
        "class_weight",
        Shape::Choice(CLASS_WEIGHT),
        "balanced: all classes weigh the same, however many rows they have",
    ),
    TARGET,
    SAMPLE,
    TEST_SHARE,
    FOLDS,
    CALIBRATE,
    N_REPEATS,
    SEED,
    prepare::COLUMNS,
    prepare::DROP,
    prepare::numeric(NUMERIC),
    prepare::categorical(CATEGORICAL),
];

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    trees: usize,
    max_depth: Option<usize>,
    min_samples_split: usize,
    min_samples_leaf: usize,
    max_features: Value,
    bootstrap: bool,
    class_weight: Option<String>,
}

impl Params {
    /// Returns how many features are tried at a node, at least one, as scikit-learn rounds.
    fn max_features(&self, n_features: usize) -> usize {
        let wanted = match (self.max_features.as_str(), self.max_features.as_u64()) {
            (Some("sqrt"), _) => n_features.isqrt(),
            (Some("log2"), _) => n_features.checked_ilog2().unwrap_or(0) as usize,
            (Some(_), _) => n_features,
            (None, Some(number)) => number as usize,
            (None, None) => {
                (self.max_features.as_f64().unwrap_or(1.0) * n_features as f64) as usize
            }
        };
        wanted.clamp(1, n_features.max(1))
    }

    fn fit(&self, seed: u64, samples: &Samples<'_>, work: &Work) -> Result<Fitted, MlError> {
        let params = ForestParams {
            n_trees: self.trees,
            max_depth: self.max_depth,
            min_samples_split: self.min_samples_split,
            min_samples_leaf: self.min_samples_leaf,
            max_features: self.max_features(samples.x.n_cols()),
            bootstrap: self.bootstrap,
            balanced: self.class_weight.is_some(),
            seed,
        };
        let (forest, impurity) = forest::fit(samples, &params, work)?;
        let importance = vec![("impurity", impurity.mean, impurity.std)];
        Ok(Fitted::new(Model::Forest(forest), importance, Vec::new()))
    }
}

impl Kind for ClassifyForest {
    fn name(&self) -> &'static str {
        "classify.forest"
    }

    fn version(&self) -> u32 {
        2
    }

    fn about(&self) -> &'static str {
        "Learn to assign rows to classes by a random forest (scikit-learn's meaning; missing numbers are \
         learned from, features with over 256 values are cut into 256 bins)"
    }

    fn takes_turns(&self) -> bool {
        true
    }

    fn params(&self) -> &'static [Param] {
        PARAMS
    }

    fn inputs(&self) -> Inputs {
        common::INPUTS
    }

    fn fixed_outputs(&self) -> &'static [FixedOutput] {
        common::OUTPUTS
    }

    fn check(&self, given: &Given) -> Checked {
        common::check::<Params>(given, NUMERIC, CATEGORICAL)
    }

    fn columns_read(
        &self,
        params: &Value,
        port: &str,
        available: &[String],
        _wanted: &[String],
    ) -> Vec<String> {
        common::columns_read::<Params>(params, port, available, NUMERIC, CATEGORICAL)
    }

    fn run(&self, ctx: &mut StageCtx<'_>) -> Result<(), StageError> {
        let (shared, own) = Common::split::<Params>(ctx.raw_params())?;
        let settings = shared.settings(NUMERIC, CATEGORICAL)?;
        let fit = |samples: &Samples<'_>, work: &Work| own.fit(shared.seed, samples, work);
        let algorithm = Algorithm { name: "forest", steps: own.trees as u64, fit: &fit };
        common::run(ctx, &algorithm, &shared, &settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn max_features_round_as_scikit_learns() {
        let own = |max_features: Value| Params {
            trees: 1,
            max_depth: None,
            min_samples_split: 2,
            min_samples_leaf: 1,
            max_features,
            bootstrap: true,
            class_weight: None,
        };
        for (value, n_features, expected) in [
            (Value::from("sqrt"), 17, 4),
            (Value::from("log2"), 17, 4),
            (Value::from("all"), 17, 17),
            (Value::from(3), 17, 3),
            (Value::from(30), 17, 17),
            (Value::from(0.5), 17, 8),
            (Value::from(1.0), 17, 17),
            (Value::from(0.01), 17, 1),
            (Value::from("sqrt"), 0, 1),
        ] {
            assert_eq!(own(value.clone()).max_features(n_features), expected, "{value}");
        }
    }
}
