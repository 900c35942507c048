//! One instance at a time: what its key is, whether its outputs are there, and running it if not.
//! It does not know in which order instances come.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use petgraph::graph::NodeIndex;
use serde_json::json;

use crate::{
    base::{
        canon,
        hash::{ContentHash, StageKey},
        pool::Pool,
    },
    engine::{
        event::Event,
        key,
        plan::{Edge, Instance, Plan},
        reason,
        source::{Origin, SourceFile},
    },
    stage::{
        ctx::{Arrivals, Candidate, Input, Outputs, StageCtx},
        error::StageError,
        scratch::Scratch,
        shared::Shared,
        work::{Cancel, Progress, Work},
    },
    store::{
        FORMAT, Store,
        disk::Disk,
        error::StoreError,
        lease::PATIENCE,
        objects::{Health, ObjectWriter, RAW},
        records::{KeyRecord, OutputRecord, Preimage, Reason, ReasonCode},
    },
};

/// The committed outputs of instances above, by node.
pub type Above<'a> = dyn Fn(NodeIndex) -> Option<BTreeMap<String, OutputRecord>> + 'a;

/// What is known of an instance once everything above it is done.
pub struct Ready {
    /// Its key.
    pub key: StageKey,
    /// What went into the key.
    pub preimage: Preimage,
    /// Its source files.
    pub files: Vec<SourceFile>,
}

/// Works out the key of an instance.
///
/// # Errors
/// If a source is missing or changes while it is read.
pub fn ready(
    plan: &Plan,
    node: NodeIndex,
    above: &Above<'_>,
    origin: &Origin<'_>,
    store: &Store,
) -> Result<Ready, StageError> {
    let instance = &plan.graph[node];
    let files = origin.files(instance, store)?;
    let mut inputs = BTreeMap::new();
    for edge in &instance.inputs {
        let outputs = above(edge.from)
            .ok_or_else(|| StageError::Internal(format!("`{}` is not done", edge.key_name())))?;
        if let Some(record) = outputs.get(&edge.output) {
            inputs.insert(edge.key_name(), record.hash);
        }
        if let Some(name) = edge.candidate_key_name() {
            inputs.entry(name).or_insert_with(|| description(&plan.graph[edge.from]));
        }
    }
    let preimage = Preimage {
        kind: instance.kind.name().to_string(),
        version: instance.kind.version(),
        params: keyed_params(instance),
        inputs,
        files: files.iter().map(|f| f.hash).collect(),
        env: origin.env(instance),
    };
    Ok(Ready { key: key::key(&preimage), preimage, files })
}

/// Returns the hash of what a port that takes whole stages is told of a stage beside its outputs.
fn description(instance: &Instance) -> ContentHash {
    let told = json!({ "kind": instance.kind.name(), "params": keyed_params(instance) });
    ContentHash::of(canon::to_string(&told).as_bytes())
}

/// Returns the parameters without those that only say where files lie.
pub fn keyed_params(instance: &Instance) -> serde_json::Value {
    let mut params = instance.params.clone();
    if let Some(object) = params.as_object_mut() {
        object.retain(|name, _| !instance.sources.not_in_key.contains(&name.as_str()));
    }
    params
}

/// Looks an instance up in the store.
///
/// # Errors
/// If the medium refuses.
pub fn lookup(store: &Store, key: &StageKey) -> Result<Result<KeyRecord, Vec<Reason>>, StoreError> {
    let Some(record) = store.key_record(key)? else { return Ok(Err(Vec::new())) };
    let mut reasons = Vec::new();
    for (port, output) in &record.outputs {
        let code = match store.health(&output.hash, &output.ext)? {
            Health::Sound => continue,
            Health::Missing => ReasonCode::OutputMissing,
            Health::Corrupt => ReasonCode::OutputCorrupt,
        };
        reasons.push(reason::about(code, port));
    }
    Ok(if reasons.is_empty() { Ok(record) } else { Err(reasons) })
}

/// What running an instance needs beside the instance itself.
pub struct Runner<'a> {
    /// The plan it belongs to.
    pub plan: &'a Plan,
    /// Where outputs go.
    pub store: &'a Store,
    /// Where source files come from.
    pub origin: &'a Origin<'a>,
    /// Shared threads.
    pub pool: &'a Pool,
    /// Raised when the execution is interrupted.
    pub cancel: &'a Cancel,
    /// What several stages compute alike.
    pub shared: &'a Shared,
    /// Who listens.
    pub events: &'a (dyn Fn(Event<'_>) + Sync),
}

impl Runner<'_> {
    /// Runs an instance, again if it fails and may, and commits its outputs and then its key record.
    ///
    /// # Errors
    /// Whatever the last try failed with; nothing is committed then.
    pub fn run(
        &self,
        node: NodeIndex,
        ready: &Ready,
        above: &Above<'_>,
    ) -> Result<KeyRecord, StageError> {
        let instance = &self.plan.graph[node];
        let progress = Progress::default();
        (self.events)(Event::Started { node, name: &instance.name, progress: progress.clone() });
        let mut left = instance.retries;
        loop {
            match self.try_once(node, ready, above, &progress) {
                Err(error)
                    if left > 0
                        && !matches!(error, StageError::Cancelled)
                        && !error.is_refusal() =>
                {
                    (self.events)(Event::Retrying { name: &instance.name, error: &error, left });
                    left -= 1;
                }
                other => return other,
            }
        }
    }

    fn try_once(
        &self,
        node: NodeIndex,
        ready: &Ready,
        above: &Above<'_>,
        progress: &Progress,
    ) -> Result<KeyRecord, StageError> {
        let instance = &self.plan.graph[node];
        let timeout = instance.timeout.map(Duration::from_secs_f64);
        let cancel = self.cancel.child(timeout);
        progress.reset();
        let started = Instant::now();
        let work = Work {
            progress: progress.clone(),
            shared: self.shared.clone(),
            ..Work::new(self.pool.clone(), cancel.clone())
        };
        let scratch = self.scratch(instance)?;
        let lent = scratch.as_ref().map(|folder| &folder.0);
        let arrivals = self.arrivals(instance, ready, above, lent)?;
        let mut outputs = StoreOutputs::new(self.store, instance);
        let result = catch_unwind(AssertUnwindSafe(|| {
            instance.kind.run(&mut StageCtx::new(&work, &instance.params, &arrivals, &mut outputs))
        }));
        drop(scratch);
        match result {
            Ok(Err(StageError::Cancelled)) if !self.cancel.is_cancelled() && cancel.is_late() => {
                let limit = instance.timeout.unwrap_or_default();
                return Err(StageError::Data(format!("stopped after its timeout of {limit} s")));
            }
            Ok(result) => result?,
            Err(panic) => return Err(StageError::Internal(panic_text(panic.as_ref()))),
        }
        for file in &ready.files {
            file.check_unchanged(self.store)?;
        }
        let (outputs, notes) = outputs.commit(instance)?;
        let mut raw = Vec::new();
        for file in &ready.files {
            raw.extend(self.store.has_object(&file.hash, RAW)?.then_some(file.hash));
        }
        let record = KeyRecord {
            format: FORMAT,
            key: ready.key,
            preimage: ready.preimage.clone(),
            outputs,
            raw,
            seconds: started.elapsed().as_secs_f64(),
            notes,
        };
        self.store.put_key_record(&record).map_err(store_error)?;
        Ok(record)
    }

    fn scratch(&self, instance: &Instance) -> Result<Option<Lent<'_>>, StageError> {
        if !instance.kind.needs_scratch() {
            return Ok(None);
        }
        let disk = self.store.disk();
        Ok(Some(Lent(Scratch::new(&self.store.scratch("command")?, disk.clone())?, disk)))
    }

    fn arrivals(
        &self,
        instance: &Instance,
        ready: &Ready,
        above: &Above<'_>,
        scratch: Option<&Scratch>,
    ) -> Result<Arrivals, StageError> {
        let mut arrivals = Arrivals { scratch: scratch.cloned(), ..Arrivals::default() };
        for edge in &instance.inputs {
            let giver = &self.plan.graph[edge.from];
            let records = above(edge.from).unwrap_or_default();
            let Some(record) = records.get(&edge.output) else { continue };
            let input = self.object_input(edge, record, above)?;
            match &edge.candidate {
                None => {
                    arrivals.single.insert(edge.port.clone(), input);
                }
                Some(name) => {
                    let list = arrivals.candidates.entry(edge.port.clone()).or_default();
                    if list.last().is_none_or(|c| c.name != *name) {
                        list.push(Candidate {
                            name: name.clone(),
                            kind: giver.kind.name().to_string(),
                            params: keyed_params(giver),
                            ports: BTreeMap::new(),
                        });
                    }
                    if let Some(candidate) = list.last_mut() {
                        candidate.ports.insert(edge.output.clone(), input);
                    }
                }
            }
        }
        arrivals.files =
            ready.files.iter().map(|f| f.input(self.store)).collect::<Result<_, _>>()?;
        arrivals.env = ready.preimage.env.clone();
        Ok(arrivals)
    }

    /// Makes an input of an object after checking its bytes against its name. If they are gone or damaged although
    /// the giver was found cached, the giver runs again first.
    fn object_input(
        &self,
        edge: &Edge,
        record: &OutputRecord,
        above: &Above<'_>,
    ) -> Result<Input, StageError> {
        let path = self.store.object_path(&record.hash, &record.ext);
        let label = format!("{}.{}", self.plan.graph[edge.from].name, edge.output);
        let health = || self.store.health(&record.hash, &record.ext).map_err(store_error);
        if health()? != Health::Sound {
            self.rebuild(edge.from, above)?;
            if health()? != Health::Sound {
                return Err(StageError::Data(format!(
                    "its input `{label}` (`{}`) was gone or damaged and did not come out the same again",
                    path.display()
                )));
            }
        }
        let disk = self.store.disk().clone();
        let open = move || disk.open(&path).map_err(StoreError::into_io);
        Ok(Input::from_file(label, record.hash, open))
    }

    /// Runs an instance again that was found cached, and whatever above it turns out to be gone as well.
    fn rebuild(&self, node: NodeIndex, above: &Above<'_>) -> Result<(), StageError> {
        let ready = ready(self.plan, node, above, self.origin, self.store)?;
        let _lease = loop {
            match self.store.try_lease(&ready.key).map_err(store_error)? {
                Some(lease) => break lease,
                None if self.cancel.is_cancelled() => return Err(StageError::Cancelled),
                None => std::thread::sleep(PATIENCE),
            }
        };
        if let Err(reasons) = lookup(self.store, &ready.key).map_err(store_error)? {
            (self.events)(Event::Rebuilding {
                name: &self.plan.graph[node].name,
                reasons: &reasons,
            });
            self.try_once(node, &ready, above, &Progress::default())?;
        }
        Ok(())
    }
}

/// A folder that is lent to one try of an instance. Dropped, it is removed.
struct Lent<'a>(Scratch, &'a Disk);

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        // Nothing refers to it, and gc sweeps `tmp`: a failure here is no reason to give up what came of it.
        let _ = self.1.remove_dir_all(self.0.path());
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_string());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic".to_string())
}

/// Turns a store's error into a stage's.
pub fn store_error(error: StoreError) -> StageError {
    StageError::Store(error)
}

/// Sinks that hash on the way into the store.
struct StoreOutputs<'a> {
    store: &'a Store,
    ports: Vec<(String, String)>,
    writers: BTreeMap<String, ObjectWriter>,
    rows: BTreeMap<String, u64>,
    notes: Vec<String>,
}

impl<'a> StoreOutputs<'a> {
    fn new(store: &'a Store, instance: &Instance) -> StoreOutputs<'a> {
        let ports = instance.outputs.iter().map(|o| (o.name.clone(), o.ext.clone())).collect();
        StoreOutputs {
            store,
            ports,
            writers: BTreeMap::new(),
            rows: BTreeMap::new(),
            notes: vec![],
        }
    }

    /// Commits all outputs; if one is missing, none.
    fn commit(
        mut self,
        instance: &Instance,
    ) -> Result<(BTreeMap<String, OutputRecord>, Vec<String>), StageError> {
        let mut staged = Vec::new();
        for (port, ext) in std::mem::take(&mut self.ports) {
            let writer = self.writers.remove(&port).ok_or_else(|| {
                StageError::Internal(format!("`{}` did not write `{port}`", instance.kind.name()))
            })?;
            staged.push((port, ext, writer.finish().map_err(store_error)?));
        }
        let mut records = BTreeMap::new();
        for (port, ext, staged) in staged {
            let (hash, bytes) = self.store.commit(staged, &ext).map_err(store_error)?;
            let rows = self.rows.get(&port).copied();
            records.insert(port, OutputRecord { hash, bytes, rows, ext });
        }
        Ok((records, std::mem::take(&mut self.notes)))
    }
}

impl Outputs for StoreOutputs<'_> {
    fn open(&mut self, port: &str) -> io::Result<Box<dyn Write + Send + '_>> {
        if !self.ports.iter().any(|(name, _)| name == port) {
            return Err(io::Error::other(format!("there is no output `{port}`")));
        }
        // What was written before is removed first: the medium may have no room for both.
        drop(self.writers.remove(port));
        let writer = self.store.begin_object().map_err(StoreError::into_io)?;
        Ok(Box::new(self.writers.entry(port.to_string()).or_insert(writer)))
    }

    fn set_rows(&mut self, port: &str, rows: u64) {
        self.rows.insert(port.to_string(), rows);
    }

    fn note(&mut self, text: String) {
        self.notes.push(text);
    }
}
