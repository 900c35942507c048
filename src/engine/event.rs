//! What happens during an execution, told to whoever listens. It does not know who that is.

use std::collections::BTreeMap;

use petgraph::graph::NodeIndex;

use crate::{
    base::hash::StageKey,
    engine::plan::Plan,
    stage::{error::StageError, work::Progress},
    store::records::{OutputRecord, Preimage, Reason},
};

/// Something that happened. Events come from several threads, in the order in which they happen.
pub enum Event<'a> {
    /// An instance began to run.
    Started {
        /// Which.
        node: NodeIndex,
        /// Its name.
        name: &'a str,
        /// Moves while it runs.
        progress: Progress,
    },
    /// Another holder of the store is running the same work; this one waits for its outputs.
    Waiting {
        /// The instance's name.
        name: &'a str,
    },
    /// An output of an instance that was found cached is gone or damaged after all and is made again.
    Rebuilding {
        /// The instance's name.
        name: &'a str,
        /// Which outputs.
        reasons: &'a [Reason],
    },
    /// An instance failed and is tried again.
    Retrying {
        /// Its name.
        name: &'a str,
        /// Why it failed.
        error: &'a StageError,
        /// Tries left.
        left: u32,
    },
    /// An instance reached its last state.
    Finished {
        /// What became of it.
        report: &'a Report,
    },
}

/// The last state of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It ran and its outputs are committed.
    Ran,
    /// Its outputs were there already.
    Cached,
    /// It failed; nothing is committed.
    Failed,
    /// It was not started because something above it, or (without `--keep-going`) elsewhere, failed.
    Skipped,
    /// It was stopped, or not started, because the run was interrupted.
    Cancelled,
}

impl State {
    /// All states in the order of the contract.
    pub const ALL: [State; 5] =
        [State::Ran, State::Cached, State::Failed, State::Skipped, State::Cancelled];

    /// Returns the state's name in JSON.
    pub fn word(self) -> &'static str {
        match self {
            State::Ran => "ran",
            State::Cached => "cached",
            State::Failed => "failed",
            State::Skipped => "skipped",
            State::Cancelled => "cancelled",
        }
    }

    /// Returns true if the instance's outputs are in the store.
    pub fn is_done(self) -> bool {
        matches!(self, State::Ran | State::Cached)
    }
}

/// What became of an instance.
#[derive(Debug)]
pub struct Report {
    /// Which.
    pub node: NodeIndex,
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: &'static str,
    /// Its last state.
    pub state: State,
    /// Cached although something above it ran.
    pub early_cutoff: bool,
    /// Cached because another holder of the store ran it meanwhile.
    pub joined: bool,
    /// Something above it, or itself, ran.
    pub moved: bool,
    /// What went into its key, where that was known.
    pub preimage: Option<(StageKey, Preimage)>,
    /// The source files that it reads, as relative paths in order.
    pub files: Vec<String>,
    /// Why it was not cached.
    pub reasons: Vec<Reason>,
    /// Seconds from the execution's beginning to when it was taken up.
    pub at: f64,
    /// Seconds it ran; for a cached one, seconds it took when it ran.
    pub seconds: f64,
    /// What came out, by port.
    pub outputs: BTreeMap<String, OutputRecord>,
    /// What it told a person.
    pub notes: Vec<String>,
    /// Why it failed.
    pub error: Option<StageError>,
}

impl Report {
    /// Returns the report of an instance that was not started.
    pub(super) fn blank(plan: &Plan, node: NodeIndex) -> Report {
        let instance = &plan.graph[node];
        Report {
            node,
            name: instance.name.clone(),
            kind: instance.kind.name(),
            state: State::Skipped,
            early_cutoff: false,
            joined: false,
            moved: false,
            preimage: None,
            files: Vec::new(),
            reasons: Vec::new(),
            at: 0.0,
            seconds: 0.0,
            outputs: BTreeMap::new(),
            notes: Vec::new(),
            error: None,
        }
    }
}
