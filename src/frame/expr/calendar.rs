//! Days and microseconds of the proleptic Gregorian calendar, their parts, and distances between them.
//! It does not know time zones, locales or today.

use arrow::datatypes::IntervalMonthDayNano;

/// Microseconds in a day.
pub const DAY: i64 = 86_400_000_000;

/// Returns year, month and day of a number of days since 1970-01-01.
///
/// Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`: years start in March, so
/// that the leap day comes last.
pub fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Returns the days since 1970-01-01 of a date, which must exist.
pub fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year - 719_468
}

/// Returns the number of days in a month.
pub fn month_length(year: i64, month: i64) -> i64 {
    let (next_year, next) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    days(next_year, next, 1) - days(year, month, 1)
}

/// Returns the days since 1970-01-01 of a date; `None` if there is no such date.
pub fn checked_days(year: i64, month: i64, day: i64) -> Option<i32> {
    let exists = (-5_000_000..=5_000_000).contains(&year)
        && (1..=12).contains(&month)
        && (1..=month_length(year, month)).contains(&day);
    exists.then(|| days(year, month, day)).and_then(|d| i32::try_from(d).ok())
}

/// Returns the day of the week: 0 is Sunday, 6 is Saturday.
pub fn weekday(days: i64) -> i64 {
    (days + 4).rem_euclid(7)
}

/// Returns the ISO year and week.
pub fn iso_week(day: i64) -> (i64, i64) {
    let thursday = day - (day + 3).rem_euclid(7) + 3;
    let (year, _, _) = civil(thursday);
    (year, (thursday - days(year, 1, 1)) / 7 + 1)
}

/// Moves a day by whole months; a day that the month lacks becomes its last one.
pub fn add_months(day: i64, months: i64) -> i64 {
    let (year, month, day) = civil(day);
    let index = year * 12 + month - 1 + months;
    let (year, month) = (index.div_euclid(12), index.rem_euclid(12) + 1);
    days(year, month, day.min(month_length(year, month)))
}

/// Moves a timestamp by an interval; `None` if the result is out of range.
pub fn add_interval(micros: i64, by: IntervalMonthDayNano) -> Option<i64> {
    let day = add_months(micros.div_euclid(DAY), i64::from(by.months)) + i64::from(by.days);
    let of_day = micros.rem_euclid(DAY) + by.nanoseconds / 1000;
    day.checked_mul(DAY)?.checked_add(of_day)
}

/// A unit of time, as `date_diff`, `date_part` and `date_trunc` name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Unit {
    Millennium,
    Century,
    Decade,
    Year,
    IsoYear,
    Quarter,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
    Microsecond,
}

/// The units' usual names, for suggestions.
pub const UNITS: &[&str] = &[
    "millennium",
    "century",
    "decade",
    "year",
    "isoyear",
    "quarter",
    "month",
    "week",
    "day",
    "hour",
    "minute",
    "second",
    "millisecond",
    "microsecond",
];

impl Unit {
    /// Reads a unit's name, in any case, singular, plural or abbreviated.
    pub fn parse(name: &str) -> Option<Unit> {
        Some(match name.to_lowercase().as_str() {
            "millennium" | "millennia" | "mil" => Unit::Millennium,
            "century" | "centuries" | "c" => Unit::Century,
            "decade" | "decades" | "dec" | "decs" => Unit::Decade,
            "year" | "years" | "yr" | "yrs" | "y" => Unit::Year,
            "isoyear" => Unit::IsoYear,
            "quarter" | "quarters" => Unit::Quarter,
            "month" | "months" | "mon" | "mons" => Unit::Month,
            "week" | "weeks" | "w" | "weekofyear" => Unit::Week,
            "day" | "days" | "d" | "dayofmonth" => Unit::Day,
            "hour" | "hours" | "hr" | "hrs" | "h" => Unit::Hour,
            "minute" | "minutes" | "min" | "mins" | "m" => Unit::Minute,
            "second" | "seconds" | "sec" | "secs" | "s" => Unit::Second,
            "millisecond" | "milliseconds" | "ms" | "msec" | "msecs" => Unit::Millisecond,
            "microsecond" | "microseconds" | "us" | "usec" | "usecs" => Unit::Microsecond,
            _ => return None,
        })
    }

    fn micros(self) -> Option<i64> {
        Some(match self {
            Unit::Hour => 3_600_000_000,
            Unit::Minute => 60_000_000,
            Unit::Second => 1_000_000,
            Unit::Millisecond => 1000,
            Unit::Microsecond => 1,
            _ => return None,
        })
    }

    fn years(self) -> Option<i64> {
        Some(match self {
            Unit::Millennium => 1000,
            Unit::Century => 100,
            Unit::Decade => 10,
            Unit::Year => 1,
            _ => return None,
        })
    }

    /// Returns how many boundaries of the unit lie between two timestamps; weeks are whole sevens of days.
    /// `None` if they are too many for 64 bits.
    pub fn diff(self, from: i64, to: i64) -> Option<i64> {
        if let Some(size) = self.micros() {
            return to.div_euclid(size).checked_sub(from.div_euclid(size));
        }
        let (from, to) = (from.div_euclid(DAY), to.div_euclid(DAY));
        Some(match self {
            Unit::Week => (to - from) / 7,
            Unit::Day => to - from,
            Unit::IsoYear => iso_week(to).0 - iso_week(from).0,
            _ => self.ordinal(to) - self.ordinal(from),
        })
    }

    /// Returns how many whole units lie between two timestamps; `None` if they are too many for 64 bits.
    pub fn whole(self, from: i64, to: i64) -> Option<i64> {
        let months = match self {
            Unit::Month => 1,
            Unit::Quarter => 3,
            Unit::IsoYear => 12,
            _ => 12 * self.years().unwrap_or(0),
        };
        let size = match (months, self.micros()) {
            (0, Some(size)) => size,
            (0, None) if self == Unit::Week => 7 * DAY,
            (0, None) => DAY,
            (months, _) => return Some(whole_months(from, to) / months),
        };
        to.checked_sub(from).map(|distance| distance / size)
    }

    /// Returns the timestamp of the unit's start.
    pub fn truncate(self, micros: i64) -> i64 {
        if let Some(size) = self.micros() {
            return micros.div_euclid(size).saturating_mul(size);
        }
        let day = micros.div_euclid(DAY);
        let (year, month, _) = civil(day);
        let start = match self {
            Unit::Day => day,
            Unit::Week => monday(day),
            Unit::Month => days(year, month, 1),
            Unit::Quarter => days(year, (month - 1) / 3 * 3 + 1, 1),
            // The ISO year starts with the week that holds 4 January.
            Unit::IsoYear => monday(days(iso_week(day).0, 1, 4)),
            _ => {
                let size = self.years().unwrap_or(1);
                days(year.div_euclid(size) * size, 1, 1)
            }
        };
        start.saturating_mul(DAY)
    }

    fn ordinal(self, day: i64) -> i64 {
        let (year, month, _) = civil(day);
        match self {
            Unit::Month => year * 12 + month,
            Unit::Quarter => (year * 12 + month - 1).div_euclid(3),
            _ => year.div_euclid(self.years().unwrap_or(1)),
        }
    }
}

fn monday(day: i64) -> i64 {
    day - (day + 3).rem_euclid(7)
}

fn whole_months(from: i64, to: i64) -> i64 {
    if from > to {
        return -whole_months(to, from);
    }
    let (from_day, to_day) = (from.div_euclid(DAY), to.div_euclid(DAY));
    let ((from_year, from_month, _), (to_year, to_month, _)) = (civil(from_day), civil(to_day));
    let months = (to_year - from_year) * 12 + to_month - from_month;
    // Moving forward by that many months may overshoot: the last month is not whole then. The last day
    // of a short month counts as any day that it lacks.
    let moved = (add_months(from_day, months), from.rem_euclid(DAY));
    months - i64::from(moved > (to_day, to.rem_euclid(DAY)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_a_cycle_goes_there_and_back() {
        for day in -200_000..200_000 {
            let (year, month, dom) = civil(day);
            assert_eq!(days(year, month, dom), day);
        }
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!(weekday(19_782), 4);
        assert_eq!(iso_week(days(2024, 12, 30)), (2025, 1));
        assert_eq!(checked_days(2023, 2, 29), None);
    }
}
