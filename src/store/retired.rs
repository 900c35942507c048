//! Keys whose outputs were dropped on purpose, or are lost for good. Their records no longer stand for anything, but
//! still say what was there and what it cost. It does not know why they were retired.

use std::path::PathBuf;

use crate::{
    base::hash::StageKey,
    store::{Store, checksum, error::StoreError, records::KeyRecord, runs},
};

/// How the name of a retired record ends, where that of a living one ends in `json`.
pub(super) const ENDING: &str = "dropped";

impl Store {
    /// Retires a key's record. It is one rename: a reader finds the record or none, and a full disk does not stop it.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn retire(&self, key: &StageKey) -> Result<(), StoreError> {
        self.disk.rename(&self.key_path(key), &self.retired_path(key))
    }

    /// Writes a retired record where there is no living one to rename.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn put_retired(&self, record: &KeyRecord) -> Result<(), StoreError> {
        let path = self.retired_path(&record.key);
        let object = serde_json::to_vec(record)
            .map_err(|e| StoreError::damaged(path.clone(), e.to_string()))?;
        self.write_atomic(&path, &checksum::close(&runs::key_name(&record.key), object))
    }

    /// Returns the retired record of a key, if it has one.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn retired(&self, key: &StageKey) -> Result<Option<KeyRecord>, StoreError> {
        let bytes = self.disk.read_optional(&self.retired_path(key))?;
        Ok(bytes.and_then(|b| checksum::read(&runs::key_name(key), &b).ok()))
    }

    /// Returns where the retired record of a key lies or would lie.
    pub(super) fn retired_path(&self, key: &StageKey) -> PathBuf {
        self.key_path(key).with_extension(ENDING)
    }
}
