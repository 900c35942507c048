//! Receipts: what a run found in place, so that the next one that asks the same question only has to look whether it
//! is still there. It does not know how a question is put, nor what the files are.
//!
//! A receipt proves itself: it names every file that its answer rests on (sources, objects, folders of the view) with the
//! state in which that file had the right bytes. Any difference, in any of them, makes it worthless, and the
//! long way is taken. So nobody has to withdraw a receipt, and losing one costs time only.

use std::{
    path::{Path, PathBuf},
    thread,
};

use serde::{Deserialize, Serialize};

use crate::{
    base::hash::{ContentHash, RunId},
    store::{
        Store,
        disk::{Folder, Stat},
        error::StoreError,
        packed::{self, Mark},
    },
};

const MARK: Mark = *b"orcrcpt2";

/// Below this many files one thread looks faster than two.
const PARALLEL_FROM: usize = 4096;

/// The answer to a question that was asked before.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Receipt {
    /// What was asked: a hash over everything that is not a file.
    pub question: ContentHash,
    /// The pipeline's name.
    pub pipeline: String,
    /// The run.
    pub run: RunId,
    /// The pipeline file's text, an object.
    pub yaml: ContentHash,
    /// The names of its instances in plan order, all of them in place.
    pub stages: Vec<String>,
    /// The seconds that they took when they ran.
    pub saved_seconds: f64,
    /// The history entry that tells of each instance.
    pub told_in: String,
    /// What kinds had to say about their parameters: instance and note.
    pub notes: Vec<(String, String)>,
    /// Environment variables that count, and their values.
    pub env: Vec<(String, Option<String>)>,
    /// Patterns of source files, and the relative paths that they meant.
    pub patterns: Vec<(String, Vec<String>)>,
    /// Every file that the answer rests on.
    pub witnesses: Vec<Witness>,
}

/// A file in the state in which it was right.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Witness {
    /// Its path, relative to the folder that holds the store.
    pub path: String,
    /// Whether the state is that of what has the name itself, should it be a link.
    pub itself: bool,
    /// The state.
    pub stat: Stat,
}

impl Store {
    /// Returns the receipt that was left under a name, if it is sound.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn receipt(&self, name: &str) -> Result<Option<Receipt>, StoreError> {
        let bytes = self.disk.read_optional(&self.receipt_path(name))?.unwrap_or_default();
        Ok(packed::unpack(MARK, &bytes))
    }

    /// Leaves a receipt under a name, in place of the one before.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn put_receipt(&self, name: &str, receipt: &Receipt) -> Result<(), StoreError> {
        match packed::pack(MARK, receipt) {
            Some(bytes) => self.write_atomic(&self.receipt_path(name), &bytes),
            None => Ok(()),
        }
    }

    /// Returns true if every witness is in the state that the receipt tells.
    pub fn stands(&self, receipt: &Receipt) -> bool {
        let all = &receipt.witnesses;
        let n_threads = thread::available_parallelism().map_or(1, usize::from);
        if all.len() < PARALLEL_FROM || n_threads == 1 {
            return self.are_as_told(all).unwrap_or(false);
        }
        thread::scope(|scope| {
            let parts = all.chunks(all.len().div_ceil(n_threads));
            let looking: Vec<_> =
                parts.map(|part| scope.spawn(|| self.are_as_told(part).unwrap_or(false))).collect();
            looking.into_iter().all(|part| part.join().unwrap_or(false))
        })
    }

    /// Looks at witnesses in the order of their paths, each from a folder that many of them share.
    fn are_as_told(&self, witnesses: &[Witness]) -> Result<bool, StoreError> {
        let mut held: Option<(&str, Folder<'_>)> = None;
        for witness in witnesses {
            let (above, name) = split(&witness.path);
            if held.as_ref().is_none_or(|(path, _)| *path != above) {
                held = self.disk.folder(self.folder().join(above))?.map(|folder| (above, folder));
            }
            let Some((_, folder)) = &held else { return Ok(false) };
            if folder.stat(name, witness.itself)?.as_ref() != Some(&witness.stat) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns a file as a witness: one that has the bytes of `hash`, or one whose state alone counts. `None` if it is
    /// not there, or its state does not vouch for those bytes.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn witness(
        &self,
        path: &Path,
        hash: Option<&ContentHash>,
    ) -> Result<Option<Witness>, StoreError> {
        let stat = match hash {
            Some(_) => self.disk.stat(path)?,
            None => self.disk.link_stat(path)?,
        };
        let Some(stat) = stat else { return Ok(None) };
        let name = path.strip_prefix(self.folder()).unwrap_or(path).to_string_lossy().into_owned();
        let vouches =
            hash.is_none_or(|h| self.memo.recall(&self.memo_name(path), &stat) == Some(*h));
        Ok(vouches.then_some(Witness { path: name, itself: hash.is_none(), stat }))
    }

    /// Returns true if the bytes are those of a sound receipt.
    pub fn is_receipt(bytes: &[u8]) -> bool {
        packed::unpack::<Receipt>(MARK, bytes).is_some()
    }

    /// Returns the folder that holds the store: the project's.
    pub fn folder(&self) -> PathBuf {
        self.root.parent().map_or_else(PathBuf::new, PathBuf::from)
    }

    fn receipt_path(&self, name: &str) -> PathBuf {
        self.root.join("receipts").join(ContentHash::of(name.as_bytes()).to_hex())
    }
}

/// Splits a path into the folder and the name.
fn split(path: &str) -> (&str, &str) {
    match path.rfind('/') {
        Some(0) => ("/", &path[1..]),
        Some(at) => (&path[..at], &path[at + 1..]),
        None => ("", path),
    }
}
