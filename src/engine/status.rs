//! What a run would do: a state and its reasons for each instance. It reads and never writes.

use std::collections::BTreeMap;

use petgraph::graph::NodeIndex;

use crate::{
    base::hash::StageKey,
    engine::{plan::Plan, reason, settle, source::Origin},
    stage::error::StageError,
    store::{
        Store,
        records::{OutputRecord, PipelineState, Preimage, Reason, ReasonCode},
    },
};

/// The state of an instance before a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Its outputs are there.
    Cached,
    /// It has to run.
    Stale,
    /// Something above it has to run first; it may come out the same.
    Maybe,
    /// A source that it, or something above it, needs is not there.
    Blocked,
}

impl Standing {
    /// All of them in the order of the contract.
    pub const ALL: [Standing; 4] =
        [Standing::Cached, Standing::Stale, Standing::Maybe, Standing::Blocked];

    /// Returns the state's name in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Standing::Cached => "cached",
            Standing::Stale => "stale",
            Standing::Maybe => "maybe",
            Standing::Blocked => "blocked",
        }
    }
}

/// What is known of an instance before a run.
#[derive(Debug)]
pub struct Forecast {
    /// Which.
    pub node: NodeIndex,
    /// Its state.
    pub standing: Standing,
    /// Its key, where it is known.
    pub key: Option<StageKey>,
    /// What goes into it, where it is known.
    pub preimage: Option<Preimage>,
    /// Why it is not cached.
    pub reasons: Vec<Reason>,
    /// Its outputs if it is cached.
    pub outputs: BTreeMap<String, OutputRecord>,
    /// Seconds that it took when it last ran, if that is known.
    pub seconds: Option<f64>,
    /// Why it is blocked.
    pub error: Option<StageError>,
}

/// Returns the state of each of `nodes` (in plan order, with everything above them).
///
/// # Errors
/// If the store cannot be read.
pub fn forecast(
    plan: &Plan,
    store: &Store,
    origin: &Origin<'_>,
    known: &PipelineState,
    nodes: &[NodeIndex],
    force: &dyn Fn(NodeIndex) -> bool,
) -> Result<Vec<Forecast>, StageError> {
    let mut done: BTreeMap<NodeIndex, Forecast> = BTreeMap::new();
    for &node in nodes {
        let forecast = one(plan, store, origin, known, &done, node, force(node))?;
        done.insert(node, forecast);
    }
    Ok(nodes.iter().filter_map(|n| done.remove(n)).collect())
}

fn one(
    plan: &Plan,
    store: &Store,
    origin: &Origin<'_>,
    known: &PipelineState,
    done: &BTreeMap<NodeIndex, Forecast>,
    node: NodeIndex,
    forced: bool,
) -> Result<Forecast, StageError> {
    let instance = &plan.graph[node];
    let mut forecast = Forecast {
        node,
        standing: Standing::Cached,
        key: None,
        preimage: None,
        reasons: Vec::new(),
        outputs: BTreeMap::new(),
        seconds: None,
        error: None,
    };
    let before = known.instances.get(&instance.name);
    if let Some(before) = before {
        forecast.seconds =
            store.key_record(&before.key).map_err(settle::store_error)?.map(|r| r.seconds);
    }
    let due: Vec<&Forecast> = plan
        .givers(node)
        .filter_map(|g| done.get(&g))
        .filter(|f| f.standing != Standing::Cached)
        .collect();
    if let Some(worst) = due.iter().map(|f| f.standing).max() {
        forecast.standing =
            if worst == Standing::Blocked { Standing::Blocked } else { Standing::Maybe };
        forecast.reasons = own_changes(plan, store, origin, known, node);
        let mut names: Vec<&str> = due.iter().map(|f| plan.graph[f.node].name.as_str()).collect();
        names.sort_unstable();
        let upstream = |n: &&str| reason::about(ReasonCode::UpstreamStale, *n);
        forecast.reasons.extend(names.iter().map(upstream));
        return Ok(forecast);
    }
    let above = |n: NodeIndex| done.get(&n).map(|f| f.outputs.clone());
    let ready = match settle::ready(plan, node, &above, origin, store) {
        Ok(ready) => ready,
        Err(error) => {
            forecast.standing = Standing::Blocked;
            forecast.error = Some(error);
            return Ok(forecast);
        }
    };
    forecast.key = Some(ready.key);
    forecast.preimage = Some(ready.preimage.clone());
    let found = match forced {
        true => Err(vec![reason::plain(ReasonCode::Forced)]),
        false => settle::lookup(store, &ready.key).map_err(settle::store_error)?,
    };
    match found {
        Ok(record) => {
            forecast.seconds = Some(record.seconds);
            forecast.outputs = record.outputs;
        }
        Err(reasons) => {
            forecast.standing = Standing::Stale;
            let files: Vec<String> = ready.files.iter().map(|f| f.label.clone()).collect();
            forecast.reasons = match reasons.is_empty() {
                true => reason::compare(before, &ready.preimage, &files, true),
                false => reasons,
            };
            if forecast.reasons.is_empty() {
                forecast.reasons.push(reason::plain(ReasonCode::OutputMissing));
            }
        }
    }
    Ok(forecast)
}

/// Returns in what an instance differs from its newest record, its inputs aside.
fn own_changes(
    plan: &Plan,
    store: &Store,
    origin: &Origin<'_>,
    known: &PipelineState,
    node: NodeIndex,
) -> Vec<Reason> {
    let instance = &plan.graph[node];
    let files = origin.files(instance, store).unwrap_or_default();
    let preimage = Preimage {
        kind: instance.kind.name().to_string(),
        version: instance.kind.version(),
        params: settle::keyed_params(instance),
        inputs: BTreeMap::new(),
        files: files.iter().map(|f| f.hash).collect(),
        env: origin.env(instance),
    };
    let labels: Vec<String> = files.into_iter().map(|f| f.label).collect();
    reason::compare(known.instances.get(&instance.name), &preimage, &labels, false)
}
