//! `fsck`: has the store read, has the bad moved aside, and rebuilds by executing stages of recorded runs again.
//! It does not know how this is told.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use petgraph::graph::NodeIndex;

use crate::{
    app::{AppError, Project, recorded::Recorded},
    base::{
        hash::{ContentHash, RunId},
        pool::Pool,
    },
    engine::{
        event::{Event, Report, State},
        exec::{self, Options},
        key,
        plan::Plan,
    },
    kinds,
    stage::{error::StageError, work::Cancel},
    store::{
        Store,
        fsck::{Audit, Checks, Fate, Handled, Harm},
        objects::RAW,
        records::PipelineState,
    },
};

/// What came of checking a store.
pub struct Checkup {
    /// What was read and what is wrong.
    pub audit: Audit,
    /// What was done about it, if that was asked for and needed.
    pub repair: Option<Repair>,
}

/// What was done about the findings.
pub struct Repair {
    /// One a finding.
    pub handled: Vec<Handled>,
    /// Instances that were executed again, each with the run that it belongs to.
    pub executed: Vec<(RunId, String)>,
    /// What is gone.
    pub lost: Vec<Loss>,
}

/// Something that could not be rebuilt.
pub struct Loss {
    /// The file, relative to the store's folder.
    pub path: PathBuf,
    /// What it was to the recorded runs.
    pub touches: Vec<String>,
    /// Why it could not be rebuilt.
    pub why: String,
}

impl Checkup {
    /// Returns true if the store is sound, or was made so without a loss.
    pub fn is_sound(&self) -> bool {
        match &self.repair {
            Some(repair) => repair.lost.is_empty(),
            None => self.audit.is_sound(),
        }
    }
}

impl Project {
    /// Reads everything in the store and tells what is wrong.
    ///
    /// # Errors
    /// If a newer program wrote it, or it cannot be read at all.
    pub fn fsck(&self, jobs: usize, cancel: &Cancel) -> Result<Checkup, AppError> {
        let mut store = self.store_for_repair()?;
        store.hold_for_reading();
        let audit = with_checks(jobs, cancel, |checks| Ok(store.audit(checks)?))?;
        if audit.stopped {
            return Err(AppError::Stage(StageError::Cancelled));
        }
        Ok(Checkup { audit, repair: None })
    }

    /// The same, and then moves the bad aside and rebuilds what can be rebuilt. `waiting` is called once if others
    /// hold the store.
    ///
    /// # Errors
    /// As [`Project::fsck`], and if the medium refuses.
    pub fn repair(
        &self,
        jobs: usize,
        cancel: &Cancel,
        waiting: &dyn Fn(),
        events: &(dyn Fn(&Plan, Event<'_>) + Sync),
    ) -> Result<Checkup, AppError> {
        if !self.root().join("artifacts").exists() {
            return Ok(Checkup { audit: Audit::default(), repair: None });
        }
        let mut store = self.store_alone(cancel, waiting)?;
        let (audit, handled) = with_checks(jobs, cancel, |checks| {
            let audit = store.audit(checks)?;
            if audit.stopped {
                return Err(AppError::Stage(StageError::Cancelled));
            }
            let handled = store.set_right(&audit, checks)?;
            Ok((audit, handled))
        })?;
        if audit.is_sound() {
            return Ok(Checkup { audit, repair: None });
        }
        store.share()?;
        let mut rebuilding = Rebuilding {
            project: self,
            store: &store,
            jobs,
            cancel,
            events,
            executed: Vec::new(),
            reasons: BTreeMap::new(),
        };
        rebuilding.all()?;
        if cancel.is_cancelled() {
            return Err(AppError::Stage(StageError::Cancelled));
        }
        let (executed, reasons) = (rebuilding.executed, rebuilding.reasons);
        let after = with_checks(jobs, cancel, |checks| Ok(store.audit(checks)?))?;
        let lost = losses(&store, &audit, &handled, &after, &reasons);
        store.write_off(&after.findings)?;
        store.save_memo()?;
        Ok(Checkup { audit, repair: Some(Repair { handled, executed, lost }) })
    }
}

fn with_checks<T>(
    jobs: usize,
    cancel: &Cancel,
    work: impl FnOnce(&Checks<'_>) -> Result<T, AppError>,
) -> Result<T, AppError> {
    let checks = Checks {
        key_of: &key::key,
        schema: &kinds::schema::file_bytes(),
        pool: &Pool::new(jobs),
        stop: &|| cancel.is_cancelled(),
    };
    work(&checks)
}

/// Executing again what recorded runs had.
struct Rebuilding<'a> {
    project: &'a Project,
    store: &'a Store,
    jobs: usize,
    cancel: &'a Cancel,
    events: &'a (dyn Fn(&Plan, Event<'_>) + Sync),
    executed: Vec<(RunId, String)>,
    /// Why something is still missing, by its path.
    reasons: BTreeMap<PathBuf, String>,
}

impl Rebuilding<'_> {
    /// Rebuilds the recorded runs, the newest first.
    fn all(&mut self) -> Result<(), AppError> {
        let mut done = BTreeSet::new();
        let newest = self.store.history()?.filter_map(|told| told.map(|e| e.run).transpose());
        let newest = newest.collect::<Result<Vec<_>, _>>()?;
        for id in newest.into_iter().chain(self.store.run_ids()?) {
            if done.insert(id) && !self.cancel.is_cancelled() {
                // A run whose manifest is lost has nothing to rebuild from.
                if let Ok(recorded) = self.project.recorded(self.store, &id.to_hex()) {
                    self.run(&recorded)?;
                }
            }
        }
        Ok(())
    }

    fn run(&mut self, recorded: &Recorded) -> Result<(), AppError> {
        self.sources(recorded)?;
        let missing = self.missing(recorded)?;
        if missing.is_empty() {
            return Ok(());
        }
        let reports = self.execute(recorded, &missing);
        for (stage, path) in &missing {
            if self.store.root().join(path).exists() {
                continue;
            }
            let why = match &reports {
                Err(error) => error.to_string(),
                Ok(reports) => reason(reports, stage),
            };
            self.reasons.insert(path.clone(), why);
        }
        Ok(())
    }

    /// Keeps source files and the pipeline's text again that are still in the project.
    fn sources(&self, recorded: &Recorded) -> Result<(), AppError> {
        for (label, hash) in recorded.sources() {
            let record =
                recorded.manifest.stages.iter().filter(|s| s.preimage.files.contains(hash));
            let mut was_kept = false;
            for stage in record {
                let known = self.store.key_record(&stage.key)?;
                was_kept |= known.is_none_or(|record| record.raw.contains(hash));
            }
            if was_kept && !self.store.object_path(hash, RAW).exists() {
                // Another content there now is what the final check reports.
                let _ = self.store.snapshot(&self.project.root().join(label), hash);
            }
        }
        if let Some(entry) = &recorded.entry
            && !self.store.object_path(&entry.yaml, "yaml").exists()
            && let Ok(bytes) = fs::read(self.project.root().join(&entry.file))
            && ContentHash::of(&bytes) == entry.yaml
        {
            self.store.put(&bytes, "yaml")?;
        }
        Ok(())
    }

    /// Returns what the run had and is not there, by instance, without what was dropped on purpose.
    fn missing(&self, recorded: &Recorded) -> Result<Vec<(String, PathBuf)>, AppError> {
        let mut missing = Vec::new();
        for stage in &recorded.manifest.stages {
            let retired = self.store.retired(&stage.key)?;
            if retired.is_none() && self.store.key_record(&stage.key)?.is_none() {
                missing.push((stage.name.clone(), self.store.key_file(&stage.key)));
            }
            for output in stage.outputs.values() {
                let path = self.store.object_path(&output.hash, &output.ext);
                let is_dropped = retired
                    .as_ref()
                    .is_some_and(|r| r.outputs.values().any(|o| o.hash == output.hash));
                if !is_dropped && !path.exists() {
                    let path = path.strip_prefix(self.store.root()).unwrap_or(&path);
                    missing.push((stage.name.clone(), path.to_path_buf()));
                }
            }
        }
        Ok(missing)
    }

    fn execute(
        &mut self,
        recorded: &Recorded,
        missing: &[(String, PathBuf)],
    ) -> Result<Vec<Report>, AppError> {
        let plan = recorded.plan()?;
        let wanted: BTreeSet<&str> = missing.iter().map(|(stage, _)| stage.as_str()).collect();
        let is_wanted = |n: &NodeIndex| wanted.contains(plan.graph[*n].name.as_str());
        let targets: Vec<NodeIndex> = plan.order.iter().copied().filter(is_wanted).collect();
        recorded.check_commands(&plan, &plan.with_upstream(&targets), false)?;
        let options = Options {
            jobs: self.jobs,
            targets: Some(targets),
            keep_going: true,
            update_latest: false,
            ..Options::default()
        };
        let origin = recorded.origin(self.store, self.project);
        let known = PipelineState::default();
        let reports =
            exec::execute(&plan, self.store, &origin, &known, &options, self.cancel, &|event| {
                (self.events)(&plan, event);
            });
        let ran = reports.iter().filter(|r| r.state == State::Ran);
        self.executed.extend(ran.map(|r| (recorded.id, r.name.clone())));
        Ok(reports)
    }
}

fn reason(reports: &[Report], stage: &str) -> String {
    let Some(report) = reports.iter().find(|r| r.name == stage) else {
        return "it was not executed".to_string();
    };
    match (&report.error, report.state) {
        (Some(error), _) => error.to_string(),
        (None, State::Ran | State::Cached) => format!("`{stage}` came out otherwise this time"),
        (None, _) => format!("`{stage}` needs what is lost as well"),
    }
}

/// Tells what is gone: what is still missed after everything was tried, and what nothing else could bring back.
fn losses(
    store: &Store,
    audit: &Audit,
    handled: &[Handled],
    after: &Audit,
    reasons: &BTreeMap<PathBuf, String>,
) -> Vec<Loss> {
    let mut lost: BTreeMap<PathBuf, Loss> = BTreeMap::new();
    let mut add = |path: &Path, touches: &[String], why: String| {
        let loss = Loss { path: path.to_path_buf(), touches: touches.to_vec(), why };
        lost.entry(path.to_path_buf()).or_insert(loss);
    };
    // A link that leads nowhere is no loss beside the object that it led to.
    for finding in after.findings.iter().filter(|f| !f.path.starts_with("latest")) {
        let why = match reasons.get(&finding.path) {
            Some(why) => why.clone(),
            None => unrebuildable(&finding.path, &finding.harm),
        };
        let before = audit.findings.iter().find(|f| f.path == finding.path);
        let touches = before.map_or(&finding.touches, |f| &f.touches);
        add(&finding.path, touches, why);
    }
    for one in handled.iter().filter(|h| h.fate == Fate::Open && h.aside.is_some()) {
        let place = one.finding.path.components().next().map(|c| c.as_os_str().to_owned());
        let is_unique = place.is_some_and(|p| p == "history" || p == "tags" || p == "store-id");
        let is_own = one.finding.harm != Harm::Stray;
        if is_unique && is_own && !store.root().join(&one.finding.path).exists() {
            let why = unrebuildable(&one.finding.path, &one.finding.harm);
            add(&one.finding.path, &one.finding.touches, why);
        }
    }
    lost.into_values().collect()
}

fn unrebuildable(path: &Path, harm: &Harm) -> String {
    let place = path.components().next().and_then(|c| c.as_os_str().to_str()).unwrap_or_default();
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    let why = match (place, ending) {
        _ if *harm == Harm::NoEntry => {
            "who ran it and when is gone; the same pipeline on the same data records it anew, gc drops it otherwise"
        }
        ("objects", RAW) => "the source has changed since, and this was its only copy",
        ("objects", "yaml") => "the pipeline file has changed since",
        ("objects", _) => "no recorded run says how it was made",
        ("runs", _) => {
            "what was computed from what is written nowhere else; the same pipeline on the same data records it anew"
        }
        ("history", _) => "who ran what and when is written nowhere else",
        ("tags", _) => {
            "which run it named is written nowhere else; `orchestrate tag` gives the name again"
        }
        ("store-id", _) => {
            "the store has a new identity now; its older runs count as copied from elsewhere"
        }
        _ => "it could not be put right",
    };
    why.to_string()
}
