//! Forests, boosted trees, logistic regression. It does not know the peers' figures.

use orchestrate::ml::{
    Matrix,
    classify::{
        Samples,
        boost::{self, BoostParams},
        forest::{self, ForestParams},
        logistic::{self, LogisticParams},
        scores,
    },
};
use serde_json::{Value, json};

use crate::case::{Bench, Case};

pub const CASES: &[Case] = &[
    Case { name: "forest", run: forest },
    Case { name: "xgboost", run: boosted },
    Case { name: "logistic", run: logistic },
];

/// The rows to learn from and those to predict, eight classes.
struct Split {
    x: Matrix,
    y: Vec<u32>,
    x_test: Matrix,
    y_test: Vec<u32>,
}

impl Split {
    fn read(bench: &Bench) -> anyhow::Result<Split> {
        Ok(Split {
            x: bench.matrix("cls_train_16", 16)?,
            y: bench.classes("cls_train_16")?,
            x_test: bench.matrix("cls_test_16", 16)?,
            y_test: bench.classes("cls_test_16")?,
        })
    }

    fn samples(&self) -> Samples<'_> {
        Samples { x: &self.x, y: &self.y, n_classes: 8 }
    }

    fn accuracy(&self, probabilities: &Matrix) -> f64 {
        let predicted = scores::predicted(probabilities);
        scores::accuracy(&scores::confusion(&self.y_test, &predicted, 8))
    }
}

fn forest(bench: &mut Bench) -> anyhow::Result<Value> {
    let data = Split::read(bench)?;
    let params = ForestParams {
        n_trees: 100,
        max_depth: None,
        min_samples_split: 2,
        min_samples_leaf: 1,
        max_features: 4,
        bootstrap: true,
        balanced: false,
        seed: 0,
    };
    let (model, _) = bench.timed(|work| forest::fit(&data.samples(), &params, work))?;
    Ok(json!({ "acc": data.accuracy(&model.predict(&data.x_test, &bench.work())?) }))
}

fn boosted(bench: &mut Bench) -> anyhow::Result<Value> {
    let data = Split::read(bench)?;
    let found =
        bench.timed(|work| boost::fit(&data.samples(), None, &BoostParams::default(), work))?;
    Ok(json!({ "acc": data.accuracy(&found.booster.predict(&data.x_test, &bench.work())?) }))
}

fn logistic(bench: &mut Bench) -> anyhow::Result<Value> {
    let data = Split::read(bench)?;
    let params = LogisticParams { c: 1.0, max_iter: 100, tol: 1e-4, balanced: false };
    let found = bench.timed(|work| logistic::fit(&data.samples(), &params, work))?;
    let acc = data.accuracy(&found.logistic.predict(&data.x_test, &bench.work())?);
    Ok(json!({ "n_iter": found.iterations, "acc": acc }))
}
