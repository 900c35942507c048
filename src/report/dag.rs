//! The graph of a pipeline to be drawn: stages (their instances folded into one node unless wanted apart), who
//! feeds whom, and how things stand. It does not know any drawing format; those are the files beside it.

pub mod document;
pub mod dot;
pub mod layout;
pub mod mermaid;
pub mod picture;
pub mod svg;
pub mod text;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

use petgraph::graph::NodeIndex;

use crate::{
    app::Survey,
    engine::{
        event::State,
        status::{Forecast, Standing},
    },
    store::records::Manifest,
};

/// Something to draw: nodes so that givers stand before takers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    /// The pipeline's name.
    pub pipeline: String,
    /// The boxes.
    pub nodes: Vec<Node>,
    /// The arrows, ordered by taker, then giver.
    pub edges: Vec<Edge>,
}

/// A box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The stage's or instance's name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// How many instances it stands for.
    pub n_instances: usize,
    /// How many of them are in each state; those that are in none are left out.
    pub states: BTreeMap<Light, usize>,
}

/// How an instance stands: before a run, during or after one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Light {
    /// Its outputs are there.
    Cached,
    /// It ran.
    Ran,
    /// It is at work.
    Running,
    /// It has to run.
    Stale,
    /// Something above it has to run first.
    Maybe,
    /// A source is not there.
    Blocked,
    /// It failed.
    Failed,
    /// Something else failed.
    Skipped,
    /// The run was interrupted.
    Cancelled,
}

impl Light {
    /// All of them, those before a run in the order of the contract.
    pub const ALL: [Light; 9] = [
        Light::Cached,
        Light::Ran,
        Light::Running,
        Light::Stale,
        Light::Maybe,
        Light::Blocked,
        Light::Failed,
        Light::Skipped,
        Light::Cancelled,
    ];

    /// Returns the state's name.
    pub fn word(self) -> &'static str {
        match self {
            Light::Cached => Standing::Cached.word(),
            Light::Stale => Standing::Stale.word(),
            Light::Maybe => Standing::Maybe.word(),
            Light::Blocked => Standing::Blocked.word(),
            Light::Ran => State::Ran.word(),
            Light::Running => "running",
            Light::Failed => State::Failed.word(),
            Light::Skipped => State::Skipped.word(),
            Light::Cancelled => State::Cancelled.word(),
        }
    }

    /// Returns the state of that name.
    pub fn of_word(word: &str) -> Option<Light> {
        Light::ALL.into_iter().find(|light| light.word() == word)
    }
}

impl From<Standing> for Light {
    fn from(standing: Standing) -> Light {
        match standing {
            Standing::Cached => Light::Cached,
            Standing::Stale => Light::Stale,
            Standing::Maybe => Light::Maybe,
            Standing::Blocked => Light::Blocked,
        }
    }
}

/// An arrow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// Index of the taker.
    pub to: usize,
    /// Index of the giver.
    pub from: usize,
    /// The outputs that are taken; empty for mere ordering.
    pub outputs: Vec<String>,
    /// Whether whole stages are taken.
    pub whole: bool,
}

impl Node {
    /// Returns the state that matters most: what stands in the way, then what has to run.
    pub fn light(&self) -> Light {
        use Light::{Blocked, Cancelled, Failed, Maybe, Ran, Running, Skipped, Stale};
        [Failed, Running, Blocked, Cancelled, Skipped, Stale, Maybe, Ran]
            .into_iter()
            .find(|s| self.states.contains_key(s))
            .unwrap_or(Light::Cached)
    }

    /// Returns the states in words: `cached`, or `5 cached, 2 stale`.
    pub fn state_text(&self) -> String {
        if self.n_instances == 1 {
            return self.light().word().to_string();
        }
        let parts: Vec<String> =
            self.states.iter().map(|(state, n)| format!("{n} {}", state.word())).collect();
        parts.join(", ")
    }
}

impl Graph {
    /// Makes the graph of a survey. Instances are folded unless `expand`, or unless folding would make a circle
    /// (an instance may feed another one of the same stage through a third).
    pub fn new(survey: &Survey, expand: bool) -> Graph {
        Graph::lit(survey, &|_| expand, &|forecast| forecast.standing.into())
    }

    /// Makes the graph of a survey in which `is_open` tells of a stage whether its instances stand apart, and `light` how
    /// an instance stands. Where folding would make a circle all of them stand apart.
    pub fn lit(
        survey: &Survey,
        is_open: &dyn Fn(&str) -> bool,
        light: &dyn Fn(&Forecast) -> Light,
    ) -> Graph {
        Graph::grouped(survey, is_open, light)
            .or_else(|| Graph::grouped(survey, &|_| true, light))
            .unwrap_or(Graph {
                pipeline: survey.plan.pipeline.clone(),
                nodes: Vec::new(),
                edges: Vec::new(),
            })
    }

    /// Makes the graph of a past run, whose instances ended as `lights` tells; instances are folded as in
    /// [`Graph::new`].
    pub fn past(manifest: &Manifest, lights: &BTreeMap<&str, Light>) -> Graph {
        let of = |fold| sorted(past(manifest, lights, fold));
        let empty = || Graph { pipeline: manifest.pipeline.clone(), nodes: vec![], edges: vec![] };
        of(true).or_else(|| of(false)).unwrap_or_else(empty)
    }

    /// Returns the givers of a node with their edges.
    pub fn givers(&self, node: usize) -> impl Iterator<Item = &Edge> {
        self.edges.iter().filter(move |e| e.to == node)
    }

    fn grouped(
        survey: &Survey,
        is_open: &dyn Fn(&str) -> bool,
        light: &dyn Fn(&Forecast) -> Light,
    ) -> Option<Graph> {
        let plan = &survey.plan;
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        let mut of_node: BTreeMap<NodeIndex, usize> = BTreeMap::new();
        let mut nodes: Vec<Node> = Vec::new();
        for forecast in &survey.forecasts {
            let instance = &plan.graph[forecast.node];
            let is_open = is_open(&instance.stage);
            let name = if is_open { &instance.name } else { &instance.stage };
            let place = *places.entry(name).or_insert_with(|| {
                nodes.push(Node {
                    name: name.clone(),
                    kind: instance.kind.name().to_string(),
                    n_instances: 0,
                    states: BTreeMap::new(),
                });
                nodes.len() - 1
            });
            nodes[place].n_instances += 1;
            *nodes[place].states.entry(light(forecast)).or_default() += 1;
            of_node.insert(forecast.node, place);
        }
        let edges = edges(survey, &of_node);
        sorted(Graph { pipeline: plan.pipeline.clone(), nodes, edges })
    }
}

fn edges(survey: &Survey, of_node: &BTreeMap<NodeIndex, usize>) -> Vec<Edge> {
    let mut found: BTreeMap<(usize, usize), Edge> = BTreeMap::new();
    for forecast in &survey.forecasts {
        let Some(&to) = of_node.get(&forecast.node) else { continue };
        let instance = &survey.plan.graph[forecast.node];
        let inputs =
            instance.inputs.iter().map(|e| (e.from, Some(&e.output), e.candidate.is_some()));
        let needs = instance.needs.iter().map(|&from| (from, None, false));
        for (from, output, whole) in inputs.chain(needs) {
            let Some(&from) = of_node.get(&from) else { continue };
            if from != to {
                join(&mut found, (to, from), output, whole);
            }
        }
    }
    found.into_values().collect()
}

fn past(manifest: &Manifest, lights: &BTreeMap<&str, Light>, fold: bool) -> Graph {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut of_instance: BTreeMap<&str, usize> = BTreeMap::new();
    let mut nodes: Vec<Node> = Vec::new();
    for stage in &manifest.stages {
        let name = if fold { &stage.stage } else { &stage.name };
        let place = *places.entry(name).or_insert_with(|| {
            nodes.push(Node {
                name: name.clone(),
                kind: stage.preimage.kind.clone(),
                n_instances: 0,
                states: BTreeMap::new(),
            });
            nodes.len() - 1
        });
        nodes[place].n_instances += 1;
        let light = lights.get(stage.name.as_str()).copied().unwrap_or(Light::Cached);
        *nodes[place].states.entry(light).or_default() += 1;
        of_instance.insert(&stage.name, place);
    }
    let mut found: BTreeMap<(usize, usize), Edge> = BTreeMap::new();
    for stage in &manifest.stages {
        let Some(&to) = of_instance.get(stage.name.as_str()) else { continue };
        let inputs = stage.edges.iter().map(|e| (&e.from, Some(&e.output), e.whole_stage));
        let needs = stage.needs.iter().map(|from| (from, None, false));
        for (from, output, whole) in inputs.chain(needs) {
            match of_instance.get(from.as_str()) {
                Some(&from) if from != to => join(&mut found, (to, from), output, whole),
                _ => {}
            }
        }
    }
    let edges = found.into_values().collect();
    Graph { pipeline: manifest.pipeline.clone(), nodes, edges }
}

/// Adds to the arrow between two boxes, which is made if there is none.
fn join(
    found: &mut BTreeMap<(usize, usize), Edge>,
    (to, from): (usize, usize),
    output: Option<&String>,
    whole: bool,
) {
    let none = || Edge { to, from, outputs: Vec::new(), whole: false };
    let edge = found.entry((to, from)).or_insert_with(none);
    edge.whole |= whole;
    if let Some(output) = output.filter(|o| !edge.outputs.contains(o)) {
        edge.outputs.push(output.clone());
    }
}

/// Puts givers before takers, otherwise keeping the order; `None` if there is a circle.
fn sorted(graph: Graph) -> Option<Graph> {
    let n = graph.nodes.len();
    let mut waiting: Vec<usize> = (0..n).map(|i| graph.givers(i).count()).collect();
    let mut ready: BinaryHeap<Reverse<usize>> =
        (0..n).filter(|&i| waiting[i] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(n);
    while let Some(Reverse(node)) = ready.pop() {
        order.push(node);
        for edge in graph.edges.iter().filter(|e| e.from == node) {
            waiting[edge.to] -= 1;
            if waiting[edge.to] == 0 {
                ready.push(Reverse(edge.to));
            }
        }
    }
    if order.len() < n {
        return None;
    }
    let mut place = vec![0; n];
    order.iter().enumerate().for_each(|(new, &old)| place[old] = new);
    let mut edges: Vec<Edge> = graph
        .edges
        .into_iter()
        .map(|e| Edge { to: place[e.to], from: place[e.from], ..e })
        .collect();
    edges.sort();
    let nodes = order.iter().map(|&old| graph.nodes[old].clone()).collect();
    Some(Graph { pipeline: graph.pipeline, nodes, edges })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{app::PipelineFile, engine::plan, kinds};

    /// A survey of a pipeline in which everything is cached but what `stale` names.
    pub fn survey(text: &str, stale: &[&str]) -> Survey {
        let plan = plan::compile(text, kinds::ALL, &Default::default()).unwrap();
        let forecast = |&node: &NodeIndex| Forecast {
            node,
            standing: match stale.contains(&plan.graph[node].name.as_str()) {
                true => Standing::Stale,
                false => Standing::Cached,
            },
            key: None,
            preimage: None,
            reasons: Vec::new(),
            outputs: BTreeMap::new(),
            seconds: None,
            error: None,
        };
        let forecasts = plan.order.iter().map(forecast).collect();
        let file = PipelineFile { label: "p.yaml".to_string(), text: text.to_string() };
        Survey { plan, file, forecasts }
    }

    pub const PIPELINE: &str = "
pipeline: p
stages:
  customers: { uses: ingest.csv, with: { path: a.csv } }
  looks: { uses: eda.profile, inputs: { table: customers } }
  fit:
    uses: transform.fit
    inputs: { table: customers }
    matrix: { scale: [standard, minmax] }
    with: { numeric: { scale: \"${matrix.scale}\" } }
  late: { uses: eda.profile, inputs: { table: fit/scale=minmax.matrix }, needs: looks }
";

    #[test]
    fn instances_fold_and_count() {
        let survey = survey(PIPELINE, &["fit/scale=minmax"]);
        let graph = Graph::new(&survey, false);
        let names: Vec<&str> = graph.nodes.iter().map(|n| n.name.as_str()).collect();
        assert_eq!(names, ["customers", "looks", "fit", "late"]);
        assert_eq!(graph.nodes[2].state_text(), "1 cached, 1 stale");
        assert_eq!(graph.nodes[2].light(), Light::Stale);
        assert_eq!(graph.nodes[0].state_text(), "cached");
        let edges: Vec<(usize, usize, &[String])> =
            graph.edges.iter().map(|e| (e.from, e.to, e.outputs.as_slice())).collect();
        let (table, matrix) = (["table".to_string()], ["matrix".to_string()]);
        assert_eq!(
            edges,
            [(0, 1, &table[..]), (0, 2, &table[..]), (1, 3, &[][..]), (2, 3, &matrix[..])]
        );
        assert_eq!(Graph::new(&survey, true).nodes.len(), 5);
        let open = Graph::lit(&survey, &|stage| stage == "fit", &|_| Light::Running);
        assert_eq!((open.nodes.len(), open.nodes[2].light()), (5, Light::Running));
    }

    #[test]
    fn what_cannot_be_folded_without_a_circle_is_not() {
        let node = |name: &str| Node {
            name: name.to_string(),
            kind: "k".to_string(),
            n_instances: 1,
            states: [(Light::Cached, 1)].into(),
        };
        let edge = |from, to| Edge { to, from, outputs: vec![], whole: false };
        let circle = Graph {
            pipeline: "p".to_string(),
            nodes: vec![node("a"), node("b")],
            edges: vec![edge(0, 1), edge(1, 0)],
        };
        assert_eq!(sorted(circle.clone()), None);
        let backwards = Graph { edges: vec![edge(1, 0)], ..circle };
        assert_eq!(sorted(backwards).unwrap().nodes[0].name, "b");
    }
}
