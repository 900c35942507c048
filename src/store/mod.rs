//! The store: bytes under their hashes, records of keys and runs, and a view for people.
//! It does not know tables, kinds or pipelines. `FORMAT.md` beside this file tells the whole format.

pub mod checks;
pub mod checksum;
pub mod disk;
pub mod error;
pub mod fsck;
pub mod gc;
pub mod identity;
pub mod latest;
pub mod layout;
pub mod lease;
pub mod live;
pub mod memo;
pub mod objects;
pub mod packed;
pub mod receipt;
pub mod records;
mod retired;
pub mod runs;
pub mod temp;
pub mod usage;

use std::path::{Path, PathBuf};

use crate::store::{disk::Disk, error::StoreError, lease::StoreHold, memo::Memo};

/// The layout of the folder that this program writes; it reads this one and those before.
pub const LAYOUT: u32 = 2;

/// The format of the records that this program writes and reads.
pub const FORMAT: u32 = 1;

/// A store folder. Several processes may hold the same one.
pub struct Store {
    root: PathBuf,
    disk: Disk,
    memo: Memo,
    hold: Option<StoreHold>,
}

impl Store {
    /// Opens the store at `root` for reading; the folder need not exist.
    ///
    /// # Errors
    /// If it was written by a newer program.
    pub fn open(root: &Path, disk: Disk) -> Result<Store, StoreError> {
        let store = Store {
            root: root.to_path_buf(),
            memo: Memo::new(root.join("memo"), &disk),
            disk,
            hold: None,
        };
        store.layout()?;
        Ok(store)
    }

    /// Opens the store for looking at what is wrong with it: a mark that cannot be read does not stop this, one of a
    /// newer program does.
    ///
    /// # Errors
    /// If a newer program wrote it.
    pub fn open_damaged(root: &Path, disk: Disk) -> Result<Store, StoreError> {
        match Store::open(root, disk.clone()) {
            Err(StoreError::Damaged { .. } | StoreError::Io { .. }) => Ok(Store {
                root: root.to_path_buf(),
                memo: Memo::new(root.join("memo"), &disk),
                disk,
                hold: None,
            }),
            other => other,
        }
    }

    /// Opens the store, damaged as it may be, and holds it alone, for removing and moving. While others hold it this
    /// waits; `wait` is called now and then meanwhile, and ends it by returning false. Returns `None` then.
    ///
    /// # Errors
    /// If the medium refuses, a newer program wrote it, or the file system knows no locks.
    pub fn open_alone(
        root: &Path,
        disk: Disk,
        wait: &dyn Fn() -> bool,
    ) -> Result<Option<Store>, StoreError> {
        let mut store = Store::open_damaged(root, disk)?;
        for place in layout::PLACES.iter().filter(|p| p.role.is_made_at_once()) {
            store.disk.create_dir_all(&store.root.join(place.name))?;
        }
        loop {
            store.hold = store.try_hold_alone()?;
            if store.hold.is_some() {
                return Ok(Some(store));
            }
            if !wait() {
                return Ok(None);
            }
            std::thread::sleep(lease::PATIENCE);
        }
    }

    /// Lets others hold the store beside this process again.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn share(&mut self) -> Result<(), StoreError> {
        self.hold = None;
        self.hold = Some(self.hold_shared()?);
        Ok(())
    }

    /// Opens the store for writing, makes its folders, and holds it so that nothing is removed from it meanwhile.
    ///
    /// # Errors
    /// If the medium refuses, or a newer program wrote it.
    pub fn create(root: &Path, disk: Disk) -> Result<Store, StoreError> {
        let mut store = Store::open(root, disk)?;
        let mut made = Vec::new();
        for place in layout::PLACES.iter().filter(|p| p.role.is_made_at_once()) {
            made.extend(store.disk.create_dir_all(&store.root.join(place.name))?);
        }
        store.disk.sync_names(&made)?;
        store.hold = Some(store.hold_shared()?);
        if store.layout()? != Some(LAYOUT) {
            store.write_atomic(&store.root.join("FORMAT"), mark().as_bytes())?;
        }
        store.ensure_identity()?;
        Ok(store)
    }

    /// Returns the store's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the seam through which all file operations go.
    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// Returns what is remembered of files' hashes.
    pub fn memo(&self) -> &Memo {
        &self.memo
    }

    /// Writes what was learned of files' hashes.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn save_memo(&self) -> Result<(), StoreError> {
        match self.memo.changed() {
            Some(bytes) => self.write_atomic(&self.root.join("memo"), &bytes),
            None => Ok(()),
        }
    }

    /// Makes an empty folder under `tmp`.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn scratch(&self, hint: &str) -> Result<PathBuf, StoreError> {
        let path = self.temp_path(hint);
        self.disk.create_dir_all(&path)?;
        Ok(path)
    }

    /// Writes a file so that a reader meets the old bytes or the new ones, never a mixture.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn write_atomic(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let temp = self.temporary("write");
        self.disk.write_synced(temp.path(), bytes)?;
        temp.rename(path)
    }

    fn temp_path(&self, hint: &str) -> PathBuf {
        use std::sync::atomic::{AtomicU64, Ordering};
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let n = COUNTER.fetch_add(1, Ordering::Relaxed);
        let nanos = disk::now_ns();
        self.root.join("tmp").join(format!("{hint}-{}-{nanos:x}-{n}", std::process::id()))
    }

    /// Returns the layout that the mark tells; `None` where there is no store yet.
    fn layout(&self) -> Result<Option<u32>, StoreError> {
        let path = self.root.join("FORMAT");
        let Some(bytes) = self.disk.read_optional(&path)? else { return Ok(None) };
        let text = String::from_utf8_lossy(&bytes);
        match text.trim().strip_prefix("orchestrate store ").map(str::parse) {
            Some(Ok(layout @ 1..=LAYOUT)) => Ok(Some(layout)),
            Some(Ok(found)) if found > LAYOUT => Err(StoreError::Newer { path, found }),
            _ => Err(StoreError::damaged(path, "is not the mark of a store")),
        }
    }
}

/// Returns what `FORMAT` holds.
fn mark() -> String {
    format!("orchestrate store {LAYOUT}\n")
}

/// Tells whether `FORMAT` holds what this program or an older one writes, to the byte.
fn is_mark(bytes: &[u8]) -> bool {
    (1..=LAYOUT).any(|layout| bytes == format!("orchestrate store {layout}\n").as_bytes())
}

#[cfg(test)]
mod tests;
