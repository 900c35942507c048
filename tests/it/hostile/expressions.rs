//! Expressions that are too deep, too long, or make too much of little.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use orchestrate::frame::expr::Expr;

fn rows(n: usize) -> RecordBatch {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("i", Arc::new(Int64Array::from_iter_values(0..n as i64))),
        ("s", Arc::new(StringArray::from_iter_values((0..n).map(|i| format!("text {i}"))))),
        ("a", Arc::new(StringArray::from(vec!["a".repeat(5_000); n]))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn evaluated(text: &str, n: usize) -> Result<ArrayRef, String> {
    let expr = Expr::parse(text).map_err(|e| e.to_string())?;
    expr.eval(&rows(n)).map_err(|e| e.to_string())
}

#[test]
fn depth_and_length_are_bounded() {
    let n = 10_000;
    for (what, text) in [
        ("brackets", "(".repeat(n) + "i" + &")".repeat(n)),
        ("open brackets", "(".repeat(n)),
        ("signs", "- ".repeat(n) + "i"),
        ("nots", "not ".repeat(n) + "true"),
        ("a chain", vec!["i"; n].join(" + ")),
        ("cases", "case when true then ".repeat(n) + "1" + &" end".repeat(n)),
        ("calls", "abs(".repeat(n) + "i" + &")".repeat(n)),
        ("casts", "cast(".repeat(n) + "i" + &" as integer)".repeat(n)),
        ("is null", "i".to_string() + &" is null".repeat(n)),
        ("between", "i".to_string() + &" between 0 and 1".repeat(n)),
        ("brackets of another sort", "[".repeat(n)),
        ("braces", "{".repeat(n)),
        ("arrays", "array[".repeat(n)),
        ("subqueries", "(select ".repeat(n)),
        ("exists", "exists (select ".repeat(n)),
        ("lambdas", "x -> ".repeat(n) + "x"),
        ("types", "cast(i as ".to_string() + &"struct(a ".repeat(n)),
        ("array types", "cast(i as ".to_string() + &"array<".repeat(n)),
        ("list types", "cast(i as int".to_string() + &"[]".repeat(n) + ")"),
        ("intervals", "interval ".repeat(n) + "1 day"),
        ("a quote without end", "'".to_string() + &"x".repeat(n)),
        ("dollars", "$a$".to_string() + &"x".repeat(n)),
        ("comments", "/*".repeat(n)),
        ("at time zone", "t".to_string() + &" at time zone 'x'".repeat(n)),
        ("colons", "i".to_string() + &"::int".repeat(n)),
        ("a list", format!("i in ({})", vec!["1"; n].join(","))),
    ] {
        assert!(Expr::parse(&text).is_err(), "{what}");
    }
}

#[test]
fn texts_do_not_grow_without_end() {
    for text in [
        "replace(repeat('a', 1000000), 'a', repeat('b', 1000000))",
        "regexp_replace_all(repeat('a', 1000000), 'a', repeat('b', 1000000))",
        "regexp_replace_all(repeat('a', 1000), '(a*)(a*)', repeat('\\1\\1', 100000))",
        "concat_ws(repeat('x', 1000000), s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s)",
        "repeat(s, 9223372036854775807)",
        "repeat(repeat('x', 1000000), 1000000)",
        "lpad(s, 9223372036854775807, 'x')",
        "rpad(s, 9223372036854775807, s)",
        "rpad(s, 2000000000, '')",
    ] {
        let error = evaluated(text, 2).unwrap_err();
        assert!(error.contains("long") || error.contains("nothing to pad"), "{text}: {error}");
    }
    // Each line of a features.derive may use the one before it: thirty of these would be a gigabyte a row.
    let doubled = vec!["repeat('x', 1000000)"; 18].join(" || ");
    assert!(evaluated(&doubled, 1).unwrap_err().contains("longer than 16 MiB"));
    assert!(evaluated("repeat(s, -9223372036854775807) || lpad(s, -5, 'x')", 2).is_ok());
}

/// One long text stands for every row: the rows of a chunk came to more than a text column can hold, and became nulls.
#[test]
fn a_column_that_cannot_hold_its_texts_says_so() {
    let found = evaluated("repeat('x', 1000000)", 5_000);
    assert!(found.unwrap_err().contains("2 GiB"));
    let found = evaluated("case when i >= 0 then repeat('x', 1000000) else s end", 5_000);
    assert!(found.unwrap_err().contains("2 GiB"));
}

#[test]
fn patterns_that_explode() {
    for text in [
        "regexp_matches(a, '(a+)+b')",
        "regexp_matches(a, '(a|aa)+$')",
        "regexp_full_match(a, '(.*)(.*)(.*)(.*)(.*)x')",
        "a like '%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%b'",
        "a ilike '%A%A%A%A%A%A%A%A%A%A%A%A%A%B'",
        "s like '%!' escape '!'",
        "s like repeat('%', 1000000)",
        "s like repeat('_', 1000000)",
    ] {
        let _ = evaluated(text, 50);
    }
    for text in [
        "regexp_matches(s, '(((((a{100}){100}){100}){100}){100})')",
        "regexp_matches(s, repeat('(', 100000))",
        "regexp_matches(s, repeat('a?', 500000) || repeat('a', 500000))",
        "regexp_extract(s, '\\pL{1000}{1000}{1000}', 1)",
    ] {
        let error = evaluated(text, 1).unwrap_err();
        assert!(error.contains("regular expression"), "{text}: {error}");
        assert!(error.len() < 1_000, "{} bytes of message", error.len());
    }
}

#[test]
fn times_beyond_all_calendars() {
    for text in [
        "date '2024-01-01' + 9223372036854775807",
        "date '2024-01-01' - -9223372036854775807",
        "date '5000000-01-01' + interval '5000000 years'",
        "timestamp '2024-01-01' + to_years(9223372036854775807)",
        "timestamp '2024-01-01' + to_months(2147483647) + to_days(2147483647)",
        "timestamp '2024-01-01' - to_microseconds(9223372036854775807) - to_hours(2562047788)",
        "interval '99999999999999999999 years' > interval '1 day'",
        "make_date(9223372036854775807, 1, 1)",
        "make_date(-9223372036854775807, 12, 31)",
        "date_trunc('millennium', timestamp '-290307-12-31')",
        "date_diff('microsecond', timestamp '-290000-01-01', timestamp '290000-01-01')",
        "last_day(date '5000000-12-31')",
        "strptime('9999999999999', '%s')",
        "strftime(date '5000000-01-01', repeat('%A', 100000))",
        "cast('999999999-01-01' as date)",
        "epoch(timestamp '294247-01-10 04:00:54.775807')",
    ] {
        let _ = evaluated(text, 1);
    }
}
