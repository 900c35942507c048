//! A classifier as operators: from the columns that it takes to label and probabilities. It does not know what the columns
//! went through before.
//!
//! Trees answer with a number a tree, which no way of adding up can round; what they answer is then added tree after tree,
//! as [`crate::ml::classify`] adds it, so that rows between two classes get the same label there as here: in single precision for
//! boosted trees, in double for forests. Only votes, which are whole, are left to the runtime to add.

use super::Classifier;
use crate::{
    frame::onnx::{Attribute, Columns, Graph, Inexpressible, Tensor, graph::Elem},
    ml::classify::{
        Model,
        boost::Booster,
        calibration::{Calibration, Curve, NEAR},
        forest::Forest,
        logistic::Logistic,
        tree::{Node, Tree, only_class},
    },
};

/// What the label of a row without an answer is.
const NO_LABEL: i64 = -1;

/// Answers of trees that are added up in one step: more take more memory a row, fewer more steps.
const FOREST_STEP: usize = 16;
const BOOSTED_STEP: usize = 64;

impl Classifier {
    /// Writes everything from the columns to the outputs `label` (the segment), `class` (its name, if the classes come from a
    /// target) and `probabilities`.
    ///
    /// # Errors
    /// If there are no operators for the preparation.
    pub fn graph(&self, columns: &mut Columns, graph: &mut Graph) -> Result<(), Inexpressible> {
        let x = self.preparation.graph(columns, graph)?;
        let mut p = match &self.model {
            Model::Forest(trees) => forest(trees, &x, graph),
            Model::Boost(booster) => boosted(booster, &x, graph),
            Model::Logistic(model) => {
                // Where a feature is missing, nothing can be said.
                let residue = graph.op("Sub", &[&x, &x]);
                let axis = graph.ints(&[1], &[1]);
                let settings = vec![("keepdims", Attribute::Int(0))];
                let sum = graph.op_with("ReduceSum", &[&residue, &axis], settings);
                let whole = graph.with("Equal", &sum, 0.0);
                columns.only(&whole, graph);
                logistic(model, &x, graph)
            }
        };
        if let Some(calibration) = &self.calibration {
            p = calibrated(calibration, &p, graph);
        }
        let settings = vec![("axis", Attribute::Int(1)), ("keepdims", Attribute::Int(0))];
        let class = graph.op_with("ArgMax", &[&p], settings);
        let segments: Vec<i64> = self.classes.segments.iter().map(|&s| i64::from(s)).collect();
        let segments = graph.ints(&[segments.len() as i64], &segments);
        let mut label = graph.op("Gather", &[&segments, &class]);
        let names: Vec<&str> = self.classes.names.iter().map(String::as_str).collect();
        let names = graph.texts(&[names.len() as i64], &names);
        let mut name = graph.op("Gather", &[&names, &class]);
        if let Some(answered) = &columns.answered {
            let none = graph.ints(&[], &[NO_LABEL]);
            label = graph.op("Where", &[answered, &label, &none]);
            let nobody = graph.text("");
            name = graph.op("Where", &[answered, &name, &nobody]);
            let answered = graph.upright(answered);
            let nan = graph.double(f64::NAN);
            p = graph.op("Where", &[&answered, &p, &nan]);
        }
        let width = self.classes.names.len() as i64;
        graph.output("label", Elem::Int, None, &label);
        if self.classes.target.is_some() {
            graph.output("class", Elem::Text, None, &name);
        }
        graph.output("probabilities", Elem::Double, Some(width), &p);
        Ok(())
    }
}

/// Some trees as the operator `TreeEnsemble` wants them.
#[derive(Default)]
struct Ensemble {
    roots: Vec<i64>,
    features: Vec<i64>,
    thresholds: Vec<f64>,
    lefts: Vec<i64>,
    rights: Vec<i64>,
    left_is_leaf: Vec<i64>,
    right_is_leaf: Vec<i64>,
    missing_left: Vec<i64>,
    targets: Vec<i64>,
    answers: Vec<f64>,
}

impl Ensemble {
    /// Takes trees with a target each; `answer` gives what a tree answers with for one of its leaves.
    fn of(trees: &[Tree], answer: impl Fn(usize, u32) -> f64) -> Ensemble {
        let mut out = Ensemble::default();
        for (target, tree) in trees.iter().enumerate() {
            out.add(tree, |leaf| (target, answer(target, leaf)));
        }
        out
    }

    /// `answer` gives for a leaf the target, and what is added to it.
    fn add(&mut self, tree: &Tree, answer: impl Fn(u32) -> (usize, f64)) {
        let (first, first_leaf) = (self.features.len() as i64, self.targets.len() as i64);
        self.roots.push(first);
        let mut next = first;
        let places: Vec<(bool, i64)> = tree
            .nodes()
            .iter()
            .map(|node| match node {
                Node::Leaf(leaf) => (true, first_leaf + i64::from(*leaf)),
                Node::Split { .. } => {
                    next += 1;
                    (false, next - 1)
                }
            })
            .collect();
        for node in tree.nodes() {
            match *node {
                Node::Leaf(leaf) => {
                    let (target, value) = answer(leaf);
                    self.targets.push(target as i64);
                    self.answers.push(value);
                }
                Node::Split { feature, threshold, left, right, missing_left } => {
                    let children = [places[left as usize], places[right as usize]];
                    self.split(i64::from(feature), threshold, children, missing_left);
                }
            }
        }
        if next == first {
            // A root must ask something. Both answers lead to the only leaf, which is there twice: the reference
            // implementation mistakes the place of one that two branches share.
            let (target, value) = answer(0);
            self.targets.push(target as i64);
            self.answers.push(value);
            self.split(0, 0.0, [(true, first_leaf), (true, first_leaf + 1)], false);
        }
    }

    fn split(
        &mut self,
        feature: i64,
        threshold: f64,
        children: [(bool, i64); 2],
        missing_left: bool,
    ) {
        let [left, right] = children;
        self.features.push(feature);
        self.thresholds.push(threshold);
        self.left_is_leaf.push(i64::from(left.0));
        self.lefts.push(left.1);
        self.right_is_leaf.push(i64::from(right.0));
        self.rights.push(right.1);
        self.missing_left.push(i64::from(missing_left));
    }

    /// Writes the sum of each target, of shape `[rows, n_targets]`. `single` says whether it compares in single precision, and
    /// with `<` instead of `<=`.
    fn write(self, x: &Tensor, n_targets: usize, single: bool, graph: &mut Graph) -> Tensor {
        let numbers = |values: Vec<f64>| match single {
            true => Attribute::Floats(values.into_iter().map(|v| v as f32).collect()),
            false => Attribute::Doubles(values),
        };
        let modes = vec![u8::from(single); self.features.len()];
        let settings = vec![
            ("n_targets", Attribute::Int(n_targets as i64)),
            // The sum, and nothing after it.
            ("aggregate_function", Attribute::Int(1)),
            ("post_transform", Attribute::Int(0)),
            ("tree_roots", Attribute::Ints(self.roots)),
            ("nodes_featureids", Attribute::Ints(self.features)),
            ("nodes_modes", Attribute::Bytes(modes)),
            ("nodes_splits", numbers(self.thresholds)),
            ("nodes_truenodeids", Attribute::Ints(self.lefts)),
            ("nodes_falsenodeids", Attribute::Ints(self.rights)),
            ("nodes_trueleafs", Attribute::Ints(self.left_is_leaf)),
            ("nodes_falseleafs", Attribute::Ints(self.right_is_leaf)),
            ("nodes_missing_value_tracks_true", Attribute::Ints(self.missing_left)),
            ("leaf_targetids", Attribute::Ints(self.targets)),
            ("leaf_weights", numbers(self.answers)),
        ];
        graph.learned("TreeEnsemble", &[x], settings)
    }
}

/// Sums of answers, one after the other.
struct Sums {
    /// Of shape `[rows, 1, width]`.
    so_far: Tensor,
}

impl Sums {
    /// Starts with the same for every row.
    fn new(x: &Tensor, start: &Tensor, width: usize, graph: &mut Graph) -> Sums {
        let settings = vec![("start", Attribute::Int(0)), ("end", Attribute::Int(1))];
        let rows = graph.op_with("Shape", &[x], settings);
        let rest = graph.ints(&[2], &[1, width as i64]);
        let shape = graph.op_with("Concat", &[&rows, &rest], vec![("axis", Attribute::Int(0))]);
        Sums { so_far: graph.op("Expand", &[start, &shape]) }
    }

    /// Adds answers of shape `[rows, n, width]`, each of the `n` after the one before.
    fn add(&mut self, answers: &Tensor, n: usize, graph: &mut Graph) {
        let axis = || vec![("axis", Attribute::Int(1))];
        let all = graph.op_with("Concat", &[&self.so_far, answers], axis());
        let one = graph.ints(&[], &[1]);
        let sums = graph.op("CumSum", &[&all, &one]);
        let last = graph.ints(&[1], &[n as i64]);
        self.so_far = graph.op_with("Gather", &[&sums, &last], axis());
    }

    /// Returns the sums, of shape `[rows, width]`.
    fn finish(self, graph: &mut Graph) -> Tensor {
        let axis = graph.ints(&[1], &[1]);
        graph.op("Squeeze", &[&self.so_far, &axis])
    }
}

fn forest(forest: &Forest, x: &Tensor, graph: &mut Graph) -> Tensor {
    let width = forest.n_classes;
    if let Some(votes) = votes(forest, x, graph) {
        return graph.with("Div", &votes, forest.trees.len() as f64);
    }
    let zero = graph.double(0.0);
    let mut sums = Sums::new(x, &zero, width, graph);
    for trees in forest.trees.chunks(FOREST_STEP) {
        let mut shares = Vec::new();
        let mut first_leaf = Vec::with_capacity(trees.len());
        for tree in trees {
            first_leaf.push(shares.len() / width);
            let leaves = tree.nodes().iter().filter(|node| matches!(node, Node::Leaf(_)));
            (0..leaves.count() as u32).for_each(|leaf| shares.extend(tree.leaf_values(leaf)));
        }
        // A leaf may hold several shares, and a tree answers one number: which leaf it is.
        let ensemble = Ensemble::of(trees, |tree, leaf| (first_leaf[tree] + leaf as usize) as f64);
        let leaves = ensemble.write(x, trees.len(), false, graph);
        let leaves = graph.cast(&leaves, Elem::Int);
        let shares = graph.doubles(&[(shares.len() / width) as i64, width as i64], &shares);
        let answers = graph.op("Gather", &[&shares, &leaves]);
        sums.add(&answers, trees.len(), graph);
    }
    let sums = sums.finish(graph);
    graph.with("Div", &sums, forest.trees.len() as f64)
}

/// Writes how many trees are for each class, if every leaf is for one class alone: whole numbers, which add up to the same
/// in any order, so that a runtime may add them as it likes.
fn votes(forest: &Forest, x: &Tensor, graph: &mut Graph) -> Option<Tensor> {
    let mut all = Ensemble::default();
    for tree in &forest.trees {
        let leaves = tree.nodes().iter().filter_map(|node| match node {
            Node::Leaf(leaf) => Some(only_class(tree.leaf_values(*leaf))),
            Node::Split { .. } => None,
        });
        let classes = leaves.collect::<Option<Vec<_>>>()?;
        all.add(tree, |leaf| (classes[leaf as usize], 1.0));
    }
    Some(all.write(x, forest.n_classes, false, graph))
}

fn boosted(booster: &Booster, x: &Tensor, graph: &mut Graph) -> Tensor {
    let x = graph.cast(x, Elem::Float);
    let width = booster.base.len();
    let base: Vec<f32> = booster.base.iter().map(|&v| v as f32).collect();
    let base = graph.floats(&[1, 1, width as i64], &base);
    let mut sums = Sums::new(&x, &base, width, graph);
    let n_rounds = (BOOSTED_STEP / width).max(1);
    for trees in booster.trees.chunks(n_rounds * width) {
        let ensemble = Ensemble::of(trees, |tree, leaf| trees[tree].leaf_values(leaf)[0]);
        let answers = ensemble.write(&x, trees.len(), true, graph);
        let n = trees.len() / width;
        let shape = graph.ints(&[3], &[-1, n as i64, width as i64]);
        let answers = graph.op("Reshape", &[&answers, &shape]);
        sums.add(&answers, n, graph);
    }
    let margins = sums.finish(graph);
    let margins = graph.cast(&margins, Elem::Double);
    if width > 1 {
        return graph.op_with("Softmax", &[&margins], vec![("axis", Attribute::Int(1))]);
    }
    let second = graph.op("Sigmoid", &[&margins]);
    let one = graph.double(1.0);
    let first = graph.op("Sub", &[&one, &second]);
    graph.op_with("Concat", &[&first, &second], vec![("axis", Attribute::Int(1))])
}

fn logistic(model: &Logistic, x: &Tensor, graph: &mut Graph) -> Tensor {
    let (n_vectors, n_features) = (model.intercepts.len(), model.coefficients.n_cols());
    let by_feature: Vec<f64> = (0..n_features)
        .flat_map(|j| (0..n_vectors).map(move |v| model.coefficients.row(v)[j]))
        .collect();
    let coefficients = graph.doubles(&[n_features as i64, n_vectors as i64], &by_feature);
    let intercepts = graph.doubles(&[1, n_vectors as i64], &model.intercepts);
    let scores = graph.op("MatMul", &[x, &coefficients]);
    let scores = graph.op("Add", &[&scores, &intercepts]);
    if n_vectors > 1 {
        return graph.op_with("Softmax", &[&scores], vec![("axis", Attribute::Int(1))]);
    }
    let opposite = graph.op("Neg", &[&scores]);
    let both = [graph.op("Sigmoid", &[&opposite]), graph.op("Sigmoid", &[&scores])];
    graph.op_with("Concat", &[&both[0], &both[1]], vec![("axis", Attribute::Int(1))])
}

fn calibrated(calibration: &Calibration, p: &Tensor, graph: &mut Graph) -> Tensor {
    let axis = || vec![("axis", Attribute::Int(1))];
    let curves = calibration.curves();
    if let [curve] = curves {
        let second = graph.nth(p, 1);
        let second = curved(curve, &second, graph);
        let one = graph.double(1.0);
        let first = graph.op("Sub", &[&one, &second]);
        let (first, second) = (graph.upright(&first), graph.upright(&second));
        return graph.op_with("Concat", &[&first, &second], axis());
    }
    let mut all = Vec::with_capacity(curves.len());
    for (curve, class) in curves.iter().zip(0..) {
        let own = graph.nth(p, class);
        let own = curved(curve, &own, graph);
        all.push(graph.upright(&own));
    }
    let all: Vec<&Tensor> = all.iter().collect();
    let all = graph.op_with("Concat", &all, axis());
    let sum_of = graph.ints(&[1], &[1]);
    let total = graph.op_with("ReduceSum", &[&all, &sum_of], vec![("keepdims", Attribute::Int(1))]);
    let any = graph.with("Greater", &total, 0.0);
    let one = graph.double(1.0);
    let by = graph.op("Where", &[&any, &total, &one]);
    let shares = graph.op("Div", &[&all, &by]);
    let even = graph.double(1.0 / curves.len() as f64);
    graph.op("Where", &[&any, &shares, &even])
}

fn curved(curve: &Curve, p: &Tensor, graph: &mut Graph) -> Tensor {
    match curve {
        Curve::Sigmoid { slope, offset } => {
            let p = graph.with("Max", p, NEAR);
            let p = graph.with("Min", &p, 1.0 - NEAR);
            let one = graph.double(1.0);
            let rest = graph.op("Sub", &[&one, &p]);
            let odds = graph.op("Div", &[&p, &rest]);
            let odds = graph.op("Log", &[&odds]);
            let score = graph.with("Mul", &odds, *slope);
            let score = graph.with("Add", &score, *offset);
            graph.op("Sigmoid", &[&score])
        }
        Curve::Isotonic { from, to } => between_points(from, to, p, graph),
    }
}

/// A line through points, level outside of them.
fn between_points(from: &[f64], to: &[f64], p: &Tensor, graph: &mut Graph) -> Tensor {
    let n = from.len() as i64;
    let row = graph.doubles(&[1, n], from);
    let upright = graph.upright(p);
    let is_below = graph.op("Less", &[&row, &upright]);
    let is_below = graph.cast(&is_below, Elem::Int);
    let axis = graph.ints(&[1], &[1]);
    let settings = vec![("keepdims", Attribute::Int(0))];
    let above = graph.op_with("ReduceSum", &[&is_below, &axis], settings);
    let (zero, one, last) =
        (graph.ints(&[], &[0]), graph.ints(&[], &[1]), graph.ints(&[], &[n - 1]));
    let below = graph.op("Sub", &[&above, &one]);
    let below = graph.op("Max", &[&below, &zero]);
    let above = graph.op("Min", &[&above, &last]);
    let (from, to) = (graph.doubles(&[n], from), graph.doubles(&[n], to));
    let [from_low, from_high, to_low, to_high] =
        [(&from, &below), (&from, &above), (&to, &below), (&to, &above)]
            .map(|(values, at)| graph.op("Gather", &[values, at]));
    let way = graph.op("Sub", &[p, &from_low]);
    let whole = graph.op("Sub", &[&from_high, &from_low]);
    let share = graph.op("Div", &[&way, &whole]);
    let rise = graph.op("Sub", &[&to_high, &to_low]);
    let rise = graph.op("Mul", &[&share, &rise]);
    let value = graph.op("Add", &[&to_low, &rise]);
    let outside = graph.op("Equal", &[&below, &above]);
    graph.op("Where", &[&outside, &to_low, &value])
}
