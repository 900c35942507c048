//! Recognises text that looks like dates or numbers. It does not convert anything.

/// Text that reads as day, month and year in some order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateLike {
    /// Whether the first part may be a day and the second a month.
    pub day_first: bool,
    /// Whether the first part may be a month and the second a day.
    pub month_first: bool,
}

/// Reads `3/4/2021`, `03-04-21`, `3.4.2021 10:00`; `None` for anything else, ISO dates among it.
pub fn date_like(text: &str) -> Option<DateLike> {
    let day = text.trim().split([' ', 'T']).next()?;
    let parts: Vec<&str> = day.split(['/', '-', '.']).collect();
    let [first, second, year] = parts.as_slice() else { return None };
    let number = |part: &str, longest: usize| -> Option<u32> {
        let fits = (1..=longest).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| part.parse().ok()).flatten()
    };
    let (a, b) = (number(first, 2)?, number(second, 2)?);
    number(year, 4).filter(|_| year.len() == 4 || year.len() == 2)?;
    let is = |day: u32, month: u32| (1..=31).contains(&day) && (1..=12).contains(&month);
    let found = DateLike { day_first: is(a, b), month_first: is(b, a) };
    (found.day_first || found.month_first).then_some(found)
}

/// Returns true for `12`, `-3.5`, ` 1e3 `, `1,234.50`, `12,5`; not for `nan`, `inf` or a blank.
pub fn number_like(text: &str) -> bool {
    let text = text.trim();
    let digits = text.bytes().any(|b| b.is_ascii_digit());
    let allowed = text.bytes().all(|b| b.is_ascii_digit() || b"+-.,eE".contains(&b));
    digits
        && allowed
        && (text.replace(',', "").parse::<f64>().is_ok()
            || text.replace('.', "").replace(',', ".").parse::<f64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let both = DateLike { day_first: true, month_first: true };
        assert_eq!(date_like("03/04/2021"), Some(both));
        assert_eq!(date_like("31.12.21 10:00"), Some(DateLike { month_first: false, ..both }));
        assert_eq!(date_like("12/31/2021"), Some(DateLike { day_first: false, ..both }));
        for text in ["2021-01-02", "33/44/2021", "a/b/c", "1/2", "", "1.2.3", "10.0.0.1"] {
            assert_eq!(date_like(text), None, "{text}");
        }
    }

    #[test]
    fn numbers() {
        for text in ["12", " -3.5", "1e3", "1,234.50", "12,5", "1.234,5"] {
            assert!(number_like(text), "{text}");
        }
        for text in ["", " ", "nan", "inf", "12a", "-", "1-2", "C123"] {
            assert!(!number_like(text), "{text}");
        }
    }
}
