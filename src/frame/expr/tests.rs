//! Expressions held against DuckDB, and what only we say: errors with places, refusals, laziness.

use std::{path::Path, sync::Arc};

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BooleanArray, Date32Array, Float64Array, Int32Array, Int64Array,
        RecordBatch, StringArray, TimestampMicrosecondArray,
    },
    datatypes::{DataType, Date32Type, Float64Type, Int64Type, TimestampMicrosecondType},
};
use serde_json::{Value, json};

use super::*;
use crate::frame::{Table, table::int_array};

/// Where we differ from DuckDB on purpose, and why.
const DIFFERENT: &[(&str, &str)] = &[
    ("i in ()", "an empty list is most likely a mistake"),
    ("s like 'A%' = true", "the parser binds = first, and a text is no condition: write brackets"),
    ("(select 1)", "other rows are out of reach"),
    ("sum(i)", "other rows are out of reach"),
    ("s || null", "the result is text, also where all of it is null"),
    ("substring(s, i, j)", "a position beyond 32 bits is merely far away"),
    ("left(s, i)", "a position beyond 32 bits is merely far away"),
];

fn oracle() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/expr.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn float_of(value: &Value) -> Option<f64> {
    value.as_str().map(|text| text.parse().unwrap())
}

fn column_of(sql_type: &str, values: Vec<&Value>) -> ArrayRef {
    match sql_type {
        "BIGINT" => Arc::new(values.iter().map(|v| v.as_i64()).collect::<Int64Array>()),
        "DOUBLE" => Arc::new(values.iter().map(|v| float_of(v)).collect::<Float64Array>()),
        "VARCHAR" => Arc::new(values.iter().map(|v| v.as_str()).collect::<StringArray>()),
        "BOOLEAN" => Arc::new(values.iter().map(|v| v.as_bool()).collect::<BooleanArray>()),
        "DATE" => {
            let day = |v: &&Value| v.as_str().map(|t| read_form::date(t).unwrap());
            Arc::new(values.iter().map(day).collect::<Date32Array>())
        }
        _ => Arc::new(values.iter().map(|v| v.as_i64()).collect::<TimestampMicrosecondArray>()),
    }
}

fn oracle_table(document: &Value) -> Table {
    let rows = document["rows"].as_array().unwrap();
    let columns: Vec<(&str, ArrayRef)> = document["columns"]
        .as_str()
        .unwrap()
        .split(", ")
        .enumerate()
        .map(|(i, declared)| {
            let (name, sql_type) = declared.split_once(' ').unwrap();
            (name, column_of(sql_type, rows.iter().map(|row| &row[i]).collect()))
        })
        .collect();
    Table::new(Some("id"), columns).unwrap()
}

/// Spells a column as the oracle does.
fn spelled(array: &ArrayRef) -> (&'static str, Vec<Value>) {
    let rows = 0..array.len();
    let each = |f: &dyn Fn(usize) -> Value| {
        rows.clone().map(|row| if array.is_null(row) { Value::Null } else { f(row) }).collect()
    };
    match array.data_type() {
        DataType::Int64 => ("int", each(&|r| json!(array.as_primitive::<Int64Type>().value(r)))),
        DataType::Float64 => {
            let text = |r| match array.as_primitive::<Float64Type>().value(r) {
                x if x.is_nan() => "nan".to_string(),
                x => format!("{x:?}"),
            };
            ("float", each(&|r| json!(text(r))))
        }
        DataType::Utf8 => ("text", each(&|r| json!(array.as_string::<i32>().value(r)))),
        DataType::Boolean => ("bool", each(&|r| json!(array.as_boolean().value(r)))),
        DataType::Date32 => {
            let text = |r| text_form::date(array.as_primitive::<Date32Type>().value(r).into());
            ("date", each(&|r| json!(text(r))))
        }
        _ => (
            "timestamp",
            each(&|r| json!(array.as_primitive::<TimestampMicrosecondType>().value(r))),
        ),
    }
}

fn close(kind: &str, ours: &Value, theirs: &Value) -> bool {
    if kind != "float" || ours.is_null() || theirs.is_null() {
        return ours == theirs;
    }
    let (a, b) = (float_of(ours).unwrap(), float_of(theirs).unwrap());
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-12 * b.abs()
}

#[test]
fn agrees_with_duckdb() {
    let document = oracle();
    let table = oracle_table(&document);
    let mut wrong = Vec::new();
    let cases = document["cases"].as_array().unwrap();
    assert!(cases.len() > 400);
    for case in cases {
        let text = case["expr"].as_str().unwrap();
        if DIFFERENT.iter().any(|(known, _)| *known == text) {
            continue;
        }
        let ours = Expr::parse(text).and_then(|expr| expr.eval(table.batch()));
        match (ours, case["error"].as_bool()) {
            (Err(_), Some(true)) => {}
            (Err(error), _) => wrong.push(format!("{text}: {error}")),
            (Ok(array), Some(true)) => {
                wrong.push(format!("{text}: DuckDB refuses, we say {:?}", spelled(&array)));
            }
            (Ok(array), _) => {
                let (kind, values) = spelled(&array);
                let theirs = case["values"].as_array().unwrap();
                let same = kind == case["type"]
                    && values.len() == theirs.len()
                    && values.iter().zip(theirs).all(|(a, b)| close(kind, a, b));
                if !same {
                    let theirs = serde_json::to_string(theirs).unwrap();
                    let ours = serde_json::to_string(&values).unwrap();
                    wrong
                        .push(format!("{text}: {} {theirs}\n    ours {kind} {ours}", case["type"]));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

fn small() -> Table {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("amount", int_array(vec![10, 0, -5])),
        ("segment", Arc::new(Int32Array::from(vec![0, 1, -1]))),
        ("Annual Income (k$)", Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0]))),
        ("code", Arc::new(StringArray::from(vec!["1", "x", "3"]))),
        ("day", Arc::new(Date32Array::from(vec![0, 1, 2]))),
    ];
    Table::new(None, columns).unwrap()
}

fn complaint(text: &str) -> String {
    let table = small();
    match Expr::parse(text).and_then(|e| e.eval(table.batch())) {
        Ok(array) => format!("fine: {array:?}"),
        Err(error) => format!("{}: {error}", error.offset),
    }
}

#[test]
fn complaints_say_where_and_what_to_do() {
    for (text, expected) in [
        ("", "0: the expression is empty"),
        ("amount + amuont", "9: there is no column `amuont` (did you mean `amount`?)"),
        (
            "amount > abc_def",
            "9: there is no column `abc_def` (a text goes in single quotes: 'abc_def')",
        ),
        ("1 + sqrtt(amount)", "4: there is no function `sqrtt` (did you mean `sqrt`?)"),
        (
            "round(amount, 1, 2)",
            "0: `round` does not take 3 arguments (it takes round(integer) or round(float) or \
             round(integer, integer) or round(float, integer))",
        ),
        ("abs(code)", "0: `abs` does not take (text) (it takes abs(integer) or abs(float))"),
        ("if(amount > 1, 2)", "0: `if` takes 3 arguments, not 2"),
        (
            "amount +\n  cast(code as bigint)",
            "16: cannot cast 'x' to integer in row 1 (try_cast gives null instead)",
        ),
        (
            "10 // amount",
            "0: division of an integer by zero in row 1 (nullif(x, 0) avoids a division by zero, \
             cast(x as double) an overflow)",
        ),
        ("amount = 'abc'", "9: cannot cast 'abc' to integer"),
        (
            "code > 5",
            "0: cannot mix text and integer in a comparison (cast one of them, as in cast(x as varchar))",
        ),
        ("amount +", "8: expected an expression, found the end of the expression"),
        ("'abc", "0: unterminated string literal"),
        (
            "Annual Income > 3",
            "7: unexpected `Income` after the end of the expression (a column's name with spaces goes \
             in double quotes, a text in single quotes)",
        ),
        (
            "amount --1",
            "7: `--` starts a comment (write a space between two minus signs, or use a YAML comment)",
        ),
        ("amount::bigintt", "0: unknown type `bigintt` (did you mean `bigint`?)"),
        (
            "now()",
            "0: `now` would give another result at another time (write the date, as in date \
             '2026-01-01', or a parameter: date '${params.as_of}')",
        ),
        (
            "day > current_date",
            "6: `current_date` would give another result at another time (write the date, as in date \
             '2026-01-01', or a parameter: date '${params.as_of}')",
        ),
        (
            "random()",
            "0: `random` would give another result in every run (add the random column to the \
             source, where its values are kept)",
        ),
        (
            "max(amount)",
            "0: `max` looks at other rows; an expression sees one (use features.aggregate, or \
             greatest(a, b) within a row)",
        ),
        ("date_diff('dya', day, day)", "10: there is no unit of time 'dya' (did you mean `day`?)"),
        (
            "interval 1 day",
            "9: an interval cannot be a column (use date_diff('day', a, b), or epoch(a - b) for seconds)",
        ),
        (
            "c.amount",
            "0: `c.amount` names a table; an expression knows columns only (a name with a dot goes \
             in double quotes: \"c.amount\")",
        ),
        (
            "amount // 2.5",
            "0: `//` does not take integer and float (it divides integers; use floor(a / b))",
        ),
    ] {
        assert_eq!(complaint(text), expected, "{text}");
    }
}

#[test]
fn mistakes_that_need_no_table_are_found_without_one() {
    for text in [
        "sqrtt(x)",
        "abs(x, 1, 2)",
        "date_diff('dya', x, y)",
        "date_part('dya', x)",
        "x > date '2024-02-30'",
        "x + ('a' * 2)",
        "coalesce(x, cast('abc' as bigint))",
        "interval 'soon' + x",
    ] {
        assert!(Expr::parse(text).is_err(), "{text}");
    }
}

#[test]
fn rows_that_take_another_branch_are_spared() {
    let table = small();
    for (text, expected) in [
        ("case when amount <> 0 then 10 // amount else 0 end", [1, 0, -2]),
        ("coalesce(nullif(amount, 10), cast(code as bigint))", [1, 0, -5]),
        ("if(code = 'x' or cast(code as bigint) > 2, 1, 0)", [0, 1, 1]),
        ("if(code <> 'x' and cast(code as bigint) > 2, 1, 0)", [0, 0, 1]),
        ("segment", [0, 1, -1]),
        ("AMOUNT + Segment", [10, 1, -6]),
        ("\"annual income (k$)\"::bigint", [1, 2, 3]),
    ] {
        let array = Expr::parse(text).unwrap().eval(table.batch()).unwrap();
        assert_eq!(array.as_primitive::<Int64Type>().values(), &expected, "{text}");
    }
}

#[test]
fn columns_and_types_are_known_before_any_row() {
    let expr = Expr::parse("\"a b\" + x * \"a b\" - date_diff('day', d, '2024-01-01')").unwrap();
    assert_eq!(expr.columns(), ["a b", "x", "d"]);
    let schema = small().schema();
    let type_of = |text: &str| Expr::parse(text).and_then(|e| e.type_in(&schema));
    assert_eq!(type_of("amount / 2"), Ok(DataType::Float64));
    assert_eq!(type_of("segment"), Ok(DataType::Int64));
    assert_eq!(type_of("null"), Ok(DataType::Int64));
    assert_eq!(type_of("day + interval 1 month"), Ok(Ty::Timestamp.arrow()));
    assert!(Expr::parse("amount").unwrap().check_condition(&schema).is_err());
    assert!(Expr::parse("amount > 1").unwrap().check_condition(&schema).is_ok());
}

#[test]
fn empty_tables_and_deep_expressions_do_not_panic() {
    let empty = small().batch().slice(0, 0);
    for case in oracle()["cases"].as_array().unwrap() {
        let _ = Expr::parse(case["expr"].as_str().unwrap()).and_then(|e| e.eval(&empty));
    }
    let batch: RecordBatch = small().batch().clone();
    let sum = |n: usize| vec!["amount"; n].join(" + ");
    let long = Expr::parse(&sum(150)).unwrap().eval(&batch).unwrap();
    assert_eq!(long.as_primitive::<Int64Type>().values(), &[1500, 0, -750]);
    for operator in [" or ", " and "] {
        let deep = vec!["amount <> 3"; 140].join(operator);
        assert!(Expr::parse(&deep).unwrap().eval(&batch).is_ok());
    }
    let brackets = |n: usize| format!("{}amount{}", "(".repeat(n), ")".repeat(n));
    assert!(Expr::parse(&brackets(20)).is_ok());
    for text in [sum(900), sum(100_000), brackets(100_000), "not ".repeat(900) + "true"] {
        assert!(Expr::parse(&text).is_err());
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let n = 70_001;
    let x: Float64Array = (0..n).map(|i| (i % 7 != 0).then_some(f64::from(i) / 3.0)).collect();
    let table = Table::new(None, vec![("x", Arc::new(x))]).unwrap();
    let expr = Expr::parse("case when x > 1000 then ln(x) else x || 'a' = 'b' end").unwrap();
    let on = |threads| expr.eval_on(table.batch(), &Pool::new(threads)).unwrap();
    assert_eq!(&on(1), &on(2));
    assert_eq!(&on(1), &on(7));
    let failing = Expr::parse("cast(x as varchar)::bigint // (x::bigint - 23000)").unwrap();
    let error = |threads| failing.eval_on(table.batch(), &Pool::new(threads)).unwrap_err();
    assert_eq!(error(1).row, Some(69_000));
    assert_eq!(error(1), error(7));
}

/// Random rows of words: nearly all are nonsense, and none may panic, in parsing or on any row.
#[test]
fn nonsense_does_not_panic() {
    const WORDS: &str = "amount segment code day null true 0 1 -1 2.5 9223372036854775807 1e308 'x' '' '%' 'é' \
        '2024-02-29' 'day' ( ( ) ) , , + - * / // % ^ || = < >= <> and or not is distinct from in between like \
        ilike escape case when then else end cast( try_cast( as bigint int date timestamp decimal(3,1) interval \
        month :: abs( round( substr( left( lpad( split_part( repeat( chr( replace( strftime( strptime( \
        date_diff( date_trunc( date_add( make_date( last_day( year( epoch( coalesce( nullif( if( least( concat( \
        regexp_matches( regexp_extract( extract( position( trim( both \" ' -- [ ] { } ; : \\ $ . @ ! ~ # ? é \u{0} \n";
    let words: Vec<&str> = WORDS.split(' ').filter(|w| !w.is_empty()).collect();
    let table = small();
    let mut state = 42_u64;
    let mut below = |n: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    for _ in 0..N_NONSENSE {
        let text: Vec<&str> = (0..1 + below(9)).map(|_| words[below(words.len())]).collect();
        let text = text.join(" ");
        if let Ok(expr) = Expr::parse(&text) {
            let _ = expr.eval(table.batch());
        }
    }
}

/// Ten times as many found nothing.
const N_NONSENSE: usize = 20_000;

/// Calls that make sense, with arguments that do not.
#[test]
fn every_function_survives_extreme_arguments() {
    const EXTREMES: &[(Ty, &[&str])] = &[
        (Ty::Int, &["-9223372036854775808", "9223372036854775807", "0", "-1", "amount", "null"]),
        (Ty::Float, &["'nan'::double", "1e308", "'-inf'::double", "0.0", "-0.5"]),
        (
            Ty::Text,
            &["''", "'é%_\\'", "code", "'('", "'day'", "'%Y%m%d%H%M%S%f%p%j'", "repeat('x', 1000)"],
        ),
        (
            Ty::Date,
            &["'-5000000-01-01'::date", "date '999999-12-31'", "far", "make_date(-4999999, 1, 1)"],
        ),
        (Ty::Timestamp, &["timestamp '200000-01-01'", "day::timestamp", "when"]),
        (
            Ty::Interval,
            &["to_days(2147483647)", "to_months(-2147483648)", "to_microseconds(9000000000000000)"],
        ),
        (Ty::Bool, &["true", "null"]),
    ];
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("amount", int_array(vec![i64::MIN, i64::MAX, 7])),
        ("code", Arc::new(StringArray::from(vec!["", "-é_", "31.02.2024"]))),
        ("far", Arc::new(Date32Array::from(vec![i32::MIN, i32::MAX, 0]))),
        ("when", Arc::new(TimestampMicrosecondArray::from(vec![i64::MIN, i64::MAX, 0]))),
    ];
    // Row by row, so that one failing row does not spare the others.
    let table = Table::new(None, columns).unwrap();
    let of = |ty: Ty| EXTREMES.iter().find(|(t, _)| *t == ty).map_or(&[][..], |(_, texts)| *texts);
    let mut n_computed = 0;
    for function in functions::all() {
        for overload in function.overloads {
            let choices: Vec<&[&str]> = overload.takes.iter().map(|ty| of(*ty)).collect();
            let n_all: usize = choices.iter().map(|c| c.len()).product();
            for pick in 0..n_all {
                let mut rest = pick;
                let args: Vec<&str> = choices
                    .iter()
                    .map(|c| {
                        let arg = c[rest % c.len()];
                        rest /= c.len();
                        arg
                    })
                    .collect();
                let name = function.names[0];
                let text = match (name, args.as_slice()) {
                    ("negate", [a]) => format!("-({a})"),
                    (operator, [a, b]) if !operator.starts_with(|c: char| c.is_alphabetic()) => {
                        format!("({a}) {operator} ({b})")
                    }
                    _ => format!("{name}({})", args.join(", ")),
                };
                let Ok(expr) = Expr::parse(&text) else { continue };
                for row in 0..3 {
                    n_computed += usize::from(expr.eval(&table.batch().slice(row, 1)).is_ok());
                }
            }
        }
    }
    assert!(n_computed > 500, "{n_computed}");
}
