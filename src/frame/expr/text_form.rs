//! Numbers and times as text, spelled as DuckDB spells them.
//! It does not know where the text goes.

use crate::frame::expr::calendar::{DAY, civil};

/// Spells a float with the fewest digits that read back as the same number: `2.5`, `100.0`, `1e+20`.
pub fn float(x: f64) -> String {
    if x.is_nan() {
        return "nan".to_string();
    }
    if x.is_infinite() {
        return if x > 0.0 { "inf" } else { "-inf" }.to_string();
    }
    let shortest = format!("{x:e}");
    let (digits, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = format!("{x}");
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// Spells a date: `2024-02-29`.
pub fn date(day: i64) -> String {
    let (year, month, day) = civil(day);
    if year > 0 {
        format!("{year:04}-{month:02}-{day:02}")
    } else {
        // There is no year 0.
        format!("{:04}-{month:02}-{day:02} (BC)", 1 - year)
    }
}

/// Spells a timestamp: `2024-02-29 13:45:10.5`.
pub fn timestamp(micros: i64) -> String {
    let of_day = micros.rem_euclid(DAY);
    let (seconds, micro) = (of_day / 1_000_000, of_day % 1_000_000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut text = format!("{} {hour:02}:{minute:02}:{second:02}", date(micros.div_euclid(DAY)));
    if micro > 0 {
        text.push_str(format!(".{micro:06}").trim_end_matches('0'));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_spelled_shortest() {
        for (x, text) in [
            (2.5, "2.5"),
            (100.0, "100.0"),
            (-0.0, "-0.0"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1e-4, "0.0001"),
            (1.234e-5, "1.234e-05"),
            (1.5e300, "1.5e+300"),
            (5e-324, "5e-324"),
        ] {
            assert_eq!(float(x), text);
        }
    }

    #[test]
    fn times_are_spelled() {
        assert_eq!(timestamp(-1), "1969-12-31 23:59:59.999999");
        assert_eq!(timestamp(500_000), "1970-01-01 00:00:00.5");
        assert_eq!(date(19_782), "2024-02-29");
    }
}
