//! Remembers files' hashes by (size, mtime, ctime, inode), so that an unchanged file need not be read again.
//! It is a memory, never an authority: losing it costs time, and nothing in it enters a key.
//!
//! A file written twice within one tick of the file system's clock has the same times both times. So an
//! entry is trusted only if it was noted well after the file last changed: git's "racily clean" rule.

use std::{collections::BTreeMap, path::Path, sync::Mutex};

use serde::{Deserialize, Serialize};

use crate::{
    base::hash::ContentHash,
    store::{
        checksum,
        disk::{Disk, Stat, now_ns},
    },
};

/// The name under which the memory has its checksum.
const NAME: &str = "memo";

/// How long after the last change a file must have been hashed, in nanoseconds: more than a tick of Linux's clock.
const MARGIN: i64 = 20_000_000;

/// The same where times have no fraction of a second: such file systems count in steps of up to two.
const COARSE_MARGIN: i64 = 2_100_000_000;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    stat: Stat,
    hash: ContentHash,
    noted: i64,
}

#[derive(Debug, Default)]
struct Inner {
    entries: BTreeMap<String, Entry>,
    dirty: bool,
}

/// The memory. It is shared by all threads of a process.
#[derive(Debug, Default)]
pub struct Memo(Mutex<Inner>);

impl Memo {
    /// Reads the memory; what cannot be read is forgotten.
    pub fn load(path: &Path, disk: &Disk) -> Memo {
        let bytes = disk.read_optional(path).ok().flatten().unwrap_or_default();
        let entries = checksum::read(NAME, &bytes).unwrap_or_default();
        Memo(Mutex::new(Inner { entries, dirty: false }))
    }

    /// Returns the hash of the file called `name`, if its state is the one remembered.
    pub fn recall(&self, name: &str, stat: &Stat) -> Option<ContentHash> {
        let inner = self.0.lock().ok()?;
        let entry = inner.entries.get(name)?;
        let changed = stat.mtime.max(stat.ctime);
        let coarse = stat.mtime % 1_000_000_000 == 0 && stat.ctime % 1_000_000_000 == 0;
        let margin = if coarse { COARSE_MARGIN } else { MARGIN };
        (entry.stat == *stat && entry.noted.saturating_sub(changed) > margin).then_some(entry.hash)
    }

    /// Remembers that the file called `name` had this hash in this state, seen now.
    pub fn note(&self, name: &str, stat: &Stat, hash: ContentHash) {
        if let Ok(mut inner) = self.0.lock() {
            inner.entries.insert(name.to_string(), Entry { stat: *stat, hash, noted: now_ns() });
            inner.dirty = true;
        }
    }

    /// Forgets a file.
    pub fn forget(&self, name: &str) {
        if let Ok(mut inner) = self.0.lock() {
            inner.dirty |= inner.entries.remove(name).is_some();
        }
    }

    /// Returns the memory's bytes if there is something new in it.
    pub fn changed(&self) -> Option<Vec<u8>> {
        let mut inner = self.0.lock().ok()?;
        if !std::mem::take(&mut inner.dirty) {
            return None;
        }
        serde_json::to_vec(&inner.entries).ok().map(|bytes| checksum::close(NAME, bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(changed: i64) -> Stat {
        Stat { size: 1, mtime: changed, ctime: changed, inode: 1 }
    }

    #[test]
    fn a_file_that_changed_just_now_is_not_trusted() {
        let memo = Memo::default();
        let hash = ContentHash::of(b"x");
        let old = stat(now_ns() - 10 * MARGIN - 1);
        let fresh = stat(now_ns() - 1);
        memo.note("old", &old, hash);
        memo.note("fresh", &fresh, hash);
        assert_eq!(memo.recall("old", &old), Some(hash));
        assert_eq!(memo.recall("fresh", &fresh), None);
    }

    #[test]
    fn any_difference_counts() {
        let memo = Memo::default();
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
    }
}
