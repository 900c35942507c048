//! Which classifiers of a pipeline can answer a new row alone, told before anything runs. It does not know recorded runs.

use petgraph::graph::NodeIndex;

use crate::{
    engine::plan::{Instance, Plan},
    stage::kind::{Inputs, PortType},
};

/// Returns a note for each classifier on whose way from the raw table rows meet: its instance, and what a person should
/// hear of.
pub fn meetings(plan: &Plan) -> Vec<(String, String)> {
    let learns = |instance: &Instance| {
        let gives = |ty| instance.outputs.iter().any(|output| output.ty == ty);
        gives(PortType::Classifier) && instance.inputs.iter().any(|edge| edge.port == "table")
    };
    let learning = plan.order.iter().copied().filter(|&node| learns(&plan.graph[node]));
    learning
        .filter_map(|node| {
            let meeting = &plan.graph[meeting(plan, node)?];
            let note = format!(
                "rows meet in `{}` (`{}`) on the way to it, so a file of new rows is answered as a whole, and a \
                 server cannot answer one row",
                meeting.name,
                meeting.kind.name()
            );
            Some((plan.graph[node].name.clone(), note))
        })
        .collect()
}

/// Follows a classifier's table up to its source; returns the stage nearest to the source where rows meet.
fn meeting(plan: &Plan, classifier: NodeIndex) -> Option<NodeIndex> {
    let mut found = None;
    let (mut node, mut port) = (classifier, "table");
    // Givers stand before takers in a plan, so the way ends.
    loop {
        let edge = plan.graph[node].inputs.iter().find(|e| e.port == port && e.candidate.is_none());
        node = edge?.from;
        let kind = plan.graph[node].kind;
        if matches!(kind.inputs(), Inputs::Fixed([])) {
            return found;
        }
        if kind.row_input().is_none() {
            found = Some(node);
        }
        port = kind.row_input().unwrap_or("table");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{engine::plan, kinds};

    #[test]
    fn the_first_meeting_is_told() {
        let text = "\
pipeline: p
stages:
  lines: { uses: ingest.csv, with: { path: l.csv } }
  customers:
    uses: features.aggregate
    inputs: { table: lines }
    with: { key: who, columns: { n: { agg: count } } }
  more: { uses: features.derive, inputs: { table: customers }, with: { columns: { big: n > 3 } } }
  met: { uses: classify.forest, inputs: { table: more }, with: { target: big } }
  rows: { uses: features.derive, inputs: { table: lines }, with: { columns: { big: n > 3 } } }
  alone: { uses: classify.forest, inputs: { table: rows }, with: { target: big } }
";
        let plan = plan::compile(text, kinds::ALL, &Default::default()).ok().unwrap();
        let notes = meetings(&plan);
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert_eq!(notes[0].0, "met");
        assert!(notes[0].1.starts_with("rows meet in `customers` (`features.aggregate`)"));
    }
}
