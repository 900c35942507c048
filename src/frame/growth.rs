//! How much a columnar file may grow when it is read. A Parquet file of a few bytes can name a page of a million empty values
//! ten thousand times, and an Arrow file can name one long text in every row: what they hold is then limited by
//! nothing but the memory. It does not know any format.

use arrow::array::{Array, RecordBatch};

use crate::frame::FrameError;

/// Bytes that any file may grow to.
const FREELY: u64 = 512 << 20;

/// How many times its size a file may grow to beyond that. Columns of one value shrink to almost nothing, but a table has an id,
/// which differs in every row and takes two bytes or more; so rows of half a kilobyte may be equal otherwise.
const TIMES: u64 = 250;

/// Most rows that are unfolded at a time where they could be too much.
pub const STEP_ROWS: usize = 1_024;

/// Most cells that are decoded at a time.
const STEP_CELLS: usize = 1 << 24;

/// What a file may still grow by.
#[derive(Debug)]
pub struct Growth {
    left: u64,
}

impl Growth {
    /// Starts with the size of a file.
    pub fn of_file(n_bytes: u64) -> Growth {
        Growth { left: n_bytes.saturating_mul(TIMES).max(FREELY) }
    }

    /// Takes in bytes that were decoded, or are about to be.
    ///
    /// # Errors
    /// If they are too many.
    pub fn add(&mut self, n_bytes: usize) -> Result<(), FrameError> {
        match self.left.checked_sub(n_bytes as u64) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(FrameError::Unfolds { times: TIMES }),
        }
    }

    /// Takes in rows that were decoded.
    ///
    /// # Errors
    /// If they are too many.
    pub fn add_batch(&mut self, batch: &RecordBatch) -> Result<(), FrameError> {
        batch.columns().iter().try_for_each(|column| self.add(n_bytes(column)))
    }
}

/// Returns how many bytes an array's own rows take.
pub fn n_bytes(array: &dyn Array) -> usize {
    let all = || array.get_array_memory_size();
    array.to_data().get_slice_memory_size().unwrap_or_else(|_| all())
}

/// Returns how many rows to decode at a time where there are so many columns.
pub fn step_rows(n_columns: usize) -> usize {
    crate::base::pool::CHUNK_ROWS.min(STEP_CELLS / n_columns.max(1)).max(1)
}
