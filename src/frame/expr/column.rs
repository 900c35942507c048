//! A computed column, and loops over the rows of one, two or three of them.
//! It does not know what is computed: functions hand a closure to the loops.

use std::{borrow::Cow, sync::Arc};

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BooleanArray, Date32Array, Float64Array, Int64Array,
        IntervalMonthDayNanoArray, StringArray, StringBuilder, TimestampMicrosecondArray,
    },
    buffer::{BooleanBuffer, NullBuffer},
    compute,
    datatypes::{
        Date32Type, Float64Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType,
        TimestampMicrosecondType,
    },
};

use crate::frame::expr::types::Ty;

/// A value that could not be computed, in a row of the rows at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Zero-based row.
    pub row: usize,
    /// Why.
    pub message: String,
}

/// What is wrong where texts are more than a column can hold.
pub const TOO_MUCH_TEXT: &str = "the texts exceed 2 GiB in all";

/// What computing a column gives.
pub type Evaluated = Result<ArrayRef, Fault>;

/// A column, or one value that stands for every row.
#[derive(Clone, Debug)]
pub struct Col {
    /// The values; exactly one if `is_constant`.
    pub array: ArrayRef,
    /// Whether the one value stands for every row.
    pub is_constant: bool,
}

impl Col {
    /// Wraps a column of as many values as there are rows.
    pub fn rows(array: ArrayRef) -> Col {
        Col { array, is_constant: false }
    }

    /// Wraps an array of one value that stands for every row.
    pub fn constant(array: ArrayRef) -> Col {
        Col { array, is_constant: true }
    }

    /// Returns one value a row.
    ///
    /// # Errors
    /// If it is a text that is too long to be there so often.
    pub fn expanded(&self, n_rows: usize) -> Evaluated {
        if !self.is_constant {
            return Ok(self.array.clone());
        }
        let first = arrow::array::UInt64Array::from(vec![0; n_rows]);
        // One value is there, so every index is in range.
        compute::take(&self.array, &first, None)
            .map_err(|_| Fault { row: 0, message: TOO_MUCH_TEXT.to_string() })
    }
}

/// A column that is handed to a function; constants and columns of the table are lent, since threads that count the owners of
/// one thing wait for each other.
pub type Operand<'a> = Cow<'a, Col>;

/// A type whose values can be read out of a column.
pub trait Sql {
    /// One value.
    type Item<'a>: Copy;
    /// The column, typed.
    type View<'a>;
    /// Gets at the column's values; the binder has made sure of their type.
    fn view(array: &ArrayRef) -> Self::View<'_>;
    /// Returns the value at `row`, which is not null.
    fn at<'a: 'a>(view: &Self::View<'a>, row: usize) -> Self::Item<'a>;
}

/// A type that columns can be made of.
pub trait Out: Sized {
    /// Makes a column of `n` values; `f` is asked in row order and stops at the first fault.
    ///
    /// # Errors
    /// The first fault.
    fn collect(
        n: usize,
        f: impl FnMut(usize) -> Result<Option<Self>, Fault>,
    ) -> Result<ArrayRef, Fault>;
}

macro_rules! primitive {
    ($marker:ident, $arrow:ty, $item:ty, $array:ty, $out:ty, $unwrap:expr, $doc:literal) => {
        #[doc = $doc]
        pub struct $marker;

        impl Sql for $marker {
            type Item<'a> = $item;
            type View<'a> = &'a [$item];
            fn view(array: &ArrayRef) -> &[$item] {
                array.as_primitive::<$arrow>().values()
            }
            fn at<'a: 'a>(view: &&'a [$item], row: usize) -> $item {
                view[row]
            }
        }

        impl Out for $out {
            fn collect(
                n: usize,
                mut f: impl FnMut(usize) -> Result<Option<Self>, Fault>,
            ) -> Result<ArrayRef, Fault> {
                let mut values = Vec::with_capacity(n);
                let mut valid = Valid::default();
                for row in 0..n {
                    let value = f(row)?;
                    valid.push(row, value.is_some());
                    values.push(value.map($unwrap).unwrap_or_default());
                }
                let array = <$array>::new(values.into(), valid.nulls());
                Ok(Arc::new(array))
            }
        }
    };
}

/// Days since 1970-01-01, as a result.
pub struct Day(pub i32);
/// Microseconds since 1970-01-01, as a result.
pub struct Micros(pub i64);

primitive!(Int, Int64Type, i64, Int64Array, i64, |v| v, "Whole numbers.");
// One NaN only: processors disagree about the sign of the one that a division makes.
primitive!(
    Float,
    Float64Type,
    f64,
    Float64Array,
    f64,
    |v: f64| if v.is_nan() { f64::NAN } else { v },
    "Floating-point numbers."
);
primitive!(Date, Date32Type, i32, Date32Array, Day, |v: Day| v.0, "Dates.");
primitive!(
    Timestamp,
    TimestampMicrosecondType,
    i64,
    TimestampMicrosecondArray,
    Micros,
    |v: Micros| v.0,
    "Timestamps."
);
primitive!(
    Interval,
    IntervalMonthDayNanoType,
    IntervalMonthDayNano,
    IntervalMonthDayNanoArray,
    IntervalMonthDayNano,
    |v| v,
    "Intervals."
);

/// Truth values.
pub struct Bool;

impl Sql for Bool {
    type Item<'a> = bool;
    type View<'a> = &'a BooleanArray;
    fn view(array: &ArrayRef) -> &BooleanArray {
        array.as_boolean()
    }
    fn at<'a: 'a>(view: &&'a BooleanArray, row: usize) -> bool {
        view.value(row)
    }
}

impl Out for bool {
    fn collect(
        n: usize,
        mut f: impl FnMut(usize) -> Result<Option<Self>, Fault>,
    ) -> Result<ArrayRef, Fault> {
        let mut values = Vec::with_capacity(n);
        let mut valid = Valid::default();
        for row in 0..n {
            let value = f(row)?;
            valid.push(row, value.is_some());
            values.push(value.unwrap_or_default());
        }
        Ok(Arc::new(BooleanArray::new(BooleanBuffer::from(values), valid.nulls())))
    }
}

/// Texts.
pub struct Text;

impl Sql for Text {
    type Item<'a> = &'a str;
    type View<'a> = &'a StringArray;
    fn view(array: &ArrayRef) -> &StringArray {
        array.as_string()
    }
    fn at<'a: 'a>(view: &&'a StringArray, row: usize) -> &'a str {
        view.value(row)
    }
}

impl Out for String {
    fn collect(
        n: usize,
        mut f: impl FnMut(usize) -> Result<Option<Self>, Fault>,
    ) -> Result<ArrayRef, Fault> {
        let mut builder = StringBuilder::with_capacity(n, 0);
        let mut n_bytes = 0_usize;
        for row in 0..n {
            let value = f(row)?;
            n_bytes += value.as_ref().map_or(0, String::len);
            if i32::try_from(n_bytes).is_err() {
                // The builder would panic: a text column addresses its bytes with 32 bits.
                return Err(Fault { row, message: TOO_MUCH_TEXT.to_string() });
            }
            builder.append_option(value);
        }
        Ok(Arc::new(builder.finish()))
    }
}

/// Which rows have a value; nothing is kept until one has none.
#[derive(Default)]
struct Valid(Vec<bool>);

impl Valid {
    fn push(&mut self, row: usize, is_valid: bool) {
        if self.0.is_empty() {
            if is_valid {
                return;
            }
            self.0.resize(row, true);
        }
        self.0.push(is_valid);
    }

    fn nulls(self) -> Option<NullBuffer> {
        (!self.0.is_empty()).then(|| NullBuffer::from(self.0))
    }
}

/// A typed column that knows whether one value stands for every row.
struct Reader<'a, S: Sql> {
    view: S::View<'a>,
    nulls: Option<NullBuffer>,
    is_constant: bool,
}

impl<'a, S: Sql> Reader<'a, S> {
    fn new(col: &'a Col) -> Reader<'a, S> {
        Reader {
            view: S::view(&col.array),
            nulls: col.array.logical_nulls(),
            is_constant: col.is_constant,
        }
    }

    fn get(&self, row: usize) -> Option<S::Item<'a>> {
        let row = if self.is_constant { 0 } else { row };
        let is_null = self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
        (!is_null).then(|| S::at(&self.view, row))
    }
}

fn in_row<O>(row: usize, value: Result<Option<O>, String>) -> Result<Option<O>, Fault> {
    value.map_err(|message| Fault { row, message })
}

/// Computes `f` of one argument in each row; null gives null.
pub fn try1<A: Sql, O: Out>(
    args: &[Operand<'_>],
    n: usize,
    f: impl for<'a> Fn(A::Item<'a>) -> Result<Option<O>, String>,
) -> Evaluated {
    let [a] = args else { return arity() };
    let a = Reader::<A>::new(a);
    O::collect(n, |row| a.get(row).map_or(Ok(None), |a| in_row(row, f(a))))
}

/// Computes `f` of two arguments in each row; a null among them gives null.
pub fn try2<A: Sql, B: Sql, O: Out>(
    args: &[Operand<'_>],
    n: usize,
    f: impl for<'a, 'b> Fn(A::Item<'a>, B::Item<'b>) -> Result<Option<O>, String>,
) -> Evaluated {
    let [a, b] = args else { return arity() };
    let (a, b) = (Reader::<A>::new(a), Reader::<B>::new(b));
    O::collect(n, |row| match (a.get(row), b.get(row)) {
        (Some(a), Some(b)) => in_row(row, f(a, b)),
        _ => Ok(None),
    })
}

/// Computes `f` of three arguments in each row; a null among them gives null.
pub fn try3<A: Sql, B: Sql, C: Sql, O: Out>(
    args: &[Operand<'_>],
    n: usize,
    f: impl for<'a, 'b, 'c> Fn(A::Item<'a>, B::Item<'b>, C::Item<'c>) -> Result<Option<O>, String>,
) -> Evaluated {
    let [a, b, c] = args else { return arity() };
    let (a, b, c) = (Reader::<A>::new(a), Reader::<B>::new(b), Reader::<C>::new(c));
    O::collect(n, |row| match (a.get(row), b.get(row), c.get(row)) {
        (Some(a), Some(b), Some(c)) => in_row(row, f(a, b, c)),
        _ => Ok(None),
    })
}

/// Computes an infallible `f` of one argument in each row; null gives null.
pub fn map1<A: Sql, O: Out>(
    args: &[Operand<'_>],
    n: usize,
    f: impl for<'a> Fn(A::Item<'a>) -> O,
) -> Evaluated {
    try1::<A, O>(args, n, |a| Ok(Some(f(a))))
}

/// Computes an infallible `f` of two arguments in each row; a null among them gives null.
pub fn map2<A: Sql, B: Sql, O: Out>(
    args: &[Operand<'_>],
    n: usize,
    f: impl for<'a, 'b> Fn(A::Item<'a>, B::Item<'b>) -> O,
) -> Evaluated {
    try2::<A, B, O>(args, n, |a, b| Ok(Some(f(a, b))))
}

/// Computes an infallible `f` of three arguments in each row; a null among them gives null.
pub fn map3<A: Sql, B: Sql, C: Sql, O: Out>(
    args: &[Operand<'_>],
    n: usize,
    f: impl for<'a, 'b, 'c> Fn(A::Item<'a>, B::Item<'b>, C::Item<'c>) -> O,
) -> Evaluated {
    try3::<A, B, C, O>(args, n, |a, b, c| Ok(Some(f(a, b, c))))
}

/// Computes `f` of any number of arguments of one type in each row; `f` sees the nulls.
pub fn map_all<A: Sql, O: Out>(
    args: &[Operand<'_>],
    n: usize,
    f: impl for<'a> Fn(&mut dyn Iterator<Item = Option<A::Item<'a>>>) -> Option<O>,
) -> Evaluated {
    try_all::<A, O>(args, n, |values| Ok(f(values)))
}

/// Computes a fallible `f` of any number of arguments of one type in each row; `f` sees the nulls.
pub fn try_all<A: Sql, O: Out>(
    args: &[Operand<'_>],
    n: usize,
    f: impl for<'a> Fn(&mut dyn Iterator<Item = Option<A::Item<'a>>>) -> Result<Option<O>, String>,
) -> Evaluated {
    let readers: Vec<_> = args.iter().map(|arg| Reader::<A>::new(arg)).collect();
    O::collect(n, |row| in_row(row, f(&mut readers.iter().map(|reader| reader.get(row)))))
}

/// Makes a column of one value of type `ty` that is null.
pub fn null_of(ty: Ty) -> Col {
    Col::constant(arrow::array::new_null_array(&ty.arrow(), 1))
}

/// The binder counts arguments, so this is a mistake of ours, told rather than panicked.
fn arity() -> Evaluated {
    Err(Fault { row: 0, message: "wrong number of arguments".to_string() })
}
