//! The `details` artifact: figures of the page that stand in no other artifact, one a row.
//! It does not compute them.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Int32Array},
    datatypes::{DataType, Field, Schema},
};

use crate::frame::{
    FrameError, Table,
    table::{float_array, opt_text_array, schema_with_id, text_array},
};

/// A figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Detail {
    /// The section of the page: `rules`, `silhouette`, `calibration`.
    pub section: &'static str,
    /// The segment that it is about, if it is about one.
    pub segment: Option<i32>,
    /// What it is about within the section: a rule, a range of probabilities.
    pub item: Option<String>,
    /// What it tells: `coverage`, `mean`.
    pub figure: &'static str,
    /// The figure; counts are whole.
    pub value: f64,
}

/// Returns the schema of the artifact.
pub fn schema() -> Schema {
    let fields = [
        ("section", DataType::Utf8),
        ("segment", DataType::Int32),
        ("item", DataType::Utf8),
        ("figure", DataType::Utf8),
        ("value", DataType::Float64),
    ];
    schema_with_id(fields.map(|(name, ty)| Field::new(name, ty, true)).to_vec(), None)
}

/// Builds the artifact in the order of the page.
///
/// # Errors
/// None in practice: Arrow checks the lengths.
pub fn table(details: &[Detail]) -> Result<Table, FrameError> {
    let segments: ArrayRef = Arc::new(details.iter().map(|d| d.segment).collect::<Int32Array>());
    Table::new(
        None,
        vec![
            ("section", text_array(details.iter().map(|d| d.section))),
            ("segment", segments),
            ("item", opt_text_array(details.iter().map(|d| d.item.as_deref()))),
            ("figure", text_array(details.iter().map(|d| d.figure))),
            ("value", float_array(details.iter().map(|d| d.value).collect())),
        ],
    )
}
