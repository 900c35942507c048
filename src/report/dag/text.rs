//! The graph as a tree in text. A stage hangs under the one that everything on its way down passes (its
//! immediate dominator); where that is not its only giver, an arrow names those. So each stage stands once, below
//! all its givers. It does not know colours beyond the style's.

use petgraph::{
    algo::dominators,
    graph::{DiGraph, NodeIndex},
};

use crate::report::{
    dag::{Graph, Light, Node},
    grid::{Align, Cell, Grid},
    style::{Style, Tone, counted},
};

/// Returns the tree.
pub fn render(graph: &Graph, width: Option<usize>, style: &Style) -> String {
    let parents = parents(graph);
    let mut grid =
        Grid::new([("", Align::Left), ("", Align::Left), ("", Align::Left), ("", Align::Left)]);
    let top: Vec<usize> = (0..graph.nodes.len()).filter(|&i| parents[i].is_none()).collect();
    for node in top {
        push(graph, &parents, node, "", "", &mut grid);
    }
    let mut out = format!("{}\n", style.bold(&graph.pipeline));
    out.push_str(&grid.render(width, style).0);
    out.push_str(&style.dim(&format!("{}\n", totals(graph))));
    out
}

fn push(
    graph: &Graph,
    parents: &[Option<usize>],
    node: usize,
    margin: &str,
    rail: &str,
    grid: &mut Grid,
) {
    let it = &graph.nodes[node];
    grid.push(vec![
        Cell::new(format!("{margin}{rail}{}", it.name), Tone::Plain),
        Cell::new(it.kind.as_str(), Tone::Dim),
        Cell::new(it.state_text(), tone(it.light())),
        Cell::new(arrow(graph, parents[node], node), Tone::Dim),
    ]);
    let children: Vec<usize> =
        (0..graph.nodes.len()).filter(|&i| parents[i] == Some(node)).collect();
    let margin = match rail {
        "" => margin.to_string(),
        "└─ " => format!("{margin}   "),
        _ => format!("{margin}│  "),
    };
    for (i, &child) in children.iter().enumerate() {
        let rail = if i + 1 == children.len() { "└─ " } else { "├─ " };
        push(graph, parents, child, &margin, rail, grid);
    }
}

/// Names the givers, unless the one that the stage hangs under is the only one.
fn arrow(graph: &Graph, parent: Option<usize>, node: usize) -> String {
    let givers: Vec<_> = graph.givers(node).collect();
    if givers.is_empty() || (givers.len() == 1 && Some(givers[0].from) == parent) {
        return String::new();
    }
    let name = |edge: &&crate::report::dag::Edge| {
        let giver = &graph.nodes[edge.from].name;
        match edge.outputs.as_slice() {
            [] => format!("({giver})"),
            [only] if !edge.whole && only != "table" => format!("{giver}.{only}"),
            _ => giver.clone(),
        }
    };
    format!("← {}", givers.iter().map(name).collect::<Vec<_>>().join(", "))
}

/// Returns for each node the one that it hangs under.
fn parents(graph: &Graph) -> Vec<Option<usize>> {
    let n = graph.nodes.len();
    let mut flow: DiGraph<(), ()> = DiGraph::new();
    let nodes: Vec<NodeIndex> = (0..n).map(|_| flow.add_node(())).collect();
    let root = flow.add_node(());
    for (i, &node) in nodes.iter().enumerate() {
        if graph.givers(i).next().is_none() {
            flow.add_edge(root, node, ());
        }
    }
    for edge in &graph.edges {
        flow.add_edge(nodes[edge.from], nodes[edge.to], ());
    }
    let dominators = dominators::simple_fast(&flow, root);
    let parent = |&node: &NodeIndex| {
        dominators.immediate_dominator(node).filter(|&d| d != root).map(NodeIndex::index)
    };
    nodes.iter().map(parent).collect()
}

fn tone(light: Light) -> Tone {
    match light {
        Light::Cached => Tone::Good,
        Light::Stale => Tone::Warn,
        Light::Maybe | Light::Ran | Light::Running => Tone::Busy,
        Light::Blocked | Light::Failed => Tone::Bad,
        Light::Skipped | Light::Cancelled => Tone::Dim,
    }
}

fn totals(graph: &Graph) -> String {
    let n_instances: usize = graph.nodes.iter().map(|n| n.n_instances).sum();
    let count =
        |s: Light| -> usize { graph.nodes.iter().filter_map(|n: &Node| n.states.get(&s)).sum() };
    let parts: Vec<String> = Light::ALL
        .iter()
        .map(|&s| (s, count(s)))
        .filter(|(_, n)| *n > 0)
        .map(|(s, n)| format!("{n} {}", s.word()))
        .collect();
    format!("{}: {}", counted(n_instances, "stage instance", "stage instances"), parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::dag::tests::{PIPELINE, survey};

    #[test]
    fn each_stage_stands_once_below_its_givers() {
        let survey = survey(PIPELINE, &["late"]);
        let text = render(&Graph::new(&survey, false), None, &Style::new(false));
        let expected = "p\n\
            customers  ingest.csv     cached\n\
            ├─ looks   eda.profile    cached\n\
            ├─ fit     transform.fit  2 cached\n\
            └─ late    eda.profile    stale     ← (looks), fit.matrix\n\
            5 stage instances: 4 cached, 1 stale\n";
        assert_eq!(text, expected);
    }
}
