//! The graph of a pipeline as a picture in the page: boxes are links, states are classes that the script moves.
//! It does not know where states come from.

use askama::Template;

use super::{asked::link, scene::Scene};
use crate::report::dag::{
    Graph, Light, Node,
    picture::{BOX_HEIGHT, Picture},
};

/// Space around the picture.
const MARGIN: f64 = 12.0;
/// Least width of a box: what states are written while they move.
const LEAST: f64 = 132.0;

#[derive(Template)]
#[template(path = "ui/graph.svg", escape = "html")]
struct Drawing<'a> {
    pipeline: &'a str,
    width: f64,
    height: f64,
    arrows: Vec<(&'a str, bool)>,
    boxes: Vec<Box<'a>>,
}

struct Box<'a> {
    name: &'a str,
    kind: &'a str,
    state: &'static str,
    text: String,
    x: f64,
    y: f64,
    width: f64,
    share: f64,
    href: String,
    is_chosen: bool,
    /// Where its instances stand apart, if it has several.
    apart: Option<String>,
}

/// Returns the picture; `chosen` is the node that the page tells of.
pub fn svg(scene: &Scene, graph: &Graph, open: &[&str], chosen: Option<&str>) -> String {
    let picture = Picture::new(graph, (MARGIN, MARGIN), LEAST);
    let arrows = graph.edges.iter().zip(&picture.curves);
    let here = |with: &[(&str, &str)]| {
        let mut asked = vec![("pipeline", scene.name.as_str())];
        asked.extend(open.iter().map(|stage| ("open", *stage)));
        asked.extend(with);
        link("/", &asked)
    };
    let boxes = graph.nodes.iter().zip(&picture.boxes).map(|(node, place)| {
        let share = scene.share(&node.name);
        Box {
            name: &node.name,
            kind: &node.kind,
            state: node.light().word(),
            text: text(node, share),
            x: place.x,
            y: place.y,
            width: place.width,
            share: share.unwrap_or(0.0) * place.width,
            href: format!("{}#panel", here(&[("stage", &node.name)])),
            is_chosen: chosen == Some(node.name.as_str()),
            apart: (node.n_instances > 1).then(|| here(&[("open", &node.name)])),
        }
    });
    let (width, height) = picture.size;
    let drawing = Drawing {
        pipeline: &graph.pipeline,
        width: width + 2.0 * MARGIN,
        height: height + 2.0 * MARGIN,
        arrows: arrows.map(|(edge, d)| (d.as_str(), edge.outputs.is_empty())).collect(),
        boxes: boxes.collect(),
    };
    // It writes to memory and asks nobody: it cannot fail.
    drawing.render().unwrap_or_default()
}

/// Returns what is written in a box of its state; what a page may have to write there later is no longer than the box.
pub fn text(node: &Node, share: Option<f64>) -> String {
    let n = |light| node.states.get(&light).copied().unwrap_or(0);
    let state = node.light();
    match (node.n_instances, share, node.states.len()) {
        (1, Some(share), _) if share > 0.0 => {
            format!("{}, {:.0}%", state.word(), (100.0 * share).floor())
        }
        (1, ..) | (_, None, 0..=1) => node.state_text(),
        (all, Some(_), _) => format!("{} of {all} done", n(Light::Ran) + n(Light::Cached)),
        (all, None, _) => format!("{} of {all} {}", n(state), state.word()),
    }
}

impl Box<'_> {
    fn below(&self, down: f64) -> f64 {
        self.y + down
    }

    fn right(&self) -> f64 {
        self.x + self.width
    }

    fn height(&self) -> f64 {
        BOX_HEIGHT
    }
}
