//! Trees as tables of nodes and back. It does not know what the trees answer for.
//!
//! A row is a node: `tree`, `node` (0 is the root; children come later), then either `feature`,
//! `threshold`, `left`, `right`, `missing_left`, or the leaf's values (`p_0`, ... or `value`). Boosted trees also
//! tell each split's `gain` and each node's `cover`, as XGBoost does.

use std::{collections::HashMap, ops::Range, sync::Arc};

use arrow::array::{Array, ArrayRef, BooleanArray, Int64Array};

use super::classifier::damaged;
use crate::{
    frame::{
        FrameError, Table,
        table::{float_array, int_array, opt_text_array, segment_array},
    },
    ml::classify::{
        boost::{Booster, Told},
        forest::Forest,
        tree::{Node, Tree},
    },
    stage::error::StageError,
};

/// Returns the nodes of some trees of a forest; the leaves' columns are named after the segments.
pub fn forest(
    forest: &Forest,
    trees: Range<usize>,
    features: &[String],
    segments: &[i32],
) -> Result<Table, FrameError> {
    let names: Vec<String> = segments.iter().map(|s| format!("p_{s}")).collect();
    Table::new(None, columns(&forest.trees, trees, None, features, &names))
}

/// Returns the nodes of some trees of a booster. `class` is the class whose score a tree adds to: the second of two.
pub fn booster(
    booster: &Booster,
    trees: Range<usize>,
    features: &[String],
) -> Result<Table, FrameError> {
    let n_scores = booster.base.len();
    let class = |tree: usize| if n_scores == 1 { 1 } else { (tree % n_scores) as i32 };
    let names = ["value".to_string()];
    let mut columns = columns(&booster.trees, trees.clone(), Some(&class), features, &names);
    let nodes = || {
        let of = |i: usize| booster.trees[i].nodes().iter().zip(&booster.told[i]);
        trees.clone().flat_map(of)
    };
    let gain = nodes().map(|(node, told)| match node {
        Node::Split { .. } => f64::from(told.gain),
        Node::Leaf(_) => f64::NAN,
    });
    columns.push(("gain", float_array(gain.collect())));
    let cover = nodes().map(|(_, told)| f64::from(told.cover));
    columns.push(("cover", float_array(cover.collect())));
    Table::new(None, columns)
}

fn columns<'n>(
    trees: &[Tree],
    range: Range<usize>,
    class: Option<&dyn Fn(usize) -> i32>,
    features: &[String],
    values: &'n [String],
) -> Vec<(&'n str, ArrayRef)> {
    let nodes = || {
        let each = |i: usize| trees[i].nodes().iter().map(move |node| (i, &trees[i], *node));
        range.clone().flat_map(each)
    };
    let numbers = trees[range.clone()].iter().flat_map(|tree| 0..tree.nodes().len() as i64);
    let split = |of: fn(u32, f64, u32, u32, bool) -> i64| {
        let array: Int64Array = nodes()
            .map(|(_, _, node)| match node {
                Node::Split { feature, threshold, left, right, missing_left } => {
                    Some(of(feature, threshold, left, right, missing_left))
                }
                Node::Leaf(_) => None,
            })
            .collect();
        Arc::new(array) as ArrayRef
    };
    let feature = nodes().map(|(_, _, node)| match node {
        Node::Split { feature, .. } => Some(features[feature as usize].as_str()),
        Node::Leaf(_) => None,
    });
    let threshold = nodes().map(|(_, _, node)| match node {
        Node::Split { threshold, .. } => threshold,
        Node::Leaf(_) => f64::NAN,
    });
    let missing_left: BooleanArray = nodes()
        .map(|(_, _, node)| match node {
            Node::Split { missing_left, .. } => Some(missing_left),
            Node::Leaf(_) => None,
        })
        .collect();
    let mut columns: Vec<(&str, ArrayRef)> =
        vec![("tree", int_array(nodes().map(|(i, _, _)| i as i64).collect()))];
    if let Some(class) = class {
        columns.push(("class", segment_array(nodes().map(|(i, _, _)| class(i)).collect())));
    }
    columns.push(("node", int_array(numbers.collect())));
    columns.push(("feature", opt_text_array(feature)));
    columns.push(("threshold", float_array(threshold.collect())));
    columns.push(("left", split(|_, _, left, _, _| i64::from(left))));
    columns.push(("right", split(|_, _, _, right, _| i64::from(right))));
    columns.push(("missing_left", Arc::new(missing_left)));
    for (i, name) in values.iter().enumerate() {
        let value = nodes().map(|(_, tree, node)| match node {
            Node::Split { .. } => f64::NAN,
            Node::Leaf(leaf) => tree.leaf_values(leaf)[i],
        });
        columns.push((name, float_array(value.collect())));
    }
    columns
}

/// Reads a forest's trees.
///
/// # Errors
/// [`StageError::Data`] if they do not fit together.
pub fn read_forest(
    table: &Table,
    features: &[String],
    segments: &[i32],
) -> Result<Vec<Tree>, StageError> {
    let names: Vec<String> = segments.iter().map(|s| format!("p_{s}")).collect();
    let trees = read(table, features, &names)?;
    if trees.is_empty() { Err(damaged("it has no trees")) } else { Ok(trees) }
}

/// Reads a booster's trees and what is told of their nodes.
///
/// # Errors
/// [`StageError::Data`] if they do not fit together.
pub fn read_booster(
    table: &Table,
    features: &[String],
) -> Result<(Vec<Tree>, Vec<Vec<Told>>), StageError> {
    let trees = read(table, features, &["value".to_string()])?;
    let (gain, cover) = (table.floats("gain")?, table.floats("cover")?);
    let single = |v: f64| if v.is_nan() { 0.0 } else { v as f32 };
    let mut all =
        gain.iter().zip(&cover).map(|(g, c)| Told { gain: single(*g), cover: single(*c) });
    let told = trees.iter().map(|tree| all.by_ref().take(tree.nodes().len()).collect()).collect();
    Ok((trees, told))
}

fn read(table: &Table, features: &[String], values: &[String]) -> Result<Vec<Tree>, StageError> {
    let index: HashMap<&str, u32> =
        features.iter().enumerate().map(|(i, name)| (name.as_str(), i as u32)).collect();
    let tree = table.integers("tree")?;
    let feature = table.texts("feature")?;
    let threshold = table.floats("threshold")?;
    let (left, right) = (table.integers("left")?, table.integers("right")?);
    let missing_left = table.floats("missing_left")?;
    let leaves = values.iter().map(|name| table.floats(name)).collect::<Result<Vec<_>, _>>()?;
    let child = |of: &[Option<i64>], row: usize| of[row].and_then(|v| u32::try_from(v).ok());
    let mut trees = Vec::new();
    let mut start = 0;
    for rows in tree.chunk_by(|a, b| a == b) {
        if rows[0] != Some(trees.len() as i64) {
            return Err(damaged("its trees are not in order"));
        }
        let (mut nodes, mut own) = (Vec::with_capacity(rows.len()), Vec::new());
        let mut n_leaves = 0;
        for row in start..start + rows.len() {
            if feature.is_null(row) {
                nodes.push(Node::Leaf(n_leaves));
                n_leaves += 1;
                own.extend(leaves.iter().map(|column| column[row]));
                continue;
            }
            let known = index.get(feature.value(row)).copied();
            let (Some(feature), Some(left), Some(right)) =
                (known, child(&left, row), child(&right, row))
            else {
                return Err(damaged(&format!("node in row {row} is not whole")));
            };
            let missing_left = missing_left[row] == 1.0;
            let threshold = threshold[row];
            nodes.push(Node::Split { feature, threshold, left, right, missing_left });
        }
        if own.iter().any(|v| !v.is_finite()) {
            return Err(damaged("a leaf has no value"));
        }
        let tree = Tree::new(nodes, own, values.len(), features.len());
        trees.push(tree.map_err(|error| damaged(&error.to_string()))?);
        start += rows.len();
    }
    Ok(trees)
}
