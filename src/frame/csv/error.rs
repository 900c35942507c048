//! What can be wrong with a delimited text file, each as data with the place where it stands.
//! It does not know exit codes.

use std::io;

/// Why a file could not be read as a table. Lines count from 1 in the decoded text.
#[derive(Debug, thiserror::Error)]
pub enum CsvError {
    /// The bytes cannot be read or decompressed.
    #[error("{file}: cannot be read: {error}")]
    Io {
        /// The file's label.
        file: String,
        /// The cause.
        error: io::Error,
    },
    /// There is nothing in it.
    #[error("{file}: the file is empty")]
    Empty {
        /// The file's label.
        file: String,
    },
    /// It is no text at all.
    #[error("{file}: this is {what}, not delimited text; {help}")]
    NotText {
        /// The file's label.
        file: String,
        /// What its first bytes say it is.
        what: &'static str,
        /// What to do.
        help: &'static str,
    },
    /// A byte that no text holds.
    #[error(
        "{file}:{line}: a NUL byte; the file is damaged, or it is UTF-16 without a byte-order mark (then set `encoding: utf-16le`)"
    )]
    Nul {
        /// The file's label.
        file: String,
        /// The line.
        line: usize,
    },
    /// Bytes that the declared encoding does not have.
    #[error("{file}:{line}: bytes that are not {encoding}; set another `encoding`")]
    Encoding {
        /// The file's label.
        file: String,
        /// The line.
        line: usize,
        /// The encoding's name.
        encoding: &'static str,
    },
    /// Columns aligned with blanks.
    #[error(
        "{file}: looks like fixed width or aligned with spaces ({fields} values in every line), not delimited; set `delimiter: whitespace` (and `header: false` if the first line holds values), or name the `delimiter` if it really has one column"
    )]
    FixedWidth {
        /// The file's label.
        file: String,
        /// Values in each line.
        fields: usize,
    },
    /// A quoted field that never ends.
    #[error("{file}:{line}: a quoted field starts here and is never closed")]
    UnclosedQuote {
        /// The file's label.
        file: String,
        /// The line.
        line: usize,
    },
    /// Two columns of one name.
    #[error("{file}: the header has `{name}` twice, as columns {first} and {second}; rename one")]
    DuplicateHeader {
        /// The file's label.
        file: String,
        /// The name.
        name: String,
        /// Position of the first, from 1.
        first: usize,
        /// Position of the second, from 1.
        second: usize,
    },
    /// Files of one source that do not fit together.
    #[error("{file}: its columns differ from those of {reference}: {difference}")]
    HeadersDiffer {
        /// The file's label.
        file: String,
        /// The first file's label.
        reference: String,
        /// Which are missing and which are new.
        difference: String,
    },
    /// A row with too few or too many fields.
    #[error("{file}:{line}: expected {expected} field{}, found {found}", if *.expected == 1 { "" } else { "s" })]
    Ragged {
        /// The file's label.
        file: String,
        /// The line on which the row starts.
        line: usize,
        /// Fields in the header.
        expected: usize,
        /// Fields in the row.
        found: usize,
    },
    /// A value that is not of the column's declared type.
    #[error("{file}:{line}: column `{column}`: `{value}` is not {expected}")]
    Misfit {
        /// The file's label.
        file: String,
        /// The line on which the row starts.
        line: usize,
        /// The character in that line, from 1, where the value starts, if it is known.
        character: Option<usize>,
        /// The column.
        column: String,
        /// The value as written.
        value: String,
        /// The type in words.
        expected: &'static str,
    },
    /// A declared date that can be read in two ways.
    #[error(
        "{file}: column `{column}`: every value can be read day first and month first (`{value}`); set `date_order: {{{column}: dmy}}` or `mdy`"
    )]
    AmbiguousDate {
        /// The first file's label.
        file: String,
        /// The column.
        column: String,
        /// One of its values.
        value: String,
    },
    /// An option names a column that is not there.
    #[error("{file}: `{option}` names column `{column}`, which is not there{suggestion}")]
    UnknownColumn {
        /// The file's label.
        file: String,
        /// The option.
        option: &'static str,
        /// The column.
        column: String,
        /// `, did you mean ...?` or nothing.
        suggestion: String,
    },
    /// More columns than a table may have.
    #[error(
        "{file}: its first row has {found} fields, a table has at most {}; is `delimiter` right?",
        super::header::MAX_COLUMNS
    )]
    TooWide {
        /// The file's label.
        file: String,
        /// Fields in the first row.
        found: usize,
    },
    /// A text column or a row of more than 2 GiB.
    #[error("{file}: too large: {what}")]
    TooLarge {
        /// The file's label.
        file: String,
        /// What is.
        what: String,
    },
    /// The caller asked to stop.
    #[error("stopped")]
    Stopped,
}

impl CsvError {
    /// Returns the file, line and character where the mistake stands, as far as they are known.
    pub fn place(&self) -> Option<(&str, Option<usize>, Option<usize>)> {
        match self {
            CsvError::Io { file, .. }
            | CsvError::Empty { file }
            | CsvError::NotText { file, .. }
            | CsvError::FixedWidth { file, .. }
            | CsvError::HeadersDiffer { file, .. }
            | CsvError::AmbiguousDate { file, .. }
            | CsvError::UnknownColumn { file, .. }
            | CsvError::TooWide { file, .. }
            | CsvError::DuplicateHeader { file, .. }
            | CsvError::TooLarge { file, .. } => Some((file, None, None)),
            CsvError::Nul { file, line }
            | CsvError::Encoding { file, line, .. }
            | CsvError::UnclosedQuote { file, line }
            | CsvError::Ragged { file, line, .. } => Some((file, Some(*line), None)),
            CsvError::Misfit { file, line, character, .. } => Some((file, Some(*line), *character)),
            CsvError::Stopped => None,
        }
    }
}
