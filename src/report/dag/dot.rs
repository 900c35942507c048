//! The graph for Graphviz. It does not lay anything out.

use std::fmt::Write as _;

use crate::report::dag::{Graph, svg};

/// Returns the graph in the DOT language.
pub fn render(graph: &Graph) -> String {
    let mut out = format!("digraph {} {{\n  rankdir=LR;\n", quoted(&[&graph.pipeline]));
    out.push_str(
        "  node [shape=box, style=\"rounded,filled\", fontname=\"Helvetica\", fontsize=11];\n",
    );
    out.push_str("  edge [color=\"#8a8f98\", fontname=\"Helvetica\", fontsize=9];\n");
    for node in &graph.nodes {
        let (fill, line) = svg::colors(node.light());
        let label = quoted(&[&node.name, &node.kind, &node.state_text()]);
        let name = quoted(&[&node.name]);
        let _ = writeln!(out, "  {name} [label={label}, fillcolor=\"{fill}\", color=\"{line}\"];");
    }
    for edge in &graph.edges {
        let from = quoted(&[&graph.nodes[edge.from].name]);
        let to = quoted(&[&graph.nodes[edge.to].name]);
        let look = match edge.outputs.as_slice() {
            [] => " [style=dashed]".to_string(),
            _ if edge.whole => String::new(),
            outputs => format!(" [label={}]", quoted(&[&outputs.join(", ")])),
        };
        let _ = writeln!(out, "  {from} -> {to}{look};");
    }
    out.push_str("}\n");
    out
}

/// Returns lines as one quoted string.
fn quoted(lines: &[&str]) -> String {
    let escaped: Vec<String> =
        lines.iter().map(|line| line.replace('\\', "\\\\").replace('"', "\\\"")).collect();
    format!("\"{}\"", escaped.join("\\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::dag::tests::{PIPELINE, survey};

    #[test]
    fn names_are_quoted() {
        assert_eq!(quoted(&["a\"b\\", "c"]), r#""a\"b\\\nc""#);
        let text = render(&Graph::new(&survey(PIPELINE, &[]), true));
        assert!(text.contains(r#""fit/scale=minmax" -> "late" [label="matrix"];"#), "{text}");
        assert!(text.contains(r#""looks" -> "late" [style=dashed];"#), "{text}");
        assert_eq!(text.matches('{').count(), text.matches('}').count());
    }
}
