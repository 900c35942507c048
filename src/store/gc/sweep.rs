//! Removes what a plan says, in an order that leaves a sound store wherever it is cut off.
//! It does not decide what goes.
//!
//! The order is: whatever names something goes before what it names, and the medium has confirmed it. So at no moment,
//! and after no crash, is something named that this program removed.
//!
//! 1. A history entry of a run that goes is *moved* to `tmp`, because a manifest without an entry is damage unless its
//!    entry waits there. Entries of failed executions, which no manifest needs, are removed.
//! 2. Manifests, which name keys and objects.
//! 3. Key records, which name objects: removed, or retired where a kept run names the key. A stage whose record went is
//!    a miss from here on, though its outputs are still there.
//! 4. Objects, which now nothing names.
//! 5. What lies in `tmp`, the moved entries included; lock files; the memory of files that are gone.
//!
//! Cut off anywhere, what is left of the plan is found again by the next one: a manifest that no entry names is of no
//! kept run, a record that no manifest names is of no kept key, an object that no record names is an orphan.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use crate::store::{
    Store,
    disk::Thing,
    error::StoreError,
    gc::{Doomed, Plan},
    layout::Role,
    usage::Size,
};

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Files and bytes.
    pub freed: Size,
    /// Whether it was asked to stop before the end.
    pub stopped: bool,
}

impl Store {
    /// Carries out a plan. The store must be held alone since before the plan was made.
    ///
    /// # Errors
    /// If the medium refuses; what is left can be removed later.
    pub fn sweep(&self, plan: &Plan, stop: &dyn Fn() -> bool) -> Result<Swept, StoreError> {
        let mut sweep =
            Sweep { store: self, stop, swept: Swept::default(), folders: BTreeSet::new() };
        sweep.all(plan)?;
        Ok(sweep.swept)
    }
}

struct Sweep<'a> {
    store: &'a Store,
    stop: &'a dyn Fn() -> bool,
    swept: Swept,
    /// Folders in which something was removed and not yet confirmed.
    folders: BTreeSet<PathBuf>,
}

impl Sweep<'_> {
    fn all(&mut self, plan: &Plan) -> Result<(), StoreError> {
        let moved = self.entries(plan)?;
        self.confirm()?;
        let is_manifest = |d: &&Doomed| d.path.starts_with(self.store.place(Role::Runs));
        let (manifests, records): (Vec<&Doomed>, Vec<&Doomed>) =
            plan.records.iter().partition(is_manifest);
        self.remove(manifests)?;
        self.confirm()?;
        self.remove(records)?;
        for key in &plan.retired {
            if self.is_to_stop() {
                break;
            }
            self.store.retire(key)?;
            self.touched(&self.store.key_path(key));
        }
        self.confirm()?;
        self.remove(&plan.objects)?;
        self.remove(&plan.temp)?;
        if self.swept.stopped {
            // The moved entries stay where they are: their manifests may be there still.
            return Ok(());
        }
        for (path, bytes) in moved {
            self.store.disk.remove_file(&path)?;
            self.swept.freed.add(bytes);
        }
        self.tidy()
    }

    /// Takes entries out of the history; returns where those lie now that were moved.
    fn entries(&mut self, plan: &Plan) -> Result<Vec<(PathBuf, u64)>, StoreError> {
        let mut moved = Vec::new();
        for entry in &plan.entries {
            if self.is_to_stop() {
                break;
            }
            if entry.run.is_some() {
                let stem = entry.path.file_stem().unwrap_or_default().to_string_lossy();
                let waiting = self.store.waiting_entry_path(&stem);
                self.store.disk.rename(&entry.path, &waiting)?;
                moved.push((waiting, entry.bytes));
            } else {
                self.store.disk.remove_file(&entry.path)?;
                self.swept.freed.add(entry.bytes);
            }
            self.touched(&entry.path);
        }
        Ok(moved)
    }

    fn remove<'a>(
        &mut self,
        doomed: impl IntoIterator<Item = &'a Doomed>,
    ) -> Result<(), StoreError> {
        for Doomed { path, size, .. } in doomed {
            if self.is_to_stop() {
                return Ok(());
            }
            match self.store.disk.thing(path)? {
                Thing::Folder => self.store.disk.remove_dir_all(path)?,
                _ => self.store.disk.remove_file(path)?,
            }
            self.swept.freed.join(*size);
            self.touched(path);
        }
        Ok(())
    }

    fn touched(&mut self, path: &Path) {
        self.folders.extend(path.parent().map(Path::to_path_buf));
    }

    /// Waits until everything that was removed so far is gone on the medium too.
    fn confirm(&mut self) -> Result<(), StoreError> {
        for folder in std::mem::take(&mut self.folders) {
            self.store.disk.sync_folder(&folder)?;
        }
        Ok(())
    }

    /// Removes locks that nobody can hold, and forgets the hashes of files that are gone.
    fn tidy(&mut self) -> Result<(), StoreError> {
        let locks = self.store.place(Role::Locks);
        for path in self.store.disk.list(&locks)? {
            if path != locks.join("store") {
                self.store.disk.remove_file(&path)?;
            }
        }
        let is_gone = |path: PathBuf| matches!(self.store.disk.thing(&path), Ok(Thing::Absent));
        self.store.memo.forget(|name| is_gone(self.store.root.join(name)));
        self.store.save_memo()
    }

    /// Once asked to stop, nothing further is removed: what comes later may be named by what is still there.
    fn is_to_stop(&mut self) -> bool {
        self.swept.stopped = self.swept.stopped || (self.stop)();
        self.swept.stopped
    }
}
