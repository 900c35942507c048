//! The seam: every file operation of the store goes through here, so that a test can make any of them fail
//! or be the last. It does not know what the files mean.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::store::error::StoreError;

/// Called before each operation with its name and path; an error is reported as the operation's own.
pub type Gate = dyn Fn(&'static str, &Path) -> io::Result<()> + Send + Sync;

/// File operations, each with path and intent in its errors.
#[derive(Clone, Default)]
pub struct Disk {
    gate: Option<Arc<Gate>>,
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").field("gated", &self.gate.is_some()).finish()
    }
}

/// What identifies one state of a file without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Stat {
    /// Size in bytes.
    pub size: u64,
    /// Modification time in nanoseconds.
    pub mtime: i64,
    /// Change time in nanoseconds; unlike the former it cannot be set back.
    pub ctime: i64,
    /// Inode number.
    pub inode: u64,
}

impl Disk {
    /// Makes a disk whose operations pass `gate` first.
    pub fn gated(gate: Arc<Gate>) -> Disk {
        Disk { gate: Some(gate) }
    }

    fn pass(&self, op: &'static str, path: &Path) -> Result<(), StoreError> {
        match &self.gate {
            Some(gate) => gate(op, path).map_err(StoreError::io(op, path)),
            None => Ok(()),
        }
    }

    /// Makes a folder and those above it.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn create_dir_all(&self, path: &Path) -> Result<(), StoreError> {
        if path.is_dir() {
            return Ok(());
        }
        self.pass("create", path)?;
        fs::create_dir_all(path).map_err(StoreError::io("create", path))
    }

    /// Creates a new file for writing.
    ///
    /// # Errors
    /// If it exists already or the medium refuses.
    pub fn create(&self, path: &Path) -> Result<File, StoreError> {
        self.pass("create", path)?;
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)
            .map_err(StoreError::io("create", path))
    }

    /// Creates a new file that only its owner may read.
    ///
    /// # Errors
    /// If it exists already or the medium refuses.
    pub fn create_private(&self, path: &Path) -> Result<File, StoreError> {
        use std::os::unix::fs::OpenOptionsExt;
        self.pass("create", path)?;
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(StoreError::io("create", path))
    }

    /// Opens a file that is there for its lock only, making it if need be.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn open_lock(&self, path: &Path) -> Result<File, StoreError> {
        self.pass("lock", path)?;
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(StoreError::io("lock", path))
    }

    /// Writes through to an open file; its path is for messages.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn write_all(&self, file: &mut File, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        self.pass("write", path)?;
        file.write_all(bytes).map_err(StoreError::io("write", path))
    }

    /// Waits until a file's bytes are on the medium.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn sync(&self, file: &File, path: &Path) -> Result<(), StoreError> {
        self.pass("sync", path)?;
        file.sync_data().map_err(StoreError::io("sync", path))
    }

    /// Writes a new file and waits until it is on the medium.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn write_synced(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let mut file = self.create(path)?;
        self.write_all(&mut file, path, bytes)?;
        self.sync(&file, path)
    }

    /// Renames a file over another one, in one step, and waits until the folder is on the medium.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn rename(&self, from: &Path, to: &Path) -> Result<(), StoreError> {
        self.pass("rename", to)?;
        fs::rename(from, to).map_err(StoreError::io("rename", to))?;
        self.sync_folder(to)
    }

    /// Gives a file its name unless something has that name already, in one step, and waits until the folder is on the
    /// medium. The file loses its old name either way.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn rename_new(&self, from: &Path, to: &Path) -> Result<(), StoreError> {
        self.pass("link", to)?;
        match fs::hard_link(from, to) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            // File systems without hard links: the last of several writers wins there.
            Err(_) => return self.rename(from, to),
        }
        self.sync_folder(to)?;
        self.remove_file(from)
    }

    fn sync_folder(&self, of: &Path) -> Result<(), StoreError> {
        let Some(folder) = of.parent() else { return Ok(()) };
        self.pass("sync", folder)?;
        match File::open(folder).and_then(|f| f.sync_all()) {
            Ok(()) => Ok(()),
            // Some file systems do not sync folders; renames are ordered there or not at all.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            Err(error) => Err(StoreError::io("sync", folder)(error)),
        }
    }

    /// Makes a file read-only.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn make_read_only(&self, path: &Path) -> Result<(), StoreError> {
        self.pass("protect", path)?;
        let mut permissions =
            fs::metadata(path).map_err(StoreError::io("protect", path))?.permissions();
        permissions.set_readonly(true);
        fs::set_permissions(path, permissions).map_err(StoreError::io("protect", path))
    }

    /// Removes a file; one that is not there is fine.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn remove_file(&self, path: &Path) -> Result<(), StoreError> {
        self.pass("remove", path)?;
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::io("remove", path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Removes a folder and all in it; one that is not there is fine.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn remove_dir_all(&self, path: &Path) -> Result<(), StoreError> {
        self.pass("remove", path)?;
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::io("remove", path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Removes a folder if nothing is in it; returns whether it is gone.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn remove_empty_dir(&self, path: &Path) -> Result<bool, StoreError> {
        self.pass("remove", path)?;
        match fs::remove_dir(path) {
            Ok(()) => Ok(true),
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound => Ok(true),
                io::ErrorKind::DirectoryNotEmpty => Ok(false),
                _ => Err(StoreError::io("remove", path)(error)),
            },
        }
    }

    /// Makes a symbolic link.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn symlink(&self, target: &Path, link: &Path) -> Result<(), StoreError> {
        self.pass("link", link)?;
        std::os::unix::fs::symlink(target, link).map_err(StoreError::io("link", link))
    }

    /// Returns where a symbolic link leads, or `None` if there is none that can be read.
    pub fn read_link(&self, link: &Path) -> Option<PathBuf> {
        self.pass("read", link).ok()?;
        fs::read_link(link).ok()
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    /// If it is not there or the medium refuses.
    pub fn open(&self, path: &Path) -> Result<File, StoreError> {
        self.pass("read", path)?;
        File::open(path).map_err(StoreError::io("read", path))
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// If it is not there or the medium refuses.
    pub fn read(&self, path: &Path) -> Result<Vec<u8>, StoreError> {
        self.pass("read", path)?;
        fs::read(path).map_err(StoreError::io("read", path))
    }

    /// Reads a whole file, or returns `None` if it is not there.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn read_optional(&self, path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
        self.pass("read", path)?;
        match fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io("read", path)(error)),
        }
    }

    /// Lists the names in a folder, sorted; a folder that is not there is empty.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn list(&self, folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
        self.pass("list", folder)?;
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(StoreError::io("list", folder)(error)),
        };
        let mut paths = Vec::new();
        for entry in entries {
            paths.push(entry.map_err(StoreError::io("list", folder))?.path());
        }
        paths.sort();
        Ok(paths)
    }

    /// Returns what identifies the present state of a file, or `None` if it is not there.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn stat(&self, path: &Path) -> Result<Option<Stat>, StoreError> {
        found(fs::metadata(path), path)
    }

    /// The same of a link itself, wherever it leads.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn link_stat(&self, path: &Path) -> Result<Option<Stat>, StoreError> {
        found(fs::symlink_metadata(path), path)
    }

    /// Copies `from` into the new file `to`, sharing blocks where the file system can; returns true if it did.
    pub fn reflink(&self, from: &File, to: &File) -> bool {
        #[cfg(target_os = "linux")]
        return rustix::fs::ioctl_ficlone(to, from).is_ok();
        #[cfg(not(target_os = "linux"))]
        return false;
    }
}

impl Stat {
    /// Returns when the file last changed in any way, in nanoseconds.
    pub fn changed(&self) -> i64 {
        self.mtime.max(self.ctime)
    }

    /// Returns true if the times have no fraction of a second, as on file systems that keep none.
    pub fn is_coarse(&self) -> bool {
        self.mtime % 1_000_000_000 == 0 && self.ctime % 1_000_000_000 == 0
    }
}

fn found(metadata: io::Result<fs::Metadata>, path: &Path) -> Result<Option<Stat>, StoreError> {
    match metadata {
        Ok(metadata) => Ok(Some(stat_of(&metadata))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io("read", path)(error)),
    }
}

fn stat_of(metadata: &fs::Metadata) -> Stat {
    use std::os::unix::fs::MetadataExt;
    let nanos =
        |seconds: i64, nanos: i64| seconds.saturating_mul(1_000_000_000).saturating_add(nanos);
    Stat {
        size: metadata.size(),
        mtime: nanos(metadata.mtime(), metadata.mtime_nsec()),
        ctime: nanos(metadata.ctime(), metadata.ctime_nsec()),
        inode: metadata.ino(),
    }
}

/// Returns the wall clock in nanoseconds; for names and for the memory of files only, never for content.
pub fn now_ns() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX)
}
