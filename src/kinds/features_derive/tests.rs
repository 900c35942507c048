//! Deriving columns: what comes out, what is told beforehand, what is refused.

use serde_json::json;

use super::*;
use crate::{
    frame::table::{float_array, int_array, text_array},
    stage::{ctx::Arrivals, memory},
};

fn customers() -> Table {
    let columns = vec![
        ("customer", text_array(["a", "b", "c", "d"])),
        ("monetary", float_array(vec![10.0, 20.0, f64::NAN, 5.0])),
        ("frequency", int_array(vec![2, 0, 3, 1])),
        ("note", text_array(["7", "x", "9", ""])),
    ];
    Table::new(Some("customer"), columns).unwrap()
}

fn run(written: Value, threads: usize) -> Result<(Table, Vec<String>), StageError> {
    let params = memory::canonical(&FeaturesDerive, &written)?;
    let mut arrivals = Arrivals::default();
    arrivals.single.insert("table".into(), memory::input("customers", &customers())?);
    let outputs = memory::run(&FeaturesDerive, &params, &arrivals, &Work::alone(threads))?;
    Ok((outputs.table("table")?, outputs.notes))
}

fn checked(written: Value, schema: Option<Schema>) -> Checked {
    let params = memory::canonical(&FeaturesDerive, &written).unwrap();
    let inputs = [("table".to_string(), schema.map(Arc::new))].into();
    FeaturesDerive.check(&Given { params, inputs })
}

fn problems(written: Value) -> Vec<String> {
    let schema = customers().schema();
    checked(written, Some(schema.as_ref().clone()))
        .problems
        .into_iter()
        .map(|p| format!("{}: {} [{}]", p.path.join("."), p.message, p.help))
        .collect()
}

#[test]
fn columns_are_added_in_order_then_rows_filtered_then_columns_chosen() {
    let written = json!({
        "columns": [["avg", "monetary / nullif(frequency, 0)"], ["double_avg", "avg * 2"],
                    ["frequency", "frequency + 1"]],
        "where": "frequency > 1 and monetary is not null",
        "drop": ["note", "customer"],
        "rename": { "customer": "id", "frequency": "visits" },
    });
    let (table, notes) = run(written.clone(), 1).unwrap();
    assert_eq!(table.names(), ["id", "monetary", "visits", "avg", "double_avg"]);
    assert_eq!(table.id_name().as_deref(), Some("id"));
    assert_eq!(table.texts("id").unwrap(), text_array(["a", "d"]).as_string::<i32>());
    assert_eq!(table.floats("double_avg").unwrap(), [10.0, 10.0]);
    assert_eq!(table.integers("visits").unwrap(), [Some(3), Some(2)]);
    assert_eq!(notes, ["`where` left out 2 of 4 rows"]);
    assert_eq!(run(written.clone(), 7).unwrap().0, table);

    let told = checked(written, Some(customers().schema().as_ref().clone()));
    assert_eq!(told.problems, []);
    assert_eq!(told.schemas["table"], table.schema(), "the schema is known beforehand");
}

#[test]
fn select_orders_and_the_id_stays() {
    let (table, _) = run(json!({ "select": ["note", "monetary"] }), 1).unwrap();
    assert_eq!(table.names(), ["customer", "note", "monetary"]);
    let (table, _) = run(json!({ "select": ["note", "customer"] }), 1).unwrap();
    assert_eq!(table.names(), ["note", "customer"]);
    let (table, _) =
        run(json!({ "rename": { "note": "monetary", "monetary": "note" } }), 1).unwrap();
    assert_eq!(table.names(), ["customer", "note", "frequency", "monetary"]);
    assert_eq!(run(json!({}), 1).unwrap().0, customers());
}

#[test]
fn infinite_values_are_told() {
    let (_, notes) = run(json!({ "columns": [["x", "monetary / frequency"]] }), 1).unwrap();
    assert_eq!(
        notes,
        [
            "column `x` has 1 of 4 values that are infinite or not a number; `x / nullif(y, 0)` gives \
          null instead"
        ]
    );
}

#[test]
fn everything_wrong_is_reported_at_its_place() {
    let written = json!({
        "columns": [["a", "monetary +"], ["b", "frequncy + 1"], ["c", "a + b + 1"], ["customer", "1"]],
        "where": "frequency",
        "drop": ["nope"],
        "rename": { "monetray": "m", "note": "frequency" },
    });
    assert_eq!(
        problems(written),
        [
            "columns.a: expected an expression, found the end of the expression (character 11) []",
            "columns.b: there is no column `frequncy` [did you mean `frequency`?]",
            "columns.customer: `customer` is the id, which an expression cannot replace [choose another name]",
            "where: expected a condition (true or false), found integer [compare it with something]",
            "drop.0: there is no column `nope` [did you mean `note`?]",
            "rename.monetray: there is no column `monetray` to rename [did you mean `monetary`?]",
            "rename: two columns would be called `frequency` [rename or drop one of them]",
        ]
    );
    let unknown = checked(json!({ "columns": [["a", "x +"], ["b", "y"]] }), None);
    assert_eq!(unknown.problems.len(), 1, "without a schema expressions are parsed at least");
}

#[test]
fn failures_name_column_row_and_id() {
    let failure = |written: Value| run(written, 2).unwrap_err().to_string();
    assert_eq!(
        failure(json!({ "columns": [["n", "cast(note as bigint)"]] })),
        "column `n`: cannot cast 'x' to integer in row 1 (customer b); try_cast gives null instead"
    );
    let missing = run(json!({ "columns": [["n", "montary"]] }), 1).unwrap_err();
    assert!(matches!(missing, StageError::Column { .. }));
    assert_eq!(
        missing.to_string(),
        "input `table`: there is no column `montary`, did you mean `monetary`?"
    );
    assert!(matches!(run(json!({ "drop": ["x"] }), 1), Err(StageError::Column { .. })));
    assert!(matches!(run(json!({ "where": "monetary" }), 1), Err(StageError::Data(_))));
}

/// Of several mistakes that only the table itself shows, one was told a run.
#[test]
fn mistakes_that_only_the_table_shows_are_told_together() {
    let written = json!({
        "columns": [["n", "montary"], ["half", "monetary / 2"], ["loud", "upper(monetary)"]],
        "drop": ["x"],
    });
    let text = run(written, 1).unwrap_err().to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "input `table`: 3 mistakes");
    assert_eq!(lines[1], "  `columns.n`: there is no column `montary`; did you mean `monetary`?");
    assert!(lines[2].starts_with("  `columns.loud`: ") && lines[3].starts_with("  `drop.0`: "));
}

#[test]
fn the_columns_that_are_read_are_exact() {
    let written = json!({
        "columns": [["avg", "monetary / Frequency"], ["twice", "avg * 2"], ["note", "upper(note)"],
                    ["unused", "customer || 'x'"]],
        "where": "frequency > 0",
        "rename": { "twice": "double" },
    });
    let params = memory::canonical(&FeaturesDerive, &written).unwrap();
    let available = customers().names();
    let read = |wanted: &[&str]| {
        let wanted: Vec<String> = wanted.iter().map(|w| (*w).to_string()).collect();
        FeaturesDerive.columns_read(&params, "table", &available, &wanted)
    };
    assert_eq!(read(&["double"]), ["monetary", "frequency"]);
    assert_eq!(read(&["note"]), ["frequency", "note"]);
    assert_eq!(read(&["customer"]), ["customer", "frequency"]);
    assert_eq!(read(&[]), ["frequency"]);
}
