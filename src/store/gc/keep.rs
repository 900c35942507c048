//! What stays, and why: from tags, the history and the view down to keys and objects.
//! It does not know what else there is in the store.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    path::{Path, PathBuf},
};

use crate::{
    base::hash::{ContentHash, RunId, StageKey},
    store::{
        Store, checksum,
        error::StoreError,
        fsck::{link_target, name_of},
        gc::Wishes,
        layout::Role,
        objects::RAW,
        records::{HistoryEntry, KeyRecord, Manifest},
        runs,
    },
};

/// What to do about a store in which a record cannot be read.
const REMEDY: &str = "gc does not guess what it needs; `orchestrate fsck --repair` first";

/// An object's name.
pub(super) type Object = (ContentHash, String);

/// What stays.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Runs.
    pub runs: BTreeSet<RunId>,
    /// History entries, all of them, newest first.
    pub entries: Vec<Entry>,
    /// Keys that kept runs, and failed executions that are not old, name.
    pub keys: HashSet<StageKey>,
    /// Objects.
    pub objects: HashSet<Object>,
    /// Of those, the ones that do not make room either.
    pub protected: HashSet<Object>,
    /// Keys of runs whose outputs do not make room.
    pub protected_keys: HashSet<StageKey>,
    /// What the living records of kept keys say.
    pub records: HashMap<StageKey, Stage>,
    /// Outputs of kept runs that the record of their key does not name any more: a program gave other bytes later.
    /// They cannot be computed again.
    pub unique: HashSet<Object>,
}

/// What counts of a history entry.
#[derive(Debug)]
pub(super) struct Entry {
    /// Where it is.
    pub path: PathBuf,
    /// The run, if it was one.
    pub run: Option<RunId>,
    /// The pipeline file's text.
    pub yaml: ContentHash,
    /// Whether it stays.
    pub stays: bool,
    pipeline: String,
    /// Whether everything was asked for.
    is_whole: bool,
    told_in: Option<String>,
    /// What a failed execution finished.
    keys: Vec<StageKey>,
}

/// What counts of a key's record.
#[derive(Debug, PartialEq)]
pub(super) struct Stage {
    /// What it made.
    pub outputs: BTreeSet<Object>,
    /// What it read from outside.
    pub files: Vec<ContentHash>,
    /// How long it took.
    pub seconds: f64,
}

impl Stage {
    /// Takes from a record what counts.
    pub fn of(record: KeyRecord) -> Stage {
        let mut files = record.preimage.files;
        files.extend(record.raw);
        Stage {
            outputs: record.outputs.into_values().map(|o| (o.hash, o.ext)).collect(),
            files,
            seconds: record.seconds,
        }
    }
}

/// Works out what stays.
pub(super) fn kept(store: &Store, wishes: &Wishes) -> Result<Kept, StoreError> {
    let mut kept = Kept::default();
    let mut protected = tagged(store)?;
    kept.entries = history(store)?;
    let mut window = Window::new(wishes.keep);
    for entry in &mut kept.entries {
        entry.stays = window.takes(entry);
        if entry.stays {
            kept.runs.extend(entry.run);
        }
    }
    protected.extend(window.newest());
    kept.runs.extend(&protected);
    let is_kept = |entry: &Entry| entry.run.is_some_and(|run| kept.runs.contains(&run));
    kept.entries.iter_mut().for_each(|entry| entry.stays |= is_kept(entry));
    let told = kept.entries.iter().filter(|e| e.stays).filter_map(|e| e.told_in.clone());
    let told: HashSet<String> = told.collect();
    for entry in &mut kept.entries {
        let stem = entry.path.file_stem().and_then(|s| s.to_str());
        entry.stays |= stem.is_some_and(|stem| told.contains(stem));
        if entry.stays {
            kept.objects.insert((entry.yaml, "yaml".to_string()));
            kept.keys.extend(&entry.keys);
        }
    }
    for id in kept.runs.clone() {
        let manifest = store.manifest(&id).map_err(cautious)?;
        kept.take_manifest(store, &manifest, protected.contains(&id))?;
    }
    kept.take_records(store)?;
    kept.take_view(store, &store.place(Role::View))?;
    Ok(kept)
}

impl Kept {
    fn take_manifest(
        &mut self,
        store: &Store,
        manifest: &Manifest,
        is_protected: bool,
    ) -> Result<(), StoreError> {
        for stage in &manifest.stages {
            self.keys.insert(stage.key);
            if is_protected {
                self.protected_keys.insert(stage.key);
            }
            if !self.records.contains_key(&stage.key)
                && let Some(record) = store.key_record(&stage.key)?
            {
                self.records.insert(stage.key, Stage::of(record));
            }
            let known = self.records.get(&stage.key);
            for output in stage.outputs.values() {
                let object = (output.hash, output.ext.clone());
                if known.is_none_or(|stage| !stage.outputs.contains(&object)) {
                    self.unique.insert(object.clone());
                }
                if is_protected {
                    self.protected.insert(object.clone());
                }
                self.objects.insert(object);
            }
            for file in &stage.preimage.files {
                self.objects.insert((*file, RAW.to_string()));
            }
        }
        Ok(())
    }

    /// Takes what the records of kept keys name beside the manifests: outputs of failed executions, or of later ones.
    fn take_records(&mut self, store: &Store) -> Result<(), StoreError> {
        for key in &self.keys {
            if !self.records.contains_key(key)
                && let Some(record) = store.key_record(key)?
            {
                self.records.insert(*key, Stage::of(record));
            }
        }
        for stage in self.records.values() {
            self.objects.extend(stage.outputs.iter().cloned());
            self.objects.extend(stage.files.iter().map(|hash| (*hash, RAW.to_string())));
        }
        Ok(())
    }

    /// What people see under `latest` stays, whichever run it is of.
    fn take_view(&mut self, store: &Store, folder: &Path) -> Result<(), StoreError> {
        for entry in store.disk.entries(folder)? {
            if entry.is_folder {
                self.take_view(store, &entry.path)?;
            } else if let Some(object) = link_target(store, &entry.path)?.and_then(|p| name_of(&p))
            {
                self.objects.insert(object.clone());
                self.protected.insert(object);
            }
        }
        Ok(())
    }
}

/// Counts executions from the newest on.
struct Window {
    keep: usize,
    /// Distinct runs by pipeline and whether they are whole.
    runs: BTreeMap<(String, bool), Vec<RunId>>,
    failed: BTreeMap<String, usize>,
}

impl Window {
    fn new(keep: usize) -> Window {
        Window { keep, runs: BTreeMap::new(), failed: BTreeMap::new() }
    }

    fn takes(&mut self, entry: &Entry) -> bool {
        let Some(run) = entry.run else {
            let n_failed = self.failed.entry(entry.pipeline.clone()).or_default();
            *n_failed += 1;
            return *n_failed <= self.keep;
        };
        let runs = self.runs.entry((entry.pipeline.clone(), entry.is_whole)).or_default();
        if runs.contains(&run) {
            return true;
        }
        let room = if entry.is_whole { self.keep.max(1) } else { self.keep };
        if runs.len() < room {
            runs.push(run);
            return true;
        }
        false
    }

    /// Returns the newest whole run of each pipeline, which is what `latest` means.
    fn newest(&self) -> impl Iterator<Item = RunId> + '_ {
        let whole = self.runs.iter().filter(|((_, is_whole), _)| *is_whole);
        whole.filter_map(|(_, runs)| runs.first().copied())
    }
}

fn tagged(store: &Store) -> Result<BTreeSet<RunId>, StoreError> {
    let mut runs = BTreeSet::new();
    for path in store.disk.list(&store.place(Role::Tags))? {
        let bytes = store.disk.read(&path)?;
        let id = String::from_utf8_lossy(&bytes).trim().parse::<RunId>();
        runs.insert(id.map_err(|_| {
            StoreError::damaged(path, format!("does not hold the id of a run; {REMEDY}"))
        })?);
    }
    Ok(runs)
}

fn history(store: &Store) -> Result<Vec<Entry>, StoreError> {
    let mut entries = Vec::new();
    for path in store.disk.list(&store.place(Role::History))?.into_iter().rev() {
        let bytes = store.disk.read(&path)?;
        let entry: HistoryEntry = checksum::read(&runs::history_name(&path), &bytes)
            .map_err(|why| StoreError::damaged(path.clone(), format!("{why}; {REMEDY}")))?;
        let failed = entry.stages.iter().filter(|_| entry.run.is_none());
        entries.push(Entry {
            keys: failed.filter_map(|stage| stage.key).collect(),
            path,
            run: entry.run,
            yaml: entry.yaml,
            stays: false,
            pipeline: entry.pipeline,
            is_whole: entry.targets.is_empty(),
            told_in: entry.told_in,
        });
    }
    Ok(entries)
}

fn cautious(error: StoreError) -> StoreError {
    match error {
        StoreError::Damaged { path, why } => StoreError::damaged(path, format!("{why}; {REMEDY}")),
        other => other,
    }
}
