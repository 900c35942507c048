//! Parameters of a kind: what it takes, checked against what a person wrote.
//! One description serves the check, the defaults, the help, the JSON Schema and the cache key.
//! It does not know any kind, nor how a parameter is used.

mod schema;

use serde_json::{Map, Value, json};

use crate::base::{
    names,
    node::{Node, Span, Val, shortened},
};

pub use self::schema::object_schema;

/// After so many comparisons of names no more suggestions are looked for.
const ENOUGH_COMPARED: usize = 200_000;

/// Most characters of a fault's message, and of its help.
const LONGEST_TEXT: usize = 2_000;

/// What a value may look like.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// `true` or `false`.
    Bool,
    /// A whole number in `min..=max`.
    Int {
        /// Smallest allowed.
        min: i64,
        /// Largest allowed.
        max: i64,
    },
    /// A finite number in `min..=max`.
    Float {
        /// Smallest allowed.
        min: f64,
        /// Largest allowed.
        max: f64,
    },
    /// A finite number above zero.
    Positive,
    /// Any text; numbers and booleans are taken as they are spelled.
    Text,
    /// A text that is an SQL scalar expression; taken as spelled.
    Expression,
    /// A file path or glob pattern, relative to the project root.
    Path,
    /// One of these texts.
    Choice(&'static [&'static str]),
    /// A list of values of one shape, at least `min` of them.
    List {
        /// Shape of each item.
        of: &'static Shape,
        /// Fewest items.
        min: usize,
    },
    /// A list of exactly these shapes.
    Tuple(&'static [Shape]),
    /// A mapping from free names to values of one shape; the order of its keys means nothing.
    Map(&'static Shape),
    /// A mapping from free names whose order matters; canonical form: a list of `[name, value]`.
    Pairs(&'static Shape),
    /// A mapping with known keys.
    Object(&'static [Param]),
    /// The first of these that fits.
    OneOf(&'static [Shape]),
}

/// One parameter.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// The name that a person writes.
    pub name: &'static str,
    /// What its value may look like.
    pub shape: Shape,
    /// What holds when it is not written.
    pub default: Default,
    /// One sentence: meaning, unit, range.
    pub help: &'static str,
}

/// What holds when a parameter is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Default {
    /// It must be written.
    Required,
    /// Nothing: the canonical value is null.
    Absent,
    /// This JSON text, checked and completed like a written value.
    Json(&'static str),
}

impl Param {
    /// Describes a parameter that must be written.
    pub const fn required(name: &'static str, shape: Shape, help: &'static str) -> Param {
        Param { name, shape, default: Default::Required, help }
    }

    /// Describes a parameter that may be left out; its value is null then.
    pub const fn optional(name: &'static str, shape: Shape, help: &'static str) -> Param {
        Param { name, shape, default: Default::Absent, help }
    }

    /// Describes a parameter with a default, given as JSON text.
    pub const fn with_default(
        name: &'static str,
        shape: Shape,
        json: &'static str,
        help: &'static str,
    ) -> Param {
        Param { name, shape, default: Default::Json(json), help }
    }
}

/// Something wrong in what a person wrote, at a place in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub at: Span,
    /// What is wrong.
    pub message: String,
    /// What to do; may be empty.
    pub help: String,
}

impl Fault {
    /// After so many mistakes no more are looked for: nobody reads them, and every one costs memory.
    pub const ENOUGH: usize = 10_000;

    /// Tells whether a suggestion is still worth looking for after `n_faults`: each one compares with every known name,
    /// and a file of a megabyte would otherwise be compared with itself for minutes.
    pub fn may_suggest(n_faults: usize, n_known: usize) -> bool {
        n_faults.saturating_mul(n_known) < ENOUGH_COMPARED
    }

    /// Makes a fault. Texts of absurd length are cut.
    pub fn new(at: Span, message: impl Into<String>, help: impl Into<String>) -> Fault {
        let cut = |text: String| match text.len() > LONGEST_TEXT {
            true => shortened(&text, LONGEST_TEXT).into_owned(),
            false => text,
        };
        Fault { at, message: cut(message.into()), help: cut(help.into()) }
    }
}

/// Checks the mapping `node` against `params`, fills in defaults and returns the canonical value.
/// Everything wrong is added to `faults`; the value then stands for what could be understood.
pub fn check(params: &[Param], node: &Node, faults: &mut Vec<Fault>) -> Value {
    let entries = match &node.val {
        Val::Map(entries) => entries.as_slice(),
        Val::Null => &[],
        _ => {
            faults.push(Fault::new(
                node.at,
                format!("expected a mapping, found {}", node.describe()),
                "",
            ));
            return Value::Null;
        }
    };
    for (key, _) in entries {
        if !params.iter().any(|p| p.name == key.text) {
            let known = params.iter().map(|p| p.name);
            let mut help = names::suggestion(&key.text, known.clone());
            if help.is_empty() {
                help = format!("known keys: {}", known.collect::<Vec<_>>().join(", "));
            }
            faults.push(Fault::new(key.at, format!("unknown key `{}`", key.text), help));
        }
    }
    let mut object = Map::new();
    for param in params {
        let written = entries.iter().find(|(k, _)| k.text == param.name).map(|(_, v)| v);
        object.insert(param.name.to_string(), check_param(param, written, node.at, faults));
    }
    Value::Object(object)
}

fn check_param(param: &Param, written: Option<&Node>, at: Span, faults: &mut Vec<Fault>) -> Value {
    match (written, param.default) {
        (Some(node), default) => {
            // Writing `null` means leaving the parameter out, where that is allowed.
            if node.val == Val::Null && default == Default::Absent {
                return Value::Null;
            }
            param.shape.check(node, faults).unwrap_or(Value::Null)
        }
        (None, Default::Required) => {
            faults.push(Fault::new(at, format!("`{}` is missing", param.name), param.help));
            Value::Null
        }
        (None, Default::Absent) => Value::Null,
        (None, Default::Json(text)) => match serde_json::from_str::<Value>(text) {
            Ok(value) => param.shape.check(&Node::from_json(&value), faults).unwrap_or(Value::Null),
            Err(error) => {
                faults.push(Fault::new(at, format!("default of `{}`: {error}", param.name), ""));
                Value::Null
            }
        },
    }
}

impl Shape {
    /// A whole number from `min` upwards.
    pub const fn int_from(min: i64) -> Shape {
        Shape::Int { min, max: i64::MAX }
    }

    /// A share in `0..=1`.
    pub const SHARE: Shape = Shape::Float { min: 0.0, max: 1.0 };

    /// A finite number from zero upwards.
    pub const NOT_NEGATIVE: Shape = Shape::Float { min: 0.0, max: f64::MAX };

    /// Any finite number.
    pub const NUMBER: Shape = Shape::Float { min: f64::MIN, max: f64::MAX };

    /// A list of texts, possibly empty.
    pub const TEXTS: Shape = Shape::List { of: &Shape::Text, min: 0 };

    /// Returns the canonical value of `node`, or adds what is wrong to `faults`.
    pub fn check(&self, node: &Node, faults: &mut Vec<Fault>) -> Option<Value> {
        let mut wrong = || {
            let message = format!("expected {}, found {}", self.describe(), node.describe());
            faults.push(Fault::new(node.at, message, self.choice_help(node)));
            None
        };
        match self {
            Shape::Bool => match node.val {
                Val::Bool(b) => Some(Value::Bool(b)),
                _ => wrong(),
            },
            Shape::Int { min, max } => match node.val {
                Val::Int(i, _) if (*min..=*max).contains(&i) => Some(Value::from(i)),
                _ => wrong(),
            },
            Shape::Float { min, max } => match number(node) {
                Some(f) if (*min..=*max).contains(&f) => Some(Value::from(f)),
                _ => wrong(),
            },
            Shape::Positive => match number(node) {
                Some(f) if f.is_finite() && f > 0.0 => Some(Value::from(f)),
                _ => wrong(),
            },
            Shape::Text | Shape::Expression | Shape::Path => match node.as_text() {
                Some(text) => Some(Value::String(text)),
                None => wrong(),
            },
            Shape::Choice(allowed) => match node.as_text() {
                Some(text) if allowed.contains(&text.as_str()) => Some(Value::String(text)),
                _ => wrong(),
            },
            Shape::List { of, min } => match &node.val {
                Val::List(items) if items.len() >= *min => {
                    let checked: Vec<_> = items.iter().map(|i| of.check(i, faults)).collect();
                    checked.into_iter().collect::<Option<Vec<_>>>().map(Value::Array)
                }
                _ => wrong(),
            },
            Shape::Tuple(shapes) => match &node.val {
                Val::List(items) if items.len() == shapes.len() => {
                    let pairs = shapes.iter().zip(items);
                    let checked: Vec<_> = pairs.map(|(s, i)| s.check(i, faults)).collect();
                    checked.into_iter().collect::<Option<Vec<_>>>().map(Value::Array)
                }
                _ => wrong(),
            },
            Shape::Map(of) => match &node.val {
                Val::Map(entries) => {
                    let checked: Vec<_> = entries
                        .iter()
                        .map(|(k, v)| Some((k.text.clone(), of.check(v, faults)?)))
                        .collect();
                    checked.into_iter().collect::<Option<Map<_, _>>>().map(Value::Object)
                }
                _ => wrong(),
            },
            Shape::Pairs(of) => match &node.val {
                Val::Map(entries) => {
                    let checked: Vec<_> = entries
                        .iter()
                        .map(|(k, v)| Some(json!([k.text, of.check(v, faults)?])))
                        .collect();
                    checked.into_iter().collect::<Option<Vec<_>>>().map(Value::Array)
                }
                // The canonical form itself, so that recorded parameters check as they stand.
                Val::List(items) if items.iter().all(is_pair) => {
                    let checked: Vec<_> = items
                        .iter()
                        .map(|item| match &item.val {
                            Val::List(pair) => {
                                Some(json!([pair[0].as_text()?, of.check(&pair[1], faults)?]))
                            }
                            _ => None,
                        })
                        .collect();
                    checked.into_iter().collect::<Option<Vec<_>>>().map(Value::Array)
                }
                _ => wrong(),
            },
            Shape::Object(params) => match &node.val {
                Val::Map(_) | Val::Null => Some(check(params, node, faults)),
                _ => wrong(),
            },
            Shape::OneOf(shapes) => {
                let mut closest = None;
                for shape in *shapes {
                    let mut own = Vec::new();
                    let value = shape.check(node, &mut own);
                    if own.is_empty() {
                        return value;
                    }
                    if shape.looks_like(node) {
                        closest.get_or_insert(own);
                    }
                }
                match closest {
                    Some(own) => {
                        faults.extend(own);
                        None
                    }
                    None => wrong(),
                }
            }
        }
    }

    /// Returns the shape in a person's words, as in "expected ...".
    pub fn describe(&self) -> String {
        match self {
            Shape::Bool => "true or false".to_string(),
            Shape::Int { min: i64::MIN, max: i64::MAX } => "a whole number".to_string(),
            Shape::Int { min, max: i64::MAX } => format!("a whole number from {min} up"),
            Shape::Int { min, max } => format!("a whole number from {min} to {max}"),
            Shape::Float { min, max } if *min == f64::MIN && *max == f64::MAX => {
                "a number".to_string()
            }
            Shape::Float { min, max } if *max == f64::MAX => format!("a number from {min} up"),
            Shape::Float { min, max } => format!("a number from {min} to {max}"),
            Shape::Positive => "a number above 0".to_string(),
            Shape::Text => "a text".to_string(),
            Shape::Expression => "an SQL expression".to_string(),
            Shape::Path => "a path".to_string(),
            Shape::Choice(allowed) => format!("one of {}", allowed.join(", ")),
            Shape::List { of, min: 0 } => format!("a list ({} each)", of.describe()),
            Shape::List { of, min } => {
                format!("a list of at least {min} ({} each)", of.describe())
            }
            Shape::Tuple(shapes) => {
                let parts: Vec<_> = shapes.iter().map(Shape::describe).collect();
                format!("a list [{}]", parts.join(", "))
            }
            Shape::Map(of) | Shape::Pairs(of) => {
                format!("a mapping of names ({} each)", of.describe())
            }
            Shape::Object(params) => {
                let keys: Vec<_> = params.iter().map(|p| p.name).collect();
                format!("a mapping with {}", keys.join(", "))
            }
            Shape::OneOf(shapes) => {
                shapes.iter().map(Shape::describe).collect::<Vec<_>>().join(", or ")
            }
        }
    }

    fn choice_help(&self, node: &Node) -> String {
        match (self, &node.val) {
            (Shape::Choice(allowed), Val::Text(text)) => {
                names::suggestion(text, allowed.iter().copied())
            }
            _ => String::new(),
        }
    }

    /// Returns true if `node` is of the YAML type of this shape, so that its own complaint is the
    /// most helpful one.
    fn looks_like(&self, node: &Node) -> bool {
        match self {
            Shape::Bool => matches!(node.val, Val::Bool(_)),
            Shape::Int { .. } => matches!(node.val, Val::Int(..)),
            Shape::Float { .. } | Shape::Positive => number(node).is_some(),
            Shape::Text | Shape::Expression | Shape::Path => matches!(node.val, Val::Text(_)),
            Shape::Choice(_) => false,
            Shape::List { .. } | Shape::Tuple(_) => matches!(node.val, Val::List(_)),
            Shape::Map(_) | Shape::Pairs(_) | Shape::Object(_) => matches!(node.val, Val::Map(_)),
            Shape::OneOf(shapes) => shapes.iter().any(|s| s.looks_like(node)),
        }
    }
}

fn number(node: &Node) -> Option<f64> {
    match node.val {
        Val::Int(i, _) => Some(i as f64),
        Val::Float(f, _) => Some(f),
        _ => None,
    }
}

fn is_pair(node: &Node) -> bool {
    matches!(&node.val, Val::List(pair) if pair.len() == 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCALE: &[&str] = &["standard", "minmax"];
    const PARAMS: &[Param] = &[
        Param::required("k", Shape::int_from(1), "number of clusters"),
        Param::with_default("tol", Shape::NOT_NEGATIVE, "1e-4", "stop below this"),
        Param::optional("scale", Shape::Choice(SCALE), "scaling"),
        Param::with_default("columns", Shape::Pairs(&Shape::Expression), "{}", "new columns"),
        Param::with_default(
            "eps",
            Shape::OneOf(&[Shape::Positive, Shape::Choice(&["auto"])]),
            "\"auto\"",
            "radius",
        ),
    ];

    // JSON objects are sorted, so the order of `columns` is told by the canonical list of pairs.
    fn checked(json: &str) -> (Value, Vec<String>) {
        let mut faults = Vec::new();
        let node = Node::from_json(&serde_json::from_str(json).unwrap());
        let value = check(PARAMS, &node, &mut faults);
        (value, faults.into_iter().map(|f| format!("{} [{}]", f.message, f.help)).collect())
    }

    #[test]
    fn defaults_are_filled_in_and_numbers_get_their_type() {
        let (value, faults) = checked(r#"{"k": 3, "tol": 1, "columns": [["b", 1], ["a", "x"]]}"#);
        assert_eq!(faults, Vec::<String>::new());
        let expected =
            r#"{"columns":[["b","1"],["a","x"]],"eps":"auto","k":3,"scale":null,"tol":1.0}"#;
        assert_eq!(crate::base::canon::to_string(&value), expected);
        let again = checked(expected);
        assert_eq!(again, (value, vec![]), "canonical parameters check to themselves");
    }

    #[test]
    fn everything_wrong_is_reported_at_once() {
        let (_, faults) = checked(r#"{"tol": -1, "scael": "x", "scale": "standrad", "eps": -2}"#);
        assert_eq!(
            faults,
            [
                "unknown key `scael` [did you mean `scale`?]",
                "`k` is missing [number of clusters]",
                "expected a number from 0 up, found the number -1 []",
                "expected one of standard, minmax, found the text `standrad` [did you mean `standard`?]",
                "expected a number above 0, found the number -2 []",
            ]
        );
    }
}
