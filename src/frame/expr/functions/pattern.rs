//! LIKE, ILIKE and regular expressions.
//! It does not know columns: a pattern is compiled once where it is the same for every row.

use std::{cell::RefCell, sync::Arc};

use regex::{Regex, RegexBuilder};

use crate::base::node::shortened;
use crate::frame::expr::{
    column::{Int, Text, try2, try3},
    functions::{
        Function, Overload, takes,
        text::{fits, lower},
    },
    types::Ty,
};

const TEXTS: &[Ty] = &[Ty::Text, Ty::Text];
const THREE: &[Ty] = &[Ty::Text, Ty::Text, Ty::Text];

/// The functions of this family.
pub static FUNCTIONS: &[Function] = &[
    Function { names: &["like"], overloads: LIKE },
    Function { names: &["ilike"], overloads: ILIKE },
    Function { names: &["regexp_matches"], overloads: MATCHES },
    Function {
        names: &["regexp_full_match"],
        overloads: &[takes(TEXTS, Ty::Bool, |a, n| {
            let known = Compiled::default();
            try2::<Text, Text, _>(a, n, |t, p| {
                let whole = format!("^(?:{p})$");
                Ok(Some(known.get(&whole, "")?.is_match(t)))
            })
        })],
    },
    Function { names: &["regexp_extract"], overloads: EXTRACT },
    Function {
        names: &["regexp_replace"],
        overloads: &[takes(THREE, Ty::Text, |a, n| {
            let known = Compiled::default();
            try3::<Text, Text, Text, _>(a, n, |t, p, with| {
                replaced(&*known.get(p, "")?, t, with, 1).map(Some)
            })
        })],
    },
    Function {
        names: &["regexp_replace_all"],
        overloads: &[takes(THREE, Ty::Text, |a, n| {
            let known = Compiled::default();
            try3::<Text, Text, Text, _>(a, n, |t, p, with| {
                replaced(&*known.get(p, "")?, t, with, usize::MAX).map(Some)
            })
        })],
    },
];

const LIKE: &[Overload] = &[
    takes(TEXTS, Ty::Bool, |a, n| {
        let known = Patterns::default();
        try2::<Text, Text, _>(a, n, |t, p| Ok(Some(known.get(p, "")?.matches(t))))
    }),
    takes(THREE, Ty::Bool, |a, n| {
        let known = Patterns::default();
        try3::<Text, Text, Text, _>(a, n, |t, p, escape| Ok(Some(known.get(p, escape)?.matches(t))))
    }),
];

const ILIKE: &[Overload] = &[
    takes(TEXTS, Ty::Bool, |a, n| {
        let known = Patterns::default();
        try2::<Text, Text, _>(a, n, |t, p| Ok(Some(known.get(&lower(p), "")?.matches(&lower(t)))))
    }),
    takes(THREE, Ty::Bool, |a, n| {
        let known = Patterns::default();
        try3::<Text, Text, Text, _>(a, n, |t, p, escape| {
            Ok(Some(known.get(&lower(p), &lower(escape))?.matches(&lower(t))))
        })
    }),
];

const MATCHES: &[Overload] = &[
    takes(TEXTS, Ty::Bool, |a, n| {
        let known = Compiled::default();
        try2::<Text, Text, _>(a, n, |t, p| Ok(Some(known.get(p, "")?.is_match(t))))
    }),
    takes(THREE, Ty::Bool, |a, n| {
        let known = Compiled::default();
        try3::<Text, Text, Text, _>(a, n, |t, p, options| {
            Ok(Some(known.get(p, options)?.is_match(t)))
        })
    }),
];

const EXTRACT: &[Overload] = &[
    takes(TEXTS, Ty::Text, |a, n| {
        let known = Compiled::default();
        try2::<Text, Text, _>(a, n, |t, p| extract(&*known.get(p, "")?, t, 0))
    }),
    takes(&[Ty::Text, Ty::Text, Ty::Int], Ty::Text, |a, n| {
        let known = Compiled::default();
        try3::<Text, Text, Int, _>(a, n, |t, p, group| extract(&*known.get(p, "")?, t, group))
    }),
];

fn extract(regex: &Regex, text: &str, group: i64) -> Result<Option<String>, String> {
    let index = usize::try_from(group).ok().filter(|i| *i < regex.captures_len());
    let index = index.ok_or(format!("the pattern has no group {group}"))?;
    let found = regex.captures(text).and_then(|captures| captures.get(index).map(|m| m.as_str()));
    Ok(Some(found.unwrap_or_default().to_string()))
}

/// Replaces the first `limit` matches.
fn replaced(regex: &Regex, text: &str, with: &str, limit: usize) -> Result<String, String> {
    let with = group_syntax(with);
    let (mut out, mut end) = (String::new(), 0);
    for found in regex.captures_iter(text).take(limit) {
        let Some(whole) = found.get(0) else { continue };
        out.push_str(&text[end..whole.start()]);
        found.expand(&with, &mut out);
        end = whole.end();
        fits(out.len())?;
    }
    out.push_str(&text[end..]);
    Ok(out)
}

/// Groups are `\1` in SQL and `${1}` in the regex crate, where a `$` would mean something else.
fn group_syntax(replacement: &str) -> String {
    let mut out = String::with_capacity(replacement.len());
    let mut rest = replacement.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, rest.peek().copied()) {
            ('$', _) => out.push_str("$$"),
            ('\\', Some(digit)) if digit.is_ascii_digit() => {
                out.push_str(&format!("${{{digit}}}"));
                rest.next();
            }
            ('\\', Some('\\')) => {
                out.push('\\');
                rest.next();
            }
            _ => out.push(c),
        }
    }
    out
}

/// The last regular expression that was compiled: usually there is only one.
#[derive(Default)]
struct Compiled(RefCell<Option<(String, String, Arc<Regex>)>>);

impl Compiled {
    fn get(&self, pattern: &str, options: &str) -> Result<Arc<Regex>, String> {
        let mut last = self.0.borrow_mut();
        if let Some((known, with, regex)) = &*last
            && known == pattern
            && with == options
        {
            return Ok(regex.clone());
        }
        let mut builder = RegexBuilder::new(pattern);
        for option in options.chars() {
            match option {
                'c' => builder.case_insensitive(false),
                'i' => builder.case_insensitive(true),
                's' => builder.dot_matches_new_line(true),
                'm' | 'n' | 'p' => builder.multi_line(true),
                other => return Err(format!("unknown option `{other}` of a regular expression")),
            };
        }
        let regex = builder.build().map_err(|error| {
            let text = error.to_string();
            let why = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let pattern = shortened(pattern, 100);
            format!("the regular expression '{pattern}' is not valid: {}", shortened(why, 200))
        })?;
        let regex = Arc::new(regex);
        *last = Some((pattern.to_string(), options.to_string(), regex.clone()));
        Ok(regex)
    }
}

/// The last LIKE pattern that was taken apart.
#[derive(Default)]
struct Patterns(RefCell<Option<(String, String, Arc<Pattern>)>>);

impl Patterns {
    fn get(&self, pattern: &str, escape: &str) -> Result<Arc<Pattern>, String> {
        let mut last = self.0.borrow_mut();
        if let Some((known, with, parts)) = &*last
            && known == pattern
            && with == escape
        {
            return Ok(parts.clone());
        }
        let parts = Arc::new(Pattern::new(pattern, escape)?);
        *last = Some((pattern.to_string(), escape.to_string(), parts.clone()));
        Ok(parts)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Exactly(char),
    One,
    Many,
}

struct Pattern(Vec<Part>);

impl Pattern {
    /// Takes a pattern apart. Without an ESCAPE clause no character escapes.
    fn new(pattern: &str, escape: &str) -> Result<Pattern, String> {
        let mut escapes = escape.chars();
        let escape = escapes.next();
        if escapes.next().is_some() {
            return Err("ESCAPE takes a single character".to_string());
        }
        let mut parts = Vec::new();
        let mut chars = pattern.chars();
        while let Some(c) = chars.next() {
            parts.push(match c {
                _ if Some(c) == escape => match chars.next() {
                    Some(next) => Part::Exactly(next),
                    None => return Err("the pattern ends with its escape character".to_string()),
                },
                '%' => Part::Many,
                '_' => Part::One,
                _ => Part::Exactly(c),
            });
        }
        Ok(Pattern(parts))
    }

    /// Matches greedily, going back to the last `%` only: O(text x pattern) at worst.
    fn matches(&self, text: &str) -> bool {
        let parts = &self.0;
        let mut rest = text.chars();
        let mut at = 0;
        let mut retry: Option<(usize, std::str::Chars<'_>)> = None;
        loop {
            let before = rest.clone();
            let fits = match (parts.get(at), rest.next()) {
                (Some(Part::Many), _) => {
                    at += 1;
                    retry = Some((at, before.clone()));
                    rest = before;
                    continue;
                }
                (None, None) => return true,
                (Some(Part::Exactly(wanted)), Some(c)) => *wanted == c,
                (Some(Part::One), Some(_)) => true,
                (_, None) => return false,
                (None, Some(_)) => false,
            };
            if fits {
                at += 1;
                continue;
            }
            let Some((after, mut from)) = retry.take() else { return false };
            from.next();
            rest = from.clone();
            at = after;
            retry = Some((after, from));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_matches() {
        for (text, pattern, escape, expected) in [
            ("", "", "", true),
            ("", "%", "", true),
            ("abc", "a%", "", true),
            ("abc", "%c", "", true),
            ("abc", "%b%", "", true),
            ("abc", "_b_", "", true),
            ("abc", "_b", "", false),
            ("aXbXc", "a%X_", "", true),
            ("mississippi", "%iss%ip%", "", true),
            ("mississippi", "m%iss%x%", "", false),
            ("a%b", "a!%b", "!", true),
            ("axb", "a!%b", "!", false),
            ("é", "_", "", true),
        ] {
            let parts = Pattern::new(pattern, escape).unwrap();
            assert_eq!(parts.matches(text), expected, "{text} like {pattern}");
        }
        assert!(Pattern::new("a!", "!").is_err());
        assert!(Pattern::new("a", "!!").is_err());
    }
}
