//! Reads every object and holds its bytes against its name. It does not know what records say of it but its ending.

use std::{
    collections::{BTreeSet, HashMap},
    path::{Path, PathBuf},
};

use crate::{
    base::hash::ContentHash,
    store::{
        Store,
        disk::Thing,
        error::StoreError,
        fsck::{Checks, Harm, Sheet, records::Ledger},
        layout::Role,
    },
};

/// Reads all objects, several at a time; each goes through a buffer and is never whole in memory.
pub(super) fn audit(
    store: &Store,
    checks: &Checks<'_>,
    ledger: &Ledger,
    sheet: &mut Sheet,
) -> Result<(), StoreError> {
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in store.disk.entries(&store.place(Role::Objects))? {
        match folder.is_folder {
            true => files.extend(store.disk.list(&folder.path)?),
            false => sheet.found(store.relative(&folder.path), Harm::Stray),
        }
    }
    let endings = ledger.endings();
    let parts = checks.pool.map(files.len().div_ceil(16), |i| {
        let mut part = Sheet::default();
        for path in files.iter().skip(i * 16).take(16).filter(|_| !(checks.stop)()) {
            if let Err(harm) = object(store, path, &endings, &mut part) {
                part.found(store.relative(path), harm);
            }
        }
        part
    });
    parts.into_iter().for_each(|part| sheet.join(part));
    Ok(())
}

fn object(
    store: &Store,
    path: &Path,
    endings: &HashMap<ContentHash, BTreeSet<&str>>,
    sheet: &mut Sheet,
) -> Result<(), Harm> {
    let (name, ext) = name_of(path).ok_or(Harm::Stray)?;
    let Ok(Thing::File(size)) = store.disk.thing(path) else { return Err(Harm::Stray) };
    let found = store.hash_file(path).map_err(|e| Harm::Unreadable(e.to_string()))?;
    sheet.count("objects", size);
    if found != name {
        return Err(Harm::Bytes(found));
    }
    let right = store.object_path(&name, &ext);
    if right != path {
        return Err(Harm::Misplaced(store.relative(&right)));
    }
    // Bytes that no record knows under this ending but under one that is not there got the wrong one.
    let known = endings.get(&name).filter(|known| !known.contains(ext.as_str()));
    let missing = known.and_then(|known| {
        known.iter().map(|ext| store.object_path(&name, ext)).find(|path| !is_there(store, path))
    });
    match missing {
        Some(right) => Err(Harm::Misplaced(store.relative(&right))),
        None => Ok(()),
    }
}

fn is_there(store: &Store, path: &Path) -> bool {
    !matches!(store.disk.thing(path), Ok(Thing::Absent))
}

/// Returns the hash and the ending that an object's file name says.
pub(in crate::store) fn name_of(path: &Path) -> Option<(ContentHash, String)> {
    let (hash, ext) = path.file_name()?.to_str()?.split_once('.')?;
    Some((hash.parse().ok()?, ext.to_string()))
}
