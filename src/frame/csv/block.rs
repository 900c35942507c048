//! A chunk of records: its cells found, looked at and read. It does not know what other chunks hold.

use std::ops::Range;

use arrow::{
    array::{ArrayRef, BooleanArray},
    compute,
};

use super::{
    build::{Reading, is_null},
    dialect::{BadRows, Declared, Delimiter, Options},
    error::CsvError,
    infer::{ColumnType, Seen},
    split::{Cells, unquote},
    text::newlines,
    values::trim,
};

/// How to read chunks.
pub struct Plan<'a> {
    /// Names of the columns.
    pub names: &'a [String],
    /// Their types; `None` to look only.
    pub types: Option<&'a [ColumnType]>,
    /// Which columns nobody needs to look at.
    pub known: Vec<bool>,
    /// How to read.
    pub options: &'a Options,
}

/// What a chunk holds.
#[derive(Debug)]
pub struct Block {
    /// Line ends in it.
    pub n_lines: usize,
    /// Rows, those that do not fit left out.
    pub n_rows: usize,
    /// For each of them how many lines below the chunk's start it stands, if not one after the other.
    pub lines: Option<Vec<u32>>,
    /// Rows of another length: the line below the chunk's start, and the number of fields.
    pub ragged: Vec<(usize, usize)>,
    /// How many rows have a value that is not of a declared type.
    pub n_misfits: usize,
    /// The first value of each of them; of the first row alone, unless all are to be told.
    pub misfits: Vec<Misfit>,
    /// What the values look like.
    pub seen: Vec<Seen>,
    /// The values, if there were types to read them by.
    pub columns: Vec<ArrayRef>,
}

/// A value that is not of its column's type.
#[derive(Debug)]
pub struct Misfit {
    /// The row of the chunk, those that do not fit counted.
    pub row: usize,
    /// The line below the chunk's start.
    pub line: usize,
    /// The character in that line, from 1.
    pub character: Option<usize>,
    /// Which column.
    pub column: usize,
    /// What it says.
    pub value: String,
}

impl Plan<'_> {
    /// Reads the chunk `range` of `text`; `order` says where each column stands in it.
    ///
    /// # Errors
    /// If a quoted field is never closed, which the caller has ruled out.
    pub fn read(
        &self,
        text: &str,
        range: Range<usize>,
        separator: u8,
        order: &[usize],
    ) -> Result<Block, CsvError> {
        let bytes = text.as_bytes();
        let cells = Cells::find(bytes, range.clone(), separator, order.len())
            .map_err(|_| CsvError::UnclosedQuote { file: String::new(), line: 0 })?;
        let n_rows = cells.n_rows();
        let n_lines = newlines(&bytes[range.clone()]);
        let one_by_one = cells.ragged.is_empty()
            && (n_rows == n_lines
                || (n_rows == n_lines + 1 && !bytes[range.clone()].ends_with(b"\n")));
        let lines = (!one_by_one).then(|| lines(bytes, range.start, &cells));
        let line_of = |row: usize| lines.as_ref().map_or(row, |lines| lines[row] as usize);
        let mut seen = vec![Seen::default(); order.len()];
        let mut columns = Vec::new();
        let mut misfits: Vec<(usize, usize)> = Vec::new();
        for (j, &place) in order.iter().enumerate() {
            let watched = (!self.known[j]).then_some(&mut seen[j]);
            match self.types {
                None => {
                    if let Some(seen) = watched {
                        self.look(&cells, text, place, seen);
                    }
                }
                Some(types) => {
                    let declared = self.options.types.get(&self.names[j]);
                    let reading = Reading {
                        column_type: types[j],
                        declared: declared.is_some(),
                        numbers: self.options.numbers,
                        null_values: &self.options.null_values,
                    };
                    let column = reading.column(cells.column(text, place), n_rows, watched);
                    if declared.is_some() {
                        misfits.extend(column.misfits.into_iter().map(|row| (row, j)));
                    }
                    columns.push(column.values);
                }
            }
        }
        misfits.sort_unstable();
        misfits.dedup_by_key(|(row, _)| *row);
        let tells = self.options.bad_rows == BadRows::Tell;
        let shown = if tells { misfits.len() } else { misfits.len().min(1) };
        let placed = |&(row, j): &(usize, usize)| {
            let value = cells.field(text, row, order[j]);
            let (start, at) = (cells.offset(row), cells.field_start(row, order[j]));
            // Blanks between fields were rewritten, and a quoted line end before it starts another line.
            let before = text.get(start..at).filter(|before| !before.contains('\n'));
            let before = before.filter(|_| self.options.delimiter != Some(Delimiter::Whitespace));
            Misfit {
                row,
                line: line_of(row),
                character: before.map(|before| before.chars().count() + 1),
                column: j,
                value: unquote(value).trim().to_string(),
            }
        };
        let placed = misfits[..shown].iter().map(placed).collect();
        let ragged = cells.ragged.iter();
        let ragged = ragged.map(|r| (newlines(&bytes[range.start..r.offset]), r.found)).collect();
        seen.iter_mut().for_each(|seen| seen.place(line_of));
        let n_misfits = misfits.len();
        let mut block =
            Block { n_lines, n_rows, lines, ragged, n_misfits, misfits: placed, seen, columns };
        if !tells {
            block.leave_out(&misfits)?;
        }
        Ok(block)
    }

    fn look(&self, cells: &Cells, text: &str, place: usize, seen: &mut Seen) {
        for (row, raw) in cells.column(text, place).enumerate() {
            let text = unquote(raw);
            let text = trim(text.as_bytes());
            if !is_null(text, &self.options.null_values) {
                seen.add(row, text, self.options.numbers);
            }
        }
    }

    /// Tells which columns nobody needs to look at: declared ones but for dates, whose order is found, and numbers that may
    /// be whole.
    pub fn declared(names: &[String], options: &Options) -> Vec<bool> {
        let is_known = |name: &String| {
            let declared = options.types.get(name);
            declared.is_some_and(|d| {
                !matches!(d, Declared::Date | Declared::Timestamp | Declared::Number)
            })
        };
        names.iter().map(is_known).collect()
    }
}

impl Block {
    fn leave_out(&mut self, misfits: &[(usize, usize)]) -> Result<(), CsvError> {
        if misfits.is_empty() {
            return Ok(());
        }
        let mut keep = vec![true; self.n_rows];
        misfits.iter().for_each(|&(row, _)| keep[row] = false);
        let lines = (0_u32..).zip(&keep).filter(|(_, keep)| **keep);
        let lines = lines.map(|(row, _)| match &self.lines {
            None => row,
            Some(lines) => lines[row as usize],
        });
        self.lines = Some(lines.collect());
        self.n_rows -= misfits.len();
        let keep = BooleanArray::from(keep);
        for column in &mut self.columns {
            *column = compute::filter(column, &keep)
                .map_err(|e| CsvError::TooLarge { file: String::new(), what: e.to_string() })?;
        }
        Ok(())
    }
}

fn lines(bytes: &[u8], start: usize, cells: &Cells) -> Vec<u32> {
    let (mut at, mut line) = (start, 0);
    let place = |row| {
        let offset = cells.offset(row);
        line += newlines(&bytes[at..offset]) as u32;
        at = offset;
        line
    };
    (0..cells.n_rows()).map(place).collect()
}
