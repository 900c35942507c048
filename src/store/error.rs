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

    /// Returns true if the store cannot be written at all, so that nothing else would fare better.
    pub fn is_refusal(&self) -> bool {
        use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        let StoreError::Io { intent, error, .. } = self else { return false };
        let is_about_reading = matches!(*intent, "read" | "look at" | "list");
        match error.kind() {
            StorageFull | QuotaExceeded | ReadOnlyFilesystem => true,
            PermissionDenied => !is_about_reading,
            _ => false,
        }
    }

    /// Returns true if something on the way was not there.
    pub fn is_absence(&self) -> bool {
        matches!(self, StoreError::Io { error, .. } if error.kind() == io::ErrorKind::NotFound)
    }

    /// Returns the error for those who speak only of input and output; it still says where.
    pub fn into_io(self) -> io::Error {
        let kind = match &self {
            StoreError::Io { error, .. } => error.kind(),
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, self)
    }

    /// Makes a damage report.
    pub fn damaged(path: impl Into<PathBuf>, why: impl Into<String>) -> StoreError {
        StoreError::Damaged { path: path.into(), why: why.into() }
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; free some space and run again, what is finished is kept"
        }
        io::ErrorKind::ReadOnlyFilesystem => "; the store must be writable",
        io::ErrorKind::PermissionDenied => "; the store must be readable and writable",
        _ => "",
    }
}
