//! The graph as JSON. It does not know how it is drawn.

use serde_json::{Value, json};

use crate::report::{dag::Graph, json::FORMAT};

/// Returns the document.
pub fn render(graph: &Graph) -> Value {
    let nodes: Vec<Value> = graph
        .nodes
        .iter()
        .map(|node| {
            let states: serde_json::Map<String, Value> =
                node.states.iter().map(|(s, n)| (s.word().to_string(), json!(n))).collect();
            json!({
                "stage": node.name, "kind": node.kind, "instances": node.n_instances,
                "state": node.light().word(), "states": states,
            })
        })
        .collect();
    let edges: Vec<Value> = graph
        .edges
        .iter()
        .map(|e| {
            json!({
                "from": graph.nodes[e.from].name, "to": graph.nodes[e.to].name,
                "outputs": e.outputs,
            })
        })
        .collect();
    json!({ "format": FORMAT, "pipeline": graph.pipeline, "nodes": nodes, "edges": edges })
}
