//! Dates and timestamps as text: which orders of day, month and year a value allows, and its value in a
//! given order. It does not know columns, and never guesses: an order must fit every value.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// The order of a date's parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DateOrder {
    /// Year, month, day (ISO 8601).
    Ymd,
    /// Day, month, year.
    Dmy,
    /// Month, day, year.
    Mdy,
}

impl DateOrder {
    const ALL: [DateOrder; 3] = [DateOrder::Ymd, DateOrder::Dmy, DateOrder::Mdy];

    /// Reads `ymd`, `dmy` or `mdy`.
    pub fn parse(text: &str) -> Option<DateOrder> {
        match text {
            "ymd" => Some(DateOrder::Ymd),
            "dmy" => Some(DateOrder::Dmy),
            "mdy" => Some(DateOrder::Mdy),
            _ => None,
        }
    }
}

/// A set of orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Orders(u8);

impl Orders {
    /// All three.
    pub const ANY: Orders = Orders(0b111);

    /// Year, month, day alone.
    pub const ISO: Orders = Orders(1 << DateOrder::Ymd as u8);

    /// Returns the orders in both sets.
    pub fn and(self, other: Orders) -> Orders {
        Orders(self.0 & other.0)
    }

    /// Returns true if `order` is in the set.
    pub fn has(self, order: DateOrder) -> bool {
        self.0 & (1 << order as u8) != 0
    }

    /// Returns the only order of the set.
    pub fn single(self) -> Option<DateOrder> {
        let mut in_set = DateOrder::ALL.into_iter().filter(|&o| self.has(o));
        match (in_set.next(), in_set.next()) {
            (Some(order), None) => Some(order),
            _ => None,
        }
    }

    /// Returns true if no order is in the set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// A date's parts as written, and a time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    numbers: [u32; 3],
    lengths: [usize; 3],
    slashed: bool,
    /// Microseconds since midnight, an offset from UTC taken off; `None` without a time.
    micros: Option<i64>,
}

const DAY_MICROS: i64 = 86_400_000_000;
const EPOCH_FROM_CE: i32 = 719_163;

impl Parts {
    /// Reads `2024-01-31`, `31.1.2024`, `1/31/2024 0:00`, `2024-01-31T23:59:59.5+02:00` and the like:
    /// three numbers joined by one of `-`, `/` and `.`, perhaps a time with am or pm, perhaps an
    /// offset. Whether the numbers can be a date is not looked at here.
    pub fn read(text: &[u8]) -> Option<Parts> {
        let (a, a_len, rest) = number(text, 4)?;
        let (&separator, rest) = rest.split_first()?;
        if !matches!(separator, b'-' | b'/' | b'.') {
            return None;
        }
        let (b, b_len, rest) = number(rest, 2)?;
        let rest = rest.strip_prefix(&[separator])?;
        let (c, c_len, rest) = number(rest, 4)?;
        let micros = match rest {
            [] => None,
            [b'T' | b't' | b' ', time @ ..] => Some(time_of_day(time.trim_ascii_start())?),
            _ => return None,
        };
        let lengths = [a_len, b_len, c_len];
        Some(Parts { numbers: [a, b, c], lengths, slashed: separator == b'/', micros })
    }

    /// Reads `20240131`, which only a declared date may be: undeclared it is a number.
    pub fn read_compact(text: &[u8]) -> Option<Parts> {
        if text.len() != 8 || !text.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let (y, ..) = number(&text[..4], 4)?;
        let (m, ..) = number(&text[4..6], 2)?;
        let (d, ..) = number(&text[6..], 2)?;
        Some(Parts { numbers: [y, m, d], lengths: [4, 2, 2], slashed: false, micros: None })
    }

    /// Returns true if a time of day stands behind the date.
    pub fn has_time(&self) -> bool {
        self.micros.is_some()
    }

    /// Returns the orders in which the parts are a date of the calendar. Years have four digits; two
    /// digits are a year only behind two slashes (`2/24/03`), as version numbers have dots.
    pub fn orders(&self) -> Orders {
        let fits = |order: DateOrder| u8::from(self.date(order).is_some()) << order as u8;
        Orders(DateOrder::ALL.into_iter().map(fits).fold(0, |set, bit| set | bit))
    }

    fn date(&self, order: DateOrder) -> Option<NaiveDate> {
        let ([a, b, c], [a_len, _, c_len]) = (self.numbers, self.lengths);
        let (y, m, d, year_len, other_len) = match order {
            DateOrder::Ymd => (a, b, c, a_len, c_len),
            DateOrder::Dmy => (c, b, a, c_len, a_len),
            DateOrder::Mdy => (c, a, b, c_len, a_len),
        };
        if other_len > 2 {
            return None;
        }
        let year = match year_len {
            4 => y,
            // POSIX: 69 to 99 are the twentieth century.
            2 if self.slashed && order != DateOrder::Ymd => y + if y >= 69 { 1900 } else { 2000 },
            _ => return None,
        };
        NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, m, d)
    }

    /// Returns days since 1970-01-01; `None` if the parts are no date in this order, or if there is a
    /// time other than midnight.
    pub fn days(&self, order: DateOrder) -> Option<i32> {
        use chrono::Datelike;
        let date = self.date(order)?;
        matches!(self.micros, None | Some(0)).then(|| date.num_days_from_ce() - EPOCH_FROM_CE)
    }

    /// Returns microseconds since 1970-01-01 00:00 (UTC where an offset is written).
    pub fn timestamp(&self, order: DateOrder) -> Option<i64> {
        use chrono::Datelike;
        let days = i64::from(self.date(order)?.num_days_from_ce() - EPOCH_FROM_CE);
        Some(days * DAY_MICROS + self.micros.unwrap_or(0))
    }
}

/// Reads `2024-01-31` as days since 1970-01-01; `None` says nothing of another text. Such a date allows no other
/// order.
pub fn iso_days(text: &[u8]) -> Option<i32> {
    use chrono::Datelike;
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = *text else { return None };
    let digits = [y0, y1, y2, y3, m0, m1, d0, d1].map(|b| u32::from(b.wrapping_sub(b'0')));
    if digits.iter().any(|&d| d > 9) {
        return None;
    }
    let [y0, y1, y2, y3, m0, m1, d0, d1] = digits;
    let year = y0 * 1000 + y1 * 100 + y2 * 10 + y3;
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, m0 * 10 + m1, d0 * 10 + d1)?;
    Some(date.num_days_from_ce() - EPOCH_FROM_CE)
}

/// Reads one to `most` digits; returns their value, their number and what follows.
fn number(text: &[u8], most: usize) -> Option<(u32, usize, &[u8])> {
    let length = text.iter().take(most + 1).take_while(|b| b.is_ascii_digit()).count();
    if length == 0 || length > most {
        return None;
    }
    let value = text[..length].iter().fold(0, |v, b| v * 10 + u32::from(b - b'0'));
    Some((value, length, &text[length..]))
}

/// Reads `h:mm[:ss[.fraction]] [am|pm] [Z|+hh[[:]mm]]` as microseconds, the offset taken off.
fn time_of_day(text: &[u8]) -> Option<i64> {
    let (mut hour, _, rest) = number(text, 2)?;
    let (minute, minute_len, mut rest) = number(rest.strip_prefix(b":")?, 2)?;
    let (mut second, mut micros) = (0, 0);
    if let Some(tail) = rest.strip_prefix(b":") {
        let (value, length, tail) = number(tail, 2)?;
        if length != 2 {
            return None;
        }
        (second, rest) = (value, tail);
        if let [b'.' | b',', tail @ ..] = tail {
            let length = tail.iter().take_while(|b| b.is_ascii_digit()).count();
            if length == 0 || length > 9 {
                return None;
            }
            let six = tail[..length].iter().chain(std::iter::repeat(&b'0')).take(6);
            micros = six.fold(0, |v, b| v * 10 + i64::from(b - b'0'));
            rest = &tail[length..];
        }
    }
    let rest = rest.trim_ascii_start();
    let half = |word: &[u8; 2]| rest.len() >= 2 && rest[..2].eq_ignore_ascii_case(word);
    let (pm, am) = (half(b"pm"), half(b"am"));
    if pm || am {
        if !(1..=12).contains(&hour) {
            return None;
        }
        hour = hour % 12 + if pm { 12 } else { 0 };
    }
    let offset = offset_minutes(if pm || am { &rest[2..] } else { rest })?;
    let valid = minute_len == 2 && hour < 24 && minute < 60 && second < 60;
    let seconds = i64::from(hour * 3600 + minute * 60 + second) - i64::from(offset) * 60;
    valid.then_some(seconds * 1_000_000 + micros)
}

fn offset_minutes(text: &[u8]) -> Option<i32> {
    let (sign, rest) = match text {
        [] | [b'Z' | b'z'] => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, _, rest) = number(rest.get(..2)?, 2).map(|(h, n, _)| (h, n, &rest[2..]))?;
    let minutes = match rest {
        [] => 0,
        _ => match number(rest.strip_prefix(b":").unwrap_or(rest), 2)? {
            (minutes, 2, []) => minutes,
            _ => return None,
        },
    };
    (hours <= 14 && minutes < 60).then_some(sign * (hours * 60 + minutes) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders(text: &str) -> Vec<DateOrder> {
        let orders = Parts::read(text.as_bytes()).map_or(Orders(0), |p| p.orders());
        DateOrder::ALL.into_iter().filter(|&o| orders.has(o)).collect()
    }

    #[test]
    fn a_value_tells_the_orders_that_it_allows() {
        use DateOrder::*;
        let cases: [(&str, &[DateOrder]); 18] = [
            ("2024-02-29", &[Ymd]),
            ("2023-02-29", &[]),
            ("2024/1/5", &[Ymd]),
            ("04-09-2012", &[Dmy, Mdy]),
            ("24-09-2012", &[Dmy]),
            ("2/24/2003 0:00", &[Mdy]),
            ("31.12.1999", &[Dmy]),
            ("2/24/03", &[Mdy]),
            ("1.2.03", &[]),
            ("26.47.1555", &[]),
            ("10-11-12", &[]),
            ("2012-1999", &[]),
            ("1-2/2020", &[]),
            ("2020-01-01x", &[]),
            ("20200101", &[]),
            ("2020-01-01T25:00", &[]),
            ("2020-01-01 10:5", &[]),
            ("123-01-01", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(orders(text), expected, "{text}");
        }
    }

    #[test]
    fn values_in_a_given_order() {
        let days = |t: &str, o| Parts::read(t.as_bytes()).and_then(|p| p.days(o));
        assert_eq!(days("1970-01-02", DateOrder::Ymd), Some(1));
        assert_eq!(days("1969-12-31", DateOrder::Ymd), Some(-1));
        assert_eq!(days("03-02-1970", DateOrder::Dmy), Some(33));
        assert_eq!(days("03-02-1970", DateOrder::Mdy), Some(60));
        assert_eq!(days("1/1/1970 0:00", DateOrder::Mdy), Some(0));
        assert_eq!(days("1/1/1970 0:01", DateOrder::Mdy), None);
        let compact = Parts::read_compact(b"19700103").and_then(|p| p.days(DateOrder::Ymd));
        assert_eq!(compact, Some(2));
    }

    #[test]
    fn iso_dates_are_read_quickly_and_the_same() {
        for text in
            ["1970-01-02", "2024-02-29", "2023-02-29", "0000-01-01", "2024-13-01", "2024-1-01"]
        {
            let parts = Parts::read(text.as_bytes());
            let slow =
                parts.filter(|p| p.orders() == Orders::ISO).and_then(|p| p.days(DateOrder::Ymd));
            let quick = iso_days(text.as_bytes());
            assert_eq!(quick, slow.filter(|_| text.len() == 10), "{text}");
        }
        assert_eq!(iso_days(b"2024-01-0x"), None);
    }

    #[test]
    fn times_and_offsets() {
        let seconds = |t: &str| {
            let parts = Parts::read(t.as_bytes())?;
            parts.timestamp(DateOrder::Ymd).map(|v| v as f64 / 1e6)
        };
        let cases = [
            ("1970-01-01 00:00", Some(0.0)),
            ("1970-01-01T01:02:03.25", Some(3723.25)),
            ("1970-01-01 12:00 AM", Some(0.0)),
            ("1970-01-01 1:00pm", Some(46_800.0)),
            ("1970-01-01T02:00:00+02:00", Some(0.0)),
            ("1970-01-01T00:00:00-0130", Some(5_400.0)),
            ("1970-01-01T00:00:00Z", Some(0.0)),
            ("1970-01-01 13:00 PM", None),
            ("1970-01-01 10:00:00+99", None),
        ];
        for (text, expected) in cases {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}
