//! Text functions. Positions and lengths count characters (Unicode scalar values), from 1.
//! It does not know columns: closures see one row's values.

use crate::frame::expr::{
    column::{Int, Text, map1, map2, map3, try_all, try1, try2, try3},
    functions::{Function, Overload, repeats, takes},
    types::Ty,
};

const TEXT: &[Ty] = &[Ty::Text];
const TEXTS: &[Ty] = &[Ty::Text, Ty::Text];
const TEXT_INT: &[Ty] = &[Ty::Text, Ty::Int];
const TEXT_INTS: &[Ty] = &[Ty::Text, Ty::Int, Ty::Int];
const PAD: &[Ty] = &[Ty::Text, Ty::Int, Ty::Text];

/// Longest text that padding and repeating make: a wrong column would fill the memory otherwise.
const MAX_LENGTH: i64 = 1 << 20;

/// The functions of this family.
pub static FUNCTIONS: &[Function] = &[
    Function {
        names: &["lower", "lcase"],
        overloads: &[takes(TEXT, Ty::Text, |a, n| map1::<Text, _>(a, n, lower))],
    },
    Function {
        names: &["upper", "ucase"],
        overloads: &[takes(TEXT, Ty::Text, |a, n| map1::<Text, _>(a, n, upper))],
    },
    Function {
        names: &["length", "len", "char_length", "character_length"],
        overloads: &[takes(TEXT, Ty::Int, |a, n| map1::<Text, _>(a, n, length))],
    },
    Function {
        names: &["strlen"],
        overloads: &[takes(TEXT, Ty::Int, |a, n| map1::<Text, _>(a, n, |t| t.len() as i64))],
    },
    Function { names: &["trim"], overloads: TRIM },
    Function { names: &["ltrim"], overloads: LTRIM },
    Function { names: &["rtrim"], overloads: RTRIM },
    Function { names: &["substring", "substr"], overloads: SUBSTRING },
    Function {
        names: &["left"],
        overloads: &[takes(TEXT_INT, Ty::Text, |a, n| {
            map2::<Text, Int, _>(a, n, |t, k| {
                let k = if k < 0 { (length(t) + k).max(0) } else { k };
                chars(t, 0, k)
            })
        })],
    },
    Function {
        names: &["right"],
        overloads: &[takes(TEXT_INT, Ty::Text, |a, n| {
            map2::<Text, Int, _>(a, n, |t, k| {
                let all = length(t);
                let skipped = if k < 0 { k.saturating_neg() } else { (all - k).max(0) };
                chars(t, skipped, all)
            })
        })],
    },
    Function {
        names: &["replace"],
        overloads: &[takes(&[Ty::Text, Ty::Text, Ty::Text], Ty::Text, |a, n| {
            try3::<Text, Text, Text, _>(a, n, |t, from, to| {
                if from.is_empty() {
                    return Ok(Some(t.to_string()));
                }
                let grown =
                    t.matches(from).count().saturating_mul(to.len().saturating_sub(from.len()));
                fits(t.len().saturating_add(grown))?;
                Ok(Some(t.replace(from, to)))
            })
        })],
    },
    Function {
        names: &["contains"],
        overloads: &[takes(TEXTS, Ty::Bool, |a, n| {
            map2::<Text, Text, _>(a, n, |t, p| t.contains(p))
        })],
    },
    Function {
        names: &["starts_with", "prefix"],
        overloads: &[takes(TEXTS, Ty::Bool, |a, n| {
            map2::<Text, Text, _>(a, n, |t, p| t.starts_with(p))
        })],
    },
    Function {
        names: &["ends_with", "suffix"],
        overloads: &[takes(TEXTS, Ty::Bool, |a, n| {
            map2::<Text, Text, _>(a, n, |t, p| t.ends_with(p))
        })],
    },
    Function {
        names: &["strpos", "instr", "position"],
        overloads: &[takes(TEXTS, Ty::Int, |a, n| {
            map2::<Text, Text, _>(a, n, |t, p| t.find(p).map_or(0, |at| length(&t[..at]) + 1))
        })],
    },
    Function {
        names: &["split_part"],
        overloads: &[takes(&[Ty::Text, Ty::Text, Ty::Int], Ty::Text, |a, n| {
            map3::<Text, Text, Int, _>(a, n, split_part)
        })],
    },
    Function {
        names: &["||"],
        overloads: &[takes(TEXTS, Ty::Text, |a, n| {
            try2::<Text, Text, _>(a, n, |x, y| joined([x, y].into_iter(), "").map(Some))
        })],
    },
    Function {
        names: &["concat"],
        overloads: &[repeats(TEXT, Ty::Text, |a, n| {
            try_all::<Text, String>(a, n, |parts| joined(parts.flatten(), "").map(Some))
        })],
    },
    Function {
        names: &["concat_ws"],
        overloads: &[repeats(TEXTS, Ty::Text, |a, n| {
            try_all::<Text, String>(a, n, |parts| match parts.next().flatten() {
                Some(separator) => joined(parts.flatten(), separator).map(Some),
                None => Ok(None),
            })
        })],
    },
    Function {
        names: &["lpad"],
        overloads: &[takes(PAD, Ty::Text, |a, n| {
            try3::<Text, Int, Text, _>(a, n, |t, width, with| {
                Ok(Some(padding(t, width, with)?.map_or_else(|| chars(t, 0, width), |pad| pad + t)))
            })
        })],
    },
    Function {
        names: &["rpad"],
        overloads: &[takes(PAD, Ty::Text, |a, n| {
            try3::<Text, Int, Text, _>(a, n, |t, width, with| {
                let pad = padding(t, width, with)?;
                Ok(Some(pad.map_or_else(|| chars(t, 0, width), |pad| t.to_string() + &pad)))
            })
        })],
    },
    Function {
        names: &["repeat"],
        overloads: &[takes(TEXT_INT, Ty::Text, |a, n| {
            try2::<Text, Int, _>(a, n, |t, times| {
                let times = times.max(0);
                if (t.len() as i64).saturating_mul(times) > MAX_LENGTH {
                    return Err("the repeated text is too long".to_string());
                }
                Ok(Some(t.repeat(usize::try_from(times).unwrap_or(0))))
            })
        })],
    },
    Function {
        names: &["reverse"],
        overloads: &[takes(TEXT, Ty::Text, |a, n| {
            map1::<Text, String>(a, n, |t| t.chars().rev().collect())
        })],
    },
    Function {
        names: &["ascii", "unicode", "ord"],
        overloads: &[takes(TEXT, Ty::Int, |a, n| {
            map1::<Text, _>(a, n, |t| t.chars().next().map_or(0, |c| i64::from(u32::from(c))))
        })],
    },
    Function {
        names: &["chr"],
        overloads: &[takes(&[Ty::Int], Ty::Text, |a, n| {
            try1::<Int, _>(a, n, |code| {
                let known = u32::try_from(code).ok().and_then(char::from_u32);
                known.map(|c| Some(c.to_string())).ok_or(format!("there is no character {code}"))
            })
        })],
    },
];

const TRIM: &[Overload] = &[
    takes(TEXT, Ty::Text, |a, n| map1::<Text, _>(a, n, |t| t.trim_matches(' ').to_string())),
    takes(TEXTS, Ty::Text, |a, n| {
        map2::<Text, Text, _>(a, n, |t, set| t.trim_matches(|c| set.contains(c)).to_string())
    }),
];

const LTRIM: &[Overload] = &[
    takes(TEXT, Ty::Text, |a, n| map1::<Text, _>(a, n, |t| t.trim_start_matches(' ').to_string())),
    takes(TEXTS, Ty::Text, |a, n| {
        map2::<Text, Text, _>(a, n, |t, set| t.trim_start_matches(|c| set.contains(c)).to_string())
    }),
];

const RTRIM: &[Overload] = &[
    takes(TEXT, Ty::Text, |a, n| map1::<Text, _>(a, n, |t| t.trim_end_matches(' ').to_string())),
    takes(TEXTS, Ty::Text, |a, n| {
        map2::<Text, Text, _>(a, n, |t, set| t.trim_end_matches(|c| set.contains(c)).to_string())
    }),
];

const SUBSTRING: &[Overload] = &[
    takes(TEXT_INT, Ty::Text, |a, n| {
        map2::<Text, Int, _>(a, n, |t, start| substring(t, start, i64::MAX))
    }),
    takes(TEXT_INTS, Ty::Text, |a, n| map3::<Text, Int, Int, _>(a, n, substring)),
];

/// Longest text that joining and replacing make. Columns that double one another would fill the memory in thirty lines.
pub const MAX_GROWN: usize = 1 << 24;

/// Checks the length, in bytes, of a text that is about to be made.
pub fn fits(n_bytes: usize) -> Result<(), String> {
    match n_bytes <= MAX_GROWN {
        true => Ok(()),
        false => Err(format!("the text would be longer than {} MiB", MAX_GROWN >> 20)),
    }
}

fn joined<'a>(parts: impl Iterator<Item = &'a str>, separator: &str) -> Result<String, String> {
    let mut text = String::new();
    for (i, part) in parts.enumerate() {
        fits(text.len() + separator.len() + part.len())?;
        if i > 0 {
            text.push_str(separator);
        }
        text.push_str(part);
    }
    Ok(text)
}

fn length(text: &str) -> i64 {
    text.chars().count() as i64
}

/// Returns the characters `from..to`, counted from 0.
fn chars(text: &str, from: i64, to: i64) -> String {
    let from = usize::try_from(from.max(0)).unwrap_or(usize::MAX);
    let to = usize::try_from(to.max(0)).unwrap_or(usize::MAX);
    text.chars().skip(from).take(to.saturating_sub(from)).collect()
}

/// A negative start counts from the end, a negative length takes what stands before the start.
fn substring(text: &str, start: i64, count: i64) -> String {
    let start = if start < 0 { length(text).saturating_add(start) } else { start - 1 };
    let end = start.saturating_add(count);
    chars(text, start.min(end), start.max(end))
}

/// Part `k` from 1; from the end if negative; an empty text where there is none.
fn split_part(text: &str, separator: &str, k: i64) -> String {
    let parts: Vec<String> = if separator.is_empty() {
        text.chars().map(String::from).collect()
    } else {
        text.split(separator).map(String::from).collect()
    };
    let n = parts.len() as i64;
    let index = if k < 0 { n.saturating_add(k) } else { k - 1 };
    usize::try_from(index).ok().and_then(|i| parts.get(i)).cloned().unwrap_or_default()
}

/// Returns what fills `text` up to `width`; `None` if it is too long already.
fn padding(text: &str, width: i64, with: &str) -> Result<Option<String>, String> {
    let missing = width.saturating_sub(length(text));
    if missing < 0 {
        return Ok(None);
    }
    if missing > MAX_LENGTH {
        return Err("the padded text is too long".to_string());
    }
    if with.is_empty() && missing > 0 {
        return Err("there is nothing to pad with".to_string());
    }
    Ok(Some(with.chars().cycle().take(usize::try_from(missing).unwrap_or(0)).collect()))
}

/// Maps each character to its one lower-case character, as DuckDB does: lengths never change.
pub fn lower(text: &str) -> String {
    text.chars().map(|c| c.to_lowercase().next().unwrap_or(c)).collect()
}

/// Maps each character to its one upper-case character; one that would become several stays as it is.
pub fn upper(text: &str) -> String {
    let one = |c: char| {
        let mut upper = c.to_uppercase();
        match (c, upper.next(), upper.next()) {
            ('ß', ..) => 'ẞ',
            (_, Some(single), None) => single,
            _ => c,
        }
    };
    text.chars().map(one).collect()
}
