//! Writes off what is lost: what names it is retired or moved aside, so that a store is sound again that holds less.
//! It does not know why it could not be rebuilt.

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
};

use crate::{
    base::hash::{ContentHash, RunId, StageKey},
    store::{
        FORMAT, Store, checksum,
        error::StoreError,
        fsck::{Finding, Harm, objects::name_of},
        layout::Role,
        objects::RAW,
        records::{HistoryEntry, KeyRecord, ManifestStage, OutputRecord},
        runs,
    },
};

impl Store {
    /// Writes off the missing files among the findings. Nothing is removed: manifests keep saying what there was, and
    /// a key whose outputs are lost is a key whose outputs were dropped.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn write_off(&self, findings: &[Finding]) -> Result<(), StoreError> {
        for finding in findings.iter().filter(|f| f.path.starts_with("latest")) {
            self.set_aside(&finding.path)?;
        }
        let missing = findings.iter().filter(|f| f.harm == Harm::Missing);
        let (mut objects, mut keys) = (HashSet::new(), HashSet::new());
        let (mut manifests, mut told) = (HashSet::new(), HashSet::new());
        for finding in missing {
            let stem = finding.path.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
            match first(&finding.path) {
                "objects" => objects.extend(name_of(&finding.path)),
                "keys" => keys.extend(stem.parse::<StageKey>()),
                "history" => {
                    told.insert(stem.to_string());
                }
                "runs" => manifests.extend(stem.parse::<RunId>()),
                _ => {}
            }
        }
        let outputs: HashSet<ContentHash> =
            objects.iter().filter(|(_, ext)| ext != RAW).map(|(hash, _)| *hash).collect();
        let raw: HashSet<ContentHash> =
            objects.iter().filter(|(_, ext)| ext == RAW).map(|(hash, _)| *hash).collect();
        self.write_off_records(&outputs, &raw)?;
        self.write_off_claims(&outputs, &keys)?;
        self.write_off_entries(&manifests, &told)
    }

    fn write_off_records(
        &self,
        outputs: &HashSet<ContentHash>,
        raw: &HashSet<ContentHash>,
    ) -> Result<(), StoreError> {
        for folder in self.disk.list(&self.place(Role::Keys))? {
            for path in self.disk.list(&folder)? {
                let key = path.file_stem().and_then(|s| s.to_str()).and_then(|s| s.parse().ok());
                let Some(key) = key else { continue };
                let living = self.key_record(&key)?;
                let is_living = living.is_some();
                let Some(mut record) =
                    living.map_or_else(|| self.retired(&key), |r| Ok(Some(r)))?
                else {
                    continue;
                };
                let n_raw = record.raw.len();
                record.raw.retain(|hash| !raw.contains(hash));
                let is_poorer = record.raw.len() < n_raw;
                match is_living {
                    true if is_poorer => self.put_key_record(&record)?,
                    false if is_poorer => self.put_retired(&record)?,
                    _ => {}
                }
                if is_living && record.outputs.values().any(|o| outputs.contains(&o.hash)) {
                    self.retire(&key)?;
                }
            }
        }
        Ok(())
    }

    /// What only a manifest still knows gets a retired record from there.
    fn write_off_claims(
        &self,
        outputs: &HashSet<ContentHash>,
        keys: &HashSet<StageKey>,
    ) -> Result<(), StoreError> {
        for id in self.run_ids()? {
            let Ok(manifest) = self.manifest(&id) else { continue };
            for stage in manifest.stages {
                let is_lost = stage.outputs.values().any(|o| outputs.contains(&o.hash));
                let is_bare = keys.contains(&stage.key);
                if (is_lost || is_bare) && self.retired(&stage.key)?.is_none() {
                    self.put_retired(&record_of(stage))?;
                }
            }
        }
        Ok(())
    }

    /// Entries of a run without a manifest lead nowhere, nor do those that only point at one that is lost.
    fn write_off_entries(
        &self,
        lost: &HashSet<RunId>,
        told: &HashSet<String>,
    ) -> Result<(), StoreError> {
        if lost.is_empty() && told.is_empty() {
            return Ok(());
        }
        for path in self.disk.list(&self.place(Role::History))? {
            let Some(bytes) = self.disk.read_optional(&path)? else { continue };
            let entry = checksum::read::<HistoryEntry>(&runs::history_name(&path), &bytes);
            let leads_nowhere = |e: HistoryEntry| {
                e.run.is_some_and(|run| lost.contains(&run))
                    || e.told_in.is_some_and(|name| told.contains(&name))
            };
            if entry.is_ok_and(leads_nowhere) {
                self.set_aside(&self.relative(&path))?;
            }
        }
        Ok(())
    }
}

/// What a manifest says of a stage, as the record of its key; what it cost is not known there.
fn record_of(stage: ManifestStage) -> KeyRecord {
    let output = |(port, o): (String, crate::store::records::ManifestOutput)| {
        (port, OutputRecord { hash: o.hash, bytes: 0, rows: None, ext: o.ext })
    };
    KeyRecord {
        format: FORMAT,
        key: stage.key,
        preimage: stage.preimage,
        outputs: stage.outputs.into_iter().map(output).collect::<BTreeMap<_, _>>(),
        raw: Vec::new(),
        seconds: 0.0,
        notes: Vec::new(),
    }
}

fn first(path: &Path) -> &str {
    path.components().next().and_then(|c| c.as_os_str().to_str()).unwrap_or_default()
}
