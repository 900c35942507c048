//! From a run's manifest back to a plan, so that it can be executed again without its pipeline file.
//! It does not execute anything.

use std::collections::{BTreeMap, HashMap};

use petgraph::graph::{DiGraph, NodeIndex};
use serde_json::Value;

use crate::{
    base::node::Node,
    engine::plan::{self, Catalog, Edge, Instance, Plan},
    stage::{
        kind::{Given, Kind, Problem},
        params::{self, Default as ParamDefault, Fault},
    },
    store::records::{Manifest, ManifestStage},
};

/// Why a manifest cannot be executed by this program.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A kind is unknown or has another implementation version.
    #[error(
        "stage `{stage}` ran `{kind}` version {recorded}, this program has {present}; use the release that made the run"
    )]
    Version {
        /// The instance.
        stage: String,
        /// Its kind.
        kind: String,
        /// The version that ran.
        recorded: u32,
        /// The version here, or `none`.
        present: String,
    },
    /// The manifest contradicts itself.
    #[error("the manifest of the run is not sound: {0}")]
    Unsound(String),
}

/// Rebuilds the plan of a run.
///
/// # Errors
/// If this program lacks a kind's version, or the manifest is not sound.
pub fn plan(manifest: &Manifest, catalog: Catalog) -> Result<Plan, ReplayError> {
    let index: HashMap<&str, NodeIndex> = manifest
        .stages
        .iter()
        .enumerate()
        .map(|(i, stage)| (stage.name.as_str(), NodeIndex::new(i)))
        .collect();
    let mut graph = DiGraph::new();
    for stage in &manifest.stages {
        graph.add_node(instance(stage, catalog, &index)?);
    }
    plan::connect(&mut graph);
    let order = plan::order(&graph);
    if order.len() < graph.node_count() {
        return Err(ReplayError::Unsound("its stages form a circle".to_string()));
    }
    let params = manifest.params.clone();
    Ok(Plan { pipeline: manifest.pipeline.clone(), params, graph, order, notes: Vec::new() })
}

fn instance(
    stage: &ManifestStage,
    catalog: Catalog,
    index: &HashMap<&str, NodeIndex>,
) -> Result<Instance, ReplayError> {
    let recorded = &stage.preimage;
    let found = catalog.iter().copied().find(|k| k.name() == recorded.kind);
    let kind =
        found.filter(|k| k.version() == recorded.version).ok_or_else(|| ReplayError::Version {
            stage: stage.name.clone(),
            kind: recorded.kind.clone(),
            recorded: recorded.version,
            present: found.map_or("none".to_string(), |k| format!("version {}", k.version())),
        })?;
    let params = complete(kind, &recorded.params).map_err(|fault| {
        ReplayError::Unsound(format!("stage `{}`: {}", stage.name, fault.message))
    })?;
    let find = |name: &String| {
        index
            .get(name.as_str())
            .copied()
            .ok_or_else(|| ReplayError::Unsound(format!("it lacks stage `{name}`")))
    };
    let mut inputs = Vec::new();
    for edge in &stage.edges {
        inputs.push(Edge {
            port: edge.port.clone(),
            candidate: edge.whole_stage.then(|| edge.from.clone()),
            output: edge.output.clone(),
            from: find(&edge.from)?,
        });
    }
    inputs.sort();
    check(kind, stage, &params)?;
    Ok(Instance {
        name: stage.name.clone(),
        stage: stage.stage.clone(),
        axes: stage.axes.clone(),
        kind,
        sources: kind.sources(&params),
        outputs: kind.outputs(&params),
        params,
        inputs,
        needs: stage.needs.iter().map(find).collect::<Result<_, _>>()?,
        timeout: None,
        retries: 0,
    })
}

/// Lets the kind check what parameter shapes cannot express, as it does when a pipeline is compiled: that a command
/// writes inside its folder, for one. Where files lie was not recorded, and is not asked about.
fn check(kind: &dyn Kind, stage: &ManifestStage, params: &Value) -> Result<(), ReplayError> {
    let inputs = stage.edges.iter().map(|e| (e.port.clone(), None)).collect();
    let checked = kind.check(&Given { params: params.clone(), inputs });
    let forgotten = kind.sources(params).not_in_key;
    let counts =
        |p: &&Problem| p.path.first().is_none_or(|first| !forgotten.contains(&first.as_str()));
    match checked.problems.iter().find(counts) {
        None => Ok(()),
        Some(problem) => {
            Err(ReplayError::Unsound(format!("stage `{}`: {}", stage.name, problem.message)))
        }
    }
}

/// Puts back the parameters that are in no key, such as `path`, with values that mean nothing: files come from
/// the record. Recorded parameters are checked as written ones are, because a record may have been tampered with.
fn complete(kind: &dyn Kind, recorded: &Value) -> Result<Value, Fault> {
    let mut written = recorded.clone();
    let object = written
        .as_object_mut()
        .ok_or_else(|| Fault::new(Default::default(), "its parameters are not a mapping", ""))?;
    for param in kind.params() {
        let absent = match param.default {
            ParamDefault::Required => Value::String(String::new()),
            ParamDefault::Absent => Value::Null,
            ParamDefault::Json(text) => serde_json::from_str(text).unwrap_or_default(),
        };
        object.entry(param.name).or_insert(absent);
    }
    let mut faults = Vec::new();
    let value = params::check(kind.params(), &Node::from_json(&written), &mut faults);
    match faults.into_iter().next() {
        Some(fault) => Err(fault),
        None => Ok(value),
    }
}

/// Returns the source files of every instance: relative paths from `labels` (by instance; `file-0`, ... where they
/// were not recorded) and hashes from the manifest.
pub fn files(
    manifest: &Manifest,
    labels: &BTreeMap<String, Vec<String>>,
) -> BTreeMap<String, Vec<(String, crate::base::hash::ContentHash)>> {
    let of_stage = |stage: &ManifestStage| {
        let known = labels.get(&stage.name);
        let label =
            |i: usize| known.and_then(|l| l.get(i)).cloned().unwrap_or_else(|| format!("file-{i}"));
        stage.preimage.files.iter().enumerate().map(|(i, hash)| (label(i), *hash)).collect()
    };
    manifest.stages.iter().map(|stage| (stage.name.clone(), of_stage(stage))).collect()
}

/// Returns the recorded environment variables of every instance.
pub fn env(manifest: &Manifest) -> BTreeMap<String, BTreeMap<String, String>> {
    manifest.stages.iter().map(|s| (s.name.clone(), s.preimage.env.clone())).collect()
}
