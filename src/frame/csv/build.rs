//! From cells to typed Arrow columns, a chunk of rows at a time. It does not know files or lines.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Float64Builder, Int64Builder, StringBuilder,
    TimestampMicrosecondBuilder,
};

use super::{
    dates::{DateOrder, Parts, iso_days},
    infer::{ColumnType, Seen},
    split::unquote,
    values::{NumberFormat, Quick, boolean, declared_boolean, quick, trim},
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
    /// Reads `n_rows` raw fields. What the values look like is added to `seen`, where somebody wants to know.
    pub fn column<'t>(
        &self,
        cells: impl Iterator<Item = &'t str>,
        n_rows: usize,
        seen: Option<&mut Seen>,
    ) -> Column {
        let numbers = self.numbers;
        let quickly = self.reads_quickly();
        match self.column_type {
            ColumnType::Text => self.texts(cells, n_rows, seen),
            ColumnType::Integer => {
                let quick = |text: &[u8]| match quick(text) {
                    Some(Quick::Integer(value)) if quickly => Some(value),
                    _ => None,
                };
                let column = Filling::new(Int64Builder::with_capacity(n_rows), quick);
                column.fill(
                    self,
                    cells,
                    seen,
                    |t| numbers.integer(t),
                    |seen, n| seen.add_integers(n),
                )
            }
            ColumnType::Float => self.floats(cells, n_rows, seen),
            ColumnType::Boolean => {
                let read = if self.declared { declared_boolean } else { boolean };
                let column = Filling::new(BooleanBuilder::with_capacity(n_rows), |_| None);
                column.fill(self, cells, seen, read, |_, _| {})
            }
            ColumnType::Date(order) => {
                let iso = self.null_values.is_empty() && order == DateOrder::Ymd;
                let quick = |text: &[u8]| if iso { iso_days(text) } else { None };
                let read = |text: &[u8]| self.parts(text, order)?.days(order);
                let column = Filling::new(Date32Builder::with_capacity(n_rows), quick);
                column.fill(self, cells, seen, read, |seen, n| seen.add_iso_dates(n))
            }
            ColumnType::Timestamp(order) => {
                let read = |text: &[u8]| self.parts(text, order)?.timestamp(order);
                let builder = TimestampMicrosecondBuilder::with_capacity(n_rows);
                Filling::new(builder, |_| None).fill(self, cells, seen, read, |_, _| {})
            }
        }
    }

    /// Numbers may be read without a look at the null values if none of these looks like one.
    fn reads_quickly(&self) -> bool {
        let like_a_number =
            |text: &String| text.bytes().next().is_none_or(|b| b.is_ascii_digit() || b == b'-');
        self.numbers == NumberFormat::default() && !self.null_values.iter().any(like_a_number)
    }

    fn floats<'t>(
        &self,
        cells: impl Iterator<Item = &'t str>,
        n_rows: usize,
        seen: Option<&mut Seen>,
    ) -> Column {
        let quickly = self.reads_quickly();
        let whole = std::cell::Cell::new(0);
        let quick = |text: &[u8]| {
            let number = quick(text).filter(|_| quickly)?;
            let value = number.float()?;
            whole.set(whole.get() + usize::from(matches!(number, Quick::Integer(_))));
            Some(value)
        };
        let column = Filling::new(Float64Builder::with_capacity(n_rows), quick);
        let tell = |seen: &mut Seen, n| {
            seen.add_integers(whole.get());
            seen.add_floats(n - whole.get());
        };
        column.fill(self, cells, seen, |text| self.numbers.float(text), tell)
    }

    fn parts(&self, text: &[u8], order: DateOrder) -> Option<Parts> {
        let compact = || match self.declared && order == DateOrder::Ymd {
            true => Parts::read_compact(text),
            false => None,
        };
        Parts::read(text).or_else(compact)
    }

    fn texts<'t>(
        &self,
        cells: impl Iterator<Item = &'t str>,
        n_rows: usize,
        mut seen: Option<&mut Seen>,
    ) -> Column {
        let mut builder = StringBuilder::with_capacity(n_rows, n_rows * 8);
        let any_null = !self.null_values.is_empty();
        for (row, raw) in cells.enumerate() {
            let text = unquote(raw);
            let blank = text.as_bytes().first().is_none_or(u8::is_ascii_whitespace);
            let bare = trim(text.as_bytes());
            if (blank || any_null) && is_null(bare, self.null_values) {
                builder.append_null();
                continue;
            }
            if let Some(seen) = &mut seen {
                seen.add(row, bare, self.numbers);
            }
            builder.append_value(text);
        }
        Column { values: Arc::new(builder.finish()), misfits: Vec::new() }
    }
}

/// A column that is being filled. `quick` reads the common form of a value from the raw field, and says nothing of others.
struct Filling<B, Q> {
    builder: B,
    quick: Q,
}

impl<T: OneValue, Q: Fn(&[u8]) -> Option<T::Value>> Filling<T, Q> {
    fn new(builder: T, quick: Q) -> Filling<T, Q> {
        Filling { builder, quick }
    }

    fn fill<'t>(
        mut self,
        reading: &Reading<'_>,
        cells: impl Iterator<Item = &'t str>,
        mut seen: Option<&mut Seen>,
        read: impl Fn(&[u8]) -> Option<T::Value>,
        tell: impl Fn(&mut Seen, usize),
    ) -> Column {
        let (mut misfits, mut n_quick) = (Vec::new(), 0);
        for (row, raw) in cells.enumerate() {
            if let Some(value) = (self.quick)(raw.as_bytes()) {
                self.builder.append(Some(value));
                n_quick += 1;
                continue;
            }
            let text = unquote(raw);
            let text = trim(text.as_bytes());
            if is_null(text, reading.null_values) {
                self.builder.append(None);
                continue;
            }
            if let Some(seen) = &mut seen {
                seen.add(row, text, reading.numbers);
            }
            let value = read(text);
            if value.is_none() {
                misfits.push(row);
            }
            self.builder.append(value);
        }
        if let Some(seen) = seen {
            tell(seen, n_quick);
        }
        Column { values: self.builder.end(), misfits }
    }
}

/// A builder of one value a row.
trait OneValue {
    type Value;
    fn append(&mut self, value: Option<Self::Value>);
    fn end(self) -> ArrayRef;
}

macro_rules! builders {
    ($($builder:ty: $value:ty),*) => {
        $(impl OneValue for $builder {
            type Value = $value;

            fn append(&mut self, value: Option<$value>) {
                self.append_option(value);
            }

            fn end(mut self) -> ArrayRef {
                Arc::new(self.finish())
            }
        })*
    };
}

builders!(
    Int64Builder: i64,
    Float64Builder: f64,
    BooleanBuilder: bool,
    Date32Builder: i32,
    TimestampMicrosecondBuilder: i64
);

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
        let column = reading(ColumnType::Integer).column(cells.into_iter(), cells.len(), None);
        let values: Vec<_> = column.values.as_primitive::<Int64Type>().iter().collect();
        assert_eq!(values, [Some(1), None, Some(2), None, Some(3), None]);
        assert_eq!(column.misfits, [3]);
    }

    #[test]
    fn text_stays_as_written() {
        let cells = [" a ", "\"b \"\"c\"\"\"", " "];
        let column = reading(ColumnType::Text).column(cells.into_iter(), 3, None);
        let values: Vec<_> = column.values.as_string::<i32>().iter().collect();
        assert_eq!(values, [Some(" a "), Some("b \"c\""), None]);
    }

    #[test]
    fn declared_dates_may_be_compact() {
        let date = reading(ColumnType::Date(DateOrder::Ymd));
        let column = date.column(["19700102", "1970-01-03"].into_iter(), 2, None);
        let values: Vec<_> = column.values.as_primitive::<Date32Type>().values().to_vec();
        assert_eq!(values, [1, 2]);
        assert!(column.misfits.is_empty());
    }
}
