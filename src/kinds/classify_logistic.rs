//! `classify.logistic`: logistic regression. It does not know how a minimum is found.

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
            logistic::{self, Logistic, LogisticParams},
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
pub struct ClassifyLogistic;

const NUMERIC: &[Param] = &prepare::numeric_params("\"median\"", "\"standard\"");
const CATEGORICAL: &[Param] = &prepare::categorical_params("\"most_frequent\"", "\"onehot\"");
const CLASS_WEIGHT: &[&str] = &["balanced"];

static PARAMS: &[Param] = &[
    Param::with_default("C", Shape::Positive, "1", "inverse strength of the L2 penalty"),
    Param::with_default(
        "max_iter",
        Shape::Int { min: 1, max: 1_000_000 },
        "100",
        "most iterations",
    ),
    Param::with_default(
        "tol",
        Shape::Positive,
        "1e-4",
        "stop when no entry of the gradient of the mean loss is larger",
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
    #[serde(rename = "C")]
    c: f64,
    max_iter: usize,
    tol: f64,
    class_weight: Option<String>,
}

impl Params {
    fn fit(&self, samples: &Samples<'_>, work: &Work) -> Result<Fitted, MlError> {
        let params = LogisticParams {
            c: self.c,
            max_iter: self.max_iter,
            tol: self.tol,
            balanced: self.class_weight.is_some(),
        };
        let fit = logistic::fit(samples, &params, work)?;
        let mut notes = Vec::new();
        if !fit.converged {
            notes.push(format!(
                "not converged after {} iterations (max_iter); raise max_iter or tol, or scale the numbers",
                fit.iterations
            ));
        }
        let importance = vec![("coefficient", mean_size(&fit.logistic), Vec::new())];
        Ok(Fitted::new(Model::Logistic(fit.logistic), importance, notes))
    }
}

/// Returns the mean absolute coefficient of each feature over the classes.
fn mean_size(logistic: &Logistic) -> Vec<f64> {
    let coefficients = &logistic.coefficients;
    let n_vectors = coefficients.n_rows() as f64;
    let size = |j| coefficients.column(j).iter().map(|c| c.abs()).sum::<f64>() / n_vectors;
    (0..coefficients.n_cols()).map(size).collect()
}

impl Kind for ClassifyLogistic {
    fn name(&self) -> &'static str {
        "classify.logistic"
    }

    fn version(&self) -> u32 {
        3
    }

    fn about(&self) -> &'static str {
        "Learn to assign rows to classes by logistic regression with an L2 penalty, multinomial for more than \
         two classes (scikit-learn's objective)"
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
        let fit = |samples: &Samples<'_>, work: &Work| own.fit(samples, work);
        let algorithm = Algorithm { name: "logistic", steps: own.max_iter as u64, fit: &fit };
        common::run(ctx, &algorithm, &shared, &settings)
    }
}
