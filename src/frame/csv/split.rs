//! Records and fields of delimited text by RFC 4180: quotes, doubled quotes, newlines within quotes.
//! Fields stay where they are: what comes out are positions in the text. It does not know types.
//!
//! Read as the `csv` crate reads (a test holds them against each other): a quote opens only at the
//! start of a field, what follows a closing quote belongs to the field as it stands. Two differences:
//! a quote that is never closed is an error, and a carriage return that ends no line is kept.

use std::{borrow::Cow, ops::Range};

use memchr::memchr;

/// A quoted field opens at this offset and never ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unclosed(pub usize);

/// Rows at which a chunk is cut; small, so that a chunk's cells stay in the processor's cache between
/// finding and reading them. No result depends on it.
const CHUNK_ROWS: usize = 8_192;
/// Bytes at which a chunk is cut at the latest, for very wide rows.
const CHUNK_BYTES: usize = 4 << 20;

/// Finds the end of the record that starts at `at`. Calls `field` with the end of each field and
/// returns where the next record starts.
///
/// # Errors
/// [`Unclosed`].
pub fn record(
    text: &[u8],
    at: usize,
    delimiter: u8,
    mut field: impl FnMut(usize),
) -> Result<usize, Unclosed> {
    let mut pos = at;
    loop {
        let start = pos;
        if text.get(pos) == Some(&b'"') {
            pos = closing_quote(text, pos)?;
        }
        match field_end(text, pos, delimiter) {
            Some(end) if text[end] == delimiter => {
                field(end);
                pos = end + 1;
            }
            Some(end) => {
                field(without_cr(text, start, end));
                return Ok(end + 1);
            }
            None => {
                field(without_cr(text, start, text.len()));
                return Ok(text.len());
            }
        }
    }
}

/// Finds the next delimiter or line end. Fields are a few bytes long, for which eight bytes at a time in one register
/// are quicker than a call that prepares for hundreds.
fn field_end(text: &[u8], from: usize, delimiter: u8) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const TOPS: u64 = ONES << 7;
    // The lowest byte that is zero has its top bit set; bytes above it may have it by mistake.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & TOPS;
    let (delimiters, ends) = (ONES * u64::from(delimiter), ONES * u64::from(b'\n'));
    let mut at = from;
    while let Some(word) = text.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*word);
        let found = zeros(word ^ delimiters) | zeros(word ^ ends);
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let rest = text.get(at..).unwrap_or_default();
    rest.iter().position(|&b| b == delimiter || b == b'\n').map(|i| at + i)
}

fn without_cr(text: &[u8], start: usize, end: usize) -> usize {
    if end > start && text[end - 1] == b'\r' { end - 1 } else { end }
}

/// Returns the offset behind the quote that closes the one at `open`.
fn closing_quote(text: &[u8], open: usize) -> Result<usize, Unclosed> {
    let mut pos = open + 1;
    loop {
        let rest = text.get(pos..).unwrap_or_default();
        pos += memchr(b'"', rest).ok_or(Unclosed(open))? + 1;
        if text.get(pos) != Some(&b'"') {
            return Ok(pos);
        }
        pos += 1;
    }
}

/// Returns what a raw field says: without its quotes, doubled quotes single.
pub fn unquote(raw: &str) -> Cow<'_, str> {
    let Some(inner) = raw.strip_prefix('"') else { return Cow::Borrowed(raw) };
    match inner.find('"') {
        Some(i) if i + 1 == inner.len() => Cow::Borrowed(&inner[..i]),
        None => Cow::Borrowed(inner),
        Some(_) => {
            let mut text = String::with_capacity(inner.len());
            let mut rest = inner;
            while let Some(i) = rest.find('"') {
                text.push_str(&rest[..i]);
                rest = &rest[i + 1..];
                match rest.strip_prefix('"') {
                    Some(after) => {
                        text.push('"');
                        rest = after;
                    }
                    None => break,
                }
            }
            text.push_str(rest);
            Cow::Owned(text)
        }
    }
}

/// Returns true for a line that holds nothing.
pub fn is_blank(text: &[u8], line: Range<usize>, delimiter: u8) -> bool {
    let line = text.get(line).unwrap_or_default();
    line.iter().all(|b| b.is_ascii_whitespace() && *b != delimiter)
}

/// Cuts `text[start..]` into ranges of whole records. Where more of the text is to come (`ended` is false), a last
/// record that no line end closes is left over.
///
/// # Errors
/// [`Unclosed`], in a text that has ended.
pub fn chunks(
    text: &[u8],
    start: usize,
    delimiter: u8,
    ended: bool,
) -> Result<Vec<Range<usize>>, Unclosed> {
    let quoted = memchr(b'"', text.get(start..).unwrap_or_default()).is_some();
    let (mut ranges, mut from, mut at, mut rows) = (Vec::new(), start, start, 0);
    while at < text.len() {
        let next = if quoted {
            record(text, at, delimiter, |_| {})
        } else {
            Ok(memchr(b'\n', &text[at..]).map_or(text.len(), |i| at + i + 1))
        };
        // A quoted line end leaves its quote open, so the last byte tells whether the record is whole.
        let is_whole = matches!(next, Ok(next) if text.get(next - 1) == Some(&b'\n'));
        if !ended && !is_whole {
            break;
        }
        at = next?;
        rows += 1;
        if rows == CHUNK_ROWS || at - from >= CHUNK_BYTES {
            ranges.push(from..at);
            (from, rows) = (at, 0);
        }
    }
    if at > from {
        ranges.push(from..at);
    }
    Ok(ranges)
}

/// A row whose number of fields is not that of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ragged {
    /// Where it starts in the text.
    pub offset: usize,
    /// How many fields it has.
    pub found: usize,
}

/// The cells of a chunk as positions in the text.
#[derive(Debug, Default)]
pub struct Cells {
    base: usize,
    n_columns: usize,
    /// For each row its start and the end of each field, relative to `base`.
    marks: Vec<u32>,
    /// Rows that are left out because they have another number of fields.
    pub ragged: Vec<Ragged>,
}

impl Cells {
    /// Finds the cells of `range`, which holds whole records of less than 4 GiB in all. Blank lines
    /// are no rows.
    ///
    /// # Errors
    /// [`Unclosed`].
    pub fn find(
        text: &[u8],
        range: Range<usize>,
        delimiter: u8,
        n_columns: usize,
    ) -> Result<Cells, Unclosed> {
        let (base, end) = (range.start, range.end);
        let text = &text[..end];
        let mut cells = Cells { base, n_columns, ..Cells::default() };
        let mut at = base;
        while at < end {
            let (start, before) = (at, cells.marks.len());
            cells.marks.push((start - base) as u32);
            at = record(text, start, delimiter, |end| cells.marks.push((end - base) as u32))?;
            let found = cells.marks.len() - before - 1;
            let blank = found == 1 && is_blank(text, start..at, delimiter);
            if blank || found != n_columns {
                cells.marks.truncate(before);
            }
            if !blank && found != n_columns {
                cells.ragged.push(Ragged { offset: start, found });
            }
        }
        Ok(cells)
    }

    /// Returns the number of rows.
    pub fn n_rows(&self) -> usize {
        self.marks.len() / (self.n_columns + 1)
    }

    /// Returns where row `row` starts in the text.
    pub fn offset(&self, row: usize) -> usize {
        self.marks.get(row * (self.n_columns + 1)).map_or(self.base, |&m| self.base + m as usize)
    }

    /// Returns where the field of row `row` in `column` (its position in the file) starts in the text.
    pub fn field_start(&self, row: usize, column: usize) -> usize {
        let marks = &self.marks[row * (self.n_columns + 1)..];
        let before = marks.get(column).map_or(self.base, |&m| self.base + m as usize);
        if column == 0 { before } else { before + 1 }
    }

    /// Returns the raw field of row `row` in `column` (its position in the file).
    pub fn field<'a>(&self, text: &'a str, row: usize, column: usize) -> &'a str {
        let end = self.marks.get(row * (self.n_columns + 1) + column + 1);
        let end = self.base + end.map_or(0, |&m| m as usize);
        text.get(self.field_start(row, column)..end).unwrap_or_default()
    }

    /// Returns the raw fields of `column` (its position in the file), row by row.
    pub fn column<'a>(&'a self, text: &'a str, column: usize) -> impl Iterator<Item = &'a str> {
        self.marks.chunks_exact(self.n_columns + 1).map(move |marks| {
            let before = self.base + marks[column] as usize;
            // A row's first mark is the start itself, the others are ends that a delimiter follows.
            let start = if column == 0 { before } else { before + 1 };
            text.get(start..self.base + marks[column + 1] as usize).unwrap_or_default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let (mut start, mut fields) = (at, Vec::new());
            at = record(text.as_bytes(), at, b',', |end| {
                fields.push(unquote(&text[start..end]).into_owned());
                start = end + 1;
            })
            .unwrap();
            rows.push(fields);
        }
        rows
    }

    #[test]
    fn quotes_newlines_and_line_ends() {
        assert_eq!(
            rows("a,\"b,\"\"c\"\"\n d\"\r\n,x\n"),
            [vec!["a", "b,\"c\"\n d"], vec!["", "x"]]
        );
        assert_eq!(rows("5\" disk,\"a\"b\n\"\""), [vec!["5\" disk", "ab"], vec![""]]);
        assert_eq!(record(b"a,\"b\n", 0, b',', |_| {}), Err(Unclosed(2)));
    }

    #[test]
    fn agrees_with_the_csv_crate_on_random_texts() {
        let alphabet = [",", "\"", "\n", "a", "bc", " ", "\"\"", "é", "\r\n", ",\"", "\","];
        let mut compared = 0;
        for seed in 0..4_000 {
            let mut state: u64 = seed * 2 + 1;
            let mut below = |n: usize| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 33) as usize % n
            };
            let length = 1 + below(24);
            let text: String = (0..length).map(|_| alphabet[below(alphabet.len())]).collect();
            let Ok(ranges) = chunks(text.as_bytes(), 0, b',', true) else { continue };
            assert_eq!(ranges.last().map(|r| r.end), Some(text.len()), "{text:?}");
            let ours: Vec<Vec<String>> =
                rows(&text).into_iter().filter(|r| r.len() > 1 || !r[0].is_empty()).collect();
            let theirs: Vec<Vec<String>> = csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .from_reader(text.as_bytes())
                .records()
                .map(|r| r.unwrap().iter().map(str::to_string).collect())
                .filter(|r: &Vec<String>| r.len() > 1 || !r[0].is_empty())
                .collect();
            assert_eq!(ours, theirs, "seed {seed}: {text:?}");
            compared += 1;
        }
        assert!(compared > 1_000, "{compared}");
    }

    #[test]
    fn chunks_hold_whole_records_and_cells_find_them() {
        let row = "1,\"x\ny\",3\n";
        let text = row.repeat(20_000) + "\n1,2\n";
        let ranges = chunks(text.as_bytes(), 0, b',', true).unwrap();
        assert!(ranges.len() > 2);
        let cells: Vec<_> =
            ranges.into_iter().map(|r| Cells::find(text.as_bytes(), r, b',', 3).unwrap()).collect();
        assert_eq!(cells.iter().map(Cells::n_rows).sum::<usize>(), 20_000);
        let last = cells.last().unwrap();
        assert_eq!(last.ragged, [Ragged { offset: text.len() - 4, found: 2 }]);
        assert!(last.column(&text, 1).all(|c| c == "\"x\ny\""));
        assert!(last.column(&text, 2).all(|c| c == "3"));
    }
}
