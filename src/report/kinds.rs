//! Kinds as help: what they take, give and understand. It does not know any of them.

use serde_json::{Value, json};

use crate::{
    report::{
        grid::{Align, Grid},
        json::FORMAT,
        style::{Style, Tone},
    },
    stage::{
        kind::{Inputs, Kind},
        params::{Default, Param, Shape},
    },
};

/// Returns one line a kind.
pub fn list(kinds: &[&dyn Kind], width: Option<usize>, style: &Style) -> String {
    let mut grid = Grid::new([("", Align::Left), ("", Align::Left)]);
    for kind in kinds {
        let name = crate::report::grid::Cell::new(kind.name(), Tone::Bold);
        grid.push(vec![name, kind.about().into()]);
    }
    let (mut out, _) = grid.render(width.map(|w| w.max(60)), style);
    out.push_str(&style.dim("orchestrate kinds KIND tells its inputs, outputs and parameters\n"));
    out
}

/// Returns everything about one kind.
pub fn one(kind: &dyn Kind, width: Option<usize>, style: &Style) -> String {
    let width = width.unwrap_or(100).clamp(60, 120);
    let mut out = format!("{}  {}\n", style.bold(kind.name()), style.dim(&version(kind)));
    out.push_str(&wrapped(kind.about(), width, 0));
    out.push_str(&heading("inputs", style));
    match kind.inputs() {
        Inputs::Fixed([]) => out.push_str(&style.dim("  none\n")),
        Inputs::Fixed(ports) => {
            for port in ports {
                let required = if port.required { "" } else { ", may be left out" };
                let of = format!("{}{required}", port.ty.word());
                out.push_str(&entry(port.name, &of, port.help, 2, width, style));
            }
        }
        Inputs::Named(ty) => {
            let text = format!("  any number, named freely, each {}\n", ty.word());
            out.push_str(&text);
        }
    }
    out.push_str(&heading("outputs", style));
    if kind.fixed_outputs().is_empty() {
        out.push_str(&style.dim("  what the stage declares\n"));
    }
    for output in kind.fixed_outputs() {
        out.push_str(&entry(output.name, output.ty.word(), output.help, 2, width, style));
    }
    out.push_str(&heading("parameters", style));
    if kind.params().is_empty() {
        out.push_str(&style.dim("  none\n"));
    }
    params(kind.params(), 2, width, style, &mut out);
    out
}

fn version(kind: &dyn Kind) -> String {
    format!("version {}", kind.version())
}

fn heading(text: &str, style: &Style) -> String {
    format!("\n{}\n", style.bold(text))
}

fn params(all: &[Param], indent: usize, width: usize, style: &Style, out: &mut String) {
    for param in all {
        let default = match param.default {
            Default::Required => "required".to_string(),
            Default::Absent => "not set".to_string(),
            Default::Json("{}") => String::new(),
            Default::Json(text) => format!("default {text}"),
        };
        let nested = nested(&param.shape);
        let shape = match nested {
            Some(_) => "a mapping".to_string(),
            None => param.shape.describe(),
        };
        let of = if default.is_empty() { shape } else { format!("{shape} [{default}]") };
        out.push_str(&entry(param.name, &of, param.help, indent, width, style));
        params(nested.unwrap_or(&[]), indent + 2, width, style, out);
    }
}

/// Returns the keys of a mapping, also where it is one of several shapes.
fn nested(shape: &Shape) -> Option<&'static [Param]> {
    match shape {
        Shape::Object(params) => Some(params),
        _ => None,
    }
}

/// A name, what it is, and what it means, the latter in lines of its own.
fn entry(name: &str, of: &str, help: &str, indent: usize, width: usize, style: &Style) -> String {
    let margin = " ".repeat(indent);
    let first = wrapped_from(of, width, indent + 4, indent + name.chars().count() + 2);
    let mut out = format!("{margin}{}  {}\n", style.good(name), style.dim(&first));
    out.push_str(&wrapped(help, width, indent + 4));
    out
}

/// Breaks a text at spaces, every line moved to the right, each ending in a line break.
fn wrapped(text: &str, width: usize, indent: usize) -> String {
    match text {
        "" => String::new(),
        _ => format!("{}{}\n", " ".repeat(indent), wrapped_from(text, width, indent, indent)),
    }
}

/// Breaks a text at spaces; the first line begins at column `at`, the others at `indent`.
fn wrapped_from(text: &str, width: usize, indent: usize, at: usize) -> String {
    let mut out = String::new();
    let mut column = at;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > indent && column + length > width {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else if !out.is_empty() {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

/// Returns the document of one or all kinds.
pub fn document(kinds: &[&dyn Kind]) -> Value {
    json!({ "format": FORMAT, "kinds": kinds.iter().map(|k| kind_document(*k)).collect::<Vec<_>>() })
}

fn kind_document(kind: &dyn Kind) -> Value {
    let inputs = match kind.inputs() {
        Inputs::Fixed(ports) => ports
            .iter()
            .map(|p| {
                json!({ "name": p.name, "type": p.ty.word(), "required": p.required, "help": p.help })
            })
            .collect::<Vec<_>>(),
        Inputs::Named(ty) => {
            vec![json!({ "name": null, "type": ty.word(), "required": false, "help": "any number" })]
        }
    };
    let outputs: Vec<Value> = kind
        .fixed_outputs()
        .iter()
        .map(|o| json!({ "name": o.name, "type": o.ty.word(), "help": o.help }))
        .collect();
    json!({
        "name": kind.name(),
        "version": kind.version(),
        "about": kind.about(),
        "inputs": inputs,
        "outputs": outputs,
        "params": kind.params().iter().map(param_document).collect::<Vec<_>>(),
    })
}

fn param_document(param: &Param) -> Value {
    let mut document = json!({
        "name": param.name,
        "type": param.shape.describe(),
        "required": param.default == Default::Required,
        "default": default_value(param),
        "help": param.help,
    });
    if let Some(inner) = nested(&param.shape) {
        document["params"] = inner.iter().map(param_document).collect();
    }
    document
}

fn default_value(param: &Param) -> Value {
    match param.default {
        Default::Json(text) => serde_json::from_str(text).unwrap_or(Value::Null),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds;

    #[test]
    fn every_kind_tells_all_its_parameters() {
        for kind in kinds::ALL {
            let text = one(*kind, Some(80), &Style::new(false));
            let missing = kind.params().iter().find(|p| !text.contains(p.name));
            assert!(missing.is_none(), "{}: {:?}", kind.name(), missing.map(|p| p.name));
            let document = document(&[*kind]);
            let n = document["kinds"][0]["params"].as_array().map(Vec::len);
            assert_eq!(n, Some(kind.params().len()));
        }
    }

    #[test]
    fn long_help_breaks_between_words() {
        let text = wrapped("one two three four", 12, 2);
        assert_eq!(text, "  one two\n  three four\n");
    }
}
