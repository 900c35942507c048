//! The last merges of a tree of clusters, as its model tells them. It does not build the tree.

use std::{collections::HashMap, fmt::Write};

use arrow::array::Array;

use crate::{
    base::hash::ContentHash,
    frame::Table,
    kinds::page::{
        chart::{Frame, plain_ticks},
        number, palette,
        scale::Scale,
    },
    stage::{ctx::Candidate, error::StageError},
};

/// Merges drawn.
const LAST: usize = 30;

/// A merge: two nodes (below the number of leaves a leaf, above it an earlier merge), how far they lay apart, and what
/// came of it.
#[derive(Clone, Copy, Debug, Default)]
struct Merge {
    children: [usize; 2],
    distance: f64,
    size: usize,
}

/// A drawn tree and what to say about it.
pub struct Dendrogram {
    /// The chart.
    pub svg: String,
    /// A sentence, plain text.
    pub lead: String,
}

/// A tree and how it is to be coloured.
struct Tree {
    merges: Vec<Merge>,
    /// The number of clusters that it was cut into, where that is what the page is about.
    k: Option<usize>,
    /// The segment of each leaf, where leaves are rows and the cut is what the page is about.
    segments: Vec<i32>,
}

/// Draws the tree of the first candidate that merges by Ward's distance; of the chosen one, the one with these `labels`, where
/// it is such a tree. `None` without one.
///
/// # Errors
/// If the candidate's model cannot be read.
pub fn draw(
    candidates: &[Candidate],
    labels: Option<ContentHash>,
) -> Result<Option<Dendrogram>, StageError> {
    let is_ward = |c: &&Candidate| {
        let linkage = c.params.get("linkage").and_then(serde_json::Value::as_str);
        c.kind == "cluster.hierarchical" && linkage == Some("ward") && c.ports.contains_key("model")
    };
    let is_chosen = |c: &&Candidate| c.ports.get("labels").map(|l| l.hash) == labels;
    let ward = || candidates.iter().filter(is_ward);
    let chosen = ward().find(is_chosen);
    let Some(candidate) = chosen.or_else(|| ward().next()) else { return Ok(None) };
    let merges = read(&candidate.table("model")?)?;
    if merges.is_empty() {
        return Ok(None);
    }
    let mut tree = Tree { merges, k: None, segments: Vec::new() };
    if chosen.is_some() {
        tree.k = candidate.params.get("k").and_then(serde_json::Value::as_u64).map(|k| k as usize);
        let of_row = candidate.table("labels")?.segments()?;
        // Where rows were put into small groups first, leaves are those groups.
        if of_row.len() == tree.n_leaves() {
            tree.segments = of_row;
        }
    }
    Ok(Some(Dendrogram { svg: tree.svg(), lead: tree.lead(&candidate.name) }))
}

/// Reads the merges of a model table, in their order.
fn read(model: &Table) -> Result<Vec<Merge>, StageError> {
    let (parts, items) = (model.texts("part")?, model.integers("item")?);
    let values = model.floats("value")?;
    let mut merges: Vec<Merge> = Vec::new();
    for (row, item) in items.iter().enumerate() {
        let (Some(item), true) = (item, parts.is_valid(row)) else { continue };
        let (part, value) = (parts.value(row), values[row]);
        if !matches!(part, "left" | "right" | "distance" | "size") {
            continue;
        }
        let item = usize::try_from(*item).unwrap_or(usize::MAX);
        if item > merges.len() {
            return Err(StageError::Data(
                "`candidates`: the merges of a tree are not in order".into(),
            ));
        }
        if item == merges.len() {
            merges.push(Merge::default());
        }
        let merge = &mut merges[item];
        match part {
            "left" => merge.children[0] = value as usize,
            "right" => merge.children[1] = value as usize,
            "distance" => merge.distance = value,
            _ => merge.size = value as usize,
        }
    }
    let n_leaves = merges.len() + 1;
    let comes_before = |(i, m): (usize, &Merge)| m.children.iter().all(|&c| c < n_leaves + i);
    if merges.iter().enumerate().all(comes_before) {
        return Ok(merges);
    }
    Err(StageError::Data("`candidates`: the merges of a tree do not fit together".into()))
}

impl Tree {
    fn n_leaves(&self) -> usize {
        self.merges.len() + 1
    }

    /// The first merge that is drawn.
    fn first(&self) -> usize {
        self.merges.len().saturating_sub(LAST)
    }

    /// The merge of a node, if it is one that is drawn.
    fn drawn(&self, node: usize) -> Option<&Merge> {
        let merge = node.checked_sub(self.n_leaves())?;
        (merge >= self.first()).then(|| &self.merges[merge])
    }

    fn size(&self, node: usize) -> usize {
        node.checked_sub(self.n_leaves()).map_or(1, |merge| self.merges[merge].size)
    }

    /// The height of a node's foot: that of its last merge if it is drawn, else the ground.
    fn height(&self, node: usize) -> f64 {
        self.drawn(node).map_or(0.0, |merge| merge.distance)
    }

    /// The colour of a node's lines: its segment's if it lies below the cut.
    fn class(&self, node: usize) -> String {
        let below = self.k.is_some_and(|k| {
            node < self.n_leaves() + self.merges.len().saturating_sub(k.saturating_sub(1))
        });
        let mut leaf = node;
        while let Some(merge) = leaf.checked_sub(self.n_leaves()) {
            leaf = self.merges[merge].children[0];
        }
        match self.segments.get(leaf) {
            Some(segment) if below => format!("line {}", palette::class(*segment)),
            _ => "line plain".to_string(),
        }
    }

    /// Nodes without drawn merges below the last one, from left to right.
    fn tips(&self) -> Vec<usize> {
        let mut tips = Vec::new();
        let mut stack = vec![self.n_leaves() + self.merges.len() - 1];
        while let Some(node) = stack.pop() {
            match self.drawn(node) {
                Some(merge) => stack.extend([merge.children[1], merge.children[0]]),
                None => tips.push(node),
            }
        }
        tips
    }

    /// The height between the last merge that the cut allows and the next one.
    fn cut(&self) -> Option<f64> {
        let above = self.merges.len().checked_sub(self.k?.checked_sub(1)?)?;
        let upper = self.merges.get(above)?.distance;
        let lower = above.checked_sub(1).map_or(0.0, |below| self.merges[below].distance);
        Some((upper + lower) / 2.0)
    }

    fn svg(&self) -> String {
        let tips = self.tips();
        let top = self.merges.iter().map(|m| m.distance).fold(0.0, f64::max).max(1e-300);
        let frame = Frame {
            label: "Tree of the last merges",
            x_title: "customers in each branch",
            x_ticks: vec![],
            x: (-0.7, tips.len() as f64 - 0.3),
            y_ticks: plain_ticks(0.0, top, 5),
            y: (0.0, 1.04 * top),
            size: (900.0, 370.0),
            slanted: false,
        };
        frame.around(|x, y| self.lines(&tips, x, y))
    }

    fn lines(&self, tips: &[usize], x: Scale, y: Scale) -> String {
        let mut at: HashMap<usize, f64> =
            tips.iter().enumerate().map(|(i, tip)| (*tip, i as f64)).collect();
        let mut out = String::new();
        for (i, tip) in tips.iter().enumerate() {
            let (px, py) = (x.at(i as f64), y.at(0.0) + 12.0);
            let size = number::short(self.size(*tip) as f64);
            let _ = writeln!(
                out,
                "<text x=\"{px}\" y=\"{py:.2}\" text-anchor=\"middle\">{size}</text>"
            );
        }
        for (i, merge) in self.merges.iter().enumerate().skip(self.first()) {
            let [left, right] = merge.children;
            let (a, b) = (at.get(&left).copied(), at.get(&right).copied());
            let (a, b) = (a.unwrap_or_default(), b.unwrap_or_default());
            let node = self.n_leaves() + i;
            at.insert(node, (a + b) / 2.0);
            let up = y.at(merge.distance);
            for (child, place) in [(left, a), (right, b)] {
                let (px, foot) = (x.at(place), y.at(self.height(child)));
                let _ = writeln!(
                    out,
                    "<path class=\"{}\" d=\"M{px} {foot}V{up}\"/>",
                    self.class(child)
                );
            }
            let _ = writeln!(
                out,
                "<path class=\"{}\" d=\"M{} {up}H{}\"><title>{} customers, distance {}</title></path>",
                self.class(node),
                x.at(a),
                x.at(b),
                number::count(merge.size),
                number::figure(merge.distance),
            );
        }
        if let Some(height) = self.cut() {
            let _ = writeln!(
                out,
                "<path class=\"axis dashed\" d=\"M{} {}H{}\"/>",
                x.at(x.from().0),
                y.at(height),
                x.at(x.from().1)
            );
        }
        out
    }

    fn lead(&self, name: &str) -> String {
        let last = match self.first() {
            0 => format!("All {} merges", self.merges.len()),
            _ => format!("The last {LAST} of {} merges", number::count(self.merges.len())),
        };
        let cut = match self.k {
            Some(k) => format!(" The dashed line cuts it into the {k} segments."),
            None => String::new(),
        };
        format!(
            "{last} of {name} (Ward). The higher two branches meet, the less alike they are; a long way without a merge \
             speaks for a cut there.{cut}"
        )
    }
}
