//! How much each feature moved a row's score for one class: the score is what is expected of any row, plus these.
//! It does not know what features are called.
//!
//! - Logistic regression, exact: coefficient times value, less the mean of that over the classes (which the softmax takes
//!   no notice of), so a feature counts from its zero. Of two classes the second has the score, the first its negative.
//! - Trees, after Saabas ("Interpreting random forests", 2014; XGBoost's `approx_contribs`): on a row's way down, each split
//!   changes what is expected, and its feature gets the change. For boosted trees a node's expectation weighs its sides by
//!   the cover of training; a forest's table keeps no counts, so both sides weigh the same there. TreeSHAP, which also
//!   shares with features asked elsewhere in a tree, takes `depth^2` times the work of a prediction and was not taken.

use crate::{
    ml::{
        Matrix,
        classify::{
            Model,
            boost::Booster,
            fill_rows,
            forest::Forest,
            logistic::Logistic,
            tree::{Node, Rule, Tree},
        },
        error::MlError,
    },
    stage::work::Work,
};

impl Model {
    /// Returns how much each feature moved the score of each row's class in `classes`, shape `(n_rows, n_features)`: in
    /// units of the score before softmax, of probability for a forest.
    ///
    /// # Errors
    /// If cancelled.
    pub fn contributions(
        &self,
        x: &Matrix,
        classes: &[u32],
        work: &Work,
    ) -> Result<Matrix, MlError> {
        match self {
            Model::Forest(forest) => of_forest(forest, x, classes, work),
            Model::Boost(booster) => of_booster(booster, x, classes, work),
            Model::Logistic(logistic) => of_logistic(logistic, x, classes, work),
        }
    }
}

fn of_logistic(
    logistic: &Logistic,
    x: &Matrix,
    classes: &[u32],
    work: &Work,
) -> Result<Matrix, MlError> {
    let n_vectors = logistic.coefficients.n_rows();
    let width = x.n_cols();
    let vectors = || (0..n_vectors).map(|v| logistic.coefficients.row(v));
    let mean: Vec<f64> =
        (0..width).map(|j| vectors().map(|v| v[j]).sum::<f64>() / n_vectors as f64).collect();
    fill_rows(x.n_rows(), width, work, |rows, out| {
        for (row, out) in rows.zip(out.chunks_exact_mut(width.max(1))) {
            let class = classes[row] as usize;
            for (j, (out, value)) in out.iter_mut().zip(x.row(row)).enumerate() {
                let coefficient = match n_vectors {
                    1 if class == 0 => -logistic.coefficients.row(0)[j],
                    1 => logistic.coefficients.row(0)[j],
                    _ => logistic.coefficients.row(class)[j] - mean[j],
                };
                *out = coefficient * value;
            }
        }
    })
}

fn of_booster(
    booster: &Booster,
    x: &Matrix,
    classes: &[u32],
    work: &Work,
) -> Result<Matrix, MlError> {
    let n_scores = booster.base.len();
    let expected: Vec<Vec<f64>> = booster
        .trees
        .iter()
        .zip(&booster.told)
        .map(|(tree, told)| expected(tree, 0, |node| f64::from(told[node].cover)))
        .collect();
    let width = x.n_cols();
    fill_rows(x.n_rows(), width, work, |rows, out| {
        for (row, out) in rows.zip(out.chunks_exact_mut(width.max(1))) {
            let class = classes[row] as usize;
            let (score, sign) = match n_scores {
                1 => (0, if class == 0 { -1.0 } else { 1.0 }),
                _ => (class, 1.0),
            };
            for i in (score..booster.trees.len()).step_by(n_scores) {
                descend(&booster.trees[i], &expected[i], x.row(row), Rule::Below, sign, out);
            }
        }
    })
}

fn of_forest(forest: &Forest, x: &Matrix, classes: &[u32], work: &Work) -> Result<Matrix, MlError> {
    let expected: Vec<Vec<Vec<f64>>> = (0..forest.n_classes)
        .map(|class| forest.trees.iter().map(|t| expected(t, class, |_| 1.0)).collect())
        .collect();
    let share = 1.0 / forest.trees.len().max(1) as f64;
    let width = x.n_cols();
    fill_rows(x.n_rows(), width, work, |rows, out| {
        for (row, out) in rows.zip(out.chunks_exact_mut(width.max(1))) {
            let of_class = &expected[classes[row] as usize];
            for (tree, expected) in forest.trees.iter().zip(of_class) {
                descend(tree, expected, x.row(row), Rule::AtMost, share, out);
            }
        }
    })
}

/// Returns what is expected of a row that reaches each node: value `which` of a leaf, else the mean of the children by
/// their weights.
fn expected(tree: &Tree, which: usize, weight: impl Fn(usize) -> f64) -> Vec<f64> {
    let nodes = tree.nodes();
    let mut expected = vec![0.0; nodes.len()];
    // Children come after their parents.
    for (i, node) in nodes.iter().enumerate().rev() {
        expected[i] = match *node {
            Node::Leaf(leaf) => tree.leaf_values(leaf)[which],
            Node::Split { left, right, .. } => {
                let (left, right) = (left as usize, right as usize);
                let (a, b) = (weight(left), weight(right));
                match a + b > 0.0 {
                    true => (a * expected[left] + b * expected[right]) / (a + b),
                    false => (expected[left] + expected[right]) / 2.0,
                }
            }
        };
    }
    expected
}

/// Adds what each split on a row's way changes to its feature.
fn descend(tree: &Tree, expected: &[f64], row: &[f64], rule: Rule, scale: f64, out: &mut [f64]) {
    let mut at = 0;
    while let Node::Split { feature, .. } = tree.nodes()[at] {
        let next = tree.next(at, row, rule);
        out[feature as usize] += scale * (expected[next] - expected[at]);
        at = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::classify::{
        Samples,
        boost::{self, BoostParams},
        forest::{self, ForestParams},
        logistic::{self, LogisticParams},
        tests::blobs,
    };

    /// Whatever moves a score is some feature's: what is left after taking all away is the same for all rows.
    fn rest(scores: &[f64], contributions: &Matrix, tolerance: f64) -> f64 {
        let rests: Vec<f64> = scores
            .iter()
            .zip(contributions.rows())
            .map(|(s, c)| s - c.iter().sum::<f64>())
            .collect();
        for rest in &rests {
            assert!((rest - rests[0]).abs() < tolerance, "{rest} {}", rests[0]);
        }
        rests[0]
    }

    #[test]
    fn contributions_add_up_to_scores() {
        let work = Work::alone(1);
        for n_classes in [2, 3] {
            let (mut x, y) = blobs(400, n_classes);
            let samples = Samples { x: &x, y: &y, n_classes };
            let own = LogisticParams { c: 1.0, max_iter: 100, tol: 1e-6, balanced: false };
            let model = Model::Logistic(logistic::fit(&samples, &own, &work).unwrap().logistic);
            for class in 0..n_classes as u32 {
                let c = model.contributions(&x, &[class].repeat(400), &work).unwrap();
                let p = model.predict(&x, &work).unwrap();
                let score = |p: &[f64]| match n_classes {
                    2 => (p[class as usize] / p[1 - class as usize]).ln(),
                    _ => p[class as usize].ln() - p.iter().map(|p| p.ln()).sum::<f64>() / 3.0,
                };
                rest(&p.rows().map(score).collect::<Vec<_>>(), &c, 1e-9);
            }
            x.data_mut()[5] = f64::NAN;
            let samples = Samples { x: &x, y: &y, n_classes };
            let params = BoostParams { rounds: 5, ..BoostParams::default() };
            let model = Model::Boost(boost::fit(&samples, None, &params, &work).unwrap().booster);
            let all = |class| model.contributions(&x, &[class].repeat(400), &work).unwrap();
            let p = model.predict(&x, &work).unwrap();
            let gap = |p: &[f64]| (p[1] / p[0]).ln();
            let (zero, one) = (all(0), all(1));
            let between: Vec<f64> = match n_classes {
                2 => one.data().to_vec(),
                _ => one.data().iter().zip(zero.data()).map(|(a, b)| a - b).collect(),
            };
            let between = Matrix::new(400, 4, between);
            rest(&p.rows().map(gap).collect::<Vec<_>>(), &between, 1e-5);
            let params = ForestParams {
                n_trees: 7,
                max_depth: None,
                min_samples_split: 2,
                min_samples_leaf: 1,
                max_features: 2,
                bootstrap: true,
                balanced: false,
                seed: 1,
            };
            let model = Model::Forest(forest::fit(&samples, &params, &work).unwrap().0);
            let c = model.contributions(&x, &[1].repeat(400), &work).unwrap();
            let p = model.predict(&x, &work).unwrap();
            rest(&p.column(1), &c, 1e-12);
        }
    }
}
