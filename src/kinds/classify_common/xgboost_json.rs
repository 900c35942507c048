//! Boosted trees as a model file of XGBoost (its JSON schema of 2.0, which later versions read as well).
//! It does not know how the trees were grown.
//!
//! Nothing has to be rounded on the way: thresholds, leaves and scores have single precision already, and comparing
//! and adding is done in it in the same order, so both programs find the same leaves and the same margins. Only the
//! probabilities differ, since XGBoost computes exponentials in single precision. Scores before the first tree go
//! into the leaves of the first round, because how they are written differs between XGBoost's versions; its own
//! `base_score` is one that adds nothing.
//!
//! Source: <https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html>.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value, json};

use super::Classifier;
use crate::{
    ml::classify::{
        Model,
        boost::{Booster, Told},
        tree::{Node, Tree},
    },
    stage::error::StageError,
};

/// What XGBoost takes for the parent of a root.
const NO_PARENT: i32 = i32::MAX;

/// A tree, one list a property, one entry a node.
#[derive(Serialize, Default)]
struct TreeJson {
    base_weights: Vec<f32>,
    categories: Vec<i32>,
    categories_nodes: Vec<i32>,
    categories_segments: Vec<i32>,
    categories_sizes: Vec<i32>,
    default_left: Vec<u8>,
    id: usize,
    left_children: Vec<i32>,
    loss_changes: Vec<f32>,
    parents: Vec<i32>,
    right_children: Vec<i32>,
    split_conditions: Vec<f32>,
    split_indices: Vec<u32>,
    split_type: Vec<u8>,
    sum_hessian: Vec<f32>,
    tree_param: BTreeMap<&'static str, String>,
}

/// Returns the names that the features have in XGBoost, which refuses brackets and `<` in names: `country=<other>`
/// becomes `country=(other)`. Names stay different from each other.
pub fn feature_names(classifier: &Classifier) -> Vec<String> {
    let mut known = BTreeSet::new();
    let rename = |name: String| {
        let mut name = name.replace(['[', '<'], "(").replace([']', '>'], ")");
        while !known.insert(name.clone()) {
            name.push('_');
        }
        name
    };
    classifier.preparation.feature_names().into_iter().map(rename).collect()
}

/// Returns the model file. `attributes` are kept in it as they are, beside the classes and the features' sources.
///
/// # Errors
/// [`StageError::Data`] if the classifier is not made of boosted trees, or is calibrated.
pub fn document(
    classifier: &Classifier,
    attributes: &[(&str, String)],
) -> Result<String, StageError> {
    let Model::Boost(booster) = &classifier.model else {
        let text = "only boosted trees (classify.xgboost) can be written in XGBoost's format";
        return Err(StageError::Data(format!("{text}, and this is {}", classifier.algorithm)));
    };
    if classifier.calibration.is_some() {
        let text = "the probabilities of this classifier are calibrated, which XGBoost's format cannot hold; train it \
                    without `calibrate` to export it";
        return Err(StageError::Data(text.to_string()));
    }
    let names = feature_names(classifier);
    let n_scores = booster.base.len();
    let trees = trees(booster, names.len());
    let text = |value: usize| value.to_string();
    let starts: Vec<usize> = (0..=trees.len() / n_scores).map(|i| i * n_scores).collect();
    let scores: Vec<usize> = (0..trees.len()).map(|i| i % n_scores).collect();
    let model = json!({
        "gbtree_model_param": { "num_parallel_tree": "1", "num_trees": text(trees.len()) },
        "iteration_indptr": starts,
        "tree_info": scores,
        "trees": null,
    });
    let is_binary = n_scores == 1;
    let n_class = if is_binary { 0 } else { n_scores };
    let objective = match is_binary {
        true => json!({ "name": "binary:logistic", "reg_loss_param": { "scale_pos_weight": "1" } }),
        false => json!({
            "name": "multi:softprob",
            "softmax_multiclass_param": { "num_class": text(n_class) }
        }),
    };
    let types = vec!["float"; names.len()];
    let whole = json!({
        "learner": {
            "attributes": told(classifier, attributes)?,
            "feature_names": names,
            "feature_types": types,
            "gradient_booster": { "model": model, "name": "gbtree" },
            "learner_model_param": {
                // The logit of one half is 0; the softmax takes scores as they are.
                "base_score": if is_binary { "5E-1" } else { "0" },
                "boost_from_average": "0",
                "num_class": text(n_class),
                "num_feature": text(names.len()),
                "num_target": "1",
            },
            "objective": objective,
        },
        "version": [2, 0, 0],
    });
    let failed = |error| StageError::Internal(format!("model: {error}"));
    let trees = serde_json::to_string(&trees).map_err(failed)?;
    // The trees are put in as text: as values, their numbers would be spelled in double precision.
    let whole = serde_json::to_string(&whole).map_err(failed)?;
    Ok(whole.replacen("\"trees\":null", &format!("\"trees\":{trees}"), 1) + "\n")
}

/// What the file says about itself: texts, as XGBoost keeps them.
fn told(classifier: &Classifier, more: &[(&str, String)]) -> Result<Value, StageError> {
    let failed = |error| StageError::Internal(format!("model: {error}"));
    let sources = classifier.preparation.feature_sources();
    let mut all = BTreeMap::from([
        ("classes", serde_json::to_string(&classifier.classes.names).map_err(failed)?),
        ("columns", serde_json::to_string(&sources).map_err(failed)?),
    ]);
    all.extend(more.iter().map(|(name, text)| (*name, text.clone())));
    Ok(json!(all))
}

fn trees(booster: &Booster, n_features: usize) -> Vec<TreeJson> {
    let base = |i: usize| booster.base.get(i).map_or(0.0, |&v| v as f32);
    let trees: Vec<TreeJson> = booster
        .trees
        .iter()
        .zip(&booster.told)
        .enumerate()
        // Adding the base first is what the booster does too; the sum is rounded once in both.
        .map(|(i, (tree, told))| tree_json(i, tree, told, base(i), n_features))
        .collect();
    if !trees.is_empty() {
        return trees;
    }
    let alone = |i| {
        let leaf = TreeJson { split_conditions: vec![base(i)], ..TreeJson::default() };
        finish(TreeJson { base_weights: vec![base(i)], ..leaf }, i, &[NO_PARENT], n_features)
    };
    (0..booster.base.len()).map(alone).collect()
}

fn tree_json(i: usize, tree: &Tree, told: &[Told], base: f32, n_features: usize) -> TreeJson {
    let mut out = TreeJson::default();
    let (order, parents) = level_by_level(tree.nodes());
    let mut next = 1;
    for &at in &order {
        match tree.nodes()[at] {
            Node::Split { feature, threshold, missing_left, .. } => {
                out.default_left.push(u8::from(missing_left));
                out.left_children.push(next);
                out.right_children.push(next + 1);
                next += 2;
                out.split_conditions.push(threshold as f32);
                out.split_indices.push(feature);
                out.base_weights.push(0.0);
            }
            Node::Leaf(leaf) => {
                let value = base + tree.leaf_values(leaf)[0] as f32;
                out.default_left.push(0);
                out.left_children.push(-1);
                out.right_children.push(-1);
                out.split_conditions.push(value);
                out.split_indices.push(0);
                out.base_weights.push(value);
            }
        }
    }
    out.loss_changes = order.iter().map(|&at| told[at].gain).collect();
    out.sum_hessian = order.iter().map(|&at| told[at].cover).collect();
    finish(out, i, &parents, n_features)
}

/// Returns a tree's nodes level by level, with each one's parent as a place in that order. XGBoost numbers nodes so, and
/// its SHAP values are wrong for any other order, though its predictions are not.
fn level_by_level(nodes: &[Node]) -> (Vec<usize>, Vec<i32>) {
    let (mut order, mut parents) = (vec![0], vec![NO_PARENT]);
    let mut at = 0;
    while let Some(&node) = order.get(at) {
        if let Node::Split { left, right, .. } = nodes[node] {
            order.extend([left as usize, right as usize]);
            parents.extend([at as i32; 2]);
        }
        at += 1;
    }
    (order, parents)
}

/// Fills in what is the same for every tree, or follows from the rest.
fn finish(mut out: TreeJson, i: usize, parents: &[i32], n_features: usize) -> TreeJson {
    let n_nodes = parents.len();
    out.id = i;
    out.parents = parents.to_vec();
    out.default_left.resize(n_nodes, 0);
    out.left_children.resize(n_nodes, -1);
    out.right_children.resize(n_nodes, -1);
    out.split_indices.resize(n_nodes, 0);
    out.split_type = vec![0; n_nodes];
    out.loss_changes.resize(n_nodes, 0.0);
    out.sum_hessian.resize(n_nodes, 0.0);
    let text = |value: usize| value.to_string();
    out.tree_param = BTreeMap::from([
        ("num_deleted", text(0)),
        ("num_feature", text(n_features)),
        ("num_nodes", text(n_nodes)),
        ("size_leaf_vector", text(1)),
    ]);
    out
}
