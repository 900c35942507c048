//! `strftime` and `strptime`: dates spelled by a format, and read by one. English names only.
//! It does not know locales or time zones.

use crate::frame::expr::{
    calendar::{self, DAY, civil},
    column::{Micros, Text, Timestamp, map1, try2},
    functions::{Function, takes},
    types::Ty,
};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

const READS: &[Ty] = &[Ty::Text, Ty::Text];

/// The functions of this family.
pub static FUNCTIONS: &[Function] = &[
    Function {
        names: &["strftime"],
        overloads: &[takes(&[Ty::Timestamp, Ty::Text], Ty::Text, |a, n| {
            try2::<Timestamp, Text, _>(a, n, |t, format| spell(t, format).map(Some))
        })],
    },
    Function {
        names: &["strptime"],
        overloads: &[takes(READS, Ty::Timestamp, |a, n| {
            try2::<Text, Text, _>(a, n, |text, format| {
                let read = read(text, format)?;
                read.map(|t| Some(Micros(t)))
                    .ok_or_else(|| format!("'{text}' does not fit the format '{format}'"))
            })
        })],
    },
    Function {
        names: &["try_strptime"],
        overloads: &[takes(READS, Ty::Timestamp, |a, n| {
            try2::<Text, Text, _>(a, n, |text, format| Ok(read(text, format)?.map(Micros)))
        })],
    },
    Function {
        names: &["monthname"],
        overloads: &[takes(&[Ty::Timestamp], Ty::Text, |a, n| {
            map1::<Timestamp, _>(a, n, |t| month_name(civil(t.div_euclid(DAY)).1).to_string())
        })],
    },
    Function {
        names: &["dayname"],
        overloads: &[takes(&[Ty::Timestamp], Ty::Text, |a, n| {
            map1::<Timestamp, _>(a, n, |t| day_name(t).to_string())
        })],
    },
];

fn month_name(month: i64) -> &'static str {
    usize::try_from(month - 1).ok().and_then(|i| MONTHS.get(i)).copied().unwrap_or_default()
}

fn day_name(micros: i64) -> &'static str {
    let weekday = calendar::weekday(micros.div_euclid(DAY));
    usize::try_from(weekday).ok().and_then(|i| DAYS.get(i)).copied().unwrap_or_default()
}

fn unknown(code: char) -> String {
    format!("the format code `%{code}` is not supported")
}

fn spell(micros: i64, format: &str) -> Result<String, String> {
    let day = micros.div_euclid(DAY);
    let of_day = micros.rem_euclid(DAY);
    let (year, month, dom) = civil(day);
    let (iso_year, week) = calendar::iso_week(day);
    let (hour, minute) = (of_day / 3_600_000_000, of_day / 60_000_000 % 60);
    let second = of_day / 1_000_000 % 60;
    let mut out = String::new();
    let mut codes = format.chars();
    while let Some(c) = codes.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut code = codes.next().ok_or("the format ends with a single %")?;
        let padded = code != '-';
        if !padded {
            code = codes.next().ok_or("the format ends with %-")?;
        }
        let digits = |value: i64, width: usize| {
            if padded { format!("{value:0width$}") } else { value.to_string() }
        };
        out.push_str(&match code {
            'Y' => digits(year, 4),
            'y' => digits(year.rem_euclid(100), 2),
            'm' => digits(month, 2),
            'd' => digits(dom, 2),
            'j' => digits(day - calendar::days(year, 1, 1) + 1, 3),
            'H' => digits(hour, 2),
            'I' => digits((hour + 11) % 12 + 1, 2),
            'p' => if hour < 12 { "AM" } else { "PM" }.to_string(),
            'M' => digits(minute, 2),
            'S' => digits(second, 2),
            'f' => format!("{:06}", of_day % 1_000_000),
            'g' => format!("{:03}", of_day / 1000 % 1000),
            'b' => month_name(month).chars().take(3).collect(),
            'B' => month_name(month).to_string(),
            'a' => day_name(micros).chars().take(3).collect(),
            'A' => day_name(micros).to_string(),
            'w' => calendar::weekday(day).to_string(),
            'u' => ((calendar::weekday(day) + 6) % 7 + 1).to_string(),
            'G' => digits(iso_year, 4),
            'V' => digits(week, 2),
            '%' => "%".to_string(),
            other => return Err(unknown(other)),
        });
    }
    Ok(out)
}

/// What has been read of a date and a time.
struct Parts {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    micro: i64,
    afternoon: Option<bool>,
}

/// Returns the timestamp, `None` if the text does not fit the format, or what is wrong with the format.
fn read(text: &str, format: &str) -> Result<Option<i64>, String> {
    let mut parts = Parts {
        year: 1900,
        month: 1,
        day: 1,
        hour: 0,
        minute: 0,
        second: 0,
        micro: 0,
        afternoon: None,
    };
    let mut rest = text.trim_matches(|c: char| c.is_ascii_whitespace());
    let mut codes = format.chars();
    while let Some(c) = codes.next() {
        let after = if c == '%' {
            let code = match codes.next() {
                Some('-') => codes.next(),
                other => other,
            };
            parts.take(code.ok_or("the format ends with a single %")?, rest)?
        } else if c.is_ascii_whitespace() {
            Some(rest.trim_start_matches(|c: char| c.is_ascii_whitespace()))
        } else {
            rest.strip_prefix(c)
        };
        match after {
            Some(after) => rest = after,
            None => return Ok(None),
        }
    }
    Ok(if rest.is_empty() { parts.micros() } else { None })
}

impl Parts {
    fn take<'t>(&mut self, code: char, text: &'t str) -> Result<Option<&'t str>, String> {
        let (place, width) = match code {
            'Y' => (&mut self.year, 4),
            'y' => {
                let Some((year, rest)) = digits(text, 2) else { return Ok(None) };
                // As POSIX has it: 69 to 99 are of the last century.
                self.year = year + if year < 69 { 2000 } else { 1900 };
                return Ok(Some(rest));
            }
            'm' => (&mut self.month, 2),
            'd' => (&mut self.day, 2),
            'H' | 'I' => (&mut self.hour, 2),
            'M' => (&mut self.minute, 2),
            'S' => (&mut self.second, 2),
            'f' => return Ok(self.fraction(text)),
            'b' | 'B' => {
                let Some((month, rest)) = name(text, &MONTHS, code == 'b') else { return Ok(None) };
                self.month = month + 1;
                return Ok(Some(rest));
            }
            'a' | 'A' => return Ok(name(text, &DAYS, code == 'a').map(|(_, rest)| rest)),
            'p' => {
                let Some((half, rest)) = name(text, &["AM", "PM"], false) else { return Ok(None) };
                self.afternoon = Some(half == 1);
                return Ok(Some(rest));
            }
            '%' => return Ok(text.strip_prefix('%')),
            other => return Err(unknown(other)),
        };
        let Some((value, rest)) = digits(text, width) else { return Ok(None) };
        *place = value;
        Ok(Some(rest))
    }

    fn fraction<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        let (_, rest) = digits(text, 9)?;
        let written = &text[..text.len() - rest.len()];
        self.micro = format!("{written:0<6}")[..6].parse().ok()?;
        Some(rest)
    }

    fn micros(&self) -> Option<i64> {
        let hour = match self.afternoon {
            Some(_) if !(1..=12).contains(&self.hour) => return None,
            Some(afternoon) => self.hour % 12 + if afternoon { 12 } else { 0 },
            None => self.hour,
        };
        let in_range = hour < 24 && self.minute < 60 && self.second < 60;
        let days = calendar::checked_days(self.year, self.month, self.day).filter(|_| in_range)?;
        let seconds = (hour * 60 + self.minute) * 60 + self.second;
        Some(i64::from(days) * DAY + seconds * 1_000_000 + self.micro)
    }
}

fn digits(text: &str, most: usize) -> Option<(i64, &str)> {
    let n = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let value = text.get(..n)?.parse().ok()?;
    Some((value, &text[n..]))
}

/// Returns which of `names` the text starts with, in any case.
fn name<'t>(text: &'t str, names: &[&str], is_short: bool) -> Option<(i64, &'t str)> {
    for (i, name) in names.iter().enumerate() {
        let name = if is_short { &name[..3] } else { name };
        if text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)) {
            return Some((i64::try_from(i).ok()?, &text[name.len()..]));
        }
    }
    None
}
