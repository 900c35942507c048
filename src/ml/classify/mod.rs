//! Classification: forests, boosted trees, logistic regression, and how they are split and scored.
//! It does not know columns or labels by name: features are a matrix, classes are numbers from 0.

pub mod bins;
pub mod boost;
pub mod calibration;
mod contributions;
pub mod forest;
pub mod gini;
pub mod lbfgs;
pub mod logistic;
pub mod penalty;
pub mod permutation;
pub mod scores;
mod softmax;
pub mod split;
pub mod tree;

use std::ops::Range;

use crate::{
    ml::{Matrix, error::MlError},
    stage::work::Work,
};

/// Rows to learn from.
#[derive(Clone, Copy, Debug)]
pub struct Samples<'a> {
    /// Features, shape `(n_rows, n_features)`; NaN is a missing value where the model allows it.
    pub x: &'a Matrix,
    /// The class of each row, below `n_classes`.
    pub y: &'a [u32],
    /// How many classes there are; some may have no row.
    pub n_classes: usize,
}

impl Samples<'_> {
    /// Returns how many rows each class has.
    pub fn class_counts(&self) -> Vec<usize> {
        class_counts(self.y, self.n_classes)
    }

    /// Returns the weight of each class: 1, or `n_rows / (n_classes * count)` if `balanced`, as in
    /// scikit-learn (absent classes are not counted and weigh nothing).
    pub fn class_weights(&self, balanced: bool) -> Vec<f64> {
        if !balanced {
            return vec![1.0; self.n_classes];
        }
        let counts = self.class_counts();
        let n_present = counts.iter().filter(|&&c| c > 0).count();
        let weight = |&c: &usize| match c {
            0 => 0.0,
            c => self.y.len() as f64 / (n_present as f64 * c as f64),
        };
        counts.iter().map(weight).collect()
    }

    /// Checks that there are rows and that no value is infinite.
    pub(crate) fn check(&self) -> Result<(), MlError> {
        if self.y.is_empty() {
            return Err(MlError::TooFew { what: "rows", needed: 1, got: 0 });
        }
        match self.x.data().iter().position(|v| v.is_infinite()) {
            None => Ok(()),
            Some(at) => {
                Err(MlError::NotFinite { row: at / self.x.n_cols(), column: at % self.x.n_cols() })
            }
        }
    }
}

/// A fitted classifier.
#[derive(Clone, Debug, PartialEq)]
pub enum Model {
    /// A random forest.
    Forest(forest::Forest),
    /// Boosted trees.
    Boost(boost::Booster),
    /// Logistic regression.
    Logistic(logistic::Logistic),
}

impl Model {
    /// Returns the probability of each class, shape `(n_rows, n_classes)`. Each row's answer depends
    /// on that row alone.
    ///
    /// # Errors
    /// If cancelled, or if logistic regression meets a value that is not finite.
    pub fn predict(&self, x: &Matrix, work: &Work) -> Result<Matrix, MlError> {
        match self {
            Model::Forest(forest) => forest.predict(x, work),
            Model::Boost(booster) => booster.predict(x, work),
            Model::Logistic(logistic) => logistic.predict(x, work),
        }
    }
}

/// Returns how many rows each class has.
pub fn class_counts(y: &[u32], n_classes: usize) -> Vec<usize> {
    let mut counts = vec![0; n_classes];
    for &class in y {
        counts[class as usize] += 1;
    }
    counts
}

/// Fills a matrix of shape `(n_rows, width)` block by block. Rows do not meet, so blocks smaller than
/// a chunk change nothing but how well a small table spreads over threads, and how near its rows stay to the processor.
fn fill_rows(
    n_rows: usize,
    width: usize,
    work: &Work,
    fill: impl Fn(Range<usize>, &mut [f64]) + Sync,
) -> Result<Matrix, MlError> {
    const BLOCK: usize = 2048;
    let blocks = work.pool.map(n_rows.div_ceil(BLOCK), |i| {
        work.check()?;
        let rows = i * BLOCK..((i + 1) * BLOCK).min(n_rows);
        let mut values = vec![0.0; rows.len() * width];
        fill(rows, &mut values);
        Ok::<_, MlError>(values)
    });
    let blocks = blocks.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(Matrix::new(n_rows, width, blocks.concat()))
}

#[cfg(test)]
pub(crate) mod tests {
    //! What the tests of all classifiers share: the peers' answers and made-up data.

    use serde_json::Value;

    use super::*;
    use crate::ml::rng::Rng;

    /// One case of the peers' answers.
    pub(crate) struct Case {
        pub name: String,
        pub x: Matrix,
        pub y: Vec<u32>,
        pub json: Value,
    }

    impl Case {
        /// Returns a field that is a list of lists; null is NaN.
        pub(crate) fn matrix(&self, name: &str) -> Matrix {
            matrix(&self.json[name])
        }

        /// Returns a field that is a list.
        pub(crate) fn floats(&self, name: &str) -> Vec<f64> {
            floats(&self.json[name])
        }
    }

    /// Returns the cases made by `tests/oracle/classify.py`.
    pub(crate) fn cases(area: &str) -> Vec<Case> {
        let text = include_str!("../../../tests/oracle/classify.json");
        let all: Value = serde_json::from_str(text).unwrap();
        let case = |json: &Value| Case {
            name: json["name"].as_str().unwrap_or_default().to_string(),
            x: matrix(&json["x"]),
            y: floats(&json["y"]).into_iter().map(|v| v as u32).collect(),
            json: json.clone(),
        };
        all[area].as_array().unwrap().iter().map(case).collect()
    }

    fn floats(value: &Value) -> Vec<f64> {
        let items = value.as_array().map_or(&[][..], Vec::as_slice);
        items.iter().map(|v| v.as_f64().unwrap_or(f64::NAN)).collect()
    }

    fn matrix(value: &Value) -> Matrix {
        let rows: Vec<Vec<f64>> =
            value.as_array().map_or(&[][..], Vec::as_slice).iter().map(floats).collect();
        Matrix::new(rows.len(), rows.first().map_or(0, Vec::len), rows.concat())
    }

    /// Fails if two lists differ by more than `tolerance` anywhere.
    pub(crate) fn close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
        assert_eq!(found.len(), expected.len(), "{what}");
        for (i, (a, b)) in found.iter().zip(expected).enumerate() {
            assert!((a - b).abs() <= tolerance, "{what}: entry {i} is {a}, expected {b}");
        }
    }

    /// Makes overlapping clouds, one a class, with 4 features; some values are missing nowhere.
    pub(crate) fn blobs(n_rows: usize, n_classes: usize) -> (Matrix, Vec<u32>) {
        let mut rng = Rng::new(11);
        let y: Vec<u32> = (0..n_rows).map(|_| rng.below(n_classes) as u32).collect();
        let value = |i: usize, rng: &mut Rng| {
            rng.normal() + f64::from(y[i / 4]) * [1.5, -1.0, 0.5, 0.0][i % 4]
        };
        let data = (0..n_rows * 4).map(|i| value(i, &mut rng)).collect();
        (Matrix::new(n_rows, 4, data), y)
    }

    #[test]
    fn balanced_weights_by_hand() {
        let x = Matrix::zeros(4, 0);
        let samples = Samples { x: &x, y: &[0, 0, 0, 2], n_classes: 3 };
        assert_eq!(samples.class_weights(true), [2.0 / 3.0, 0.0, 2.0]);
        assert_eq!(samples.class_weights(false), [1.0; 3]);
    }
}
