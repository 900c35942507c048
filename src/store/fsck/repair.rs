//! Moves what is bad aside and puts right what the store can put right alone. It removes nothing, and does not
//! execute stages: what has to be computed again is left missing for the caller.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use crate::{
    base::hash::{ContentHash, RunId, StageKey},
    store::{
        self, Store,
        checksum::{self, Check},
        disk::{Thing, now_ns},
        error::StoreError,
        fsck::{Audit, Checks, Finding, Harm, mend, objects::name_of},
        identity::Identity,
        layout::Role,
        objects::RAW,
        runs,
    },
};

/// A finding and what was done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handled {
    /// The finding.
    pub finding: Finding,
    /// What was done.
    pub fate: Fate,
    /// Where the bad file lies now, relative to the store's folder, if it was moved aside.
    pub aside: Option<PathBuf>,
}

/// What was done about a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It has the name now that its bytes ask for.
    PutBack(PathBuf),
    /// One flipped bit was found and put right.
    Mended,
    /// It was written anew.
    Written,
    /// It is out of the way, or never was there: what it stood for has to be made again, if anything needs it.
    Open,
}

/// Tells whether bytes are what a name asks for.
type Soundness<'a> = Box<dyn Fn(&[u8]) -> bool + Sync + 'a>;

impl Store {
    /// Moves the bad aside and puts right what can be without executing a stage.
    ///
    /// # Errors
    /// If the medium refuses. What was done before stays done, and the rest can be done later.
    pub fn set_right(
        &self,
        audit: &Audit,
        checks: &Checks<'_>,
    ) -> Result<Vec<Handled>, StoreError> {
        let session = format!("{:020}-{}", now_ns(), std::process::id());
        let missed = audit.findings.iter().filter(|f| f.harm == Harm::Missing);
        let repair = Repair {
            store: self,
            checks,
            session: self.place(Role::Aside).join(session),
            missed: missed.map(|f| f.path.as_path()).collect(),
        };
        audit.findings.iter().map(|finding| repair.handle(finding)).collect()
    }

    /// Moves a file of the store into `lost+found` and returns where it lies there.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn set_aside(&self, relative: &Path) -> Result<PathBuf, StoreError> {
        let session = format!("{:020}-{}", now_ns(), std::process::id());
        self.move_aside(relative, &self.place(Role::Aside).join(session))
    }

    fn move_aside(&self, relative: &Path, session: &Path) -> Result<PathBuf, StoreError> {
        let to = session.join(relative);
        if let Some(folder) = to.parent() {
            self.disk.create_dir_all(folder)?;
        }
        self.disk.rename(&self.root.join(relative), &to)?;
        Ok(self.relative(&to))
    }
}

struct Repair<'a> {
    store: &'a Store,
    checks: &'a Checks<'a>,
    session: PathBuf,
    missed: BTreeSet<&'a Path>,
}

impl Repair<'_> {
    fn handle(&self, finding: &Finding) -> Result<Handled, StoreError> {
        let place = &finding.path;
        let path = self.store.root.join(place);
        let handled = |fate, aside| Handled { finding: finding.clone(), fate, aside };
        let moved = match &finding.harm {
            // The object may come back; if it does not, the link is written off with it.
            Harm::Dangling(_) if place.starts_with("latest") => {
                return Ok(handled(Fate::Open, None));
            }
            Harm::Missing | Harm::NoEntry => return Ok(handled(self.write(place)?, None)),
            Harm::Misplaced(right) => self.put_back(&path, &self.store.root.join(right))?,
            Harm::Bytes(found) => self.put_back_missed(place, found)?,
            _ => None,
        };
        if let Some(right) = moved {
            return Ok(handled(Fate::PutBack(right), None));
        }
        let mended = match self.respell_tag(finding)? {
            Some(bytes) => Some(bytes),
            None => self.mend(finding)?,
        };
        let aside = Some(self.store.move_aside(place, &self.session)?);
        let fate = match mended {
            Some(bytes) => {
                self.store.write_atomic(&path, &bytes)?;
                Fate::Mended
            }
            None => self.write(place)?,
        };
        Ok(handled(fate, aside))
    }

    /// Gives sound bytes the name that they ask for, unless it is taken.
    fn put_back(&self, from: &Path, to: &Path) -> Result<Option<PathBuf>, StoreError> {
        if self.store.disk.stat(to)?.is_some() {
            return Ok(None);
        }
        if let Some(folder) = to.parent() {
            self.store.disk.create_dir_all(folder)?;
        }
        self.store.disk.rename(from, to)?;
        Ok(Some(self.store.relative(to)))
    }

    /// A file under a wrong name may be the one that is missed under another.
    fn put_back_missed(
        &self,
        place: &Path,
        found: &ContentHash,
    ) -> Result<Option<PathBuf>, StoreError> {
        let right = self.missed.iter().find(|missed| {
            missed.components().next() == place.components().next()
                && name_of(missed).is_some_and(|(hash, _)| hash == *found)
        });
        match right {
            Some(right) => {
                self.put_back(&self.store.root.join(place), &self.store.root.join(right))
            }
            None => Ok(None),
        }
    }

    /// A tag that somebody wrote by hand, or that lost its line break, still says which run it means.
    fn respell_tag(&self, finding: &Finding) -> Result<Option<Vec<u8>>, StoreError> {
        if !finding.path.starts_with("tags") || !matches!(finding.harm, Harm::Dangling(_)) {
            return Ok(None);
        }
        let bytes = self.store.disk.read(&self.store.root.join(&finding.path))?;
        let id = String::from_utf8_lossy(&bytes).trim().parse::<RunId>().ok();
        let known = id.filter(|id| self.is_run(id));
        Ok(known.map(|id| format!("{id}\n").into_bytes()))
    }

    /// Looks for one flipped bit in a file and returns its bytes with the bit put right.
    fn mend(&self, finding: &Finding) -> Result<Option<Vec<u8>>, StoreError> {
        if !matches!(finding.harm, Harm::Bytes(_) | Harm::Record(_) | Harm::Dangling(_)) {
            return Ok(None);
        }
        let Some(is_sound) = self.soundness(&finding.path) else { return Ok(None) };
        let bytes = self.store.disk.read(&self.store.root.join(&finding.path))?;
        let mended = mend::one_bit(&bytes, &*is_sound, self.checks.pool, self.checks.stop);
        Ok(mended.map(|m| m.0))
    }

    /// Returns what tells whether bytes under this name are sound; `None` where computing them again is the cheaper way.
    fn soundness(&self, place: &Path) -> Option<Soundness<'_>> {
        let stem = place.file_stem()?.to_str()?.to_string();
        let with_checksum = |name: String| -> Option<Soundness<'_>> {
            Some(Box::new(move |bytes| matches!(checksum::open(&name, bytes), Check::Whole(_))))
        };
        match place.components().next()?.as_os_str().to_str()? {
            "objects" => {
                let (hash, ext) = name_of(place)?;
                let is_given = ext == RAW || ext == "yaml";
                is_given.then(|| -> Soundness<'_> { Box::new(move |b| ContentHash::of(b) == hash) })
            }
            "keys" => with_checksum(runs::key_name(&stem.parse::<StageKey>().ok()?)),
            "history" => with_checksum(runs::history_name(place)),
            "state" => with_checksum(runs::state_name(&stem)),
            "runs" => {
                let id: RunId = stem.parse().ok()?;
                Some(Box::new(move |bytes| RunId::of(bytes) == id))
            }
            "store-id" => Some(Box::new(Identity::is_sound)),
            "tags" => Some(Box::new(|bytes| {
                let text = std::str::from_utf8(bytes).unwrap_or_default();
                let id = text.strip_suffix('\n').and_then(|t| t.parse::<RunId>().ok());
                id.is_some_and(|id| self.is_run(&id))
            })),
            _ => None,
        }
    }

    fn is_run(&self, id: &RunId) -> bool {
        matches!(self.store.disk.thing(&self.store.manifest_path(id)), Ok(Thing::File(_)))
    }

    /// Writes what the program can always write.
    fn write(&self, place: &Path) -> Result<Fate, StoreError> {
        let bytes = match place.to_str() {
            Some("FORMAT") => store::mark().into_bytes(),
            Some("schema/pipeline.json") => self.checks.schema.to_vec(),
            _ => return Ok(Fate::Open),
        };
        self.store.write_atomic(&self.store.root.join(place), &bytes)?;
        Ok(Fate::Written)
    }
}
