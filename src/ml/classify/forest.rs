//! A random forest in scikit-learn's meaning: trees grown on bootstrap samples, random features at each
//! node, probabilities averaged over the leaves' class shares. It does not know what its features are.
//!
//! Source: Breiman, "Random forests", Machine Learning 45 (2001). Cost of a tree: about
//! `n_rows * max_features * depth`. Differs from scikit-learn in that a feature with more than
//! 256 distinct values is cut into 256 bins first.

mod grow;
mod ready;

pub use self::ready::Ready;
use crate::{
    base::spares::Spares,
    ml::{
        Matrix,
        classify::{
            Samples,
            bins::Bins,
            fill_rows,
            tree::{Rule, Tree},
        },
        error::MlError,
        rng::Rng,
    },
    stage::work::Work,
};

/// Bins a feature is cut into at most.
const MAX_BINS: usize = 256;

/// The most classes.
const MAX_CLASSES: usize = 1 << 16;

/// How a forest is grown; names as in scikit-learn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ForestParams {
    /// Number of trees (`n_estimators`).
    pub n_trees: usize,
    /// Deepest level of a leaf; `None` grows to purity.
    pub max_depth: Option<usize>,
    /// Fewest rows of a node that is split.
    pub min_samples_split: usize,
    /// Fewest rows of a leaf.
    pub min_samples_leaf: usize,
    /// Features tried at each node.
    pub max_features: usize,
    /// Whether each tree gets a sample drawn with replacement, or all rows.
    pub bootstrap: bool,
    /// Whether classes weigh the same however many rows they have.
    pub balanced: bool,
    /// Seed.
    pub seed: u64,
}

/// A fitted forest.
#[derive(Clone, Debug, PartialEq)]
pub struct Forest {
    /// The trees; a leaf holds the share of each class.
    pub trees: Vec<Tree>,
    /// Number of classes.
    pub n_classes: usize,
    /// The trees in the form that answers many rows.
    pub ready: Ready,
}

/// So many rows are worth laying the trees out for.
const MANY_ROWS: usize = 256;

/// How much purer each feature made the trees, as in scikit-learn's `feature_importances_`.
#[derive(Clone, Debug, PartialEq)]
pub struct Impurity {
    /// Mean over the trees, adding up to 1 (all 0 if no tree was split).
    pub mean: Vec<f64>,
    /// Standard deviation over the trees.
    pub std: Vec<f64>,
}

/// Grows a forest. Each tree has random numbers of its own, so that trees can grow in any order.
///
/// # Errors
/// [`MlError::TooFew`] without rows, [`MlError::NotFinite`] for an infinite value, [`MlError::Parameter`] for more
/// than 65,536 classes, or if cancelled.
pub fn fit(
    samples: &Samples<'_>,
    params: &ForestParams,
    work: &Work,
) -> Result<(Forest, Impurity), MlError> {
    samples.check()?;
    if samples.n_classes > MAX_CLASSES {
        let why = format!("{} classes, more than {MAX_CLASSES}", samples.n_classes);
        return Err(MlError::Parameter { name: "target", why });
    }
    let bins = Bins::<u8>::new(samples.x, MAX_BINS, |v| v, work)?;
    let weights = samples.class_weights(params.balanced);
    let rooms = Spares::default();
    let grown = work.pool.map(params.n_trees, |i| {
        work.check()?;
        let rng = Rng::stream(params.seed, i as u64);
        let tree = rooms.with(|room| grow::tree(samples, &bins, &weights, params, rng, room));
        work.progress.advance(1);
        tree
    });
    let grown = grown.into_iter().collect::<Result<Vec<_>, MlError>>()?;
    let (trees, decreases): (Vec<_>, Vec<_>) = grown.into_iter().unzip();
    let impurity = importance(&decreases, samples.x.n_cols());
    Ok((Forest { trees, n_classes: samples.n_classes, ready: Ready::default() }, impurity))
}

impl Forest {
    /// Returns the probability of each class, shape `(n_rows, n_classes)`: the mean over the trees.
    ///
    /// # Errors
    /// If cancelled.
    pub fn predict(&self, x: &Matrix, work: &Work) -> Result<Matrix, MlError> {
        let (n_trees, width) = (self.trees.len() as f64, x.n_cols());
        let ready = match x.n_rows() {
            MANY_ROWS.. if width > 0 => self.ready.get(&self.trees),
            _ => &[],
        };
        fill_rows(x.n_rows(), self.n_classes, work, |rows, out| {
            for (i, tree) in self.trees.iter().enumerate() {
                if let Some(Some(steps)) = ready.get(i) {
                    let values = &x.data()[rows.start * width..rows.end * width];
                    steps.leaves(values, width, |row, leaf| {
                        let sums = &mut out[row * self.n_classes..(row + 1) * self.n_classes];
                        let shares = tree.leaf_values(leaf);
                        sums.iter_mut().zip(shares).for_each(|(sum, share)| *sum += share);
                    });
                    continue;
                }
                for (row, sums) in rows.clone().zip(out.chunks_exact_mut(self.n_classes)) {
                    let shares = tree.answer(x.row(row), Rule::AtMost);
                    sums.iter_mut().zip(shares).for_each(|(sum, share)| *sum += share);
                }
            }
            out.iter_mut().for_each(|v| *v /= n_trees);
        })
    }
}

fn importance(decreases: &[Vec<f64>], n_features: usize) -> Impurity {
    let normal: Vec<Vec<f64>> = decreases
        .iter()
        .filter_map(|tree| {
            let sum: f64 = tree.iter().sum();
            (sum > 0.0).then(|| tree.iter().map(|v| v / sum).collect())
        })
        .collect();
    let n_trees = normal.len().max(1) as f64;
    let mean: Vec<f64> =
        (0..n_features).map(|j| normal.iter().map(|tree| tree[j]).sum::<f64>() / n_trees).collect();
    let deviation = |j: usize| {
        let squares = normal.iter().map(|tree| (tree[j] - mean[j]) * (tree[j] - mean[j]));
        (squares.sum::<f64>() / n_trees).sqrt()
    };
    let std = (0..n_features).map(deviation).collect();
    Impurity { mean, std }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::classify::tests::{Case, blobs, cases, close};

    fn params(n_trees: usize) -> ForestParams {
        ForestParams {
            n_trees,
            max_depth: None,
            min_samples_split: 2,
            min_samples_leaf: 1,
            max_features: 2,
            bootstrap: true,
            balanced: false,
            seed: 0,
        }
    }

    #[test]
    fn one_tree_on_all_rows_is_scikit_learns_tree() {
        for case in cases("trees") {
            let Case { x, y, .. } = &case;
            let number = |name: &str| case.json["params"][name].as_u64().map(|v| v as usize);
            let one = ForestParams {
                max_depth: number("max_depth"),
                min_samples_split: number("min_samples_split").unwrap_or(2),
                min_samples_leaf: number("min_samples_leaf").unwrap_or(1),
                max_features: x.n_cols(),
                bootstrap: false,
                balanced: case.json["params"].get("class_weight").is_some(),
                ..params(1)
            };
            let work = Work::alone(2);
            let samples = Samples { x, y, n_classes: 3 };
            let (forest, impurity) = fit(&samples, &one, &work).unwrap();
            let found = forest.predict(x, &work).unwrap();
            close(found.data(), case.matrix("probabilities").data(), 1e-9, &case.name);
            close(&impurity.mean, &case.floats("importances"), 1e-9, &case.name);
        }
    }

    /// Many rows are walked side by side, few one by one.
    #[test]
    fn many_rows_are_answered_as_one_by_one() {
        let (mut x, y) = blobs(MANY_ROWS + 301, 3);
        for (i, value) in x.data_mut().iter_mut().enumerate() {
            match (i * 7919) % 17 {
                0 => *value = f64::NAN,
                1..6 => *value = value.round(),
                _ => {}
            }
        }
        let work = Work::alone(2);
        let samples = Samples { x: &x, y: &y, n_classes: 3 };
        for max_depth in [None, Some(0), Some(2)] {
            let params = ForestParams { max_depth, ..params(9) };
            let (forest, _) = fit(&samples, &params, &work).unwrap();
            let together = forest.predict(&x, &work).unwrap();
            for row in 0..x.n_rows() {
                let alone = forest.predict(&x.select_rows(&[row]), &work).unwrap();
                assert_eq!(alone.data(), together.row(row), "{max_depth:?}, {row}");
            }
        }
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let (x, y) = blobs(300, 3);
        let samples = Samples { x: &x, y: &y, n_classes: 3 };
        let on = |n| {
            let work = Work::alone(n);
            let (forest, _) = fit(&samples, &params(9), &work).unwrap();
            (forest.predict(&x, &work).unwrap(), forest)
        };
        assert_eq!(on(1), on(2));
        assert_eq!(on(1), on(7));
    }

    #[test]
    fn degenerate_data_is_defined() {
        let work = Work::alone(1);
        let nan = f64::NAN;
        for (n_rows, values, y) in [
            (1, vec![1.0, 2.0], vec![0]),
            (3, vec![7.0; 6], vec![0, 1, 1]),
            (3, vec![nan; 6], vec![0, 1, 1]),
            (4, vec![nan, 1.0, nan, 1.0, 5.0, 1.0, 5.0, 1.0], vec![0, 0, 1, 1]),
            (3, vec![], vec![0, 1, 1]),
        ] {
            let x = Matrix::new(n_rows, values.len() / n_rows, values);
            let samples = Samples { x: &x, y: &y, n_classes: 3 };
            let (forest, _) = fit(&samples, &params(3), &work).unwrap();
            let p = forest.predict(&x, &work).unwrap();
            assert!(p.rows().all(|row| (row.iter().sum::<f64>() - 1.0).abs() < 1e-12));
        }
        let none = Matrix::zeros(0, 2);
        let samples = Samples { x: &none, y: &[], n_classes: 2 };
        assert!(matches!(fit(&samples, &params(3), &work), Err(MlError::TooFew { .. })));
        let infinite = Matrix::new(1, 1, vec![f64::INFINITY]);
        let samples = Samples { x: &infinite, y: &[0], n_classes: 2 };
        assert!(matches!(fit(&samples, &params(3), &work), Err(MlError::NotFinite { .. })));
    }
}
