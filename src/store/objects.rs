//! Immutable bytes under their hashes. It does not know what the bytes are.

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use crate::{
    base::hash::ContentHash,
    store::{
        Store,
        disk::{Disk, OpenFile, Stat},
        error::StoreError,
        temp::Temporary,
    },
};

/// Buffer between a writer and the medium.
const BUFFER: usize = 1 << 18;

/// Bytes hashed at a time: as many as a core's own cache holds, since they are read into it just before.
const HASH_BUFFER: usize = 1 << 21;

/// From how many bytes on several threads hash faster than one.
const PARALLEL_FROM: usize = 1 << 18;

/// An object being written: bytes are hashed on their way to a file under `tmp`. Dropped, it is removed.
pub struct ObjectWriter {
    inner: BufWriter<Hashing>,
    // Dropped after the writer, which may still have something to write.
    temp: Temporary,
}

struct Hashing {
    file: OpenFile,
    hasher: blake3::Hasher,
    bytes: u64,
    disk: Disk,
    path: PathBuf,
}

/// An object that is written and synced but does not have its name yet. Dropped, it is removed.
#[derive(Debug)]
pub struct Staged {
    /// The hash of its bytes.
    pub hash: ContentHash,
    /// Its size.
    pub bytes: u64,
    temp: Temporary,
}

/// What became of checking an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// The bytes match the name.
    Sound,
    /// There is no such object.
    Missing,
    /// The bytes do not match the name.
    Corrupt,
}

impl Write for ObjectWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.disk.write_all(&mut self.file, &self.path, bytes).map_err(StoreError::into_io)?;
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl ObjectWriter {
    /// Ends the object: flushes it, syncs it, makes it read-only.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn finish(self) -> Result<Staged, StoreError> {
        let temp = self.temp;
        let hashing = self
            .inner
            .into_inner()
            .map_err(|error| StoreError::io("write", temp.path())(error.into_error()))?;
        hashing.disk.sync(&hashing.file, temp.path())?;
        hashing.disk.make_read_only(temp.path())?;
        let hash = ContentHash::from_digest(hashing.hasher.finalize());
        Ok(Staged { hash, bytes: hashing.bytes, temp })
    }
}

impl Store {
    /// Starts an object.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn begin_object(&self) -> Result<ObjectWriter, StoreError> {
        let temp = self.temporary("object");
        let hashing = Hashing {
            file: self.disk.create(temp.path())?,
            hasher: blake3::Hasher::new(),
            bytes: 0,
            disk: self.disk.clone(),
            path: temp.path().to_path_buf(),
        };
        Ok(ObjectWriter { inner: BufWriter::with_capacity(BUFFER, hashing), temp })
    }

    /// Gives a staged object its name. Replaces an object of that name, which holds the same bytes or is damaged.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn commit(&self, staged: Staged, ext: &str) -> Result<(ContentHash, u64), StoreError> {
        let target = self.object_path(&staged.hash, ext);
        staged.temp.rename(&target)?;
        if let Some(stat) = self.disk.stat(&target)? {
            self.memo.note_own(&self.memo_name(&target), &stat, staged.hash);
        }
        Ok((staged.hash, staged.bytes))
    }

    /// Stores bytes that are in memory.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn put(&self, bytes: &[u8], ext: &str) -> Result<ContentHash, StoreError> {
        let hash = ContentHash::of(bytes);
        if self.is_kept(&hash, ext)? {
            return Ok(hash);
        }
        let mut writer = self.begin_object()?;
        let path = writer.temp.path().to_path_buf();
        writer.write_all(bytes).map_err(StoreError::io("write", &path))?;
        Ok(self.commit(writer.finish()?, ext)?.0)
    }

    /// Returns where an object lies or would lie.
    pub fn object_path(&self, hash: &ContentHash, ext: &str) -> PathBuf {
        let hex = hash.to_hex();
        self.root.join("objects").join(&hex[..2]).join(format!("{hex}.{ext}"))
    }

    /// Tells whether an object is there and sound. Its bytes are read unless they were read before and the file
    /// has not been touched since.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn health(&self, hash: &ContentHash, ext: &str) -> Result<Health, StoreError> {
        let path = self.object_path(hash, ext);
        let Some(stat) = self.disk.stat(&path)? else { return Ok(Health::Missing) };
        let name = self.memo_name(&path);
        let found = match self.memo.recall(&name, &stat) {
            Some(found) => found,
            None => {
                let found = self.hash_file(&path)?;
                self.memo.note(&name, &stat, found);
                found
            }
        };
        Ok(if found == *hash { Health::Sound } else { Health::Corrupt })
    }

    /// Reads a whole object and checks it against its name.
    ///
    /// # Errors
    /// If it is missing, damaged, or the medium refuses.
    pub fn read_object(&self, hash: &ContentHash, ext: &str) -> Result<Vec<u8>, StoreError> {
        let path = self.object_path(hash, ext);
        let bytes = self.disk.read(&path)?;
        if ContentHash::of(&bytes) != *hash {
            return Err(StoreError::damaged(path, "does not hold the bytes of its name"));
        }
        Ok(bytes)
    }

    /// Tells whether there is an object of this name, sound or not.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn has_object(&self, hash: &ContentHash, ext: &str) -> Result<bool, StoreError> {
        self.disk.is_file(&self.object_path(hash, ext))
    }

    /// Opens an object as it stands, unchecked.
    ///
    /// # Errors
    /// If it is missing or the medium refuses.
    pub fn open_object(&self, hash: &ContentHash, ext: &str) -> Result<OpenFile, StoreError> {
        self.disk.open(&self.object_path(hash, ext))
    }

    /// Returns the hash of a source file, from memory if it has not been touched since it was last read, and the state
    /// in which the file has it.
    ///
    /// # Errors
    /// If it is missing, or changes while it is read.
    pub fn source_hash(&self, path: &Path) -> Result<(ContentHash, Stat), StoreError> {
        let before = self.require_stat(path)?;
        let name = self.memo_name(path);
        if let Some(hash) = self.memo.recall(&name, &before) {
            return Ok((hash, before));
        }
        let hash = self.hash_file(path)?;
        self.unchanged(path, &before)?;
        self.memo.note(&name, &before, hash);
        Ok((hash, before))
    }

    /// Keeps a source file's bytes as an object. The mixed bytes of a file that changes meanwhile are kept under no name.
    ///
    /// # Errors
    /// If the file's bytes are not those of `expected`, or the medium refuses.
    pub fn snapshot(&self, path: &Path, expected: &ContentHash) -> Result<(), StoreError> {
        if self.is_kept(expected, RAW)? {
            return Ok(());
        }
        let before = self.require_stat(path)?;
        let source = self.disk.open(path)?;
        let temp = self.temporary("snapshot");
        let file = self.disk.create(temp.path())?;
        let staged = if self.disk.reflink(&source, &file, temp.path())? {
            let hash = self.hash_file(temp.path())?;
            self.disk.sync(&file, temp.path())?;
            self.disk.make_read_only(temp.path())?;
            Staged { hash, bytes: before.size, temp }
        } else {
            drop(temp);
            self.copy_in(source, path)?
        };
        self.unchanged(path, &before)?;
        if staged.hash != *expected {
            return Err(StoreError::Moved(path.to_path_buf()));
        }
        self.commit(staged, RAW)?;
        Ok(())
    }

    /// Tells whether an object is there, sound, and going to stay: whoever gave it its name may have died before the
    /// name was on the medium.
    fn is_kept(&self, hash: &ContentHash, ext: &str) -> Result<bool, StoreError> {
        if self.health(hash, ext)? != Health::Sound {
            return Ok(false);
        }
        match self.object_path(hash, ext).parent() {
            Some(folder) => self.disk.sync_folder(folder).map(|()| true),
            None => Ok(true),
        }
    }

    fn copy_in(&self, mut source: OpenFile, path: &Path) -> Result<Staged, StoreError> {
        let mut writer = self.begin_object()?;
        let mut buffer = vec![0; BUFFER];
        loop {
            let n = self.disk.fill(&mut source, path, &mut buffer)?;
            if n == 0 {
                return writer.finish();
            }
            writer.write_all(&buffer[..n]).map_err(StoreError::io("write", writer.temp.path()))?;
        }
    }

    fn require_stat(&self, path: &Path) -> Result<Stat, StoreError> {
        let missing = || StoreError::io("read", path)(io::Error::from(io::ErrorKind::NotFound));
        self.disk.stat(path)?.ok_or_else(missing)
    }

    fn unchanged(&self, path: &Path, before: &Stat) -> Result<(), StoreError> {
        match self.disk.stat(path)? {
            Some(after) if after == *before => Ok(()),
            _ => Err(StoreError::Moved(path.to_path_buf())),
        }
    }

    /// Returns BLAKE3 of a file's bytes.
    ///
    /// The file is read, not mapped: a source that somebody cuts short would end a mapping with a signal.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn hash_file(&self, path: &Path) -> Result<ContentHash, StoreError> {
        let mut file = self.disk.open(path)?;
        let mut hasher = blake3::Hasher::new();
        let size = self.disk.stat(path)?.map_or(0, |stat| stat.size);
        let mut buffer =
            vec![0; usize::try_from(size).unwrap_or(HASH_BUFFER).clamp(1, HASH_BUFFER)];
        loop {
            let n = self.disk.fill(&mut file, path, &mut buffer)?;
            if n == 0 {
                return Ok(ContentHash::from_digest(hasher.finalize()));
            }
            if n < PARALLEL_FROM {
                hasher.update(&buffer[..n]);
            } else {
                hasher.update_rayon(&buffer[..n]);
            }
        }
    }

    pub(super) fn memo_name(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy().into_owned()
    }
}

/// The ending of snapshots of source files: what they hold is told by their first bytes.
pub const RAW: &str = "raw";
