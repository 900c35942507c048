//! Looking at files without opening them: what lies under a path, and in which state.
//! It does not know what a change of state means.

use std::{
    fs::{self, File},
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};

use crate::store::{
    disk::{
        Disk, Stat,
        stat::{stat_of, stat_of_raw},
    },
    error::StoreError,
};

/// What lies under a path; a link is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing {
    /// Nothing.
    Absent,
    /// A file of so many bytes.
    File(u64),
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A pipe, a socket, a device.
    Other,
}

impl Disk {
    /// Tells what lies under a path.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn thing(&self, path: &Path) -> Result<Thing, StoreError> {
        self.pass("look at", path)?;
        match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_file() => Ok(Thing::File(metadata.len())),
            Ok(metadata) if metadata.is_dir() => Ok(Thing::Folder),
            Ok(metadata) if metadata.is_symlink() => Ok(Thing::Link),
            Ok(_) => Ok(Thing::Other),
            Err(error) if is_absence(&error) => Ok(Thing::Absent),
            Err(error) => Err(StoreError::io("look at", path)(error)),
        }
    }

    /// Tells whether an open file still has the name under which it was opened.
    pub fn is_named(&self, file: &File, path: &Path) -> bool {
        use std::os::unix::fs::MetadataExt;
        match (file.metadata(), self.look(path)) {
            (Ok(open), Ok(Some(named))) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
            _ => false,
        }
    }

    /// Returns what identifies the present state of a file, or `None` if it is not there.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn stat(&self, path: &Path) -> Result<Option<Stat>, StoreError> {
        Ok(self.look(path)?.as_ref().map(stat_of))
    }

    /// The same of a link itself, wherever it leads.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn link_stat(&self, path: &Path) -> Result<Option<Stat>, StoreError> {
        self.pass("look at", path)?;
        Ok(present(fs::symlink_metadata(path), path)?.as_ref().map(stat_of))
    }

    /// Tells whether there is a file of this name, or a link to one.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn is_file(&self, path: &Path) -> Result<bool, StoreError> {
        Ok(self.look(path)?.is_some_and(|metadata| metadata.is_file()))
    }

    /// Returns the path of a file or folder without links in it.
    ///
    /// # Errors
    /// If it is not there or the medium refuses.
    pub fn real_path(&self, path: &Path) -> Result<PathBuf, StoreError> {
        self.pass("look at", path)?;
        fs::canonicalize(path).map_err(StoreError::io("look at", path))
    }

    pub(super) fn look(&self, path: &Path) -> Result<Option<fs::Metadata>, StoreError> {
        self.pass("look at", path)?;
        present(fs::metadata(path), path)
    }

    /// Opens a folder to look at what is in it; `None` if it is not there.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn folder(&self, path: PathBuf) -> Result<Option<Folder<'_>>, StoreError> {
        let path = if path.as_os_str().is_empty() { PathBuf::from(".") } else { path };
        self.pass("look at", &path)?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match rustix::fs::openat(CWD, &path, flags, Mode::empty()).map_err(io::Error::from) {
            Ok(fd) => Ok(Some(Folder { disk: self, path, fd })),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(StoreError::io("look at", &path)(error)),
        }
    }
}

/// A folder that is held open, so that looking at many files in it does not walk the way to it each time.
#[derive(Debug)]
pub struct Folder<'a> {
    disk: &'a Disk,
    path: PathBuf,
    fd: OwnedFd,
}

impl Folder<'_> {
    /// Returns what identifies the present state of a file below the folder, or `None` if it is not there. With
    /// `itself` it is the state of the name itself, wherever it leads.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn stat(&self, name: &str, itself: bool) -> Result<Option<Stat>, StoreError> {
        if self.disk.gate.is_some() {
            self.disk.pass("look at", &self.path.join(name))?;
        }
        let flags = if itself { AtFlags::SYMLINK_NOFOLLOW } else { AtFlags::empty() };
        let found = rustix::fs::statat(&self.fd, name, flags).map_err(io::Error::from);
        match found {
            Ok(raw) => Ok(Some(stat_of_raw(&raw))),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(StoreError::io("look at", &self.path.join(name))(error)),
        }
    }
}

fn present(
    found: io::Result<fs::Metadata>,
    path: &Path,
) -> Result<Option<fs::Metadata>, StoreError> {
    match found {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if is_absence(&error) => Ok(None),
        Err(error) => Err(StoreError::io("look at", path)(error)),
    }
}

/// A name below something that is not a folder is as absent as one that nobody gave.
pub(super) fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
