//! Metrics, confusion and importance as tables. It does not know how answers came about.

use std::{collections::BTreeMap, sync::Arc};

use arrow::{
    array::ArrayRef,
    datatypes::{DataType, Field, SchemaRef},
};

use super::labelled::Classes;
use crate::{
    frame::{
        FrameError, Table,
        table::{float_array, int_array, schema_with_id, segment_array, text_array},
    },
    ml::classify::scores,
};

/// Returns the schemas of the tables that look the same whatever the data. A confusion holds the values of
/// a target as text, segments as numbers.
pub fn schemas(of_target: bool) -> BTreeMap<String, SchemaRef> {
    use DataType::{Float64, Int32, Int64, Utf8};
    let class = if of_target { Utf8 } else { Int32 };
    let tables = [
        ("metrics", vec![("split", Utf8), ("metric", Utf8), ("value", Float64), ("std", Float64)]),
        ("confusion", vec![("actual", class.clone()), ("predicted", class), ("count", Int64)]),
        (
            "importance",
            vec![("feature", Utf8), ("importance", Float64), ("std", Float64), ("method", Utf8)],
        ),
    ];
    let schema = |columns: Vec<(&str, DataType)>| {
        let fields = columns.into_iter().map(|(name, ty)| Field::new(name, ty, true)).collect();
        Arc::new(schema_with_id(fields, None))
    };
    tables.into_iter().map(|(port, columns)| (port.to_string(), schema(columns))).collect()
}

/// The scores of one split, in the order of [`scores::NAMES`].
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// `train`, `test` or `cv`.
    pub split: &'static str,
    /// The scores; NaN where not defined.
    pub values: [f64; 5],
    /// Their deviation over folds; NaN without folds.
    pub std: [f64; 5],
}

impl Judged {
    /// Wraps the scores of a split without folds.
    pub fn once(split: &'static str, values: [f64; 5]) -> Judged {
        Judged { split, values, std: [f64::NAN; 5] }
    }

    /// Returns mean and population deviation over the folds; undefined scores are left out.
    pub fn over_folds(folds: &[[f64; 5]]) -> Judged {
        let (mut values, mut std) = ([f64::NAN; 5], [f64::NAN; 5]);
        for i in 0..5 {
            let known: Vec<f64> = folds.iter().map(|f| f[i]).filter(|v| !v.is_nan()).collect();
            let n = known.len() as f64;
            values[i] = known.iter().sum::<f64>() / n;
            let squares = known.iter().map(|v| (v - values[i]) * (v - values[i]));
            std[i] = (squares.sum::<f64>() / n).sqrt();
        }
        Judged { split: "cv", values, std }
    }
}

/// Returns the `metrics` table: `split`, `metric`, `value`, `std`.
///
/// # Errors
/// Never for these columns.
pub fn metrics(judged: &[Judged]) -> Result<Table, FrameError> {
    let splits = judged.iter().flat_map(|j| [j.split; 5]);
    let names = judged.iter().flat_map(|_| scores::NAMES);
    Table::new(
        None,
        vec![
            ("split", text_array(splits)),
            ("metric", text_array(names)),
            ("value", float_array(judged.iter().flat_map(|j| j.values).collect())),
            ("std", float_array(judged.iter().flat_map(|j| j.std).collect())),
        ],
    )
}

/// Returns the `confusion` table: every pair of classes, by segment, or by value from a target.
///
/// # Errors
/// Never for these columns.
pub fn confusion(y: &[u32], predicted: &[u32], classes: &Classes) -> Result<Table, FrameError> {
    let k = classes.segments.len();
    let counts = scores::confusion(y, predicted, k);
    let named = |of: &dyn Fn(usize) -> usize| -> ArrayRef {
        let pairs = (0..k * k).map(of);
        match classes.target {
            Some(_) => text_array(pairs.map(|class| classes.names[class].as_str())),
            None => segment_array(pairs.map(|class| classes.segments[class]).collect()),
        }
    };
    Table::new(
        None,
        vec![
            ("actual", named(&|i| i / k)),
            ("predicted", named(&|i| i % k)),
            ("count", int_array(counts.concat().into_iter().map(|c| c as i64).collect())),
        ],
    )
}

/// How important features are by one method.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// `permutation`, `impurity`, `gain` or `coefficient`.
    pub method: &'static str,
    /// Names of features (of input columns for `permutation`).
    pub features: Vec<String>,
    /// One a feature.
    pub importance: Vec<f64>,
    /// One a feature; empty where the method has none.
    pub std: Vec<f64>,
}

/// Returns the `importance` table: method after method, most important first, of equal ones the
/// earlier feature.
///
/// # Errors
/// Never for these columns.
pub fn importance(rankings: &[Ranking]) -> Result<Table, FrameError> {
    let (mut feature, mut importance) = (Vec::new(), Vec::new());
    let (mut std, mut method) = (Vec::new(), Vec::new());
    for ranking in rankings {
        let mut order: Vec<usize> = (0..ranking.features.len()).collect();
        order.sort_by(|&a, &b| ranking.importance[b].total_cmp(&ranking.importance[a]));
        for i in order {
            feature.push(ranking.features[i].as_str());
            importance.push(ranking.importance[i]);
            std.push(ranking.std.get(i).copied().unwrap_or(f64::NAN));
            method.push(ranking.method);
        }
    }
    Table::new(
        None,
        vec![
            ("feature", text_array(feature)),
            ("importance", float_array(importance)),
            ("std", float_array(std)),
            ("method", text_array(method)),
        ],
    )
}
