//! The compiled pipeline: a petgraph DAG of stage instances with checked parameters and typed edges.
//! It does not know files, hashes or the store.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashSet},
};

use arrow::datatypes::SchemaRef;
use petgraph::{
    Direction,
    algo::tarjan_scc,
    graph::{DiGraph, NodeIndex},
    visit::EdgeRef,
};
use serde_json::Value;

use crate::{
    base::{
        names,
        node::{Node, Span},
    },
    engine::{
        bind::{self, Bound},
        expand::{self, Expanded},
        spec::Spec,
        yaml,
    },
    stage::{
        kind::{Given, Inputs, Kind, OutputPort, REFERENCE, Sources},
        params::Fault,
    },
};

/// The kinds that pipelines may use.
pub type Catalog = &'static [&'static dyn Kind];

/// A compiled pipeline.
pub struct Plan {
    /// Its name.
    pub pipeline: String,
    /// Its parameters after profile and overrides.
    pub params: BTreeMap<String, Value>,
    /// The stage instances and who feeds whom. An edge leads from the giver to the taker.
    pub graph: DiGraph<Instance, ()>,
    /// The instances so that givers stand before takers, otherwise in the order of the file.
    pub order: Vec<NodeIndex>,
    /// What kinds had to say about their parameters: instance, and what a person should hear of.
    pub notes: Vec<(String, String)>,
}

/// A stage, or one of its instances where a matrix makes several.
pub struct Instance {
    /// `kmeans/k=4`, or the stage's name without a matrix.
    pub name: String,
    /// The stage's name.
    pub stage: String,
    /// The matrix values, ordered by axis name.
    pub axes: Vec<(String, Value)>,
    /// What it does.
    pub kind: &'static dyn Kind,
    /// Canonical parameters, defaults filled in.
    pub params: Value,
    /// What it reads from outside the pipeline.
    pub sources: Sources,
    /// Its inputs, ordered by port, then candidate, then output.
    pub inputs: Vec<Edge>,
    /// Its outputs.
    pub outputs: Vec<OutputPort>,
    /// Instances that must have succeeded before.
    pub needs: Vec<NodeIndex>,
    /// Seconds after which it is stopped.
    pub timeout: Option<f64>,
    /// How often it is tried again.
    pub retries: u32,
}

/// One output of one instance, arriving at an input port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// The taker's port.
    pub port: String,
    /// For a port that takes whole stages: the giver's instance name.
    pub candidate: Option<String>,
    /// The giver's output.
    pub output: String,
    /// The giver.
    pub from: NodeIndex,
}

impl Edge {
    /// Returns the input's name in keys and records: `table`, or `candidates/kmeans/k=4.labels`.
    pub fn key_name(&self) -> String {
        match &self.candidate {
            None => self.port.clone(),
            Some(name) => format!("{}/{}.{}", self.port, name, self.output),
        }
    }

    /// Returns the name in keys of what a port that takes whole stages is told of the giver beside its outputs:
    /// `candidates/kmeans/k=4`.
    pub fn candidate_key_name(&self) -> Option<String> {
        self.candidate.as_ref().map(|name| format!("{}/{name}", self.port))
    }
}

/// What a person changes for one run without editing the file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// A profile to apply.
    pub profile: Option<String>,
    /// `--set name=value`, value as YAML text.
    pub set: Vec<(String, String)>,
    /// `--reference`: the run that lends to every stage that can take something from one.
    pub reference: Option<String>,
}

/// Why a pipeline could not be compiled.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The file is wrong: every fault, in file order.
    #[error("the pipeline has {} {}", .0.len(), if .0.len() == 1 { "mistake" } else { "mistakes" })]
    Invalid(Vec<Fault>),
    /// `--set` or `--profile` names something that the file does not have.
    #[error("{0}")]
    Override(String),
}

/// Compiles the text of a pipeline file.
///
/// # Errors
/// Everything that is wrong with it, all at once.
pub fn compile(text: &str, catalog: Catalog, overrides: &Overrides) -> Result<Plan, PlanError> {
    let mut faults = Vec::new();
    let root = match yaml::read(text) {
        Ok(root) => root,
        Err(fault) => return Err(PlanError::Invalid(vec![fault])),
    };
    let spec = Spec::read(root, &mut faults);
    let params = resolve_params(&spec, overrides)?;
    let mut lost = HashSet::new();
    let expanded = expand::expand(&spec, &params, catalog, &mut lost, &mut faults);
    let bound = bind::bind(&expanded, &lost, &mut faults);
    let mut plan = build(&spec.pipeline, &params, expanded, bound, &mut faults);
    if let Some(run) = &overrides.reference {
        refer(&mut plan.graph, run, catalog)?;
    }
    if faults.is_empty() {
        return Ok(plan);
    }
    faults.sort_by(|a, b| (a.at, &a.message).cmp(&(b.at, &b.message)));
    faults.dedup();
    Err(PlanError::Invalid(faults))
}

fn resolve_params(spec: &Spec, overrides: &Overrides) -> Result<BTreeMap<String, Node>, PlanError> {
    let mut params: BTreeMap<String, Node> =
        spec.params.iter().map(|(k, v)| (k.text.clone(), v.clone())).collect();
    if let Some(wanted) = &overrides.profile {
        let known = spec.profiles.iter().map(|(k, _)| k.text.as_str());
        match spec.profiles.iter().find(|(k, _)| k.text == *wanted) {
            Some((_, changes)) => {
                params.extend(changes.iter().map(|(k, v)| (k.text.clone(), v.clone())));
            }
            None => return Err(unknown_override("profile", wanted, known)),
        }
    }
    for (name, value) in &overrides.set {
        if !params.contains_key(name) {
            return Err(unknown_override("parameter", name, params.keys().map(String::as_str)));
        }
        let mut node = yaml::read(value)
            .map_err(|fault| PlanError::Override(format!("--set {name}: {}", fault.message)))?;
        node.at = params[name].at;
        params.insert(name.clone(), node);
    }
    Ok(params)
}

/// Lets every stage that can take something from an earlier run take it from `run`.
fn refer(graph: &mut DiGraph<Instance, ()>, run: &str, catalog: Catalog) -> Result<(), PlanError> {
    let takes = |kind: &dyn Kind| kind.params().iter().any(|param| param.name == REFERENCE);
    let mut n_takers = 0;
    for instance in graph.node_weights_mut().filter(|instance| takes(instance.kind)) {
        instance.params[REFERENCE] = Value::from(run);
        instance.sources = instance.kind.sources(&instance.params);
        n_takers += 1;
    }
    if n_takers > 0 {
        return Ok(());
    }
    let kinds: Vec<&str> = catalog.iter().filter(|k| takes(**k)).map(|k| k.name()).collect();
    let kinds = kinds.join(", ");
    let fact = "no stage of the pipeline takes anything from an earlier run";
    Err(PlanError::Override(format!("--reference: {fact}; stages that do: {kinds}")))
}

fn unknown_override<'a>(
    what: &str,
    wrong: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> PlanError {
    let mut help = names::suggestion(wrong, known.clone());
    if help.is_empty() {
        let known: Vec<&str> = known.collect();
        help = match known.is_empty() {
            true => format!("the pipeline has no {what}s"),
            false => format!("known: {}", names::listed(known)),
        };
    }
    PlanError::Override(format!("unknown {what} `{wrong}`; {help}"))
}

/// What a person wrote of an instance, for messages.
struct Written {
    name_at: Span,
    with: Node,
    ports: Vec<String>,
    sound: bool,
}

fn build(
    pipeline: &str,
    params: &BTreeMap<String, Node>,
    expanded: Vec<Expanded>,
    bound: Vec<Bound>,
    faults: &mut Vec<Fault>,
) -> Plan {
    let mut graph = DiGraph::with_capacity(expanded.len(), expanded.len());
    let mut written = Vec::with_capacity(expanded.len());
    for (instance, bound) in expanded.into_iter().zip(bound) {
        let ports: Vec<String> = instance.inputs.into_iter().map(|(port, _)| port.text).collect();
        let is_port = |name: &String| match instance.kind.inputs() {
            Inputs::Named(_) => true,
            Inputs::Fixed(known) => known.iter().any(|port| port.name == name),
        };
        let sound = instance.sound && ports.iter().all(is_port);
        written.push(Written { name_at: instance.name_at, with: instance.with, ports, sound });
        let sources = instance.kind.sources(&instance.params);
        graph.add_node(Instance {
            name: instance.name,
            stage: instance.stage,
            axes: instance.axes,
            kind: instance.kind,
            params: instance.params,
            sources,
            inputs: bound.inputs,
            outputs: instance.outputs,
            needs: bound.needs,
            timeout: instance.timeout,
            retries: instance.retries,
        });
    }
    connect(&mut graph);
    let order = order(&graph);
    let mut notes = Vec::new();
    if order.len() < graph.node_count() {
        report_cycles(&graph, &written, faults);
    } else {
        check_kinds(&mut graph, &order, &written, faults, &mut notes);
    }
    let params = params.iter().map(|(k, v)| (k.clone(), v.to_json())).collect();
    Plan { pipeline: pipeline.to_string(), params, graph, order, notes }
}

/// Draws an edge from every giver to its taker.
pub(super) fn connect(graph: &mut DiGraph<Instance, ()>) {
    for taker in graph.node_indices() {
        let instance = &graph[taker];
        let mut givers: Vec<NodeIndex> = instance.inputs.iter().map(|e| e.from).collect();
        givers.extend(&instance.needs);
        givers.sort_unstable();
        givers.dedup();
        for giver in givers {
            graph.add_edge(giver, taker, ());
        }
    }
}

/// Kahn's algorithm with the file's order among the ready; shorter than the graph if there is a cycle.
pub(super) fn order(graph: &DiGraph<Instance, ()>) -> Vec<NodeIndex> {
    let mut waiting: Vec<usize> = graph
        .node_indices()
        .map(|n| graph.edges_directed(n, Direction::Incoming).count())
        .collect();
    let mut ready: BinaryHeap<Reverse<NodeIndex>> =
        graph.node_indices().filter(|n| waiting[n.index()] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(waiting.len());
    while let Some(Reverse(node)) = ready.pop() {
        order.push(node);
        for edge in graph.edges(node) {
            let taker = edge.target();
            waiting[taker.index()] -= 1;
            if waiting[taker.index()] == 0 {
                ready.push(Reverse(taker));
            }
        }
    }
    order
}

fn report_cycles(graph: &DiGraph<Instance, ()>, written: &[Written], faults: &mut Vec<Fault>) {
    for component in tarjan_scc(graph) {
        let is_loop =
            component.len() > 1 || component.iter().any(|&n| graph.find_edge(n, n).is_some());
        if !is_loop {
            continue;
        }
        let Some(&first) = component.iter().min() else { continue };
        let mut members: Vec<&str> = component.iter().map(|&n| graph[n].stage.as_str()).collect();
        members.sort_unstable();
        members.dedup();
        let message = format!("stages depend on each other in a circle: {}", members.join(", "));
        faults.push(Fault::new(
            written[first.index()].name_at,
            message,
            "remove one of the references",
        ));
    }
}

/// Lets every kind check its parameters and hands known schemas down the edges. An input that could not be connected
/// is one whose schema is not known, so that a mistake elsewhere hides none here.
fn check_kinds(
    graph: &mut DiGraph<Instance, ()>,
    order: &[NodeIndex],
    written: &[Written],
    faults: &mut Vec<Fault>,
    notes: &mut Vec<(String, String)>,
) {
    let mut known: Vec<BTreeMap<String, SchemaRef>> = vec![BTreeMap::new(); graph.node_count()];
    for &index in order {
        if faults.len() > Fault::ENOUGH {
            return;
        }
        let (instance, written) = (&mut graph[index], &written[index.index()]);
        if !written.sound {
            continue;
        }
        let mut inputs: BTreeMap<String, Option<SchemaRef>> =
            written.ports.iter().map(|port| (port.clone(), None)).collect();
        for edge in instance.inputs.iter().filter(|e| e.candidate.is_none()) {
            let schema = known[edge.from.index()].get(&edge.output).cloned();
            inputs.insert(edge.port.clone(), schema);
        }
        // Lent for the while, since parameters may be large.
        let given = Given { params: std::mem::take(&mut instance.params), inputs };
        let checked = instance.kind.check(&given);
        instance.params = given.params;
        known[index.index()] = checked.schemas;
        notes.extend(checked.notes.into_iter().map(|note| (instance.name.clone(), note)));
        for problem in checked.problems {
            let mut at = written.with.locate(&problem.path);
            if at == Span::default() {
                at = written.name_at;
            }
            faults.push(Fault::new(at, problem.message, problem.help));
        }
    }
}

impl Plan {
    /// Returns the instance called `name`.
    pub fn find(&self, name: &str) -> Option<NodeIndex> {
        self.graph.node_indices().find(|&n| self.graph[n].name == name)
    }

    /// Returns the instances that a person means by `name`: all of a stage, or one.
    pub fn select(&self, name: &str) -> Vec<NodeIndex> {
        let named = |n: &NodeIndex| self.graph[*n].name == name || self.graph[*n].stage == name;
        self.order.iter().copied().filter(named).collect()
    }

    /// Returns the names of all stages and instances, for suggestions.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> =
            self.graph.node_weights().flat_map(|i| [i.stage.as_str(), i.name.as_str()]).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Returns the given instances and everything that they depend on, in plan order.
    pub fn with_upstream(&self, targets: &[NodeIndex]) -> Vec<NodeIndex> {
        let mut wanted = vec![false; self.graph.node_count()];
        let mut stack = targets.to_vec();
        while let Some(node) = stack.pop() {
            if !std::mem::replace(&mut wanted[node.index()], true) {
                stack.extend(self.graph.neighbors_directed(node, Direction::Incoming));
            }
        }
        self.order.iter().copied().filter(|n| wanted[n.index()]).collect()
    }

    /// Returns the instances directly below.
    pub fn takers(&self, node: NodeIndex) -> impl Iterator<Item = NodeIndex> + '_ {
        self.graph.neighbors(node)
    }

    /// Returns the instances directly above.
    pub fn givers(&self, node: NodeIndex) -> impl Iterator<Item = NodeIndex> + '_ {
        self.graph.neighbors_directed(node, Direction::Incoming)
    }
}

#[cfg(test)]
mod tests;
