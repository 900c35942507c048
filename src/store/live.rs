//! What an execution is doing now, told to whoever looks at the store meanwhile: a file under `tmp/` that grows by a
//! line with each news, locked as long as its process lives. Nothing depends on it, so it is neither synced nor are
//! its failures anybody's. Where the file system knows no locks, nobody is believed to be alive.
//! It does not know what pictures are made of it.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::store::{
    Store,
    disk::{OpenFile, TryLockError},
    layout::Role,
    temp::Temporary,
};

/// What the names of such files begin with.
const HINT: &str = "live";

/// Something that happened, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Seconds from the execution's beginning.
    pub at: f64,
    /// What.
    pub news: News,
}

/// Something that happened in an execution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// It began.
    Began {
        /// The pipeline's name.
        pipeline: String,
        /// When, RFC 3339 in UTC.
        started: String,
        /// The process.
        pid: u32,
    },
    /// An instance began to run.
    Started {
        /// Which.
        stage: String,
    },
    /// An instance is so far.
    Progress {
        /// Which.
        stage: String,
        /// Units done.
        done: u64,
        /// Units in all; 0 where that is not known.
        total: u64,
    },
    /// An instance reached its last state.
    Ended {
        /// Which.
        stage: String,
        /// The state's word.
        state: String,
        /// Seconds it ran.
        seconds: f64,
        /// Why it failed.
        error: Option<String>,
    },
}

/// Tells news. Dropped, it takes away what it told.
#[derive(Debug)]
pub struct Teller {
    temp: Temporary,
    file: Mutex<Option<OpenFile>>,
}

impl Teller {
    /// Tells something. What cannot be written is not told, and nothing after it.
    pub fn tell(&self, line: &Line) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = file.as_mut() else { return };
        let Ok(mut text) = serde_json::to_vec(line) else { return };
        text.push(b'\n');
        if self.temp.disk().write_all(open, self.temp.path(), &text).is_err() {
            *file = None;
        }
    }
}

impl Store {
    /// Begins to tell; `None` where that cannot be done.
    pub fn teller(&self) -> Option<Teller> {
        let temp = self.temporary(HINT);
        let file = self.disk.create(temp.path()).ok()?;
        // A reader that looks just now holds it for a moment.
        file.lock().ok()?;
        Some(Teller { temp, file: Mutex::new(Some(file)) })
    }

    /// Returns the news of each execution that goes on, in the order of their files' names.
    pub fn going_on(&self) -> Vec<Vec<Line>> {
        let is_live = |name: &str| name.strip_prefix(HINT).is_some_and(|r| r.starts_with('-'));
        let files = self.disk.list(&self.place(Role::Temp)).unwrap_or_default();
        let live = files
            .iter()
            .filter(|path| path.file_name().and_then(|n| n.to_str()).is_some_and(is_live));
        live.filter_map(|path| {
            let file = self.disk.open(path).ok()?;
            match file.try_lock_shared() {
                Err(TryLockError::WouldBlock) => Some(lines(&self.disk.read(path).ok()?)),
                _ => None,
            }
        })
        .collect()
    }
}

/// Reads lines up to the first that is not whole.
fn lines(bytes: &[u8]) -> Vec<Line> {
    let whole = bytes.split_inclusive(|b| *b == b'\n').filter(|line| line.ends_with(b"\n"));
    whole.map_while(|line| serde_json::from_slice(line).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_line_is_not_read() {
        let text = b"{\"at\":0.5,\"news\":{\"started\":{\"stage\":\"a\"}}}\n{\"at\":1,\"ne";
        assert_eq!(lines(text).len(), 1);
    }
}
