//! Arithmetic and elementary functions. Everything transcendental is libm's, so that results have the same
//! bits on every machine. It does not know columns: closures see one row's values.

use arrow::datatypes::IntervalMonthDayNano;

use crate::frame::expr::{
    calendar::{DAY, add_interval},
    column::{Date, Day, Float, Int, Interval, Micros, Timestamp, map1, map2, try1, try2},
    functions::{Function, Overload, takes},
    read_form::add,
    types::Ty,
};

const FLOAT: &[Ty] = &[Ty::Float];
const FLOATS: &[Ty] = &[Ty::Float, Ty::Float];
const INTS: &[Ty] = &[Ty::Int, Ty::Int];

macro_rules! float {
    ([$($name:literal),+], $f:expr) => {
        Function {
            names: &[$($name),+],
            overloads: &[takes(FLOAT, Ty::Float, |a, n| map1::<Float, f64>(a, n, $f))],
        }
    };
}

macro_rules! test {
    ([$($name:literal),+], $f:expr) => {
        Function {
            names: &[$($name),+],
            overloads: &[takes(FLOAT, Ty::Bool, |a, n| map1::<Float, bool>(a, n, $f))],
        }
    };
}

/// The functions of this family.
pub static FUNCTIONS: &[Function] = &[
    Function { names: &["+"], overloads: PLUS },
    Function { names: &["-"], overloads: MINUS },
    Function { names: &["*", "multiply"], overloads: TIMES },
    Function {
        names: &["/", "divide"],
        overloads: &[takes(FLOATS, Ty::Float, |a, n| map2::<Float, Float, _>(a, n, |x, y| x / y))],
    },
    Function {
        names: &["//"],
        overloads: &[takes(INTS, Ty::Int, |a, n| {
            try2::<Int, Int, _>(a, n, |x, y| by_zero(y, x.checked_div(y)))
        })],
    },
    Function { names: &["%", "mod", "fmod"], overloads: MOD },
    Function {
        names: &["negate"],
        overloads: &[
            takes(&[Ty::Int], Ty::Int, |a, n| try1::<Int, _>(a, n, |x| fits(x.checked_neg()))),
            takes(FLOAT, Ty::Float, |a, n| map1::<Float, _>(a, n, |x| -x)),
            takes(&[Ty::Interval], Ty::Interval, |a, n| {
                try1::<Interval, _>(a, n, |i| fits(negated(i)))
            }),
        ],
    },
    Function {
        names: &["abs"],
        overloads: &[
            takes(&[Ty::Int], Ty::Int, |a, n| try1::<Int, _>(a, n, |x| fits(x.checked_abs()))),
            takes(FLOAT, Ty::Float, |a, n| map1::<Float, _>(a, n, f64::abs)),
        ],
    },
    Function {
        names: &["sign"],
        overloads: &[
            takes(&[Ty::Int], Ty::Int, |a, n| map1::<Int, _>(a, n, i64::signum)),
            takes(FLOAT, Ty::Int, |a, n| {
                map1::<Float, _>(a, n, |x| i64::from(x > 0.0) - i64::from(x < 0.0))
            }),
        ],
    },
    Function { names: &["round"], overloads: ROUND },
    Function { names: &["trunc"], overloads: TRUNC },
    float!(["floor"], f64::floor),
    float!(["ceil", "ceiling"], f64::ceil),
    float!(["sqrt"], f64::sqrt),
    float!(["cbrt"], libm::cbrt),
    float!(["exp"], libm::exp),
    float!(["ln"], libm::log),
    float!(["log10"], libm::log10),
    float!(["log2"], libm::log2),
    Function {
        names: &["log"],
        overloads: &[
            takes(FLOAT, Ty::Float, |a, n| map1::<Float, _>(a, n, libm::log10)),
            takes(FLOATS, Ty::Float, |a, n| {
                map2::<Float, Float, _>(a, n, |base, x| libm::log(x) / libm::log(base))
            }),
        ],
    },
    Function {
        names: &["pow", "power"],
        overloads: &[takes(FLOATS, Ty::Float, |a, n| map2::<Float, Float, _>(a, n, libm::pow))],
    },
    float!(["sin"], libm::sin),
    float!(["cos"], libm::cos),
    float!(["tan"], libm::tan),
    float!(["asin"], libm::asin),
    float!(["acos"], libm::acos),
    float!(["atan"], libm::atan),
    Function {
        names: &["atan2"],
        overloads: &[takes(FLOATS, Ty::Float, |a, n| map2::<Float, Float, _>(a, n, libm::atan2))],
    },
    float!(["degrees"], f64::to_degrees),
    float!(["radians"], f64::to_radians),
    Function {
        names: &["pi"],
        overloads: &[takes(&[], Ty::Float, |_, n| {
            Ok(std::sync::Arc::new(arrow::array::Float64Array::from(vec![std::f64::consts::PI; n])))
        })],
    },
    test!(["isnan"], f64::is_nan),
    test!(["isinf"], f64::is_infinite),
    test!(["isfinite"], f64::is_finite),
];

const PLUS: &[Overload] = &[
    takes(INTS, Ty::Int, |a, n| try2::<Int, Int, _>(a, n, |x, y| fits(x.checked_add(y)))),
    takes(FLOATS, Ty::Float, |a, n| map2::<Float, Float, _>(a, n, |x, y| x + y)),
    takes(&[Ty::Date, Ty::Int], Ty::Date, |a, n| try2::<Date, Int, _>(a, n, move_day)),
    takes(&[Ty::Int, Ty::Date], Ty::Date, |a, n| {
        try2::<Int, Date, _>(a, n, |days, date| move_day(date, days))
    }),
    takes(&[Ty::Timestamp, Ty::Interval], Ty::Timestamp, |a, n| {
        try2::<Timestamp, Interval, _>(a, n, move_time)
    }),
    takes(&[Ty::Interval, Ty::Timestamp], Ty::Timestamp, |a, n| {
        try2::<Interval, Timestamp, _>(a, n, |by, t| move_time(t, by))
    }),
    takes(&[Ty::Interval, Ty::Interval], Ty::Interval, |a, n| {
        try2::<Interval, Interval, _>(a, n, |x, y| fits(add(x, y)))
    }),
];

const MINUS: &[Overload] = &[
    takes(INTS, Ty::Int, |a, n| try2::<Int, Int, _>(a, n, |x, y| fits(x.checked_sub(y)))),
    takes(FLOATS, Ty::Float, |a, n| map2::<Float, Float, _>(a, n, |x, y| x - y)),
    takes(&[Ty::Date, Ty::Date], Ty::Int, |a, n| {
        map2::<Date, Date, _>(a, n, |x, y| i64::from(x) - i64::from(y))
    }),
    takes(&[Ty::Date, Ty::Int], Ty::Date, |a, n| {
        try2::<Date, Int, _>(a, n, |date, days| move_day(date, days.saturating_neg()))
    }),
    takes(&[Ty::Timestamp, Ty::Timestamp], Ty::Interval, |a, n| {
        try2::<Timestamp, Timestamp, _>(a, n, |x, y| fits(between(x, y)))
    }),
    takes(&[Ty::Timestamp, Ty::Interval], Ty::Timestamp, |a, n| {
        try2::<Timestamp, Interval, _>(a, n, |t, by| match negated(by) {
            Some(by) => move_time(t, by),
            None => fits(None),
        })
    }),
    takes(&[Ty::Interval, Ty::Interval], Ty::Interval, |a, n| {
        try2::<Interval, Interval, _>(a, n, |x, y| fits(negated(y).and_then(|y| add(x, y))))
    }),
];

const TIMES: &[Overload] = &[
    takes(INTS, Ty::Int, |a, n| try2::<Int, Int, _>(a, n, |x, y| fits(x.checked_mul(y)))),
    takes(FLOATS, Ty::Float, |a, n| map2::<Float, Float, _>(a, n, |x, y| x * y)),
];

const MOD: &[Overload] = &[
    takes(INTS, Ty::Int, |a, n| {
        // The remainder by -1 is 0 even where the quotient does not fit.
        try2::<Int, Int, _>(a, n, |x, y| by_zero(y, (y != 0).then(|| x.wrapping_rem(y))))
    }),
    takes(FLOATS, Ty::Float, |a, n| map2::<Float, Float, _>(a, n, |x, y| x % y)),
];

const ROUND: &[Overload] = &[
    takes(&[Ty::Int], Ty::Int, |a, n| map1::<Int, _>(a, n, |x| x)),
    takes(FLOAT, Ty::Float, |a, n| map1::<Float, _>(a, n, f64::round)),
    takes(INTS, Ty::Int, |a, n| try2::<Int, Int, _>(a, n, |x, d| fits(round_int(x, d)))),
    takes(&[Ty::Float, Ty::Int], Ty::Float, |a, n| map2::<Float, Int, _>(a, n, round_to)),
];

const TRUNC: &[Overload] = &[
    takes(&[Ty::Int], Ty::Int, |a, n| map1::<Int, _>(a, n, |x| x)),
    takes(FLOAT, Ty::Float, |a, n| map1::<Float, _>(a, n, f64::trunc)),
    takes(&[Ty::Float, Ty::Int], Ty::Float, |a, n| {
        map2::<Float, Int, _>(a, n, |x, digits| scaled(x, digits, f64::trunc))
    }),
];

/// Rounds half away from zero to so many digits after the point (before it, if negative).
pub fn round_to(x: f64, digits: i64) -> f64 {
    scaled(x, digits, f64::round)
}

/// DuckDB's way: scale, round, scale back; where scaling overflows, `x` has no digits to lose.
fn scaled(x: f64, digits: i64, round: fn(f64) -> f64) -> f64 {
    if !x.is_finite() {
        return x;
    }
    let power = libm::pow(10.0, digits.unsigned_abs() as f64);
    if digits < 0 {
        let rounded = round(x / power) * power;
        return if rounded.is_finite() { rounded } else { 0.0 };
    }
    let rounded = round(x * power) / power;
    if rounded.is_finite() { rounded } else { x }
}

fn round_int(x: i64, digits: i64) -> Option<i64> {
    if digits >= 0 {
        return Some(x);
    }
    let Some(power) =
        u32::try_from(digits.unsigned_abs()).ok().and_then(|d| 10_i128.checked_pow(d))
    else {
        return Some(0);
    };
    let (x, half) = (i128::from(x), power / 2);
    let rounded = if x < 0 { (x - half) / power } else { (x + half) / power };
    i64::try_from(rounded * power).ok()
}

fn fits<T>(value: Option<T>) -> Result<Option<T>, String> {
    match value {
        Some(value) => Ok(Some(value)),
        None => Err("the result is out of range".to_string()),
    }
}

fn by_zero(divisor: i64, value: Option<i64>) -> Result<Option<i64>, String> {
    if divisor == 0 {
        return Err("division of an integer by zero".to_string());
    }
    fits(value)
}

fn move_day(date: i32, days: i64) -> Result<Option<Day>, String> {
    let moved = i64::from(date).checked_add(days).and_then(|d| i32::try_from(d).ok());
    fits(moved.map(Day))
}

fn move_time(micros: i64, by: IntervalMonthDayNano) -> Result<Option<Micros>, String> {
    fits(add_interval(micros, by).map(Micros))
}

fn negated(i: IntervalMonthDayNano) -> Option<IntervalMonthDayNano> {
    Some(IntervalMonthDayNano::new(
        i.months.checked_neg()?,
        i.days.checked_neg()?,
        i.nanoseconds.checked_neg()?,
    ))
}

/// The distance of two timestamps in days and a rest, without months, whose length varies.
fn between(x: i64, y: i64) -> Option<IntervalMonthDayNano> {
    let micros = x.checked_sub(y)?;
    Some(IntervalMonthDayNano::new(0, i32::try_from(micros / DAY).ok()?, micros % DAY * 1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_half_away_from_zero() {
        assert_eq!(round_to(2.5, 0), 3.0);
        assert_eq!(round_to(-1234.5, -2), -1200.0);
        assert_eq!(round_to(1e300, 300), 1e300);
        assert_eq!(round_int(1250, -2), Some(1300));
        assert_eq!(round_int(-15, -1), Some(-20));
        assert_eq!(round_int(i64::MAX, -1), None);
        assert_eq!(round_int(i64::MAX, -30), Some(0));
    }
}
