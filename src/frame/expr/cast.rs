//! CAST and TRY_CAST between the types of expressions.
//! It does not know which casts happen without being asked.

use std::borrow::Cow;

use arrow::datatypes::IntervalMonthDayNano;

use crate::frame::expr::{
    calendar::DAY,
    column::{
        Bool, Col, Date, Day, Evaluated, Float, Int, Interval, Micros, Operand, Text, Timestamp,
        map1, try1,
    },
    functions::math,
    read_form, text_form,
    types::{Target, Ty},
};

/// Returns true if values of type `from` can be cast to `to` at all.
pub fn is_possible(from: Ty, to: Ty) -> bool {
    let plain = |ty| matches!(ty, Ty::Bool | Ty::Int | Ty::Float);
    match (from, to) {
        _ if from == to => true,
        (Ty::Null, _) | (Ty::Text, _) => true,
        (Ty::Interval, _) | (_, Ty::Interval) => false,
        (_, Ty::Text) => true,
        (Ty::Date | Ty::Timestamp, Ty::Date | Ty::Timestamp) => true,
        _ => plain(from) && plain(to),
    }
}

/// Casts a column of type `from`. A value that does not fit is a fault, or null with `is_try`.
///
/// # Errors
/// The first row whose value does not fit.
pub fn cast(col: &Col, from: Ty, target: Target, is_try: bool, n: usize) -> Evaluated {
    let args = &[Cow::Borrowed(col)];
    let keep = Keep { is_try, target };
    match (from, target.ty) {
        (Ty::Null, to) => Ok(arrow::array::new_null_array(&to.arrow(), n)),
        (Ty::Text, Ty::Bool) => try1::<Text, _>(args, n, |t| keep.read(t, read_form::boolean(t))),
        (Ty::Text, Ty::Int) => try1::<Text, _>(args, n, |t| {
            keep.read(t, read_form::integer(t).and_then(|i| keep.fits(i)))
        }),
        (Ty::Text, Ty::Float) => try1::<Text, _>(args, n, |t| {
            keep.read(t, read_form::float(t).and_then(|x| keep.scaled(x)))
        }),
        (Ty::Text, Ty::Date) => {
            try1::<Text, _>(args, n, |t| keep.read(t, read_form::date(t).map(Day)))
        }
        (Ty::Text, Ty::Timestamp) => {
            try1::<Text, _>(args, n, |t| keep.read(t, read_form::timestamp(t).map(Micros)))
        }
        (Ty::Text, Ty::Interval) => {
            try1::<Text, IntervalMonthDayNano>(args, n, |t| keep.read(t, read_form::interval(t)))
        }
        (Ty::Bool, Ty::Int) => map1::<Bool, _>(args, n, i64::from),
        (Ty::Bool, Ty::Float) => map1::<Bool, _>(args, n, |b| if b { 1.0 } else { 0.0 }),
        (Ty::Int, Ty::Bool) => map1::<Int, _>(args, n, |i| i != 0),
        (Ty::Float, Ty::Bool) => map1::<Float, _>(args, n, |x| x != 0.0),
        (Ty::Int, Ty::Int) => {
            try1::<Int, _>(args, n, |i| keep.value(|| i.to_string(), keep.fits(i)))
        }
        (Ty::Int, Ty::Float) => {
            try1::<Int, _>(args, n, |i| keep.value(|| i.to_string(), keep.scaled(i as f64)))
        }
        (Ty::Float, Ty::Float) => {
            try1::<Float, _>(args, n, |x| keep.value(|| text_form::float(x), keep.scaled(x)))
        }
        (Ty::Float, Ty::Int) => try1::<Float, _>(args, n, |x| {
            keep.value(|| text_form::float(x), nearest(x).and_then(|i| keep.fits(i)))
        }),
        (Ty::Date, Ty::Timestamp) => try1::<Date, _>(args, n, |d| {
            keep.value(|| text_form::date(d.into()), i64::from(d).checked_mul(DAY).map(Micros))
        }),
        (Ty::Timestamp, Ty::Date) => try1::<Timestamp, _>(args, n, |t| {
            let day = i32::try_from(t.div_euclid(DAY)).ok();
            keep.value(|| text_form::timestamp(t), day.map(Day))
        }),
        (_, Ty::Text) => to_text(args, from, n),
        _ => Ok(col.array.clone()),
    }
}

fn to_text(args: &[Operand<'_>], from: Ty, n: usize) -> Evaluated {
    match from {
        Ty::Bool => map1::<Bool, _>(args, n, |b| b.to_string()),
        Ty::Int => map1::<Int, _>(args, n, |i| i.to_string()),
        Ty::Float => map1::<Float, _>(args, n, text_form::float),
        Ty::Date => map1::<Date, _>(args, n, |d| text_form::date(d.into())),
        Ty::Timestamp => map1::<Timestamp, _>(args, n, text_form::timestamp),
        Ty::Interval => map1::<Interval, _>(args, n, |i| format!("{i:?}")),
        Ty::Text | Ty::Null => map1::<Text, _>(args, n, str::to_string),
    }
}

/// Rounds half to even, as DuckDB casts; `None` outside the 64-bit integers.
fn nearest(x: f64) -> Option<i64> {
    let rounded = x.round_ties_even();
    // 2^63 is a float, the largest integer below it is not.
    (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0)
        .contains(&rounded)
        .then_some(rounded as i64)
}

#[derive(Clone, Copy)]
struct Keep {
    is_try: bool,
    target: Target,
}

impl Keep {
    fn fits(&self, i: i64) -> Option<i64> {
        self.target.range.is_none_or(|(min, max)| (min..=max).contains(&i)).then_some(i)
    }

    /// Rounds to a DECIMAL's digits; it holds neither NaN nor infinity.
    fn scaled(&self, x: f64) -> Option<f64> {
        let Some(digits) = self.target.scale else { return Some(x) };
        let rounded = math::round_to(x, digits);
        let bound = self.target.range.map_or(f64::INFINITY, |(_, bound)| bound as f64);
        (rounded.abs() < bound).then_some(rounded)
    }

    fn read<O>(&self, text: &str, value: Option<O>) -> Result<Option<O>, String> {
        self.value(|| format!("'{text}'"), value)
    }

    /// Returns the value, or says what it was made `from`, which is put into words only then.
    fn value<O>(
        &self,
        from: impl FnOnce() -> String,
        value: Option<O>,
    ) -> Result<Option<O>, String> {
        if value.is_some() || self.is_try {
            return Ok(value);
        }
        let shown: String = from().chars().take(60).collect();
        Err(format!("cannot cast {shown} to {}", self.word()))
    }

    fn word(&self) -> &'static str {
        match self.target.range {
            Some(_) if self.target.ty == Ty::Float => "a decimal with so few digits",
            Some((_, max)) if max == i64::from(i32::MAX) => "a 32-bit integer",
            Some(_) => "an integer this narrow",
            None => self.target.ty.word(),
        }
    }
}
