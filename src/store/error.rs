//! What can go wrong with the store, as data. It does not know exit codes.

use std::{
    io,
    path::{Path, PathBuf},
};

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The medium refused.
    #[error("cannot {intent} `{}`: {error}{}", path.display(), advice(error))]
    Io {
        /// What was attempted: `write`.
        intent: &'static str,
        /// On what.
        path: PathBuf,
        /// The cause.
        error: io::Error,
    },
    /// A file is not what its name or format says.
    #[error("`{}` {why}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// How it shows.
        why: String,
    },
    /// A newer program wrote the store.
    #[error("`{}` says format {found}, this program reads format {}; use a newer `orchestrate`", path.display(), super::LAYOUT)]
    Newer {
        /// The mark.
        path: PathBuf,
        /// The format found.
        found: u32,
    },
    /// A source file changed while it was read.
    #[error("`{}` changed while it was read; run again when nobody writes to it", .0.display())]
    Moved(PathBuf),
}

impl StoreError {
    /// Makes a constructor for errors of one operation on one path.
    pub fn io(intent: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
        let path = path.to_path_buf();
        move |error| StoreError::Io { intent, path, error }
    }

    /// Makes a damage report.
    pub fn damaged(path: impl Into<PathBuf>, why: impl Into<String>) -> StoreError {
        StoreError::Damaged { path: path.into(), why: why.into() }
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull => "; free some space and run again, what is finished is kept",
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            "; the store must be writable"
        }
        _ => "",
    }
}
