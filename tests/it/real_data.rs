//! Public datasets with the dirt that real files have, read with at most two parameters beside the path.
//! The files are not part of the repository: without them (`../shared/data`, or the folder that
//! `ORCHESTRATE_REAL_DATA` names) each test says so and passes. Figures by pandas 3
//! (`tests/oracle/real_data.py`).

use std::{fs::File, path::PathBuf};

use arrow::{
    array::{Array, AsArray},
    compute,
    datatypes::{DataType, Float64Type},
};
use orchestrate::{
    base::hash::ContentHash,
    frame::{Table, table::type_word},
    kinds,
    stage::{
        ctx::{Arrivals, Input},
        error::StageError,
        memory,
        work::Work,
    },
};
use serde_json::{Value, json};

fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("ORCHESTRATE_REAL_DATA").map(PathBuf::from);
    let folder =
        named.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"));
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: there is no folder {}", folder.display());
    None
}

/// Reads `file` with `more` parameters; `None` if the data is absent.
pub fn ingest(file: &str, more: Value) -> Option<Result<(Table, Vec<String>), StageError>> {
    let path = folder()?.join(file);
    let mut written = more;
    assert!(written.as_object().is_some_and(|m| m.len() <= 2), "at most two parameters");
    written["path"] = json!(file);
    let kind = kinds::find("ingest.csv").expect("the kind is registered");
    let params = memory::canonical(kind, &written).expect("good parameters");
    let input = Input::from_file(file, ContentHash::of(b""), move || File::open(&path));
    let arrivals = Arrivals { files: vec![input], ..Arrivals::default() };
    Some(
        memory::run(kind, &params, &arrivals, &Work::alone(2))
            .and_then(|outputs| Ok((outputs.table("table")?, outputs.notes))),
    )
}

struct Expected {
    rows: usize,
    /// Without `row`.
    columns: usize,
    missing: usize,
    /// Integer, float, text, dates and timestamps.
    types: [usize; 4],
    /// A column and its sum.
    sum: (&'static str, f64),
    notes: usize,
}

fn check(file: &str, more: Value, expected: &Expected) -> Option<Table> {
    let (table, notes) = ingest(file, more)?.unwrap_or_else(|error| panic!("{file}: {error}"));
    let columns: Vec<_> = table.names().into_iter().filter(|n| n != "row").collect();
    let word = |name: &String| type_word(table.column(name).unwrap().data_type());
    let words: Vec<String> = columns.iter().map(word).collect();
    let count = |allowed: &[&str]| words.iter().filter(|w| allowed.contains(&w.as_str())).count();
    let types =
        [count(&["integer"]), count(&["float"]), count(&["text"]), count(&["date", "timestamp"])];
    let missing: usize = columns.iter().map(|n| table.column(n).unwrap().null_count()).sum();
    assert_eq!((table.n_rows(), columns.len()), (expected.rows, expected.columns), "{file}: shape");
    assert_eq!(missing, expected.missing, "{file}: missing values");
    assert_eq!(types, expected.types, "{file}: {columns:?} {words:?}");
    let values = compute::cast(table.column(expected.sum.0).unwrap(), &DataType::Float64).unwrap();
    let sum: f64 = values.as_primitive::<Float64Type>().iter().flatten().sum();
    assert!((sum / expected.sum.1 - 1.0).abs() < 1e-10, "{file}: {} sums to {sum}", expected.sum.0);
    assert_eq!(notes.len(), expected.notes, "{file}: {notes:?}");
    Some(table)
}

#[test]
fn plain_files_need_no_parameters() {
    let cases = [
        (
            "Mall_Customers.csv",
            "CustomerID",
            Expected {
                rows: 200,
                columns: 5,
                missing: 0,
                types: [4, 0, 1, 0],
                sum: ("Annual Income (k$)", 12_112.0),
                notes: 0,
            },
        ),
        (
            "CC GENERAL.csv",
            "CUST_ID",
            Expected {
                rows: 8950,
                columns: 18,
                missing: 314,
                types: [3, 14, 1, 0],
                sum: ("MINIMUM_PAYMENTS", 7_464_151.905_889),
                notes: 0,
            },
        ),
        (
            "BankChurners.csv",
            "CLIENTNUM",
            Expected {
                rows: 10_127,
                columns: 23,
                missing: 0,
                types: [10, 7, 6, 0],
                sum: ("Credit_Limit", 87_415_795.1),
                notes: 0,
            },
        ),
        (
            "Shipping.csv",
            "ID",
            Expected {
                rows: 10_999,
                columns: 12,
                missing: 0,
                types: [8, 0, 4, 0],
                sum: ("Cost_of_the_Product", 2_311_955.0),
                notes: 0,
            },
        ),
    ];
    for (file, id, expected) in cases {
        if let Some(table) = check(file, json!({ "id": id }), &expected) {
            assert_eq!(table.id_name().as_deref(), Some(id), "{file}");
        }
    }
    let wholesale = Expected {
        rows: 440,
        columns: 8,
        missing: 0,
        types: [8, 0, 0, 0],
        sum: ("Fresh", 5_280_131.0),
        notes: 0,
    };
    if let Some(table) = check("Wholesale customers data.csv", json!({}), &wholesale) {
        assert_eq!(table.id_name().as_deref(), Some("row"));
    }
}

#[test]
fn delimiters_quotes_and_blanks() {
    let bank = Expected {
        rows: 45_211,
        columns: 17,
        missing: 0,
        types: [7, 0, 10, 0],
        sum: ("balance", 61_589_682.0),
        notes: 0,
    };
    check("bank-full.csv", json!({}), &bank);
    let telco = Expected {
        rows: 7043,
        columns: 21,
        missing: 11,
        types: [2, 2, 17, 0],
        sum: ("TotalCharges", 16_056_168.7),
        notes: 0,
    };
    check("Telco-Customer-Churn.csv", json!({ "id": "customerID" }), &telco);
    let campaign = Expected {
        rows: 2240,
        columns: 29,
        missing: 24,
        types: [26, 0, 2, 1],
        sum: ("Income", 115_779_909.0),
        notes: 0,
    };
    if let Some(table) = check("marketing_campaign.csv", json!({ "id": "ID" }), &campaign) {
        // 04-09-2012 is the fourth of September.
        let days = compute::cast(table.column("Dt_Customer").unwrap(), &DataType::Utf8).unwrap();
        assert_eq!(days.as_string::<i32>().value(0), "2012-09-04");
    }
}

#[test]
fn windows_1252_and_na_that_is_north_america() {
    let sales = Expected {
        rows: 2823,
        columns: 25,
        missing: 4083,
        types: [7, 2, 15, 1],
        sum: ("SALES", 10_032_628.85),
        notes: 1,
    };
    let Some(table) = check("sales_data_sample.csv", json!({}), &sales) else { return };
    let territories = table.texts("TERRITORY").unwrap();
    assert_eq!(territories.iter().flatten().filter(|t| *t == "NA").count(), 1074);
    let names = table.texts("ADDRESSLINE1").unwrap();
    assert!(names.iter().flatten().any(|n| n.contains("Catalu¤a")), "bytes by windows-1252");
    let dates = compute::cast(table.column("ORDERDATE").unwrap(), &DataType::Utf8).unwrap();
    assert_eq!(dates.as_string::<i32>().value(0), "2003-02-24T00:00:00");
}

#[test]
fn half_a_million_gzipped_lines() {
    let retail = Expected {
        rows: 541_909,
        columns: 8,
        missing: 136_534,
        types: [1, 2, 4, 1],
        sum: ("UnitPrice", 2_498_803.974),
        notes: 0,
    };
    let Some(table) = check("online_retail.csv.gz", json!({}), &retail) else { return };
    assert_eq!(table.column("CustomerID").unwrap().null_count(), 135_080);
    let quantity: i64 = table.integers("Quantity").unwrap().iter().flatten().sum();
    assert_eq!(quantity, 5_176_450);
}

#[test]
fn fixed_width_is_refused_with_advice_that_works() {
    let Some(refused) = ingest("CDNOW_sample.txt", json!({})) else { return };
    let text = refused.expect_err("no table of one column").to_string();
    assert!(text.contains("fixed width") && text.contains("`delimiter: whitespace`"), "{text}");
    let advised = json!({ "delimiter": "whitespace", "header": false });
    let expected = Expected {
        rows: 6919,
        columns: 5,
        missing: 0,
        types: [2, 1, 2, 0],
        sum: ("column_5", 244_091.94),
        notes: 0,
    };
    check("CDNOW_sample.txt", advised, &expected);
}
