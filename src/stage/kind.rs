//! A kind of stage as the engine sees it: what it takes, what it gives, how it is checked and run.
//! It does not know any particular kind.

use std::collections::BTreeMap;

use arrow::datatypes::SchemaRef;
use serde_json::Value;

use crate::{
    frame::Table,
    stage::{ctx::StageCtx, error::StageError, params::Param, row_by_row::RowByRow},
};

/// Reads one of a recorded stage's other inputs or own outputs, by port.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Result<Table, StageError>;

/// What flows over an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortType {
    /// Rows of anything, in Parquet.
    Table,
    /// An id and numeric features.
    Matrix,
    /// An id, a segment and a confidence.
    Labels,
    /// A fitted transformation.
    Transform,
    /// A fitted clustering.
    Clusterer,
    /// A fitted classifier.
    Classifier,
    /// An HTML page.
    Report,
    /// Parquet of unknown content, from a `command`: may feed any port that reads Parquet, which
    /// checks it when it runs.
    AnyTable,
    /// Bytes that only a `command` understands.
    Opaque,
    /// Whole stages that clustered: their `labels`, `model` and `metrics`.
    Clusterings,
    /// Whole stages that classified: their `model`, `metrics` and the rest.
    Classifications,
}

impl PortType {
    /// Returns true if an output of type `given` may feed an input of this type.
    pub fn accepts(self, given: PortType) -> bool {
        use PortType::*;
        match self {
            _ if self == given => true,
            Table => matches!(given, Matrix | Labels | AnyTable),
            Matrix | Labels | Transform | Clusterer | Classifier => given == AnyTable,
            AnyTable => !matches!(given, Report | Opaque),
            Opaque => true,
            Report | Clusterings | Classifications => false,
        }
    }

    /// Returns the type in a person's words.
    pub fn word(self) -> &'static str {
        match self {
            PortType::Table | PortType::AnyTable => "a table",
            PortType::Matrix => "a matrix",
            PortType::Labels => "labels",
            PortType::Transform => "a fitted transform",
            PortType::Clusterer => "a clustering model",
            PortType::Classifier => "a classifier",
            PortType::Report => "a report",
            PortType::Opaque => "a file",
            PortType::Clusterings => "clustering stages",
            PortType::Classifications => "classifier stages",
        }
    }

    /// Returns true for ports that take several whole stages with all their outputs.
    pub fn takes_stages(self) -> bool {
        matches!(self, PortType::Clusterings | PortType::Classifications)
    }
}

/// A named input.
#[derive(Clone, Copy, Debug)]
pub struct InputPort {
    /// The name that a person writes under `inputs`.
    pub name: &'static str,
    /// What may be connected.
    pub ty: PortType,
    /// Whether it must be connected.
    pub required: bool,
    /// One sentence.
    pub help: &'static str,
}

/// The inputs of a kind.
#[derive(Clone, Copy, Debug)]
pub enum Inputs {
    /// These ports and no others.
    Fixed(&'static [InputPort]),
    /// Any number of ports with free names, each accepting this type.
    Named(PortType),
}

/// A named output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputPort {
    /// The name after the dot in `stage.port`.
    pub name: String,
    /// What it carries.
    pub ty: PortType,
    /// The ending of its file's name: `parquet`, `html`, or what a `command` declares.
    pub ext: String,
}

impl OutputPort {
    /// Makes an output whose file ends as its type says.
    pub fn new(name: &str, ty: PortType) -> OutputPort {
        let ext = match ty {
            PortType::Report => "html",
            PortType::Opaque => "bin",
            _ => "parquet",
        };
        OutputPort { name: name.to_string(), ty, ext: ext.to_string() }
    }
}

/// An output of a kind that always has the same ones.
#[derive(Clone, Copy, Debug)]
pub struct FixedOutput {
    /// The name after the dot in `stage.port`.
    pub name: &'static str,
    /// What it carries.
    pub ty: PortType,
    /// One sentence.
    pub help: &'static str,
}

/// What is known of a stage before anything runs.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Canonical parameters, defaults filled in.
    pub params: Value,
    /// The schema of each connected single input, where it is known already.
    pub inputs: BTreeMap<String, Option<SchemaRef>>,
}

impl Given {
    /// Returns the known schema of an input.
    pub fn schema(&self, port: &str) -> Option<&SchemaRef> {
        self.inputs.get(port).and_then(Option::as_ref)
    }
}

/// What a kind says of a stage before anything runs.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// The schemas of outputs that are known already.
    pub schemas: BTreeMap<String, SchemaRef>,
    /// What is wrong with the parameters.
    pub problems: Vec<Problem>,
    /// What a person should hear of before it runs: columns that will be left out.
    pub notes: Vec<String>,
}

/// Something wrong with a parameter that its shape alone does not show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Keys (and list indices) from `with` down to the culprit: `["columns", "avg_order"]`.
    pub path: Vec<String>,
    /// What is wrong.
    pub message: String,
    /// What to do; may be empty.
    pub help: String,
}

impl Problem {
    /// Makes a problem at a parameter path.
    pub fn new(path: &[&str], message: impl Into<String>, help: impl Into<String>) -> Problem {
        let path = path.iter().map(|s| (*s).to_string()).collect();
        Problem { path, message: message.into(), help: help.into() }
    }
}

/// What a stage reads from outside the pipeline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// Files or glob patterns, relative to the project root.
    pub files: Vec<String>,
    /// False if the files' bytes are not to be kept in the store.
    pub snapshot: bool,
    /// Environment variables whose values count.
    pub env: Vec<String>,
    /// Parameters that say where files lie and not what is in them: they enter neither key nor run id.
    pub not_in_key: &'static [&'static str],
    /// An earlier run that lends artifacts. They arrive behind the files, as files, and count by their hashes.
    pub reference: Option<Reference>,
}

/// What an earlier run lends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The run: a tag, `latest`, or the first digits of its id.
    pub run: String,
    /// The kind of its stage that lends.
    pub kind: &'static str,
    /// What arrived there on these input ports, of those that were connected.
    pub inputs: &'static [&'static str],
    /// What came out there on these ports.
    pub outputs: &'static [&'static str],
}

/// The parameter that names such a run. A kind with a parameter of this name takes `--reference`.
pub const REFERENCE: &str = "reference";

/// A kind of stage. Implementations have no state: everything a stage depends on arrives through its
/// parameters and inputs, and the same arrivals must give the same output bytes.
pub trait Kind: Send + Sync {
    /// Returns the name after `uses:`, such as `cluster.kmeans`.
    fn name(&self) -> &'static str;

    /// Returns the implementation's version; raise it whenever any output's bytes change.
    fn version(&self) -> u32;

    /// Returns one sentence for people.
    fn about(&self) -> &'static str;

    /// Returns the parameters under `with:`.
    fn params(&self) -> &'static [Param];

    /// Returns the inputs.
    fn inputs(&self) -> Inputs;

    /// Returns the outputs that every stage of this kind has.
    fn fixed_outputs(&self) -> &'static [FixedOutput];

    /// Returns the outputs of a stage with these parameters.
    fn outputs(&self, _params: &Value) -> Vec<OutputPort> {
        self.fixed_outputs().iter().map(|o| OutputPort::new(o.name, o.ty)).collect()
    }

    /// Checks what parameter shapes cannot express and tells which output schemas are known already.
    fn check(&self, _given: &Given) -> Checked {
        Checked::default()
    }

    /// Returns what the stage reads from outside the pipeline.
    fn sources(&self, _params: &Value) -> Sources {
        Sources::default()
    }

    /// Returns true for a kind that starts programs: it alone is lent an empty folder, all others are pure functions.
    fn needs_scratch(&self) -> bool {
        false
    }

    /// Returns true for a kind that takes much memory and keeps all threads busy by itself: two of them side by side need twice
    /// the memory and end no sooner, so a run lets them take turns.
    fn takes_turns(&self) -> bool {
        false
    }

    /// Returns which columns of the input `port` are read to compute the `wanted` columns of the main
    /// output; `available` are the columns that input has. The default is all of them.
    fn columns_read(
        &self,
        _params: &Value,
        _port: &str,
        available: &[String],
        _wanted: &[String],
    ) -> Vec<String> {
        available.to_vec()
    }

    /// Returns the input whose rows the stage takes one by one: each row of its main output depends on one row of that
    /// input and on nothing else that differs between one set of rows and another. `None` where rows meet.
    fn row_input(&self) -> Option<&'static str> {
        None
    }

    /// Makes ready to do to new rows of [`Kind::row_input`] what the recorded stage did to its own; `lookup` reads its
    /// other inputs, and outputs that hold what it learnt. `None` where rows meet.
    ///
    /// # Errors
    /// If these cannot be read.
    fn row_by_row(
        &self,
        _params: &Value,
        _lookup: Lookup<'_>,
    ) -> Result<Option<Box<dyn RowByRow>>, StageError> {
        Ok(None)
    }

    /// Does the work: reads inputs, writes every output.
    ///
    /// # Errors
    /// [`StageError`]; nothing that was written counts then.
    fn run(&self, ctx: &mut StageCtx<'_>) -> Result<(), StageError>;
}
