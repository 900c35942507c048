//! Files in the making, under `tmp/`. It does not know what is in them.

use std::path::{Path, PathBuf};

use crate::store::{Store, disk::Disk, error::StoreError};

/// A name under `tmp/`. Dropped, what has it is removed, unless that was given a name of its own.
///
/// So a run that fails leaves nothing behind, which matters most where it failed because the disk is full.
#[derive(Debug)]
pub struct Temporary {
    path: PathBuf,
    disk: Disk,
    is_named: bool,
}

impl Temporary {
    /// Returns the name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the seam through which it is written.
    pub(super) fn disk(&self) -> &Disk {
        &self.disk
    }

    /// Gives the file its own name, for good.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn rename(mut self, to: &Path) -> Result<(), StoreError> {
        self.disk.rename(&self.path, to)?;
        self.is_named = true;
        Ok(())
    }

    /// Gives a link its own name, without waiting.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn rename_lazily(&mut self, to: &Path) -> Result<(), StoreError> {
        self.disk.rename_lazily(&self.path, to)?;
        self.is_named = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.is_named {
            // Nothing refers to it, and gc sweeps `tmp`: a failure here costs space for a while only.
            let _ = self.disk.remove_file(&self.path);
        }
    }
}

impl Store {
    /// Returns a name that nothing has yet.
    pub(super) fn temporary(&self, hint: &str) -> Temporary {
        Temporary { path: self.temp_path(hint), disk: self.disk.clone(), is_named: false }
    }
}
