//! Figures of groups held against pandas, and what is refused.

use arrow::{
    array::{AsArray, Date32Array},
    datatypes::Float64Type,
};
use serde_json::json;

use super::*;
use crate::{
    base::pool::CHUNK_ROWS,
    frame::table::{float_array, int_array, opt_text_array},
    ml::rng::Rng,
    stage::{ctx::Arrivals, memory},
};

fn orders() -> Table {
    let columns = vec![
        (
            "customer",
            opt_text_array([
                Some("b"),
                Some("a"),
                None,
                Some("b"),
                Some("a"),
                Some("c"),
                Some("b"),
            ]),
        ),
        ("amount", float_array(vec![10.0, 1.5, 99.0, -4.0, f64::NAN, f64::NAN, 7.0])),
        ("quantity", int_array(vec![1, 2, 3, 4, 5, 6, 7])),
        (
            "country",
            opt_text_array([Some("DE"), Some("FR"), None, Some("DE"), None, None, Some("AT")]),
        ),
        (
            "day",
            Arc::new(Date32Array::from(vec![
                Some(5),
                Some(9),
                Some(1),
                Some(3),
                Some(2),
                Some(1),
                Some(5),
            ])),
        ),
    ];
    Table::new(None, columns).unwrap()
}

fn run(columns: Value, table: &Table, threads: usize) -> Result<(Table, Vec<String>), StageError> {
    let written = json!({ "key": "customer", "columns": columns });
    let params = memory::canonical(&FeaturesAggregate, &written)?;
    let mut arrivals = Arrivals::default();
    arrivals.single.insert("table".into(), memory::input("orders", table)?);
    let outputs = memory::run(&FeaturesAggregate, &params, &arrivals, &Work::alone(threads))?;
    Ok((outputs.table("table")?, outputs.notes))
}

/// By hand; pandas 3 gives the same with `groupby(...).agg` (its `std` of one value is NaN, null here).
#[test]
fn figures_are_those_of_pandas() {
    let columns = json!([
        ["n", { "agg": "count" }],
        ["n_amounts", { "agg": "count", "of": "amount" }],
        ["revenue", { "agg": "sum", "of": "amount" }],
        ["spent", { "agg": "sum", "of": "amount * quantity", "where": "amount > 0" }],
        ["items", { "agg": "sum", "of": "quantity" }],
        ["mean", { "agg": "mean", "of": "amount" }],
        ["std", { "agg": "std", "of": "quantity" }],
        ["median", { "agg": "median", "of": "quantity" }],
        ["least", { "agg": "min", "of": "amount" }],
        ["most", { "agg": "max", "of": "country" }],
        ["countries", { "agg": "distinct", "of": "country" }],
        ["first", { "agg": "first", "of": "country", "by": "day" }],
        ["last", { "agg": "last", "of": "quantity", "by": "day" }],
        ["newest", { "agg": "last", "of": "country" }],
        ["big", { "agg": "sum", "of": "quantity > 3" }],
        ["until", { "agg": "max", "of": "day" }],
    ]);
    let (table, notes) = run(columns.clone(), &orders(), 1).unwrap();
    assert_eq!(table.id_name().as_deref(), Some("customer"));
    assert_eq!(notes, ["1 of 7 rows have no `customer` and are left out"]);
    let text = |name: &str| {
        let values = table.texts(name).unwrap();
        values.iter().map(|v| v.map(String::from)).collect::<Vec<_>>()
    };
    let some = |values: &[&str]| values.iter().map(|v| Some((*v).to_string())).collect::<Vec<_>>();
    let ints = |name: &str| table.integers(name).unwrap().into_iter().flatten().collect::<Vec<_>>();
    let floats = |name: &str| {
        table.column(name).unwrap().as_primitive::<Float64Type>().iter().collect::<Vec<_>>()
    };
    assert_eq!(text("customer"), some(&["a", "b", "c"]));
    assert_eq!(ints("n"), [2, 3, 1]);
    assert_eq!(ints("n_amounts"), [1, 3, 0]);
    assert_eq!(floats("revenue"), [Some(1.5), Some(13.0), Some(0.0)]);
    assert_eq!(floats("spent"), [Some(3.0), Some(59.0), Some(0.0)]);
    assert_eq!(ints("items"), [7, 12, 6]);
    assert_eq!(floats("mean"), [Some(1.5), Some(13.0 / 3.0), None]);
    assert_eq!(floats("std"), [Some(4.5_f64.sqrt()), Some(3.0), None]);
    assert_eq!(floats("median"), [Some(3.5), Some(4.0), Some(6.0)]);
    assert_eq!(floats("least"), [Some(1.5), Some(-4.0), None]);
    assert_eq!(text("most"), [Some("FR".to_string()), Some("DE".to_string()), None]);
    assert_eq!(ints("countries"), [1, 2, 0]);
    assert_eq!(text("first"), [Some("FR".to_string()), Some("DE".to_string()), None]);
    assert_eq!(ints("last"), [2, 7, 6], "equal days: the later row is the last");
    assert_eq!(text("newest"), [Some("FR".to_string()), Some("AT".to_string()), None]);
    assert_eq!(ints("big"), [1, 2, 1]);

    let written = json!({ "key": "customer", "columns": columns });
    let params = memory::canonical(&FeaturesAggregate, &written).unwrap();
    let inputs = [("table".to_string(), Some(orders().schema()))].into();
    let checked = FeaturesAggregate.check(&Given { params: params.clone(), inputs });
    assert_eq!(checked.problems, []);
    assert_eq!(checked.schemas["table"], table.schema(), "the schema is known beforehand");
    let read = |wanted: &str| {
        let available = orders().names();
        FeaturesAggregate.columns_read(&params, "table", &available, &[wanted.to_string()])
    };
    assert_eq!(read("spent"), ["customer", "amount", "quantity"]);
    assert_eq!(read("n"), ["customer"]);
    assert_eq!(read("first"), ["customer", "country", "day"]);
}

#[test]
fn everything_wrong_is_reported_at_its_place() {
    let written = json!({ "key": "custmer", "columns": [
        ["n", { "agg": "sum" }],
        ["m", { "agg": "mean", "of": "country" }],
        ["f", { "agg": "mean", "of": "amount", "by": "day" }],
        ["g", { "agg": "first", "of": "amuont", "by": "day +" }],
        ["h", { "agg": "count", "where": "amount" }],
        ["custmer", { "agg": "count" }],
    ] });
    let params = memory::canonical(&FeaturesAggregate, &written).unwrap();
    let inputs = [("table".to_string(), Some(orders().schema()))].into();
    let problems = FeaturesAggregate.check(&Given { params, inputs }).problems;
    let told: Vec<_> =
        problems.iter().map(|p| format!("{}: {}", p.path.join("."), p.message)).collect();
    assert_eq!(
        told,
        [
            "columns.n: `sum` needs `of`",
            "columns.f.by: `mean` does not depend on an order",
            "columns.g.by: expected an expression, found the end of the expression (character 6)",
            "columns.custmer: two columns would be called `custmer`",
            "key: there is no column `custmer`",
            "columns.m.of: `mean` needs numbers, found text",
            "columns.g.of: there is no column `amuont`",
            "columns.h.where: expected a condition (true or false), found float",
        ]
    );
}

#[test]
fn degenerate_tables_and_overflow() {
    let columns = json!([["n", { "agg": "count" }], ["m", { "agg": "median", "of": "amount" }]]);
    let empty = orders().take(&[]).unwrap();
    assert_eq!(run(columns.clone(), &empty, 2).unwrap().0.n_rows(), 0);
    let (one, _) = run(columns, &orders().take(&[2]).unwrap(), 2).unwrap();
    assert_eq!(one.n_rows(), 0, "its only row has no key");
    let huge = json!([["n", { "agg": "sum", "of": "quantity + 9223372036854775800" }]]);
    let error = run(huge, &orders(), 2).unwrap_err().to_string();
    assert!(error.starts_with("column `n`: the sum is out of range"), "{error}");
    let text = json!([["n", { "agg": "std", "of": "country" }]]);
    assert!(matches!(run(text, &orders(), 1), Err(StageError::Data(_))));
}

#[test]
fn threads_do_not_change_a_bit() {
    let n = 2 * CHUNK_ROWS + 77;
    let mut rng = Rng::new(7);
    let keys: Vec<i64> = (0..n).map(|_| (rng.uniform() * 90_000.0) as i64).collect();
    let values: Vec<f64> = (0..n).map(|_| rng.uniform() - 0.3).collect();
    let columns = vec![("customer", int_array(keys)), ("x", float_array(values))];
    let table = Table::new(None, columns).unwrap();
    let columns = json!([["s", { "agg": "sum", "of": "x" }], ["d", { "agg": "std", "of": "x" }],
                         ["l", { "agg": "last", "of": "x", "by": "-x" }]]);
    let on = |threads| run(columns.clone(), &table, threads).unwrap().0;
    assert_eq!(on(1), on(2));
    assert_eq!(on(1), on(7));
}
