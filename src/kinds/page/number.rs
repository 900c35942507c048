//! Numbers and dates as people read them. It does not know where they are shown.

use chrono::{Datelike, NaiveDate};

/// What stands where there is no figure.
pub const NONE: &str = "–";

/// Returns a number to about four significant digits, thousands grouped: `1,234,567`, `12.34`, `0.01235`.
pub fn figure(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return if value.is_nan() { NONE.to_string() } else { fixed(value, 0) };
    }
    if size != 0.0 && !(1e-4..1e15).contains(&size) {
        return minus(format!("{value:.2e}"));
    }
    if value == value.trunc() {
        return fixed(value, 0);
    }
    let decimals = match size {
        s if s >= 10_000.0 => 0,
        s if s >= 1000.0 => 1,
        s if s >= 10.0 => 2,
        s if s >= 0.1 => 3,
        s if s >= 0.01 => 4,
        _ => 5,
    };
    fixed(value, decimals)
}

/// Returns a count, thousands grouped.
pub fn count(value: usize) -> String {
    group(&value.to_string())
}

/// Returns a share as a percentage: `0%`, `<0.1%`, `4.2%`, `96%`, `100%` only if it is all.
pub fn percent(share: f64) -> String {
    let p = 100.0 * share;
    match p {
        p if p.is_nan() => NONE.to_string(),
        p if p > 0.0 && p < 0.1 => "<0.1%".to_string(),
        p if p < 10.0 && p != 0.0 => format!("{}%", fixed(p, 1)),
        p if p < 100.0 && p > 99.0 => format!("{}%", fixed(p.min(99.9), 1)),
        p => format!("{}%", fixed(p, 0)),
    }
}

/// Returns a number with a fixed number of decimals, thousands grouped, no `-0`.
pub fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let sign =
        if value < 0.0 && text.bytes().any(|b| !matches!(b, b'0' | b'.')) { "−" } else { "" };
    format!("{sign}{}{rest}", group(whole))
}

/// Returns a number for an axis: `0`, `0.25`, `1,500`, `20k`, `1.5M`.
pub fn short(value: f64) -> String {
    let size = value.abs();
    for (unit, suffix) in [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")] {
        if size >= unit && size < 1e15 {
            let scaled = if suffix == "k" { value / 1000.0 } else { value / unit };
            return trimmed(scaled, 2) + suffix;
        }
    }
    if size != 0.0 && !(1e-4..1e15).contains(&size) {
        return minus(format!("{value:.0e}"));
    }
    trimmed(value, 4)
}

/// Returns days since 1970-01-01 as a date, with the time of day if `with_time` and it is not midnight.
pub fn date(days: f64, with_time: bool) -> String {
    let Some(date) = civil(days) else { return NONE.to_string() };
    let day = format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day());
    let seconds = ((days - days.floor()) * 86_400.0).round() as u32;
    if !with_time || seconds == 0 || seconds >= 86_400 {
        return day;
    }
    format!("{day} {:02}:{:02}", seconds / 3600, seconds / 60 % 60)
}

/// Returns the calendar date of a number of days since 1970-01-01.
pub fn civil(days: f64) -> Option<NaiveDate> {
    if !days.is_finite() || days.abs() > 80_000_000.0 {
        return None;
    }
    NaiveDate::from_epoch_days(days.floor() as i32)
}

fn trimmed(value: f64, decimals: usize) -> String {
    let text = fixed(value, decimals);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text,
    }
}

fn minus(text: String) -> String {
    text.replace('-', "−")
}

fn group(digits: &str) -> String {
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return digits.to_string();
    }
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1_234_567.0, "1,234,567"),
            (-1234.56, "−1,234.6"),
            (12.3456, "12.35"),
            (0.123456, "0.123"),
            (0.00123456, "0.00123"),
            (1e-9, "1.00e−9"),
            (1e20, "1.00e20"),
            (f64::NAN, "–"),
            (f64::NEG_INFINITY, "−inf"),
        ] {
            assert_eq!(figure(value), expected, "{value}");
        }
    }

    #[test]
    fn percentages_never_round_to_none_or_all() {
        for (share, expected) in [
            (0.0, "0%"),
            (1e-6, "<0.1%"),
            (0.0421, "4.2%"),
            (0.5, "50%"),
            (0.99999, "99.9%"),
            (1.0, "100%"),
        ] {
            assert_eq!(percent(share), expected, "{share}");
        }
    }

    #[test]
    fn axes_and_dates() {
        assert_eq!(short(20_000.0), "20k");
        assert_eq!(short(1_500_000.0), "1.5M");
        assert_eq!(short(-1500.0), "−1,500");
        assert_eq!(short(0.25), "0.25");
        assert_eq!(date(19_723.0, false), "2024-01-01");
        assert_eq!(date(0.5, true), "1970-01-01 12:00");
        assert_eq!(date(f64::NAN, true), "–");
        assert_eq!(date(1e300, true), "–");
    }
}
