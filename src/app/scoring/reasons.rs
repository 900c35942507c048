//! Why a row was answered so: the columns that moved the score of its segment most. It does not know how a score is
//! computed.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray};

use crate::{
    frame::Table,
    kinds::classify_common::Classifier,
    ml::{Matrix, classify::scores},
    stage::{error::StageError, work::Work},
};

/// Returns columns `reason_1`, `weight_1`, ... to put beside answers: of the columns that the classifier takes, those that
/// moved the score of the predicted segment most, whichever way, and by how much. Features that come from one column
/// count together.
///
/// # Errors
/// If a value cannot be used.
pub fn reasons(
    classifier: &Classifier,
    table: &Table,
    p: &Matrix,
    top: usize,
    work: &Work,
) -> Result<Vec<(String, ArrayRef)>, StageError> {
    let x = classifier.preparation.apply(table, work)?;
    let by_feature = classifier.model.contributions(&x, &scores::predicted(p), work)?;
    let sources = classifier.preparation.feature_sources();
    let mut columns: Vec<&str> = Vec::new();
    let of_feature: Vec<usize> = sources
        .iter()
        .map(|source| {
            columns.iter().position(|known| known == source).unwrap_or_else(|| {
                columns.push(source);
                columns.len() - 1
            })
        })
        .collect();
    let top = top.min(columns.len());
    let mut found: Vec<Vec<(usize, f64)>> = vec![Vec::with_capacity(x.n_rows()); top];
    for row in by_feature.rows() {
        let mut sums: Vec<(usize, f64)> = (0..columns.len()).map(|column| (column, 0.0)).collect();
        row.iter().zip(&of_feature).for_each(|(value, &column)| sums[column].1 += value);
        // Equal ones stay in the order of the columns.
        sums.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        found.iter_mut().zip(sums).for_each(|(list, pair)| list.push(pair));
    }
    let mut out: Vec<(String, ArrayRef)> = Vec::with_capacity(2 * top);
    for (i, list) in found.iter().enumerate() {
        let names = list.iter().map(|(column, _)| columns[*column]);
        let weights = list.iter().map(|(_, weight)| *weight);
        out.push((format!("reason_{}", i + 1), Arc::new(StringArray::from_iter_values(names))));
        out.push((format!("weight_{}", i + 1), Arc::new(Float64Array::from_iter_values(weights))));
    }
    Ok(out)
}
