//! Features of half a million real transactions, with pandas' figures (`tests/oracle/rfm.py`,
//! `tests/oracle/aggregate.py`). Skipped with a message where the data is absent.

use std::{collections::BTreeMap, path::Path, sync::OnceLock};

use orchestrate::{
    frame::Table,
    kinds,
    stage::{ctx::Arrivals, memory, work::Work},
};
use serde_json::{Value, json};

use crate::real_data::ingest;

/// Reads the transactions once for all tests; `None` if the data is absent.
fn transactions() -> Option<&'static Table> {
    static TRANSACTIONS: OnceLock<Option<Table>> = OnceLock::new();
    let read = || Some(ingest("online_retail.csv.gz", json!({}))?.expect("it can be read").0);
    TRANSACTIONS.get_or_init(read).as_ref()
}

fn run(kind: &str, written: &Value, table: &Table) -> Table {
    let kind = kinds::find(kind).expect("the kind is registered");
    let params = memory::canonical(kind, written).expect("good parameters");
    let mut arrivals = Arrivals::default();
    arrivals.single.insert("table".into(), memory::input("transactions", table).expect("a table"));
    let outputs = memory::run(kind, &params, &arrivals, &Work::alone(2)).expect("it runs");
    outputs.table("table").expect("a table")
}

fn oracle(file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle").join(file);
    serde_json::from_str(&std::fs::read_to_string(path).expect("a file")).expect("JSON")
}

fn counts(table: &Table, column: &str) -> Value {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let values: Vec<String> = match table.texts(column) {
        Ok(texts) => texts.iter().flatten().map(String::from).collect(),
        Err(_) => table.floats(column).expect("numbers").iter().map(f64::to_string).collect(),
    };
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    json!(counts)
}

fn close(ours: f64, theirs: f64) -> bool {
    (ours - theirs).abs() <= 1e-9 * theirs.abs()
}

#[test]
fn rfm_of_real_transactions_is_that_of_pandas() {
    let Some(transactions) = transactions() else { return };
    let oracle = oracle("rfm.json");
    for (name, more) in [
        ("net", json!({})),
        ("exclude", json!({ "returns": "exclude" })),
        ("keep", json!({ "returns": "keep" })),
        ("half", json!({ "as_of": "2011-06-30" })),
    ] {
        let mut written = json!({ "customer": "CustomerID", "timestamp": "InvoiceDate",
                                  "invoice": "InvoiceNo", "quantity": "Quantity", "price": "UnitPrice" });
        for (key, value) in more.as_object().expect("a mapping") {
            written[key] = value.clone();
        }
        let table = run("features.rfm", &written, transactions);
        let expected = &oracle[name];
        assert_eq!(table.n_rows(), expected["customers"], "{name}");
        let sum = |column: &str| table.floats(column).expect("numbers").iter().sum::<f64>();
        assert_eq!(sum("recency_days"), expected["recency"].as_f64().unwrap(), "{name}");
        assert_eq!(sum("frequency"), expected["frequency"].as_f64().unwrap(), "{name}");
        assert!(close(sum("monetary"), expected["monetary"].as_f64().unwrap()), "{name}");
        for (column, key) in [("r_score", "r"), ("f_score", "f"), ("m_score", "m")] {
            assert_eq!(counts(&table, column), expected[key], "{name} {column}");
        }
        assert_eq!(counts(&table, "rfm_segment"), expected["segment"], "{name}");
    }
}

#[test]
fn figures_of_real_transactions_are_those_of_pandas() {
    let Some(transactions) = transactions() else { return };
    let figure = |name: &str, agg: &str, of: &str| json!([name, { "agg": agg, "of": of }]);
    let in_time = |name: &str, agg: &str, of: &str| json!([name, { "agg": agg, "of": of, "by": "InvoiceDate" }]);
    let columns = json!([
        ["n", { "agg": "count" }],
        figure("described", "count", "Description"),
        figure("pieces", "sum", "Quantity"),
        figure("mean", "mean", "UnitPrice"),
        figure("least", "min", "UnitPrice"),
        figure("most", "max", "UnitPrice"),
        figure("std", "std", "UnitPrice"),
        figure("median", "median", "Quantity"),
        figure("products", "distinct", "StockCode"),
        in_time("first", "first", "length(StockCode)"),
        in_time("last", "last", "length(StockCode)"),
        in_time("first_price", "first", "UnitPrice"),
        in_time("last_price", "last", "UnitPrice"),
        ["bought", { "agg": "sum", "of": "Quantity", "where": "Quantity > 0" }],
    ]);
    let written = json!({ "key": "CustomerID", "columns": columns });
    let table = run("features.aggregate", &written, transactions);
    let oracle = oracle("aggregate.json");
    assert_eq!(table.n_rows(), oracle["customers"]);
    for (name, expected) in oracle["columns"].as_object().expect("a mapping") {
        let values = table.floats(name).expect("numbers");
        let known: Vec<f64> = values.into_iter().filter(|v| !v.is_nan()).collect();
        assert_eq!(known.len(), expected[1], "{name}");
        assert!(close(known.iter().sum(), expected[0].as_f64().unwrap()), "{name}");
    }
}
