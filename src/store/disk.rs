//! The seam: every file operation of the store goes through here, so that a test can make any of them fail
//! or be the last. It does not know what the files mean.

mod look;
mod stat;

use std::{
    collections::BTreeSet,
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::store::error::StoreError;

use self::look::is_absence;
pub use self::{
    look::{Folder, Thing},
    stat::{MARGIN, Stat, now_ns},
};

/// The file handles that pass through here.
pub use std::fs::{File as OpenFile, TryLockError};

/// One operation that is about to happen.
#[derive(Clone, Copy, Debug)]
pub struct Op<'a> {
    /// What it is: `create`, `write`, `rename`; the intent in its error.
    pub name: &'static str,
    /// What it is done to; a rename's new name.
    pub path: &'a Path,
    /// A rename's old name, a link's target.
    pub from: Option<&'a Path>,
}

/// Called before each operation; an error is reported as the operation's own, which then does not happen.
pub type Gate = dyn Fn(&Op<'_>) -> io::Result<()> + Send + Sync;

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

/// One name in a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The folder's path and the name.
    pub path: PathBuf,
    /// Whether it is a folder itself; a link to one is not.
    pub is_folder: bool,
}

impl Disk {
    /// Makes a disk whose operations pass `gate` first.
    pub fn gated(gate: Arc<Gate>) -> Disk {
        Disk { gate: Some(gate) }
    }

    fn pass(&self, name: &'static str, path: &Path) -> Result<(), StoreError> {
        self.pass_from(name, path, None)
    }

    fn pass_from(
        &self,
        name: &'static str,
        path: &Path,
        from: Option<&Path>,
    ) -> Result<(), StoreError> {
        match &self.gate {
            Some(gate) => gate(&Op { name, path, from }).map_err(StoreError::io(name, path)),
            None => Ok(()),
        }
    }

    /// Makes a folder and those above it, and returns those that were not there before.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn create_dir_all(&self, path: &Path) -> Result<Vec<PathBuf>, StoreError> {
        let mut missing = Vec::new();
        for folder in path.ancestors().filter(|f| !f.as_os_str().is_empty()) {
            match self.look(folder)? {
                Some(metadata) if metadata.is_dir() => break,
                _ => missing.push(folder.to_path_buf()),
            }
        }
        missing.reverse();
        for folder in &missing {
            self.pass("make folder", folder)?;
            match fs::create_dir(folder) {
                // Somebody else was quicker.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
                made => made.map_err(StoreError::io("make folder", folder))?,
            }
        }
        Ok(missing)
    }

    /// Waits until the names of new folders are on the medium.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn sync_names(&self, made: &[PathBuf]) -> Result<(), StoreError> {
        let above: BTreeSet<&Path> = made.iter().filter_map(|folder| folder.parent()).collect();
        above.into_iter().try_for_each(|folder| self.sync_folder(folder))
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

    /// Renames a file over another one, in one step, without waiting: after a power cut either of them may have the name.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn rename_lazily(&self, from: &Path, to: &Path) -> Result<(), StoreError> {
        self.pass_from("rename", to, Some(from))?;
        fs::rename(from, to).map_err(StoreError::io("rename", to))
    }

    /// Gives a file its name for good: makes the folders, renames it over what is there, and waits until the name is
    /// on the medium.
    ///
    /// Names of new folders are waited for last, when most file systems have written them with the rest.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn rename(&self, from: &Path, to: &Path) -> Result<(), StoreError> {
        let folder = to.parent().unwrap_or(Path::new(""));
        let made = self.create_dir_all(folder)?;
        self.rename_lazily(from, to)?;
        self.sync_folder(folder)?;
        self.sync_names(&made)
    }

    /// Gives a file its name unless something has that name already, in one step, and waits until the folder is on the
    /// medium. The file loses its old name either way.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn rename_new(&self, from: &Path, to: &Path) -> Result<(), StoreError> {
        self.pass_from("hard link", to, Some(from))?;
        match fs::hard_link(from, to) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            // File systems without hard links: the last of several writers wins there.
            Err(_) => return self.rename(from, to),
        }
        self.sync_folder(to.parent().unwrap_or(Path::new("")))?;
        self.remove_file(from)
    }

    /// Waits until the names in a folder are on the medium.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn sync_folder(&self, folder: &Path) -> Result<(), StoreError> {
        self.pass("sync folder", folder)?;
        match File::open(folder).and_then(|f| f.sync_all()) {
            Ok(()) => Ok(()),
            // Some file systems do not sync folders; renames are ordered there or not at all.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            Err(error) => Err(StoreError::io("sync folder", folder)(error)),
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
        self.pass("remove folder", path)?;
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::io("remove folder", path)(error))
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
        self.pass_from("link", link, Some(target))?;
        std::os::unix::fs::symlink(target, link).map_err(StoreError::io("link", link))
    }

    /// Returns what a symbolic link points at, or `None` if there is no link.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn read_link(&self, path: &Path) -> Result<Option<PathBuf>, StoreError> {
        self.pass("look at", path)?;
        match fs::read_link(path) {
            Ok(target) => Ok(Some(target)),
            Err(error) if is_absence(&error) || error.kind() == io::ErrorKind::InvalidInput => {
                Ok(None)
            }
            Err(error) => Err(StoreError::io("look at", path)(error)),
        }
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    /// If it is not there or the medium refuses.
    pub fn open(&self, path: &Path) -> Result<File, StoreError> {
        self.pass("read", path)?;
        File::open(path).map_err(StoreError::io("read", path))
    }

    /// Reads from an open file until `buffer` is full or the file ends, and returns how much it was.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn fill(
        &self,
        file: &mut File,
        path: &Path,
        buffer: &mut [u8],
    ) -> Result<usize, StoreError> {
        self.pass("read", path)?;
        let mut filled = 0;
        while filled < buffer.len() {
            match file.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(StoreError::io("read", path)(error)),
            }
        }
        Ok(filled)
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
        Ok(self.entries(folder)?.into_iter().map(|entry| entry.path).collect())
    }

    /// Lists the names in a folder, sorted, and which of them are folders.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn entries(&self, folder: &Path) -> Result<Vec<Entry>, StoreError> {
        self.pass("list", folder)?;
        let found = match fs::read_dir(folder) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(StoreError::io("list", folder)(error)),
        };
        let mut entries = Vec::new();
        for entry in found {
            let entry = entry.map_err(StoreError::io("list", folder))?;
            let is_folder = entry.file_type().map_err(StoreError::io("list", folder))?.is_dir();
            entries.push(Entry { path: entry.path(), is_folder });
        }
        entries.sort();
        Ok(entries)
    }

    /// Copies `from` into the new file `to`, sharing blocks where the file system can; returns true if it did. The path
    /// is that of `to`, for messages.
    ///
    /// # Errors
    /// If the test that holds the gate says so.
    pub fn reflink(&self, from: &File, to: &File, path: &Path) -> Result<bool, StoreError> {
        self.pass("write", path)?;
        #[cfg(target_os = "linux")]
        return Ok(rustix::fs::ioctl_ficlone(to, from).is_ok());
        #[cfg(not(target_os = "linux"))]
        return Ok(false);
    }
}
