//! A bundle: one file that holds a run's way from raw rows to segments, for machines without the store. It is an
//! uncompressed tar, so that anything opens it, and the same run gives the same bytes. It does not know rows.
//!
//! ```text
//! bundle.json               format, run, stage, and name, size and BLAKE3 of every file below
//! bundle.json.b3            BLAKE3 of bundle.json
//! manifest.json             the run's manifest, whose BLAKE3 is the run's id
//! objects/<hash>.parquet    each recorded table that is needed: the classifier, what stages learnt, right sides of joins
//! schemas/<hash>.parquet    for each recorded table on the way its columns and no row: the raw table, what stages took
//! drift.json                what the run's own rows look like, in bins and counts; not there where that is not to be had
//! ```

mod tar;

use std::{cell::RefCell, collections::BTreeMap, fs, path::Path};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    app::{
        AppError, Project,
        drift::{Profile, Sight, Watch},
        scoring::{Objects, Scorer},
    },
    base::{
        canon,
        hash::{ContentHash, RunId},
    },
    frame::{self, Table},
    stage::{ctx::Input, error::StageError, work::Work},
    store::{
        Store,
        records::{Manifest, ManifestOutput},
        runs,
    },
};

const FORMAT: &str = "orchestrate-bundle/1";
const HEAD: &str = "bundle.json";
const HEAD_HASH: &str = "bundle.json.b3";
const MANIFEST: &str = "manifest.json";
const PROFILE: &str = "drift.json";

/// What `bundle.json` says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    format: String,
    run: RunId,
    /// The classifier's stage.
    stage: String,
    files: Vec<Listed>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    name: String,
    bytes: u64,
    blake3: ContentHash,
}

/// A run's way, as one file.
pub struct BundleExport {
    /// The run.
    pub run: RunId,
    /// The stage that trained the classifier.
    pub stage: String,
    /// The hash of the classifier.
    pub model: ContentHash,
    /// How many files it holds.
    pub n_files: usize,
    /// Why it does not tell what the run's own rows look like; `None` if it does.
    pub without_profile: Option<String>,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Project {
    /// Puts a run's way to its champion, or to the classifier called `stage`, into one file.
    ///
    /// # Errors
    /// If the run is unknown or has no classifier, or what was recorded is damaged.
    pub fn export_bundle(
        &self,
        run: Option<&str>,
        stage: Option<&str>,
        work: &Work,
    ) -> Result<BundleExport, AppError> {
        let store = self.store()?;
        let recorded = self.recorded_with_classifier(&store, run)?;
        let taking = Taking { store: &store, files: RefCell::default() };
        let scorer = Scorer::load(&taking, recorded.id, &recorded.manifest, stage)?;
        let sight = Sight::of(&store, &taking, &recorded.manifest, &scorer, u64::MAX, work);
        let (profile, without_profile) = match sight {
            Ok(sight) => (sight.and_then(|sight| written(&sight.profile)), None),
            Err(AppError::Stage(StageError::Cancelled)) => {
                return Err(StageError::Cancelled.into());
            }
            Err(error) => (None, Some(error.to_string())),
        };
        let mut files = taking.files.into_inner();
        if let Some(profile) = profile {
            files.insert(PROFILE.to_string(), profile);
        }
        files.insert(MANIFEST.to_string(), store.manifest_bytes(&recorded.id)?.into());
        let listed = |(name, bytes): (&String, &Bytes)| Listed {
            name: name.clone(),
            bytes: bytes.len() as u64,
            blake3: ContentHash::of(bytes),
        };
        let head = Head {
            format: FORMAT.to_string(),
            run: recorded.id,
            stage: scorer.stage.clone(),
            files: files.iter().map(listed).collect(),
        };
        let head =
            canon::of(&head).map_err(|error| StageError::Internal(format!("bundle: {error}")))?;
        let head_hash = format!("{}\n", ContentHash::of(head.as_bytes()).to_hex());
        let mut archive = tar::Writer::default();
        archive.add(HEAD, head.as_bytes());
        archive.add(HEAD_HASH, head_hash.as_bytes());
        files.iter().for_each(|(name, bytes)| archive.add(name, bytes));
        Ok(BundleExport {
            run: recorded.id,
            stage: scorer.stage,
            model: scorer.model,
            n_files: files.len(),
            without_profile,
            bytes: archive.finish(),
        })
    }
}

/// Returns a profile as JSON; `None` if JSON cannot hold it (a number that is infinite).
fn written(profile: &Profile) -> Option<Bytes> {
    let json = serde_json::to_vec(profile).ok()?;
    let read: Profile = serde_json::from_slice(&json).ok()?;
    (read == *profile).then(|| json.into())
}

/// A store that keeps what is asked of it.
struct Taking<'a> {
    store: &'a Store,
    files: RefCell<BTreeMap<String, Bytes>>,
}

impl Objects for Taking<'_> {
    fn table(&self, output: &ManifestOutput) -> Result<Table, AppError> {
        let bytes = Bytes::from(self.store.read_object(&output.hash, &output.ext)?);
        self.files.borrow_mut().insert(object_name(output), bytes.clone());
        Ok(Input::from_bytes("artifact", bytes).table().map_err(StageError::from)?)
    }

    fn schema(&self, output: &ManifestOutput) -> Result<SchemaRef, AppError> {
        let schema = Objects::schema(self.store, output)?;
        let none = Table::from_batch(RecordBatch::new_empty(schema.clone()));
        let mut bytes = Vec::new();
        frame::parquet::write(&none, &mut bytes).map_err(StageError::from)?;
        self.files.borrow_mut().insert(schema_name(output), bytes.into());
        Ok(schema)
    }
}

fn object_name(output: &ManifestOutput) -> String {
    format!("objects/{}.{}", output.hash, output.ext)
}

fn schema_name(output: &ManifestOutput) -> String {
    format!("schemas/{}.parquet", output.hash)
}

/// A bundle that was read and checked: every byte of it is under a hash that holds.
struct Bundle {
    place: String,
    head: Head,
    manifest: Manifest,
    files: BTreeMap<String, Bytes>,
}

impl Scorer {
    /// Loads a run's way from a bundle.
    ///
    /// # Errors
    /// If the file cannot be read, is no bundle, or is damaged.
    pub fn of_bundle(path: &Path) -> Result<Scorer, AppError> {
        Ok(load(path)?.0)
    }

    /// Loads a run's way from a bundle's bytes; `place` is for messages.
    ///
    /// # Errors
    /// If they are no bundle, or damaged.
    pub fn of_bundle_bytes(place: &str, bytes: Bytes) -> Result<Scorer, AppError> {
        Bundle::read(place, bytes).map_err(|why| unsound(place, &why))?.scorer()
    }
}

impl Watch {
    /// Loads a run's way from a bundle, and what the run's own rows look like.
    ///
    /// # Errors
    /// If the file cannot be read, is no bundle, is damaged, or does not tell of the run's own rows.
    pub fn of_bundle(path: &Path) -> Result<Watch, AppError> {
        let (scorer, sight) = load(path)?;
        let none = || {
            AppError::Usage(format!(
                "`{}` does not hold what the run's own rows look like; `export --format bundle` writes that where the \
                 store still has them",
                path.display()
            ))
        };
        Ok(Watch { scorer, sight: sight.ok_or_else(none)? })
    }
}

/// Loads a run's way from a bundle, and what the run's own rows look like, if it says so.
///
/// # Errors
/// If the file cannot be read, is no bundle, or is damaged.
pub fn load(path: &Path) -> Result<(Scorer, Option<Sight>), AppError> {
    let place = path.display().to_string();
    let bytes = fs::read(path).map_err(AppError::io("read", path))?;
    let bundle = Bundle::read(&place, bytes.into()).map_err(|why| unsound(&place, &why))?;
    let scorer = bundle.scorer()?;
    let Some(profile) = bundle.files.get(PROFILE) else { return Ok((scorer, None)) };
    let profile = serde_json::from_slice(profile)
        .map_err(|error| unsound(&place, &format!("`{PROFILE}`: {error}")))?;
    let sight = Sight::known(profile, &bundle, &bundle.manifest, &scorer)?;
    Ok((scorer, Some(sight)))
}

impl Bundle {
    fn read(place: &str, bytes: Bytes) -> Result<Bundle, String> {
        let mut files = tar::read(bytes)?;
        let mut take = |name: &str| files.remove(name).ok_or(format!("`{name}` is not in it"));
        let head = take(HEAD)?;
        let said = take(HEAD_HASH)?;
        if said.trim_ascii() != ContentHash::of(&head).to_hex().as_bytes() {
            return Err(format!("`{HEAD}` has not the hash that it should have"));
        }
        let format: serde_json::Value =
            serde_json::from_slice(&head).map_err(|error| format!("`{HEAD}`: {error}"))?;
        match format["format"].as_str() {
            Some(FORMAT) => {}
            other => {
                let other = other.unwrap_or("none");
                return Err(format!("it has format `{other}`, this program reads `{FORMAT}`"));
            }
        }
        let head: Head =
            serde_json::from_slice(&head).map_err(|error| format!("`{HEAD}`: {error}"))?;
        if !head.files.iter().map(|listed| &listed.name).eq(files.keys()) {
            return Err(format!("it does not hold the files that `{HEAD}` names"));
        }
        for Listed { name, blake3, .. } in &head.files {
            if files.get(name).is_none_or(|bytes| ContentHash::of(bytes) != *blake3) {
                return Err(format!("`{name}` has not the hash that it should have"));
            }
        }
        let manifest = files.get(MANIFEST).ok_or(format!("`{MANIFEST}` is not in it"))?;
        let manifest = runs::read_manifest(manifest, &head.run)?;
        Ok(Bundle { place: place.to_string(), head, manifest, files })
    }

    fn scorer(&self) -> Result<Scorer, AppError> {
        Scorer::load(self, self.head.run, &self.manifest, Some(&self.head.stage))
    }

    fn file(&self, name: &str) -> Result<Bytes, AppError> {
        let missing = || unsound(&self.place, &format!("`{name}` is not in it"));
        self.files.get(name).cloned().ok_or_else(missing)
    }
}

impl Objects for Bundle {
    fn table(&self, output: &ManifestOutput) -> Result<Table, AppError> {
        let name = object_name(output);
        let bytes = self.file(&name)?;
        if ContentHash::of(&bytes) != output.hash {
            let why = format!("`{name}` does not hold the bytes of its name");
            return Err(unsound(&self.place, &why));
        }
        Ok(Input::from_bytes(name, bytes).table().map_err(StageError::from)?)
    }

    fn schema(&self, output: &ManifestOutput) -> Result<SchemaRef, AppError> {
        let bytes = self.file(&schema_name(output))?;
        Ok(frame::parquet::read_schema(bytes).map_err(StageError::from)?)
    }
}

fn unsound(place: &str, why: &str) -> AppError {
    let text = format!("`{place}` is no bundle that can be read: {why}");
    AppError::Replay(crate::engine::replay::ReplayError::Unsound(text))
}
