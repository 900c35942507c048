//! The stage key: what it is made of, and what must never enter it. This page is the whole truth about it.
//!
//! A key is BLAKE3 in `derive_key` mode over length-prefixed fields, in this order:
//!
//! | field | why |
//! | --- | --- |
//! | [`KEY_FORMAT`] | a change of this page changes every key |
//! | [`ARTIFACT_FORMAT`] | a change of how artifacts are written changes every key |
//! | kind, and its implementation version | other code, other bytes |
//! | canonical JSON of the parameters, defaults filled in | writing a default out changes nothing; removing a parameter does |
//! | per input, ordered by name: name, content hash | *content*, not the upstream's key: an upstream that re-ran to the same bytes leaves everything below cached |
//! | per source file, in the order of the sorted relative paths: content hash | |
//! | per declared environment variable, ordered by name: name, value | |
//!
//! Never in a key: the stage's own name, the pipeline's name, comments, key order in the file, whether a default
//! was written out, paths of artifacts, absolute paths, `path` and `snapshot` of a source, mtimes, user, host,
//! locale, number of threads, log level, time. A test lists them and holds each against a key.
//!
//! Names that an output depends on are part of its input names and so of its key: those of candidates, because a
//! leaderboard shows them. It shows their parameters too, and outputs do not tell these: so each candidate is an input of
//! its own, `candidates/kmeans/k=4`, whose hash is that of its kind and parameters.

use crate::{
    base::{
        canon,
        hash::{FieldHasher, StageKey},
    },
    store::records::Preimage,
};

/// Version of the layout of the fields below.
pub const KEY_FORMAT: u32 = 1;

/// Version of how artifacts are written (Parquet properties, column types).
pub const ARTIFACT_FORMAT: u32 = 1;

const CONTEXT: &str = "orchestrate 2026 stage key";

/// Returns the key of a pre-image.
pub fn key(preimage: &Preimage) -> StageKey {
    let mut hasher = FieldHasher::new(CONTEXT);
    hasher.field(&KEY_FORMAT.to_le_bytes());
    hasher.field(&ARTIFACT_FORMAT.to_le_bytes());
    hasher.field(preimage.kind.as_bytes());
    hasher.field(&preimage.version.to_le_bytes());
    hasher.field(canon::to_string(&preimage.params).as_bytes());
    hasher.field(&(preimage.inputs.len() as u64).to_le_bytes());
    for (name, hash) in &preimage.inputs {
        hasher.field(name.as_bytes()).field(hash.as_bytes());
    }
    hasher.field(&(preimage.files.len() as u64).to_le_bytes());
    for hash in &preimage.files {
        hasher.field(hash.as_bytes());
    }
    hasher.field(&(preimage.env.len() as u64).to_le_bytes());
    for (name, value) in &preimage.env {
        hasher.field(name.as_bytes()).field(value.as_bytes());
    }
    StageKey::from_digest(hasher.finish())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::base::hash::ContentHash;

    fn preimage() -> Preimage {
        Preimage {
            kind: "cluster.kmeans".to_string(),
            version: 1,
            params: json!({"k": 3, "tol": 1e-4}),
            inputs: [("matrix".to_string(), ContentHash::of(b"m"))].into(),
            files: vec![],
            env: Default::default(),
        }
    }

    #[test]
    fn the_key_is_pinned() {
        assert_eq!(key(&preimage()).to_hex(), PINNED);
    }

    /// If this changes, every cache in the world is lost: raise [`KEY_FORMAT`] knowingly.
    const PINNED: &str = "2e95450a107a7d16170a252045b4e7132723c300bfd9ba74138d2ebb1f1bbb97";

    #[test]
    fn every_field_counts() {
        let base = key(&preimage());
        let changes: [fn(&mut Preimage); 8] = [
            |p| p.kind = "cluster.gmm".to_string(),
            |p| p.version = 2,
            |p| p.params["k"] = json!(4),
            |p| p.params["k"] = json!(3.0),
            |p| {
                p.params.as_object_mut().unwrap().remove("tol");
            },
            |p| {
                p.inputs.insert("matrix".to_string(), ContentHash::of(b"other"));
            },
            |p| p.files.push(ContentHash::of(b"f")),
            |p| {
                p.env.insert("A".to_string(), "1".to_string());
            },
        ];
        for (i, change) in changes.iter().enumerate() {
            let mut changed = preimage();
            change(&mut changed);
            assert_ne!(key(&changed), base, "change {i}");
        }
    }
}
