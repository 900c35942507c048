//! RFM of half a million real transactions, with pandas' figures (`tests/oracle/rfm.py`). Skipped with a
//! message where the data is absent.

use std::{collections::BTreeMap, path::Path};

use orchestrate::{
    frame::Table,
    kinds,
    stage::{ctx::Arrivals, memory, work::Work},
};
use serde_json::{Value, json};

use crate::real_data::ingest;

fn rfm(table: &Table, more: &Value) -> Table {
    let kind = kinds::find("features.rfm").expect("the kind is registered");
    let mut written = json!({ "customer": "CustomerID", "timestamp": "InvoiceDate", "invoice": "InvoiceNo",
                              "quantity": "Quantity", "price": "UnitPrice" });
    for (key, value) in more.as_object().expect("a mapping") {
        written[key] = value.clone();
    }
    let params = memory::canonical(kind, &written).expect("good parameters");
    let mut arrivals = Arrivals::default();
    arrivals.single.insert("table".into(), memory::input("transactions", table).expect("a table"));
    let outputs = memory::run(kind, &params, &arrivals, &Work::alone(2)).expect("it runs");
    outputs.table("table").expect("a table")
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

#[test]
fn rfm_of_real_transactions_is_that_of_pandas() {
    let Some(read) = ingest("online_retail.csv.gz", json!({})) else { return };
    let (transactions, _) = read.expect("it can be read");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/rfm.json");
    let oracle: Value =
        serde_json::from_str(&std::fs::read_to_string(path).expect("a file")).expect("JSON");
    for (name, more) in [
        ("net", json!({})),
        ("exclude", json!({ "returns": "exclude" })),
        ("keep", json!({ "returns": "keep" })),
        ("half", json!({ "as_of": "2011-06-30" })),
    ] {
        let table = rfm(&transactions, &more);
        let expected = &oracle[name];
        assert_eq!(table.n_rows(), expected["customers"], "{name}");
        let sum = |column: &str| table.floats(column).expect("numbers").iter().sum::<f64>();
        assert_eq!(sum("recency_days"), expected["recency"].as_f64().unwrap(), "{name}");
        assert_eq!(sum("frequency"), expected["frequency"].as_f64().unwrap(), "{name}");
        let monetary = expected["monetary"].as_f64().unwrap();
        assert!((sum("monetary") - monetary).abs() < 1e-9 * monetary, "{name}");
        for (column, key) in [("r_score", "r"), ("f_score", "f"), ("m_score", "m")] {
            assert_eq!(counts(&table, column), expected[key], "{name} {column}");
        }
        assert_eq!(counts(&table, "rfm_segment"), expected["segment"], "{name}");
    }
}
