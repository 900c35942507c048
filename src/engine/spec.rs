//! The shape of a pipeline file: which keys there are and of what type. It does not know kinds, and resolves
//! no reference.

use crate::{
    base::{
        names,
        node::{Key, Node, Span, Val},
    },
    stage::params::Fault,
};

/// A pipeline as written, keys checked, references not yet followed.
#[derive(Clone, Debug, Default)]
pub struct Spec {
    /// The pipeline's name.
    pub pipeline: String,
    /// Parameters with their defaults.
    pub params: Vec<(Key, Node)>,
    /// Profiles: a name and the parameters that it changes.
    pub profiles: Vec<(Key, Vec<(Key, Node)>)>,
    /// Stages in the order in which they are written.
    pub stages: Vec<StageSpec>,
}

/// A stage as written.
#[derive(Clone, Debug)]
pub struct StageSpec {
    /// Its name.
    pub name: Key,
    /// Its kind.
    pub uses: Word,
    /// Its inputs by port: references to stages or ports.
    pub inputs: Vec<(Key, InputSpec)>,
    /// Its matrix axes.
    pub matrix: Vec<(Key, Node)>,
    /// Its parameters.
    pub with: Node,
    /// Stages that must have succeeded before, without handing anything over.
    pub needs: Vec<Word>,
    /// After how many seconds an instance is stopped.
    pub timeout: Option<f64>,
    /// How often a failed instance is tried again.
    pub retries: u32,
}

/// A text and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The text.
    pub text: String,
    /// Where it stands.
    pub at: Span,
}

/// What a person wrote for an input port.
#[derive(Clone, Debug)]
pub enum InputSpec {
    /// One reference.
    One(Word),
    /// A list of references.
    Many(Vec<Word>),
}

const TOP_KEYS: &[&str] = &["$schema", "pipeline", "description", "params", "profiles", "stages"];
const STAGE_KEYS: &[&str] =
    &["uses", "inputs", "with", "matrix", "needs", "description", "timeout", "retries"];

impl Spec {
    /// Reads the tree of a pipeline file; everything wrong is added to `faults`.
    pub fn read(root: &Node, faults: &mut Vec<Fault>) -> Spec {
        find_duplicates(root, faults);
        let mut spec = Spec::default();
        let Some(entries) = mapping(root, "the pipeline", faults) else { return spec };
        check_keys(entries, TOP_KEYS, "a pipeline", faults);
        match root.get("pipeline") {
            None => faults.push(Fault::new(
                root.at,
                "`pipeline` is missing",
                "name the pipeline: `pipeline: customer-segmentation`",
            )),
            Some(node) => match node.as_text() {
                Some(name) if names::is_stage_name(&name) => spec.pipeline = name,
                _ => faults.push(bad_name(node.at, "pipeline", &node.describe())),
            },
        }
        spec.params = optional_mapping(root.get("params"), "`params`", faults);
        for (key, value) in &spec.params {
            refuse_interpolation(&key.text, value, faults);
        }
        for (key, node) in optional_mapping(root.get("profiles"), "`profiles`", faults) {
            let changes = optional_mapping(Some(&node), "a profile", faults);
            for (name, value) in &changes {
                refuse_interpolation(&name.text, value, faults);
                let known = spec.params.iter().map(|(k, _)| k.text.as_str());
                if !known.clone().any(|k| k == name.text) {
                    let message =
                        format!("profile `{}` sets an unknown parameter `{}`", key.text, name.text);
                    faults.push(Fault::new(name.at, message, names::suggestion(&name.text, known)));
                }
            }
            spec.profiles.push((key, changes));
        }
        match root.get("stages") {
            Some(stages) => {
                for (name, node) in mapping(stages, "`stages`", faults).unwrap_or(&[]) {
                    spec.stages.extend(read_stage(name, node, faults));
                }
                if spec.stages.is_empty() && faults.is_empty() {
                    faults.push(Fault::new(stages.at, "there are no stages", ""));
                }
            }
            None => faults.push(Fault::new(root.at, "`stages` is missing", "")),
        }
        spec
    }
}

fn read_stage(name: &Key, node: &Node, faults: &mut Vec<Fault>) -> Option<StageSpec> {
    if !names::is_stage_name(&name.text) {
        faults.push(bad_name(name.at, "stage", &format!("`{}`", name.text)));
    }
    let entries = mapping(node, &format!("stage `{}`", name.text), faults)?;
    check_keys(entries, STAGE_KEYS, "a stage", faults);
    let uses = match node.get("uses") {
        Some(uses) => word(uses, "`uses`", faults)?,
        None => {
            let help = "name its kind, such as `uses: ingest.csv`; `orchestrate kinds` lists them";
            faults.push(Fault::new(name.at, format!("stage `{}` has no `uses`", name.text), help));
            return None;
        }
    };
    let inputs = optional_mapping(node.get("inputs"), "`inputs`", faults)
        .into_iter()
        .filter_map(|(port, value)| Some((port, read_input(&value, faults)?)))
        .collect();
    let empty = Node { at: name.at, val: Val::Map(Vec::new()) };
    Some(StageSpec {
        name: name.clone(),
        uses,
        inputs,
        matrix: optional_mapping(node.get("matrix"), "`matrix`", faults),
        with: node.get("with").cloned().unwrap_or(empty),
        needs: words(node.get("needs"), "`needs`", faults),
        timeout: node.get("timeout").and_then(|n| read_timeout(n, faults)),
        retries: node.get("retries").map_or(0, |n| read_retries(n, faults)),
    })
}

fn read_input(node: &Node, faults: &mut Vec<Fault>) -> Option<InputSpec> {
    match &node.val {
        Val::List(_) => Some(InputSpec::Many(words(Some(node), "an input", faults))),
        _ => word(node, "an input", faults).map(InputSpec::One),
    }
}

/// Reads `30`, `30s`, `5m` or `2h` as seconds.
fn read_timeout(node: &Node, faults: &mut Vec<Fault>) -> Option<f64> {
    let text = node.as_text().unwrap_or_default();
    let (number, unit) = match text.chars().last() {
        Some('s') => (&text[..text.len() - 1], 1.0),
        Some('m') => (&text[..text.len() - 1], 60.0),
        Some('h') => (&text[..text.len() - 1], 3600.0),
        _ => (text.as_str(), 1.0),
    };
    match number.parse::<f64>() {
        Ok(n) if n > 0.0 && n.is_finite() => Some(n * unit),
        _ => {
            let message =
                format!("expected a duration such as 30s, 5m or 2h, found {}", node.describe());
            faults.push(Fault::new(node.at, message, ""));
            None
        }
    }
}

fn read_retries(node: &Node, faults: &mut Vec<Fault>) -> u32 {
    match node.val {
        Val::Int(n, _) if (0..=100).contains(&n) => n as u32,
        _ => {
            let message =
                format!("expected a whole number from 0 to 100, found {}", node.describe());
            faults.push(Fault::new(node.at, message, ""));
            0
        }
    }
}

fn bad_name(at: Span, what: &str, found: &str) -> Fault {
    let message = format!("a {what}'s name is made of a-z, 0-9, _ and -, found {found}");
    Fault::new(at, message, "")
}

fn refuse_interpolation(name: &str, node: &Node, faults: &mut Vec<Fault>) {
    if matches!(&node.val, Val::Text(text) if text.contains("${")) {
        let message = format!("parameter `{name}` refers to another value");
        faults.push(Fault::new(
            node.at,
            message,
            "parameters are plain values; interpolate in stages",
        ));
    }
}

/// Reports every key that stands twice in one mapping, anywhere in the file.
fn find_duplicates(node: &Node, faults: &mut Vec<Fault>) {
    match &node.val {
        Val::List(items) => items.iter().for_each(|item| find_duplicates(item, faults)),
        Val::Map(entries) => {
            let mut seen = std::collections::HashMap::new();
            for (key, value) in entries {
                if let Some(first) = seen.insert(key.text.as_str(), key.at) {
                    let message = format!("the key `{}` stands twice", key.text);
                    let help = format!("first at line {}, column {}", first.line, first.column);
                    faults.push(Fault::new(key.at, message, help));
                }
                find_duplicates(value, faults);
            }
        }
        _ => {}
    }
}

fn check_keys(entries: &[(Key, Node)], known: &[&str], what: &str, faults: &mut Vec<Fault>) {
    for (key, _) in entries {
        if !known.contains(&key.text.as_str()) {
            let mut help = names::suggestion(&key.text, known.iter().copied());
            if help.is_empty() {
                help = format!("{what} has {}", known.join(", "));
            }
            faults.push(Fault::new(key.at, format!("unknown key `{}`", key.text), help));
        }
    }
}

fn mapping<'a>(node: &'a Node, what: &str, faults: &mut Vec<Fault>) -> Option<&'a [(Key, Node)]> {
    match &node.val {
        Val::Map(entries) => Some(entries),
        _ => {
            let message = format!("{what} should be a mapping, found {}", node.describe());
            faults.push(Fault::new(node.at, message, ""));
            None
        }
    }
}

/// Returns the entries of a mapping that may be left out, each key once.
fn optional_mapping(node: Option<&Node>, what: &str, faults: &mut Vec<Fault>) -> Vec<(Key, Node)> {
    let mut entries: Vec<(Key, Node)> = Vec::new();
    if let Some(node) = node.filter(|n| n.val != Val::Null) {
        for (key, value) in mapping(node, what, faults).unwrap_or(&[]) {
            if !entries.iter().any(|(k, _)| k.text == key.text) {
                entries.push((key.clone(), value.clone()));
            }
        }
    }
    entries
}

fn word(node: &Node, what: &str, faults: &mut Vec<Fault>) -> Option<Word> {
    match node.as_text() {
        Some(text) => Some(Word { text, at: node.at }),
        None => {
            let message = format!("{what} should be a text, found {}", node.describe());
            faults.push(Fault::new(node.at, message, ""));
            None
        }
    }
}

fn words(node: Option<&Node>, what: &str, faults: &mut Vec<Fault>) -> Vec<Word> {
    match node {
        None => Vec::new(),
        Some(Node { val: Val::List(items), .. }) => {
            items.iter().filter_map(|item| word(item, what, faults)).collect()
        }
        Some(node) => word(node, what, faults).into_iter().collect(),
    }
}
