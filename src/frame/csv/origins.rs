//! Where rows came from: the line of a file and the text of a cell, for messages.
//! It does not know types.

use super::{
    document::Document,
    split::{Cells, unquote},
};

/// Knows which line of which file a row came from.
#[derive(Debug)]
pub struct Origins {
    /// The files.
    pub(super) documents: Vec<Document>,
    /// Their rows, in order.
    pub(super) blocks: Vec<Block>,
    /// Original rows that were kept, if some were left out.
    pub(super) kept: Option<Vec<usize>>,
}

/// A chunk of records of one document.
#[derive(Debug)]
pub(super) struct Block {
    /// Which document.
    pub(super) document: usize,
    /// The number of its first row.
    pub(super) first_row: usize,
    /// Where its cells are.
    pub(super) cells: Cells,
}

impl Origins {
    /// Returns `file:line` of a row of the sheet.
    pub fn place(&self, row: usize) -> String {
        let row = self.kept.as_ref().map_or(row, |kept| kept.get(row).copied().unwrap_or(row));
        let (file, line) = self.locate(row);
        format!("{file}:{line}")
    }

    /// Returns file and line of an original row.
    pub(super) fn locate(&self, row: usize) -> (String, usize) {
        let after = self.blocks.partition_point(|b| b.first_row <= row);
        let Some(block) = after.checked_sub(1).and_then(|i| self.blocks.get(i)) else {
            return (String::new(), 0);
        };
        let document = &self.documents[block.document];
        (document.file.clone(), document.line(block.cells.offset(row - block.first_row)))
    }

    /// Returns what an original row says in a column.
    pub(super) fn value(&self, row: usize, column: &str) -> String {
        let after = self.blocks.partition_point(|b| b.first_row <= row);
        let block = after.checked_sub(1).and_then(|i| self.blocks.get(i));
        let cell = block.and_then(|block| {
            let document = &self.documents[block.document];
            let column = document.names.iter().position(|n| n == column)?;
            block.cells.column(&document.text, column).nth(row - block.first_row)
        });
        unquote(cell.unwrap_or_default()).trim().to_string()
    }
}
