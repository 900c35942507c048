//! What the store remembers about stages and runs, as data with a format version each.
//! It does not know where the records lie, nor how a key is computed from its pre-image.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::hash::{ContentHash, RunId, StageKey};

/// Everything that determines a stage's outputs: the pre-image of its key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preimage {
    /// The kind.
    pub kind: String,
    /// The kind's implementation version.
    pub version: u32,
    /// Canonical parameters without those that only say where files lie.
    pub params: Value,
    /// Input hashes by key name (`table`, `candidates/kmeans/k=4.labels`).
    pub inputs: BTreeMap<String, ContentHash>,
    /// Hashes of source files in the order of their sorted relative paths.
    pub files: Vec<ContentHash>,
    /// Declared environment variables.
    pub env: BTreeMap<String, String>,
}

/// An output that was committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputRecord {
    /// The hash of its bytes.
    pub hash: ContentHash,
    /// Its size.
    pub bytes: u64,
    /// Its rows, if it is a table.
    pub rows: Option<u64>,
    /// The ending of its name.
    pub ext: String,
}

/// What a key stands for: the commit point of a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRecord {
    /// Version of this record's format.
    pub format: u32,
    /// The key.
    pub key: StageKey,
    /// What went into it.
    pub preimage: Preimage,
    /// What came out, by port.
    pub outputs: BTreeMap<String, OutputRecord>,
    /// The source files of which the store kept the bytes when the stage ran.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub raw: Vec<ContentHash>,
    /// How long it took, for "what the cache saved". Not content: it is in no hash.
    pub seconds: f64,
    /// What the stage told a person.
    pub notes: Vec<String>,
}

/// A run: what was computed from what. Its id is the BLAKE3 of its canonical JSON, so it holds no time, no host
/// and no thread count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this record's format.
    pub format: u32,
    /// The pipeline's name.
    pub pipeline: String,
    /// Its parameters after profile and overrides.
    pub params: BTreeMap<String, Value>,
    /// Its stage instances, sorted by name.
    pub stages: Vec<ManifestStage>,
}

/// A stage instance of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestStage {
    /// The instance's name.
    pub name: String,
    /// The stage's name.
    pub stage: String,
    /// Matrix values, ordered by axis name.
    pub axes: Vec<(String, Value)>,
    /// The key.
    pub key: StageKey,
    /// What went into it.
    pub preimage: Preimage,
    /// Whose outputs arrived where.
    pub edges: Vec<ManifestEdge>,
    /// Instances that had to succeed before.
    pub needs: Vec<String>,
    /// What came out, by port.
    pub outputs: BTreeMap<String, ManifestOutput>,
}

/// One output arriving at one input port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestEdge {
    /// The taker's port.
    pub port: String,
    /// Whether the port takes whole stages.
    pub whole_stage: bool,
    /// The giver's instance name.
    pub from: String,
    /// The giver's output.
    pub output: String,
}

/// An output in a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestOutput {
    /// The hash of its bytes.
    pub hash: ContentHash,
    /// The ending of its name.
    pub ext: String,
}

/// One execution: who ran what, when, how long, and what became of it. Not hashed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryEntry {
    /// Version of this record's format.
    pub format: u32,
    /// The run's id, if every stage that was asked for succeeded.
    pub run: Option<RunId>,
    /// The pipeline's name.
    pub pipeline: String,
    /// The pipeline file, relative to the project root.
    pub file: String,
    /// The pipeline file's text, an object.
    pub yaml: ContentHash,
    /// What was asked for with `--target`; empty for everything.
    pub targets: Vec<String>,
    /// When it began, RFC 3339 in UTC.
    pub started: String,
    /// Wall seconds.
    pub seconds: f64,
    /// The host's name.
    pub host: String,
    /// How many threads it had.
    pub threads: usize,
    /// This program's version.
    pub program: String,
    /// How many instances ended in each state.
    pub counts: BTreeMap<String, u64>,
    /// What became of each instance, in plan order.
    pub stages: Vec<HistoryStage>,
    /// The entry that tells of the instances, where this execution found all of them in place and tells of none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_in: Option<String>,
    /// Shows that this store wrote the entry; `identity.rs` adds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<ContentHash>,
}

impl HistoryEntry {
    /// Returns a copy without the instances, of which there may be many thousand.
    pub fn head(&self) -> HistoryEntry {
        HistoryEntry {
            format: self.format,
            run: self.run,
            pipeline: self.pipeline.clone(),
            file: self.file.clone(),
            yaml: self.yaml,
            targets: self.targets.clone(),
            started: self.started.clone(),
            seconds: self.seconds,
            host: self.host.clone(),
            threads: self.threads,
            program: self.program.clone(),
            counts: self.counts.clone(),
            stages: Vec::new(),
            told_in: self.told_in.clone(),
            mark: self.mark,
        }
    }
}

/// What became of one instance in one execution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryStage {
    /// The instance's name.
    pub stage: String,
    /// Its kind.
    pub kind: String,
    /// `ran`, `cached`, `failed`, `skipped` or `cancelled`.
    pub state: String,
    /// Cached although something upstream ran.
    pub early_cutoff: bool,
    /// Its key, where it was known.
    pub key: Option<StageKey>,
    /// Why it was not cached.
    pub reasons: Vec<Reason>,
    /// Seconds from the execution's beginning to when it was taken up; entries of before do not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<f64>,
    /// Seconds it ran.
    pub seconds: f64,
    /// What came out.
    pub outputs: BTreeMap<String, OutputRecord>,
    /// The source files that it read, as relative paths in order.
    pub files: Vec<String>,
    /// What it told a person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Why it failed.
    pub error: Option<String>,
}

impl HistoryStage {
    /// Returns what an execution says of the same instance that found it in place.
    pub fn found_again(self) -> HistoryStage {
        HistoryStage {
            state: "cached".to_string(),
            early_cutoff: false,
            at: None,
            reasons: Vec::new(),
            error: None,
            ..self
        }
    }
}

/// Why an instance is not cached: a code, what it concerns, and the values before and now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// One of the codes of the command line's contract.
    pub code: ReasonCode,
    /// The parameter, input, file, variable, output or stage that it concerns.
    pub name: Option<String>,
    /// The value before.
    pub old: Value,
    /// The value now.
    pub new: Value,
}

/// Why an instance is not cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReasonCode {
    /// No record of this instance.
    NeverRun,
    /// A parameter differs.
    ParamChanged,
    /// An input's bytes differ.
    InputChanged,
    /// A source file's bytes differ.
    FileChanged,
    /// It is another kind, or another version of it.
    KindChanged,
    /// A command line differs.
    CommandChanged,
    /// A declared environment variable differs.
    EnvChanged,
    /// An output's object is gone.
    OutputMissing,
    /// An output's object does not hold the bytes of its name.
    OutputCorrupt,
    /// It was asked for with `--force`.
    Forced,
    /// Something above it has to run first.
    UpstreamStale,
}

/// The newest record of each instance of a pipeline, for telling why something is not cached.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipelineState {
    /// Version of this record's format.
    pub format: u32,
    /// By instance name.
    pub instances: BTreeMap<String, InstanceState>,
}

/// The newest record of an instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceState {
    /// Its key.
    pub key: StageKey,
    /// What went into it.
    pub preimage: Preimage,
    /// Its source files, parallel to the pre-image's hashes.
    pub files: Vec<String>,
}
