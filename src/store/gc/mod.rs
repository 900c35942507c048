//! `gc`: finds what no kept run needs, says what it is worth, and removes it.
//! It does not know what an artifact is; what it would cost again is what the records say that it took.

mod keep;
mod plan;
mod squeeze;
mod sweep;

use std::{collections::BTreeSet, path::PathBuf};

pub use sweep::Swept;

use crate::{
    base::hash::{RunId, StageKey},
    store::{Store, error::StoreError, usage::Size},
};

/// What a person wants to keep.
#[derive(Clone, Copy, Debug)]
pub struct Wishes {
    /// So many distinct runs of each pipeline, the newest; those of `--target` and failed executions are counted apart.
    /// The newest whole run is kept in any case.
    pub keep: usize,
    /// The store is to be no larger than this.
    pub max_bytes: Option<u64>,
}

/// Why something goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Only runs that are not kept need it.
    OldRun,
    /// Nothing names it: an execution was cut short, or its record is gone.
    Orphan,
    /// It was in the making when its process died.
    Leftover,
    /// It makes room; `restore` and `run` compute it again.
    Room,
}

impl Why {
    /// Returns the word for it in documents.
    pub fn code(self) -> &'static str {
        match self {
            Why::OldRun => "old-run",
            Why::Orphan => "orphan",
            Why::Leftover => "leftover",
            Why::Room => "room",
        }
    }
}

/// A file or folder that goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doomed {
    /// Where it is.
    pub path: PathBuf,
    /// What it takes.
    pub size: Size,
    /// Why it goes.
    pub why: Why,
}

/// What goes, in the order in which it goes.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Runs that stay.
    pub kept: BTreeSet<RunId>,
    /// Manifests without a run that stays.
    pub runs: BTreeSet<RunId>,
    /// History entries of those, and of failed executions that are old.
    pub entries: Vec<Entry>,
    /// Key records that no kept run names, by path.
    pub records: Vec<Doomed>,
    /// Keys whose outputs make room.
    pub retired: Vec<StageKey>,
    /// Objects.
    pub objects: Vec<Doomed>,
    /// Files and folders under `tmp`, and locks of nobody.
    pub temp: Vec<Doomed>,
    /// Seconds that the stages took whose outputs go.
    pub seconds: f64,
    /// What the store takes now.
    pub before: Size,
    /// By how much the store stays too large for the wish, because tags and the newest runs need it.
    pub excess: u64,
}

/// A history entry that goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it is.
    pub path: PathBuf,
    /// The run that it is about.
    pub run: Option<RunId>,
    /// What it takes.
    pub bytes: u64,
}

impl Plan {
    /// Returns everything that goes for a reason.
    pub fn size(&self, why: Why) -> Size {
        let mut size = Size::default();
        let parts = [&self.records, &self.objects, &self.temp];
        for doomed in parts.into_iter().flatten().filter(|d| d.why == why) {
            size.join(doomed.size);
        }
        if why == Why::OldRun {
            self.entries.iter().for_each(|entry| size.add(entry.bytes));
        }
        size
    }

    /// Returns everything that goes.
    pub fn total(&self) -> Size {
        let mut size = Size::default();
        for why in [Why::OldRun, Why::Orphan, Why::Leftover, Why::Room] {
            size.join(self.size(why));
        }
        size
    }

    /// Returns true if nothing goes.
    pub fn is_empty(&self) -> bool {
        self.total().files == 0 && self.runs.is_empty() && self.retired.is_empty()
    }
}

impl Store {
    /// Works out what may go. It reads records, not objects, and changes nothing.
    ///
    /// # Errors
    /// If a record that says what is needed cannot be read: what it needs would go otherwise.
    pub fn gc_plan(&self, wishes: &Wishes) -> Result<Plan, StoreError> {
        let kept = keep::kept(self, wishes)?;
        let mut plan = plan::plan(self, &kept)?;
        if let Some(max_bytes) = wishes.max_bytes {
            squeeze::squeeze(self, &kept, max_bytes, &mut plan)?;
        }
        Ok(plan)
    }
}
