//! YAML text to a tree of located values. It does not know which keys a pipeline has.
//!
//! The reader stops at the first syntax error, but passes duplicate keys through, so that they can be
//! reported together with everything else that is wrong.

mod plain;

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_yaml::{Location, Spanned, options::DuplicateKeyPolicy};

use crate::{
    base::node::{Key, Node, Span, Val},
    stage::params::Fault,
};

/// Most nodes that a pipeline may have; beyond it, aliases are being used as a bomb.
const MAX_NODES: usize = 2_000_000;

/// Deepest nesting of a pipeline file.
const MAX_DEPTH: usize = 32;

/// Reads `text` into a tree.
///
/// # Errors
/// The first syntax error, located.
pub fn read(text: &str) -> Result<Node, Fault> {
    plain::read(text).map_or_else(|| read_fully(text), Ok)
}

/// Reads any `text`, ordinary or not.
fn read_fully(text: &str) -> Result<Node, Fault> {
    let options = serde_yaml::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        with_snippet: false,
        alias_limits: serde_yaml::alias_limits! { max_total_replayed_events: 100_000 },
        budget: serde_yaml::budget! {
            max_nodes: MAX_NODES,
            max_events: 4 * MAX_NODES,
            max_depth: MAX_DEPTH,
            max_documents: 1,
        },
    };
    let spanned: Spanned<Raw> =
        serde_yaml::from_str_with_options(text, options).map_err(|error| {
            let at = error.location().map(span).unwrap_or_default();
            Fault::new(at, error_text(&error), "")
        })?;
    Ok(to_node(spanned, text))
}

/// Returns the parser's message without the place, which is told apart.
fn error_text(error: &serde_yaml::Error) -> String {
    let text = error.without_snippet().to_string();
    let first = text.lines().next().unwrap_or_default();
    let end = first.rfind(" at line ").unwrap_or(first.len());
    format!("not valid YAML: {}", first[..end].trim_end_matches([',', ':', '.']))
}

fn span(location: Location) -> Span {
    Span {
        line: location.line() as usize,
        column: location.column() as usize,
        len: location.span().len() as usize,
    }
}

/// A value as serde shows it, places still in the crate's own wrapper.
enum Raw {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<KeyText>, Spanned<Raw>)>),
}

/// A mapping's key: any scalar, as text.
struct KeyText(String);

impl<'de> Deserialize<'de> for KeyText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(KeyText)
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(i64::try_from(value).map_or(Raw::Float(value as f64), Raw::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

fn to_node(spanned: Spanned<Raw>, text: &str) -> Node {
    let mut at = span(spanned.referenced);
    let defined = spanned.defined.span();
    let spelling = || {
        let start = defined.byte_offset().unwrap_or(0) as usize;
        let end = start + defined.byte_len().unwrap_or(0) as usize;
        text.get(start..end).unwrap_or_default().trim().to_string()
    };
    let val = match spanned.value {
        Raw::Null => Val::Null,
        Raw::Bool(b) => Val::Bool(b),
        Raw::Int(i) => Val::Int(i, or_number(spelling(), &i.to_string())),
        Raw::Float(f) => Val::Float(f, or_number(spelling(), &f.to_string())),
        Raw::Text(s) => Val::Text(s),
        Raw::List(items) => {
            at.len = 1;
            Val::List(items.into_iter().map(|item| to_node(item, text)).collect())
        }
        Raw::Map(entries) => {
            at.len = 1;
            let entry = |(key, value): (Spanned<KeyText>, Spanned<Raw>)| {
                (Key { text: key.value.0, at: span(key.referenced) }, to_node(value, text))
            };
            Val::Map(entries.into_iter().map(entry).collect())
        }
    };
    Node { at, val }
}

/// Keeps a number's own spelling where the place of it is known.
fn or_number(spelling: String, fallback: &str) -> String {
    if spelling.is_empty() { fallback.to_string() } else { spelling }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_types_and_places() {
        let node = read("a: 1\nb:\n  - yes\n  - 0.50\n  - \"7\"\n  - ~\n  - true\n").unwrap();
        assert_eq!(node.get("a").unwrap().at, Span { line: 1, column: 4, len: 1 });
        let Val::List(items) = &node.get("b").unwrap().val else { panic!("a list") };
        let vals: Vec<_> = items.iter().map(|i| i.val.clone()).collect();
        assert_eq!(
            vals,
            [
                Val::Text("yes".to_string()),
                Val::Float(0.5, "0.50".to_string()),
                Val::Text("7".to_string()),
                Val::Null,
                Val::Bool(true),
            ]
        );
        assert_eq!((items[1].at.line, items[1].at.column), (4, 5));
    }

    #[test]
    fn duplicate_keys_pass_through_and_syntax_errors_are_located() {
        let Val::Map(entries) = read("a: 1\na: 2\n").unwrap().val else { panic!("a map") };
        assert_eq!(entries.len(), 2);
        let fault = read("a: [1, 2\nb: 3\n").unwrap_err();
        assert!(fault.at.line >= 1, "{fault:?}");
    }

    #[test]
    fn bombs_are_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_string();
        for i in 1..12 {
            let refs = vec![format!("*a{}", i - 1); 9].join(", ");
            text.push_str(&format!("a{i}: &a{i} [{refs}]\n"));
        }
        assert!(read(&text).is_err());
        assert!(read(&"[".repeat(10_000)).is_err());
    }
}
