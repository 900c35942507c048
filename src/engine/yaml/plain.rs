//! The quick way through an ordinary file: the parser's events straight into the tree. It does not know anchors,
//! tags, merge keys or what is wrong with a file: whatever is not ordinary it leaves to the full reader.
//!
//! The full reader walks the same events, but hands every value through serde with both its places, and records and
//! replays every key; on a file of thousands of stages that is two thirds of the time. What this one returns is
//! what that one would: a test holds them against each other.

use granit_parser::{Event, Parser, ScalarStyle, Span as Extent, options};

use crate::{
    base::node::{Key, Node, Span, Val},
    engine::yaml,
};

/// Beyond these the full reader has its say, which knows the exact limits.
const MAX_BYTES: usize = 32 << 20;
const MAX_NODES: usize = 1_000_000;
const MAX_DEPTH: usize = 24;

/// Reads `text` if it is an ordinary file; `None` leaves it to the full reader.
pub fn read(text: &str) -> Option<Node> {
    if text.len() > MAX_BYTES || text.starts_with('\u{feff}') {
        return None;
    }
    let mut builder = Builder::default();
    for item in Parser::new_from_str_with_options(text, options! { emit_comments: false }) {
        let (event, extent) = item.ok()?;
        builder.take(event, &extent)?;
    }
    builder.root
}

/// The collections that are open, innermost last, and the finished document.
#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    n_nodes: usize,
    n_documents: usize,
}

/// A collection whose end has not been met.
enum Open {
    List(Span, Vec<Node>),
    Map(Span, Vec<(Key, Node)>, Option<Key>),
}

impl Builder {
    fn take(&mut self, event: Event<'_>, extent: &Extent) -> Option<()> {
        match event {
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Some(()),
            Event::DocumentStart(_, None) if self.n_documents == 0 => {
                self.n_documents = 1;
                Some(())
            }
            Event::Scalar(text, style, 0, None) => {
                let at = span(extent);
                if let Some(Open::Map(_, _, key @ None)) = self.open.last_mut() {
                    if style == ScalarStyle::Plain && !is_surely_text(&text) {
                        return None;
                    }
                    *key = Some(Key { text: text.into_owned(), at });
                    return Some(());
                }
                let val = match style {
                    ScalarStyle::Plain => plain(&text)?,
                    _ => Val::Text(text.into_owned()),
                };
                self.put(Node { at, val })
            }
            Event::SequenceStart(_, 0, None) => self.start(Open::List(place(extent), Vec::new())),
            Event::MappingStart(_, 0, None) => {
                self.start(Open::Map(place(extent), Vec::new(), None))
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let node = match self.open.pop()? {
                    Open::List(at, items) => Node { at, val: Val::List(items) },
                    Open::Map(at, entries, None) => Node { at, val: Val::Map(entries) },
                    Open::Map(_, _, Some(_)) => return None,
                };
                self.put(node)
            }
            _ => None,
        }
    }

    fn start(&mut self, open: Open) -> Option<()> {
        // A collection as a key has no text.
        if matches!(self.open.last(), Some(Open::Map(_, _, None))) || self.open.len() >= MAX_DEPTH {
            return None;
        }
        self.open.push(open);
        Some(())
    }

    fn put(&mut self, node: Node) -> Option<()> {
        self.n_nodes += 1;
        if self.n_nodes > MAX_NODES {
            return None;
        }
        match self.open.last_mut() {
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map(_, entries, key)) => entries.push((key.take()?, node)),
            None if self.root.is_none() => self.root = Some(node),
            None => return None,
        }
        Some(())
    }
}

fn span(extent: &Extent) -> Span {
    Span { line: extent.start.line(), column: extent.start.col() + 1, len: extent.len() }
}

/// Returns the place of a collection, of which only the first character is underlined.
fn place(extent: &Extent) -> Span {
    Span { len: 1, ..span(extent) }
}

/// Returns the value of an unquoted scalar. The rare spellings of numbers are the full reader's.
fn plain(text: &str) -> Option<Val> {
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Val::Null,
        "true" | "True" | "TRUE" => Val::Bool(true),
        "false" | "False" | "FALSE" => Val::Bool(false),
        _ if is_surely_text(text) => Val::Text(text.to_string()),
        _ => match whole_number(text) {
            Some(i) => Val::Int(i, text.to_string()),
            None => rare(text)?,
        },
    })
}

/// Returns false for everything that could be null, a truth value or a number.
fn is_surely_text(text: &str) -> bool {
    let word = matches!(
        text,
        "null" | "Null" | "NULL" | "true" | "True" | "TRUE" | "false" | "False" | "FALSE"
    );
    !word && text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '$' | '/'))
}

/// Reads `0`, `12` or `-12`, but neither `-0` nor what might not fit.
fn whole_number(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let ordinary = matches!(digits.len(), 1..=18)
        && digits.bytes().all(|b| b.is_ascii_digit())
        && (text == "0" || !digits.starts_with('0'));
    if ordinary { text.parse().ok() } else { None }
}

/// Lets the full reader say what a number-like scalar is.
fn rare(text: &str) -> Option<Val> {
    let number_like = text.bytes().any(|b| b.is_ascii_digit())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.' | b'_'));
    if !number_like {
        return None;
    }
    match yaml::read_fully(text).ok()?.val {
        Val::List(_) | Val::Map(_) => None,
        val => Some(val),
    }
}

#[cfg(test)]
mod tests;
