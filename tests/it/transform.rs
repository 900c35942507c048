//! Real tables prepared as scikit-learn prepares them. Skips where the data is absent. Figures by
//! `tests/oracle/transform_real.py`.

use orchestrate::{
    frame::Table,
    kinds::{self, prepare::Preparation},
    ml::Matrix,
    stage::{
        ctx::Arrivals,
        memory::{self, MemoryOutputs},
        work::Work,
    },
};
use serde_json::{Value, json};

use crate::real_data::ingest;

const ORACLE: &str = include_str!("../oracle/transform_real.json");

fn oracle(name: &str) -> Value {
    serde_json::from_str::<Value>(ORACLE).expect("the oracle is JSON")[name].clone()
}

fn numbers(values: &Value) -> Vec<f64> {
    serde_json::from_value(values.clone()).expect("a list of numbers")
}

fn fit(table: &Table, with: &Value) -> (MemoryOutputs, Matrix) {
    let kind = kinds::find("transform.fit").expect("the kind is registered");
    let params = memory::canonical(kind, with).expect("good parameters");
    let mut arrivals = Arrivals::default();
    arrivals.single.insert("table".to_string(), memory::input("table", table).unwrap());
    let outputs = memory::run(kind, &params, &arrivals, &Work::alone(2)).unwrap();
    let (_, matrix) = outputs.table("matrix").unwrap().to_matrix().unwrap();
    (outputs, matrix)
}

fn assert_near(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (j, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance * b.abs().max(1.0), "{what} {j}: {a} {b}");
    }
}

#[test]
fn skewed_card_data_to_components() {
    let Some(table) = ingest("CC GENERAL.csv", json!({"id": "CUST_ID"})) else { return };
    let (table, _) = table.unwrap();
    let expected = oracle("cards");
    let with = json!({
        "numeric": {"impute": "median", "power": "yeo-johnson", "scale": "standard"},
        "reduce": {"pca": {"variance": 0.95}},
    });
    let (outputs, matrix) = fit(&table, &with);
    let model = outputs.table("model").unwrap();
    let lambdas = model.floats("lambda").unwrap();
    for (i, feature) in model.texts("feature").unwrap().iter().flatten().enumerate() {
        if let Some(lambda) = expected["lambdas"][feature].as_f64() {
            assert_near(&lambdas[i..=i], &[lambda], 1e-5, feature);
        }
    }
    let pca = Preparation::from_table(&model).unwrap().pca.unwrap();
    assert_near(&pca.variance_ratio, &numbers(&expected["variance_ratio"]), 1e-6, "ratio");
    assert_near(matrix.row(0), &numbers(&expected["first_row"]), 1e-5, "first row");
    let last = matrix.row(matrix.n_rows() - 1);
    assert_near(last, &numbers(&expected["last_row"]), 1e-5, "last row");
}

#[test]
fn bank_data_with_many_levels() {
    let Some(table) = ingest("bank-full.csv", json!({})) else { return };
    let (table, _) = table.unwrap();
    let expected = oracle("bank");
    let with = json!({"drop": ["y"], "numeric": {}, "categorical": {"min_frequency": 0.05}});
    let (outputs, matrix) = fit(&table, &with);
    assert_eq!(outputs.notes, Vec::<String>::new());
    assert_eq!(Some(matrix.n_cols() as u64), expected["n_features"].as_u64());
    let n = matrix.n_rows() as f64;
    let means: Vec<f64> =
        (0..matrix.n_cols()).map(|j| matrix.column(j).iter().sum::<f64>() / n).collect();
    assert_near(&means, &numbers(&expected["means"]), 1e-10, "mean");
    assert_near(
        matrix.row(matrix.n_rows() - 1),
        &numbers(&expected["last_row"]),
        1e-10,
        "last row",
    );
}
