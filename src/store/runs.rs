//! Where records lie and how they are found: keys, manifests, history, tags, states.
//! It does not know what a stage does.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    base::{
        canon,
        hash::{ContentHash, RunId, StageKey},
        names,
    },
    store::{
        FORMAT, Store, checks, checksum,
        disk::now_ns,
        error::StoreError,
        records::{HistoryEntry, HistoryStage, KeyRecord, Manifest, PipelineState},
    },
};

/// How the names of history entries begin that wait in `tmp`.
const WAITING: &str = "history";

/// About how many bytes a record takes for each stage that it tells of.
const STAGE_BYTES: usize = 400;

/// Fewest digits of a hash that name a run.
const MIN_PREFIX: usize = 4;

/// Why a text does not name a run.
#[derive(Debug, thiserror::Error)]
pub enum RunRefError {
    /// No run of that name.
    #[error("there is no run `{wanted}`{}", if .help.is_empty() { String::new() } else { format!("; {}", .help) })]
    Unknown {
        /// What was asked for.
        wanted: String,
        /// What would do.
        help: String,
    },
    /// Several runs begin so.
    #[error("`{wanted}` could be {} runs: {}", .candidates.len(), .candidates.join(", "))]
    Ambiguous {
        /// What was asked for.
        wanted: String,
        /// Some of those that begin so.
        candidates: Vec<String>,
    },
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A history entry, or why the medium does not tell it.
pub type Told<T> = Result<T, StoreError>;

/// What counting runs takes of a history entry.
#[derive(Deserialize)]
struct HistoryHead {
    run: Option<RunId>,
    targets: Vec<String>,
}

impl Store {
    /// Returns the record of a key, if the stage was ever committed. A record that is damaged counts as none.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn key_record(&self, key: &StageKey) -> Result<Option<KeyRecord>, StoreError> {
        let Some(bytes) = self.disk.read_optional(&self.key_path(key))? else { return Ok(None) };
        let record: Option<KeyRecord> = checksum::read(&key_name(key), &bytes).ok();
        let is_sound =
            |r: &KeyRecord| r.key == *key && r.format == FORMAT && checks::key_record(r).is_ok();
        Ok(record.filter(is_sound))
    }

    /// Commits a stage: from now on its key stands for these outputs.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn put_key_record(&self, record: &KeyRecord) -> Result<(), StoreError> {
        let bytes = checksum::close(&key_name(&record.key), json(record)?);
        self.write_atomic(&self.key_path(&record.key), &bytes)
    }

    /// Records an execution: its manifest, if every stage that was asked for succeeded, and its history entry, whose
    /// `run` is set to what is returned, with the name of the entry.
    ///
    /// The entry lies complete in `tmp` before the manifest gets its name. So a manifest without an entry is either
    /// one whose entry waits there, or one whose entry was lost, and `fsck` can tell them apart.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn put_run(
        &self,
        manifest: Option<&Manifest>,
        mut entry: HistoryEntry,
    ) -> Result<(Option<RunId>, String), StoreError> {
        let text = manifest.map(manifest_text).transpose()?;
        entry.run = text.as_ref().map(|t| RunId::of(t.as_bytes()));
        let stem = history_stem();
        let waiting = self.waiting_entry_path(&stem);
        let run = entry.run;
        self.disk.write_synced(&waiting, &self.entry_bytes(&stem, entry)?)?;
        if let Some(text) = &text {
            self.put_manifest_text(text)?;
        }
        self.disk.rename(&waiting, &self.history_path(&stem))?;
        Ok((run, stem))
    }

    /// Records a run and returns its id.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn put_manifest(&self, manifest: &Manifest) -> Result<RunId, StoreError> {
        self.put_manifest_text(&manifest_text(manifest)?)
    }

    fn put_manifest_text(&self, text: &str) -> Result<RunId, StoreError> {
        let id = RunId::of(text.as_bytes());
        let path = self.manifest_path(&id);
        if self.disk.read_optional(&path)?.as_deref() != Some(text.as_bytes()) {
            self.write_atomic(&path, text.as_bytes())?;
        } else if let Some(folder) = path.parent() {
            // Whoever gave it its name may have died before the name was on the medium.
            self.disk.sync_folder(folder)?;
        }
        Ok(id)
    }

    /// Reads the manifest of a run and checks it against its id.
    ///
    /// # Errors
    /// If it is missing or damaged.
    pub fn manifest(&self, id: &RunId) -> Result<Manifest, StoreError> {
        let bytes = self.manifest_bytes(id)?;
        read_manifest(&bytes, id).map_err(|why| StoreError::damaged(self.manifest_path(id), why))
    }

    /// Reads the bytes of a run's manifest, whose BLAKE3 is its id unless they are damaged.
    ///
    /// # Errors
    /// If it is missing or cannot be read.
    pub fn manifest_bytes(&self, id: &RunId) -> Result<Vec<u8>, StoreError> {
        let path = self.manifest_path(id);
        let found = self.disk.read_optional(&path)?;
        found.ok_or_else(|| StoreError::damaged(path, "is missing"))
    }

    /// Adds an execution to the history, under the store's mark.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn put_history(&self, entry: HistoryEntry) -> Result<(), StoreError> {
        let stem = history_stem();
        self.write_atomic(&self.history_path(&stem), &self.entry_bytes(&stem, entry)?)
    }

    /// Goes through the history, newest first, reading no further than is asked. Entries that are damaged are left
    /// out, `fsck` finds them; one that cannot be read is an error, for it may be the one that counts.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn history(&self) -> Result<impl Iterator<Item = Told<HistoryEntry>> + '_, StoreError> {
        let entries = self.history_as::<HistoryEntry>()?;
        let is_sound = |entry: &HistoryEntry| checks::history_entry(entry).is_ok();
        Ok(entries.filter(move |told| told.as_ref().map_or(true, is_sound)))
    }

    /// The same, with as much of each entry as `T` takes.
    fn history_as<T: DeserializeOwned>(
        &self,
    ) -> Result<impl Iterator<Item = Told<T>> + '_, StoreError> {
        let paths = self.disk.list(&self.root.join("history"))?;
        let read = |path: PathBuf| match self.disk.read_optional(&path) {
            Ok(bytes) => checksum::read(&history_name(&path), &bytes?).ok().map(Ok),
            Err(error) => Some(Err(error)),
        };
        Ok(paths.into_iter().rev().filter_map(read))
    }

    /// Returns what an entry tells of its instances, or what the entry tells that it refers to.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn told_stages(&self, entry: &HistoryEntry) -> Result<Vec<HistoryStage>, StoreError> {
        let Some(name) = &entry.told_in else { return Ok(entry.stages.clone()) };
        let told = self.told(name)?.unwrap_or_default();
        Ok(told.into_iter().map(HistoryStage::found_again).collect())
    }

    /// Returns what the entry called `name` tells of its instances; `None` if it is gone or damaged.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn told(&self, name: &str) -> Result<Option<Vec<HistoryStage>>, StoreError> {
        Ok(self.told_entry(name)?.map(|e| e.stages))
    }

    fn told_entry(&self, name: &str) -> Result<Option<HistoryEntry>, StoreError> {
        if !names::is_file_name(name) {
            return Ok(None);
        }
        let path = self.history_path(name);
        let bytes = self.disk.read_optional(&path)?.unwrap_or_default();
        let entry: Option<HistoryEntry> = checksum::read(&history_name(&path), &bytes).ok();
        Ok(entry.filter(|e| e.told_in.is_none() && checks::history_entry(e).is_ok()))
    }

    /// Returns the newest history entry of a run, with what it tells of its instances, and whether this store wrote
    /// it. One that another store wrote, and that was copied here, counts only where there is none of our own.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn newest_entry(&self, id: &RunId) -> Result<Option<(HistoryEntry, bool)>, StoreError> {
        let identity = self.identity()?;
        let is_own = |e: &HistoryEntry| identity.as_ref().is_some_and(|i| i.is_own(e));
        let mut found = None;
        for entry in self.history()? {
            let mut entry = entry?;
            if entry.run != Some(*id) {
                continue;
            }
            let mut own = is_own(&entry);
            if let Some(name) = &entry.told_in {
                let told = self.told_entry(name)?;
                // The mark is over the entry, which only names the one that tells of the instances.
                own &= told.as_ref().is_none_or(is_own);
                let stages = told.map(|t| t.stages).unwrap_or_default();
                entry.stages = stages.into_iter().map(HistoryStage::found_again).collect();
            }
            if own {
                return Ok(Some((entry, true)));
            }
            found = found.or(Some((entry, false)));
        }
        Ok(found)
    }

    /// Returns all tags.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn tags(&self) -> Result<BTreeMap<String, RunId>, StoreError> {
        let mut tags = BTreeMap::new();
        for path in self.disk.list(&self.root.join("tags"))? {
            let bytes = self.disk.read_optional(&path)?.unwrap_or_default();
            let id = String::from_utf8_lossy(&bytes).trim().parse::<RunId>();
            if let (Some(name), Ok(id)) = (path.file_name().and_then(|n| n.to_str()), id) {
                tags.insert(name.to_string(), id);
            }
        }
        Ok(tags)
    }

    /// Gives a run a name; moves the name if it was another run's.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn put_tag(&self, name: &str, id: &RunId) -> Result<(), StoreError> {
        self.write_atomic(&self.root.join("tags").join(name), format!("{id}\n").as_bytes())
    }

    /// Takes a name away.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn remove_tag(&self, name: &str) -> Result<(), StoreError> {
        self.disk.remove_file(&self.root.join("tags").join(name))
    }

    /// Finds the run that a person means: a tag, `latest`, `latest~2`, or a hash's first digits (at least four).
    ///
    /// # Errors
    /// If nothing or several things are meant.
    pub fn find_run(&self, text: &str) -> Result<RunId, RunRefError> {
        let tags = self.tags()?;
        if let Some(id) = tags.get(text) {
            return Ok(*id);
        }
        if let Some(n) = back_count(text) {
            return self.nth_latest(text, n);
        }
        let mut known: Vec<String> =
            self.run_ids()?.iter().map(RunId::to_hex).filter(|h| h.starts_with(text)).collect();
        known.sort_unstable();
        match known.as_slice() {
            [one] if text.len() >= MIN_PREFIX => {
                one.parse().map_err(|_| self.unknown_run(text, String::new()))
            }
            [] => {
                let help =
                    names::suggestion(text, tags.keys().map(String::as_str).chain(["latest"]));
                Err(self.unknown_run(text, help))
            }
            _ if text.len() < MIN_PREFIX => {
                let help = format!("give at least {MIN_PREFIX} digits of its hash");
                Err(self.unknown_run(text, help))
            }
            several => Err(RunRefError::Ambiguous {
                wanted: text.to_string(),
                candidates: several.iter().take(5).map(|h| h[..12].to_string()).collect(),
            }),
        }
    }

    fn nth_latest(&self, text: &str, n: usize) -> Result<RunId, RunRefError> {
        let mut distinct: Vec<RunId> = Vec::new();
        for head in self.history_as::<HistoryHead>()? {
            if distinct.len() > n {
                break;
            }
            let head = head?;
            if let Some(id) = head.run.filter(|_| head.targets.is_empty())
                && !distinct.contains(&id)
            {
                distinct.push(id);
            }
        }
        distinct.get(n).copied().ok_or_else(|| {
            let help = match distinct.len() {
                0 => "nothing was run yet; `orchestrate run` does it".to_string(),
                have => format!("the history has {have}"),
            };
            self.unknown_run(text, help)
        })
    }

    fn unknown_run(&self, wanted: &str, help: String) -> RunRefError {
        RunRefError::Unknown { wanted: wanted.to_string(), help }
    }

    /// Returns the ids of all recorded runs.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn run_ids(&self) -> Result<Vec<RunId>, StoreError> {
        let paths = self.disk.list(&self.root.join("runs"))?;
        let id = |p: &PathBuf| p.file_stem().and_then(|s| s.to_str()).and_then(|s| s.parse().ok());
        Ok(paths.iter().filter_map(id).collect())
    }

    /// Returns the newest record of each instance of a pipeline; empty if there is none or it cannot be read.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn pipeline_state(&self, pipeline: &str) -> Result<PipelineState, StoreError> {
        let bytes = self.disk.read_optional(&self.state_path(pipeline))?;
        let name = state_name(pipeline);
        let state: Option<PipelineState> = bytes.and_then(|b| checksum::read(&name, &b).ok());
        Ok(state.filter(|s| s.format == FORMAT).unwrap_or_default())
    }

    /// Writes the newest record of each instance of a pipeline.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn put_pipeline_state(
        &self,
        pipeline: &str,
        state: &PipelineState,
    ) -> Result<(), StoreError> {
        let bytes = checksum::close(&state_name(pipeline), json(state)?);
        self.write_atomic(&self.state_path(pipeline), &bytes)
    }

    /// Stores the text of a pipeline file.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn put_yaml(&self, text: &str) -> Result<ContentHash, StoreError> {
        self.put(text.as_bytes(), "yaml")
    }

    /// Returns where the record of a key lies or would lie, relative to the store's folder.
    pub fn key_file(&self, key: &StageKey) -> PathBuf {
        self.relative(&self.key_path(key))
    }

    /// Returns where the record of a key lies or would lie.
    pub(super) fn key_path(&self, key: &StageKey) -> PathBuf {
        let hex = key.to_hex();
        self.root.join("keys").join(&hex[..2]).join(format!("{hex}.json"))
    }

    /// Returns where the manifest of a run lies or would lie.
    pub(super) fn manifest_path(&self, id: &RunId) -> PathBuf {
        self.root.join("runs").join(format!("{id}.json"))
    }

    /// Returns the bytes of a history entry: marked as this store's own, and with its checksum.
    fn entry_bytes(&self, stem: &str, mut entry: HistoryEntry) -> Result<Vec<u8>, StoreError> {
        entry.mark = self.identity()?.map(|identity| identity.mark(&entry)).transpose()?;
        let text = json_of(&entry, STAGE_BYTES * (entry.stages.len() + 4))?;
        Ok(checksum::close(&format!("history/{stem}"), text))
    }

    /// Returns where a history entry waits while its manifest has no name yet, or no name any more.
    pub(super) fn waiting_entry_path(&self, stem: &str) -> PathBuf {
        let (time, pid) = stem.split_once('-').unwrap_or((stem, "0"));
        self.root.join("tmp").join(format!("{WAITING}-{pid}-{time}"))
    }

    /// Returns where a history entry lies or would lie.
    pub fn history_path(&self, stem: &str) -> PathBuf {
        self.root.join("history").join(format!("{stem}.json"))
    }

    fn state_path(&self, pipeline: &str) -> PathBuf {
        self.root.join("state").join(format!("{pipeline}.json"))
    }
}

/// Returns the name under which a key's record has its checksum.
pub(super) fn key_name(key: &StageKey) -> String {
    format!("keys/{key}")
}

/// Returns the name under which the history entry at `path` has its checksum.
pub(super) fn history_name(path: &Path) -> String {
    format!("history/{}", path.file_stem().unwrap_or_default().to_string_lossy())
}

/// Returns the name under which a pipeline's state has its checksum.
pub(super) fn state_name(pipeline: &str) -> String {
    format!("state/{pipeline}")
}

/// Returns the name of the history entry that waits in `tmp` as the file called `name`, if it is one.
pub(super) fn waiting_stem(name: &str) -> Option<String> {
    let (pid, time) = name.strip_prefix(WAITING)?.strip_prefix('-')?.split_once('-')?;
    Some(format!("{time}-{pid}"))
}

fn history_stem() -> String {
    format!("{:020}-{}", now_ns(), std::process::id())
}

/// Reads a manifest from its bytes.
///
/// # Errors
/// What is wrong with it.
pub fn read_manifest(bytes: &[u8], id: &RunId) -> Result<Manifest, String> {
    if RunId::of(bytes) != *id {
        return Err("does not hold the bytes of its name".to_string());
    }
    let manifest: Manifest =
        serde_json::from_slice(bytes).map_err(|e| format!("is not a manifest: {e}"))?;
    checks::manifest(&manifest)?;
    Ok(manifest)
}

fn manifest_text(manifest: &Manifest) -> Result<String, StoreError> {
    let Manifest { format, pipeline, params, stages } = manifest;
    let (format, pipeline, params) = (*format, pipeline.clone(), params.clone());
    let head = Manifest { format, pipeline, params, stages: Vec::new() };
    canon::with_list(&head, "stages", stages)
        .map_err(|e| StoreError::damaged("manifest", e.to_string()))
}

/// Reads `latest` as 0 and `latest~2` as 2.
fn back_count(text: &str) -> Option<usize> {
    match text.strip_prefix("latest")? {
        "" => Some(0),
        rest => rest.strip_prefix('~')?.parse().ok(),
    }
}

fn json<T: Serialize + DeserializeOwned>(record: &T) -> Result<Vec<u8>, StoreError> {
    json_of(record, STAGE_BYTES)
}

/// Returns a record's JSON, which takes about `n_bytes`: a text that grows by doubling is copied again and again.
fn json_of<T: Serialize + DeserializeOwned>(
    record: &T,
    n_bytes: usize,
) -> Result<Vec<u8>, StoreError> {
    let mut text = Vec::with_capacity(n_bytes);
    match serde_json::to_writer(&mut text, record) {
        Ok(()) => Ok(text),
        Err(e) => Err(StoreError::damaged("record", e.to_string())),
    }
}
