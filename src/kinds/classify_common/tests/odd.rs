//! Data that is tiny, dull, missing or extreme. It does not know what good data gives.

use super::*;

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
