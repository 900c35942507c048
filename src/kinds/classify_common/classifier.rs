//! A fitted classifier with its preparation: kept as a table, asked about rows of a table.
//! It does not know how it was fitted.
//!
//! The table holds the numbers (nodes of trees, or coefficients); its schema metadata holds the rest as JSON:
//! `orchestrate.classifier` (format, algorithm, classes, base scores), `orchestrate.features` (names) and
//! `orchestrate.preparation`.

use std::{collections::HashMap, ops::Range};

use arrow::array::ArrayRef;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{labelled::Classes, nodes};
use crate::{
    base::pool::CHUNK_ROWS,
    frame::{
        FrameError, Table,
        table::{float_array, opt_text_array, segment_array, text_array},
    },
    kinds::prepare::Preparation,
    ml::{
        Matrix,
        classify::{
            Model,
            boost::{Booster, Ready},
            calibration::Calibration,
            forest::Forest,
            logistic::Logistic,
            scores,
        },
        error::MlError,
    },
    stage::{error::StageError, work::Work},
};

/// The version of the table and its metadata.
const FORMAT: u32 = 1;

/// The rule of boosted trees: below the threshold, both in single precision.
const SINGLE: &str = "< in single precision";

const HEAD_KEY: &str = "orchestrate.classifier";
const FEATURES_KEY: &str = "orchestrate.features";
const PREPARATION_KEY: &str = "orchestrate.preparation";

/// A fitted classifier.
#[derive(Clone, Debug, PartialEq)]
pub struct Classifier {
    /// `forest`, `xgboost` or `logistic`.
    pub algorithm: String,
    /// The classes, in the order of the probabilities.
    pub classes: Classes,
    /// How columns become features.
    pub preparation: Preparation,
    /// The model of the features.
    pub model: Model,
    /// How its probabilities are corrected.
    pub calibration: Option<Calibration>,
}

/// What the metadata says first.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    format: u32,
    algorithm: String,
    classes: Classes,
    /// Which values go left in a tree: `<=`, or [`SINGLE`]; absent without trees.
    rule: Option<String>,
    /// Scores before the first tree; empty where there are none.
    base: Vec<f64>,
    /// How probabilities are corrected; absent where they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    calibration: Option<Calibration>,
}

impl Classifier {
    /// Returns the columns that [`Classifier::predict`] reads.
    pub fn input_columns(&self) -> Vec<String> {
        self.preparation.input_columns()
    }

    /// Makes the model ready to be asked again and again.
    pub fn make_ready(&self) {
        if let Model::Boost(booster) = &self.model {
            booster.make_ready();
        }
    }

    /// Returns the probability of each class, shape `(n_rows, n_classes)`. Each row's answer depends on
    /// that row alone.
    ///
    /// # Errors
    /// If a column is missing or has another type than in training, a value cannot be used, or if
    /// cancelled; the text names column and row.
    pub fn predict(&self, table: &Table, work: &Work) -> Result<Matrix, StageError> {
        let x = self.preparation.apply(table, work)?;
        let row_of = |row| table.first_row() + row;
        self.answer(&x, work).map_err(|error| self.explain(error, row_of))
    }

    /// Returns the probability of each class for rows of features.
    ///
    /// # Errors
    /// If a value cannot be used, or if cancelled.
    pub fn answer(&self, x: &Matrix, work: &Work) -> Result<Matrix, MlError> {
        let mut p = self.model.predict(x, work)?;
        if let Some(calibration) = &self.calibration {
            calibration.apply(&mut p);
        }
        Ok(p)
    }

    /// Names feature and row in an error about a value.
    pub(super) fn explain(&self, error: MlError, row_of: impl Fn(usize) -> usize) -> StageError {
        explain(&self.preparation, error, row_of)
    }

    /// Returns answers as `predictions`: the id, `segment`, (`class` from a target,) `p_0`, ...
    ///
    /// # Errors
    /// If the number of rows differs.
    pub fn predictions(
        &self,
        id: (&str, ArrayRef),
        p: &Matrix,
        actual: Option<&[u32]>,
    ) -> Result<Table, StageError> {
        let Classes { target, segments, names } = &self.classes;
        let by_class = |found: &[u32]| {
            segment_array(found.iter().map(|&class| segments[class as usize]).collect())
        };
        let by_name =
            |found: &[u32]| text_array(found.iter().map(|&class| names[class as usize].as_str()));
        let found = scores::predicted(p);
        let mut columns = vec![(id.0.to_string(), id.1), ("segment".into(), by_class(&found))];
        if target.is_some() {
            columns.push(("class".into(), by_name(&found)));
        }
        for (class, segment) in segments.iter().enumerate() {
            columns.push((format!("p_{segment}"), float_array(p.column(class))));
        }
        if let Some(actual) = actual {
            columns.push(("actual".into(), by_class(actual)));
            if target.is_some() {
                columns.push(("actual_class".into(), by_name(actual)));
            }
        }
        // A table whose id is called like one of these columns would have two of that name.
        let clash = columns.iter().skip(1).any(|(name, _)| name == id.0);
        if clash {
            let text = format!("the id column `{}` is called like a column of predictions", id.0);
            return Err(StageError::Data(format!("{text}; rename it at ingest")));
        }
        let columns = columns.iter().map(|(name, array)| (name.as_str(), array.clone())).collect();
        Ok(Table::new(Some(id.0), columns)?)
    }

    /// Returns the parts of its table, as ranges of trees: at least one, and none of much more than a chunk of nodes.
    pub fn parts(&self) -> Vec<Range<usize>> {
        let trees = match &self.model {
            Model::Forest(forest) => forest.trees.as_slice(),
            Model::Boost(booster) => booster.trees.as_slice(),
            Model::Logistic(_) => &[],
        };
        let (mut parts, mut start, mut n_nodes) = (Vec::new(), 0, 0);
        for (tree, after) in trees.iter().zip(1..) {
            n_nodes += tree.nodes().len();
            if n_nodes >= CHUNK_ROWS && after < trees.len() {
                parts.push(start..after);
                (start, n_nodes) = (after, 0);
            }
        }
        parts.push(start..trees.len());
        parts
    }

    /// Returns one part of the classifier as a table.
    ///
    /// # Errors
    /// [`StageError::Internal`] if it cannot be written as JSON.
    pub fn part(&self, trees: Range<usize>) -> Result<Table, StageError> {
        let features = self.preparation.feature_names();
        let segments = &self.classes.segments;
        let (table, rule, base) = match &self.model {
            Model::Forest(forest) => {
                (nodes::forest(forest, trees, &features, segments)?, Some("<="), vec![])
            }
            Model::Boost(booster) => {
                (nodes::booster(booster, trees, &features)?, Some(SINGLE), booster.base.clone())
            }
            Model::Logistic(logistic) => (coefficients(logistic, &features)?, None, vec![]),
        };
        let head = Head {
            format: FORMAT,
            algorithm: self.algorithm.clone(),
            classes: self.classes.clone(),
            rule: rule.map(str::to_string),
            base,
            calibration: self.calibration.clone(),
        };
        let metadata = HashMap::from([
            (HEAD_KEY.to_string(), json(&head)?),
            (FEATURES_KEY.to_string(), json(&features)?),
            (PREPARATION_KEY.to_string(), json(&self.preparation)?),
        ]);
        Ok(table.with_metadata(metadata)?)
    }

    /// Reads a classifier from a table.
    ///
    /// # Errors
    /// [`StageError::Data`] if it is not one, is of a later format, or does not fit together.
    pub fn from_table(table: &Table) -> Result<Classifier, StageError> {
        let head: Head = part(table, HEAD_KEY)?;
        if head.format != FORMAT {
            let text =
                format!("the classifier has format {}, this program reads {FORMAT}", head.format);
            return Err(StageError::Data(text));
        }
        let preparation: Preparation = part(table, PREPARATION_KEY)?;
        let features = preparation.feature_names();
        let n_classes = head.classes.segments.len();
        if n_classes < 2 || head.classes.names.len() != n_classes {
            return Err(damaged("its classes do not fit together"));
        }
        let model = match (head.algorithm.as_str(), head.rule.as_deref()) {
            ("forest", Some("<=")) => {
                let trees = nodes::read_forest(table, &features, &head.classes.segments)?;
                Model::Forest(Forest { trees, n_classes, ready: Default::default() })
            }
            ("xgboost", Some("<")) => {
                return Err(damaged(
                    "its trees compare in double precision, as they did before they could be exported; run the \
                     pipeline again",
                ));
            }
            ("xgboost", Some(SINGLE)) => {
                let (trees, told) = nodes::read_booster(table, &features)?;
                let n_scores = if n_classes == 2 { 1 } else { n_classes };
                if head.base.len() != n_scores || !trees.len().is_multiple_of(n_scores) {
                    return Err(damaged("its trees do not fit its classes"));
                }
                let ready = Ready::default();
                Model::Boost(Booster { trees, told, base: head.base, n_classes, ready })
            }
            ("logistic", None) => Model::Logistic(read_coefficients(table, &features, n_classes)?),
            (other, _) => return Err(damaged(&format!("its algorithm `{other}` is not known"))),
        };
        let calibration = head.calibration;
        if calibration.as_ref().is_some_and(|c| !c.is_sound(n_classes)) {
            return Err(damaged("its calibration does not fit its classes"));
        }
        let (algorithm, classes) = (head.algorithm, head.classes);
        Ok(Classifier { algorithm, classes, preparation, model, calibration })
    }
}

/// Names feature and row in an error about a value. `row_of` tells the table's row.
pub(super) fn explain(
    preparation: &Preparation,
    error: MlError,
    row_of: impl Fn(usize) -> usize,
) -> StageError {
    let name = |column| preparation.feature_names().into_iter().nth(column).unwrap_or_default();
    match error {
        MlError::TooLarge { row, column } => StageError::Data(format!(
            "feature `{}` has a value beyond single precision (3.4e38) in row {}, which boosted trees compare in; \
             scale or clip it",
            name(column),
            row_of(row)
        )),
        MlError::NotFinite { row, column } => {
            let name = name(column);
            StageError::Data(format!(
                "feature `{name}` has no usable value in row {}; fill missing values with `numeric: {{ impute: \
                 median }}`, and remove infinite ones",
                row_of(row)
            ))
        }
        other => other.into(),
    }
}

pub(super) fn damaged(why: &str) -> StageError {
    StageError::Data(format!("this is not a classifier that can be read: {why}"))
}

fn json(value: &impl Serialize) -> Result<String, StageError> {
    serde_json::to_string(value).map_err(|error| StageError::Internal(format!("model: {error}")))
}

fn part<T: DeserializeOwned>(table: &Table, key: &str) -> Result<T, StageError> {
    let schema = table.schema();
    let text = schema
        .metadata()
        .get(key)
        .ok_or_else(|| damaged(&format!("there is no metadata `{key}`")))?;
    serde_json::from_str(text).map_err(|error| damaged(&format!("metadata `{key}`: {error}")))
}

/// Columns `class`, `feature` (null: the intercept), `coefficient`.
fn coefficients(logistic: &Logistic, features: &[String]) -> Result<Table, FrameError> {
    let n_vectors = logistic.intercepts.len();
    let (mut class, mut feature, mut value) = (Vec::new(), Vec::new(), Vec::new());
    for v in 0..n_vectors {
        let row = logistic.coefficients.row(v).iter().zip(features.iter().map(Some));
        for (number, name) in [(&logistic.intercepts[v], None)].into_iter().chain(row) {
            class.push(if n_vectors == 1 { 1 } else { v as i32 });
            feature.push(name);
            value.push(*number);
        }
    }
    Table::new(
        None,
        vec![
            ("class", segment_array(class)),
            ("feature", opt_text_array(feature)),
            ("coefficient", float_array(value)),
        ],
    )
}

fn read_coefficients(
    table: &Table,
    features: &[String],
    n_classes: usize,
) -> Result<Logistic, StageError> {
    let n_vectors = if n_classes == 2 { 1 } else { n_classes };
    let width = features.len() + 1;
    let values = table.floats("coefficient")?;
    let names = table.texts("feature")?;
    let expected = || std::iter::once(None).chain(features.iter().map(|f| Some(f.as_str())));
    let fits = values.len() == n_vectors * width
        && values.iter().all(|v| v.is_finite())
        && names.iter().eq((0..n_vectors).flat_map(|_| expected()));
    if !fits {
        return Err(damaged("its coefficients do not fit its features"));
    }
    let intercepts = values.iter().step_by(width).copied().collect();
    let rest = values.chunks_exact(width).flat_map(|row| &row[1..]).copied().collect();
    let coefficients = Matrix::new(n_vectors, features.len(), rest);
    Ok(Logistic { coefficients, intercepts, n_classes })
}
