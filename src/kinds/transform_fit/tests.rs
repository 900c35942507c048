//! Tests of both transform kinds as a pipeline would run them, and against scikit-learn's figures.

use std::{collections::BTreeMap, sync::Arc};

use arrow::array::{Array, ArrayRef, Int64Array};
use serde_json::json;

use super::*;
use crate::{
    frame::table::{float_array, int_array, opt_text_array, text_array},
    kinds::{prepare::model, transform_apply::TransformApply},
    ml::{power, rng::Rng},
    stage::{
        ctx::{Arrivals, Input},
        memory::{self, MemoryOutputs},
        work::Work,
    },
};

const ORACLE: &str = include_str!("../../../tests/oracle/transform.json");

fn fit_with(table: &Table, with: &Value, n_threads: usize) -> Result<MemoryOutputs, StageError> {
    let params = memory::canonical(&TransformFit, with)?;
    let mut arrivals = Arrivals::default();
    arrivals.single.insert("table".to_string(), memory::input("table", table)?);
    memory::run(&TransformFit, &params, &arrivals, &Work::alone(n_threads))
}

fn fit(table: &Table, with: Value) -> Result<MemoryOutputs, StageError> {
    fit_with(table, &with, 1)
}

fn apply(table: &Table, model: &[u8]) -> Result<MemoryOutputs, StageError> {
    let mut arrivals = Arrivals::default();
    arrivals.single.insert("table".to_string(), memory::input("table", table)?);
    arrivals.single.insert("model".to_string(), Input::from_bytes("model", model.to_vec()));
    let params = memory::canonical(&TransformApply, &json!({}))?;
    memory::run(&TransformApply, &params, &arrivals, &Work::alone(1))
}

fn error(result: Result<MemoryOutputs, StageError>) -> String {
    result.err().map(|e| e.to_string()).unwrap_or_default()
}

/// A table of the columns in the oracle's JSON object.
fn oracle_table(columns: &Value) -> Table {
    let array = |values: &Value| -> ArrayRef {
        let values = values.as_array().unwrap();
        if values.iter().any(Value::is_string) {
            opt_text_array(values.iter().map(Value::as_str))
        } else {
            float_array(values.iter().map(|v| v.as_f64().unwrap_or(f64::NAN)).collect())
        }
    };
    let columns = columns.as_object().unwrap();
    Table::new(None, columns.iter().map(|(name, v)| (name.as_str(), array(v))).collect()).unwrap()
}

#[test]
fn scikit_learn_makes_the_same_matrices() {
    let oracle: Value = serde_json::from_str(ORACLE).unwrap();
    // JSON objects are sorted by name here, so the order of the script's columns is restored.
    let names = ["age", "income", "change", "visits", "flat", "country", "size"];
    let table = oracle_table(&oracle["table"]);
    let order: Vec<usize> = names.iter().map(|n| table.schema().index_of(n).unwrap()).collect();
    let table = Table::from_batch(table.batch().project(&order).unwrap());
    for (name, case) in oracle["cases"].as_object().unwrap() {
        let outputs = fit(&table, case["with"].clone()).unwrap();
        // An optimum is only found to the square root of the arithmetic's precision.
        let searched = case["with"]["numeric"]["power"] == "yeo-johnson";
        let tolerance = if searched { 1e-6 } else { 1e-10 };
        let (features, matrix) = outputs.table("matrix").unwrap().to_matrix().unwrap();
        let expected = case["matrix"].as_array().unwrap();
        assert_eq!(matrix.n_rows(), expected.len(), "{name}");
        for (i, row) in expected.iter().enumerate() {
            let row = row.as_array().unwrap();
            assert_eq!(row.len(), features.len(), "{name}: {features:?}");
            for (j, expected) in row.iter().enumerate() {
                let (found, expected) = (matrix.row(i)[j], expected.as_f64().unwrap_or(f64::NAN));
                let near = (found - expected).abs() <= tolerance * expected.abs().max(1.0);
                let place = format!("{name}, row {i}, {}", features[j]);
                assert!(near || found.is_nan() && expected.is_nan(), "{place}: {found} {expected}");
            }
        }
        let model = &outputs.bytes["model"];
        let again = apply(&table, model).unwrap();
        assert_eq!(again.bytes["matrix"], outputs.bytes["matrix"], "{name}");
    }
}

#[test]
fn scipy_finds_the_same_exponents() {
    let oracle: Value = serde_json::from_str(ORACLE).unwrap();
    for (name, case) in oracle["lambdas"].as_object().unwrap() {
        let values: Vec<f64> = serde_json::from_value(case["values"].clone()).unwrap();
        let expected = case["lambda"].as_f64().unwrap();
        let found = power::yeo_johnson_lambda(&values);
        assert!(
            (found - expected).abs() < 1e-5 * expected.abs().max(1.0),
            "{name}: {found} {expected}"
        );
    }
}

/// A table with something of everything, large enough for several chunks.
fn customers(n: usize) -> Table {
    let mut rng = Rng::new(5);
    let text = |rng: &mut Rng| ["DE", "AT", "CH", "FR"].get(rng.below(5)).copied();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("customer", int_array((0..n as i64).map(|i| 1000 + i).collect())),
        ("country", opt_text_array((0..n).map(|_| text(&mut rng)).collect::<Vec<_>>())),
        ("income", float_array((0..n).map(|_| crate::ml::math::exp(rng.normal())).collect())),
        (
            "visits",
            Arc::new(Int64Array::from_iter((0..n).map(|_| match rng.below(9) {
                0 => None,
                v => Some(v as i64),
            }))),
        ),
    ];
    Table::new(Some("customer"), columns).unwrap()
}

fn example() -> Value {
    json!({
        "numeric": {"impute": "median", "clip": [0.01, 0.99], "power": "yeo-johnson", "scale": "standard"},
        "categorical": {"impute": "most_frequent", "encode": "onehot", "min_frequency": 0.01},
        "reduce": {"pca": {"variance": 0.95}},
    })
}

#[test]
fn threads_change_no_byte() {
    let table = customers(70_000);
    let bytes = |n_threads| fit_with(&table, &example(), n_threads).unwrap().bytes;
    let one = bytes(1);
    assert!(one == bytes(2) && one == bytes(7));
}

#[test]
fn the_model_is_readable_and_exact() {
    let table = customers(500);
    let outputs = fit(&table, example()).unwrap();
    let model = outputs.table("model").unwrap();
    let names = model.names();
    assert_eq!(names[..3], ["feature", "column", "role"]);
    let features = model.texts("feature").unwrap();
    let features: Vec<&str> = features.iter().flatten().collect();
    assert_eq!(features[..3], ["income", "visits", "country=AT"]);
    assert_eq!(
        features.last().copied(),
        outputs.table("matrix").unwrap().names().last().map(|s| s.as_str())
    );
    // The loadings of a component over the features (not the rows of levels) have length one.
    let loadings = model.floats("pc1").unwrap();
    let length: f64 = loadings.iter().filter(|v| !v.is_nan()).map(|v| v * v).sum();
    assert!((length - 1.0).abs() < 1e-12);
    let preparation = model::read(Ok(model), "model").unwrap();
    assert_eq!(preparation.to_table().unwrap(), outputs.table("model").unwrap());
    assert!(
        outputs.notes.iter().any(|n| n.contains("of the variance of 6 features")),
        "{:?}",
        outputs.notes
    );
}

#[test]
fn rows_and_id_pass_through() {
    let outputs = fit(&customers(10), json!({"numeric": {}})).unwrap();
    let matrix = outputs.table("matrix").unwrap();
    assert_eq!(matrix.names(), ["customer", "income", "visits"]);
    assert_eq!(matrix.id_name().as_deref(), Some("customer"));
    assert_eq!(matrix.integers("customer").unwrap()[9], Some(1009));
    assert_eq!(outputs.rows["matrix"], 10);
    let nameless = Table::new(None, vec![("row", float_array(vec![1.0, 3.0]))]).unwrap();
    let matrix = fit(&nameless, json!({})).unwrap().table("matrix").unwrap();
    assert_eq!(matrix.names(), ["row", "row (2)"]);
    assert_eq!(matrix.floats("row (2)").unwrap(), [-1.0, 1.0]);
}

fn one_column(name: &str, values: ArrayRef) -> Table {
    Table::new(None, vec![("x", float_array(vec![1.0; values.len()])), (name, values)]).unwrap()
}

#[test]
fn unknown_levels() {
    let table = one_column("c", text_array(["a", "a", "a", "b", "b", "z"]));
    let new = one_column("c", opt_text_array([Some("b"), Some("new"), None, Some("z")]));
    let run = |group: Value| -> Result<Vec<Vec<f64>>, StageError> {
        let model = fit(&table, json!({ "categorical": group }))?.bytes["model"].clone();
        let (_, matrix) = apply(&new, &model)?.table("matrix")?.to_matrix()?;
        Ok(matrix.rows().map(<[f64]>::to_vec).collect())
    };
    let (a, b, other, none) =
        (vec![1.0, 0.0, 0.0], vec![0.0, 1.0, 0.0], vec![0.0, 0.0, 1.0], vec![0.0; 3]);
    assert_eq!(
        run(json!({"min_frequency": 2})).unwrap(),
        [b.clone(), none.clone(), a.clone(), other.clone()]
    );
    assert_eq!(
        run(json!({"min_frequency": 2, "unknown": "other"})).unwrap(),
        [b.clone(), other.clone(), a, other]
    );
    assert_eq!(run(json!({"impute": "none"})).unwrap()[1..3], [none.clone(), none]);
    let coded = |encode: &str| run(json!({"encode": encode, "min_frequency": 2})).unwrap();
    assert_eq!(coded("ordinal"), [[1.0], [-1.0], [0.0], [2.0]]);
    assert_eq!(coded("frequency"), [[2.0 / 6.0], [0.0], [0.5], [1.0 / 6.0]]);
    assert_eq!(
        run(json!({"unknown": "error"})).unwrap_err().to_string(),
        "column `c`, row 1: the level `new` was not there when the transform was fitted (`unknown: error`)"
    );
}

#[test]
fn declared_levels() {
    let table = one_column("size", opt_text_array([Some("S"), Some("L"), None, Some("L")]));
    let run = |group: Value| fit(&table, json!({ "categorical": group }));
    let matrix = |group: Value| run(group).unwrap().table("matrix").unwrap();
    let sizes = json!({"size": ["S", "M", "L"]});
    let ordinal = matrix(json!({"categories": sizes, "encode": "ordinal"}));
    assert_eq!(ordinal.floats("size").unwrap(), [0.0, 2.0, 2.0, 2.0]);
    let onehot = matrix(json!({"categories": sizes}));
    assert_eq!(onehot.names(), ["row", "size=S", "size=M", "size=L"]);
    assert_eq!(
        error(run(json!({"categories": {"size": ["S", "M"]}}))),
        "column `size` has the level `L`, which its `categories` do not list"
    );
    assert!(error(run(json!({"categories": {"sise": []}}))).contains("no column `sise`"));
    let nothing = one_column("size", opt_text_array([None::<&str>; 2]));
    let with = json!({"categorical": {"categories": sizes}});
    assert!(error(fit(&nothing, with)).contains("`size` is left out: it has no value"));
}

#[test]
fn anything_can_be_a_level() {
    use arrow::array::{BooleanArray, Date32Array, TimestampMicrosecondArray};
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("i", int_array(vec![10, 9, 10])),
        ("f", float_array(vec![1.0, -0.0, 2.5])),
        ("b", Arc::new(BooleanArray::from(vec![true, false, true]))),
        ("d", Arc::new(Date32Array::from(vec![0, 1, 0]))),
        ("t", Arc::new(TimestampMicrosecondArray::from(vec![0, 1_000_000, 0]))),
    ];
    let table = Table::new(None, columns).unwrap();
    let with = json!({"categorical": {"columns": ["i", "f", "b", "d", "t"]}});
    assert_eq!(
        fit(&table, with).unwrap().table("matrix").unwrap().names()[1..],
        [
            "i=9",
            "i=10",
            "f=0",
            "f=1",
            "f=2.5",
            "b=false",
            "b=true",
            "d=1970-01-01",
            "d=1970-01-02",
            "t=1970-01-01T00:00:00",
            "t=1970-01-01T00:00:01"
        ]
    );
    let days = json!({"numeric": {"dates": "days", "scale": "none"}});
    let matrix = fit(&table, days).unwrap().table("matrix").unwrap();
    assert_eq!(matrix.floats("d").unwrap(), [0.0, 1.0, 0.0]);
    assert_eq!(matrix.floats("t").unwrap(), [0.0, 1.0 / 86_400.0, 0.0]);
}

#[test]
fn names_and_ids_are_no_levels() {
    let names: Vec<String> = (0..150).map(|i| format!("name {i}")).collect();
    let table = one_column("name", text_array(&names));
    let outputs = fit(&table, json!({})).unwrap();
    assert_eq!(outputs.table("matrix").unwrap().names(), ["row", "x"]);
    assert!(outputs.notes[0].starts_with(
        "`name` is left out: it has 150 levels in 150 rows, more than max_levels (100)"
    ));
    let named = fit(&table, json!({"categorical": {"columns": ["name"]}}));
    assert!(error(named).starts_with("column `name`: it has 150 levels in 150 rows"));
    let frequent = fit(&table, json!({"categorical": {"encode": "frequency"}})).unwrap();
    assert_eq!(frequent.table("matrix").unwrap().names(), ["row", "name"]);
}

#[test]
fn a_level_may_spell_like_another_feature() {
    let columns = vec![("c=a", float_array(vec![1.0, 2.0])), ("c", text_array(["a", "<other>"]))];
    let table = Table::new(None, columns).unwrap();
    let names = fit(&table, json!({})).unwrap().table("matrix").unwrap().names();
    assert_eq!(names, ["row", "c=a", "c=<other>", "c=a (2)"]);
}

#[test]
fn degenerate_columns() {
    let nothing = one_column("gone", float_array(vec![f64::NAN; 3]));
    let outputs = fit(&nothing, json!({})).unwrap();
    assert_eq!(
        outputs.notes,
        ["`gone` is left out: it has no value in any row", "the same value in every row: `x`"]
    );
    let matrix = outputs.table("matrix").unwrap();
    assert_eq!(matrix.names(), ["row", "x"]);
    assert_eq!(matrix.floats("x").unwrap(), [0.0; 3]);
    for (group, left_out) in [
        (json!({"numeric": {"impute": "none"}}), true),
        (json!({"numeric": {"impute": "constant"}}), false),
        (
            json!({"numeric": {"impute": "constant", "power": "yeo-johnson", "scale": "robust"}}),
            false,
        ),
    ] {
        let names = fit(&nothing, group).unwrap().table("matrix").unwrap().names();
        assert_eq!(names.len(), if left_out { 2 } else { 3 });
    }
    let no_text = one_column("gone", opt_text_array([None::<&str>; 3]));
    assert_eq!(fit(&no_text, json!({})).unwrap().table("matrix").unwrap().names(), ["row", "x"]);
    let alone = Table::new(None, vec![("gone", float_array(vec![f64::NAN]))]).unwrap();
    assert_eq!(
        error(fit(&alone, json!({}))),
        "there is nothing to make features of: `gone` is left out: it has no value in any row"
    );
}

#[test]
fn columns_that_hardly_vary() {
    let mut rare = vec![0.0; 200];
    rare[7] = 1.0;
    let outputs =
        fit(&one_column("rare", float_array(rare)), json!({"numeric": {"clip": [0.01, 0.99]}}));
    assert_eq!(
        outputs.unwrap().notes,
        ["one value is left after clipping: `rare`", "the same value in every row: `x`"]
    );
    // A mean that rounds away from its value, and rounding noise: neither is blown up to deviations.
    let noise = (0.1 + 0.2) - 0.3;
    for values in [vec![0.1; 7], vec![0.3, 0.3, 0.3, 0.3 + noise, 0.3, 0.3, 0.3]] {
        let mut values = values;
        values.push(f64::NAN);
        let matrix =
            fit(&one_column("same", float_array(values)), json!({})).unwrap().table("matrix");
        let same = matrix.unwrap().floats("same").unwrap();
        assert!(same.iter().all(|v| v.abs() < 1e-15), "{same:?}");
    }
}

#[test]
fn degenerate_tables() {
    let none = Table::new(None, vec![("x", float_array(vec![]))]).unwrap();
    assert_eq!(error(fit(&none, json!({}))), "there are no rows to learn from");
    let one =
        Table::new(None, vec![("x", float_array(vec![7.0])), ("c", text_array(["a"]))]).unwrap();
    let outputs = fit(
        &one,
        json!({"numeric": {"clip": [0.1, 0.9], "power": "yeo-johnson"}, "categorical": {}}),
    );
    let outputs = outputs.unwrap();
    assert_eq!(outputs.table("matrix").unwrap().to_matrix().unwrap().1.row(0), [0.0, 1.0]);
    let empty = one.filter(&vec![false].into()).unwrap();
    assert_eq!(
        apply(&empty, &outputs.bytes["model"]).unwrap().table("matrix").unwrap().n_rows(),
        0
    );
    assert!(error(fit(&one, json!({"reduce": {"pca": {}}}))).contains("at least 2 rows"));
    let texts = Table::new(Some("id"), vec![("id", text_array(["a", "b"]))]).unwrap();
    assert_eq!(
        error(fit(&texts, json!({}))),
        "there is nothing to make features of: no column is selected"
    );
}

#[test]
fn values_that_have_no_feature() {
    let infinite = one_column("x2", float_array(vec![1.0, f64::NEG_INFINITY]));
    assert!(
        error(fit(&infinite, json!({}))).starts_with("column `x2`, row 1: the value is infinite")
    );
    let negative = one_column("x2", float_array(vec![1.0, -1.0]));
    let log1p = json!({"numeric": {"power": "log1p"}});
    assert!(error(fit(&negative, log1p.clone())).starts_with("column `x2` has the value -1;"));
    let model =
        fit(&one_column("x2", float_array(vec![0.0, 4.0])), log1p).unwrap().bytes["model"].clone();
    assert_eq!(
        error(apply(&negative, &model)),
        "column `x2`, row 1: the value -1 cannot be transformed (power log1p)"
    );
    let huge = one_column("x2", float_array(vec![f64::MAX, -f64::MAX]));
    assert!(
        error(fit(&huge, json!({}))).starts_with("column `x2` has values too large to learn from")
    );
    let huge = one_column("x2", float_array(vec![f64::MAX, f64::MAX, f64::NAN]));
    assert!(
        error(fit(&huge, json!({"numeric": {"scale": "none"}})))
            .contains("too large to learn from")
    );
    let gaps = one_column("x2", float_array(vec![1.0, f64::NAN, 3.0]));
    let kept = fit(&gaps, json!({"numeric": {"impute": "none"}})).unwrap();
    assert!(kept.table("matrix").unwrap().floats("x2").unwrap()[1].is_nan());
    assert_eq!(
        error(fit(&gaps, json!({"numeric": {"impute": "none"}, "reduce": {"pca": {}}}))),
        "principal components need a value everywhere, and `x2` has none in row 1; set `impute`"
    );
    let flagged =
        fit(&gaps, json!({"numeric": {"indicator": true}})).unwrap().table("matrix").unwrap();
    assert_eq!(flagged.names(), ["row", "x", "x2", "x2=<missing>"]);
    assert_eq!(flagged.floats("x2=<missing>").unwrap(), [0.0, 1.0, 0.0]);
}

#[test]
fn a_model_meets_the_wrong_table() {
    let model = fit(&customers(50), json!({})).unwrap().bytes["model"].clone();
    let without = one_column("incom", float_array(vec![1.0]));
    assert_eq!(
        error(apply(&without, &model)),
        "input `table`: there is no column `income`, did you mean `incom`?"
    );
    let text = one_column("income", text_array(["high"]));
    assert_eq!(
        error(apply(&text, &model)),
        "input `table`: column `income` is text, expected a number"
    );
    let mut bytes = Vec::new();
    crate::frame::parquet::write(&text, &mut bytes).unwrap();
    assert!(error(apply(&text, &bytes)).starts_with("input `model`: it is not a fitted transform"));
}

#[test]
fn problems_are_known_before_anything_runs() {
    let with = json!({
        "drop": ["incme"],
        "numeric": {"clip": [0.5, 0.5]},
        "reduce": {"pca": {"variance": 0.9, "components": 2}},
    });
    let params = memory::canonical(&TransformFit, &with).unwrap();
    let schema = customers(1).schema();
    let inputs = BTreeMap::from([("table".to_string(), Some(schema))]);
    let checked = TransformFit.check(&Given { params: params.clone(), inputs });
    let paths: Vec<String> = checked.problems.iter().map(|p| p.path.join(".")).collect();
    assert_eq!(paths, ["numeric.clip", "reduce.pca", "drop.0"]);
    assert_eq!(
        checked.notes,
        Vec::<String>::new(),
        "nothing can be said of columns while their names are wrong"
    );
    assert_eq!(checked.problems[2].help, "did you mean `income`?");
    assert_eq!(TransformFit.check(&Given { params, ..Given::default() }).problems.len(), 2);
    let params = memory::canonical(&TransformFit, &json!({"numeric": {}})).unwrap();
    let inputs = BTreeMap::from([("table".to_string(), Some(customers(1).schema()))]);
    let checked = TransformFit.check(&Given { params, inputs });
    assert!(checked.problems.is_empty() && checked.notes[0].ends_with("`country`"), "{checked:?}");
}

#[test]
fn only_what_is_read_is_asked_for() {
    let available = ["id", "a", "b", "c"].map(str::to_string);
    let read = |with: Value| {
        let params = memory::canonical(&TransformFit, &with).unwrap();
        TransformFit.columns_read(&params, "table", &available, &["id".to_string()])
    };
    assert_eq!(read(json!({})), available);
    assert_eq!(read(json!({"drop": ["b"]})), ["id", "a", "c"]);
    assert_eq!(read(json!({"numeric": {"columns": ["b"]}})), ["id", "b"]);
    assert_eq!(read(json!({"columns": ["a"]})), ["id", "a"]);
}
