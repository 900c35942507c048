//! Where classes come from: labels joined on the id, or a target column. It does not know what models are like.

use arrow::array::{ArrayRef, BooleanArray, Int64Array};

use super::*;

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
