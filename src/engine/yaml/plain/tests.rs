//! The quick reader against the full one: wherever it answers, the answers are the same, places included.

use super::*;
use crate::engine::yaml::read_fully;

/// Checks that both readers agree about `text`; returns whether the quick one answered.
fn agree(text: &str) -> bool {
    match read(text) {
        None => false,
        Some(node) => {
            let full = read_fully(text);
            assert_eq!(Ok(&node), full.as_ref(), "of {text:?}");
            true
        }
    }
}

#[test]
fn shipped_pipelines_are_ordinary() {
    assert!(agree(include_str!("../../../../pipelines/customer_segmentation.yaml")));
    assert!(agree(include_str!("../../../../pipelines/examples/rfm.yaml")));
}

#[test]
fn scalars_are_what_the_full_reader_says() {
    let scalars = [
        "",
        "~",
        "null",
        "Null",
        "nULL",
        "true",
        "True",
        "tRUE",
        "yes",
        "no",
        "on",
        "y",
        "0",
        "-0",
        "00",
        "07",
        "+7",
        "7",
        "-7",
        "1_000",
        "1__0",
        "0x1F",
        "0o17",
        "0b11",
        "1.5",
        "-1.5",
        "1.",
        ".5",
        "1e3",
        "1e-4",
        "1E+4",
        "1e999",
        ".inf",
        "-.inf",
        ".nan",
        "inf",
        "nan",
        "infinity",
        "2026-01-01",
        "12:30",
        "1/2",
        "12 months",
        "5m",
        "-",
        "--",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "999999999999999999999999999999999999999999",
        "customers",
        "prepare.matrix",
        "kmeans/k=4.labels",
        "a b",
        "${params.seed}",
        "$${x}",
        "/tmp/x",
        "\"7\"",
        "'true'",
        "\"a\\tb\"",
        "'it''s'",
        "|\n    a\n    b\n",
        ">-\n    a\n    b\n",
        "a\n    b",
        "é",
        "日本",
        "_x",
        "?x",
        "!x",
        "*x",
        "&x 1",
        "@x",
        "`x",
        "%x",
        "<<",
        "=",
        ",",
        "{}",
        "[]",
        "{ a: 1, b: [1, 2] }",
        "[a, 1, 0.5, ~, true]",
        "{ a }",
        "[a: 1]",
        "!!str 5",
        "!!int \"5\"",
        "&a 5",
        "x # comment",
        "x#y",
        "a: b",
    ];
    let mut n_quick = 0;
    for scalar in scalars {
        for text in [
            scalar.to_string(),
            format!("a: {scalar}\n"),
            format!("a:\n  b: {scalar}\n  c: 1\n"),
            format!("- {scalar}\n- x\n"),
            format!("{{ a: {scalar}, b: 1 }}"),
            format!("{scalar}: 1\n"),
        ] {
            n_quick += usize::from(agree(&text));
        }
    }
    assert!(n_quick > 300, "the quick reader answered {n_quick} times only");
}

#[test]
fn what_is_not_ordinary_is_left_to_the_full_reader() {
    for text in [
        "a: &x 1\nb: *x\n",
        "a: !!str 1\n",
        "a: { <<: { b: 1 } }\n",
        "1: a\n",
        "true: a\n",
        "[a]: b\n",
        "a: 1\n---\nb: 2\n",
        "%YAML 1.2\n---\na: 1\n",
        "a: [1, 2\nb: 3\n",
        "\u{feff}a: 1\n",
        "",
        "# nothing\n",
        "a: -\n",
    ] {
        assert_eq!(read(text), None, "of {text:?}");
    }
}

#[test]
fn nesting_reads_the_same_at_every_depth() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let quick: Vec<bool> = (0..50).map(|depth| agree(&nested(depth))).collect();
    assert!(quick[10] && !quick[40]);
}

/// Shuffles pieces of YAML and characters into shipped text: whatever comes out, the readers agree.
#[test]
fn any_text_reads_the_same() {
    let base = include_str!("../../../../pipelines/examples/rfm.yaml");
    let pieces = [
        "a: ", "\n", "\n  ", "- ", "[", "]", "{", "}", ",", "'", "\"", "#", " # c\n", ": ", "|\n",
        ">", "&a ", "*a", "!!str ", "<<: ", "? ", "~", "null", "1.5", "-3", "0x1", "true", "---\n",
        "...\n", "\t", "é", "\r\n", "%", "=", "\\", "\u{0}", "\u{85}", "\u{2028}", "1_0", ".inf",
        "key", "    ",
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut n_quick = 0;
    for round in 0..4_000 {
        let mut text = String::new();
        if round % 2 == 0 {
            (0..draw(12)).for_each(|_| text.push_str(pieces[draw(pieces.len())]));
        } else {
            text.push_str(base);
            for _ in 0..=draw(3) {
                let places: Vec<usize> = text.char_indices().map(|(i, _)| i).collect();
                let at = places[draw(places.len())];
                match draw(2) {
                    0 => text.insert_str(at, pieces[draw(pieces.len())]),
                    _ => drop(text.remove(at)),
                }
            }
        }
        n_quick += usize::from(agree(&text));
    }
    assert!(n_quick > 1_000, "the quick reader answered {n_quick} times only");
}
