//! From stages as written to instances: kinds looked up, matrices multiplied out, interpolations replaced,
//! parameters checked. It follows no reference between stages.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet, HashSet},
};

use serde_json::Value;

use crate::{
    base::{
        names,
        node::{Node, Span, Val},
    },
    engine::{
        interpolate::{Room, Scope},
        plan::Catalog,
        spec::{InputSpec, Spec, StageSpec, Word},
    },
    stage::{
        kind::{Kind, OutputPort},
        params::{self, Fault},
    },
};

/// Most instances that one matrix may make.
const MAX_INSTANCES: usize = 100_000;

/// Bytes, roughly, of an instance beside its parameters, and of its value on an axis.
const INSTANCE_BYTES: usize = 512;
const AXIS_BYTES: usize = 128;

/// An instance whose references are not yet followed.
pub struct Expanded {
    pub name: String,
    pub name_at: Span,
    pub stage: String,
    pub axes: Vec<(String, Value)>,
    pub kind: &'static dyn Kind,
    pub params: Value,
    /// Whether `params` stands for all that was written, so that the kind itself may look at it.
    pub sound: bool,
    pub with: Node,
    pub inputs: Vec<(Word, InputSpec)>,
    pub outputs: Vec<OutputPort>,
    pub needs: Vec<Word>,
    pub timeout: Option<f64>,
    pub retries: u32,
}

/// Multiplies out every stage of `spec`. A stage of unknown kind is reported and left out; so that it is not
/// reported again by whoever refers to it, its name goes into `lost`.
pub fn expand(
    spec: &Spec,
    params: &BTreeMap<String, Node>,
    catalog: Catalog,
    lost: &mut HashSet<String>,
    faults: &mut Vec<Fault>,
) -> Vec<Expanded> {
    let mut instances = Vec::new();
    let room = Room::default();
    for stage in &spec.stages {
        let Some(kind) = catalog.iter().copied().find(|k| k.name() == stage.uses.text) else {
            let known = catalog.iter().map(|k| k.name());
            let mut help = names::suggestion(&stage.uses.text, known);
            if help.is_empty() {
                help = "`orchestrate kinds` lists them".to_string();
            }
            let message = format!("unknown kind `{}`", stage.uses.text);
            faults.push(Fault::new(stage.uses.at, message, help));
            lost.insert(stage.name.text.clone());
            continue;
        };
        let before = faults.len();
        match combinations(stage, params, &room, faults) {
            Some(all) => {
                for axes in all {
                    room.take(INSTANCE_BYTES);
                    if room.is_full() || faults.len() > Fault::ENOUGH {
                        break;
                    }
                    instances.push(instance(stage, kind, params, axes, &room, faults));
                }
            }
            None => instances.push(stand_in(stage, kind, params, &room, faults)),
        }
        if room.is_full() {
            // What found no room looks like a mistake, and stages that are not reached like missing ones.
            faults.truncate(before);
            let message =
                "the pipeline grows too large here: too many instances, or too much in each";
            faults.push(Fault::new(stage.name.at, message, "split it into several pipelines"));
            lost.extend(spec.stages.iter().map(|stage| stage.name.text.clone()));
            break;
        }
    }
    instances
}

fn instance(
    stage: &StageSpec,
    kind: &'static dyn Kind,
    params: &BTreeMap<String, Node>,
    axes: Vec<(String, Node)>,
    room: &Room,
    faults: &mut Vec<Fault>,
) -> Expanded {
    let before = faults.len();
    let scope = Scope { params, matrix: &axes, room };
    let with = scope.apply(&stage.with, faults);
    let hollow: BTreeSet<Span> = faults[before..].iter().map(|fault| fault.at).collect();
    let mut found = Vec::new();
    let checked = params::check(kind.params(), &with, &mut found);
    // That nothing stands where an interpolation failed is the same mistake.
    faults.extend(found.into_iter().filter(|fault| !hollow.contains(&fault.at)));
    let sound = faults.len() == before;
    let inputs = stage.inputs.iter().map(|(port, input)| {
        let port = Word { text: port.text.clone(), at: port.at };
        let input = match input {
            InputSpec::One(word) => InputSpec::One(scope.apply_word(word, faults)),
            InputSpec::Many(words) => {
                InputSpec::Many(words.iter().map(|w| scope.apply_word(w, faults)).collect())
            }
        };
        (port, input)
    });
    let inputs: Vec<_> = inputs.collect();
    let needs = stage.needs.iter().map(|w| scope.apply_word(w, faults)).collect();
    Expanded {
        name: instance_name(&stage.name.text, &axes),
        name_at: stage.name.at,
        stage: stage.name.text.clone(),
        axes: axes.iter().map(|(name, node)| (name.clone(), node.to_json())).collect(),
        kind,
        outputs: kind.outputs(&checked),
        params: checked,
        sound,
        with,
        inputs,
        needs,
        timeout: stage.timeout,
        retries: stage.retries,
    }
}

/// Stands for the instances of a stage whose matrix is wrong, so that whatever else is wrong with the stage, and with
/// those who refer to it, is told in the same go. What reads the matrix is passed over.
fn stand_in(
    stage: &StageSpec,
    kind: &'static dyn Kind,
    params: &BTreeMap<String, Node>,
    room: &Room,
    faults: &mut Vec<Fault>,
) -> Expanded {
    let nothing = |at: Span| Node { at, val: Val::Null };
    let axes = stage.matrix.iter().map(|(key, node)| (key.text.clone(), nothing(node.at)));
    let mut found = Vec::new();
    let mut stand_in = instance(stage, kind, params, axes.collect(), room, &mut found);
    let mut reads_matrix = BTreeSet::new();
    matrix_readers(&stage.with, &mut reads_matrix);
    faults.extend(found.into_iter().filter(|fault| !reads_matrix.contains(&fault.at)));
    stand_in.name = stage.name.text.clone();
    stand_in.sound = false;
    stand_in
}

/// Collects the places of texts that refer to a matrix.
fn matrix_readers(node: &Node, found: &mut BTreeSet<Span>) {
    match &node.val {
        Val::Text(text) if text.contains("matrix.") => drop(found.insert(node.at)),
        Val::List(items) => items.iter().for_each(|item| matrix_readers(item, found)),
        Val::Map(entries) => entries.iter().for_each(|(_, value)| matrix_readers(value, found)),
        _ => {}
    }
}

fn instance_name(stage: &str, axes: &[(String, Node)]) -> String {
    let mut name = stage.to_string();
    for (axis, value) in axes {
        let value = names::percent_encode(&value.as_text().unwrap_or_default());
        name.push_str(&format!("/{axis}={value}"));
    }
    name
}

/// Returns one list of axis values an instance, axes ordered by name, instances by value; nothing if the matrix is wrong.
fn combinations(
    stage: &StageSpec,
    params: &BTreeMap<String, Node>,
    room: &Room,
    faults: &mut Vec<Fault>,
) -> Option<Vec<Vec<(String, Node)>>> {
    let before = faults.len();
    let mut axes: Vec<(String, Vec<Node>)> = Vec::new();
    for (key, node) in &stage.matrix {
        if !names::is_stage_name(&key.text) {
            let message =
                format!("an axis's name is made of a-z, 0-9, _ and -, found `{}`", key.text);
            faults.push(Fault::new(key.at, message, ""));
        }
        let axis_before = faults.len();
        let node = &Scope { params, matrix: &[], room }.apply(node, faults);
        let values = match faults.len() == axis_before {
            true => axis_values(node, faults),
            false => Vec::new(),
        };
        if values.is_empty() && faults.len() == axis_before {
            faults.push(Fault::new(node.at, format!("axis `{}` has no values", key.text), ""));
        }
        axes.push((key.text.clone(), values));
    }
    axes.sort_by(|a, b| a.0.cmp(&b.0));
    let n_instances = axes.iter().map(|(_, v)| v.len()).fold(1_usize, usize::saturating_mul);
    if n_instances > MAX_INSTANCES {
        let message = format!(
            "the matrix makes {n_instances} instances, at most {MAX_INSTANCES} are allowed"
        );
        faults.push(Fault::new(stage.name.at, message, ""));
    }
    if faults.len() > before {
        return None;
    }
    if !room.take(n_instances.saturating_mul(axes.len()).saturating_mul(AXIS_BYTES)) {
        return Some(Vec::new());
    }
    let mut rows = vec![Vec::new()];
    for (axis, values) in axes {
        rows = rows
            .into_iter()
            .flat_map(|row: Vec<(String, Node)>| {
                let axis = &axis;
                values.iter().map(move |v| {
                    let mut longer = row.clone();
                    longer.push((axis.clone(), v.clone()));
                    longer
                })
            })
            .collect();
    }
    Some(rows)
}

/// Reads a list of scalars or `{from, to, step}`, both ends included; sorted, numbers before texts.
fn axis_values(node: &Node, faults: &mut Vec<Fault>) -> Vec<Node> {
    let mut values = match &node.val {
        Val::List(items) => items.clone(),
        Val::Map(_) => range_values(node, faults),
        _ => {
            let message = format!("expected a list or {{from, to}}, found {}", node.describe());
            faults.push(Fault::new(node.at, message, ""));
            Vec::new()
        }
    };
    for value in &values {
        if value.as_text().is_none() {
            let message = format!("an axis's values are scalars, found {}", value.describe());
            faults.push(Fault::new(value.at, message, ""));
        }
    }
    values.sort_by(compare_values);
    for pair in values.windows(2) {
        if compare_values(&pair[0], &pair[1]) == Ordering::Equal {
            let message = format!("{} stands twice in the axis", pair[1].describe());
            faults.push(Fault::new(pair[1].at.max(pair[0].at), message, ""));
        }
    }
    values.dedup_by(|a, b| compare_values(a, b) == Ordering::Equal);
    values
}

fn range_values(node: &Node, faults: &mut Vec<Fault>) -> Vec<Node> {
    use params::{Param, Shape};
    const RANGE: &[Param] = &[
        Param::required("from", Shape::int_from(i64::MIN), "first value"),
        Param::required("to", Shape::int_from(i64::MIN), "last value, included"),
        Param::with_default("step", Shape::int_from(1), "1", "distance"),
    ];
    let before = faults.len();
    let range = params::check(RANGE, node, faults);
    let number = |name: &str| range[name].as_i64().unwrap_or(0);
    let (from, to, step) = (number("from"), number("to"), number("step"));
    if faults.len() > before {
        return Vec::new();
    }
    if from > to {
        faults.push(Fault::new(node.at, format!("`from` ({from}) is above `to` ({to})"), ""));
        return Vec::new();
    }
    let count = to.abs_diff(from) / step.unsigned_abs();
    if count >= MAX_INSTANCES as u64 {
        faults.push(Fault::new(node.at, format!("the range has {} values", count + 1), ""));
        return Vec::new();
    }
    let value = |i: u64| {
        let v = from.saturating_add((i as i64).saturating_mul(step));
        Node { at: node.at, val: Val::Int(v, v.to_string()) }
    };
    (0..=count).map(value).collect()
}

fn compare_values(a: &Node, b: &Node) -> Ordering {
    let number = |n: &Node| match n.val {
        Val::Int(i, _) => Some(i as f64),
        Val::Float(f, _) => Some(f),
        _ => None,
    };
    match (number(a), number(b)) {
        (Some(x), Some(y)) => x.total_cmp(&y),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.as_text().cmp(&b.as_text()),
    }
}
