//! The shape of a pipeline file: which keys there are and of what type. It does not know kinds, and resolves
//! no reference.

use std::collections::{BTreeSet, HashMap, HashSet};

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

/// Longest timeout in seconds, some thirty years; a clock could not count much longer ones.
const LONGEST_TIMEOUT: f64 = 1e9;

const TOP_KEYS: &[&str] = &["$schema", "pipeline", "description", "params", "profiles", "stages"];
const STAGE_KEYS: &[&str] =
    &["uses", "inputs", "with", "matrix", "needs", "description", "timeout", "retries"];

impl Spec {
    /// Reads the tree of a pipeline file; everything wrong is added to `faults`.
    pub fn read(root: Node, faults: &mut Vec<Fault>) -> Spec {
        find_duplicates(&root, faults);
        let mut spec = Spec::default();
        let at = root.at;
        let Some(mut entries) = mapping(root, || "the pipeline".to_string(), faults) else {
            return spec;
        };
        check_keys(&entries, TOP_KEYS, "a pipeline", faults);
        match take(&mut entries, "pipeline") {
            None => faults.push(Fault::new(
                at,
                "`pipeline` is missing",
                "name the pipeline: `pipeline: customer-segmentation`",
            )),
            Some(node) => match node.as_text() {
                Some(name) if names::is_stage_name(&name) => spec.pipeline = name,
                _ => faults.push(bad_name(node.at, "pipeline", &node.describe())),
            },
        }
        spec.params = optional_mapping(take(&mut entries, "params"), "`params`", faults);
        for (key, value) in &spec.params {
            refuse_interpolation(&key.text, value, faults);
        }
        spec.read_profiles(take(&mut entries, "profiles"), faults);
        match take(&mut entries, "stages") {
            Some(stages) => spec.read_stages(stages, faults),
            None => faults.push(Fault::new(at, "`stages` is missing", "")),
        }
        spec
    }

    fn read_profiles(&mut self, node: Option<Node>, faults: &mut Vec<Fault>) {
        let known: BTreeSet<&str> = self.params.iter().map(|(k, _)| k.text.as_str()).collect();
        for (key, node) in optional_mapping(node, "`profiles`", faults) {
            let changes = optional_mapping(Some(node), "a profile", faults);
            for (name, value) in &changes {
                refuse_interpolation(&name.text, value, faults);
                if !known.contains(name.text.as_str()) {
                    let message =
                        format!("profile `{}` sets an unknown parameter `{}`", key.text, name.text);
                    let help = match Fault::may_suggest(faults.len(), known.len()) {
                        true => names::suggestion(&name.text, known.iter().copied()),
                        false => String::new(),
                    };
                    faults.push(Fault::new(name.at, message, help));
                }
            }
            self.profiles.push((key, changes));
        }
    }

    fn read_stages(&mut self, node: Node, faults: &mut Vec<Fault>) {
        let at = node.at;
        let stages = mapping(node, || "`stages`".to_string(), faults).unwrap_or_default();
        self.stages.reserve(stages.len());
        for (name, node) in stages {
            self.stages.extend(read_stage(name, node, faults));
        }
        if self.stages.is_empty() && faults.is_empty() {
            faults.push(Fault::new(at, "there are no stages", ""));
        }
    }
}

fn read_stage(name: Key, node: Node, faults: &mut Vec<Fault>) -> Option<StageSpec> {
    if !names::is_stage_name(&name.text) {
        faults.push(bad_name(name.at, "stage", &format!("`{}`", name.text)));
    }
    let mut entries = mapping(node, || format!("stage `{}`", name.text), faults)?;
    check_keys(&entries, STAGE_KEYS, "a stage", faults);
    let uses = match take(&mut entries, "uses") {
        Some(uses) => word(&uses, "`uses`", faults)?,
        None => {
            let help = "name its kind, such as `uses: ingest.csv`; `orchestrate kinds` lists them";
            faults.push(Fault::new(name.at, format!("stage `{}` has no `uses`", name.text), help));
            return None;
        }
    };
    let inputs = optional_mapping(take(&mut entries, "inputs"), "`inputs`", faults)
        .into_iter()
        .filter_map(|(port, value)| Some((port, read_input(&value, faults)?)))
        .collect();
    let empty = Node { at: name.at, val: Val::Map(Vec::new()) };
    Some(StageSpec {
        name,
        uses,
        inputs,
        matrix: optional_mapping(take(&mut entries, "matrix"), "`matrix`", faults),
        with: take(&mut entries, "with").unwrap_or(empty),
        needs: words(take(&mut entries, "needs").as_ref(), "`needs`", faults),
        timeout: take(&mut entries, "timeout").and_then(|n| read_timeout(&n, faults)),
        retries: take(&mut entries, "retries").map_or(0, |n| read_retries(&n, faults)),
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
        Ok(n) if n > 0.0 && n * unit <= LONGEST_TIMEOUT => Some(n * unit),
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

/// Up to how many keys looking through them is quicker than hashing them.
const FEW: usize = 16;

/// Reports every key that stands twice in one mapping, anywhere in the file.
fn find_duplicates(node: &Node, faults: &mut Vec<Fault>) {
    match &node.val {
        Val::List(items) => items.iter().for_each(|item| find_duplicates(item, faults)),
        Val::Map(entries) => {
            let mut seen = HashMap::new();
            for (i, (key, value)) in entries.iter().enumerate() {
                let before = match entries.len() > FEW {
                    true => seen.insert(key.text.as_str(), key.at),
                    false => entries[..i].iter().rfind(|(k, _)| k.text == key.text).map(|e| e.0.at),
                };
                if let Some(first) = before {
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

fn mapping(
    node: Node,
    what: impl Fn() -> String,
    faults: &mut Vec<Fault>,
) -> Option<Vec<(Key, Node)>> {
    match node.val {
        Val::Map(entries) => Some(entries),
        _ => {
            let message = format!("{} should be a mapping, found {}", what(), node.describe());
            faults.push(Fault::new(node.at, message, ""));
            None
        }
    }
}

/// Returns the entries of a mapping that may be left out, each key once.
fn optional_mapping(node: Option<Node>, what: &str, faults: &mut Vec<Fault>) -> Vec<(Key, Node)> {
    let Some(node) = node.filter(|n| n.val != Val::Null) else { return Vec::new() };
    let mut entries = mapping(node, || what.to_string(), faults).unwrap_or_default();
    if entries.len() <= FEW {
        for i in (1..entries.len()).rev() {
            if entries[..i].iter().any(|(k, _)| k.text == entries[i].0.text) {
                entries.remove(i);
            }
        }
    } else {
        let mut seen = HashSet::new();
        entries.retain(|(key, _)| seen.insert(key.text.clone()));
    }
    entries
}

/// Takes the first entry `key` out of a mapping.
fn take(entries: &mut Vec<(Key, Node)>, key: &str) -> Option<Node> {
    let at = entries.iter().position(|(k, _)| k.text == key)?;
    Some(entries.remove(at).1)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::yaml;

    #[test]
    fn duplicates_are_found_among_few_keys_and_among_many() {
        for n_others in [1, 100] {
            let others: String = (0..n_others).map(|i| format!("  p{i}: {i}\n")).collect();
            let text =
                format!("pipeline: p\nparams:\n  a: 1\n{others}  a: 2\n  a: 3\nstages: {{}}\n");
            let mut faults = Vec::new();
            let spec = Spec::read(yaml::read(&text).unwrap(), &mut faults);
            let told: Vec<_> = faults.iter().map(|f| (f.at.line, f.help.as_str())).collect();
            let last = format!("first at line {}, column 3", n_others + 4);
            assert_eq!(
                told,
                [(n_others + 4, "first at line 3, column 3"), (n_others + 5, last.as_str())]
            );
            assert_eq!(spec.params.len(), n_others + 1);
            assert_eq!(spec.params[0].1.val, Val::Int(1, "1".to_string()), "the first counts");
        }
    }
}
