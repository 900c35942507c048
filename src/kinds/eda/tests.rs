//! `eda.profile` against pandas, on hostile and on degenerate tables, and with any number of threads.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Date32Array, Int64Array};
use arrow::datatypes::{Float64Type, Int64Type};
use serde_json::{Value, json};

use crate::{
    frame::{
        Table,
        table::{float_array, opt_text_array, text_array},
    },
    kinds::eda_profile::EdaProfile,
    stage::{
        ctx::Arrivals,
        kind::{Given, Kind},
        memory::{self, MemoryOutputs},
        work::Work,
    },
};

fn run_on(table: &Table, written: &Value, n_threads: usize) -> MemoryOutputs {
    let params = memory::canonical(&EdaProfile, written).unwrap();
    let mut arrivals = Arrivals::default();
    arrivals.single.insert("table".to_string(), memory::input("t.table", table).unwrap());
    memory::run(&EdaProfile, &params, &arrivals, &Work::alone(n_threads)).unwrap()
}

fn run(table: &Table) -> MemoryOutputs {
    run_on(table, &json!({}), 1)
}

fn page(outputs: &MemoryOutputs) -> String {
    String::from_utf8(outputs.bytes["report"].clone()).unwrap()
}

fn float(table: &Table, column: &str, row: usize) -> Option<f64> {
    let array = table.column(column).unwrap().as_primitive::<Float64Type>();
    array.is_valid(row).then(|| array.value(row))
}

fn int(table: &Table, column: &str, row: usize) -> Option<i64> {
    let array = table.column(column).unwrap().as_primitive::<Int64Type>();
    array.is_valid(row).then(|| array.value(row))
}

fn text(table: &Table, column: &str, row: usize) -> String {
    table.texts(column).unwrap().value(row).to_string()
}

fn codes(outputs: &MemoryOutputs) -> Vec<(String, Option<String>)> {
    let table = outputs.table("alerts").unwrap();
    let columns = table.texts("column").unwrap();
    (0..table.n_rows())
        .map(|row| {
            let column = columns.is_valid(row).then(|| columns.value(row).to_string());
            (text(&table, "alert", row), column)
        })
        .collect()
}

fn oracle() -> (Table, Value) {
    let oracle: Value =
        serde_json::from_str(include_str!("../../../tests/oracle/eda.json")).unwrap();
    let columns = oracle["table"].as_object().unwrap();
    // JSON objects come sorted; the oracle's pairs are in the order of the table.
    let names = ["normal", "spend", "visits", "tiny", "plan", "channel", "active"];
    let arrays = names.map(|name| (name, array(columns[name].as_array().unwrap())));
    (Table::new(None, arrays.to_vec()).unwrap(), oracle)
}

fn array(values: &[Value]) -> ArrayRef {
    let sample = values.iter().find(|v| !v.is_null()).unwrap();
    match sample {
        Value::String(_) => opt_text_array(values.iter().map(Value::as_str)),
        Value::Bool(_) => Arc::new(BooleanArray::from_iter(values.iter().map(Value::as_bool))),
        _ => float_array(values.iter().map(|v| v.as_f64().unwrap_or(f64::NAN)).collect()),
    }
}

fn assert_near(found: Option<f64>, expected: &Value, what: &str) {
    let expected = expected.as_f64();
    let near = match (found, expected) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * b.abs(),
        (a, b) => a.is_none() && b.is_none(),
    };
    assert!(near, "{what}: {found:?} instead of {expected:?}");
}

#[test]
fn figures_agree_with_pandas() {
    let (table, oracle) = oracle();
    let columns = run(&table).table("columns").unwrap();
    for (row, name) in ["normal", "spend", "visits", "tiny"].into_iter().enumerate() {
        let expected = &oracle["columns"][name];
        assert_eq!(text(&columns, "column", row), name);
        for figure in ["mean", "std", "min", "max", "skewness", "kurtosis", "mad"] {
            assert_near(
                float(&columns, figure, row),
                &expected[figure],
                &format!("{name} {figure}"),
            );
        }
        for (i, q) in ["p01", "p05", "p25", "p50", "p75", "p95", "p99"].into_iter().enumerate() {
            assert_near(float(&columns, q, row), &expected["quantiles"][i], &format!("{name} {q}"));
        }
        for count in [
            "count",
            "missing",
            "distinct",
            "zeros",
            "negatives",
            "outliers_iqr",
            "top_count",
            "outliers_mad",
        ] {
            assert_eq!(int(&columns, count, row), expected[count].as_i64(), "{name} {count}");
        }
    }
}

#[test]
fn histograms_agree_with_numpy() {
    let (table, oracle) = oracle();
    let rows = run(&table).table("histograms").unwrap();
    for (name, expected) in oracle["histograms"].as_object().unwrap() {
        let mine: Vec<usize> =
            (0..rows.n_rows()).filter(|&row| text(&rows, "column", row) == *name).collect();
        assert_eq!(mine.len(), 30);
        for (i, &row) in mine.iter().enumerate() {
            assert_near(float(&rows, "lower", row), &expected["edges"][i], name);
            assert_near(float(&rows, "upper", row), &expected["edges"][i + 1], name);
            assert_eq!(int(&rows, "count", row), expected["counts"][i].as_i64(), "{name} {i}");
        }
    }
}

#[test]
fn correlations_agree_with_pandas_and_scipy() {
    let (table, oracle) = oracle();
    let rows = run(&table).table("correlations").unwrap();
    let expected = oracle["correlations"].as_array().unwrap();
    assert_eq!(rows.n_rows(), expected.len());
    for pair in expected {
        let key = ["left", "right", "method"].map(|c| c.to_string());
        let row = (0..rows.n_rows())
            .find(|&row| (0..3).all(|i| pair[i] == json!(text(&rows, &key[i], row))))
            .unwrap_or_else(|| panic!("{pair} is missing"));
        assert_near(float(&rows, "value", row), &pair[3], &pair.to_string());
    }
}

#[test]
fn schemas_are_told_beforehand() {
    let (table, _) = oracle();
    let outputs = run(&table);
    let checked = EdaProfile.check(&Given::default());
    assert_eq!(checked.schemas.len(), 5);
    for (port, schema) in &checked.schemas {
        assert_eq!(outputs.table(port).unwrap().schema().fields(), schema.fields(), "{port}");
    }
}

#[test]
fn threads_do_not_change_a_byte() {
    let n = 140_000;
    let wave = |k: u64| (0..n).map(move |i: u64| ((i * k) % 10_007) as f64 / 7.0);
    let gaps = wave(31).map(|v| if v < 20.0 { f64::NAN } else { v * v });
    let table = Table::new(
        None,
        vec![
            ("a", float_array(wave(17).collect())),
            ("b", float_array(gaps.collect())),
            ("c", text_array((0..n).map(|i| format!("level {}", i * i % 13)))),
        ],
    )
    .unwrap();
    let one = run_on(&table, &json!({}), 1);
    for n_threads in [2, 7] {
        assert!(run_on(&table, &json!({}), n_threads).bytes == one.bytes, "{n_threads} threads");
    }
}

#[test]
fn alerts_find_what_is_planted() {
    let n = 200_i64;
    let date = |i: i64| format!("{:02}/{:02}/2024", i % 12 + 1, i % 11 + 1);
    let code = |i: i64| if i == 0 { "only once".to_string() } else { format!("code {}", i % 3) };
    let table = Table::new(
        None,
        vec![
            ("number", Arc::new(Int64Array::from_iter_values(1..=n)) as ArrayRef),
            ("same", float_array(vec![3.0; n as usize])),
            ("none", opt_text_array(vec![None::<&str>; n as usize])),
            (
                "skew",
                float_array(
                    (0..n).map(|i| (i * i * i % 1009) as f64).map(|v| v * v * v * v).collect(),
                ),
            ),
            ("base", float_array((0..n).map(|i| (i * 37 % 101) as f64).collect())),
            ("twice", float_array((0..n).map(|i| 2.0 * (i * 37 % 101) as f64 + 1.0).collect())),
            ("amount", text_array((0..n).map(|i| format!("{}.5", i % 50)))),
            ("day", text_array((0..n).map(date))),
            ("key", text_array((0..n).map(|i| format!("K{i}")))),
            ("many", text_array((0..n).map(|i| format!("m{}", i % 90)))),
            ("code", text_array((0..n).map(code))),
            (
                "gaps",
                float_array(
                    (0..n).map(|i| if i % 4 == 0 { f64::NAN } else { (i % 9) as f64 }).collect(),
                ),
            ),
            (
                "inf",
                float_array(
                    (0..n).map(|i| if i == 5 { f64::INFINITY } else { (i % 7) as f64 }).collect(),
                ),
            ),
            (
                "idle",
                float_array(
                    (0..n).map(|i| if i % 5 == 0 { (i % 3) as f64 } else { 0.0 }).collect(),
                ),
            ),
        ],
    )
    .unwrap();
    let outputs = run(&table);
    let found = codes(&outputs);
    for (alert, column) in [
        ("all_missing", "none"),
        ("infinite", "inf"),
        ("id_like", "number"),
        ("constant", "same"),
        ("skewed", "skew"),
        ("high_correlation", "twice"),
        ("numeric_text", "amount"),
        ("ambiguous_dates", "day"),
        ("id_like", "key"),
        ("high_cardinality", "many"),
        ("rare_levels", "code"),
        ("missing", "gaps"),
        ("zeros", "idle"),
    ] {
        let wanted = (alert.to_string(), Some(column.to_string()));
        assert!(found.contains(&wanted), "{wanted:?} in {found:?}");
    }
    assert_eq!(found[0], ("all_missing".to_string(), Some("none".to_string())));
    let alerts = outputs.table("alerts").unwrap();
    let advice = |alert: &str| {
        let row = (0..alerts.n_rows()).find(|&row| text(&alerts, "alert", row) == alert).unwrap();
        text(&alerts, "advice", row)
    };
    assert_eq!(advice("constant"), "drop: [same]");
    assert_eq!(advice("id_like"), "id: number");
    assert_eq!(advice("high_correlation"), "drop: [twice]  # follows base, pearson 1.00");
    assert_eq!(advice("zeros"), "columns: { has_idle: idle <> 0 }");
}

#[test]
fn a_column_is_told_of_its_strongest_partner_only() {
    let n = 300;
    let base = |i: usize| (i * 37 % 101) as f64;
    let wave = |i: usize| base(i) + 0.02 * (i * 53 % 89) as f64;
    let columns = vec![
        ("near", float_array((0..n).map(wave).collect())),
        ("base", float_array((0..n).map(base).collect())),
        ("twice", float_array((0..n).map(|i| -2.0 * base(i)).collect())),
        ("city", text_array((0..n).map(|i| format!("city {}", i % 60)))),
        ("state", text_array((0..n).map(|i| format!("state {}", i % 6)))),
        ("land", text_array((0..n).map(|i| format!("land {}", i % 3)))),
    ];
    let outputs = run(&Table::new(None, columns).unwrap());
    let alerts = outputs.table("alerts").unwrap();
    let found: Vec<String> = (0..alerts.n_rows())
        .filter(|&row| text(&alerts, "alert", row) == "high_correlation")
        .map(|row| text(&alerts, "advice", row))
        .collect();
    let expected = [
        "drop: [base]  # follows near, pearson 1.00",
        "drop: [twice]  # follows base, pearson -1.00",
        "drop: [land]  # follows state, cramers_v 1.00",
    ];
    assert_eq!(found, expected, "`city` has too many levels to say anything");
}

#[test]
fn duplicates_are_counted_without_the_id() {
    let id = text_array(["a", "b", "c", "d"]);
    let x = float_array(vec![1.0, f64::NAN, 1.0, f64::NAN]);
    let y = opt_text_array([Some("p"), None, Some("p"), Some("q")]);
    let table = Table::new(Some("id"), vec![("id", id), ("x", x), ("y", y)]).unwrap();
    let outputs = run(&table);
    let alerts = outputs.table("alerts").unwrap();
    let row = codes(&outputs).iter().position(|(code, _)| code == "duplicate_rows").unwrap();
    assert_eq!(float(&alerts, "value", row), Some(1.0));
}

#[test]
fn degenerate_tables() {
    let nothing =
        Table::new(None, vec![("x", float_array(vec![])), ("t", text_array([""; 0]))]).unwrap();
    let outputs = run(&nothing);
    assert_eq!(codes(&outputs), [("empty_table".to_string(), None)]);
    assert_eq!(outputs.table("columns").unwrap().n_rows(), 2);
    assert_eq!(outputs.table("histograms").unwrap().n_rows(), 0);

    let no_columns = Table::new(None, vec![]).unwrap();
    assert_eq!(run(&no_columns).table("columns").unwrap().n_rows(), 0);

    let date: ArrayRef = Arc::new(Date32Array::from(vec![19_000]));
    let one = Table::new(None, vec![("x", float_array(vec![1.5])), ("d", date)]).unwrap();
    let columns = run(&one).table("columns").unwrap();
    assert_eq!((float(&columns, "p50", 0), float(&columns, "std", 0)), (Some(1.5), None));

    let extremes = [f64::MAX, f64::MIN, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 5e-324, 0.0];
    let wild = Table::new(None, vec![("x", float_array(extremes.to_vec()))]).unwrap();
    let outputs = run(&wild);
    let columns = outputs.table("columns").unwrap();
    assert_eq!((int(&columns, "count", 0), int(&columns, "missing", 0)), (Some(6), Some(1)));
    assert_eq!(float(&columns, "max", 0), Some(f64::MAX));
    assert!(!page(&outputs).contains("NaN"));
}

/// Three hundred columns with everything a page draws of one: names too long, levels, gaps, outliers, dates.
#[test]
fn wide_tables() {
    let n = 2000;
    let names: Vec<String> =
        (0..300).map(|i| format!("the name of column {i}, {}", "long ".repeat(20))).collect();
    let noise = |i: usize, row: usize| (row * (2 * i + 7919) * 31 % 10_007) as f64;
    let column = |i: usize| -> ArrayRef {
        let gap = |row: usize| i.is_multiple_of(3) && (row * (i + 1)).is_multiple_of(5);
        match i % 4 {
            0 => float_array(
                (0..n).map(|r| if gap(r) { f64::NAN } else { noise(i, r).powi(3) }).collect(),
            ),
            1 => opt_text_array((0..n).map(|r| {
                (!gap(r)).then(|| format!("{} level {}", "long ".repeat(9), r * (i + 3) % 30))
            })),
            2 => Arc::new(Date32Array::from_iter((0..n).map(|r| (!gap(r)).then_some(r as i32)))),
            _ => float_array((0..n).map(|r| noise(i, r)).collect()),
        }
    };
    let columns = names.iter().enumerate().map(|(i, name)| (name.as_str(), column(i))).collect();
    let outputs = run(&Table::new(None, columns).unwrap());
    // 150 numbers, by two methods; 75 texts, with each other and with the numbers.
    let n_pairs = 150 * 149 + 75 * 74 / 2 + 150 * 75;
    assert_eq!(outputs.table("correlations").unwrap().n_rows(), n_pairs);
    let n_bytes = outputs.bytes["report"].len();
    assert!(n_bytes < 3_000_000, "{n_bytes} bytes");
}

#[test]
fn gaps_are_drawn_where_they_are() {
    let x = float_array((0..600).map(|i| if i < 100 { f64::NAN } else { i as f64 }).collect());
    let y = opt_text_array((0..600).map(|i| (i % 2 == 0).then_some("a")));
    let whole = float_array((0..600).map(f64::from).collect());
    let table = Table::new(None, vec![("x", x), ("y", y), ("whole", whole)]).unwrap();
    let page = page(&run(&table));
    let section = &page[page.find("<section id=\"missing\">").unwrap()..];
    let section = &section[..section.find("</section>").unwrap()];
    // `x` lacks all of its first ten stretches of ten rows, `y` half of all sixty.
    let path = |opacity: &str| {
        let start = section.find(&format!("fill-opacity=\"{opacity}\" d=\"")).unwrap();
        section[start..].split('"').nth(3).unwrap().matches('M').count()
    };
    assert_eq!((path("1"), path("0.6")), (10, 60), "{section}");
    assert!(!section.contains("whole"));
}

#[test]
fn first_and_last_rows_do_not_overlap() {
    let rows = |n: usize| {
        let names = text_array((0..n).map(|i| format!("v{i}.")));
        let page = page(&run(&Table::new(None, vec![("t", names)]).unwrap()));
        page[page.find("<section id=\"rows\">").unwrap()..].to_string()
    };
    for (n, expected) in [(7, 7), (10, 10), (13, 13), (20, 20), (500, 20)] {
        let section = rows(n);
        let shown = (0..n).filter(|i| section.contains(&format!(">v{i}.<"))).count();
        assert_eq!(shown, expected, "{n} rows");
        assert_eq!(section.matches(&format!(">v{}.<", n - 1)).count(), 1, "{n} rows");
    }
    assert!(rows(500).contains("<span class=\"soft\">499</span>"));
}

#[test]
fn extremes_are_told_with_their_counts() {
    let x = float_array(vec![3.0, 1.0, 1.0, 2.0, 9.0, 8.0, 7.0, 6.0]);
    let page = page(&run(&Table::new(None, vec![("x", x)]).unwrap()));
    let told = &page[page.find("<dt>smallest</dt>").unwrap()..];
    assert!(told.starts_with(
        "<dt>smallest</dt><dd><span class=\"id\">1 <span class=\"soft\">×2</span></span><span class=\"id\">2</span>"
    ), "{}", &told[..200]);
    assert!(
        told.contains("<dt>largest</dt><dd><span class=\"id\">9</span><span class=\"id\">8</span>")
    );
}

#[test]
fn hostile_names_and_values_stay_text() {
    let hostile = "</title><script>alert(1)</script>\u{202e}\"'&";
    let columns =
        vec![(hostile, text_array([hostile, hostile, "x"])), ("", text_array(["", "\u{0}", "\n"]))];
    let outputs = run(&Table::new(None, columns).unwrap());
    let page = page(&outputs);
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;"));
    assert!(!page.contains('\u{0}'));
    for forbidden in ["http://", "https://", "src=", "@import", "url("] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn redaction_leaves_no_raw_value() {
    let n = 500;
    let secret = |i: usize| format!("secret{}", i % 5);
    let flag = BooleanArray::from_iter((0..n).map(|i| Some(i % 2 == 0)));
    let columns = vec![
        ("name", text_array((0..n).map(|i| format!("person{i}")))),
        ("city", text_array((0..n).map(secret))),
        ("pay", float_array((0..n).map(|i| 1000.123 + 7.777 * i as f64).collect())),
        ("flag", Arc::new(flag) as ArrayRef),
    ];
    let table = Table::new(Some("name"), columns).unwrap();
    let few = Table::new(
        None,
        vec![("x", float_array(vec![77.25; 50])), ("y", float_array(vec![0.5; 50]))],
    );
    let few = run_on(&few.unwrap(), &json!({ "redact": true }), 1);
    assert_eq!(few.table("histograms").unwrap().n_rows(), 0, "one value needs no histogram");
    let outputs = run_on(&table, &json!({ "redact": true }), 1);
    let figures = outputs.table("columns").unwrap();
    for column in ["min", "max", "p01", "p99"] {
        assert_eq!(float(&figures, column, 2), None, "{column}");
    }
    assert!(float(&figures, "p50", 2).is_some() && float(&figures, "p05", 2).is_some());
    assert_eq!(figures.column("top").unwrap().null_count(), 4);
    let histograms = outputs.table("histograms").unwrap();
    let lowest = (0..histograms.n_rows()).filter_map(|row| float(&histograms, "lower", row)).next();
    assert_eq!(lowest, Some(1000.0), "edges are round");
    for (port, bytes) in &outputs.bytes {
        let text = String::from_utf8_lossy(bytes);
        for raw in ["secret", "person", "1000.123", "1,000.1", "4,880.8", "smallest"] {
            assert!(!text.contains(raw), "{port} tells {raw}");
        }
    }
    assert!(page(&run(&table)).contains("secret1"));
}
