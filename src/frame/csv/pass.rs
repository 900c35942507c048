//! One way through all files: windows of text, their chunks on all threads, rows to a sink in order.
//!
//! Types are guessed from the first window and rows handed on by them at once. Every value is still looked at as it is
//! read; should the types of all rows turn out others, the pass goes on without reading values, and the next one
//! knows them. So nearly every file is read once, and none more often than twice for its types (once more if it was
//! taken for UTF-8 and is not). It does not know ids.

use encoding_rs::Encoding;

use super::{
    CsvError, Dialect, Options, Origins, Sink, Source,
    block::{Block, Misfit, Plan},
    dialect::BadRows,
    header::{Header, known_columns},
    infer::{ColumnType, Seen},
    settle::{self, settle},
    text::{Next, Text, Window},
};
use crate::base::pool::Pool;

/// Of the first window's chunks every so many are looked at for a guess.
const GUESS_STEP: usize = 4;

/// What earlier passes came to know.
#[derive(Default)]
pub struct Known {
    /// The encoding of each file that was taken for another.
    pub encodings: Vec<Option<&'static Encoding>>,
    /// The types of all columns.
    pub types: Option<Vec<ColumnType>>,
    /// What is to be told of them.
    pub notes: Vec<String>,
}

/// What a pass came to.
pub enum Passed {
    /// All rows are in the sink.
    Done(Reading),
    /// The sink's rows do not count: another pass will do.
    Again,
}

/// What is to be told of a reading.
#[derive(Debug)]
pub struct Reading {
    /// What a person should hear of.
    pub notes: Vec<String>,
    /// Where each row stands.
    pub origins: Origins,
}

/// A pass under way.
pub struct Pass<'p, 'a> {
    pub sources: &'p [Source<'a>],
    pub options: &'p Options,
    pub pool: &'p Pool,
    pub go_on: &'p (dyn Fn(usize) -> bool + Sync),
    pub known: &'p mut Known,
    /// Bytes of a window.
    pub window: usize,
    pub names: Vec<String>,
    pub seen: Vec<Seen>,
    /// The types by which rows are handed on.
    pub types: Option<Vec<ColumnType>>,
    /// Whether the types still fit all that was seen.
    pub fits: bool,
    pub origins: Origins,
    pub notes: Vec<String>,
    pub bad: LeftOut,
}

/// Rows that were left out, and the first of each sort.
#[derive(Default)]
pub struct LeftOut {
    n: usize,
    firsts: [Option<String>; 2],
}

impl LeftOut {
    fn add(&mut self, sort: usize, n: usize, first: CsvError, skip: bool) -> Result<(), CsvError> {
        if !skip {
            return Err(first);
        }
        self.n += n;
        self.firsts[sort].get_or_insert_with(|| first.to_string());
        Ok(())
    }

    fn note(&self) -> Option<String> {
        let rows = if self.n == 1 { "row" } else { "rows" };
        let firsts: Vec<&str> = self.firsts.iter().flatten().map(String::as_str).collect();
        (self.n > 0).then(|| format!("{} {rows} left out; first: {}", self.n, firsts.join("; ")))
    }
}

impl Pass<'_, '_> {
    /// Goes through all files.
    pub fn run<E: From<CsvError>>(mut self, sink: &mut dyn Sink<Error = E>) -> Result<Passed, E> {
        let sources = self.sources;
        for (i, source) in sources.iter().enumerate() {
            let read = |error| CsvError::Io { file: source.file.clone(), error };
            let reader = (source.open)().map_err(read)?;
            let known = self.known.encodings.get(i).copied().flatten();
            let text = Text::open(&source.file, reader, self.options, known, self.window)?;
            if !self.file(text, sink)? {
                self.known.encodings.resize(sources.len(), None);
                self.known.encodings[i] = Some(encoding_rs::WINDOWS_1252);
                return Ok(Passed::Again);
            }
        }
        if self.known.types.is_none() {
            let settled = settle(&self.names, &self.seen, self.options, &self.origins);
            if let Some(error) = settled.error {
                return Err(error.into());
            }
            self.known.types = Some(settled.types);
            self.known.notes = settled.notes;
        }
        if !self.fits {
            return Ok(Passed::Again);
        }
        self.notes.extend_from_slice(&self.known.notes);
        self.notes.extend(self.bad.note());
        if self.origins.n_rows() == 0 {
            self.notes.push(format!("{} has a header and no rows", self.origins.file(0)));
        }
        Ok(Passed::Done(Reading { notes: self.notes, origins: self.origins }))
    }

    /// Goes through a file; false if it was taken for UTF-8 and is not.
    fn file<E: From<CsvError>>(
        &mut self,
        mut text: Text<'_>,
        sink: &mut dyn Sink<Error = E>,
    ) -> Result<bool, E> {
        let file = self.origins.add_file(&self.sources[self.origins.n_files()].file);
        let label = self.origins.file(file).to_string();
        let mut order: Option<Vec<usize>> = None;
        let mut old = Vec::new();
        loop {
            if !(self.go_on)(0) {
                return Err(CsvError::Stopped.into());
            }
            let mut window = match text.next(old)? {
                Next::Window(window) => window,
                Next::End => return Ok(true),
                Next::NotUtf8 => return Ok(false),
            };
            if order.is_none() {
                order = Some(self.header(&label, &text, &mut window)?);
            }
            let order = order.as_deref().unwrap_or_default();
            if self.types.is_none() {
                self.guess(&window, text.separator(), order)?;
                let dialect = self.dialect(&text);
                let types = self.types.as_deref().unwrap_or_default();
                let arrow: Vec<_> = types.iter().map(|t| t.arrow()).collect();
                sink.start(&self.names, &arrow, &dialect)?;
            }
            self.window(file, &window, text.separator(), order, sink)?;
            old = window.text.into_bytes();
        }
    }

    /// Takes the header off a file's first window; returns where each column stands.
    fn header(
        &mut self,
        label: &str,
        text: &Text<'_>,
        window: &mut Window,
    ) -> Result<Vec<usize>, CsvError> {
        let header =
            Header::read(label, &window.text, window.line, text.separator(), self.options)?;
        if self.names.is_empty() {
            known_columns(label, self.options, &header.names)?;
            self.names = header.names.clone();
            self.seen = vec![Seen::default(); self.names.len()];
        }
        if text.encoding() != "UTF-8" {
            self.notes.push(format!("{label} was read as {}", text.encoding()));
        }
        self.notes.extend(header.notes(label));
        let ranges = window.ranges.iter().map(|r| r.start.max(header.end)..r.end);
        window.ranges = ranges.filter(|r| r.start < r.end).collect();
        header.order(label, self.origins.file(0), &self.names)
    }

    fn dialect(&self, text: &Text<'_>) -> Dialect {
        let types = self.types.as_deref().unwrap_or_default();
        settle::dialect(text.delimiter(), self.options, &self.names, types)
    }

    /// Settles the types from some chunks, unless they are known.
    fn guess(&mut self, window: &Window, separator: u8, order: &[usize]) -> Result<(), CsvError> {
        if let Some(types) = &self.known.types {
            self.types = Some(types.clone());
            return Ok(());
        }
        let known = Plan::declared(&self.names, self.options);
        let plan = Plan { names: &self.names, types: None, known, options: self.options };
        let ranges: Vec<_> = window.ranges.iter().step_by(GUESS_STEP).collect();
        let blocks = self
            .pool
            .map(ranges.len(), |i| plan.read(&window.text, ranges[i].clone(), separator, order));
        let mut seen = vec![Seen::default(); self.names.len()];
        for block in blocks {
            merge(&mut seen, block?.seen);
        }
        self.types = Some(settle(&self.names, &seen, self.options, &self.origins).types);
        Ok(())
    }

    fn window<E: From<CsvError>>(
        &mut self,
        file: usize,
        window: &Window,
        separator: u8,
        order: &[usize],
        sink: &mut dyn Sink<Error = E>,
    ) -> Result<(), E> {
        let mut known = match self.known.types {
            Some(_) => vec![true; self.names.len()],
            None => Plan::declared(&self.names, self.options),
        };
        for (known, seen) in known.iter_mut().zip(&self.seen) {
            *known |= seen.is_settled();
        }
        let types = self.types.as_deref().filter(|_| self.fits);
        let plan = Plan { names: &self.names, types, known, options: self.options };
        let go_on = self.go_on;
        let blocks = self.pool.map(window.ranges.len(), |i| {
            if !go_on(0) {
                return Err(CsvError::Stopped);
            }
            plan.read(&window.text, window.ranges[i].clone(), separator, order)
        });
        let mut line = window.line + newlines_before(window);
        let mut read = Vec::with_capacity(blocks.len());
        for block in blocks {
            let mut block = block?;
            block.seen.iter_mut().for_each(|seen| seen.shift(file, line));
            merge(&mut self.seen, std::mem::take(&mut block.seen));
            let n_lines = block.n_lines;
            read.push((line, block));
            line += n_lines;
        }
        if self.fits && self.known.types.is_none() {
            let now = settle(&self.names, &self.seen, self.options, &self.origins).types;
            self.fits = self.types.as_ref() == Some(&now);
        }
        for (line, mut block) in read {
            let first_row = self.origins.n_rows();
            self.take_bad(file, line, &block, first_row, sink)?;
            (self.go_on)(block.n_rows);
            self.origins.add_rows(file, line, block.lines.take(), block.n_rows);
            if self.fits && block.n_rows > 0 {
                sink.rows(block.columns, first_row, &self.origins)?;
            }
        }
        Ok(())
    }

    fn take_bad<E: From<CsvError>>(
        &mut self,
        file: usize,
        line: usize,
        block: &Block,
        first_row: usize,
        sink: &mut dyn Sink<Error = E>,
    ) -> Result<(), E> {
        let label = self.origins.file(file);
        let bad_rows = self.options.bad_rows;
        let expected = self.names.len();
        let ragged = |&(below, found): &(usize, usize)| {
            let file = label.to_string();
            CsvError::Ragged { file, line: line + below, expected, found }
        };
        // What does not fit a type that was guessed makes for another guess, and is looked at again by that.
        let types = self.types.as_deref().filter(|_| self.fits).unwrap_or_default();
        let misfits = if types.is_empty() { &[][..] } else { &block.misfits[..] };
        let misfit = |misfit: &Misfit| CsvError::Misfit {
            file: label.to_string(),
            line: line + misfit.line,
            character: misfit.character,
            column: self.names[misfit.column].clone(),
            value: shortened(&misfit.value),
            expected: types[misfit.column].expected(),
        };
        if bad_rows == BadRows::Tell {
            // Only a reading whose rows count is told of.
            for told in block.ragged.iter().filter(|_| self.fits) {
                sink.bad(None, ragged(told))?;
            }
            for told in misfits {
                sink.bad(Some(first_row + told.row), misfit(told))?;
            }
            return Ok(());
        }
        let skip = bad_rows == BadRows::Skip;
        if let Some(first) = block.ragged.first() {
            self.bad.add(0, block.ragged.len(), ragged(first), skip)?;
        }
        if let Some(first) = misfits.first() {
            self.bad.add(1, block.n_misfits, misfit(first), skip)?;
        }
        Ok(())
    }
}

/// Lines of a window before its first range: those of the header.
fn newlines_before(window: &Window) -> usize {
    let start = window.ranges.first().map_or(0, |r| r.start);
    super::text::newlines(&window.text.as_bytes()[..start])
}

fn merge(total: &mut [Seen], seen: Vec<Seen>) {
    for (all, seen) in total.iter_mut().zip(seen) {
        *all = std::mem::take(all).merge(seen);
    }
}

fn shortened(value: &str) -> String {
    match value.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", &value[..end]),
        None => value.to_string(),
    }
}
