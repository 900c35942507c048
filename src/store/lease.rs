//! Leases: who works on what, among the processes that hold one store. They are `flock`s on files under `locks/`,
//! so the kernel ends them with the process that holds them, however that ends: nothing is left that a person
//! would have to delete. It does not know what the work is.
//!
//! A process that writes holds `locks/store` shared; whoever removes objects holds it alone. A process that runs a
//! stage holds `locks/<key>`, so that another one that wants the same outputs waits for them instead of making
//! them too. Nobody waits for a key's lease while holding one of something further down the graph only, so no two
//! can wait for each other.
//!
//! Where the file system knows no locks everything still works, only twice: the same work gives the same bytes.

use std::{io, path::PathBuf, thread, time::Duration};

use crate::{
    base::hash::StageKey,
    store::{
        Store,
        disk::{Disk, OpenFile, TryLockError},
        error::StoreError,
    },
};

/// How long to wait before looking again whether somebody let go.
pub const PATIENCE: Duration = Duration::from_millis(10);

/// The right to run the stage of one key. It ends when it is dropped, or with the process.
#[derive(Debug)]
pub struct KeyLease {
    path: PathBuf,
    disk: Disk,
    /// Held for its lock, which the kernel releases when it closes.
    _file: Option<OpenFile>,
}

/// A hold on the whole store. It ends when it is dropped, or with the process.
#[derive(Debug)]
pub struct StoreHold(
    /// `None` where the file system knows no locks.
    Option<OpenFile>,
);

impl Drop for KeyLease {
    fn drop(&mut self) {
        // Removed while still locked, so that whoever opened it before sees that it lost its name and opens anew.
        // What a killed process leaves is an empty, unlocked file, which the next holder of the key takes over.
        let _ = self.disk.remove_file(&self.path);
    }
}

impl Store {
    /// Takes the lease of a key; `None` if another holder, here or in another process, has it.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn try_lease(&self, key: &StageKey) -> Result<Option<KeyLease>, StoreError> {
        let path = self.root.join("locks").join(key.to_hex());
        loop {
            let file = self.disk.open_lock(&path)?;
            let locked = match file.try_lock() {
                Ok(()) => Some(file),
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) if knows_no_locks(&error) => None,
                Err(TryLockError::Error(error)) => {
                    return Err(StoreError::io("lock", &path)(error));
                }
            };
            // The last holder may have removed the file between opening and locking: its lock protects nothing then.
            if locked.as_ref().is_none_or(|file| self.disk.is_named(file, &path)) {
                return Ok(Some(KeyLease { path, disk: self.disk.clone(), _file: locked }));
            }
        }
    }

    /// Holds the store so that nothing is removed from it, beside others that do so. Waits while somebody has it
    /// alone, which is never long.
    ///
    /// # Errors
    /// If the medium refuses.
    pub(super) fn hold_shared(&self) -> Result<StoreHold, StoreError> {
        loop {
            match self.try_hold(OpenFile::try_lock_shared)? {
                Some(hold) => return Ok(hold),
                None => thread::sleep(PATIENCE),
            }
        }
    }

    /// The same for one who only reads, where the store cannot be written or has no locks yet: nothing is held then.
    pub fn hold_for_reading(&mut self) {
        self.hold = self.hold_shared().ok();
    }

    /// Holds the store alone, for removing from it. Returns `None` while anybody else holds it.
    ///
    /// # Errors
    /// If the medium refuses, or the file system knows no locks: nothing may be removed then.
    pub fn try_hold_alone(&self) -> Result<Option<StoreHold>, StoreError> {
        let hold = self.try_hold(OpenFile::try_lock)?;
        match hold {
            Some(StoreHold(None)) => {
                Err(StoreError::io("lock", &self.root)(io::Error::from(io::ErrorKind::Unsupported)))
            }
            other => Ok(other),
        }
    }

    fn try_hold(
        &self,
        lock: impl Fn(&OpenFile) -> Result<(), TryLockError>,
    ) -> Result<Option<StoreHold>, StoreError> {
        let path = self.root.join("locks").join("store");
        let file = self.disk.open_lock(&path)?;
        match lock(&file) {
            Ok(()) => Ok(Some(StoreHold(Some(file)))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) if knows_no_locks(&error) => Ok(Some(StoreHold(None))),
            Err(TryLockError::Error(error)) => Err(StoreError::io("lock", &path)(error)),
        }
    }
}

fn knows_no_locks(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Unsupported)
        || error.raw_os_error() == Some(rustix::io::Errno::NOLCK.raw_os_error())
}
