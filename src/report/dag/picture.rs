//! The graph with boxes wide enough for their texts and arrows as smooth curves, for whatever draws it.
//! It does not know colours or formats.

use std::fmt::Write as _;

use crate::report::dag::{Graph, Node, layout};

/// How high a box is.
pub const BOX_HEIGHT: f64 = 54.0;

/// Places of everything, in units of the picture.
pub struct Picture {
    /// Width and height of all of it.
    pub size: (f64, f64),
    /// The boxes of the nodes.
    pub boxes: Vec<Place>,
    /// What SVG calls the path of each edge.
    pub curves: Vec<String>,
}

/// A box.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Its left end.
    pub x: f64,
    /// Its upper end.
    pub y: f64,
    /// Its width.
    pub width: f64,
}

impl Picture {
    /// Puts a graph into a picture; `at` is where its left upper corner lies, `least` the least width of a box.
    pub fn new(graph: &Graph, at: (f64, f64), least: f64) -> Picture {
        let sizes: Vec<(f64, f64)> =
            graph.nodes.iter().map(|n| (width(n).max(least), BOX_HEIGHT)).collect();
        let ends: Vec<(usize, usize)> = graph.edges.iter().map(|e| (e.from, e.to)).collect();
        let layout = layout::layout(&sizes, &ends);
        let place = |(&(x, y), &(width, _)): (&(f64, f64), &(f64, f64))| Place {
            x: x + at.0,
            y: y + at.1,
            width,
        };
        Picture {
            size: layout.size,
            boxes: layout.corners.iter().zip(&sizes).map(place).collect(),
            curves: layout.routes.iter().map(|route| curve(route, at)).collect(),
        }
    }
}

/// Returns a smooth path through the points, level at each of them.
fn curve(points: &[(f64, f64)], at: (f64, f64)) -> String {
    let shifted = |p: &(f64, f64)| (p.0 + at.0, p.1 + at.1);
    let mut out = String::new();
    for (i, point) in points.iter().map(shifted).enumerate() {
        let (x, y) = point;
        match i.checked_sub(1).and_then(|before| points.get(before)).map(shifted) {
            None => {
                let _ = write!(out, "M{x} {y}");
            }
            Some(from) if from.1 == y => {
                let _ = write!(out, "L{x} {y}");
            }
            Some(from) => {
                let middle = ((from.0 + x) / 2.0).round();
                let _ = write!(out, "C{middle} {} {middle} {y} {x} {y}", from.1);
            }
        }
    }
    out
}

/// Returns how wide a box must be for its texts; a letter of the common sans-serif fonts is about so wide.
fn width(node: &Node) -> f64 {
    let length = |text: &str| text.chars().count() as f64;
    let widest = (length(&node.name) * 7.8)
        .max(length(&node.kind) * 6.2)
        .max(length(&node.state_text()) * 6.2);
    (widest + 24.0).max(96.0).ceil()
}
