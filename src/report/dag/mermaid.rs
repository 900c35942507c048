//! The graph for Mermaid, which web sites of repositories draw. It does not lay anything out.

use std::fmt::Write as _;

use crate::report::dag::{Graph, Light, svg};

/// Returns a Mermaid flowchart.
pub fn render(graph: &Graph) -> String {
    let mut out = String::from("flowchart LR\n");
    for (i, node) in graph.nodes.iter().enumerate() {
        let state = node.light().word();
        let state_text = node.state_text();
        let label =
            [node.name.as_str(), node.kind.as_str(), &state_text].map(escaped).join("<br/>");
        let _ = writeln!(out, "  n{i}[\"{label}\"]:::{state}");
    }
    for edge in &graph.edges {
        let arrow = match edge.outputs.as_slice() {
            [] => "-.->".to_string(),
            _ if edge.whole => "-->".to_string(),
            outputs => format!("-->|\"{}\"|", escaped(&outputs.join(", "))),
        };
        let _ = writeln!(out, "  n{} {arrow} n{}", edge.from, edge.to);
    }
    for light in Light::ALL {
        let (fill, line) = svg::colors(light);
        let _ =
            writeln!(out, "  classDef {} fill:{fill},stroke:{line},color:#1b1f24", light.word());
    }
    out
}

/// Writes what could end a label as Mermaid's entities.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '#' => out.push_str("#35;"),
            '"' => out.push_str("#quot;"),
            '<' => out.push_str("#lt;"),
            '>' => out.push_str("#gt;"),
            '&' => out.push_str("#amp;"),
            '|' => out.push_str("#124;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::dag::tests::{PIPELINE, survey};

    #[test]
    fn labels_cannot_break_out() {
        assert_eq!(escaped("a\"]:::x<b>#|"), "a#quot;]:::x#lt;b#gt;#35;#124;");
        let text = render(&Graph::new(&survey(PIPELINE, &["late"]), false));
        assert!(text.contains("  n3[\"late<br/>eda.profile<br/>stale\"]:::stale\n"), "{text}");
        assert!(text.contains("  n1 -.-> n3\n  n2 -->|\"matrix\"| n3\n"), "{text}");
    }
}
