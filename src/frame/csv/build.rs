//! From cells to typed Arrow columns, a chunk of rows at a time. It does not know files or lines.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Float64Builder, Int64Builder, StringBuilder,
    TimestampMicrosecondBuilder,
};

use super::{
    dates::{DateOrder, Parts},
    infer::ColumnType,
    split::unquote,
    values::{NumberFormat, boolean, declared_boolean, trim},
};

/// How to read the cells of one column.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// The column's type.
    pub column_type: ColumnType,
    /// Whether a person declared it: `yes`, `3.0`, `007` and `20240131` are taken then.
    pub declared: bool,
    /// How numbers are written.
    pub numbers: NumberFormat,
    /// What is null besides a blank field.
    pub null_values: &'a [String],
}

/// A column of a chunk; rows that do not fit are null in it.
#[derive(Debug)]
pub struct Column {
    /// The values.
    pub values: ArrayRef,
    /// Rows (of the chunk) whose value is not of the type.
    pub misfits: Vec<usize>,
}

/// Returns true if `text` (without blanks at its ends) stands for a missing value.
pub fn is_null(text: &[u8], null_values: &[String]) -> bool {
    text.is_empty() || null_values.iter().any(|null| null.as_bytes() == text)
}

impl Reading<'_> {
    /// Reads `n_rows` raw fields.
    pub fn column<'t>(&self, cells: impl Iterator<Item = &'t str>, n_rows: usize) -> Column {
        let numbers = self.numbers;
        match self.column_type {
            ColumnType::Text => self.texts(cells, n_rows),
            ColumnType::Integer => {
                let builder = Int64Builder::with_capacity(n_rows);
                self.fill(cells, builder, |text| numbers.integer(text), Int64Builder::append_option)
            }
            ColumnType::Float => {
                let builder = Float64Builder::with_capacity(n_rows);
                self.fill(cells, builder, |text| numbers.float(text), Float64Builder::append_option)
            }
            ColumnType::Boolean => {
                let read = if self.declared { declared_boolean } else { boolean };
                let builder = BooleanBuilder::with_capacity(n_rows);
                self.fill(cells, builder, read, BooleanBuilder::append_option)
            }
            ColumnType::Date(order) => {
                let builder = Date32Builder::with_capacity(n_rows);
                let read = |text: &[u8]| self.parts(text, order)?.days(order);
                self.fill(cells, builder, read, Date32Builder::append_option)
            }
            ColumnType::Timestamp(order) => {
                let builder = TimestampMicrosecondBuilder::with_capacity(n_rows);
                let read = |text: &[u8]| self.parts(text, order)?.timestamp(order);
                self.fill(cells, builder, read, TimestampMicrosecondBuilder::append_option)
            }
        }
    }

    fn parts(&self, text: &[u8], order: DateOrder) -> Option<Parts> {
        let compact = || match self.declared && order == DateOrder::Ymd {
            true => Parts::read_compact(text),
            false => None,
        };
        Parts::read(text).or_else(compact)
    }

    fn texts<'t>(&self, cells: impl Iterator<Item = &'t str>, n_rows: usize) -> Column {
        let mut builder = StringBuilder::with_capacity(n_rows, n_rows * 8);
        for raw in cells {
            let text = unquote(raw);
            if is_null(trim(text.as_bytes()), self.null_values) {
                builder.append_null();
            } else {
                builder.append_value(text);
            }
        }
        Column { values: Arc::new(builder.finish()), misfits: Vec::new() }
    }

    fn fill<'t, B: arrow::array::ArrayBuilder, V>(
        &self,
        cells: impl Iterator<Item = &'t str>,
        mut builder: B,
        read: impl Fn(&[u8]) -> Option<V>,
        append: impl Fn(&mut B, Option<V>),
    ) -> Column {
        let mut misfits = Vec::new();
        for (row, raw) in cells.enumerate() {
            let text = unquote(raw);
            let text = trim(text.as_bytes());
            if is_null(text, self.null_values) {
                append(&mut builder, None);
                continue;
            }
            let value = read(text);
            if value.is_none() {
                misfits.push(row);
            }
            append(&mut builder, value);
        }
        Column { values: builder.finish(), misfits }
    }
}

#[cfg(test)]
mod tests {
    use arrow::{
        array::AsArray,
        datatypes::{Date32Type, Int64Type},
    };

    use super::*;

    fn reading(column_type: ColumnType) -> Reading<'static> {
        let numbers = NumberFormat::default();
        Reading { column_type, declared: true, numbers, null_values: &[] }
    }

    #[test]
    fn blanks_are_null_and_misfits_are_told() {
        let cells = [" 1 ", "", "\"2\"", "x", "3.0", "   "];
        let column = reading(ColumnType::Integer).column(cells.into_iter(), cells.len());
        let values: Vec<_> = column.values.as_primitive::<Int64Type>().iter().collect();
        assert_eq!(values, [Some(1), None, Some(2), None, Some(3), None]);
        assert_eq!(column.misfits, [3]);
    }

    #[test]
    fn text_stays_as_written() {
        let cells = [" a ", "\"b \"\"c\"\"\"", " "];
        let column = reading(ColumnType::Text).column(cells.into_iter(), 3);
        let values: Vec<_> = column.values.as_string::<i32>().iter().collect();
        assert_eq!(values, [Some(" a "), Some("b \"c\""), None]);
    }

    #[test]
    fn declared_dates_may_be_compact() {
        let date = reading(ColumnType::Date(DateOrder::Ymd));
        let column = date.column(["19700102", "1970-01-03"].into_iter(), 2);
        let values: Vec<_> = column.values.as_primitive::<Date32Type>().values().to_vec();
        assert_eq!(values, [1, 2]);
        assert!(column.misfits.is_empty());
    }
}
