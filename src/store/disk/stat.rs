//! What tells one state of a file from another without reading it, and the clock that it is held against.
//! It does not know whose files they are.

use std::{
    fs,
    time::{SystemTime, UNIX_EPOCH},
};

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

/// How long after its last change a file must have been looked at for its state to vouch for it, in nanoseconds: more
/// than a tick of Linux's clock.
pub const MARGIN: i64 = 20_000_000;

/// The same where times have no fraction of a second: such file systems count in steps of up to two.
const COARSE_MARGIN: i64 = 2_100_000_000;

impl Stat {
    /// Returns true if no later change can leave this state as it is, for it was seen well after the last one: a file that
    /// changes twice within one tick of the clock has one time for two contents. It is git's "racily clean" rule.
    pub fn is_settled(&self, seen: i64) -> bool {
        let margin = if self.is_coarse() { COARSE_MARGIN } else { MARGIN };
        seen.saturating_sub(self.changed()) > margin
    }

    /// Returns when the file last changed in any way, in nanoseconds.
    pub fn changed(&self) -> i64 {
        self.mtime.max(self.ctime)
    }

    /// Returns true if the times have no fraction of a second, as on file systems that keep none.
    fn is_coarse(&self) -> bool {
        self.mtime % 1_000_000_000 == 0 && self.ctime % 1_000_000_000 == 0
    }
}

/// Returns the state that a file system tells.
pub(super) fn stat_of(metadata: &fs::Metadata) -> Stat {
    use std::os::unix::fs::MetadataExt;
    Stat {
        size: metadata.size(),
        mtime: nanos(metadata.mtime(), metadata.mtime_nsec()),
        ctime: nanos(metadata.ctime(), metadata.ctime_nsec()),
        inode: metadata.ino(),
    }
}

/// The same of what the system call itself tells.
pub(super) fn stat_of_raw(raw: &rustix::fs::Stat) -> Stat {
    Stat {
        size: raw.st_size as u64,
        mtime: nanos(raw.st_mtime, raw.st_mtime_nsec as i64),
        ctime: nanos(raw.st_ctime, raw.st_ctime_nsec as i64),
        inode: raw.st_ino,
    }
}

fn nanos(seconds: i64, nanos: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

/// Returns the wall clock in nanoseconds; for names and for the memory of files only, never for content.
pub fn now_ns() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX)
}
