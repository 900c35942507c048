//! Delimited text to a table: the dirt that people's files have, read right or refused with a reason.
//! It does not know ids, stages or where files lie.
//!
//! Files are read in windows of some megabytes, whose records go through the pool in chunks: their cells are found,
//! looked at and read, and the columns handed on in order ([`pass`] tells how often a file is read). Types are
//! settled from *all* rows. What comes out depends on the text alone.
//!
//! What is read as what:
//! - a field is missing if it is empty or blank (quoted or not), or listed in `null_values`;
//! - boolean: only `true` and `false`, in any case;
//! - integer: 64 bits; digits with a leading zero are a code (`00123`) and make the column text, and so
//!   do whole numbers beyond 64 bits in a column of whole numbers, which as floats would lose digits;
//! - float: decimals and exponents; `NaN` and `inf` are no numbers and make the column text, with a note;
//! - dates: ISO, else the one order of day and month that every value allows, else text with a note;
//!   a time with an offset is converted to UTC;
//! - a column without any value is float.

mod block;
mod build;
mod bytes;
mod dates;
mod dialect;
mod error;
mod header;
mod infer;
mod origins;
mod pass;
mod settle;
mod sniff;
mod split;
mod text;
mod values;
mod write;

use std::io::{self, Read};

use arrow::{array::ArrayRef, datatypes::DataType};

pub use bytes::read_all;
pub use dates::DateOrder;
pub use dialect::{BadRows, DIALECT_KEY, Declared, Delimiter, Dialect, Options};
pub use error::CsvError;
pub use origins::Origins;
pub use pass::{Passed, Reading};
pub use values::NumberFormat;
pub use write::{RowsWriter, write};

use self::pass::{Known, Pass};
use crate::base::pool::Pool;

/// A file to read, perhaps more than once.
pub struct Source<'a> {
    /// What to call it.
    pub file: String,
    /// Opens its bytes from the start.
    pub open: Box<dyn Fn() -> io::Result<Box<dyn Read + Send>> + 'a>,
}

/// Takes rows as they come.
pub trait Sink {
    /// What can go wrong.
    type Error;

    /// Hears the columns, once in a pass and before any row: names in the order of the first file, types of the contract, and
    /// how the files are read.
    ///
    /// # Errors
    /// Those of the sink.
    fn start(
        &mut self,
        names: &[String],
        types: &[DataType],
        dialect: &Dialect,
    ) -> Result<(), Self::Error>;

    /// Takes the columns of the next rows; `first_row` is the number of the first of them, and `origins` knows where these
    /// and all earlier ones stand.
    ///
    /// # Errors
    /// Those of the sink.
    fn rows(
        &mut self,
        columns: Vec<ArrayRef>,
        first_row: usize,
        origins: &Origins,
    ) -> Result<(), Self::Error>;

    /// Hears of a row that does not fit, under [`BadRows::Tell`]: its number if it will come with the next rows, and else
    /// that it is left out. The rows before it may come later.
    ///
    /// # Errors
    /// Those of the sink.
    fn bad(&mut self, _row: Option<usize>, _error: CsvError) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// Reads files of the same columns, one after the other.
pub struct Reader<'a> {
    sources: Vec<Source<'a>>,
    options: &'a Options,
    pool: &'a Pool,
    /// Hears how many more rows are done and says whether to go on.
    go_on: &'a (dyn Fn(usize) -> bool + Sync),
    known: Known,
    /// Bytes that are looked at together.
    window: usize,
}

impl<'a> Reader<'a> {
    /// Makes a reader that has not read anything.
    pub fn new(
        sources: Vec<Source<'a>>,
        options: &'a Options,
        pool: &'a Pool,
        go_on: &'a (dyn Fn(usize) -> bool + Sync),
    ) -> Reader<'a> {
        let window = text::window(pool.n_threads());
        Reader { sources, options, pool, go_on, known: Known::default(), window }
    }

    /// Goes through all files once. What the sink got counts only if the pass is [`Passed::Done`]; else another one, into a
    /// fresh sink, knows more than this one did.
    ///
    /// # Errors
    /// [`CsvError`], which names file, line and column, or what the sink fails with.
    pub fn pass<E: From<CsvError>>(&mut self, sink: &mut dyn Sink<Error = E>) -> Result<Passed, E> {
        let pass = Pass {
            sources: &self.sources,
            options: self.options,
            pool: self.pool,
            go_on: self.go_on,
            types: None,
            known: &mut self.known,
            window: self.window,
            names: Vec::new(),
            seen: Vec::new(),
            fits: true,
            origins: Origins::default(),
            notes: Vec::new(),
            bad: pass::LeftOut::default(),
        };
        pass.run(sink)
    }
}

#[cfg(test)]
mod tests;
