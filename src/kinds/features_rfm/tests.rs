//! RFM by hand: returns, cancellations, times, ties and what is left out.

use arrow::array::{AsArray, Date32Array, TimestampMicrosecondArray};
use serde_json::json;

use super::*;
use crate::{
    frame::table::{float_array, int_array, opt_text_array},
    stage::{ctx::Arrivals, memory},
};

const NOON: i64 = DAY / 2;

fn orders() -> Table {
    let moments = [0, 0, 3 * DAY + NOON, 9 * DAY, 9 * DAY, 10 * DAY, 4 * DAY].map(Some);
    let when = moments.into_iter().chain([None, Some(5 * DAY), Some(6 * DAY)]);
    let columns = vec![
        (
            "who",
            opt_text_array(
                ["b", "b", "b", "a", "a", "b", "c", "a", "", "d"]
                    .map(|w| (!w.is_empty()).then_some(w)),
            ),
        ),
        ("when", Arc::new(TimestampMicrosecondArray::from_iter(when)) as ArrayRef),
        ("pieces", int_array(vec![1, 2, 3, 1, 1, -2, 5, 1, 1, -1])),
        ("price", float_array(vec![10.0, 5.0, 1.0, 7.0, 0.0, 5.0, f64::NAN, 1.0, 1.0, 3.0])),
        ("bill", opt_text_array(["1", "1", "2", "3", "3", "C1", "4", "5", "6", "C9"].map(Some))),
    ];
    Table::new(None, columns).unwrap()
}

fn run(more: Value, table: &Table) -> Result<(Table, Vec<String>), StageError> {
    let mut written = json!({ "customer": "who", "timestamp": "when" });
    for (key, value) in more.as_object().unwrap() {
        written[key] = value.clone();
    }
    let params = memory::canonical(&FeaturesRfm, &written)?;
    let mut arrivals = Arrivals::default();
    arrivals.single.insert("table".into(), memory::input("orders", table)?);
    let outputs = memory::run(&FeaturesRfm, &params, &arrivals, &Work::alone(2))?;
    Ok((outputs.table("table")?, outputs.notes))
}

fn ints(table: &Table, name: &str) -> Vec<i64> {
    table.integers(name).unwrap().into_iter().flatten().collect()
}

#[test]
fn returns_are_taken_off_and_are_no_purchases() {
    let more = json!({ "quantity": "pieces", "price": "price", "invoice": "bill" });
    let (table, notes) = run(more, &orders()).unwrap();
    let mut names = vec!["who"];
    names.extend(OUTPUTS);
    assert_eq!(table.names(), names);
    assert_eq!(table.id_name().as_deref(), Some("who"));
    assert_eq!(table.texts("who").unwrap(), text_array(["a", "b"]).as_string::<i32>());
    // The last timestamp is day 10, so recency counts from day 11.
    assert_eq!(ints(&table, "recency_days"), [2, 7]);
    assert_eq!(ints(&table, "frequency"), [1, 2]);
    assert_eq!(table.floats("monetary").unwrap(), [7.0, 13.0]);
    assert_eq!(ints(&table, "r_score"), [5, 1]);
    assert_eq!(ints(&table, "f_score"), [1, 5]);
    assert_eq!(ints(&table, "m_score"), [1, 5]);
    let segments = text_array(["new", "cannot lose"]);
    assert_eq!(table.texts("rfm_segment").unwrap(), segments.as_string::<i32>());
    assert_eq!(
        notes,
        [
            "1 of 10 rows have no timestamp and are left out",
            "1 of 10 rows have no amount and are left out",
            "2 of 10 rows are returns: their money is taken off",
            "1 of 8 rows have no `who` and are left out",
            "1 of 3 customers have no purchase and are left out",
            "recency is counted from 1970-01-12 00:00:00",
        ]
    );
}

#[test]
fn other_policies_and_an_earlier_day() {
    let money = json!({ "quantity": "pieces", "price": "price", "invoice": "bill" });
    let with = |key: &str, value: &str| {
        let mut more = money.clone();
        more[key] = json!(value);
        run(more, &orders()).unwrap().0
    };
    assert_eq!(with("returns", "exclude").floats("monetary").unwrap(), [7.0, 23.0]);
    let kept = with("returns", "keep");
    assert_eq!(ints(&kept, "frequency"), [1, 3, 1], "a, b and the returning d");
    assert_eq!(ints(&kept, "recency_days"), [2, 1, 5]);
    let early = with("as_of", "1970-01-05");
    assert_eq!(ints(&early, "recency_days"), [0]);
    assert_eq!(ints(&early, "frequency"), [2]);
    let rows = run(json!({ "amount": "price" }), &orders()).unwrap().0;
    assert_eq!(ints(&rows, "frequency"), [2, 4, 1], "rows, where there is no invoice");
    // Where every invoice starts with C, the letter means nothing.
    let all = opt_text_array([Some("C1"), Some("C2")]);
    let table = Table::new(
        None,
        vec![
            ("who", text_array(["x", "x"])),
            ("when", Arc::new(Date32Array::from(vec![1, 2])) as ArrayRef),
            ("price", float_array(vec![1.0, 2.0])),
            ("bill", all),
        ],
    )
    .unwrap();
    let (table, _) = run(json!({ "amount": "price", "invoice": "bill" }), &table).unwrap();
    assert_eq!(ints(&table, "frequency"), [2]);
    assert_eq!(table.column("first_seen").unwrap().data_type(), &DataType::Date32);
}

#[test]
fn the_schema_is_known_and_mistakes_are_located() {
    let written = json!({ "customer": "who", "timestamp": "when", "amount": "price" });
    let checked = |written: Value| {
        let params = memory::canonical(&FeaturesRfm, &written).unwrap();
        let inputs = [("table".to_string(), Some(orders().schema()))].into();
        FeaturesRfm.check(&Given { params, inputs })
    };
    let table = run(json!({ "amount": "price" }), &orders()).unwrap().0;
    assert_eq!(checked(written).schemas["table"], table.schema());
    let told = |written: Value| {
        let problems = checked(written).problems;
        problems
            .into_iter()
            .map(|p| format!("{}: {}", p.path.join("."), p.message))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        told(json!({ "customer": "woh", "timestamp": "bill", "quantity": "who", "as_of": "soon" })),
        [
            ": `quantity` and `price` go together",
            "as_of: `as_of` is neither a date nor a timestamp",
            "customer: there is no column `woh`",
            "timestamp: column `bill` is text, expected dates or timestamps",
            "quantity: column `who` is text, expected numbers",
        ]
    );
    let text = run(json!({ "amount": "bill" }), &orders()).unwrap_err();
    assert!(matches!(text, StageError::Data(_)));
    let missing = run(json!({ "amount": "amuont" }), &orders()).unwrap_err();
    assert!(matches!(missing, StageError::Column { .. }));
}

#[test]
fn degenerate_tables() {
    let more = json!({ "amount": "price" });
    assert_eq!(run(more.clone(), &orders().take(&[]).unwrap()).unwrap().0.n_rows(), 0);
    assert_eq!(run(more.clone(), &orders().take(&[7, 8]).unwrap()).unwrap().0.n_rows(), 0);
    let (one, _) = run(more, &orders().take(&[3]).unwrap()).unwrap();
    assert_eq!((ints(&one, "r_score"), ints(&one, "recency_days")), (vec![1], vec![1]));
}
