//! The places of a store that are not objects and not records of stages and runs: tags, identity, memory, receipts,
//! schema, view. It does not know what reads them.

use std::path::{Component, Path, PathBuf};

use crate::{
    base::hash::{ContentHash, RunId},
    store::{
        Store,
        checksum::{self, Check},
        disk::Thing,
        error::StoreError,
        fsck::{
            Harm, Sheet,
            records::{Ledger, contents, stem},
        },
        identity::Identity,
        layout::Role,
        memo::Memo,
    },
};

/// Reads them all.
pub(super) fn audit(store: &Store, ledger: &Ledger, sheet: &mut Sheet) -> Result<(), StoreError> {
    tags(store, ledger, sheet)?;
    identity(store, ledger, sheet)?;
    memo(store, sheet)?;
    receipts(store, sheet)?;
    schema(store, ledger, sheet)?;
    view(store, &store.place(Role::View), sheet)
}

fn tags(store: &Store, ledger: &Ledger, sheet: &mut Sheet) -> Result<(), StoreError> {
    for path in store.disk.list(&store.place(Role::Tags))? {
        let Some(bytes) = contents(store, &path, "tags", sheet) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        // To the byte: anything trimmed away could be a flipped bit.
        let id = text.strip_suffix('\n').and_then(|text| text.parse::<RunId>().ok());
        let why = match id {
            None => "does not hold the id of a run",
            Some(id) if !ledger.runs.contains(&id) => "names a run that is not there",
            Some(_) => continue,
        };
        sheet.found(store.relative(&path), Harm::Dangling(why.to_string()));
    }
    Ok(())
}

fn identity(store: &Store, ledger: &Ledger, sheet: &mut Sheet) -> Result<(), StoreError> {
    let path = store.place(Role::Identity);
    if store.disk.thing(&path)? == Thing::Absent {
        // Entries bear its mark, and without it they are strangers here.
        if ledger.marked {
            sheet.found(store.relative(&path), Harm::Missing);
        }
    } else if let Some(bytes) = contents(store, &path, "store-id", sheet)
        && !Identity::is_sound(&bytes)
    {
        let why = "does not match its own checksum".to_string();
        sheet.found(store.relative(&path), Harm::Record(why));
    }
    Ok(())
}

fn memo(store: &Store, sheet: &mut Sheet) -> Result<(), StoreError> {
    let path = store.place(Role::Memo);
    if store.disk.thing(&path)? != Thing::Absent
        && let Some(bytes) = contents(store, &path, "memo", sheet)
        && !Memo::is_sound(&bytes)
    {
        let why = "does not match its own checksum".to_string();
        sheet.found(store.relative(&path), Harm::Record(why));
    }
    Ok(())
}

fn receipts(store: &Store, sheet: &mut Sheet) -> Result<(), StoreError> {
    for path in store.disk.list(&store.place(Role::Receipts))? {
        let is_named = path.extension().is_none() && stem::<ContentHash>(&path).is_some();
        if !is_named {
            sheet.found(store.relative(&path), Harm::Stray);
        } else if let Some(bytes) = contents(store, &path, "receipts", sheet)
            && !Store::is_receipt(&bytes)
        {
            let why = "does not match its own checksum".to_string();
            sheet.found(store.relative(&path), Harm::Record(why));
        }
    }
    Ok(())
}

fn schema(store: &Store, ledger: &Ledger, sheet: &mut Sheet) -> Result<(), StoreError> {
    let folder = store.place(Role::Schema);
    let own = folder.join("pipeline.json");
    for path in store.disk.list(&folder)? {
        if path != own {
            sheet.found(store.relative(&path), Harm::Stray);
        } else if let Some(bytes) = contents(store, &path, "schema", sheet)
            && !matches!(checksum::open("schema/pipeline.json", &bytes), Check::Whole(_))
        {
            // Another version of the program may have written another schema, but none that is not whole.
            let why = "does not match its own checksum".to_string();
            sheet.found(store.relative(&path), Harm::Record(why));
        }
    }
    // A run writes it before anything else.
    if !ledger.executed.is_empty() && store.disk.thing(&own)? == Thing::Absent {
        sheet.found(store.relative(&own), Harm::Missing);
    }
    Ok(())
}

/// Every link of the view leads to an object.
fn view(store: &Store, folder: &Path, sheet: &mut Sheet) -> Result<(), StoreError> {
    for entry in store.disk.entries(folder)? {
        let path = entry.path;
        if entry.is_folder {
            view(store, &path, sheet)?;
            continue;
        }
        sheet.count("latest", 0);
        match link_target(store, &path)? {
            None => sheet.found(store.relative(&path), Harm::Stray),
            Some(object) if !matches!(store.disk.thing(&object)?, Thing::File(_)) => {
                let why = "leads to an object that is not there".to_string();
                sheet.found(store.relative(&path), Harm::Dangling(why));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Returns the object that a link of the view leads to; `None` if it is no link, or leads elsewhere.
pub(in crate::store) fn link_target(
    store: &Store,
    link: &Path,
) -> Result<Option<PathBuf>, StoreError> {
    let Some(target) = store.disk.read_link(link)? else { return Ok(None) };
    let mut place = link.parent().unwrap_or(link).to_path_buf();
    for component in target.components() {
        match component {
            Component::ParentDir => {
                place.pop();
            }
            Component::Normal(name) => place.push(name),
            _ => return Ok(None),
        }
    }
    Ok(place.starts_with(store.place(Role::Objects)).then_some(place))
}
