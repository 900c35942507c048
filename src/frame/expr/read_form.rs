//! Text as numbers, truth values and times, read as DuckDB's CAST reads it.
//! It does not know where the text came from; `None` means that it is not such a value.

use arrow::datatypes::IntervalMonthDayNano;

use crate::frame::expr::calendar::{DAY, checked_days};

/// Reads a whole number; `12.5` is rounded half away from zero, `1e3`, `0x1F` and `1_000` will do.
pub fn integer(text: &str) -> Option<i64> {
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace());
    if let Ok(plain) = text.parse::<i64>() {
        return Some(plain);
    }
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return (!hex.starts_with(['+', '-'])).then(|| i64::from_str_radix(hex, 16).ok()).flatten();
    }
    if let Some(bits) = text.strip_prefix("0b").or_else(|| text.strip_prefix("0B")) {
        return (!bits.starts_with(['+', '-']))
            .then(|| i64::from_str_radix(bits, 2).ok())
            .flatten();
    }
    decimal(&without_underscores(text)?)
}

/// Reads digits with a point or an exponent exactly, without the detour through a float.
fn decimal(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1_i128, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (digits, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    if all.is_empty() || !all.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let first = all.iter().position(|d| *d != b'0').unwrap_or(all.len());
    if first == all.len() {
        return Some(0);
    }
    let start = i64::try_from(first).ok()?;
    let point = i64::try_from(whole.len()).ok()?.checked_add(exponent)?;
    if point.checked_sub(start)? > 19 {
        return None;
    }
    let digit = |i: i64| {
        let known = usize::try_from(i).ok().and_then(|i| all.get(i));
        i128::from(known.map_or(0, |d| d - b'0'))
    };
    let value = (start..point).fold(0_i128, |value, i| value * 10 + digit(i));
    let rounded = value + i128::from(point >= 0 && digit(point) >= 5);
    i64::try_from(sign * rounded).ok()
}

/// Reads a number; `nan`, `inf` and `infinity` in any case will do.
pub fn float(text: &str) -> Option<f64> {
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace());
    without_underscores(text)?.parse().ok()
}

/// Underscores separate digits and stand nowhere else.
fn without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let is_digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
    for (i, _) in text.match_indices('_') {
        if i == 0 || !is_digit(i - 1) || !is_digit(i + 1) {
            return None;
        }
    }
    Some(text.replace('_', ""))
}

/// Reads a truth value: true, t, yes, y, 1 and their opposites.
pub fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "1" => Some(true),
        "false" | "f" | "no" | "n" | "0" => Some(false),
        _ => None,
    }
}

/// Reads a date: `2024-02-29`, `2024/2/29`, or a whole timestamp, whose time is dropped.
pub fn date(text: &str) -> Option<i32> {
    timestamp(text).and_then(|micros| i32::try_from(micros.div_euclid(DAY)).ok())
}

/// Reads a timestamp: `2024-02-29`, `2024-02-29 13:45[:10[.5]]`, a `T` between, an offset behind.
/// An offset is read and ignored, as DuckDB ignores it in a timestamp without time zone.
pub fn timestamp(text: &str) -> Option<i64> {
    let mut rest =
        Cursor { bytes: text.trim_matches(|c: char| c.is_ascii_whitespace()).as_bytes() };
    let year = rest.number(1, 6)?;
    let separator = rest.any_of(b"-/ \\")?;
    let month = rest.number(1, 2)?;
    rest.any_of(&[separator])?;
    let day = rest.number(1, 2)?;
    let days = i64::from(checked_days(year, month, day)?);
    if rest.bytes.is_empty() {
        return days.checked_mul(DAY);
    }
    rest.any_of(b"T ")?;
    while rest.any_of(b" ").is_some() {}
    let of_day = rest.time()?;
    while rest.any_of(b" ").is_some() {}
    rest.zone()?;
    rest.bytes.is_empty().then_some(())?;
    days.checked_mul(DAY)?.checked_add(of_day)
}

/// Reads an interval: `1 month 2 days`, `1:30:00`.
pub fn interval(text: &str) -> Option<IntervalMonthDayNano> {
    let mut total = IntervalMonthDayNano::new(0, 0, 0);
    let mut words = text.split_ascii_whitespace().peekable();
    words.peek()?;
    while let Some(word) = words.next() {
        if word.contains(':') {
            let negative = word.starts_with('-');
            let mut clock = Cursor { bytes: word.trim_start_matches('-').as_bytes() };
            let nanoseconds = clock.time()?.checked_mul(1000)?;
            let signed = if negative { -nanoseconds } else { nanoseconds };
            total.nanoseconds = total.nanoseconds.checked_add(signed)?;
            continue;
        }
        let unit_at = word.find(|c: char| c.is_ascii_alphabetic());
        let (count, unit) = match unit_at {
            Some(at) => word.split_at(at),
            None => (word, words.next()?),
        };
        let step = interval_of(unit, count.parse().ok()?)?;
        total = add(total, step)?;
    }
    Some(total)
}

/// Returns an interval of `count` units; `None` if there is no such unit or it is out of range.
pub fn interval_of(unit: &str, count: i64) -> Option<IntervalMonthDayNano> {
    use crate::frame::expr::calendar::Unit;
    let months = |size: i64| {
        let months = i32::try_from(count.checked_mul(size)?).ok()?;
        Some(IntervalMonthDayNano::new(months, 0, 0))
    };
    let days = |size: i64| {
        let days = i32::try_from(count.checked_mul(size)?).ok()?;
        Some(IntervalMonthDayNano::new(0, days, 0))
    };
    let nanos = |size: i64| Some(IntervalMonthDayNano::new(0, 0, count.checked_mul(size)?));
    match Unit::parse(unit)? {
        Unit::Millennium => months(12_000),
        Unit::Century => months(1200),
        Unit::Decade => months(120),
        Unit::Year => months(12),
        Unit::Quarter => months(3),
        Unit::Month => months(1),
        Unit::Week => days(7),
        Unit::Day => days(1),
        Unit::Hour => nanos(3_600_000_000_000),
        Unit::Minute => nanos(60_000_000_000),
        Unit::Second => nanos(1_000_000_000),
        Unit::Millisecond => nanos(1_000_000),
        Unit::Microsecond => nanos(1000),
        Unit::IsoYear => None,
    }
}

/// Adds two intervals; `None` if the sum is out of range.
pub fn add(a: IntervalMonthDayNano, b: IntervalMonthDayNano) -> Option<IntervalMonthDayNano> {
    Some(IntervalMonthDayNano::new(
        a.months.checked_add(b.months)?,
        a.days.checked_add(b.days)?,
        a.nanoseconds.checked_add(b.nanoseconds)?,
    ))
}

struct Cursor<'a> {
    bytes: &'a [u8],
}

impl Cursor<'_> {
    fn any_of(&mut self, wanted: &[u8]) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        wanted.contains(first).then(|| self.bytes = rest)?;
        Some(*first)
    }

    fn number(&mut self, min: usize, max: usize) -> Option<i64> {
        let n = self.bytes.iter().take_while(|b| b.is_ascii_digit()).count();
        if n < min || n > max {
            return None;
        }
        let (digits, rest) = self.bytes.split_at(n);
        self.bytes = rest;
        Some(digits.iter().fold(0, |value, d| value * 10 + i64::from(d - b'0')))
    }

    /// Reads `hour:minute[:second[.fraction]]` as microseconds; 24:00:00 is the end of the day.
    fn time(&mut self) -> Option<i64> {
        let hour = self.number(1, 2)?;
        self.any_of(b":")?;
        let minute = self.number(1, 2)?;
        let (mut second, mut micro) = (0, 0);
        if self.any_of(b":").is_some() {
            second = self.number(1, 2)?;
            if self.any_of(b".").is_some() {
                micro = self.fraction();
            }
        }
        let total = ((hour * 60 + minute) * 60 + second) * 1_000_000 + micro;
        (minute < 60 && second < 60 && total <= DAY).then_some(total)
    }

    /// Digits after the sixth are dropped.
    fn fraction(&mut self) -> i64 {
        let n = self.bytes.iter().take_while(|b| b.is_ascii_digit()).count();
        let (digits, rest) = self.bytes.split_at(n);
        self.bytes = rest;
        let digit = |i: usize| digits.get(i).map_or(0, |d| i64::from(d - b'0'));
        (0..6).fold(0, |value, i| value * 10 + digit(i))
    }

    fn zone(&mut self) -> Option<()> {
        if self.bytes.eq_ignore_ascii_case(b"z") || self.bytes.eq_ignore_ascii_case(b"utc") {
            self.bytes = &[];
        }
        if self.bytes.is_empty() {
            return Some(());
        }
        self.any_of(b"+-")?;
        let hour = self.number(2, 4)?;
        (hour <= 1559).then_some(())?;
        for _ in 0..2 {
            if self.any_of(b":").is_some() {
                self.number(2, 2)?;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_exactly() {
        for (text, expected) in [
            (" 12 ", Some(12)),
            ("12.7", Some(13)),
            ("-2.5", Some(-3)),
            ("15e-1", Some(2)),
            (".5", Some(1)),
            ("5.", Some(5)),
            ("1_000", Some(1000)),
            ("1__0", None),
            (".", None),
            ("1e", None),
            ("0x1F", Some(31)),
            ("9223372036854775807.4", Some(i64::MAX)),
            ("9223372036854775808", None),
            ("1e400", None),
            ("0e999999999999", Some(0)),
            ("1e-400", Some(0)),
            ("", None),
        ] {
            assert_eq!(integer(text), expected, "{text}");
        }
    }

    #[test]
    fn times_are_read() {
        let noon = timestamp("2024-01-05 12:00").unwrap();
        for text in ["2024/1/5 12:00:00.0", " 2024-01-05T12:00:00Z", "2024-01-05 12:00:00+02:00"] {
            assert_eq!(timestamp(text), Some(noon), "{text}");
        }
        for text in [
            "2024-13-05",
            "05-01-2024",
            "20240105",
            "2024-01/05",
            "2024-01-05T",
            "2024-01-05 25:00",
        ] {
            assert_eq!(timestamp(text), None, "{text}");
        }
        assert_eq!(date("2024-01-05 24:00:00"), date("2024-01-06"));
        let both = IntervalMonthDayNano::new(1, 2, 5_400_000_000_000);
        assert_eq!(interval("1 month 2 days 1:30:00"), Some(both));
        assert_eq!(interval("foo"), None);
    }
}
