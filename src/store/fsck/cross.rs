//! What records name must be there, and what a finding is to the recorded runs.
//! It does not read objects.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::PathBuf,
};

use crate::{
    base::hash::{ContentHash, RunId},
    store::{
        Store,
        error::StoreError,
        fsck::{Harm, Sheet, objects::name_of, records::Ledger},
    },
};

/// Most things that are told about one finding.
const MAX_TOUCHES: usize = 3;

/// Finds what is named and not there.
pub(super) fn audit(store: &Store, ledger: &Ledger, sheet: &mut Sheet) -> Result<(), StoreError> {
    let mut gone = |path: PathBuf| -> Result<bool, StoreError> {
        let is_gone = store.disk.stat(&path)?.is_none();
        if is_gone {
            sheet.found(store.relative(&path), Harm::Missing);
        }
        Ok(is_gone)
    };
    for (hash, ext) in &ledger.needed {
        gone(store.object_path(hash, ext))?;
    }
    for (key, hash, ext) in &ledger.claims {
        if !ledger.keys.contains(key) {
            gone(store.key_path(key))?;
        }
        if !ledger.dropped.contains(hash) {
            gone(store.object_path(hash, ext))?;
        }
    }
    for name in &ledger.told {
        gone(store.history_path(name))?;
    }
    for run in ledger.executed.difference(&ledger.runs) {
        gone(store.manifest_path(run))?;
    }
    for run in ledger.runs.difference(&ledger.recorded) {
        sheet.found(store.relative(&store.manifest_path(run)), Harm::NoEntry);
    }
    Ok(())
}

/// Says of each finding that concerns an object, a key or a run what it is to the recorded runs.
pub(super) fn touches(
    store: &Store,
    ledger: &Ledger,
    sheet: &Sheet,
) -> Result<BTreeMap<PathBuf, Vec<String>>, StoreError> {
    let mut wanted: HashMap<ContentHash, Vec<&PathBuf>> = HashMap::new();
    for (path, _) in &sheet.findings {
        if let Some((hash, _)) = name_of(path) {
            wanted.entry(hash).or_default().push(path);
        }
    }
    let mut told: BTreeMap<&PathBuf, BTreeMap<String, BTreeSet<RunId>>> = BTreeMap::new();
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut tell = |hash: &ContentHash, text: &dyn Fn() -> String, run: &RunId| {
        for path in wanted.get(hash).into_iter().flatten() {
            told.entry(path).or_default().entry(text()).or_default().insert(*run);
        }
    };
    for (text, run) in &ledger.texts {
        if let Some(run) = run {
            tell(text, &|| "the pipeline file's text".to_string(), run);
        }
    }
    for run in &ledger.runs {
        let as_content =
            |bytes: &[u8; 32]| ContentHash::from_digest(blake3::Hash::from_bytes(*bytes));
        tell(&as_content(run.as_bytes()), &|| "the manifest".to_string(), run);
        let Ok(manifest) = store.manifest(run) else { continue };
        for stage in &manifest.stages {
            let key = as_content(stage.key.as_bytes());
            tell(&key, &|| format!("the record of `{}`", stage.name), run);
            for (port, output) in &stage.outputs {
                tell(&output.hash, &|| format!("output `{port}` of `{}`", stage.name), run);
            }
            for file in &stage.preimage.files {
                tell(file, &|| format!("the source of `{}`", stage.name), run);
            }
        }
    }
    let lines = |texts: BTreeMap<String, BTreeSet<RunId>>| {
        let n_more = texts.len().saturating_sub(MAX_TOUCHES);
        let mut lines: Vec<String> = texts.into_iter().take(MAX_TOUCHES).map(line).collect();
        if n_more > 0 {
            lines.push(format!("and {n_more} more"));
        }
        lines
    };
    Ok(told.into_iter().map(|(path, texts)| (path.clone(), lines(texts))).collect())
}

fn line((text, runs): (String, BTreeSet<RunId>)) -> String {
    let first = runs.iter().next().map(|run| run.to_hex()[..12].to_string()).unwrap_or_default();
    match runs.len() {
        1 => format!("{text}, run {first}"),
        n => format!("{text}, run {first} and {} more", n - 1),
    }
}
