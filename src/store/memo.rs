//! What is remembered of files' hashes, so that a no-op run need not read them. It does not read files.
//!
//! A file's size, times and inode are trusted only if they could not look the same after a later change: if the entry was
//! noted well after the file last changed ([`Stat::is_settled`]).

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};

use crate::{
    base::hash::ContentHash,
    store::{
        disk::{Disk, MARGIN, Stat, now_ns},
        packed::{self, Mark},
    },
};

const MARK: Mark = *b"orcmemo1";

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    stat: Stat,
    hash: ContentHash,
    noted: i64,
}

type Entries = BTreeMap<String, Entry>;

#[derive(Debug, Default)]
struct Inner {
    /// What the file says; read when it is first wanted.
    known: Option<Entries>,
    /// What this process learned.
    fresh: Entries,
    forgotten: bool,
}

/// The memory. It is shared by all threads of a process.
#[derive(Debug)]
pub struct Memo {
    path: PathBuf,
    disk: Disk,
    inner: Mutex<Inner>,
}

impl Memo {
    /// Makes the memory that is kept in the file `path`; what cannot be read of it is forgotten.
    pub fn new(path: PathBuf, disk: &Disk) -> Memo {
        Memo { path, disk: disk.clone(), inner: Mutex::default() }
    }

    /// Returns the hash of the file called `name`, if its state is the one remembered.
    pub fn recall(&self, name: &str, stat: &Stat) -> Option<ContentHash> {
        let mut inner = self.lock();
        if let Some(entry) = inner.fresh.get(name) {
            return entry.recall(stat);
        }
        inner.known.get_or_insert_with(|| self.read()).get(name)?.recall(stat)
    }

    /// Remembers that the file called `name` had this hash in this state, seen now.
    pub fn note(&self, name: &str, stat: &Stat, hash: ContentHash) {
        self.insert(name, Entry { stat: *stat, hash, noted: now_ns() });
    }

    /// Remembers a file that this process has just written itself, read-only and under a name that nobody else
    /// knew before: the hash is that of the bytes written, so there is nothing to wait for.
    pub fn note_own(&self, name: &str, stat: &Stat, hash: ContentHash) {
        let noted = now_ns().max(stat.changed().saturating_add(MARGIN + 1));
        self.insert(name, Entry { stat: *stat, hash, noted });
    }

    /// Forgets the files that `is_gone` names.
    pub fn forget(&self, is_gone: impl Fn(&str) -> bool) {
        let mut inner = self.lock();
        let mut known = inner.known.take().unwrap_or_else(|| self.read());
        let n_before = known.len() + inner.fresh.len();
        known.retain(|name, _| !is_gone(name));
        inner.fresh.retain(|name, _| !is_gone(name));
        inner.forgotten |= known.len() + inner.fresh.len() < n_before;
        inner.known = Some(known);
    }

    /// Returns the memory's bytes if there is something new in it: what the file says by now, for another process
    /// may have written it, and what this process learned.
    pub fn changed(&self) -> Option<Vec<u8>> {
        let mut inner = self.lock();
        if inner.fresh.is_empty() && !inner.forgotten {
            return None;
        }
        let mut entries = match inner.forgotten {
            true => inner.known.take().unwrap_or_default(),
            false => self.read(),
        };
        entries.append(&mut inner.fresh);
        inner.forgotten = false;
        let bytes = packed::pack(MARK, &entries);
        inner.known = Some(entries);
        bytes
    }

    /// Returns true if the bytes are those of a sound memory.
    pub fn is_sound(bytes: &[u8]) -> bool {
        packed::unpack::<Entries>(MARK, bytes).is_some()
    }

    fn insert(&self, name: &str, entry: Entry) {
        self.lock().fresh.insert(name.to_string(), entry);
    }

    fn read(&self) -> Entries {
        let bytes = self.disk.read_optional(&self.path).ok().flatten().unwrap_or_default();
        packed::unpack(MARK, &bytes).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn recall(&self, stat: &Stat) -> Option<ContentHash> {
        (self.stat == *stat && stat.is_settled(self.noted)).then_some(self.hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(changed: i64) -> Stat {
        Stat { size: 1, mtime: changed, ctime: changed, inode: 1 }
    }

    fn memo() -> Memo {
        Memo::new(PathBuf::from("/nonexistent/memo"), &Disk::default())
    }

    #[test]
    fn a_file_that_changed_just_now_is_not_trusted_unless_it_is_our_own() {
        let memo = memo();
        let hash = ContentHash::of(b"x");
        let old = stat(now_ns() - 10 * MARGIN - 1);
        let fresh = stat(now_ns() - 1);
        let coarse = stat((now_ns() / 1_000_000_000) * 1_000_000_000);
        memo.note("old", &old, hash);
        memo.note("fresh", &fresh, hash);
        memo.note_own("own", &fresh, hash);
        memo.note_own("coarse", &coarse, hash);
        assert_eq!(memo.recall("old", &old), Some(hash));
        assert_eq!(memo.recall("fresh", &fresh), None);
        assert_eq!(memo.recall("own", &fresh), Some(hash));
        assert_eq!(memo.recall("coarse", &coarse), None);
    }

    #[test]
    fn any_difference_counts() {
        let memo = memo();
        let seen = stat(12_345_678_901);
        memo.note("a", &seen, ContentHash::of(b"x"));
        assert!(memo.recall("a", &seen).is_some());
        for other in [
            Stat { size: 2, ..seen },
            Stat { mtime: 1, ..seen },
            Stat { ctime: 1, ..seen },
            Stat { inode: 2, ..seen },
        ] {
            assert_eq!(memo.recall("a", &other), None);
        }
        assert_eq!(memo.recall("b", &seen), None);
        memo.forget(|name| name == "a");
        assert_eq!(memo.recall("a", &seen), None);
    }
}
