//! Guesses the delimiter from the beginning of a text. It does not know types.

use super::split::{is_blank, record};

/// Bytes looked at.
const SAMPLE_BYTES: usize = 1 << 16;
/// Records looked at.
const SAMPLE_RECORDS: usize = 200;
/// In the order in which ties are decided.
const CANDIDATES: [u8; 4] = [b',', b';', b'\t', b'|'];

/// What the beginning of a text looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Fields with this between them.
    Delimited(u8),
    /// One field a line.
    SingleColumn,
    /// This many values in every line, with nothing but blanks between them.
    Aligned(usize),
}

/// Returns the candidate (`,`, `;`, tab, `|`) that cuts the most records into as many fields as the
/// first one; among equals the one that gives more fields.
pub fn layout(text: &str) -> Layout {
    let best = CANDIDATES
        .into_iter()
        .filter_map(|delimiter| {
            let counts = field_counts(text.as_bytes(), delimiter);
            let first = *counts.first().filter(|&&n| n > 1)?;
            let alike = counts.iter().filter(|&&n| n == first).count();
            // As parts of a million, so that candidates with different numbers of records compare.
            Some((alike * 1_000_000 / counts.len(), first, delimiter))
        })
        .reduce(|best, next| if (next.0, next.1) > (best.0, best.1) { next } else { best });
    match best {
        Some((.., delimiter)) => Layout::Delimited(delimiter),
        None => aligned(text).map_or(Layout::SingleColumn, Layout::Aligned),
    }
}

fn field_counts(text: &[u8], delimiter: u8) -> Vec<usize> {
    let (mut counts, mut at) = (Vec::new(), 0);
    while at < text.len() && counts.len() < SAMPLE_RECORDS {
        let (start, mut n) = (at, 0);
        match record(text, at, delimiter, |_| n += 1) {
            Ok(next) => at = next,
            Err(_) => break,
        }
        if !is_blank(text, start..at, delimiter) {
            counts.push(n);
        }
        if at > SAMPLE_BYTES {
            break;
        }
    }
    counts
}

fn aligned(text: &str) -> Option<usize> {
    let lines = text.lines().filter(|line| !line.trim().is_empty()).take(SAMPLE_RECORDS);
    let counts: Vec<usize> = lines.map(|line| line.split_whitespace().count()).collect();
    let first = *counts.first()?;
    (first > 1 && counts.len() > 1 && counts.iter().all(|&n| n == first)).then_some(first)
}

/// Rewrites runs of blanks outside quotes to one tab and drops those at the ends of lines; lines stay
/// where they are. A text may come in pieces.
#[derive(Debug)]
pub struct Blanks {
    quoted: bool,
    gap: bool,
    at_start: bool,
}

impl Default for Blanks {
    fn default() -> Blanks {
        Blanks { quoted: false, gap: false, at_start: true }
    }
}

impl Blanks {
    /// Rewrites the next piece.
    pub fn rewrite(&mut self, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len());
        for &b in text {
            match b {
                b' ' | b'\t' if !self.quoted => self.gap = true,
                b'\n' if !self.quoted => {
                    out.push(b);
                    (self.gap, self.at_start) = (false, true);
                }
                b'\r' if !self.quoted => {}
                _ => {
                    if self.gap && !self.at_start {
                        out.push(b'\t');
                    }
                    (self.gap, self.at_start) = (false, false);
                    self.quoted ^= b == b'"';
                    out.push(b);
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters_are_found() {
        let cases = [
            ("a,b\n1,2\n", Layout::Delimited(b',')),
            ("a;b\n1,5;2,5\n", Layout::Delimited(b';')),
            ("a\tb c\n1\t2, 3\n", Layout::Delimited(b'\t')),
            ("a|b\n1|2\n", Layout::Delimited(b'|')),
            ("\"x;y;z\",b\n\"1;2;3\",2\n", Layout::Delimited(b',')),
            ("a,b,c\n1,2\n1,2,3\n", Layout::Delimited(b',')),
            ("name\nJohn Smith\n", Layout::SingleColumn),
            ("x\n1\n", Layout::SingleColumn),
            (" 00004 0001  2   29.33\n 00004 0001 12  129.33\n", Layout::Aligned(4)),
            ("", Layout::SingleColumn),
        ];
        for (text, expected) in cases {
            assert_eq!(layout(text), expected, "{text:?}");
        }
    }

    #[test]
    fn blanks_become_tabs() {
        let text = b"  a  b \r\n\n\"x  y\" 2\n";
        for cut in 0..text.len() {
            let mut blanks = Blanks::default();
            let parts = [blanks.rewrite(&text[..cut]), blanks.rewrite(&text[cut..])].concat();
            assert_eq!(parts, b"a\tb\n\n\"x  y\"\t2\n", "{cut}");
        }
    }
}
