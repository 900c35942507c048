//! Colours and widths of terminal text. It does not know what is said.

use unicode_width::UnicodeWidthStr;

/// What a colour says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Nothing.
    Plain,
    /// It went well.
    Good,
    /// It went wrong.
    Bad,
    /// Something to look at.
    Warn,
    /// Something at work.
    Busy,
    /// Something beside the point.
    Dim,
    /// Something important.
    Bold,
}

/// Whether and how text is coloured.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    colored: bool,
}

impl Style {
    /// Makes a style; `colored` is false off a terminal or where the person wants none.
    pub fn new(colored: bool) -> Style {
        Style { colored }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colored { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_string() }
    }

    /// Colours a text by what is to be said.
    pub fn tone(&self, tone: Tone, text: &str) -> String {
        match tone {
            Tone::Plain => text.to_string(),
            Tone::Good => self.good(text),
            Tone::Bad => self.bad(text),
            Tone::Warn => self.warn(text),
            Tone::Busy => self.busy(text),
            Tone::Dim => self.dim(text),
            Tone::Bold => self.bold(text),
        }
    }

    /// Something went well.
    pub fn good(&self, text: &str) -> String {
        self.paint("32", text)
    }

    /// Something went wrong.
    pub fn bad(&self, text: &str) -> String {
        self.paint("1;31", text)
    }

    /// Something to look at.
    pub fn warn(&self, text: &str) -> String {
        self.paint("33", text)
    }

    /// Something at work.
    pub fn busy(&self, text: &str) -> String {
        self.paint("36", text)
    }

    /// Something beside the point.
    pub fn dim(&self, text: &str) -> String {
        self.paint("2", text)
    }

    /// Something important.
    pub fn bold(&self, text: &str) -> String {
        self.paint("1", text)
    }
}

/// Writes seconds as a person says them: `0.4s`, `12s`, `3m 20s`, `2h 05m`.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 0.0005 => "0s".to_string(),
        s if s < 1.0 => format!("{:.0}ms", s * 1e3),
        s if s < 10.0 => format!("{s:.1}s"),
        s if s < 60.0 => format!("{s:.0}s"),
        s if s < 3600.0 => format!("{}m {:02}s", s as u64 / 60, s as u64 % 60),
        s => format!("{}h {:02}m", s as u64 / 3600, s as u64 % 3600 / 60),
    }
}

/// Writes a count with thin groups: `5,000`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Writes bytes as a person says them: `12 kB`, `3.4 MB`.
pub fn bytes(n: u64) -> String {
    const UNITS: &[&str] = &["B", "kB", "MB", "GB", "TB"];
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 || value >= 10.0 {
        format!("{value:.0} {}", UNITS[unit])
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// Returns `singular` or `plural` after the count.
pub fn counted(n: usize, singular: &str, plural: &str) -> String {
    format!("{} {}", count(n as u64), if n == 1 { singular } else { plural })
}

/// Returns how many columns of a terminal a text takes: two for each wide character (as in Chinese), none for a
/// combining one.
pub fn width(text: &str) -> usize {
    // A font decides in the end; this is what terminals have agreed on.
    UnicodeWidthStr::width(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        for (seconds, expected) in [
            (0.0, "0s"),
            (0.042, "42ms"),
            (3.2, "3.2s"),
            (42.0, "42s"),
            (200.0, "3m 20s"),
            (7500.0, "2h 05m"),
        ] {
            assert_eq!(duration(seconds), expected);
        }
        for (n, expected) in [(7, "7"), (5000, "5,000"), (1234567, "1,234,567")] {
            assert_eq!(count(n), expected);
        }
        for (n, expected) in [(999, "999 B"), (1500, "1.5 kB"), (12_345_678, "12 MB")] {
            assert_eq!(bytes(n), expected);
        }
    }
}
