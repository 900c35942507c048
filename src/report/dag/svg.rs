//! The graph as an SVG picture that needs nothing else. It does not decide where things stand.

use std::fmt::Write as _;

use crate::report::dag::{
    Graph, Light, Node,
    picture::{BOX_HEIGHT, Picture, Place},
};

const MARGIN: f64 = 24.0;
const HEADER: f64 = 34.0;
const FOOTER: f64 = 34.0;

/// Returns the picture.
pub fn render(graph: &Graph) -> String {
    let picture = Picture::new(graph, (MARGIN, MARGIN + HEADER), 0.0);
    let (width, height) = picture.size;
    let total = (width.max(420.0) + 2.0 * MARGIN, height + 2.0 * MARGIN + HEADER + FOOTER);
    let mut out = head(graph, total);
    for (edge, curve) in graph.edges.iter().zip(&picture.curves) {
        let class = if edge.outputs.is_empty() { " class=\"o\"" } else { "" };
        let _ = writeln!(out, "<path{class} d=\"{curve}\"/>");
    }
    for (node, place) in graph.nodes.iter().zip(&picture.boxes) {
        draw(node, *place, &mut out);
    }
    legend(graph, total.1, &mut out);
    out.push_str("</svg>\n");
    out
}

/// Returns fill and line of a state, told apart also without colour vision: by lightness, and by the words.
pub fn colors(light: Light) -> (&'static str, &'static str) {
    match light {
        Light::Cached => ("#dff3e4", "#2e7d4f"),
        Light::Stale => ("#ffe8c2", "#b26a00"),
        Light::Maybe => ("#dcebfb", "#2b6cb0"),
        Light::Ran => ("#e8e0fa", "#6a4fb3"),
        Light::Running => ("#cfeef2", "#0e7490"),
        Light::Blocked | Light::Failed => ("#fbdada", "#b3261e"),
        Light::Skipped | Light::Cancelled => ("#eceff2", "#6b7280"),
    }
}

fn head(graph: &Graph, (width, height): (f64, f64)) -> String {
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\">\n"
    );
    let title = escaped(&graph.pipeline);
    let _ = writeln!(out, "<title>{title}</title>");
    out.push_str(
        "<style>\n\
         text{font-family:system-ui,-apple-system,\"Segoe UI\",Helvetica,Arial,sans-serif;fill:#1b1f24}\n\
         .t{font-size:17px;font-weight:600}.n{font-size:13px;font-weight:600}\n\
         .k,.s,.l{font-size:11px;fill:#57606a}\n\
         path{fill:none;stroke:#9aa1ab;stroke-width:1.4;marker-end:url(#a)}path.o{stroke-dasharray:4 4}\n\
         #a path{fill:#9aa1ab;stroke:none}\n",
    );
    for light in Light::ALL {
        let (fill, line) = colors(light);
        let _ = writeln!(out, ".{}{{fill:{fill};stroke:{line};stroke-width:1.2}}", light.word());
    }
    out.push_str(
        "</style>\n\
         <defs><marker id=\"a\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" \
         markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/></marker></defs>\n",
    );
    let _ = writeln!(out, "<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>");
    let _ =
        writeln!(out, "<text class=\"t\" x=\"{MARGIN}\" y=\"{}\">{title}</text>", MARGIN + 12.0);
    out
}

fn draw(node: &Node, Place { x, y, width }: Place, out: &mut String) {
    let state = node.light().word();
    if node.n_instances > 1 {
        // A second sheet behind the first: there are several.
        let _ = writeln!(
            out,
            "<rect class=\"{state}\" x=\"{}\" y=\"{}\" width=\"{width}\" height=\"{BOX_HEIGHT}\" rx=\"7\"/>",
            x + 4.0,
            y - 4.0
        );
    }
    let _ = writeln!(
        out,
        "<rect class=\"{state}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{BOX_HEIGHT}\" rx=\"7\"/>"
    );
    let lines = [("n", node.name.as_str(), 19.0), ("k", node.kind.as_str(), 33.0)];
    let state_text = node.state_text();
    for (class, text, down) in lines.into_iter().chain([("s", state_text.as_str(), 47.0)]) {
        let _ = writeln!(
            out,
            "<text class=\"{class}\" x=\"{}\" y=\"{}\">{}</text>",
            x + 11.0,
            y + down,
            escaped(text)
        );
    }
}

fn legend(graph: &Graph, height: f64, out: &mut String) {
    let mut x = MARGIN;
    for light in Light::ALL {
        let n: usize = graph.nodes.iter().filter_map(|n| n.states.get(&light)).sum();
        if n == 0 {
            continue;
        }
        let y = height - MARGIN;
        let word = light.word();
        let _ = writeln!(
            out,
            "<rect class=\"{word}\" x=\"{x}\" y=\"{}\" width=\"14\" height=\"12\" rx=\"3\"/>",
            y - 10.0
        );
        let _ = writeln!(out, "<text class=\"l\" x=\"{}\" y=\"{y}\">{n} {word}</text>", x + 20.0);
        x += 96.0;
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
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
    fn the_picture_is_the_same_every_time_and_escapes() {
        let graph = Graph::new(&survey(PIPELINE, &["late"]), false);
        let text = render(&graph);
        assert_eq!(text, render(&Graph::new(&survey(PIPELINE, &["late"]), false)));
        assert_eq!(text.matches("<rect").count(), 1 + 4 + 1 + 2);
        assert!(text.contains("class=\"stale\"") && text.ends_with("</svg>\n"));
        assert_eq!(escaped("<a b='\"&"), "&lt;a b=&#39;&quot;&amp;");
    }
}
