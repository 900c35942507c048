//! The long model table of the clusterers, written as its rows come: a density's has a value for each row and feature.
//! It does not know any algorithm.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, Int64Array, StringBuilder};

use crate::{
    base::pool::CHUNK_ROWS,
    frame::{Table, table::float_array},
    ml::Matrix,
    stage::{ctx::StageCtx, error::StageError, sink::TableSink},
};

/// Where a number of a model belongs; what does not apply stays null.
#[derive(Clone, Copy, Default)]
pub(in crate::kinds) struct Place<'a> {
    /// The number of a merge, or the row of a core point.
    pub item: Option<usize>,
    pub segment: Option<usize>,
    pub feature: Option<&'a str>,
    /// The second feature of a covariance.
    pub other: Option<&'a str>,
}

/// A fitted clustering on its way to the output `model`. Each row is one number; `part` says which: see each kind's help.
pub(in crate::kinds) struct Model<'a> {
    held: Held,
    sink: TableSink<'a>,
}

/// Writes the numbers that `push` gives; the kind goes into the table's metadata.
///
/// # Errors
/// Those of `push`; if the sink fails.
pub(super) fn write(
    ctx: &mut StageCtx<'_>,
    kind: String,
    push: impl FnOnce(&mut Model<'_>) -> Result<(), StageError>,
) -> Result<(), StageError> {
    let mut held = Held { kind, ..Held::default() };
    let sink = ctx.table_sink("model", held.take()?.schema())?;
    let mut model = Model { held, sink };
    push(&mut model)?;
    let n_rows = model.finish()?;
    ctx.set_rows("model", n_rows);
    Ok(())
}

impl Model<'_> {
    /// Adds one number.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn push(&mut self, part: &str, place: Place<'_>, value: f64) -> Result<(), StageError> {
        self.held.push(part, place, value);
        if self.held.value.len() == CHUNK_ROWS {
            self.sink.push_table(&self.held.take()?)?;
        }
        Ok(())
    }

    /// Adds one number a feature for each cluster, clusters in the order of their segments.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn push_by_segment(
        &mut self,
        part: &str,
        names: &[String],
        values: &Matrix,
        places: &[usize],
    ) -> Result<(), StageError> {
        for (segment, cluster) in in_order(places) {
            for (name, v) in names.iter().zip(values.row(cluster)) {
                let at = Place { segment: Some(segment), feature: Some(name), ..Place::default() };
                self.push(part, at, *v)?;
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<u64, StageError> {
        self.sink.push_table(&self.held.take()?)?;
        self.sink.finish()
    }
}

/// Rows that are not written yet.
#[derive(Default)]
struct Held {
    kind: String,
    part: StringBuilder,
    item: Vec<Option<i64>>,
    segment: Vec<Option<i32>>,
    feature: StringBuilder,
    other: StringBuilder,
    value: Vec<f64>,
}

impl Held {
    fn push(&mut self, part: &str, place: Place<'_>, value: f64) {
        self.part.append_value(part);
        self.item.push(place.item.map(|i| i as i64));
        self.segment.push(place.segment.map(|s| s as i32));
        self.feature.append_option(place.feature);
        self.other.append_option(place.other);
        self.value.push(value);
    }

    fn take(&mut self) -> Result<Table, StageError> {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("part", Arc::new(self.part.finish())),
            ("item", Arc::new(Int64Array::from(std::mem::take(&mut self.item)))),
            ("segment", Arc::new(Int32Array::from(std::mem::take(&mut self.segment)))),
            ("feature", Arc::new(self.feature.finish())),
            ("other", Arc::new(self.other.finish())),
            ("value", float_array(std::mem::take(&mut self.value))),
        ];
        let metadata = [("orchestrate.model".to_string(), self.kind.clone())];
        Ok(Table::new(None, columns)?.with_metadata(metadata.into_iter().collect())?)
    }
}

/// Returns `(segment, cluster)` pairs in the order of segments, from each cluster's place.
pub(in crate::kinds) fn in_order(places: &[usize]) -> Vec<(usize, usize)> {
    let mut pairs: Vec<_> =
        places.iter().enumerate().map(|(cluster, &place)| (place, cluster)).collect();
    pairs.sort_unstable();
    pairs
}
