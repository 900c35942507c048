//! The first rows that a run read, from its store. It does not know what they are wanted for.

use crate::{
    app::{
        AppError,
        scoring::{output, stage},
    },
    frame::{Table, parquet},
    stage::error::StageError,
    store::{Store, records::Manifest},
};

/// Returns at most so many rows of a run's source, from the first on.
///
/// # Errors
/// If the store no longer has them, or they are damaged.
pub(super) fn first(
    store: &Store,
    manifest: &Manifest,
    source: &str,
    n_rows: usize,
) -> Result<Table, AppError> {
    let lost = || StageError::Internal("the run lacks its own source".to_string());
    let raw = output(stage(manifest, source).ok_or_else(lost)?, "table")?;
    let file = store.disk().open(&store.object_path(&raw.hash, &raw.ext))?;
    Ok(parquet::read_head(file, n_rows).map_err(StageError::from)?)
}
