//! Tests of preparations on tables small enough to work out by hand.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Date32Array, Int64Array};
use serde_json::{Value, json};

use super::*;
use crate::{
    base::node::Node,
    frame::table::{float_array, opt_text_array, text_array},
    stage::params::{self, Param},
};

const NUMERIC: &[Param] = &numeric_params("\"mean\"", "\"standard\"");
const CATEGORICAL: &[Param] = &categorical_params("\"most_frequent\"", "\"onehot\"");
const PARAMS: &[Param] = &[COLUMNS, DROP, numeric(NUMERIC), categorical(CATEGORICAL)];

/// Settings as a person would write them.
fn settings(written: Value) -> Settings {
    let mut faults = Vec::new();
    let value = params::check(PARAMS, &Node::from_json(&written), &mut faults);
    assert_eq!(faults, []);
    let mut value = value;
    value["reduce"] = Value::Null;
    serde_json::from_value::<Settings>(value).unwrap().or_both(NUMERIC, CATEGORICAL).unwrap()
}

fn people() -> Table {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", text_array(["a", "b", "c", "d"])),
        ("age", Arc::new(Int64Array::from(vec![Some(20), Some(40), None, Some(60)]))),
        ("country", opt_text_array([Some("DE"), Some("AT"), None, Some("DE")])),
        ("income", float_array(vec![1.0, 2.0, 3.0, 4.0])),
        ("member", Arc::new(BooleanArray::from(vec![true, false, true, true]))),
        ("since", Arc::new(Date32Array::from(vec![0, 10, 20, 30]))),
    ];
    Table::new(Some("id"), columns).unwrap()
}

fn fit(table: &Table, written: Value) -> Result<(Preparation, Vec<String>), StageError> {
    let rows: Vec<usize> = (0..table.n_rows()).collect();
    Preparation::fit(table, &rows, &settings(written), &Work::alone(1))
}

/// The features of the table itself, by name.
fn features(table: &Table, written: Value) -> Vec<(String, Vec<f64>)> {
    let (preparation, _) = fit(table, written).unwrap();
    let text = serde_json::to_string(&preparation).unwrap();
    assert_eq!(serde_json::from_str::<Preparation>(&text).unwrap(), preparation);
    let matrix = preparation.apply(table, &Work::alone(2)).unwrap();
    let names = preparation.feature_names();
    assert_eq!(names.len(), matrix.n_cols());
    names.into_iter().enumerate().map(|(j, name)| (name, matrix.column(j))).collect()
}

fn names(features: &[(String, Vec<f64>)]) -> Vec<&str> {
    features.iter().map(|(name, _)| name.as_str()).collect()
}

fn error(result: Result<(Preparation, Vec<String>), StageError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn both_groups_by_default_and_never_the_id() {
    let found = features(&people(), json!({}));
    assert_eq!(
        names(&found),
        ["age", "income", "country=AT", "country=DE", "member=false", "member=true"]
    );
    let (_, notes) = fit(&people(), json!({})).unwrap();
    assert_eq!(
        notes,
        [
            "left out, as no group takes it (date; `numeric: { dates: days }` takes dates as days): `since`"
        ]
    );
}

#[test]
fn one_group_alone_is_that_group_alone() {
    let found = features(&people(), json!({"numeric": {"scale": "none"}}));
    assert_eq!(found[0], ("age".into(), vec![20.0, 40.0, 40.0, 60.0]));
    assert_eq!(found[1], ("income".into(), vec![1.0, 2.0, 3.0, 4.0]));
    assert_eq!(found.len(), 2);
    let (_, notes) = fit(&people(), json!({"numeric": {}})).unwrap();
    assert!(notes[0].contains("write `categorical: {}` to take it): `country`"), "{notes:?}");
}

#[test]
fn names_beat_types() {
    let written = json!({
        "drop": ["country"],
        "numeric": {"scale": "none", "dates": "days"},
        "categorical": {"columns": ["age"]},
    });
    let found = features(&people(), written);
    assert_eq!(names(&found), ["income", "since", "age=20", "age=40", "age=60"]);
    assert_eq!(found[1].1, [0.0, 10.0, 20.0, 30.0]);
    // The most frequent of equally frequent levels is the first in order, and numbers have theirs.
    assert_eq!(found[2].1, [1.0, 0.0, 1.0, 0.0]);
    let written = json!({"numeric": {"columns": ["member", "since"], "scale": "none"}});
    let found = features(&people(), written);
    assert_eq!(found[0].1, [1.0, 0.0, 1.0, 1.0]);
    assert_eq!(names(&found), ["member", "since"]);
}

#[test]
fn only_the_given_rows_are_learnt_from() {
    let settings = settings(json!({"numeric": {}, "categorical": {"impute": "none"}}));
    let (preparation, _) =
        Preparation::fit(&people(), &[1, 3], &settings, &Work::alone(1)).unwrap();
    assert_eq!(
        preparation.feature_names(),
        ["age", "income", "country=AT", "country=DE", "member=false", "member=true"]
    );
    let matrix = preparation.apply(&people(), &Work::alone(1)).unwrap();
    assert_eq!(matrix.row(1), [-1.0, -1.0, 1.0, 0.0, 1.0, 0.0]);
    assert_eq!(matrix.row(2), [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
    assert_eq!(preparation.feature_sources()[2], "country");
    assert_eq!(preparation.input_columns(), ["age", "income", "country", "member"]);
}

#[test]
fn wrong_names_are_told() {
    let wrong = |written| error(fit(&people(), written));
    assert_eq!(
        wrong(json!({"columns": ["incom"]})),
        "input `table`: there is no column `incom`, did you mean `income`?"
    );
    assert_eq!(
        wrong(json!({"numeric": {"columns": ["country"]}})),
        "`country` is text, not a number"
    );
    let table = people();
    let problems = check(
        &settings(json!({
            "columns": ["id", "age"], "drop": ["agee"],
            "numeric": {"columns": ["age", "income"], "clip": [0.9, 0.1]},
            "categorical": {"columns": ["age"]},
        })),
        Some(&table.schema()),
    );
    let told: Vec<String> =
        problems.iter().map(|p| format!("{}: {}", p.path.join("."), p.message)).collect();
    assert_eq!(
        told,
        [
            "numeric.clip: the lower quantile 0.9 is not below the upper one 0.1",
            "columns.0: `id` is the id, which is never a feature",
            "drop.0: there is no column `agee`",
            "numeric.columns.0: `age` is named in both groups",
            "numeric.columns.1: `income` is left out by `columns` or `drop`",
        ]
    );
}
