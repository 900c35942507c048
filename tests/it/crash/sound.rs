//! Whether a store is what its format promises, from outside: every name kept, every record true.
//! It does not know how the store came to be so.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use orchestrate::{
    base::hash::{ContentHash, RunId, StageKey},
    engine::key,
    store::{Store, disk::Disk},
};

/// Returns all files and links under a folder, with their paths relative to it.
pub fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        for entry in entries.map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => found.push(entry.path().strip_prefix(root).unwrap().to_path_buf()),
            }
        }
    }
    found.sort();
    found
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

/// Returns everything that is wrong with the store at `root`.
pub fn faults(root: &Path) -> Vec<String> {
    let mut faults = Vec::new();
    if !root.exists() {
        return faults;
    }
    let store = match Store::open(root, Disk::default()) {
        Ok(store) => store,
        Err(error) => return vec![format!("it does not open: {error}")],
    };
    for path in files(&root.join("objects")) {
        let hash = ContentHash::of(&fs::read(root.join("objects").join(&path)).unwrap());
        if hash.to_hex() != stem(&path) {
            faults.push(format!("object {} holds other bytes", path.display()));
        }
    }
    let has = |hash: &ContentHash, ext: &str| store.object_path(hash, ext).is_file();
    for path in files(&root.join("keys")) {
        let id: StageKey = stem(&path).parse().unwrap();
        let Ok(Some(record)) = store.key_record(&id) else {
            faults.push(format!("key record {} cannot be read", path.display()));
            continue;
        };
        if key::key(&record.preimage) != id {
            faults.push(format!("key record {} is of another key", path.display()));
        }
        for (port, output) in &record.outputs {
            if !has(&output.hash, &output.ext) {
                faults.push(format!("key record {}: `{port}` is gone", path.display()));
            }
        }
    }
    for path in files(&root.join("runs")) {
        let id: RunId = stem(&path).parse().unwrap();
        let manifest = match store.manifest(&id) {
            Ok(manifest) => manifest,
            Err(error) => {
                faults.push(error.to_string());
                continue;
            }
        };
        for stage in &manifest.stages {
            for (port, output) in &stage.outputs {
                if !has(&output.hash, &output.ext) {
                    faults.push(format!("run {id}: `{}.{port}` is gone", stage.name));
                }
            }
        }
    }
    let history: Vec<_> = store.history().unwrap().map(Result::unwrap).collect();
    if history.len() != files(&root.join("history")).len() {
        faults.push("a history entry cannot be read".to_string());
    }
    for entry in &history {
        if let Some(run) = entry.run.filter(|run| store.manifest(run).is_err()) {
            faults.push(format!("the history names run {run}, which is gone"));
        }
        if !has(&entry.yaml, "yaml") {
            faults.push("the history names a pipeline text that is gone".to_string());
        }
    }
    if store.tags().unwrap().len() != files(&root.join("tags")).len() {
        faults.push("a tag cannot be read".to_string());
    }
    for path in files(&root.join("latest")) {
        if !root.join("latest").join(&path).is_file() {
            faults.push(format!("latest/{} points at nothing", path.display()));
        }
    }
    faults
}

/// What a store holds that must not be lost.
pub struct Held(BTreeMap<PathBuf, Vec<u8>>);

/// Remembers what is committed under `root`.
pub fn held(root: &Path) -> Held {
    let mut held = BTreeMap::new();
    for folder in ["objects", "keys", "runs", "history", "tags", "latest"] {
        for path in files(&root.join(folder)) {
            let path = Path::new(folder).join(path);
            // A link may be moved on to something newer, but not vanish.
            let bytes = match folder {
                "latest" => Vec::new(),
                _ => fs::read(root.join(&path)).unwrap(),
            };
            held.insert(path, bytes);
        }
    }
    Held(held)
}

impl Held {
    /// Returns what of it is no longer there or has changed.
    pub fn losses(&self, root: &Path) -> Vec<String> {
        let is_lost = |(path, bytes): &(&PathBuf, &Vec<u8>)| match path.starts_with("latest") {
            true => !root.join(path).is_symlink(),
            false => fs::read(root.join(path)).ok().as_ref() != Some(bytes),
        };
        let lost = self.0.iter().filter(is_lost);
        lost.map(|(path, _)| format!("{} is lost", path.display())).collect()
    }
}
