//! Follows references: from what a person wrote under `inputs` and `needs` to outputs of instances, with
//! types checked on every edge. It does not order the graph.

use std::collections::{HashMap, HashSet};

use petgraph::graph::NodeIndex;

use crate::{
    base::names,
    engine::{
        expand::Expanded,
        plan::Edge,
        spec::{InputSpec, Word},
    },
    stage::{
        kind::{InputPort, Inputs, PortType},
        params::Fault,
    },
};

/// What one instance is connected to.
pub struct Bound {
    pub inputs: Vec<Edge>,
    pub needs: Vec<NodeIndex>,
}

/// Most connections of a pipeline: each takes memory, and two matrices that are connected multiply.
const MAX_EDGES: usize = 2_000_000;

/// Follows the references of all instances; the result is parallel to `instances`. References to stages that are
/// `lost`, because something else is wrong with them, are passed over.
pub fn bind(instances: &[Expanded], lost: &HashSet<String>, faults: &mut Vec<Fault>) -> Vec<Bound> {
    let index = Index::new(instances, lost);
    let mut n_edges = 0;
    let mut bound = Vec::with_capacity(instances.len());
    for instance in instances {
        if n_edges > MAX_EDGES || faults.len() > Fault::ENOUGH {
            bound.push(Bound { inputs: Vec::new(), needs: Vec::new() });
            continue;
        }
        let one = index.bind_instance(instance, faults);
        n_edges += one.inputs.len() + one.needs.len();
        if n_edges > MAX_EDGES {
            let message = format!("the pipeline has more than {MAX_EDGES} connections up to here");
            let help = "a stage with a matrix that takes another one with a matrix connects every instance with every one";
            faults.push(Fault::new(instance.name_at, message, help));
        }
        bound.push(one);
    }
    bound
}

struct Index<'a> {
    instances: &'a [Expanded],
    lost: &'a HashSet<String>,
    by_name: HashMap<&'a str, usize>,
    by_stage: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Index<'a> {
    fn new(instances: &'a [Expanded], lost: &'a HashSet<String>) -> Index<'a> {
        let mut by_stage: HashMap<&str, Vec<usize>> = HashMap::new();
        for (i, instance) in instances.iter().enumerate() {
            by_stage.entry(&instance.stage).or_default().push(i);
        }
        let by_name = instances.iter().enumerate().map(|(i, e)| (e.name.as_str(), i)).collect();
        Index { instances, lost, by_name, by_stage }
    }

    fn bind_instance(&self, taker: &Expanded, faults: &mut Vec<Fault>) -> Bound {
        let mut inputs = Vec::new();
        for (port, input) in &taker.inputs {
            match port_type(taker, port, faults) {
                Some(ty) if ty.takes_stages() => {
                    for word in input_words(input) {
                        inputs.extend(self.bind_stages(port, ty, word, faults));
                    }
                }
                Some(ty) => inputs.extend(self.bind_single(port, ty, input, faults)),
                None => {}
            }
        }
        self.check_required(taker, faults);
        inputs.sort();
        inputs.dedup();
        let mut needs: Vec<NodeIndex> = Vec::new();
        for word in &taker.needs {
            needs.extend(self.find_instances(word, faults).into_iter().map(NodeIndex::new));
        }
        needs.sort_unstable();
        needs.dedup();
        Bound { inputs, needs }
    }

    fn check_required(&self, taker: &Expanded, faults: &mut Vec<Fault>) {
        let Inputs::Fixed(ports) = taker.kind.inputs() else { return };
        // A misspelt port is told of already; that the right one is missing is the same mistake.
        if taker.inputs.iter().any(|(word, _)| !ports.iter().any(|p| p.name == word.text)) {
            return;
        }
        for port in ports.iter().filter(|p| p.required) {
            let written = taker.inputs.iter().find(|(word, _)| word.text == port.name);
            let empty = matches!(written, Some((_, InputSpec::Many(words))) if words.is_empty());
            if written.is_none() || empty {
                let message = format!("stage `{}` lacks its input `{}`", taker.stage, port.name);
                let help = format!("`inputs: {{ {}: ... }}` takes {}", port.name, port.ty.word());
                faults.push(Fault::new(taker.name_at, message, help));
            }
        }
    }

    /// Connects one output to a port that takes one.
    fn bind_single(
        &self,
        port: &Word,
        ty: PortType,
        input: &InputSpec,
        faults: &mut Vec<Fault>,
    ) -> Option<Edge> {
        let word = match input {
            InputSpec::One(word) => word,
            InputSpec::Many(words) if words.len() == 1 => &words[0],
            InputSpec::Many(_) => {
                let message = format!("input `{}` takes one output, not a list", port.text);
                faults.push(Fault::new(port.at, message, ""));
                return None;
            }
        };
        let (giver, output) = self.find_output(word, ty, faults)?;
        let given = self.instances[giver].outputs.iter().find(|o| o.name == output)?.ty;
        if !ty.accepts(given) {
            let message = format!(
                "input `{}` takes {}, but `{}` gives {}",
                port.text,
                ty.word(),
                word.text,
                given.word()
            );
            faults.push(Fault::new(word.at, message, self.other_output_help(giver, ty)));
            return None;
        }
        let from = NodeIndex::new(giver);
        Some(Edge { port: port.text.clone(), candidate: None, output, from })
    }

    /// Connects all outputs of whole stages to a port that takes stages.
    fn bind_stages(
        &self,
        port: &Word,
        ty: PortType,
        word: &Word,
        faults: &mut Vec<Fault>,
    ) -> Vec<Edge> {
        let mut edges = Vec::new();
        for giver in self.find_instances(word, faults) {
            let instance = &self.instances[giver];
            let model = match ty {
                PortType::Clusterings => PortType::Clusterer,
                _ => PortType::Classifier,
            };
            let fits = instance.outputs.iter().any(|o| o.name == "metrics")
                && instance.outputs.iter().any(|o| o.name == "model" && o.ty == model);
            if !fits {
                let message = format!(
                    "input `{}` takes {}, but `{}` is a `{}`",
                    port.text,
                    ty.word(),
                    word.text,
                    instance.kind.name()
                );
                faults.push(Fault::new(word.at, message, ""));
                continue;
            }
            edges.extend(instance.outputs.iter().map(|output| Edge {
                port: port.text.clone(),
                candidate: Some(instance.name.clone()),
                output: output.name.clone(),
                from: NodeIndex::new(giver),
            }));
        }
        edges
    }

    /// Finds the one output that `stage`, `stage.port`, `stage/k=4` or `stage/k=4.port` means.
    fn find_output(
        &self,
        word: &Word,
        wanted: PortType,
        faults: &mut Vec<Fault>,
    ) -> Option<(usize, String)> {
        let (name, port) = self.split(&word.text);
        let giver = self.find_one(&name, word, faults)?;
        let outputs = &self.instances[giver].outputs;
        let list = || outputs.iter().map(|o| o.name.as_str()).collect::<Vec<_>>().join(", ");
        match port {
            Some(port) if outputs.iter().any(|o| o.name == port) => Some((giver, port)),
            Some(port) => {
                let mut help = names::suggestion(&port, outputs.iter().map(|o| o.name.as_str()));
                if help.is_empty() {
                    help = format!("it has {}", list());
                }
                faults.push(Fault::new(word.at, format!("`{name}` has no output `{port}`"), help));
                None
            }
            None if outputs.len() == 1 => Some((giver, outputs[0].name.clone())),
            None => {
                let message = format!("`{name}` has several outputs: {}", list());
                let fitting = outputs.iter().find(|o| wanted.accepts(o.ty));
                let help = fitting.map(|o| format!("write `{name}.{}`", o.name));
                faults.push(Fault::new(word.at, message, help.unwrap_or_default()));
                None
            }
        }
    }

    fn find_one(&self, name: &str, word: &Word, faults: &mut Vec<Fault>) -> Option<usize> {
        if let Some(&i) = self.by_name.get(name) {
            return Some(i);
        }
        match self.by_stage.get(name).map(Vec::as_slice) {
            Some([first, ..]) => {
                let message = format!("`{name}` has instances; this input takes one of them");
                let help = format!("name it, such as `{}`", self.instances[*first].name);
                faults.push(Fault::new(word.at, message, help));
            }
            _ if self.is_lost(name) => {}
            _ => faults.push(self.unknown(name, word, faults)),
        }
        None
    }

    /// Finds all instances of a stage, or one by its name.
    fn find_instances(&self, word: &Word, faults: &mut Vec<Fault>) -> Vec<usize> {
        if let Some(all) = self.by_stage.get(word.text.as_str()) {
            return all.clone();
        }
        if let Some(&one) = self.by_name.get(word.text.as_str()) {
            return vec![one];
        }
        if self.is_lost(&word.text) {
            return Vec::new();
        }
        let mut fault = self.unknown(&word.text, word, faults);
        if let (name, Some(_)) = self.split(&word.text)
            && self.by_stage.contains_key(name.as_str())
        {
            fault.message = format!("`{}` is an output; a whole stage is wanted here", word.text);
            fault.help = format!("write `{name}`");
        }
        faults.push(fault);
        Vec::new()
    }

    /// Splits a port off after the last dot, unless the whole is an instance's name (`s/eps=0.5`).
    fn split(&self, text: &str) -> (String, Option<String>) {
        match text.rsplit_once('.') {
            Some((name, port)) if !self.by_name.contains_key(text) => {
                (name.to_string(), Some(port.to_string()))
            }
            _ => (text.to_string(), None),
        }
    }

    fn is_lost(&self, name: &str) -> bool {
        self.lost.contains(name.split('/').next().unwrap_or_default())
    }

    fn unknown(&self, name: &str, word: &Word, so_far: &[Fault]) -> Fault {
        let message = format!("there is no stage `{name}`");
        if !Fault::may_suggest(so_far.len(), self.by_name.len()) {
            return Fault::new(word.at, message, "");
        }
        let lost = self.lost.iter().map(String::as_str);
        let known = self.by_stage.keys().chain(self.by_name.keys()).copied().chain(lost);
        let mut sorted: Vec<&str> = known.collect();
        sorted.sort_unstable();
        let help = names::suggestion(name, sorted);
        Fault::new(word.at, message, help)
    }

    fn other_output_help(&self, giver: usize, wanted: PortType) -> String {
        let instance = &self.instances[giver];
        match instance.outputs.iter().find(|o| wanted.accepts(o.ty)) {
            Some(output) => format!("did you mean `{}.{}`?", instance.name, output.name),
            None if wanted == PortType::Matrix => {
                "a `transform.fit` stage makes a matrix of a table".to_string()
            }
            None => String::new(),
        }
    }
}

fn port_type(taker: &Expanded, port: &Word, faults: &mut Vec<Fault>) -> Option<PortType> {
    match taker.kind.inputs() {
        Inputs::Named(ty) => Some(ty),
        Inputs::Fixed(ports) => {
            let found = ports.iter().find(|p| p.name == port.text);
            if found.is_none() {
                faults.push(unknown_port(taker, port, ports));
            }
            found.map(|p| p.ty)
        }
    }
}

fn unknown_port(taker: &Expanded, port: &Word, ports: &[InputPort]) -> Fault {
    let mut help = names::suggestion(&port.text, ports.iter().map(|p| p.name));
    if help.is_empty() {
        let list: Vec<_> = ports.iter().map(|p| p.name).collect();
        help = match list.is_empty() {
            true => "it takes none".to_string(),
            false => format!("it has {}", list.join(", ")),
        };
    }
    let message = format!("`{}` has no input `{}`", taker.kind.name(), port.text);
    Fault::new(port.at, message, help)
}

fn input_words(input: &InputSpec) -> &[Word] {
    match input {
        InputSpec::One(word) => std::slice::from_ref(word),
        InputSpec::Many(words) => words,
    }
}
