//! The classifier kinds, from inputs to artifacts and back to predictions.

use std::{collections::BTreeMap, sync::Arc};

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array};
use serde_json::{Value, json};

use super::*;
use crate::{
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
        work::Work,
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
fn the_model_as_a_table_answers_with_the_same_bits() {
    let (table, segments) = customers(200);
    let labels = labels(&table, &segments);
    for name in KINDS {
        let out = run_kind(name, few(name), &[("table", &table), ("labels", &labels)]).unwrap();
        let model = out.table("model").unwrap();
        let classifier = Classifier::from_table(&model).unwrap();
        assert_eq!(classifier.to_table().unwrap(), model, "{name}");
        assert_eq!(classifier.input_columns(), ["income", "age", "noise", "country", "member"]);
        let all = run_kind("predict.batch", json!({}), &[("table", &table), ("model", &model)]);
        let all = all.unwrap().table("predictions").unwrap();
        let held_out = out.table("predictions").unwrap();
        let ids = held_out.texts("customer").unwrap();
        let rows: Vec<usize> = (0..ids.len()).map(|i| ids.value(i)[1..].parse().unwrap()).collect();
        let again = all.take(&rows).unwrap();
        for column in ["customer", "segment", "p_0", "p_1", "p_2"] {
            assert_eq!(again.column(column).unwrap(), held_out.column(column).unwrap(), "{name}");
        }
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
fn targets_keep_their_names_and_are_never_features() {
    let (table, segments) = customers(120);
    let text = opt_text_array(
        segments
            .iter()
            .enumerate()
            .map(|(i, s)| (i % 10 != 0).then_some(["gold", "silver", "bronze"][*s as usize])),
    );
    let whole: ArrayRef =
        Arc::new(Int64Array::from_iter(segments.iter().map(|s| Some(i64::from(s * 5 - 5)))));
    let truth: ArrayRef = Arc::new(BooleanArray::from_iter(segments.iter().map(|s| Some(*s > 0))));
    for (column, names) in [
        (text, vec!["bronze", "gold", "silver"]),
        (whole, vec!["-5", "0", "5"]),
        (truth, vec!["false", "true"]),
    ] {
        let mut columns: Vec<(String, ArrayRef)> =
            table.names().into_iter().zip(table.batch().columns().to_vec()).collect();
        columns.push(("class of".to_string(), column));
        let columns = columns.iter().map(|(n, a)| (n.as_str(), a.clone())).collect();
        let table = Table::new(Some("customer"), columns).unwrap();
        for name in KINDS {
            let mut with = few(name);
            with["target"] = json!("class of");
            let out = run_kind(name, with, &[("table", &table)]).unwrap();
            let classifier = Classifier::from_table(&out.table("model").unwrap()).unwrap();
            assert_eq!(classifier.classes.names, names);
            assert!(!classifier.input_columns().contains(&"class of".to_string()));
            let predictions = out.table("predictions").unwrap();
            let class = predictions.texts("class").unwrap();
            let segment = predictions.integers("segment").unwrap();
            for (row, segment) in segment.iter().enumerate() {
                assert_eq!(class.value(row), names[segment.unwrap() as usize]);
            }
            let confusion = out.table("confusion").unwrap();
            assert_eq!(confusion.texts("actual").unwrap().value(0), names[0]);
            assert_eq!(
                out.notes.iter().any(|n| n.starts_with("12 rows without")),
                names[1] == "gold"
            );
            // The table may lack the target when new rows are asked about.
            let new = customers(30).0;
            let model = out.table("model").unwrap();
            let asked = run_kind("predict.batch", json!({}), &[("table", &new), ("model", &model)]);
            assert_eq!(asked.unwrap().table("predictions").unwrap().n_rows(), 30);
        }
    }
}

#[test]
fn labels_are_joined_on_the_id_and_noise_is_left_out() {
    let (table, mut segments) = customers(120);
    let inputs = |labels: &Table| {
        run_kind("classify.logistic", json!({}), &[("table", &table), ("labels", labels)])
    };
    let expected = inputs(&labels(&table, &segments)).unwrap();
    let mut order: Vec<usize> = (0..120).collect();
    Rng::new(1).shuffle(&mut order);
    let shuffled = labels(&table, &segments).take(&order).unwrap();
    assert_eq!(inputs(&shuffled).unwrap().bytes, expected.bytes);

    segments[..20].fill(-1);
    let out = inputs(&labels(&table, &segments)).unwrap();
    assert!(out.notes.iter().any(|n| n.starts_with("20 rows of noise")), "{:?}", out.notes);
    let ids = out.table("predictions").unwrap();
    let ids = ids.texts("customer").unwrap();
    assert!(ids.iter().flatten().all(|id| id >= "C0020"));

    let few: Vec<usize> = (0..119).collect();
    let message = |labels: &Table| inputs(labels).unwrap_err().to_string();
    let missing = message(&labels(&table, &segments).take(&few).unwrap());
    assert!(missing.contains("id `C0119`") && missing.contains("not in the labels"), "{missing}");
    let twice = message(&labels(&table, &segments).take(&[&few[..], &[0]].concat()).unwrap());
    assert!(twice.contains("id `C0000` is twice in the labels"), "{twice}");
    let (more, _) = customers(121);
    let extra = labels(&more, &[&segments[..], &[0]].concat());
    assert!(message(&extra).contains("id `C0120`"), "{}", message(&extra));
}

#[test]
fn segments_need_not_be_consecutive() {
    let (table, segments) = customers(150);
    let odd: Vec<i32> = segments.iter().map(|s| [0, 4, 7][*s as usize]).collect();
    for name in KINDS {
        let labels = labels(&table, &odd);
        let out = run_kind(name, few(name), &[("table", &table), ("labels", &labels)]).unwrap();
        let predictions = out.table("predictions").unwrap();
        assert_eq!(predictions.names()[1..], ["segment", "p_0", "p_4", "p_7", "actual"]);
        let known = predictions.integers("segment").unwrap();
        assert!(known.iter().all(|s| [Some(0), Some(4), Some(7)].contains(s)));
        assert!(metrics(&out)["test.accuracy"] > 0.7);
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
fn tiny_and_dull_data_is_defined_or_refused() {
    let (table, segments) = customers(40);
    for name in KINDS {
        // One class; no class; no row.
        for (rows, segment, expected) in [
            (40, 0, "every row has `0`"),
            (40, -1, "no row has one"),
            (0, 0, "no row has one"),
            (1, 2, "every row has `2`"),
        ] {
            let part = table.take(&(0..rows).collect::<Vec<_>>()).unwrap();
            let labels = labels(&part, &vec![segment; rows]);
            let text = fails(name, json!({}), &[("table", &part), ("labels", &labels)]);
            assert!(text.contains(expected), "{text}");
        }
        // Two rows of two classes: nothing can be held out.
        let two = table.take(&[0, 1]).unwrap();
        let two_labels = labels(&two, &[0, 1]);
        let out = run_kind(name, few(name), &[("table", &two), ("labels", &two_labels)]).unwrap();
        assert_eq!(out.table("predictions").unwrap().n_rows(), 0);
        assert!(metrics(&out)["test.accuracy"].is_nan());
        assert!(out.notes.iter().any(|n| n.contains("no row could be held out")));
        // A class with a single row.
        let mut lone = segments.clone();
        lone.iter_mut().for_each(|s| *s = (*s).min(1));
        lone[7] = 2;
        let lone = labels(&table, &lone);
        let out = run_kind(name, few(name), &[("table", &table), ("labels", &lone)]).unwrap();
        assert!(out.notes.iter().any(|n| n.contains("class `2` (1 rows)")), "{:?}", out.notes);
        assert!(metrics(&out).values().all(|v| v.is_finite()));
    }
}

#[test]
fn constant_and_empty_columns_do_no_harm() {
    let (table, segments) = customers(80);
    let (_, ids) = table.id().unwrap();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("customer", ids),
        ("same", float_array(vec![1.5; 80])),
        ("nothing", float_array(vec![f64::NAN; 80])),
        ("blank", opt_text_array(vec![None::<&str>; 80])),
        ("income", table.column("income").unwrap().clone()),
    ];
    let odd = Table::new(Some("customer"), columns).unwrap();
    let labels = labels(&odd, &segments);
    for name in KINDS {
        let out = run_kind(name, few(name), &[("table", &odd), ("labels", &labels)]).unwrap();
        assert!(metrics(&out).values().all(|v| v.is_finite()), "{name}");
    }
}

#[test]
fn infinite_and_missing_numbers_name_column_and_row() {
    let (table, segments) = customers(60);
    let labels = labels(&table, &segments);
    let with = json!({ "numeric": { "impute": "none" } });
    let text = fails("classify.logistic", with, &[("table", &table), ("labels", &labels)]);
    assert!(text.contains("feature `") && text.contains("row "), "{text}");
}

/// Columns that are hard to compute with, beside one that tells the classes apart: the result is probabilities, or an
/// error that names the column.
#[test]
fn extreme_columns_are_defined_or_named() {
    let n = 40;
    let (_, ids) = customers(n).0.id().unwrap();
    let target = text_array((0..n).map(|i| ["a", "b", "c"][i % 3]));
    let plain: Vec<f64> = (0..n).map(|i| (i % 3) as f64 + (i % 7) as f64 / 10.0).collect();
    let scaled = |scale: f64| plain.iter().map(|v| v * scale).collect::<Vec<f64>>();
    let with = |value: f64| {
        let mut odd = plain.clone();
        odd[4] = value;
        odd
    };
    for (what, odd, may_fail) in [
        ("infinite", with(f64::INFINITY), true),
        ("negative infinite", with(f64::NEG_INFINITY), true),
        ("one huge", with(1e300), true),
        ("all huge", scaled(1e300), true),
        ("one tiny", with(1e-300), false),
        ("all tiny", scaled(1e-300), false),
        ("smallest", scaled(5e-324), false),
        ("collinear", scaled(-2.0), false),
        ("constant", vec![3.0; n], false),
        ("missing", vec![f64::NAN; n], false),
        ("one value", (0..n).map(|i| if i == 9 { 1.0 } else { f64::NAN }).collect(), false),
        ("far", plain.iter().map(|v| 1e15 + v).collect(), false),
    ] {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("customer", ids.clone()),
            ("plain", float_array(plain.clone())),
            ("odd", float_array(odd)),
            ("class", target.clone()),
        ];
        let table = Table::new(Some("customer"), columns).unwrap();
        for name in KINDS {
            let mut with = few(name);
            with["target"] = json!("class");
            match run_kind(name, with, &[("table", &table)]) {
                Ok(out) => {
                    let predictions = out.table("predictions").unwrap();
                    let p = ["p_0", "p_1", "p_2"].map(|c| predictions.floats(c).unwrap());
                    for row in 0..predictions.n_rows() {
                        let sum: f64 = p.iter().map(|p| p[row]).sum();
                        assert!((sum - 1.0).abs() < 1e-9, "{name}, {what}");
                    }
                }
                Err(error) => {
                    let text = error.to_string();
                    assert!(may_fail && text.contains("`odd`"), "{name}, {what}: {text}");
                }
            }
        }
    }
}

#[test]
fn what_single_precision_cannot_tell_apart_is_told() {
    let (table, segments) = customers(60);
    let (_, ids) = table.id().unwrap();
    let far = (0..60).map(|i| 1e15 + f64::from(i)).collect();
    let columns = vec![
        ("customer", ids),
        ("income", table.column("income").unwrap().clone()),
        ("far", float_array(far)),
    ];
    let table = Table::new(Some("customer"), columns).unwrap();
    let labels = labels(&table, &segments);
    let inputs = [("table", &table), ("labels", &labels)];
    let out = run_kind("classify.xgboost", json!({ "rounds": 2 }), &inputs).unwrap();
    let told = |n: &String| n.contains("feature `far`") && n.contains("single precision");
    assert!(out.notes.iter().any(told), "{:?}", out.notes);
}

#[test]
fn calibrated_probabilities_are_kept_in_the_model_and_learnt_without_the_test_rows() {
    let (table, segments) = customers(240);
    let labels_of = |segments: &[i32]| labels(&table, segments);
    for name in KINDS {
        for method in ["sigmoid", "isotonic"] {
            let mut with = few(name);
            with["calibrate"] = json!(method);
            with["n_repeats"] = json!(0);
            let labels = labels_of(&segments);
            let inputs = [("table", &table), ("labels", &labels)];
            let out = run_on(name, with.clone(), &inputs, 2).unwrap();
            assert_eq!(out.bytes, run_on(name, with.clone(), &inputs, 1).unwrap().bytes, "{name}");
            let model = out.table("model").unwrap();
            let classifier = Classifier::from_table(&model).unwrap();
            assert!(classifier.calibration.is_some());
            assert_eq!(classifier.to_table().unwrap(), model);
            let found = metrics(&out);
            assert!(found["test.accuracy"] > 0.7, "{name}");
            // A few rows take an isotonic curve to 0, where a single surprise costs all.
            assert!(method == "isotonic" || found["test.log_loss"] < 0.9, "{name}");
            let all = run_kind("predict.batch", json!({}), &[("table", &table), ("model", &model)]);
            let all = all.unwrap().table("predictions").unwrap();
            let held_out = out.table("predictions").unwrap();
            let ids = held_out.texts("customer").unwrap();
            let rows: Vec<usize> =
                (0..ids.len()).map(|i| ids.value(i)[1..].parse().unwrap()).collect();
            assert_eq!(
                all.take(&rows).unwrap().column("p_1").unwrap(),
                held_out.column("p_1").unwrap()
            );
            // The bare model is the same: calibration learns beside it.
            with.as_object_mut().unwrap().remove("calibrate");
            let bare = run_on(name, with, &inputs, 2).unwrap().table("model").unwrap();
            assert_eq!(bare.batch().columns(), model.batch().columns());
            assert_eq!(Classifier::from_table(&bare).unwrap().calibration, None);
        }
    }
}

#[test]
fn exactly_one_of_labels_and_target() {
    let (table, segments) = customers(20);
    let labels = labels(&table, &segments);
    for name in KINDS {
        let check = |with: Value, inputs: &[(&str, &Table)]| {
            let params = memory::canonical(kind(name), &with).unwrap();
            let inputs =
                inputs.iter().map(|(port, t)| ((*port).to_string(), Some(t.schema()))).collect();
            let checked = kind(name).check(&Given { params, inputs });
            checked.problems.into_iter().map(|p| p.message).collect::<Vec<_>>()
        };
        let (table, labels) = (("table", &table), ("labels", &labels));
        assert_eq!(check(json!({}), &[table, labels]), Vec::<String>::new());
        assert_eq!(check(json!({ "target": "country" }), &[table]), Vec::<String>::new());
        assert!(check(json!({}), &[table])[0].contains("nothing says"));
        assert!(check(json!({ "target": "country" }), &[table, labels])[0].contains("both"));
        assert!(check(json!({ "target": "contry" }), &[table])[0].contains("no column `contry`"));
        assert!(check(json!({ "target": "income" }), &[table])[0].contains("is float"));
        assert!(check(json!({ "drop": ["agee"] }), &[table, labels])[0].contains("agee"));
        assert!(fails(name, json!({}), &[table]).contains("exactly one"));
    }
}

#[test]
fn columns_read_are_those_chosen_and_the_target() {
    let available: Vec<String> =
        ["customer", "income", "age", "churn"].map(str::to_string).to_vec();
    let with = json!({ "target": "churn", "columns": ["income", "churn"] });
    let params = memory::canonical(kind("classify.forest"), &with).unwrap();
    let read = kind("classify.forest").columns_read(&params, "table", &available, &[]);
    assert_eq!(read, ["income", "churn"]);
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

#[test]
fn damaged_models_are_refused() {
    let (table, segments) = customers(60);
    let labels = labels(&table, &segments);
    for name in KINDS {
        let out = run_kind(name, few(name), &[("table", &table), ("labels", &labels)]).unwrap();
        let model = out.table("model").unwrap();
        let short = model.take(&(1..model.n_rows()).collect::<Vec<_>>()).unwrap();
        let bare = model.clone().with_metadata(std::collections::HashMap::new()).unwrap();
        for broken in [short, bare, table.clone()] {
            assert!(Classifier::from_table(&broken).is_err(), "{name}");
        }
        let without = Table::new(None, vec![("age", float_array(vec![1.0]))]).unwrap();
        let text = fails("predict.batch", json!({}), &[("table", &without), ("model", &model)]);
        assert!(text.contains("no column `income`"), "{text}");
    }
}

#[test]
fn nodes_can_be_read_by_people() {
    let (table, segments) = customers(60);
    let labels = labels(&table, &segments);
    let inputs = [("table", &table), ("labels", &labels)];
    let forest = run_kind("classify.forest", json!({ "trees": 2 }), &inputs).unwrap();
    let nodes = ["node", "feature", "threshold", "left", "right", "missing_left"];
    let model = forest.table("model").unwrap();
    assert_eq!(model.names(), [&["tree"][..], &nodes, &["p_0", "p_1", "p_2"]].concat());
    let boost = run_kind("classify.xgboost", json!({ "rounds": 1 }), &inputs).unwrap();
    let model = boost.table("model").unwrap();
    assert_eq!(
        model.names(),
        [&["tree", "class"][..], &nodes, &["value", "gain", "cover"]].concat()
    );
    let logistic = run_kind("classify.logistic", json!({}), &inputs).unwrap();
    let model = logistic.table("model").unwrap();
    assert_eq!(model.names(), ["class", "feature", "coefficient"]);
    let features = model.column("feature").unwrap().as_string::<i32>().clone();
    assert!(features.is_null(0) && features.value(1) == "income");
}
