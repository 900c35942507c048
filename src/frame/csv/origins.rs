//! Where rows came from: the file and the line of each, for messages. Where a row is a line, as nearly everywhere, a chunk of
//! rows takes a few bytes. It does not know what the rows say.

/// Knows which line of which file a row came from.
#[derive(Debug, Default)]
pub struct Origins {
    files: Vec<String>,
    blocks: Vec<Block>,
    n_rows: usize,
}

/// A chunk of rows of one file.
#[derive(Debug)]
struct Block {
    file: usize,
    /// The number of its first row.
    first_row: usize,
    /// The line on which that stands.
    line: usize,
    /// For each row how many lines further down it stands, if not one line after the other.
    lines: Option<Vec<u32>>,
}

impl Origins {
    /// Adds a file and returns its number.
    pub(super) fn add_file(&mut self, file: &str) -> usize {
        self.files.push(file.to_string());
        self.files.len() - 1
    }

    /// Returns the number of files.
    pub(super) fn n_files(&self) -> usize {
        self.files.len()
    }

    /// Returns the label of a file.
    pub(super) fn file(&self, file: usize) -> &str {
        self.files.get(file).map_or("", String::as_str)
    }

    /// Adds rows of a file; `lines` says where each stands below `line`, if not one after the other.
    pub(super) fn add_rows(
        &mut self,
        file: usize,
        line: usize,
        lines: Option<Vec<u32>>,
        n_rows: usize,
    ) {
        self.blocks.push(Block { file, first_row: self.n_rows, line, lines });
        self.n_rows += n_rows;
    }

    /// Returns the number of rows so far.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Returns file and line of a row.
    pub fn locate(&self, row: usize) -> (&str, usize) {
        let after = self.blocks.partition_point(|b| b.first_row <= row);
        let Some(block) = after.checked_sub(1).and_then(|i| self.blocks.get(i)) else {
            return ("", 0);
        };
        let below = row - block.first_row;
        let below = match &block.lines {
            None => below,
            Some(lines) => lines.get(below).map_or(0, |&line| line as usize),
        };
        (self.file(block.file), block.line + below)
    }

    /// Returns `file:line` of a row.
    pub fn place(&self, row: usize) -> String {
        let (file, line) = self.locate(row);
        format!("{file}:{line}")
    }
}
