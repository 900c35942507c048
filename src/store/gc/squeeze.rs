//! Makes room in a store that holds only what is wanted: what is cheapest to compute again per byte goes first.
//! It does not touch tags, the newest runs and the view, kept source files, or what cannot be computed again.
//!
//! A stage's outputs go together, because a stage with one output gone has to run again anyway. Several stages may have
//! come out with the same bytes; those go with the last of the stages.

use std::collections::HashMap;

use crate::{
    base::hash::StageKey,
    store::{
        Store,
        error::StoreError,
        gc::{
            Doomed, Plan, Why,
            keep::{Kept, Object, Stage},
        },
        usage::Size,
    },
};

/// Adds to the plan what has to go for the store to fit.
pub(super) fn squeeze(
    store: &Store,
    kept: &Kept,
    max_bytes: u64,
    plan: &mut Plan,
) -> Result<(), StoreError> {
    let mut size = plan.before.bytes.saturating_sub(plan.total().bytes);
    let mut holders: HashMap<Object, usize> = HashMap::new();
    for object in kept.records.values().flat_map(|stage| &stage.outputs) {
        *holders.entry(object.clone()).or_default() += 1;
    }
    let sizes = sizes(store, holders.keys())?;
    for (key, stage) in candidates(kept, &holders, &sizes, store)? {
        if size <= max_bytes {
            break;
        }
        plan.retired.push(key);
        plan.seconds += stage.seconds;
        for object in &stage.outputs {
            let Some(n_holders) = holders.get_mut(object) else { continue };
            *n_holders -= 1;
            let bytes = sizes.get(object).copied();
            let Some(bytes) = bytes.filter(|_| *n_holders == 0 && may_go(kept, object)) else {
                continue;
            };
            size = size.saturating_sub(bytes);
            let path = store.object_path(&object.0, &object.1);
            plan.objects.push(Doomed { path, size: Size { files: 1, bytes }, why: Why::Room });
        }
    }
    plan.excess = size.saturating_sub(max_bytes);
    Ok(())
}

/// Returns the keys whose outputs may go, cheapest per byte first.
fn candidates<'a>(
    kept: &'a Kept,
    holders: &HashMap<Object, usize>,
    sizes: &HashMap<Object, u64>,
    store: &Store,
) -> Result<Vec<(StageKey, &'a Stage)>, StoreError> {
    let mut ranked: Vec<(f64, StageKey, &Stage)> = Vec::new();
    for (key, stage) in &kept.records {
        let freed: f64 = stage
            .outputs
            .iter()
            .filter(|object| may_go(kept, object))
            .map(|o| {
                let n_holders = holders.get(o).copied().unwrap_or(1).max(1);
                sizes.get(o).copied().unwrap_or(0) as f64 / n_holders as f64
            })
            .sum();
        // A retired record of other outputs would be lost under this one's.
        let is_free = store.retired(key)?.is_none_or(|r| Stage::of(r).outputs == stage.outputs);
        if freed > 0.0 && is_free && !kept.protected_keys.contains(key) {
            ranked.push((stage.seconds.max(0.0) / freed, *key, stage));
        }
    }
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
    Ok(ranked.into_iter().map(|(_, key, stage)| (key, stage)).collect())
}

fn may_go(kept: &Kept, object: &Object) -> bool {
    !kept.protected.contains(object) && !kept.unique.contains(object)
}

fn sizes<'a>(
    store: &Store,
    wanted: impl Iterator<Item = &'a Object>,
) -> Result<HashMap<Object, u64>, StoreError> {
    let mut sizes = HashMap::new();
    for object in wanted {
        if let Some(stat) = store.disk.stat(&store.object_path(&object.0, &object.1))? {
            sizes.insert(object.clone(), stat.size);
        }
    }
    Ok(sizes)
}
