//! Writing numbers, ids and dates as CSV without the formatting machinery, which would take most of the
//! time. It does not know what the fields mean.

/// Lines under construction.
#[derive(Default)]
pub struct Lines {
    /// What is written so far.
    pub bytes: Vec<u8>,
}

impl Lines {
    /// Appends text as it stands; it must need no quotes.
    pub fn text(&mut self, text: &str) -> &mut Lines {
        self.bytes.extend_from_slice(text.as_bytes());
        self
    }

    /// Appends a comma.
    pub fn comma(&mut self) -> &mut Lines {
        self.bytes.push(b',');
        self
    }

    /// Ends the line.
    pub fn end(&mut self) {
        self.bytes.push(b'\n');
    }

    /// Appends a whole number with at least `width` digits.
    pub fn digits(&mut self, value: u64, width: usize) -> &mut Lines {
        let mut reversed = [b'0'; 20];
        let (mut rest, mut used) = (value, 0);
        while rest > 0 {
            reversed[used] = b'0' + (rest % 10) as u8;
            rest /= 10;
            used += 1;
        }
        let length = used.max(width.clamp(1, 20));
        self.bytes.extend(reversed[..length].iter().rev());
        self
    }

    /// Appends a whole number.
    pub fn integer(&mut self, value: i64) -> &mut Lines {
        if value < 0 {
            self.bytes.push(b'-');
        }
        self.digits(value.unsigned_abs(), 1)
    }

    /// Appends a number that is not negative with so many decimals, half rounded up.
    pub fn decimal(&mut self, value: f64, decimals: usize) -> &mut Lines {
        let unit = [1_u64, 10, 100, 1_000, 10_000][decimals.min(4)];
        let scaled = (value.max(0.0) * unit as f64 + 0.5).floor() as u64;
        self.digits(scaled / unit, 1);
        if decimals > 0 {
            self.bytes.push(b'.');
            self.digits(scaled % unit, decimals.min(4));
        }
        self
    }

    /// Appends the id of customer `number` of `seed`.
    pub fn customer(&mut self, seed: u64, number: u64) -> &mut Lines {
        self.bytes.push(b'C');
        let (mut rest, start) = (seed, self.bytes.len());
        loop {
            let digit = (rest % 36) as u8;
            self.bytes.push(if digit < 10 { b'0' + digit } else { b'A' + digit - 10 });
            rest /= 36;
            if rest == 0 {
                break;
            }
        }
        self.bytes[start..].reverse();
        self.bytes.push(b'-');
        self.digits(number, 8)
    }

    /// Appends a day, counted from 1970-01-01, as `2025-12-31`.
    pub fn date(&mut self, days: i64) -> &mut Lines {
        let (year, month, day) = civil(days);
        self.digits(year, 4).text("-").digits(month, 2).text("-").digits(day, 2)
    }

    /// Appends `2025-12-31 23:59:59` from seconds since 1970.
    pub fn timestamp(&mut self, seconds: i64) -> &mut Lines {
        let of_day = seconds.rem_euclid(86_400) as u64;
        self.date(seconds.div_euclid(86_400)).text(" ");
        self.digits(of_day / 3600, 2).text(":").digits(of_day / 60 % 60, 2).text(":");
        self.digits(of_day % 60, 2)
    }
}

/// Year, month and day of a day counted from 1970-01-01, for years after 0 (Hinnant,
/// "chrono-compatible low-level date algorithms").
fn civil(days: i64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year as u64, month as u64, day as u64)
}

/// Returns `value` as a whole number between `low` and `high`.
pub fn whole(value: f64, low: f64, high: f64) -> u64 {
    (value + 0.5).floor().clamp(low, high) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Lines) -> &mut Lines) -> String {
        let mut lines = Lines::default();
        write(&mut lines);
        String::from_utf8(lines.bytes).unwrap()
    }

    #[test]
    fn fields_are_spelled_right() {
        assert_eq!(written(|l| l.integer(-120)), "-120");
        assert_eq!(written(|l| l.integer(0)), "0");
        assert_eq!(written(|l| l.decimal(1234.505, 2)), "1234.51");
        assert_eq!(written(|l| l.decimal(0.0304, 4)), "0.0304");
        assert_eq!(written(|l| l.customer(42, 7)), "C16-00000007");
        assert_eq!(written(|l| l.customer(0, 123_456_789)), "C0-123456789");
        assert_eq!(written(|l| l.date(0)), "1970-01-01");
        assert_eq!(written(|l| l.date(19_782)), "2024-02-29");
        assert_eq!(written(|l| l.date(20_454)), "2026-01-01");
        assert_eq!(written(|l| l.timestamp(86_399)), "1970-01-01 23:59:59");
    }
}
