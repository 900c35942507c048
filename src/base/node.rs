//! A tree of values as a person wrote them, each with its place in the file.
//! It does not know YAML (the engine reads that) nor what any key means.

use serde_json::{Number, Value};

/// A place in the pipeline file. Lines and columns count from 1; 0 means "not from a file".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Length in characters, for underlining.
    pub len: usize,
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where the value stands.
    pub at: Span,
    /// The value.
    pub val: Val,
}

/// A value. Maps keep the order in which they were written, and every key's place.
#[derive(Clone, Debug, PartialEq)]
pub enum Val {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number, with its spelling.
    Int(i64, String),
    /// Any other number, with its spelling.
    Float(f64, String),
    /// Text, quoted or not.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping.
    Map(Vec<(Key, Node)>),
}

/// The key of a mapping's entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The key's text.
    pub text: String,
    /// Where it stands.
    pub at: Span,
}

/// Returns at most `limit` characters of a text, and says so where there are more.
pub fn shortened(text: &str, limit: usize) -> std::borrow::Cow<'_, str> {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}...", &text[..end]).into(),
        None => text.into(),
    }
}

impl Node {
    /// Builds a tree without places from JSON, for defaults and tests.
    pub fn from_json(value: &Value) -> Node {
        let val = match value {
            Value::Null => Val::Null,
            Value::Bool(b) => Val::Bool(*b),
            Value::Number(n) => match n.as_i64() {
                Some(i) => Val::Int(i, n.to_string()),
                None => Val::Float(n.as_f64().unwrap_or(f64::NAN), n.to_string()),
            },
            Value::String(s) => Val::Text(s.clone()),
            Value::Array(items) => Val::List(items.iter().map(Node::from_json).collect()),
            Value::Object(entries) => {
                let entry = |(k, v): (&String, &Value)| {
                    (Key { text: k.clone(), at: Span::default() }, Node::from_json(v))
                };
                Val::Map(entries.iter().map(entry).collect())
            }
        };
        Node { at: Span::default(), val }
    }

    /// Returns the tree as JSON, places and spellings forgotten.
    pub fn to_json(&self) -> Value {
        match &self.val {
            Val::Null => Value::Null,
            Val::Bool(b) => Value::Bool(*b),
            Val::Int(i, _) => Value::from(*i),
            Val::Float(f, spelling) => {
                Number::from_f64(*f).map_or_else(|| spelling.as_str().into(), Value::Number)
            }
            Val::Text(s) => Value::String(s.clone()),
            Val::List(items) => items.iter().map(Node::to_json).collect(),
            Val::Map(entries) => {
                entries.iter().map(|(k, v)| (k.text.clone(), v.to_json())).collect()
            }
        }
    }

    /// Returns the entry `key` of a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.val {
            Val::Map(entries) => entries.iter().find(|(k, _)| k.text == key).map(|(_, v)| v),
            _ => None,
        }
    }

    /// Returns the text that a scalar was written as; `None` for null and collections.
    pub fn as_text(&self) -> Option<String> {
        match &self.val {
            Val::Bool(b) => Some(b.to_string()),
            Val::Int(_, raw) | Val::Float(_, raw) => Some(raw.clone()),
            Val::Text(s) => Some(s.clone()),
            _ => None,
        }
    }

    /// Returns what the value is, in a person's words.
    pub fn describe(&self) -> String {
        match &self.val {
            Val::Null => "nothing".to_string(),
            Val::Bool(b) => format!("`{b}`"),
            Val::Int(_, raw) | Val::Float(_, raw) => format!("the number {raw}"),
            Val::Text(s) => format!("the text `{}`", shortened(s, 200)),
            Val::List(_) => "a list".to_string(),
            Val::Map(_) => "a mapping".to_string(),
        }
    }

    /// Follows `path` (keys, or indices of lists) as far as it goes and returns the place reached.
    pub fn locate(&self, path: &[String]) -> Span {
        let Some((first, rest)) = path.split_first() else { return self.at };
        match &self.val {
            Val::Map(entries) => match entries.iter().find(|(k, _)| k.text == *first) {
                Some((key, _)) if rest.is_empty() => key.at,
                Some((_, node)) => node.locate(rest),
                None => self.at,
            },
            Val::List(items) => match first.parse::<usize>().ok().and_then(|i| items.get(i)) {
                Some(node) => node.locate(rest),
                None => self.at,
            },
            _ => self.at,
        }
    }
}
