//! Classifiers on real tables, cross-validated. Skips where the data is absent. The peers' figures (five
//! stratified folds, mean of three shuffles; scikit-learn 1.9.1, XGBoost 3.2.0) are by `tests/oracle/classify_real.py`.

use std::collections::BTreeMap;

use orchestrate::{
    kinds,
    stage::{ctx::Arrivals, memory, work::Work},
};
use serde_json::{Value, json};

use crate::real_data::ingest;

const PEERS: &str = include_str!("../oracle/classify_real.json");

/// Cross-validates one classifier and returns its figures by metric.
fn cross_validated(
    kind: &str,
    file: &str,
    id: &str,
    with: &Value,
) -> Option<BTreeMap<String, f64>> {
    let (table, _) = ingest(file, json!({ "id": id }))?.expect("the file can be read");
    let kind = kinds::find(kind).expect("the kind is registered");
    let mut with = with.clone();
    with["folds"] = json!(5);
    with["n_repeats"] = json!(0);
    let params = memory::canonical(kind, &with).expect("good parameters");
    let mut arrivals = Arrivals::default();
    arrivals.single.insert("table".to_string(), memory::input("table", &table).unwrap());
    let outputs = memory::run(kind, &params, &arrivals, &Work::alone(2)).unwrap();
    let metrics = outputs.table("metrics").unwrap();
    let (split, name) = (metrics.texts("split").unwrap(), metrics.texts("metric").unwrap());
    let values = metrics.floats("value").unwrap();
    let cv = (0..values.len()).filter(|&row| split.value(row) == "cv");
    Some(cv.map(|row| (name.value(row).to_string(), values[row])).collect())
}

/// Every figure must be at most one point worse than the peer's. A build without optimisation takes minutes
/// for all nine cases, so it tries the `quick` algorithm alone.
fn check(file: &str, id: &str, quick: &str, with: &Value) {
    let peers: Value = serde_json::from_str(PEERS).expect("the oracle is JSON");
    let all = ["logistic", "forest", "xgboost"];
    for algorithm in all.into_iter().filter(|a| !cfg!(debug_assertions) || *a == quick) {
        let kind = format!("classify.{algorithm}");
        let Some(found) = cross_validated(&kind, file, id, with) else { return };
        for metric in ["accuracy", "macro_f1", "roc_auc_ovr"] {
            let expected = peers[file][algorithm][metric].as_f64().expect("a figure");
            let value = found[metric];
            println!("{file} {algorithm} {metric}: {value:.4}, peer {expected:.4}");
            assert!(
                value > expected - 0.01,
                "{file} {algorithm} {metric}: {value:.4}, peer {expected:.4}"
            );
        }
    }
}

#[test]
fn telco_churn() {
    check("Telco-Customer-Churn.csv", "customerID", "logistic", &json!({ "target": "Churn" }));
}

#[test]
fn bank_churners() {
    // The last two columns are another program's answers and leak the target.
    let leak = |n| {
        format!(
            "Naive_Bayes_Classifier_Attrition_Flag_Card_Category_Contacts_Count_12_mon_\
             Dependent_count_Education_Level_Months_Inactive_12_mon_{n}"
        )
    };
    let with = json!({ "target": "Attrition_Flag", "drop": [leak(1), leak(2)] });
    check("BankChurners.csv", "CLIENTNUM", "xgboost", &with);
}

#[test]
fn shipping() {
    check("Shipping.csv", "ID", "forest", &json!({ "target": "Reached.on.Time_Y.N" }));
}
