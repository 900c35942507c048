//! A past run as recorded: its manifest, its plan, what it read. Shared by everything that looks back.
//! It does not execute anything.

use std::collections::BTreeMap;

use petgraph::graph::NodeIndex;

use crate::{
    app::{AppError, Project},
    base::{
        hash::{ContentHash, RunId},
        names,
    },
    engine::{plan::Plan, replay, source::Origin},
    kinds,
    store::{
        Store,
        records::{HistoryEntry, Manifest},
    },
};

/// A past run.
pub struct Recorded {
    /// Its id.
    pub id: RunId,
    /// What was computed from what.
    pub manifest: Manifest,
    /// The newest execution of it that is known; one on this store before any other.
    pub entry: Option<HistoryEntry>,
    /// Whether the entry is this store's own, and not one that was copied here.
    is_own: bool,
    files: BTreeMap<String, Vec<(String, ContentHash)>>,
    env: BTreeMap<String, BTreeMap<String, String>>,
}

impl Project {
    /// Finds the run that a person means and reads what was recorded of it.
    ///
    /// # Errors
    /// If it is unknown or its manifest is damaged.
    pub fn recorded(&self, store: &Store, wanted: &str) -> Result<Recorded, AppError> {
        let id = store.find_run(wanted)?;
        let manifest = store.manifest(&id)?;
        let (entry, is_own) = match store.newest_entry(&id)? {
            Some((entry, is_own)) => (Some(entry), is_own),
            None => (None, false),
        };
        let labels: BTreeMap<String, Vec<String>> = entry
            .iter()
            .flat_map(|e| e.stages.iter().map(|s| (s.stage.clone(), labels(&s.files, is_own))))
            .collect();
        let files = replay::files(&manifest, &labels);
        let env = replay::env(&manifest);
        Ok(Recorded { id, manifest, entry, is_own, files, env })
    }
}

/// Returns the paths of a stage's sources. A person's own may lie anywhere; those of a run that was copied here must not
/// make this program look outside the project.
fn labels(files: &[String], is_own: bool) -> Vec<String> {
    match is_own || files.iter().all(|f| names::stays_inside(f)) {
        true => files.to_vec(),
        false => Vec::new(),
    }
}

impl Recorded {
    /// Rebuilds the run's plan.
    ///
    /// # Errors
    /// If this program lacks a kind's version.
    pub fn plan(&self) -> Result<Plan, AppError> {
        replay::plan(&self.manifest, kinds::ALL).map_err(AppError::Replay)
    }

    /// Checks that executing `nodes` of the run's plan starts no program that nobody here has asked for.
    ///
    /// # Errors
    /// If there are commands among them, the run was not recorded by this store, and they are not allowed.
    pub fn check_commands(
        &self,
        plan: &Plan,
        nodes: &[NodeIndex],
        allowed: bool,
    ) -> Result<(), AppError> {
        if allowed || self.is_own {
            return Ok(());
        }
        let commands: Vec<&str> = nodes
            .iter()
            .map(|&n| &plan.graph[n])
            .filter(|i| i.kind.needs_scratch())
            .map(|i| i.name.as_str())
            .collect();
        if commands.is_empty() {
            return Ok(());
        }
        let id = self.id.short();
        Err(AppError::Usage(format!(
            "run {id} was not recorded by this store, and executing it starts programs ({}); read what they are in \
             `artifacts/runs/{}.json`, then say --allow-commands",
            commands.join(", "),
            self.id
        )))
    }

    /// Returns true if the pipeline file of an entry may be written to where the entry says: inside the project, and for
    /// a run that was copied here only where pipelines lie.
    pub fn may_put_back(&self, entry: &HistoryEntry) -> bool {
        let is_pipeline = entry.file.starts_with("pipelines/")
            && (entry.file.ends_with(".yaml") || entry.file.ends_with(".yml"));
        names::stays_inside(&entry.file) && (self.is_own || is_pipeline)
    }

    /// Returns where the run's sources come from.
    pub fn origin<'a>(&'a self, store: &'a Store, project: &'a Project) -> Origin<'a> {
        Origin::Recorded { files: &self.files, store, root: project.root(), env: &self.env }
    }

    /// Returns the source files that the run read: relative paths and hashes.
    pub fn sources(&self) -> impl Iterator<Item = (&str, &ContentHash)> {
        self.files.values().flatten().map(|(label, hash)| (label.as_str(), hash))
    }

    /// Returns the recorded stage instance called `name`.
    pub fn stage(&self, name: &str) -> Option<&crate::store::records::ManifestStage> {
        self.manifest.stages.iter().find(|s| s.name == name)
    }
}
