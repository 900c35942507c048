//! `classify.xgboost`: boosted trees. It does not know gradients; `ml::classify::boost` does.

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
            boost::{self, BoostParams},
            penalty::Penalty,
            split,
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
pub struct ClassifyXgboost;

const NUMERIC: &[Param] = &prepare::numeric_params("\"none\"", "\"none\"");
const CATEGORICAL: &[Param] = &prepare::categorical_params("\"none\"", "\"onehot\"");
/// Of a share that must not be nothing.
const PART: Shape = Shape::Float { min: 0.0001, max: 1.0 };
const CLASS_WEIGHT: &[&str] = &["balanced"];
const INSIDE: Shape = Shape::Float { min: 0.000_001, max: 0.999_999 };

static PARAMS: &[Param] = &[
    Param::with_default("rounds", Shape::Int { min: 1, max: 100_000 }, "100", "boosting rounds"),
    Param::with_default("eta", Shape::Float { min: 1e-6, max: 1.0 }, "0.3", "learning rate"),
    Param::with_default(
        "max_depth",
        Shape::Int { min: 0, max: 1000 },
        "6",
        "deepest level of a leaf; 0 means no limit",
    ),
    Param::with_default("lambda", Shape::NOT_NEGATIVE, "1", "penalty on squared leaf values"),
    Param::with_default("alpha", Shape::NOT_NEGATIVE, "0", "penalty on absolute leaf values"),
    Param::with_default("gamma", Shape::NOT_NEGATIVE, "0", "least gain of a split"),
    Param::with_default(
        "min_child_weight",
        Shape::NOT_NEGATIVE,
        "1",
        "least sum of second derivatives in a child",
    ),
    Param::with_default("subsample", PART, "1", "share of rows drawn for each tree"),
    Param::with_default("colsample_bytree", PART, "1", "share of features drawn for each tree"),
    Param::with_default("colsample_bylevel", PART, "1", "share of those drawn for each level"),
    Param::with_default("colsample_bynode", PART, "1", "share of those drawn for each node"),
    Param::with_default(
        "max_bin",
        Shape::Int { min: 2, max: 65_000 },
        "256",
        "most bins that a feature is cut into",
    ),
    Param::optional(
        "base_score",
        INSIDE,
        "probability of the second of two classes before the first round; its share when left out, and without \
         meaning for more classes",
    ),
    Param::optional(
        "early_stopping_rounds",
        Shape::int_from(1),
        "stop after so many rounds without a better log-loss on `validation_share` of the training rows, and \
         keep the best round",
    ),
    Param::with_default(
        "validation_share",
        Shape::Float { min: 0.001, max: 0.999 },
        "0.1",
        "share of the training rows kept back for `early_stopping_rounds`; without that, none is",
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
    rounds: usize,
    eta: f64,
    max_depth: usize,
    lambda: f64,
    alpha: f64,
    gamma: f64,
    min_child_weight: f64,
    subsample: f64,
    colsample_bytree: f64,
    colsample_bylevel: f64,
    colsample_bynode: f64,
    max_bin: usize,
    base_score: Option<f64>,
    early_stopping_rounds: Option<usize>,
    validation_share: f64,
    class_weight: Option<String>,
}

impl Params {
    fn fit(&self, seed: u64, samples: &Samples<'_>, work: &Work) -> Result<Fitted, MlError> {
        let params = BoostParams {
            rounds: self.rounds,
            eta: self.eta,
            max_depth: self.max_depth,
            penalty: Penalty {
                lambda: self.lambda,
                alpha: self.alpha,
                gamma: self.gamma,
                min_child_weight: self.min_child_weight,
            },
            subsample: self.subsample,
            colsample_bytree: self.colsample_bytree,
            colsample_bylevel: self.colsample_bylevel,
            colsample_bynode: self.colsample_bynode,
            max_bin: self.max_bin,
            base_score: self.base_score,
            balanced: self.class_weight.is_some(),
            early_stopping_rounds: self.early_stopping_rounds,
            seed,
        };
        let fit = match self.early_stopping_rounds {
            None => boost::fit(samples, None, &params, work)?,
            Some(_) => self.fit_with_validation(&params, samples, work)?,
        };
        let mut notes = Vec::new();
        if fit.rounds < self.rounds {
            notes.push(format!("stopped early: {} of {} rounds are kept", fit.rounds, self.rounds));
        }
        let importance = vec![("gain", fit.gain, Vec::new())];
        Ok(Fitted {
            coarse: fit.coarse,
            ..Fitted::new(Model::Boost(fit.booster), importance, notes)
        })
    }

    /// Keeps some of the training rows back to see when to stop.
    fn fit_with_validation(
        &self,
        params: &BoostParams,
        samples: &Samples<'_>,
        work: &Work,
    ) -> Result<boost::Fit, MlError> {
        let parts =
            split::hold_out(samples.y, samples.n_classes, self.validation_share, params.seed);
        if parts.test.is_empty() {
            let why = "there are too few rows to keep any back for validation".to_string();
            return Err(MlError::Parameter { name: "early_stopping_rounds", why });
        }
        let part = |rows: &[usize]| {
            let y: Vec<u32> = rows.iter().map(|&row| samples.y[row]).collect();
            (samples.x.select_rows(rows), y)
        };
        let (train, validation) = (part(&parts.train), part(&parts.test));
        let n_classes = samples.n_classes;
        let train = Samples { x: &train.0, y: &train.1, n_classes };
        let validation = Samples { x: &validation.0, y: &validation.1, n_classes };
        boost::fit(&train, Some(&validation), params, work).map_err(|error| match error {
            MlError::NotFinite { row, column } => {
                MlError::NotFinite { row: parts.train[row], column }
            }
            MlError::TooLarge { row, column } => {
                MlError::TooLarge { row: parts.train[row], column }
            }
            other => other,
        })
    }
}

impl Kind for ClassifyXgboost {
    fn name(&self) -> &'static str {
        "classify.xgboost"
    }

    fn version(&self) -> u32 {
        4
    }

    fn about(&self) -> &'static str {
        "Learn to assign rows to classes by boosted trees (XGBoost's objective, parameters and defaults, grown \
         by histograms, comparing in single precision; two classes by the logistic loss, more by softmax)"
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
        let algorithm = Algorithm { name: "xgboost", steps: own.rounds as u64, fit: &fit };
        common::run(ctx, &algorithm, &shared, &settings)
    }
}
