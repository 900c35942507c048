//! `fsck`: reads every byte of the store and holds it against what names it.
//! It does not know how a key is computed, nor what an artifact means; both are asked of the caller.

mod cross;
mod mend;
mod objects;
mod places;
mod records;
mod repair;
mod write_off;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

pub(super) use objects::name_of;
pub(super) use places::link_target;
pub use repair::{Fate, Handled};

use crate::{
    base::{
        hash::{ContentHash, StageKey},
        pool::Pool,
    },
    store::{
        Store,
        disk::Thing,
        error::StoreError,
        layout::{self, Role},
        records::Preimage,
    },
};

/// What the store cannot know itself, and how to work.
pub struct Checks<'a> {
    /// Computes the key of a pre-image.
    pub key_of: &'a (dyn Fn(&Preimage) -> StageKey + Sync),
    /// What the program would write as the editor's schema.
    pub schema: &'a [u8],
    /// Threads.
    pub pool: &'a Pool,
    /// Whether to stop.
    pub stop: &'a (dyn Fn() -> bool + Sync),
}

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file or folder, relative to the store's folder.
    pub path: PathBuf,
    /// What is wrong with it.
    pub harm: Harm,
    /// What it is to the recorded runs: ``output `labels` of `kmeans/k=4`, run 0aa9d76c2eae``. At most a few.
    pub touches: Vec<String>,
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Harm {
    /// Its bytes are not those of its name; they have this hash.
    Bytes(ContentHash),
    /// It is a record that cannot be relied on, and why.
    Record(String),
    /// It is named by others and not there.
    Missing,
    /// Its bytes are sound but belong there.
    Misplaced(PathBuf),
    /// It is no file of a store.
    Stray,
    /// The medium does not give it out.
    Unreadable(String),
    /// It names nothing that is there.
    Dangling(String),
    /// It is a run of which no execution is recorded.
    NoEntry,
}

impl Harm {
    /// Returns the word for it in documents.
    pub fn code(&self) -> &'static str {
        match self {
            Harm::Bytes(_) => "corrupt",
            Harm::Record(_) => "unsound-record",
            Harm::Missing => "missing",
            Harm::Misplaced(_) => "misplaced",
            Harm::Stray => "stray",
            Harm::Unreadable(_) => "unreadable",
            Harm::Dangling(_) => "dangling",
            Harm::NoEntry => "no-history",
        }
    }
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Files by the place of the store that they lie in.
    pub files: BTreeMap<&'static str, u64>,
    /// Bytes in all of them.
    pub bytes: u64,
    /// Records that were written before there were checksums.
    pub unchecked: u64,
}

/// What came of reading a store.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    /// Everything that is wrong, by path.
    pub findings: Vec<Finding>,
    /// What was read.
    pub checked: Checked,
    /// Whether it was stopped before the end.
    pub stopped: bool,
}

impl Audit {
    /// Returns true if everything was read and nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty() && !self.stopped
    }
}

/// Findings and figures as they come up; parts that were made side by side are joined.
#[derive(Debug, Default)]
struct Sheet {
    findings: BTreeSet<(PathBuf, Harm)>,
    checked: Checked,
}

impl Sheet {
    fn found(&mut self, path: impl Into<PathBuf>, harm: Harm) {
        self.findings.insert((path.into(), harm));
    }

    fn count(&mut self, place: &'static str, bytes: u64) {
        *self.checked.files.entry(place).or_default() += 1;
        self.checked.bytes += bytes;
    }

    fn join(&mut self, other: Sheet) {
        self.findings.extend(other.findings);
        for (place, n) in other.checked.files {
            *self.checked.files.entry(place).or_default() += n;
        }
        self.checked.bytes += other.checked.bytes;
        self.checked.unchecked += other.checked.unchecked;
    }
}

impl Store {
    /// Reads everything and tells what is wrong.
    ///
    /// Memory grows with the number of records, not with the bytes of artifacts.
    ///
    /// # Errors
    /// If a folder cannot be listed. A file that cannot be read is a finding.
    pub fn audit(&self, checks: &Checks<'_>) -> Result<Audit, StoreError> {
        let mut sheet = Sheet::default();
        if self.disk.thing(&self.root)? == Thing::Absent {
            return Ok(Audit::default());
        }
        self.audit_root(&mut sheet)?;
        let ledger = records::audit(self, checks, &mut sheet)?;
        places::audit(self, &ledger, &mut sheet)?;
        objects::audit(self, checks, &ledger, &mut sheet)?;
        cross::audit(self, &ledger, &mut sheet)?;
        let touches = cross::touches(self, &ledger, &sheet)?;
        let finding = |(path, harm): (PathBuf, Harm)| Finding {
            touches: touches.get(&path).cloned().unwrap_or_default(),
            path,
            harm,
        };
        Ok(Audit {
            findings: sheet.findings.into_iter().map(finding).collect(),
            checked: sheet.checked,
            stopped: (checks.stop)(),
        })
    }

    /// Looks at the store's own folder: what is in it, and its mark.
    fn audit_root(&self, sheet: &mut Sheet) -> Result<(), StoreError> {
        for path in self.disk.list(&self.root)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let place = layout::PLACES.iter().find(|p| p.name == name);
            let is_fine = match place {
                Some(place) => match self.disk.thing(&path)? {
                    Thing::File(_) => place.role.is_a_file(),
                    Thing::Folder => !place.role.is_a_file(),
                    _ => false,
                },
                // Version control and file managers leave such; no file of a store begins with a dot.
                None => name.starts_with('.') || layout::FORMER.contains(&name.as_str()),
            };
            if !is_fine {
                sheet.found(name, Harm::Stray);
            }
        }
        let mark = self.root.join("FORMAT");
        match self.disk.read_optional(&mark) {
            Ok(Some(bytes)) => {
                sheet.count("FORMAT", bytes.len() as u64);
                if !super::is_mark(&bytes) {
                    sheet.found("FORMAT", Harm::Record("is not the mark of a store".to_string()));
                }
            }
            Ok(None) => sheet.found("FORMAT", Harm::Missing),
            Err(error) => sheet.found("FORMAT", Harm::Unreadable(error.to_string())),
        }
        Ok(())
    }

    /// Returns a path relative to the store's folder.
    pub(super) fn relative(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.root).unwrap_or(path).to_path_buf()
    }

    /// Returns the folder of a place of the store.
    pub(super) fn place(&self, role: Role) -> PathBuf {
        let place = layout::PLACES.iter().find(|p| p.role == role);
        self.root.join(place.map_or("", |p| p.name))
    }
}
