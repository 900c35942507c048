//! The short way through `run` and `status`: the same question as last time, and everything that the answer rested on
//! still as it was. Nothing is compiled, no record is read; it costs what looking at the files costs.
//! It does not know how the answer is shown.
//!
//! The question is the pipeline's text, profile and `--set`, and the program itself. What the answer rests on, beyond
//! that, is in the receipt: environment variables, what patterns of source files mean, and the state of every source
//! file, object and folder of links. If any of it differs the long way is taken, so the short one can never say anything
//! else.

use std::{
    collections::BTreeMap,
    os::unix::fs::MetadataExt,
    path::Path,
    time::{Instant, SystemTime},
};

use crate::{
    app::{
        AppError, Outcome, PipelineFile, Project,
        run::{host, timestamp},
    },
    base::hash::{ContentHash, FieldHasher, RunId},
    engine::{
        event::{Report, State},
        plan::Overrides,
        source,
    },
    store::{
        FORMAT, Store,
        disk::now_ns,
        error::StoreError,
        receipt::{Receipt, Witness},
        records::{HistoryEntry, HistoryStage},
    },
};

/// A run of which everything is in place.
pub struct Unchanged {
    /// The pipeline's name.
    pub pipeline: String,
    /// The run.
    pub run: RunId,
    /// The seconds that they took when they ran.
    pub saved_seconds: f64,
    /// Wall seconds that it took to find out.
    pub seconds: f64,
    file: PipelineFile,
    receipt: Receipt,
    store: Store,
}

impl Project {
    /// Returns the run that the pipeline called `name` would come to, if everything of it is in place and that can be
    /// told without compiling. `None` says nothing.
    ///
    /// # Errors
    /// If the pipeline cannot be read, or the store.
    pub fn unchanged(
        &self,
        name: Option<&str>,
        overrides: &Overrides,
    ) -> Result<Option<Unchanged>, AppError> {
        let started = Instant::now();
        // What a run's name means is looked up the long way.
        if overrides.reference.is_some() {
            return Ok(None);
        }
        let file = self.pipeline(name)?;
        let store = self.store()?;
        let Some(receipt) = store.receipt(&file.label)? else { return Ok(None) };
        let stands = receipt.question == question(&file, overrides, &store)?
            && receipt.env.iter().all(|(name, value)| std::env::var(name).ok() == *value)
            && receipt.patterns.iter().all(|(pattern, labels)| {
                source::matches(pattern, self.root(), store.disk()).is_ok_and(|now| now == *labels)
            })
            && store.stands(&receipt);
        Ok(stands.then(|| Unchanged {
            pipeline: receipt.pipeline.clone(),
            run: receipt.run,
            saved_seconds: receipt.saved_seconds,
            seconds: started.elapsed().as_secs_f64(),
            file,
            receipt,
            store,
        }))
    }

    /// Notes an execution that found everything in place.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn note_unchanged(&self, unchanged: &Unchanged, jobs: usize) -> Result<(), AppError> {
        let store = self.store_for_writing()?;
        let counts = State::ALL.iter().map(|s| (s.word().to_string(), 0));
        let mut counts: BTreeMap<String, u64> = counts.collect();
        counts.insert(State::Cached.word().to_string(), unchanged.n_stages());
        store.put_history(HistoryEntry {
            format: FORMAT,
            run: Some(unchanged.run),
            pipeline: unchanged.pipeline.clone(),
            file: unchanged.file.label.clone(),
            yaml: unchanged.receipt.yaml,
            targets: Vec::new(),
            started: timestamp(SystemTime::now()),
            seconds: unchanged.seconds,
            host: host(),
            threads: jobs,
            program: env!("CARGO_PKG_VERSION").to_string(),
            counts,
            stages: Vec::new(),
            told_in: Some(unchanged.receipt.told_in.clone()),
            mark: None,
        })?;
        Ok(())
    }

    /// Leaves a receipt of a run of which everything is in place now, for the next one that asks the same.
    pub(super) fn leave_receipt(
        &self,
        store: &Store,
        outcome: &Outcome,
        overrides: &Overrides,
        yaml: &ContentHash,
        told_in: String,
    ) -> Result<(), AppError> {
        let Some(run) = outcome.run else { return Ok(()) };
        // A tag may move: what it means now is no witness of what it means then.
        if outcome.plan.graph.node_weights().any(|i| i.sources.reference.is_some()) {
            return Ok(());
        }
        let Some(witnesses) = self.witnesses(store, outcome, yaml, &told_in)? else {
            return Ok(());
        };
        let instances = || outcome.plan.graph.node_weights();
        let mut env: Vec<(String, Option<String>)> = instances()
            .flat_map(|i| i.sources.env.iter())
            .map(|name| (name.clone(), std::env::var(name).ok()))
            .collect();
        env.sort();
        env.dedup();
        let mut patterns: Vec<&String> = instances()
            .flat_map(|i| i.sources.files.iter())
            .filter(|p| source::is_pattern(p))
            .collect();
        patterns.sort();
        patterns.dedup();
        let expand =
            |p: &String| Some((p.clone(), source::matches(p, self.root(), store.disk()).ok()?));
        let Some(patterns) = patterns.into_iter().map(expand).collect() else { return Ok(()) };
        let receipt = Receipt {
            question: question(&outcome.file, overrides, store)?,
            pipeline: outcome.plan.pipeline.clone(),
            run,
            yaml: *yaml,
            stages: outcome.reports.iter().map(|r| r.name.clone()).collect(),
            saved_seconds: outcome.reports.iter().map(|r| r.seconds).sum(),
            told_in,
            notes: outcome.plan.notes.clone(),
            env,
            patterns,
            witnesses,
        };
        Ok(store.put_receipt(&outcome.file.label, &receipt)?)
    }

    /// Returns every file that the outcome rests on; `None` if one of them is not known to be right in its present
    /// state, because it changed a moment ago or since it was read.
    fn witnesses(
        &self,
        store: &Store,
        outcome: &Outcome,
        yaml: &ContentHash,
        told_in: &str,
    ) -> Result<Option<Vec<Witness>>, StoreError> {
        let mut seen = Seen { store, witnesses: Vec::new() };
        let history = store.history_path(told_in);
        if !seen.file(&store.object_path(yaml, "yaml"), Some(yaml))?
            || !seen.file(&history, None)?
        {
            return Ok(None);
        }
        for report in &outcome.reports {
            let hashes = report.preimage.iter().flat_map(|(_, p)| &p.files);
            for (label, hash) in report.files.iter().zip(hashes) {
                if !seen.file(&self.root().join(label), Some(hash))? {
                    return Ok(None);
                }
            }
            for output in report.outputs.values() {
                let (hash, ext) = (&output.hash, &output.ext);
                if !seen.file(&store.object_path(hash, ext), Some(hash))? {
                    return Ok(None);
                }
            }
            if !seen.view(&outcome.plan.pipeline, report)? {
                return Ok(None);
            }
        }
        let mut witnesses = seen.witnesses;
        witnesses.sort_by(|a, b| a.path.cmp(&b.path));
        witnesses.dedup();
        Ok(Some(witnesses))
    }
}

/// What an outcome was seen to rest on.
struct Seen<'a> {
    store: &'a Store,
    witnesses: Vec<Witness>,
}

impl Seen<'_> {
    /// Takes a file as a witness; returns false if it cannot be one.
    fn file(&mut self, path: &Path, hash: Option<&ContentHash>) -> Result<bool, StoreError> {
        let witness = self.store.witness(path, hash)?;
        let is_known = witness.is_some();
        self.witnesses.extend(witness);
        Ok(is_known)
    }

    /// Takes witnesses of what the view shows of an instance; returns false if that is not its outputs.
    ///
    /// A link cannot change without a change of the folder that it lies in, so one look is enough however many outputs
    /// there are, unless the folder changed a moment ago and could do so again without a trace. The links are read after
    /// their state was taken, since another run may be at them.
    fn view(&mut self, pipeline: &str, report: &Report) -> Result<bool, StoreError> {
        let folder = self.store.witness(&self.store.view_folder(pipeline, &report.name)?, None)?;
        let Some(folder) = folder else { return Ok(false) };
        let is_settled = folder.stat.is_settled(now_ns());
        if is_settled {
            self.witnesses.push(folder);
        }
        for (port, output) in &report.outputs {
            let (hash, ext) = (&output.hash, &output.ext);
            let link = self.store.link_path(pipeline, &report.name, port, ext)?;
            if (!is_settled && !self.file(&link, None)?)
                || !self.store.shows(pipeline, &report.name, port, hash, ext)?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Unchanged {
    /// Returns the names of its instances in plan order.
    pub fn names(&self) -> &[String] {
        &self.receipt.stages
    }

    /// Returns how many instances it has.
    pub fn n_stages(&self) -> u64 {
        self.receipt.stages.len() as u64
    }

    /// Returns what kinds had to say about their parameters: instance and note.
    pub fn notes(&self) -> &[(String, String)] {
        &self.receipt.notes
    }

    /// Returns what is to be told of each instance.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn stages(&self) -> Result<Vec<HistoryStage>, AppError> {
        let told = self.store.told(&self.receipt.told_in)?.unwrap_or_default();
        Ok(told.into_iter().map(HistoryStage::found_again).collect())
    }

    /// Returns the store in which everything is in place.
    pub fn store(&self) -> &Store {
        &self.store
    }
}

/// Returns the hash of everything that is asked and is not a file: the pipeline's text, profile and `--set`, and the
/// program, which another build may compile otherwise. It is a question to this store: a receipt that was copied here must
/// not lead to a history entry under our own mark.
fn question(
    file: &PipelineFile,
    overrides: &Overrides,
    store: &Store,
) -> Result<ContentHash, StoreError> {
    let mut hasher = FieldHasher::new("orchestrate 2026 question");
    if let Some(identity) = store.identity()? {
        hasher.field(identity.salt("orchestrate 2026 receipt").as_bytes());
    }
    hasher.field(file.text.as_bytes());
    hasher.field(overrides.profile.as_deref().unwrap_or_default().as_bytes());
    hasher.field(&[u8::from(overrides.profile.is_some())]);
    hasher.field(&(overrides.set.len() as u64).to_le_bytes());
    for (name, value) in &overrides.set {
        hasher.field(name.as_bytes()).field(value.as_bytes());
    }
    hasher.field(env!("CARGO_PKG_VERSION").as_bytes());
    if let Ok(program) = std::env::current_exe().and_then(std::fs::metadata) {
        for number in
            [program.size(), program.mtime() as u64, program.mtime_nsec() as u64, program.ino()]
        {
            hasher.field(&number.to_le_bytes());
        }
    }
    Ok(ContentHash::from_digest(hasher.finish()))
}
