//! Comparisons: floats as SQL orders them (NaN equals itself and is the greatest, -0 equals 0).
//! It does not know three-valued logic: null in gives null out, except in `distinct` and `extreme`.

use std::{borrow::Cow, cmp::Ordering, collections::HashSet};

use arrow::datatypes::IntervalMonthDayNano;

use crate::frame::expr::{
    ast::Cmp,
    calendar::DAY,
    column::{
        Bool, Col, Date, Day, Evaluated, Float, Int, Interval, Micros, Operand, Sql, Text,
        Timestamp, map_all, map2, try1,
    },
    types::Ty,
};

/// Compares two columns of type `ty`.
pub fn compare(cmp: Cmp, ty: Ty, args: &[Operand<'_>], n: usize) -> Evaluated {
    match ty {
        Ty::Bool => map2::<Bool, Bool, _>(args, n, |x, y| holds(cmp, x.cmp(&y))),
        Ty::Int => map2::<Int, Int, _>(args, n, |x, y| holds(cmp, x.cmp(&y))),
        Ty::Float => map2::<Float, Float, _>(args, n, |x, y| holds(cmp, floats(x, y))),
        Ty::Text => map2::<Text, Text, _>(args, n, |x, y| holds(cmp, x.cmp(y))),
        Ty::Date => map2::<Date, Date, _>(args, n, |x, y| holds(cmp, x.cmp(&y))),
        Ty::Timestamp => map2::<Timestamp, Timestamp, _>(args, n, |x, y| holds(cmp, x.cmp(&y))),
        Ty::Interval => {
            map2::<Interval, Interval, _>(args, n, |x, y| holds(cmp, length(x).cmp(&length(y))))
        }
        Ty::Null => Ok(arrow::array::new_null_array(&Ty::Bool.arrow(), n)),
    }
}

/// `IS DISTINCT FROM`: null is a value like any other.
pub fn distinct(ty: Ty, args: &[Operand<'_>], n: usize) -> Evaluated {
    match ty {
        Ty::Bool => differ::<Bool>(args, n, |x, y| x.cmp(&y)),
        Ty::Int => differ::<Int>(args, n, |x, y| x.cmp(&y)),
        Ty::Float => differ::<Float>(args, n, floats),
        Ty::Text => differ::<Text>(args, n, |x, y| x.cmp(y)),
        Ty::Date => differ::<Date>(args, n, |x, y| x.cmp(&y)),
        Ty::Timestamp => differ::<Timestamp>(args, n, |x, y| x.cmp(&y)),
        Ty::Interval => differ::<Interval>(args, n, |x, y| length(x).cmp(&length(y))),
        Ty::Null => differ::<Int>(args, n, |x, y| x.cmp(&y)),
    }
}

/// The greatest of several columns if `wanted` is `Greater`, the least if it is `Less`; nulls are left out.
pub fn extreme(wanted: Ordering, ty: Ty, args: &[Operand<'_>], n: usize) -> Evaluated {
    match ty {
        Ty::Bool => map_all::<Bool, bool>(args, n, |v| best(v, wanted, |x, y| x.cmp(y))),
        Ty::Int | Ty::Null => map_all::<Int, i64>(args, n, |v| best(v, wanted, |x, y| x.cmp(y))),
        Ty::Float => map_all::<Float, f64>(args, n, |v| best(v, wanted, |x, y| floats(*x, *y))),
        Ty::Text => {
            map_all::<Text, String>(args, n, |v| best(v, wanted, |x, y| x.cmp(y)).map(String::from))
        }
        Ty::Date => map_all::<Date, Day>(args, n, |v| best(v, wanted, |x, y| x.cmp(y)).map(Day)),
        Ty::Timestamp => {
            map_all::<Timestamp, Micros>(args, n, |v| best(v, wanted, |x, y| x.cmp(y)).map(Micros))
        }
        Ty::Interval => map_all::<Interval, IntervalMonthDayNano>(args, n, |v| {
            best(v, wanted, |x, y| length(*x).cmp(&length(*y)))
        }),
    }
}

/// `value IN (constants)`: one look-up a row, however many constants there are.
pub fn among(ty: Ty, value: &Col, constants: &[Col], n: usize) -> Evaluated {
    let has_null = constants.iter().any(|c| c.array.is_null(0));
    let known = constants.iter().filter(|c| !c.array.is_null(0));
    let answer = |found: bool| Ok((found || !has_null).then_some(found));
    let value = &[Cow::Borrowed(value)];
    macro_rules! look_up {
        ($sql:ident, $key:expr) => {{
            let keys: HashSet<_> =
                known.map(|c| $key($sql::at(&$sql::view(&c.array), 0))).collect();
            try1::<$sql, bool>(value, n, |v| answer(keys.contains(&$key(v))))
        }};
    }
    match ty {
        Ty::Bool => look_up!(Bool, |v: bool| v),
        Ty::Int => look_up!(Int, |v: i64| v),
        Ty::Float => look_up!(Float, float_key),
        Ty::Date => look_up!(Date, |v: i32| v),
        Ty::Timestamp => look_up!(Timestamp, |v: i64| v),
        Ty::Interval => look_up!(Interval, length),
        Ty::Text => {
            let keys: HashSet<&str> = known.map(|c| Text::at(&Text::view(&c.array), 0)).collect();
            try1::<Text, bool>(value, n, |v| answer(keys.contains(v)))
        }
        Ty::Null => Ok(arrow::array::new_null_array(&Ty::Bool.arrow(), n)),
    }
}

/// Orders floats as SQL does.
pub fn floats(x: f64, y: f64) -> Ordering {
    x.partial_cmp(&y).unwrap_or_else(|| x.is_nan().cmp(&y.is_nan()))
}

/// Equal for equal floats, in the sense of [`floats`].
fn float_key(x: f64) -> u64 {
    if x.is_nan() { f64::NAN.to_bits() } else { (x + 0.0).to_bits() }
}

/// Intervals are compared by their length, a month being 30 days.
fn length(i: IntervalMonthDayNano) -> i128 {
    let days = i128::from(i.months) * 30 + i128::from(i.days);
    days * i128::from(DAY) * 1000 + i128::from(i.nanoseconds)
}

fn holds(cmp: Cmp, order: Ordering) -> bool {
    match cmp {
        Cmp::Eq => order.is_eq(),
        Cmp::Ne => order.is_ne(),
        Cmp::Lt => order.is_lt(),
        Cmp::Le => order.is_le(),
        Cmp::Gt => order.is_gt(),
        Cmp::Ge => order.is_ge(),
    }
}

fn differ<S: Sql>(
    args: &[Operand<'_>],
    n: usize,
    order: impl for<'a, 'b> Fn(S::Item<'a>, S::Item<'b>) -> Ordering,
) -> Evaluated {
    map_all::<S, bool>(args, n, |values| match (values.next().flatten(), values.next().flatten()) {
        (Some(x), Some(y)) => Some(order(x, y).is_ne()),
        (x, y) => Some(x.is_some() != y.is_some()),
    })
}

fn best<T>(
    values: &mut dyn Iterator<Item = Option<T>>,
    wanted: Ordering,
    order: impl Fn(&T, &T) -> Ordering,
) -> Option<T> {
    values.flatten().reduce(|best, v| if order(&v, &best) == wanted { v } else { best })
}
