//! The fresh folder of a `command`: what is put there and fetched from there passes through the store's seam, so that
//! a test can stop it anywhere. It does not know what the files are.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use crate::store::{
    disk::{Disk, OpenFile},
    error::StoreError,
};

/// Bytes copied at a time.
const BUFFER: usize = 1 << 18;

/// An empty folder of one execution. The engine makes it before and removes it after.
#[derive(Clone, Debug)]
pub struct Scratch {
    path: PathBuf,
    disk: Disk,
}

impl Scratch {
    /// Lends the folder at `path`, which exists.
    ///
    /// # Errors
    /// If it cannot be looked at.
    pub fn new(path: &Path, disk: Disk) -> Result<Scratch, StoreError> {
        Ok(Scratch { path: disk.real_path(path)?, disk })
    }

    /// Returns where it is: absolute, without links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a folder in it and those above.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn create_dir(&self, path: &Path) -> Result<(), StoreError> {
        self.disk.create_dir_all(path).map(|_| ())
    }

    /// Makes an empty file in it.
    ///
    /// # Errors
    /// If it exists already or the medium refuses.
    pub fn create(&self, path: &Path) -> Result<OpenFile, StoreError> {
        self.disk.create(path)
    }

    /// Makes a file in it with what `reader` gives. `source` is for messages.
    ///
    /// # Errors
    /// If the reader fails, the file exists already or the medium refuses.
    pub fn copy_in(
        &self,
        reader: &mut dyn Read,
        source: &Path,
        path: &Path,
    ) -> Result<(), StoreError> {
        if let Some(parent) = path.parent() {
            self.create_dir(parent)?;
        }
        let mut file = self.disk.create(path)?;
        let mut buffer = vec![0; BUFFER];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(n) => self.disk.write_all(&mut file, path, &buffer[..n])?,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(StoreError::io("read", source)(error)),
            }
        }
    }

    /// Opens a file in it, or returns `None` if it is not there.
    ///
    /// # Errors
    /// If it is not a file or the medium refuses.
    pub fn open(&self, path: &Path) -> Result<Option<OpenFile>, StoreError> {
        match self.disk.is_file(path)? {
            true => self.disk.open(path).map(Some),
            false => Ok(None),
        }
    }
}
