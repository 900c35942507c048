//! Past runs: found, listed, named. It does not know how they are shown.

use std::collections::BTreeMap;

use crate::{
    app::{AppError, Project},
    base::{hash::RunId, names},
    store::{
        Store,
        error::StoreError,
        records::{HistoryEntry, Manifest},
    },
};

/// A run and its newest execution.
#[derive(Clone, Debug)]
pub struct PastRun {
    /// Its id.
    pub id: RunId,
    /// What was computed from what.
    pub manifest: Manifest,
    /// Its newest execution.
    pub entry: HistoryEntry,
    /// Its names.
    pub tags: Vec<String>,
}

/// An execution and the names of its run.
pub struct Logged {
    /// The execution.
    pub entry: HistoryEntry,
    /// The names of its run.
    pub tags: Vec<String>,
}

/// A run that was given a name.
pub struct Tagged {
    /// The run.
    pub id: RunId,
    /// The run that had the name before, if another one had.
    pub before: Option<RunId>,
}

impl Project {
    /// Returns the executions, newest first, at most `n`.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn log(&self, n: Option<usize>) -> Result<Vec<Logged>, AppError> {
        let store = self.store()?;
        let tags = store.tags()?;
        let entries = store.history()?.take(n.unwrap_or(usize::MAX));
        let logged = |entry: HistoryEntry| Logged { tags: names_of(&tags, entry.run), entry };
        Ok(entries.map(|told| told.map(logged)).collect::<Result<_, _>>()?)
    }

    /// Returns the newest execution of a pipeline, if it is among the `n` newest of all.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn last_execution(
        &self,
        pipeline: &str,
        n: usize,
    ) -> Result<Option<HistoryEntry>, AppError> {
        for entry in self.store()?.history()?.take(n) {
            let entry = entry?;
            if entry.pipeline == pipeline {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// Returns a run: a tag, `latest`, `latest~2`, or the first digits of its id.
    ///
    /// # Errors
    /// If none or several are meant, or its records are damaged.
    pub fn past_run(&self, text: &str) -> Result<PastRun, AppError> {
        let store = self.store()?;
        let id = store.find_run(text)?;
        past_run(&store, id)
    }

    /// Gives a run a name.
    ///
    /// # Errors
    /// If the name could mean something else, or the run is unknown.
    pub fn tag(&self, run: &str, name: &str) -> Result<Tagged, AppError> {
        check_tag(name).map_err(AppError::Usage)?;
        let store = self.store()?;
        let id = store.find_run(run)?;
        let before = store.tags()?.remove(name).filter(|other| *other != id);
        self.store_for_writing()?.put_tag(name, &id)?;
        Ok(Tagged { id, before })
    }

    /// Takes a name away and returns the run that had it, which stays.
    ///
    /// # Errors
    /// If no run has that name.
    pub fn untag(&self, name: &str) -> Result<RunId, AppError> {
        let tags = self.store()?.tags()?;
        let Some(id) = tags.get(name) else {
            let mut help = names::suggestion(name, tags.keys().map(String::as_str));
            if help.is_empty() {
                help = "`orchestrate log` lists them".to_string();
            }
            return Err(AppError::Usage(format!("no run has the tag `{name}`; {help}")));
        };
        self.store_for_writing()?.remove_tag(name)?;
        Ok(*id)
    }
}

fn past_run(store: &Store, id: RunId) -> Result<PastRun, AppError> {
    let manifest = store.manifest(&id)?;
    let (entry, _) = store.newest_entry(&id)?.ok_or_else(|| {
        StoreError::damaged(
            store.root().join("history"),
            format!("has no readable entry of run {id}"),
        )
    })?;
    Ok(PastRun { id, manifest, entry, tags: names_of(&store.tags()?, Some(id)) })
}

fn names_of(tags: &BTreeMap<String, RunId>, id: Option<RunId>) -> Vec<String> {
    tags.iter().filter(|(_, tagged)| Some(**tagged) == id).map(|(name, _)| name.clone()).collect()
}

/// Checks that a name can only be meant as a tag.
fn check_tag(name: &str) -> Result<(), String> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let is_prefix = name.len() >= 4 && name.bytes().all(|b| b.is_ascii_hexdigit());
    let why = match name {
        "" => "it is empty",
        _ if !name.bytes().all(allowed) => "a tag is made of A-Z, a-z, 0-9, `.`, `_` and `-`",
        _ if name.starts_with(['.', '-']) => "it begins with a dot or a dash",
        _ if name.starts_with("latest") => "`latest` means the newest run",
        _ if is_prefix => "it could be the first digits of a run's id",
        _ if name.len() > 200 => "it is too long",
        _ => return Ok(()),
    };
    Err(format!("`{name}` cannot be a tag: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_cannot_be_mistaken_for_anything_else() {
        for name in ["v1", "prod", "2026-11_final.2", "abc", "facade1x"] {
            assert_eq!(check_tag(name), Ok(()), "{name}");
        }
        for name in ["", "..", "-x", "a/b", "a b", "latest", "latest~1", "latest-x", "dead", "1234"]
        {
            assert!(check_tag(name).is_err(), "{name}");
        }
    }
}
