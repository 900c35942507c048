//! A file as decoded text, window by window: each window holds whole records, and no more of the file is in memory.
//! It does not know columns or types.

use std::io::Read;

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, WINDOWS_1252};

use super::{
    bytes,
    dialect::{Delimiter, Options},
    error::CsvError,
    sniff::{self, Blanks, Layout},
    split,
};

/// Bytes of a window for each thread, unless a record needs more: some chunks for each, and little memory.
const WINDOW: usize = 2 << 20;

/// Windows are no smaller, so that the first one shows enough to guess types by; so much is the beginning of a file.
const LEAST_WINDOW: usize = 4 << 20;

/// Returns how many bytes are looked at together on so many threads.
pub fn window(n_threads: usize) -> usize {
    WINDOW.saturating_mul(n_threads).clamp(LEAST_WINDOW, 16 << 20)
}

/// Whole records of a file.
#[derive(Debug)]
pub struct Window {
    /// The records.
    pub text: String,
    /// Ranges of whole records in it.
    pub ranges: Vec<std::ops::Range<usize>>,
    /// The line (from 1) on which it starts.
    pub line: usize,
}

/// What comes of asking for a window.
pub enum Next {
    /// Records.
    Window(Window),
    /// Nothing: the file has ended.
    End,
    /// What was taken for UTF-8 is not; the file must be read anew as windows-1252.
    NotUtf8,
}

/// A file that is being read.
pub struct Text<'a> {
    file: String,
    source: Box<dyn Read + 'a>,
    encoding: &'static Encoding,
    /// Whether a person, or a byte-order mark, says what it is encoded in.
    certain: bool,
    /// Of everything but UTF-8.
    decoder: Option<Decoder>,
    delimiter: Delimiter,
    /// Runs of blanks become tabs.
    blanks: Option<Blanks>,
    /// Lines end with a carriage return alone.
    cr_lines: bool,
    /// Decoded and not handed out yet.
    pending: Vec<u8>,
    line: usize,
    ended: bool,
    /// Bytes of a window.
    window: usize,
}

impl<'a> Text<'a> {
    /// Opens a file: unpacks it, finds its encoding and its delimiter.
    ///
    /// Without a declared encoding: a byte-order mark decides; else UTF-16 if every other byte of the
    /// beginning is mostly zero; else UTF-8 if the bytes are valid; else windows-1252, which has a
    /// character for (nearly) every byte and is what spreadsheets of western Europe write. `known` is the
    /// encoding that an earlier reading came to.
    ///
    /// # Errors
    /// If it cannot be read, is empty, or is no delimited text.
    pub fn open(
        file: &str,
        reader: Box<dyn Read + 'a>,
        options: &Options,
        known: Option<&'static Encoding>,
        window: usize,
    ) -> Result<Text<'a>, CsvError> {
        let own = || file.to_string();
        let failed = |error| CsvError::Io { file: own(), error };
        let mut source = bytes::unpacked(reader).map_err(failed)?;
        // What the beginning tells must not depend on how many threads there are.
        let beginning = window.min(LEAST_WINDOW);
        let mut raw = Vec::with_capacity(beginning);
        source.by_ref().take(beginning as u64).read_to_end(&mut raw).map_err(failed)?;
        if let Some((what, help)) = bytes::foreign(&raw) {
            return Err(CsvError::NotText { file: own(), what, help });
        }
        let marked = Encoding::for_bom(&raw);
        let declared = options.encoding.or(marked.map(|(e, _)| e));
        let certain = declared.or_else(|| bytes::utf16_by_zeros(&raw));
        let encoding = certain.or(known).unwrap_or_else(|| match valid_utf8(&raw, beginning) {
            true => UTF_8,
            false => WINDOWS_1252,
        });
        let mut text = Text {
            file: own(),
            source,
            encoding,
            certain: certain.is_some(),
            decoder: (encoding != UTF_8).then(|| encoding.new_decoder()),
            delimiter: Delimiter::Byte(b','),
            blanks: None,
            cr_lines: false,
            pending: Vec::new(),
            line: 1,
            ended: false,
            window,
        };
        if encoding == UTF_8 {
            raw.drain(..marked.map_or(0, |(_, length)| length));
        }
        text.take(raw)?;
        text.settle(options)?;
        Ok(text)
    }

    /// Finds out what the beginning tells of the whole.
    fn settle(&mut self, options: &Options) -> Result<(), CsvError> {
        while self.pending.trim_ascii().is_empty() {
            if self.ended {
                return Err(CsvError::Empty { file: self.file.clone() });
            }
            self.read(self.window)?;
        }
        let has = |byte| memchr::memchr(byte, &self.pending).is_some();
        self.cr_lines = !has(b'\n') && has(b'\r');
        if self.cr_lines {
            cr_to_lf(&mut self.pending);
        }
        let valid = match std::str::from_utf8(&self.pending) {
            Ok(text) => text,
            Err(error) => {
                let good = &self.pending[..error.valid_up_to()];
                std::str::from_utf8(good).unwrap_or_default()
            }
        };
        self.delimiter = match (options.delimiter, sniff::layout(valid)) {
            (Some(delimiter), _) => delimiter,
            (None, Layout::Delimited(byte)) => Delimiter::Byte(byte),
            (None, Layout::SingleColumn) => Delimiter::Byte(b','),
            (None, Layout::Aligned(fields)) => {
                return Err(CsvError::FixedWidth { file: self.file.clone(), fields });
            }
        };
        if self.delimiter == Delimiter::Whitespace {
            let mut blanks = Blanks::default();
            self.pending = blanks.rewrite(&self.pending);
            self.blanks = Some(blanks);
        }
        Ok(())
    }

    /// Returns what the file is encoded in.
    pub fn encoding(&self) -> &'static str {
        self.encoding.name()
    }

    /// Returns what stands between fields.
    pub fn delimiter(&self) -> Delimiter {
        self.delimiter
    }

    /// Returns the byte between fields, after blanks have become tabs.
    pub fn separator(&self) -> u8 {
        match self.delimiter {
            Delimiter::Byte(byte) => byte,
            Delimiter::Whitespace => b'\t',
        }
    }

    /// Takes whole records out of the file. `old` is a window that is done with, whose memory is used again.
    ///
    /// # Errors
    /// If the file cannot be read or decoded, or a record never ends.
    pub fn next(&mut self, old: Vec<u8>) -> Result<Next, CsvError> {
        let mut wanted = self.window;
        let (ranges, end) = loop {
            if !self.ended && self.pending.len() < wanted {
                self.read(wanted - self.pending.len())?;
            }
            if self.pending.is_empty() {
                return Ok(Next::End);
            }
            let cut = split::chunks(&self.pending, 0, self.separator(), self.ended);
            let ranges = cut.map_err(|at| CsvError::UnclosedQuote {
                file: self.file.clone(),
                line: self.line_at(at.0),
            })?;
            if let Some(last) = ranges.last() {
                let end = last.end;
                break (ranges, end);
            }
            // A record that is longer than what is here.
            wanted = self.pending.len().saturating_mul(2).max(self.window);
            // A text of more than 2 GiB has no place in a column.
            if i32::try_from(self.pending.len()).is_err() {
                let what = format!("a row near line {}", self.line);
                return Err(CsvError::TooLarge { file: self.file.clone(), what });
            }
        };
        let mut rest = old;
        rest.clear();
        rest.extend_from_slice(&self.pending[end..]);
        self.pending.truncate(end);
        let bytes = std::mem::replace(&mut self.pending, rest);
        if let Some(at) = memchr::memchr(0, &bytes) {
            let line = self.line + newlines(&bytes[..at]);
            return Err(CsvError::Nul { file: self.file.clone(), line });
        }
        let line = self.line;
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(_) if !self.certain => return Ok(Next::NotUtf8),
            Err(error) => {
                let good = error.utf8_error().valid_up_to();
                return Err(CsvError::Encoding {
                    file: self.file.clone(),
                    line: line + newlines(&error.as_bytes()[..good]),
                    encoding: self.encoding.name(),
                });
            }
        };
        self.line += newlines(text.as_bytes());
        Ok(Next::Window(Window { text, ranges, line }))
    }

    fn line_at(&self, offset: usize) -> usize {
        self.line + newlines(&self.pending[..offset.min(self.pending.len())])
    }

    /// Reads some more of the file.
    fn read(&mut self, n_bytes: usize) -> Result<(), CsvError> {
        let mut source = self.source.by_ref().take(n_bytes as u64);
        let failed = |error| CsvError::Io { file: self.file.clone(), error };
        if self.decoder.is_none() && self.blanks.is_none() {
            let from = self.pending.len();
            self.pending.reserve(n_bytes);
            let n = source.read_to_end(&mut self.pending).map_err(failed)?;
            self.ended = n == 0;
            if self.cr_lines {
                cr_to_lf(&mut self.pending[from..]);
            }
            return Ok(());
        }
        let mut raw = Vec::with_capacity(n_bytes);
        source.read_to_end(&mut raw).map_err(failed)?;
        self.take(raw)
    }

    /// Decodes bytes of the file; none at its end.
    fn take(&mut self, raw: Vec<u8>) -> Result<(), CsvError> {
        self.ended = raw.is_empty();
        let mut decoded = match &mut self.decoder {
            None => raw,
            Some(decoder) => {
                let most = decoder.max_utf8_buffer_length_without_replacement(raw.len());
                let mut out = vec![0; most.unwrap_or(0)];
                let (result, _, n) =
                    decoder.decode_to_utf8_without_replacement(&raw, &mut out, self.ended);
                if let (DecoderResult::Malformed(..), true) = (result, self.certain) {
                    let encoding = self.encoding.name();
                    return Err(CsvError::Encoding { file: self.file.clone(), line: 1, encoding });
                }
                out.truncate(n);
                out
            }
        };
        if self.cr_lines {
            cr_to_lf(&mut decoded);
        }
        if let Some(blanks) = &mut self.blanks {
            decoded = blanks.rewrite(&decoded);
        }
        match self.pending.is_empty() {
            true => self.pending = decoded,
            false => self.pending.extend_from_slice(&decoded),
        }
        Ok(())
    }
}

/// Tells whether bytes that a file starts with are UTF-8; the last character may be cut off.
fn valid_utf8(bytes: &[u8], window: usize) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && bytes.len() == window,
    }
}

fn cr_to_lf(bytes: &mut [u8]) {
    bytes.iter_mut().filter(|b| **b == b'\r').for_each(|b| *b = b'\n');
}

/// Counts line ends.
pub fn newlines(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes).count()
}
