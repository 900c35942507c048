//! What a field's text can be read as: numbers and booleans.
//! It does not know columns; dates have a file of their own.

use std::borrow::Cow;

/// How numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberFormat {
    /// `b'.'` or `b','`.
    pub decimal: u8,
    /// What stands between groups of three digits, if anything may.
    pub thousands: Option<u8>,
}

impl Default for NumberFormat {
    fn default() -> NumberFormat {
        NumberFormat { decimal: b'.', thousands: None }
    }
}

/// What a text is, seen as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberClass {
    /// No finite number.
    None,
    /// Digits that fit 64 bits.
    Integer,
    /// Digits that do not.
    Huge,
    /// With a decimal point or an exponent.
    Float,
    /// Digits with a leading zero, as in postal codes: a name, not a number.
    Code,
}

/// A number that was read at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Quick {
    /// Digits.
    Integer(i64),
    /// Digits with a point between them.
    Float(f64),
}

/// Powers of ten that are exact as floats.
const TENS: [f64; 19] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18,
];

/// Integers up to here are exact as floats.
const EXACT: u64 = 1 << 53;

/// Reads what nearly all numbers look like, `12`, `-3.25`, in one go, where they have at most 18 digits and `.` is the decimal
/// sign. `None` says nothing: [`NumberFormat`] reads such a text at length. What is read is the same: the digits
/// and the power of ten are exact as floats, so their quotient is rounded once (Clinger, "How to read floating
/// point numbers accurately", 1990).
pub fn quick(text: &[u8]) -> Option<Quick> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    let (mut value, mut point) = (0_u64, digits.len());
    for (i, b) in digits.iter().enumerate() {
        let digit = b.wrapping_sub(b'0');
        if digit < 10 {
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        } else if *b == b'.' && point == digits.len() {
            point = i;
        } else {
            return None;
        }
    }
    if point == 0 || (point > 1 && digits[0] == b'0') {
        return None;
    }
    match digits.len() - point {
        // As a float, `-0` is another number than `0`.
        0 if point > 18 || (negative && value == 0) => None,
        0 if negative => Some(Quick::Integer(-(value as i64))),
        0 => Some(Quick::Integer(value as i64)),
        1 => None,
        _ if value > EXACT => None,
        n => {
            let number = value as f64 / TENS[n - 1];
            Some(Quick::Float(if negative { -number } else { number }))
        }
    }
}

impl Quick {
    /// Returns the number as a float, if it is exactly that.
    pub fn float(self) -> Option<f64> {
        match self {
            Quick::Float(value) => Some(value),
            Quick::Integer(value) => (value.unsigned_abs() <= EXACT).then_some(value as f64),
        }
    }
}

/// Returns `text` without blanks at its ends.
pub fn trim(text: &[u8]) -> &[u8] {
    text.trim_ascii()
}

impl NumberFormat {
    /// Rewrites a number to digits with a `.`, or returns `None` if it breaks the format (a group of
    /// digits that is not three long, a `.` where the decimal sign is a comma).
    fn plain<'a>(&self, text: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        if *self == NumberFormat::default() {
            return Some(Cow::Borrowed(text));
        }
        let whole_end = text.iter().position(|&b| b == self.decimal).unwrap_or(text.len());
        let (whole, fraction) = text.split_at(whole_end);
        let mut out = Vec::with_capacity(text.len());
        match self.thousands {
            Some(separator) if whole.contains(&separator) => {
                for (i, group) in whole.split(|&b| b == separator).enumerate() {
                    let digits = group.strip_prefix(b"-").or(group.strip_prefix(b"+"));
                    let fits = match (i, digits.unwrap_or(group).len()) {
                        (0, n) => (1..=3).contains(&n),
                        (_, n) => n == 3 && digits.is_none(),
                    };
                    if !fits {
                        return None;
                    }
                    out.extend_from_slice(group);
                }
            }
            _ => out.extend_from_slice(whole),
        }
        if self.decimal != b'.' && out.contains(&b'.') {
            return None;
        }
        if let Some((_, digits)) = fraction.split_first() {
            out.push(b'.');
            out.extend_from_slice(digits);
        }
        Some(Cow::Owned(out))
    }

    /// Returns what `text` (without blanks at its ends) is.
    pub fn classify(&self, text: &[u8]) -> NumberClass {
        self.plain(text).map_or(NumberClass::None, |plain| classify(&plain))
    }

    /// Reads a finite number; leading zeros are allowed here.
    pub fn float(&self, text: &[u8]) -> Option<f64> {
        let plain = self.plain(text)?;
        if classify(&plain) == NumberClass::None {
            return None;
        }
        let unsigned = plain.strip_prefix(b"+").unwrap_or(&plain);
        fast_float2::parse::<f64, _>(unsigned).ok().filter(|v| v.is_finite())
    }

    /// Reads a whole number; `17850.0` is one too.
    pub fn integer(&self, text: &[u8]) -> Option<i64> {
        let plain = self.plain(text)?;
        match classify(&plain) {
            NumberClass::Integer => digits(&plain),
            NumberClass::Code if digits(&plain).is_some() => digits(&plain),
            NumberClass::Code | NumberClass::Float => {
                let value = self.float(text)?;
                // Beyond 2^53 a float no longer tells which integer was meant.
                let exact = value == value.floor() && value.abs() <= 9_007_199_254_740_992.0;
                exact.then_some(value as i64)
            }
            NumberClass::None | NumberClass::Huge => None,
        }
    }
}

fn digits(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    // Summed below zero, where the smallest integer has its place as well.
    let mut value: i64 = 0;
    for &b in digits {
        let digit = b.is_ascii_digit().then(|| i64::from(b - b'0'))?;
        value = value.checked_mul(10)?.checked_sub(digit)?;
    }
    if negative { Some(value) } else { value.checked_neg() }
}

/// `[+-] digits [. digits] [e [+-] digits]`, with a digit on either side of the point.
fn classify(text: &[u8]) -> NumberClass {
    let unsigned = match text {
        [b'-' | b'+', rest @ ..] => rest,
        _ => text,
    };
    let count = |from: usize| {
        unsigned.get(from..).unwrap_or_default().iter().take_while(|b| b.is_ascii_digit()).count()
    };
    let whole = count(0);
    let mut at = whole;
    let mut fraction = 0;
    if unsigned.get(at) == Some(&b'.') {
        fraction = count(at + 1);
        at += 1 + fraction;
    }
    if whole + fraction == 0 {
        return NumberClass::None;
    }
    if let Some(b'e' | b'E') = unsigned.get(at) {
        let signed = matches!(unsigned.get(at + 1), Some(b'-' | b'+'));
        let from = at + 1 + usize::from(signed);
        let exponent = count(from);
        if exponent == 0 {
            return NumberClass::None;
        }
        at = from + exponent;
        let finite = fast_float2::parse::<f64, _>(unsigned).is_ok_and(f64::is_finite);
        if !finite {
            return NumberClass::None;
        }
    }
    match unsigned.len() {
        n if n != at => NumberClass::None,
        _ if whole > 1 && unsigned.first() == Some(&b'0') => NumberClass::Code,
        n if n == whole => match whole <= 18 || digits(text).is_some() {
            true => NumberClass::Integer,
            false => NumberClass::Huge,
        },
        // Three hundred digits before the point may still be infinite.
        _ if whole < 300 => NumberClass::Float,
        _ => NumberClass::None,
    }
}

/// Reads `true` or `false` in any case.
pub fn boolean(text: &[u8]) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case(b"true") => Some(true),
        _ if text.eq_ignore_ascii_case(b"false") => Some(false),
        _ => None,
    }
}

/// Reads what a person means who declares a column boolean.
pub fn declared_boolean(text: &[u8]) -> Option<bool> {
    const YES: [&[u8]; 5] = [b"true", b"yes", b"y", b"t", b"1"];
    const NO: [&[u8]; 5] = [b"false", b"no", b"n", b"f", b"0"];
    let is = |words: &[&[u8]]| words.iter().any(|w| w.eq_ignore_ascii_case(text));
    if is(&YES) {
        Some(true)
    } else if is(&NO) {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_from_names() {
        use NumberClass::*;
        let plain = NumberFormat::default();
        let cases = [
            ("0", Integer),
            ("-12", Integer),
            ("+7", Integer),
            ("9223372036854775807", Integer),
            ("-9223372036854775808", Integer),
            ("9223372036854775808", Huge),
            ("17850.0", Float),
            (".5", Float),
            ("5.", Float),
            ("-0.25", Float),
            ("1e5", Float),
            ("1E-5", Float),
            ("1e400", None),
            ("00123", Code),
            ("007.5", Code),
            ("", None),
            ("-", None),
            (".", None),
            ("1e", None),
            ("1 2", None),
            ("12a", None),
            ("0x10", None),
            ("1_000", None),
            ("1,5", None),
            ("NaN", None),
            ("inf", None),
            ("--1", None),
        ];
        for (text, expected) in cases {
            assert_eq!(plain.classify(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn values_are_exact() {
        let plain = NumberFormat::default();
        assert_eq!(plain.integer(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(plain.integer(b"17850.0"), Some(17850));
        assert_eq!(plain.integer(b"007"), Some(7));
        assert_eq!(plain.integer(b"1.5"), None);
        // The point was taken for a digit: `007.5` was 3245 in a column declared integer.
        assert_eq!(plain.integer(b"007.5"), None);
        assert_eq!(plain.integer(b"007.0"), Some(7));
        assert_eq!(plain.integer(b"00e1"), Some(0));
        assert_eq!(plain.float(b"0.1"), Some(0.1));
        assert_eq!(plain.float(b"+2.5e3"), Some(2500.0));
        assert_eq!(plain.float(b"9223372036854775808"), Some(9_223_372_036_854_775_808.0));
        assert_eq!(plain.float(&[b'9'; 400]), None);
    }

    #[test]
    fn what_is_read_quickly_is_read_the_same() {
        let plain = NumberFormat::default();
        let check = |text: &str| {
            let bytes = text.as_bytes();
            let Some(quick) = quick(bytes) else { return false };
            match quick {
                Quick::Integer(value) => {
                    assert_eq!(plain.classify(bytes), NumberClass::Integer, "{text}");
                    assert_eq!(plain.integer(bytes), Some(value), "{text}");
                }
                Quick::Float(_) => assert_eq!(plain.classify(bytes), NumberClass::Float, "{text}"),
            }
            if let Some(value) = quick.float() {
                let expected = plain.float(bytes).map(f64::to_bits);
                assert_eq!(Some(value.to_bits()), expected, "{text}");
            }
            true
        };
        for text in ["0", "-7", "0.1", "-0.0", "12.50", "999999999999999999", "9007199254740.992"] {
            assert!(check(text), "{text}");
        }
        for text in ["", "-", "-0", "007", "00.5", ".5", "5.", "1.2.3", "1e5", "+1", "1 ", "--1"] {
            assert!(!check(text), "{text}");
        }
        assert_eq!(quick(b"1234567890123456789"), None);
        let mut state = 1_u64;
        for _ in 0..100_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (whole, places) = (state >> 34, (state >> 5) as usize % 12);
            let fraction = state % 10_u64.pow(places as u32);
            check(&format!(
                "{}{whole}.{fraction:0places$}",
                if state & 16 == 0 { "-" } else { "" }
            ));
        }
    }

    #[test]
    fn commas_and_groups() {
        let german = NumberFormat { decimal: b',', thousands: Some(b'.') };
        assert_eq!(german.float(b"1.234.567,5"), Some(1_234_567.5));
        assert_eq!(german.float(b"-12,25"), Some(-12.25));
        assert_eq!(german.integer(b"1.000"), Some(1000));
        assert_eq!(german.classify(b"1.5"), NumberClass::None);
        assert_eq!(german.classify(b"1234.567"), NumberClass::None);
        let english = NumberFormat { decimal: b'.', thousands: Some(b',') };
        assert_eq!(english.float(b"1,234.5"), Some(1234.5));
        assert_eq!(english.classify(b"1,23"), NumberClass::None);
    }

    #[test]
    fn booleans() {
        assert_eq!(boolean(b"TRUE"), Some(true));
        assert_eq!(boolean(b"yes"), None);
        assert_eq!(declared_boolean(b"No"), Some(false));
        assert_eq!(declared_boolean(b"2"), None);
    }
}
