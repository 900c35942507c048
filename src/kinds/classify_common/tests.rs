//! The classifier kinds, from inputs to artifacts and back to predictions. It does not know any algorithm.

mod classes;
mod models;
mod odd;
mod sampled;

use std::{collections::BTreeMap, sync::Arc};

use arrow::array::{Array, ArrayRef, BooleanArray};
use serde_json::{Value, json};

use super::*;
use crate::{
    base::{memory::Memory, pool::Pool},
    frame::{
        Table,
        table::{float_array, opt_text_array, segment_array, text_array},
    },
    kinds,
    ml::rng::Rng,
    stage::{
        ctx::Arrivals,
        kind::{Given, Kind},
        memory::{self, MemoryOutputs},
        work::{Cancel, Work},
    },
};

const KINDS: [&str; 3] = ["classify.forest", "classify.xgboost", "classify.logistic"];

fn kind(name: &str) -> &'static dyn Kind {
    kinds::find(name).unwrap()
}

/// Customers of three kinds, with missing values, a useless column and a date-free mix of types.
pub(crate) fn customers(n_rows: usize) -> (Table, Vec<i32>) {
    let mut rng = Rng::new(3);
    let segment: Vec<i32> = (0..n_rows).map(|_| rng.below(3) as i32).collect();
    let number = |rng: &mut Rng, i: usize, scale: f64| match rng.below(12) {
        0 => f64::NAN,
        _ => f64::from(segment[i]) * scale + rng.normal(),
    };
    let income = (0..n_rows).map(|i| number(&mut rng, i, 2.0)).collect();
    let age = (0..n_rows).map(|i| number(&mut rng, i, -0.7)).collect();
    let noise = (0..n_rows).map(|_| rng.normal()).collect();
    let levels = ["AT", "CH", "DE"];
    let country: Vec<Option<&str>> = (0..n_rows)
        .map(|i| match rng.below(5) {
            0 => None,
            1 => Some(levels[rng.below(3)]),
            _ => Some(levels[segment[i] as usize]),
        })
        .collect();
    let member: BooleanArray = (0..n_rows).map(|_| Some(rng.below(2) == 1)).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("customer", text_array((0..n_rows).map(|i| format!("C{i:04}")))),
        ("income", float_array(income)),
        ("age", float_array(age)),
        ("noise", float_array(noise)),
        ("country", opt_text_array(country)),
        ("member", Arc::new(member)),
    ];
    (Table::new(Some("customer"), columns).unwrap(), segment)
}

fn labels(table: &Table, segments: &[i32]) -> Table {
    let (name, ids) = table.id().unwrap();
    let confidence = float_array(vec![f64::NAN; segments.len()]);
    let columns = vec![
        (name.as_str(), ids),
        ("segment", segment_array(segments.to_vec())),
        ("confidence", confidence),
    ];
    Table::new(Some(&name), columns).unwrap()
}

fn arrive(inputs: &[(&str, &Table)]) -> Arrivals {
    let single = inputs
        .iter()
        .map(|(port, table)| ((*port).to_string(), memory::input(port, table).unwrap()))
        .collect();
    Arrivals { single, ..Arrivals::default() }
}

fn run_on(
    name: &str,
    with: Value,
    inputs: &[(&str, &Table)],
    n_threads: usize,
) -> Result<MemoryOutputs, StageError> {
    let params = memory::canonical(kind(name), &with)?;
    memory::run(kind(name), &params, &arrive(inputs), &Work::alone(n_threads))
}

fn run_kind(
    name: &str,
    with: Value,
    inputs: &[(&str, &Table)],
) -> Result<MemoryOutputs, StageError> {
    run_on(name, with, inputs, 2)
}

fn fails(name: &str, with: Value, inputs: &[(&str, &Table)]) -> String {
    run_kind(name, with, inputs).unwrap_err().to_string()
}

/// Returns `metrics` as `split.metric` to value.
fn metrics(outputs: &MemoryOutputs) -> BTreeMap<String, f64> {
    let table = outputs.table("metrics").unwrap();
    let (split, metric) = (table.texts("split").unwrap(), table.texts("metric").unwrap());
    let values = table.floats("value").unwrap();
    let name = |i: usize| format!("{}.{}", split.value(i), metric.value(i));
    values.into_iter().enumerate().map(|(i, v)| (name(i), v)).collect()
}

fn few(name: &str) -> Value {
    match name {
        "classify.forest" => json!({ "trees": 20 }),
        "classify.xgboost" => json!({ "rounds": 15 }),
        _ => json!({}),
    }
}

#[test]
fn artifacts_have_the_contracts_columns() {
    let (table, segments) = customers(240);
    let labels = labels(&table, &segments);
    for name in KINDS {
        let out = run_kind(name, few(name), &[("table", &table), ("labels", &labels)]).unwrap();
        let predictions = out.table("predictions").unwrap();
        assert_eq!(predictions.names(), ["customer", "segment", "p_0", "p_1", "p_2", "actual"]);
        assert_eq!(predictions.id_name().as_deref(), Some("customer"));
        assert_eq!(predictions.n_rows(), 60);
        let metrics = metrics(&out);
        assert_eq!(metrics.len(), 10);
        assert!(metrics["test.accuracy"] > 0.7, "{name}: {metrics:?}");
        let right = predictions.integers("segment").unwrap();
        let right = right.iter().zip(predictions.integers("actual").unwrap());
        let share = right.filter(|(a, b)| **a == *b).count() as f64 / 60.0;
        assert_eq!(metrics["test.accuracy"], share, "{name}");
        let params = memory::canonical(kind(name), &few(name)).unwrap();
        let inputs = BTreeMap::from([("table".into(), None), ("labels".into(), None)]);
        let known = kind(name).check(&Given { params, inputs }).schemas;
        assert_eq!(known.len(), 3);
        for (port, schema) in known {
            assert_eq!(out.table(&port).unwrap().schema(), schema, "{name} {port}");
        }
        let confusion = out.table("confusion").unwrap();
        assert_eq!(confusion.integers("count").unwrap().iter().flatten().sum::<i64>(), 60);
        let importance = out.table("importance").unwrap();
        assert_eq!(importance.names(), ["feature", "importance", "std", "method"]);
        let first = importance.texts("feature").unwrap().value(0).to_string();
        assert!(["income", "country"].contains(&first.as_str()), "{name}: {first}");
    }
}

#[test]
fn threads_do_not_change_a_byte() {
    let (table, segments) = customers(150);
    let labels = labels(&table, &segments);
    for name in KINDS {
        let mut with = few(name);
        with["folds"] = json!(3);
        let inputs = [("table", &table), ("labels", &labels)];
        let on = |n| run_on(name, with.clone(), &inputs, n).unwrap().bytes;
        let one = on(1);
        assert_eq!(one, on(2), "{name}");
        assert_eq!(one, on(7), "{name}");
    }
}

#[test]
fn folds_add_cv_rows_with_deviations() {
    let (table, segments) = customers(120);
    let labels = labels(&table, &segments);
    let with = json!({ "folds": 4, "n_repeats": 0 });
    let out =
        run_kind("classify.logistic", with, &[("table", &table), ("labels", &labels)]).unwrap();
    let found = out.table("metrics").unwrap();
    assert_eq!(found.n_rows(), 15);
    let std = found.column("std").unwrap();
    assert_eq!(std.null_count(), 10);
    assert!(metrics(&out)["cv.accuracy"] > 0.75);
    let methods = out.table("importance").unwrap();
    assert!(methods.texts("method").unwrap().iter().all(|m| m == Some("coefficient")));
    let many = json!({ "folds": 500 });
    let inputs = [("table", &table), ("labels", &labels)];
    assert!(fails("classify.logistic", many, &inputs).contains("folds: 500 folds of 120 rows"));
}

#[test]
fn early_stopping_is_told() {
    let (table, segments) = customers(200);
    let labels = labels(&table, &segments);
    let with = json!({ "rounds": 200, "eta": 0.8, "early_stopping_rounds": 3 });
    let out =
        run_kind("classify.xgboost", with, &[("table", &table), ("labels", &labels)]).unwrap();
    assert!(out.notes.iter().any(|n| n.starts_with("stopped early")), "{:?}", out.notes);
}

/// Levels become features, so these can take many times as much memory as the table, and each fold has its own. The budget
/// heard of the table alone.
#[test]
fn a_budget_of_memory_is_told_of_features_and_decides_how_many_folds_there_are_at_once() {
    let (table, segments) = customers(2000);
    let (_, ids) = table.id().unwrap();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("customer", ids),
        ("income", table.column("income").unwrap().clone()),
        ("city", text_array((0..2000).map(|i| format!("city {}", i % 100)))),
        ("shop", text_array((0..2000).map(|i| format!("shop {}", i / 20)))),
    ];
    let table = Table::new(Some("customer"), columns).unwrap();
    let labels = labels(&table, &segments);
    let with = json!({ "rounds": 1, "folds": 4, "n_repeats": 0 });
    let params = memory::canonical(kind("classify.xgboost"), &with).unwrap();
    let run = |limit: Option<u64>| {
        let pool = Pool::new(2).with_memory(Memory::new(limit));
        let inputs = arrive(&[("table", &table), ("labels", &labels)]);
        memory::run(kind("classify.xgboost"), &params, &inputs, &Work::new(pool, Cancel::new()))
    };
    // 201 features of 2,000 rows take 3.1 MiB, three times over.
    let refused = run(Some(165 << 20)).err().unwrap().to_string();
    assert!(refused.contains("201 features of 2000 rows"), "{refused}");
    let roomy = run(None).unwrap().bytes;
    assert!(run(Some(172 << 20)).unwrap().bytes == roomy);
}
