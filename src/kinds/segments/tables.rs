//! The `profile` and `summary` artifacts. It does not compute their figures.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Int32Array, Int64Array},
    datatypes::{DataType, Field, Schema},
};

use crate::{
    frame::{
        FrameError, Table,
        table::{
            float_array, int_array, opt_text_array, schema_with_id, segment_array, text_array,
        },
    },
    kinds::segments::{
        carried::Carried,
        figures::{Figures, Profile, Segments},
        matching::Matching,
        reference::Reference,
    },
};

/// Returns the schema of `profile`.
pub fn profile_schema() -> Schema {
    let mut fields = vec![
        Field::new("segment", DataType::Int32, true),
        Field::new("column", DataType::Utf8, true),
        Field::new("level", DataType::Utf8, true),
        Field::new("count", DataType::Int64, true),
    ];
    let figures = ["mean", "median", "std", "z", "relative_importance", "share", "lift"];
    fields.extend(figures.map(|name| Field::new(name, DataType::Float64, true)));
    schema_with_id(fields, None)
}

/// Returns the schema of `summary`.
pub fn summary_schema() -> Schema {
    let fields = [
        ("segment", DataType::Int32),
        ("size", DataType::Int64),
        ("share", DataType::Float64),
        ("name", DataType::Utf8),
        ("traits", DataType::Utf8),
        ("note", DataType::Utf8),
        ("exemplars", DataType::Utf8),
        ("stability", DataType::Float64),
        ("name_from", DataType::Utf8),
        ("reference_segment", DataType::Int32),
        ("matched_share", DataType::Float64),
        ("matched_by", DataType::Utf8),
    ];
    schema_with_id(fields.map(|(name, ty)| Field::new(name, ty, true)).to_vec(), None)
}

/// A row of `profile`.
struct Row<'a> {
    segment: i32,
    column: &'a str,
    level: Option<&'a str>,
    count: usize,
    figures: [f64; 7],
}

/// Builds `profile`: by segment, then column, then level by overall frequency.
///
/// # Errors
/// None in practice: Arrow checks the lengths.
pub fn profile(segments: &Segments, profiles: &[Profile]) -> Result<Table, FrameError> {
    let mut rows = Vec::new();
    for index in 0..segments.len() {
        for profile in profiles {
            push(segments.numbers[index], index, profile, &mut rows);
        }
    }
    let figure = |i: usize| float_array(rows.iter().map(|r| r.figures[i]).collect());
    let counts: ArrayRef =
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.count as i64)));
    Table::new(
        None,
        vec![
            ("segment", segment_array(rows.iter().map(|r| r.segment).collect())),
            ("column", text_array(rows.iter().map(|r| r.column))),
            ("level", opt_text_array(rows.iter().map(|r| r.level))),
            ("count", counts),
            ("mean", figure(0)),
            ("median", figure(1)),
            ("std", figure(2)),
            ("z", figure(3)),
            ("relative_importance", figure(4)),
            ("share", figure(5)),
            ("lift", figure(6)),
        ],
    )
}

fn push<'a>(segment: i32, index: usize, profile: &'a Profile, rows: &mut Vec<Row<'a>>) {
    let column = profile.name.as_str();
    let none = f64::NAN;
    match &profile.figures {
        Figures::Number(number) => {
            let cell = &number.cells[index];
            let (m, ratio) = (&cell.moments, cell.relative_importance);
            let figures = [m.mean, cell.median, m.std, cell.z, ratio, none, none];
            let figures = figures.map(|v| if v.is_finite() { v } else { none });
            rows.push(Row { segment, column, level: None, count: m.count, figures });
        }
        Figures::Category(category) => {
            for (level, name) in category.levels.iter().enumerate() {
                let (share, lift) = (category.share(index, level), category.lift(index, level));
                rows.push(Row {
                    segment,
                    column,
                    level: Some(name),
                    count: category.counts[index][level],
                    figures: [none, none, none, none, none, share, lift],
                });
            }
        }
    }
}

/// What `summary` tells of the segments, each in their order.
pub struct Summary<'a> {
    /// The segments.
    pub segments: &'a Segments,
    /// Their names.
    pub names: &'a [String],
    /// Their traits.
    pub traits: &'a [String],
    /// Notes, and where names come from.
    pub carried: &'a Carried,
    /// Ids that stand for them.
    pub exemplars: &'a [Vec<String>],
    /// Their stability; NaN where nobody asked.
    pub stability: &'a [f64],
    /// The reference run and which of its segments they were, if there is one.
    pub reference: Option<(&'a Reference, &'a Matching)>,
}

impl Summary<'_> {
    /// Builds the table.
    ///
    /// # Errors
    /// None in practice: Arrow checks the lengths.
    pub fn table(&self) -> Result<Table, FrameError> {
        let n = self.segments.len();
        let pair = |index: usize| self.reference.and_then(|(_, matching)| matching.pairs[index]);
        let was = |index: usize| {
            let (reference, _) = self.reference?;
            Some(reference.segments[pair(index)?.old].number)
        };
        let by = |index: usize| {
            pair(index).and(self.reference).map(|(_, matching)| matching.method.word())
        };
        let ids = self.exemplars.iter().map(|ids| (!ids.is_empty()).then(|| ids.join(", ")));
        let shares = (0..n).map(|i| self.segments.share(i)).collect();
        let matched = (0..n).map(|i| pair(i).map_or(f64::NAN, |pair| pair.share)).collect();
        Table::new(
            None,
            vec![
                ("segment", segment_array(self.segments.numbers.clone())),
                ("size", int_array(self.segments.sizes.iter().map(|n| *n as i64).collect())),
                ("share", float_array(shares)),
                ("name", text_array(self.names)),
                ("traits", text_array(self.traits)),
                ("note", opt_text_array(self.carried.notes.iter().map(Option::as_deref))),
                ("exemplars", opt_text_array(ids)),
                ("stability", float_array(self.stability.to_vec())),
                ("name_from", text_array(self.carried.from.iter().map(|from| from.word()))),
                ("reference_segment", Arc::new(Int32Array::from_iter((0..n).map(was)))),
                ("matched_share", float_array(matched)),
                ("matched_by", opt_text_array((0..n).map(by))),
            ],
        )
    }
}
