//! `${params.x}` and `${matrix.x}`: replaced in values, never in keys. A scalar that is one whole interpolation
//! takes the value with its type; `$${` writes a literal `${`. It does not know what the values are for.

use std::{cell::Cell, collections::BTreeMap};

use crate::{
    base::{
        names,
        node::{Node, Span, Val},
    },
    engine::spec::Word,
    stage::params::Fault,
};

/// The values that may be referred to.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// `params.x`.
    pub params: &'a BTreeMap<String, Node>,
    /// `matrix.x`, inside a stage with a matrix.
    pub matrix: &'a [(String, Node)],
    /// What may still be made.
    pub room: &'a Room,
}

/// How much a pipeline may grow to when matrices are multiplied out and values are filled in. A file of a few lines
/// could otherwise ask for more memory than there is: a long list that is referred to a thousand times, in a stage with a
/// hundred thousand instances.
#[derive(Debug)]
pub struct Room(Cell<Option<u64>>);

/// Bytes, roughly, that the values of all instances may have: some 200,000 instances with ten parameters each.
const ROOM: u64 = 256 << 20;

/// Bytes, roughly, of a value beside its text.
const NODE_BYTES: usize = 64;

impl Default for Room {
    fn default() -> Room {
        Room(Cell::new(Some(ROOM)))
    }
}

impl Room {
    /// Takes some of the room; returns false if there is not enough, now and from then on.
    pub fn take(&self, bytes: usize) -> bool {
        let left = self.0.get().and_then(|left| left.checked_sub(bytes as u64));
        self.0.set(left);
        left.is_some()
    }

    /// Returns true once something did not find room.
    pub fn is_full(&self) -> bool {
        self.0.get().is_none()
    }

    /// Takes the room of a whole tree.
    fn take_tree(&self, node: &Node) -> bool {
        let own = match &node.val {
            Val::Text(text) | Val::Int(_, text) | Val::Float(_, text) => text.len(),
            _ => 0,
        };
        self.take(NODE_BYTES + own)
            && match &node.val {
                Val::List(items) => items.iter().all(|item| self.take_tree(item)),
                Val::Map(entries) => {
                    entries.iter().all(|(key, v)| self.take(key.text.len()) && self.take_tree(v))
                }
                _ => true,
            }
    }
}

impl Scope<'_> {
    /// Returns `node` with every interpolation replaced, or nothing of it once the room is full.
    pub fn apply(&self, node: &Node, faults: &mut Vec<Fault>) -> Node {
        if !self.room.take(NODE_BYTES) {
            return Node { at: node.at, val: Val::Null };
        }
        let val = match &node.val {
            Val::Text(text) => return self.apply_text(text, node.at, faults),
            Val::List(items) => Val::List(items.iter().map(|i| self.apply(i, faults)).collect()),
            Val::Map(entries) => {
                self.room.take(entries.iter().map(|(k, _)| k.text.len()).sum());
                Val::Map(entries.iter().map(|(k, v)| (k.clone(), self.apply(v, faults))).collect())
            }
            other => other.clone(),
        };
        Node { at: node.at, val }
    }

    /// Returns `word` with every interpolation replaced.
    pub fn apply_word(&self, word: &Word, faults: &mut Vec<Fault>) -> Word {
        let node = self.apply_text(&word.text, word.at, faults);
        Word { text: node.as_text().unwrap_or_default(), at: word.at }
    }

    fn apply_text(&self, text: &str, at: Span, faults: &mut Vec<Fault>) -> Node {
        if let Some(name) = whole_interpolation(text) {
            let found = self.lookup(name, at, faults);
            let value = found.filter(|n| self.room.take_tree(n)).map(|n| n.val.clone());
            return Node { at, val: value.unwrap_or(Val::Null) };
        }
        let mut out = String::new();
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            if rest[..start].ends_with('$') {
                out.push_str(&rest[..start - 1]);
                out.push_str("${");
                rest = &rest[start + 2..];
                continue;
            }
            out.push_str(&rest[..start]);
            let Some(len) = rest[start..].find('}') else {
                faults.push(Fault::new(at, "`${` is not closed", "write `$${` for a literal `${`"));
                break;
            };
            let name = &rest[start + 2..start + len];
            if let Some(node) = self.lookup(name, at, faults) {
                match node.as_text() {
                    Some(value) if self.room.take(value.len()) => out.push_str(&value),
                    Some(_) => {}
                    None => faults.push(Fault::new(
                        at,
                        format!(
                            "`${{{name}}}` is {}, which cannot stand inside a text",
                            node.describe()
                        ),
                        "",
                    )),
                }
            }
            rest = &rest[start + len + 1..];
        }
        self.room.take(text.len());
        out.push_str(rest);
        Node { at, val: Val::Text(out) }
    }

    fn lookup(&self, name: &str, at: Span, faults: &mut Vec<Fault>) -> Option<&Node> {
        let name = name.trim();
        let found = match name.split_once('.') {
            Some(("params", param)) => self.params.get(param),
            Some(("matrix", axis)) => self.matrix.iter().find(|(n, _)| n == axis).map(|(_, v)| v),
            _ => None,
        };
        if found.is_none() {
            let n_known = self.params.len() + self.matrix.len();
            let help = match Fault::may_suggest(faults.len(), n_known) {
                true => self.nearest(name),
                false => String::new(),
            };
            faults.push(Fault::new(at, format!("`${{{name}}}` refers to nothing"), help));
        }
        found
    }

    fn nearest(&self, name: &str) -> String {
        let known: Vec<String> = (self.params.keys().map(|k| format!("params.{k}")))
            .chain(self.matrix.iter().map(|(k, _)| format!("matrix.{k}")))
            .collect();
        let known = known.iter().map(String::as_str);
        match names::suggestion(name, known.clone()) {
            none if none.is_empty() => format!("known here: {}", names::listed(known)),
            help => help,
        }
    }
}

/// Returns the name if `text` is one interpolation and nothing else.
fn whole_interpolation(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("${")?.strip_suffix('}')?;
    (!inner.contains(['{', '}'])).then_some(inner)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn applied(text: &str) -> (serde_json::Value, Vec<String>) {
        let params = BTreeMap::from([
            ("seed".to_string(), Node::from_json(&json!(42))),
            ("cols".to_string(), Node::from_json(&json!(["a"]))),
        ]);
        let matrix = [("k".to_string(), Node::from_json(&json!(3)))];
        let mut faults = Vec::new();
        let scope = Scope { params: &params, matrix: &matrix, room: &Room::default() };
        let node = scope.apply(&Node::from_json(&json!(text)), &mut faults);
        (node.to_json(), faults.into_iter().map(|f| f.message + " " + &f.help).collect())
    }

    #[test]
    fn interpolations() {
        for (text, expected) in [
            ("${params.seed}", json!(42)),
            ("${params.cols}", json!(["a"])),
            ("k=${matrix.k}, seed=${ params.seed }", json!("k=3, seed=42")),
            ("$${params.seed}", json!("${params.seed}")),
            ("no $ here", json!("no $ here")),
        ] {
            assert_eq!(applied(text), (expected, vec![]), "{text}");
        }
    }

    #[test]
    fn mistakes() {
        for (text, expected) in [
            ("${params.sed}", "`${params.sed}` refers to nothing did you mean `params.seed`?"),
            ("x${params.cols}", "`${params.cols}` is a list, which cannot stand inside a text "),
            ("x${params", "`${` is not closed write `$${` for a literal `${`"),
        ] {
            assert_eq!(applied(text).1, [expected], "{text}");
        }
    }
}
