//! Rows of the wrong length or with values that do not fit: the first is an error, or all are counted.
//! It does not know how rows are read.

use super::{dialect::Options, error::CsvError, infer::ColumnType, origins::Origins};

/// Rows that were left out, and the first of each sort.
#[derive(Default)]
pub struct BadRows {
    n_ragged: usize,
    n_misfits: usize,
    firsts: Vec<String>,
}

impl BadRows {
    /// Takes in the rows of the wrong length.
    ///
    /// # Errors
    /// For the first of them, unless they are to be left out.
    pub fn ragged(
        &mut self,
        origins: &Origins,
        expected: usize,
        options: &Options,
    ) -> Result<(), CsvError> {
        let all =
            origins.blocks.iter().flat_map(|b| b.cells.ragged.iter().map(|r| (b.document, *r)));
        for (i, (document, ragged)) in all.enumerate() {
            self.n_ragged += 1;
            if i > 0 {
                continue;
            }
            let document = &origins.documents[document];
            let error = CsvError::Ragged {
                file: document.file.clone(),
                line: document.line(ragged.offset),
                expected,
                found: ragged.found,
            };
            if !options.skip_bad_rows {
                return Err(error);
            }
            self.firsts.push(error.to_string());
        }
        Ok(())
    }

    /// Takes in rows (in order, each with a column) whose value is not of its type.
    ///
    /// # Errors
    /// For the first of them, unless they are to be left out.
    pub fn misfits(
        &mut self,
        origins: &Origins,
        misfits: &[(usize, usize)],
        names: &[String],
        types: &[ColumnType],
        options: &Options,
    ) -> Result<(), CsvError> {
        self.n_misfits = misfits.len();
        let Some(&(row, j)) = misfits.first() else { return Ok(()) };
        let (file, line) = origins.locate(row);
        let error = CsvError::Misfit {
            file,
            line,
            column: names[j].clone(),
            value: shortened(&origins.value(row, &names[j])),
            expected: types[j].expected(),
        };
        if !options.skip_bad_rows {
            return Err(error);
        }
        self.firsts.push(error.to_string());
        Ok(())
    }

    /// Returns how many were left out, if any, and the first of each sort.
    pub fn note(&self) -> Option<String> {
        let n = self.n_ragged + self.n_misfits;
        let rows = if n == 1 { "row" } else { "rows" };
        (n > 0).then(|| format!("{n} {rows} left out; first: {}", self.firsts.join("; ")))
    }
}

fn shortened(value: &str) -> String {
    match value.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", &value[..end]),
        None => value.to_string(),
    }
}
