//! Parts of dates and timestamps, distances, and moving them.
//! It does not know the calendar itself, nor today.

use arrow::datatypes::IntervalMonthDayNano;

use crate::frame::expr::{
    calendar::{self, DAY, Unit, civil},
    column::{Day, Int, Interval, Micros, Text, Timestamp, map1, try1, try2, try3},
    functions::{Function, Overload, takes},
    read_form,
    types::Ty,
};

const TIME: &[Ty] = &[Ty::Timestamp];

macro_rules! part {
    ([$($name:literal),+], $f:expr) => {
        Function {
            names: &[$($name),+],
            overloads: &[takes(TIME, Ty::Int, |a, n| map1::<Timestamp, i64>(a, n, $f))],
        }
    };
}

macro_rules! interval {
    ($name:literal, $unit:literal) => {
        Function {
            names: &[$name],
            overloads: &[takes(&[Ty::Int], Ty::Interval, |a, n| {
                try1::<Int, IntervalMonthDayNano>(a, n, |count| {
                    let interval = read_form::interval_of($unit, count);
                    interval.map(Some).ok_or("the interval is out of range".to_string())
                })
            })],
        }
    };
}

/// The functions of this family. Dates arrive as timestamps at midnight.
pub static FUNCTIONS: &[Function] = &[
    part!(["year"], |t| date(t).0),
    part!(["month"], |t| date(t).1),
    part!(["day", "dayofmonth"], |t| date(t).2),
    part!(["quarter"], |t| (date(t).1 - 1) / 3 + 1),
    part!(["decade"], |t| date(t).0 / 10),
    part!(["century"], |t| (date(t).0 - 1).div_euclid(100) + 1),
    part!(["millennium"], |t| (date(t).0 - 1).div_euclid(1000) + 1),
    part!(["dayofweek", "weekday", "dow"], |t| calendar::weekday(t.div_euclid(DAY))),
    part!(["isodow"], |t| (calendar::weekday(t.div_euclid(DAY)) + 6) % 7 + 1),
    part!(["dayofyear", "doy"], |t| { t.div_euclid(DAY) - calendar::days(date(t).0, 1, 1) + 1 }),
    part!(["week", "weekofyear"], |t| calendar::iso_week(t.div_euclid(DAY)).1),
    part!(["isoyear"], |t| calendar::iso_week(t.div_euclid(DAY)).0),
    part!(["yearweek"], |t| {
        let (year, week) = calendar::iso_week(t.div_euclid(DAY));
        year * 100 + week
    }),
    part!(["hour"], |t| t.rem_euclid(DAY) / 3_600_000_000),
    part!(["minute"], |t| t.rem_euclid(DAY) / 60_000_000 % 60),
    part!(["second"], |t| t.rem_euclid(60_000_000) / 1_000_000),
    part!(["millisecond"], |t| t.rem_euclid(60_000_000) / 1000),
    part!(["microsecond"], |t| t.rem_euclid(60_000_000)),
    part!(["epoch_ms"], |t| t / 1000),
    part!(["epoch_us"], |t| t),
    Function {
        names: &["epoch"],
        overloads: &[
            takes(TIME, Ty::Float, |a, n| map1::<Timestamp, _>(a, n, |t| t as f64 / 1e6)),
            takes(&[Ty::Interval], Ty::Float, |a, n| map1::<Interval, _>(a, n, seconds)),
        ],
    },
    Function { names: &["date_diff", "datediff"], overloads: DIFF },
    Function { names: &["date_sub", "datesub"], overloads: SUB },
    Function {
        names: &["date_trunc", "datetrunc"],
        overloads: &[takes(&[Ty::Text, Ty::Timestamp], Ty::Timestamp, |a, n| {
            try2::<Text, Timestamp, _>(a, n, |u, t| Ok(Some(Micros(unit(u)?.truncate(t)))))
        })],
    },
    Function {
        names: &["last_day"],
        overloads: &[takes(TIME, Ty::Date, |a, n| {
            try1::<Timestamp, _>(a, n, |t| {
                let (year, month, _) = date(t);
                day(year, month, calendar::month_length(year, month))
            })
        })],
    },
    Function {
        names: &["make_date"],
        overloads: &[takes(&[Ty::Int, Ty::Int, Ty::Int], Ty::Date, |a, n| {
            try3::<Int, Int, Int, _>(a, n, day)
        })],
    },
    interval!("to_millennia", "millennium"),
    interval!("to_centuries", "century"),
    interval!("to_decades", "decade"),
    interval!("to_years", "year"),
    interval!("to_quarters", "quarter"),
    interval!("to_months", "month"),
    interval!("to_weeks", "week"),
    interval!("to_days", "day"),
    interval!("to_hours", "hour"),
    interval!("to_minutes", "minute"),
    interval!("to_seconds", "second"),
    interval!("to_milliseconds", "millisecond"),
    interval!("to_microseconds", "microsecond"),
];

const DIFF: &[Overload] = &[takes(&[Ty::Text, Ty::Timestamp, Ty::Timestamp], Ty::Int, |a, n| {
    try3::<Text, Timestamp, Timestamp, _>(a, n, |u, from, to| distance(unit(u)?.diff(from, to)))
})];

const SUB: &[Overload] = &[takes(&[Ty::Text, Ty::Timestamp, Ty::Timestamp], Ty::Int, |a, n| {
    try3::<Text, Timestamp, Timestamp, _>(a, n, |u, from, to| distance(unit(u)?.whole(from, to)))
})];

/// Returns the function that computes a part by the name that `date_part` and `extract` give it.
pub fn part_function(part: &str) -> Option<&'static str> {
    Some(match part.to_lowercase().as_str() {
        "epoch" => "epoch",
        "dow" | "dayofweek" | "weekday" => "dayofweek",
        "isodow" => "isodow",
        "doy" | "dayofyear" => "dayofyear",
        "yearweek" => "yearweek",
        other => match Unit::parse(other)? {
            Unit::Millennium => "millennium",
            Unit::Century => "century",
            Unit::Decade => "decade",
            Unit::Year => "year",
            Unit::IsoYear => "isoyear",
            Unit::Quarter => "quarter",
            Unit::Month => "month",
            Unit::Week => "week",
            Unit::Day => "day",
            Unit::Hour => "hour",
            Unit::Minute => "minute",
            Unit::Second => "second",
            Unit::Millisecond => "millisecond",
            Unit::Microsecond => "microsecond",
        },
    })
}

/// The parts' names, for suggestions.
pub const PARTS: &[&str] = &["epoch", "dow", "isodow", "doy", "yearweek"];

fn distance(units: Option<i64>) -> Result<Option<i64>, String> {
    units.map(Some).ok_or_else(|| "the result is out of range".to_string())
}

fn unit(name: &str) -> Result<Unit, String> {
    Unit::parse(name).ok_or_else(|| format!("there is no unit of time '{name}'"))
}

fn date(micros: i64) -> (i64, i64, i64) {
    civil(micros.div_euclid(DAY))
}

fn day(year: i64, month: i64, day: i64) -> Result<Option<Day>, String> {
    let known = calendar::checked_days(year, month, day).map(|d| Some(Day(d)));
    known.ok_or_else(|| format!("there is no date {year}-{month}-{day}"))
}

/// A month counts as 30 days and a year as 365.25 of them, as in DuckDB.
fn seconds(i: IntervalMonthDayNano) -> f64 {
    let (years, months) = (f64::from(i.months / 12), f64::from(i.months % 12));
    let days = years * 365.25 + months * 30.0 + f64::from(i.days);
    days * 86_400.0 + (i.nanoseconds / 1000) as f64 / 1e6
}
