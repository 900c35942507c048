//! What there is beside what stays. It does not decide what stays.

use std::{collections::HashSet, path::Path};

use crate::{
    base::hash::{ContentHash, StageKey},
    store::{
        Store,
        error::StoreError,
        fsck::name_of,
        gc::{
            Doomed, Entry, Plan, Why,
            keep::{Kept, Stage},
        },
        layout::{self, Role},
        retired,
    },
};

/// Finds everything that does not stay.
pub(super) fn plan(store: &Store, kept: &Kept) -> Result<Plan, StoreError> {
    let mut plan = Plan { kept: kept.runs.clone(), ..Plan::default() };
    for place in layout::PLACES {
        plan.before.join(store.measure(&store.root.join(place.name))?);
    }
    let mut old = HashSet::new();
    for entry in kept.entries.iter().filter(|entry| !entry.stays) {
        old.insert(entry.yaml);
        let bytes = store.measure(&entry.path)?.bytes;
        plan.entries.push(Entry { path: entry.path.clone(), run: entry.run, bytes });
    }
    plan.runs = store.run_ids()?.into_iter().filter(|id| !kept.runs.contains(id)).collect();
    for id in &plan.runs {
        let path = store.manifest_path(id);
        let size = store.measure(&path)?;
        plan.records.push(Doomed { path, size, why: Why::OldRun });
        // One that is damaged says nothing, and then what it named counts as orphaned.
        for stage in store.manifest(id).map(|m| m.stages).unwrap_or_default() {
            old.extend(stage.outputs.values().map(|o| o.hash));
            old.extend(stage.preimage.files);
        }
    }
    records(store, kept, &mut plan, &mut old)?;
    for name in layout::FORMER {
        let path = store.root.join(name);
        let size = store.measure(&path)?;
        if size.files > 0 {
            plan.records.push(Doomed { path, size, why: Why::Leftover });
        }
    }
    objects(store, kept, &old, &mut plan)?;
    leftovers(store, &mut plan)?;
    Ok(plan)
}

fn records(
    store: &Store,
    kept: &Kept,
    plan: &mut Plan,
    old: &mut HashSet<ContentHash>,
) -> Result<(), StoreError> {
    for folder in store.disk.list(&store.place(Role::Keys))? {
        for path in store.disk.list(&folder)? {
            let ending = path.extension().and_then(|e| e.to_str());
            let key = path.file_stem().and_then(|s| s.to_str()).and_then(|s| s.parse().ok());
            let Some(key) = key else { continue };
            let is_retired = ending == Some(retired::ENDING);
            let stays =
                kept.keys.contains(&key) && !(is_retired && is_repeated(store, kept, &key)?);
            if stays {
                continue;
            }
            plan.records.push(Doomed { size: store.measure(&path)?, path, why: Why::OldRun });
            if let Some(record) = store.key_record(&key)?.filter(|_| !is_retired) {
                let stage = Stage::of(record);
                old.extend(stage.outputs.iter().map(|(hash, _)| *hash));
                old.extend(&stage.files);
                if stage.outputs.iter().any(|object| !kept.objects.contains(object)) {
                    plan.seconds += stage.seconds;
                }
            }
        }
    }
    Ok(())
}

/// Tells whether a retired record says what the living one says as well.
fn is_repeated(store: &Store, kept: &Kept, key: &StageKey) -> Result<bool, StoreError> {
    let Some(living) = kept.records.get(key) else { return Ok(false) };
    Ok(store.retired(key)?.is_none_or(|retired| Stage::of(retired).outputs == living.outputs))
}

fn objects(
    store: &Store,
    kept: &Kept,
    old: &HashSet<ContentHash>,
    plan: &mut Plan,
) -> Result<(), StoreError> {
    for folder in store.disk.list(&store.place(Role::Objects))? {
        for path in store.disk.list(&folder)? {
            // What is no object is not gc's to judge; `fsck` moves it aside.
            let Some(object) = name_of(&path) else { continue };
            if kept.objects.contains(&object) {
                continue;
            }
            let why = if old.contains(&object.0) { Why::OldRun } else { Why::Orphan };
            plan.objects.push(Doomed { size: store.measure(&path)?, path, why });
        }
    }
    Ok(())
}

/// What processes left that ended before they could tidy up. One that lives is left alone: who has the store alone is
/// alone, but a plan is also made beside others, to be shown.
fn leftovers(store: &Store, plan: &mut Plan) -> Result<(), StoreError> {
    for path in store.disk.list(&store.place(Role::Temp))? {
        if !is_of_a_living_process(&path) {
            let size = store.measure(&path)?;
            plan.temp.push(Doomed { path, size, why: Why::Leftover });
        }
    }
    Ok(())
}

/// Names under `tmp` are `hint-pid-...`.
fn is_of_a_living_process(path: &Path) -> bool {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    let pid = name.split('-').nth(1).and_then(|pid| pid.parse::<i32>().ok());
    let other = pid.filter(|pid| u32::try_from(*pid) != Ok(std::process::id()));
    let Some(pid) = other.and_then(rustix::process::Pid::from_raw) else { return false };
    !matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH))
}
