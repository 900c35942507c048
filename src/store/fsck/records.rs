//! Reads every record of stages and runs: keys, manifests, history, states.
//! It does not look at objects; what the records say of those goes into the ledger.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
};

use crate::{
    base::hash::{ContentHash, RunId, StageKey},
    store::{
        FORMAT, Store,
        checksum::{self, Check},
        disk::Thing,
        error::StoreError,
        fsck::{Checks, Harm, Sheet},
        layout::Role,
        objects::RAW,
        records::{HistoryEntry, KeyRecord, Manifest, PipelineState},
        retired, runs,
    },
};

/// How the name of a record ends.
const RECORD: &str = "json";

/// What the records say of each other and of objects.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Keys with a record of either ending, damaged ones included.
    pub keys: BTreeSet<StageKey>,
    /// Objects that must be there, by hash with their endings.
    pub needed: BTreeSet<(ContentHash, String)>,
    /// Outputs that were dropped on purpose.
    pub dropped: BTreeSet<ContentHash>,
    /// What manifests say of keys and outputs.
    pub claims: BTreeSet<(StageKey, ContentHash, String)>,
    /// Runs with a manifest, damaged ones included.
    pub runs: BTreeSet<RunId>,
    /// Runs with a history entry, one that waits in `tmp` included.
    pub recorded: BTreeSet<RunId>,
    /// Runs that the history in its place names.
    pub executed: BTreeSet<RunId>,
    /// Entries that others name as the ones that tell of the instances.
    pub told: BTreeSet<String>,
    /// Whether any entry bears the mark of a store's identity.
    pub marked: bool,
    /// Texts of pipeline files by hash, with a run that used it.
    pub texts: BTreeMap<ContentHash, Option<RunId>>,
}

impl Ledger {
    fn join(&mut self, other: Ledger) {
        self.keys.extend(other.keys);
        self.needed.extend(other.needed);
        self.dropped.extend(other.dropped);
        self.claims.extend(other.claims);
        self.runs.extend(other.runs);
        self.recorded.extend(other.recorded);
        self.executed.extend(other.executed);
        self.told.extend(other.told);
        self.marked |= other.marked;
        self.texts.extend(other.texts);
    }

    /// Returns all endings under which a hash is known to any record.
    pub fn endings(&self) -> HashMap<ContentHash, BTreeSet<&str>> {
        let mut endings: HashMap<ContentHash, BTreeSet<&str>> = HashMap::new();
        let claimed = self.claims.iter().map(|(_, hash, ext)| (hash, ext));
        for (hash, ext) in self.needed.iter().map(|(hash, ext)| (hash, ext)).chain(claimed) {
            endings.entry(*hash).or_default().insert(ext);
        }
        endings
    }
}

/// Reads all records.
pub(super) fn audit(
    store: &Store,
    checks: &Checks<'_>,
    sheet: &mut Sheet,
) -> Result<Ledger, StoreError> {
    let mut ledger = Ledger::default();
    let manifests = store.disk.list(&store.place(Role::Runs))?;
    // An entry waits in `tmp` before its manifest has a name and has a name of its own after. Listed in this order it
    // is seen in one place or the other, also while a run is recorded.
    waiting_entries(store, &mut ledger)?;
    let entries = store.disk.list(&store.place(Role::History))?;
    let states = store.disk.list(&store.place(Role::State))?;
    let mut batches: Vec<(Role, Vec<PathBuf>)> = Vec::new();
    for folder in store.disk.entries(&store.place(Role::Keys))? {
        match folder.is_folder {
            true => batches.push((Role::Keys, store.disk.list(&folder.path)?)),
            false => sheet.found(store.relative(&folder.path), Harm::Stray),
        }
    }
    for (role, files) in [(Role::Runs, manifests), (Role::History, entries), (Role::State, states)]
    {
        batches.extend(files.chunks(64).map(|chunk| (role, chunk.to_vec())));
    }
    let parts = checks.pool.map(batches.len(), |i| {
        let (role, files) = &batches[i];
        let mut reader = Reader::of(store, checks);
        for path in files.iter().filter(|_| !(checks.stop)()) {
            reader.read(*role, path);
        }
        (reader.sheet, reader.ledger)
    });
    for (part, said) in parts {
        sheet.join(part);
        ledger.join(said);
    }
    Ok(ledger)
}

struct Reader<'a> {
    store: &'a Store,
    checks: &'a Checks<'a>,
    sheet: Sheet,
    ledger: Ledger,
}

impl<'a> Reader<'a> {
    fn of(store: &'a Store, checks: &'a Checks<'a>) -> Reader<'a> {
        Reader { store, checks, sheet: Sheet::default(), ledger: Ledger::default() }
    }

    fn read(&mut self, role: Role, path: &Path) {
        let relative = self.store.relative(path);
        let place = match role {
            Role::Keys => "keys",
            Role::Runs => "runs",
            Role::History => "history",
            _ => "state",
        };
        let Some(bytes) = contents(self.store, path, place, &mut self.sheet) else { return };
        let harm = match role {
            Role::Keys => self.key(path, &bytes),
            Role::Runs => self.manifest(path, &bytes),
            Role::History => self.entry(path, &bytes),
            _ => self.state(path, &bytes),
        };
        if let Err(harm) = harm {
            self.sheet.found(relative, harm);
        }
    }

    fn note_age(&mut self, name: &str, bytes: &[u8]) {
        if matches!(checksum::open(name, bytes), Check::Absent(_)) {
            self.sheet.checked.unchecked += 1;
        }
    }

    fn key(&mut self, path: &Path, bytes: &[u8]) -> Result<(), Harm> {
        let ending = path.extension().and_then(|e| e.to_str());
        let key: StageKey = stem(path).ok_or(Harm::Stray)?;
        if !matches!(ending, Some(RECORD | retired::ENDING)) {
            return Err(Harm::Stray);
        }
        let record = self.key_record(&key, bytes).map_err(|why| {
            match self.true_name_of(&key, bytes, ending) {
                Some(right) => Harm::Misplaced(right),
                None => Harm::Record(why),
            }
        });
        let right = self.store.key_path(&key).with_extension(ending.unwrap_or(RECORD));
        if right != path {
            return Err(
                record.map_or_else(|harm| harm, |_| Harm::Misplaced(self.store.relative(&right)))
            );
        }
        self.ledger.keys.insert(key);
        let Some(record) = record? else { return Ok(()) };
        if ending == Some(retired::ENDING) {
            self.ledger.dropped.extend(record.outputs.values().map(|o| o.hash));
        } else {
            let outputs = record.outputs.into_values().map(|o| (o.hash, o.ext));
            self.ledger.needed.extend(outputs);
        }
        let raw = record.raw.into_iter().map(|hash| (hash, RAW.to_string()));
        self.ledger.needed.extend(raw);
        Ok(())
    }

    /// Returns the record, or `None` if another version of this program wrote it.
    fn key_record(&mut self, key: &StageKey, bytes: &[u8]) -> Result<Option<KeyRecord>, String> {
        let name = runs::key_name(key);
        if is_foreign(&name, bytes) {
            return Ok(None);
        }
        let record: KeyRecord = checksum::read(&name, bytes)?;
        self.note_age(&name, bytes);
        if record.key != *key {
            return Err("is the record of another key".to_string());
        }
        if (self.checks.key_of)(&record.preimage) != *key {
            return Err("says that its key was made of what gives another one".to_string());
        }
        if let Some(output) = record.outputs.values().find(|o| !is_ending(&o.ext)) {
            return Err(format!("names an object that ends in `{}`", output.ext));
        }
        Ok(Some(record))
    }

    /// Returns where a record belongs that is sound under the key in it and not under its file's name.
    fn true_name_of(
        &mut self,
        key: &StageKey,
        bytes: &[u8],
        ending: Option<&str>,
    ) -> Option<PathBuf> {
        let inner: serde_json::Value = serde_json::from_slice(bytes).ok()?;
        let own: StageKey = inner.get("key")?.as_str()?.parse().ok()?;
        if own == *key {
            return None;
        }
        self.key_record(&own, bytes).ok()??;
        let right = self.store.key_path(&own).with_extension(ending?);
        Some(self.store.relative(&right))
    }

    fn manifest(&mut self, path: &Path, bytes: &[u8]) -> Result<(), Harm> {
        let id: RunId = stem(path).filter(|_| has_ending(path)).ok_or(Harm::Stray)?;
        self.ledger.runs.insert(id);
        if RunId::of(bytes) != id {
            return Err(Harm::Bytes(ContentHash::of(bytes)));
        }
        let foreign = is_foreign("", bytes);
        let manifest: Manifest = match serde_json::from_slice(bytes) {
            Ok(manifest) if !foreign => manifest,
            Err(error) if !foreign => return Err(Harm::Record(format!("cannot be read: {error}"))),
            _ => return Ok(()),
        };
        for stage in manifest.stages {
            for output in stage.outputs.into_values().filter(|o| is_ending(&o.ext)) {
                self.ledger.claims.insert((stage.key, output.hash, output.ext));
            }
        }
        Ok(())
    }

    fn entry(&mut self, path: &Path, bytes: &[u8]) -> Result<(), Harm> {
        let name = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let is_named = name.split_once('-').is_some_and(|(t, p)| is_number(t) && is_number(p));
        if !is_named || !has_ending(path) {
            return Err(Harm::Stray);
        }
        let name = runs::history_name(path);
        if is_foreign(&name, bytes) {
            return Ok(());
        }
        let entry: HistoryEntry = checksum::read(&name, bytes).map_err(Harm::Record)?;
        self.note_age(&name, bytes);
        self.ledger.needed.insert((entry.yaml, "yaml".to_string()));
        self.ledger.texts.insert(entry.yaml, entry.run);
        self.ledger.marked |= entry.mark.is_some();
        self.ledger.told.extend(entry.told_in.filter(|name| !name.contains('/')));
        self.ledger.recorded.extend(entry.run);
        self.ledger.executed.extend(entry.run);
        Ok(())
    }

    fn state(&mut self, path: &Path, bytes: &[u8]) -> Result<(), Harm> {
        if !has_ending(path) {
            return Err(Harm::Stray);
        }
        let pipeline = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let name = runs::state_name(&pipeline);
        if is_foreign(&name, bytes) {
            return Ok(());
        }
        checksum::read::<PipelineState>(&name, bytes).map_err(Harm::Record)?;
        self.note_age(&name, bytes);
        Ok(())
    }
}

/// Reads a file, or notes why it cannot be read and returns `None`.
pub(super) fn contents(
    store: &Store,
    path: &Path,
    place: &'static str,
    sheet: &mut Sheet,
) -> Option<Vec<u8>> {
    if !matches!(store.disk.thing(path), Ok(Thing::File(_))) {
        sheet.found(store.relative(path), Harm::Stray);
        return None;
    }
    match store.disk.read(path) {
        Ok(bytes) => {
            sheet.count(place, bytes.len() as u64);
            Some(bytes)
        }
        Err(error) => {
            sheet.found(store.relative(path), Harm::Unreadable(error.to_string()));
            None
        }
    }
}

/// Tells whether a record is whole and of a format that this program does not know: readers count it as absent.
fn is_foreign(name: &str, bytes: &[u8]) -> bool {
    if matches!(checksum::open(name, bytes), Check::Broken) {
        return false;
    }
    let value: Option<serde_json::Value> = serde_json::from_slice(bytes).ok();
    let format = value.as_ref().and_then(|v| v.get("format")).and_then(serde_json::Value::as_u64);
    format.is_some_and(|format| format > u64::from(FORMAT))
}

fn has_ending(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == RECORD)
}

pub(super) fn stem<T: std::str::FromStr>(path: &Path) -> Option<T> {
    path.file_stem().and_then(|s| s.to_str()).and_then(|s| s.parse().ok())
}

/// Tells whether an ending keeps an object's path inside its folder.
fn is_ending(ext: &str) -> bool {
    !ext.is_empty() && !ext.contains(['/', '\0'])
}

/// Notes the runs whose history entry lies complete in `tmp`, on its way in or out.
fn waiting_entries(store: &Store, ledger: &mut Ledger) -> Result<(), StoreError> {
    for path in store.disk.list(&store.place(Role::Temp))? {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let Some(stem) = runs::waiting_stem(name) else { continue };
        if let Some(bytes) = store.disk.read_optional(&path)?
            && let Ok(entry) = checksum::read::<HistoryEntry>(&format!("history/{stem}"), &bytes)
        {
            ledger.recorded.extend(entry.run);
        }
    }
    Ok(())
}
