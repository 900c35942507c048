//! Models as tables, asked again. It does not know how good they are.

use arrow::array::{Array, AsArray};

use super::*;

#[test]
fn the_model_as_a_table_answers_with_the_same_bits() {
    let (table, segments) = customers(200);
    let labels = labels(&table, &segments);
    for name in KINDS {
        let out = run_kind(name, few(name), &[("table", &table), ("labels", &labels)]).unwrap();
        let model = out.table("model").unwrap();
        let classifier = Classifier::from_table(&model).unwrap();
        let [whole] = &classifier.parts()[..] else { panic!("a few nodes are one part") };
        assert_eq!(classifier.part(whole.clone()).unwrap(), model, "{name}");
        // However it is cut into parts, the table is the same.
        if whole.len() > 1 {
            let parts = [0..1, 1..whole.end].map(|part| classifier.part(part).unwrap());
            let batches = parts.each_ref().map(|part| part.batch().clone());
            let joined = Table::from_batches(&model.schema(), &batches).unwrap();
            assert_eq!(joined, model, "{name}");
        }
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
            assert_eq!(classifier.part(classifier.parts()[0].clone()).unwrap(), model);
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
