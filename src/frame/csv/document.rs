//! One file of a source: its text, its columns by name, its cells, and which line a row stands on.
//! It does not know types or values.

use std::{io::Read, ops::Range};

use super::{
    bytes,
    dialect::{Delimiter, Options},
    error::CsvError,
    sniff::{self, Layout},
    split::{self, Cells, Unclosed, record, unquote},
};

/// Most columns of a file, as many as a sheet of Excel has. What is known of a column is kept for every chunk of rows, and
/// writing Parquet takes buffers for each, so that a line of a million delimiters would cost tens of gigabytes.
pub const MAX_COLUMNS: usize = 16_384;

/// A file, decoded, with the place of every record known.
#[derive(Debug)]
pub struct Document {
    /// What to call it in messages.
    pub file: String,
    /// Its text.
    pub text: String,
    /// What it was encoded in.
    pub encoding: &'static str,
    /// What stands between its fields.
    pub delimiter: Delimiter,
    /// Its columns' names, in its own order.
    pub names: Vec<String>,
    /// Positions (from 1) of columns that the header leaves unnamed.
    pub unnamed: Vec<usize>,
    /// Ranges of whole records.
    pub ranges: Vec<Range<usize>>,
}

impl Document {
    /// Reads a file as far as its header and the places of its records.
    ///
    /// # Errors
    /// If it is empty, is no delimited text, or its header does not name columns.
    pub fn open(file: &str, reader: impl Read, options: &Options) -> Result<Document, CsvError> {
        let decoded = bytes::decode(file, reader, options.encoding)?;
        let mut text = decoded.text;
        let own = || file.to_string();
        if let Some(at) = memchr::memchr(0, text.as_bytes()) {
            return Err(CsvError::Nul { file: own(), line: line_of(&text, at) });
        }
        if text.trim().is_empty() {
            return Err(CsvError::Empty { file: own() });
        }
        if !text.contains('\n') && text.contains('\r') {
            text = text.replace('\r', "\n");
        }
        let delimiter = match (options.delimiter, sniff::layout(&text)) {
            (Some(delimiter), _) => delimiter,
            (None, Layout::Delimited(byte)) => Delimiter::Byte(byte),
            (None, Layout::SingleColumn) => Delimiter::Byte(b','),
            (None, Layout::Aligned(fields)) => {
                return Err(CsvError::FixedWidth { file: own(), fields });
            }
        };
        if delimiter == Delimiter::Whitespace {
            text = sniff::blanks_to_tabs(&text);
        }
        let unclosed = |text: &str, at: Unclosed| CsvError::UnclosedQuote {
            file: own(),
            line: line_of(text, at.0),
        };
        let byte = separator(delimiter);
        let (fields, start, after) = first_record(&text, byte).map_err(|at| unclosed(&text, at))?;
        if fields.len() > MAX_COLUMNS {
            return Err(CsvError::TooWide { file: own(), found: fields.len() });
        }
        let (names, unnamed) = names(file, fields, options.header)?;
        let start = if options.header { after } else { start };
        let ranges =
            split::chunks(text.as_bytes(), start, byte).map_err(|at| unclosed(&text, at))?;
        // A text of more than 2 GiB has no place in a column.
        if let Some(range) = ranges.iter().find(|r| i32::try_from(r.len()).is_err()) {
            let what = format!("a row near line {}", line_of(&text, range.start));
            return Err(CsvError::TooLarge { file: own(), what });
        }
        let encoding = decoded.encoding.name();
        Ok(Document { file: own(), text, encoding, delimiter, names, unnamed, ranges })
    }

    /// Finds the cells of one of the ranges.
    ///
    /// # Errors
    /// If a quoted field is never closed.
    pub fn cells(&self, range: Range<usize>) -> Result<Cells, CsvError> {
        Cells::find(self.text.as_bytes(), range, separator(self.delimiter), self.names.len())
            .map_err(|at| CsvError::UnclosedQuote {
                file: self.file.clone(),
                line: self.line(at.0),
            })
    }

    /// Returns the line (from 1) on which an offset stands.
    pub fn line(&self, offset: usize) -> usize {
        line_of(&self.text, offset)
    }
}

fn separator(delimiter: Delimiter) -> u8 {
    match delimiter {
        Delimiter::Byte(byte) => byte,
        Delimiter::Whitespace => b'\t',
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + memchr::memchr_iter(b'\n', &text.as_bytes()[..offset.min(text.len())]).count()
}

/// Returns the fields of the first record that is not blank, where it starts and where the next does.
fn first_record(text: &str, delimiter: u8) -> Result<(Vec<String>, usize, usize), Unclosed> {
    let mut at = 0;
    loop {
        let (start, mut from, mut fields) = (at, at, Vec::new());
        at = record(text.as_bytes(), start, delimiter, |end| {
            fields.push(unquote(text.get(from..end).unwrap_or_default()).trim().to_string());
            from = end + 1;
        })?;
        if at >= text.len() || !split::is_blank(text.as_bytes(), start..at, delimiter) {
            return Ok((fields, start, at));
        }
    }
}

/// Names are kept as written, without blanks at their ends. A column without a name (as the index that
/// pandas writes) is called by its position.
fn names(
    file: &str,
    fields: Vec<String>,
    header: bool,
) -> Result<(Vec<String>, Vec<usize>), CsvError> {
    let mut unnamed = Vec::new();
    let mut names: Vec<String> = Vec::with_capacity(fields.len());
    for (i, field) in fields.into_iter().enumerate() {
        if header && field.is_empty() {
            unnamed.push(i + 1);
        }
        let named = header && !field.is_empty();
        names.push(if named { field } else { format!("column_{}", i + 1) });
    }
    let mut sorted: Vec<usize> = (0..names.len()).collect();
    sorted.sort_by(|&a, &b| names[a].cmp(&names[b]).then(a.cmp(&b)));
    let twice = sorted.windows(2).filter(|pair| names[pair[0]] == names[pair[1]]);
    match twice.map(|pair| (pair[1], pair[0])).min() {
        None => Ok((names, unnamed)),
        Some((second, first)) => Err(CsvError::DuplicateHeader {
            file: file.to_string(),
            name: names[first].clone(),
            first: first + 1,
            second: second + 1,
        }),
    }
}
