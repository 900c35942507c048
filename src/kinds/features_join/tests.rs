//! Joins: order, nulls, names, and keys that stand twice.

use serde_json::json;

use super::*;
use crate::{
    frame::table::{float_array, int_array, opt_text_array, segment_array, text_array},
    stage::{ctx::Arrivals, memory},
};

fn customers() -> Table {
    let columns = vec![
        ("customer", text_array(["a", "b", "c", "d"])),
        ("region", opt_text_array([Some("north"), None, Some("south"), Some("north")])),
        ("income", float_array(vec![1.0, 2.0, 3.0, 4.0])),
    ];
    Table::new(Some("customer"), columns).unwrap()
}

fn regions() -> Table {
    let columns = vec![
        ("region", opt_text_array([Some("north"), Some("west"), None, None])),
        ("income", float_array(vec![10.0, 20.0, 30.0, 40.0])),
        ("people", int_array(vec![1, 2, 3, 4])),
    ];
    Table::new(Some("region"), columns).unwrap()
}

fn run(written: Value, left: &Table, right: &Table) -> Result<(Table, Vec<String>), StageError> {
    let params = memory::canonical(&FeaturesJoin, &written)?;
    let mut arrivals = Arrivals::default();
    arrivals.single.insert("left".into(), memory::input("left", left)?);
    arrivals.single.insert("right".into(), memory::input("right", right)?);
    let outputs = memory::run(&FeaturesJoin, &params, &arrivals, &Work::alone(2))?;
    Ok((outputs.table("table")?, outputs.notes))
}

#[test]
fn left_keeps_every_row_in_order_and_nulls_match_nothing() {
    let written = json!({ "on": "region", "suffix": "_of_region" });
    let (table, notes) = run(written.clone(), &customers(), &regions()).unwrap();
    assert_eq!(table.names(), ["customer", "region", "income", "income_of_region", "people"]);
    assert_eq!(table.id_name().as_deref(), Some("customer"));
    assert_eq!(table.integers("people").unwrap(), [Some(1), None, None, Some(1)]);
    assert_eq!(notes, ["2 of 4 rows have no match in the right table; their new columns are null"]);
    let params = memory::canonical(&FeaturesJoin, &written).unwrap();
    let schema = |table: &Table| Some(table.schema());
    let inputs = [("left".into(), schema(&customers())), ("right".into(), schema(&regions()))];
    let checked = FeaturesJoin.check(&Given { params: params.clone(), inputs: inputs.into() });
    assert_eq!(checked.problems, []);
    assert_eq!(checked.schemas["table"], table.schema(), "the schema is known beforehand");
    let read = |port: &str, table: &Table, wanted: &str| {
        FeaturesJoin.columns_read(&params, port, &table.names(), &[wanted.to_string()])
    };
    assert_eq!(read("right", &regions(), "income_of_region"), ["region", "income"]);
    assert_eq!(read("left", &customers(), "people"), ["region"]);
}

#[test]
fn inner_keeps_what_matches() {
    let written =
        json!({ "left_on": ["region"], "right_on": "region", "how": "inner", "suffix": "2" });
    let (table, notes) = run(written, &customers(), &regions()).unwrap();
    assert_eq!(table.texts("customer").unwrap(), &arrow::array::StringArray::from(vec!["a", "d"]));
    assert_eq!(notes, ["2 of 4 rows have no match in the right table and are left out"]);
}

#[test]
fn keys_of_several_columns_and_of_different_numbers() {
    let left = Table::new(
        None,
        vec![("a", segment_array(vec![1, 1, 2])), ("b", float_array(vec![1.0, -0.0, 2.5]))],
    );
    let right = Table::new(
        None,
        vec![
            ("x", int_array(vec![1, 1])),
            ("y", int_array(vec![0, 1])),
            ("v", int_array(vec![7, 8])),
        ],
    );
    let written = json!({ "left_on": ["a", "b"], "right_on": ["x", "y"] });
    let (table, _) = run(written, &left.unwrap(), &right.unwrap()).unwrap();
    assert_eq!(table.names(), ["a", "b", "v"]);
    assert_eq!(table.integers("v").unwrap(), [Some(8), Some(7), None]);
}

#[test]
fn refusals_say_what_is_wrong() {
    let failure = |written: Value, left: &Table, right: &Table| {
        run(written, left, right).map(|_| ()).unwrap_err().to_string()
    };
    let twice = regions().take(&[0, 1, 0]).unwrap();
    assert_eq!(
        failure(json!({ "on": "region", "suffix": "_r" }), &customers(), &twice),
        "the right table has the key region north twice, in rows 0 and 2; make it unique, for \
         example with features.aggregate"
    );
    assert_eq!(
        failure(json!({ "on": "region" }), &customers(), &regions()),
        "both tables have a column `income`; set `suffix`, or rename or drop one of them before"
    );
    assert_eq!(
        failure(json!({ "left_on": "region", "right_on": "people" }), &customers(), &regions()),
        "the keys `region` (text) and `people` (integer) cannot be equal; cast one of them with \
         features.derive"
    );
    assert_eq!(
        failure(json!({ "on": "regoin" }), &customers(), &regions()),
        "input `left`: there is no column `regoin`, did you mean `region`?"
    );
    let problems = |written: Value| {
        let params = memory::canonical(&FeaturesJoin, &written).unwrap();
        let inputs = [("left".to_string(), Some(customers().schema()))].into();
        let problems = FeaturesJoin.check(&Given { params, inputs }).problems;
        problems.into_iter().map(|p| p.message).collect::<Vec<_>>()
    };
    assert_eq!(problems(json!({})), ["`on` is missing"]);
    assert_eq!(problems(json!({ "on": "a", "left_on": "b" })).len(), 1);
    assert_eq!(problems(json!({ "left_on": "b" })).len(), 1);
    assert_eq!(problems(json!({ "left_on": "b", "right_on": ["c", "d"] })).len(), 1);
    assert_eq!(problems(json!({ "on": "incme" })), ["there is no column `incme`"]);
}

#[test]
fn empty_tables_join() {
    let none = customers().take(&[]).unwrap();
    let written = json!({ "on": "region", "suffix": "_r" });
    assert_eq!(run(written.clone(), &none, &regions()).unwrap().0.n_rows(), 0);
    let nothing = regions().take(&[]).unwrap();
    assert_eq!(run(written, &customers(), &nothing).unwrap().0.n_rows(), 4);
}

/// A server asks for row after row, and now and then another program writes numbers where there was text.
#[test]
fn what_is_ready_is_asked_again() {
    let work = Work::alone(1);
    let params = memory::canonical(&FeaturesJoin, &json!({ "on": "k", "how": "inner" })).unwrap();
    let right = vec![("k", int_array(vec![1, 2])), ("v", int_array(vec![10, 20]))];
    let right = Table::new(None, right).unwrap();
    let ready = FeaturesJoin.row_by_row(&params, &|_| Ok(right.clone())).unwrap().unwrap();
    let ask = |keys: ArrayRef| {
        let applied = ready.apply(&Table::new(None, vec![("k", keys)]).unwrap(), &work).unwrap();
        (applied.table.integers("v").unwrap(), applied.kept.unwrap(), applied.remarks)
    };
    assert_eq!(ask(int_array(vec![2])), (vec![Some(20)], vec![0], vec![]));
    let (values, kept, remarks) = ask(float_array(vec![0.5, 1.0]));
    assert_eq!((values, kept), (vec![Some(10)], vec![1]));
    let told = "1 of 2 rows have no match in the right table and are left out";
    assert_eq!(remarks[0].to_string(), told);
    let (mut all, more) = (remarks.clone(), remarks[0].clone());
    more.add_to(&mut all);
    assert_eq!((all.len(), all[0].n, all[0].of), (1, 2, 4));
    assert_eq!(ask(int_array(vec![1, 1])).0, [Some(10), Some(10)]);
}
