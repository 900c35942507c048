//! `eda.profile` of public datasets against pandas and scipy (`tests/oracle/eda_real.py`), where the data is at hand.

use orchestrate::{
    frame::Table,
    kinds,
    stage::{ctx::Arrivals, memory, work::Work},
};
use serde_json::{Value, json};

use crate::real_data;

/// Equal to nine digits.
fn assert_near(found: f64, expected: &Value, what: &str) {
    match expected.as_f64() {
        None => assert!(found.is_nan(), "{what}: {found} and nothing"),
        Some(expected) => {
            let near = (found - expected).abs() <= 1e-9 * expected.abs().max(1e-3);
            assert!(near, "{what}: {found}, pandas says {expected}");
        }
    }
}

fn place(table: &Table, of: &[(&str, &str)]) -> usize {
    let is_it = |row: &usize| {
        of.iter().all(|(column, text)| table.texts(column).unwrap().value(*row) == *text)
    };
    (0..table.n_rows()).find(is_it).unwrap_or_else(|| panic!("there is no row {of:?}"))
}

fn check(file: &str, expected: &Value) -> Option<()> {
    let mut more = json!({});
    if expected["sep"] == "\t" {
        more["delimiter"] = json!("\t");
    }
    let (table, _) = real_data::ingest(file, more)?.unwrap_or_else(|e| panic!("{file}: {e}"));
    let kind = kinds::find("eda.profile").expect("the kind is registered");
    let mut arrivals = Arrivals::default();
    arrivals.single.insert("table".to_string(), memory::input("table", &table).unwrap());
    let params = memory::canonical(kind, &json!({})).unwrap();
    let made = memory::run(kind, &params, &arrivals, &Work::alone(2)).unwrap();
    let columns = made.table("columns").unwrap();
    for (name, figures) in expected["columns"].as_object().unwrap() {
        let row = place(&columns, &[("column", name)]);
        let mut of = figures.clone();
        let quantiles = of.as_object_mut().unwrap().remove("quantiles").unwrap();
        let places = ["p01", "p05", "p25", "p50", "p75", "p95", "p99"];
        for (place, quantile) in places.iter().zip(quantiles.as_array().unwrap()) {
            of[*place] = quantile.clone();
        }
        for (figure, expected) in of.as_object().unwrap() {
            let found = columns.floats(figure).unwrap()[row];
            assert_near(found, expected, &format!("{file}: {name} {figure}"));
        }
    }
    let correlations = made.table("correlations").unwrap();
    let values = correlations.floats("value").unwrap();
    for pair in expected["correlations"].as_array().unwrap() {
        let text = |i: usize| pair[i].as_str().unwrap();
        // pandas lists numbers before texts; here a pair stands in the order of the table.
        let mut sides = [text(0), text(1)];
        let names = table.names();
        sides.sort_by_key(|side| names.iter().position(|name| name == side));
        let row =
            place(&correlations, &[("left", sides[0]), ("right", sides[1]), ("method", text(2))]);
        assert_near(values[row], &pair[3], &format!("{file}: {pair}"));
    }
    Some(())
}

#[test]
fn figures_and_correlations_are_those_of_pandas_and_scipy() {
    let oracle: Value =
        serde_json::from_str(include_str!("../oracle/eda_real.json")).expect("the oracle is JSON");
    for (file, expected) in oracle.as_object().unwrap() {
        if check(file, expected).is_none() {
            return;
        }
    }
}
