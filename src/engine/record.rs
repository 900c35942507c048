//! From what became of the instances to records: the manifest of the run, the state of the pipeline, the history.
//! It does not write them.

use std::collections::BTreeMap;

use crate::{
    engine::{
        event::{Report, State},
        plan::Plan,
    },
    store::{
        FORMAT,
        records::{
            HistoryStage, InstanceState, Manifest, ManifestEdge, ManifestOutput, ManifestStage,
            PipelineState,
        },
    },
};

/// Returns the manifest, if every instance that was asked for is done.
pub fn manifest(plan: &Plan, reports: &[Report]) -> Option<Manifest> {
    let mut stages: Vec<ManifestStage> =
        reports.iter().map(|r| manifest_stage(plan, r)).collect::<Option<_>>()?;
    stages.sort_by(|a, b| a.name.cmp(&b.name));
    Some(Manifest {
        format: FORMAT,
        pipeline: plan.pipeline.clone(),
        params: plan.params.clone(),
        stages,
    })
}

fn manifest_stage(plan: &Plan, report: &Report) -> Option<ManifestStage> {
    let instance = &plan.graph[report.node];
    let (key, preimage) = report.preimage.clone().filter(|_| report.state.is_done())?;
    let edge = |e: &crate::engine::plan::Edge| ManifestEdge {
        port: e.port.clone(),
        whole_stage: e.candidate.is_some(),
        from: plan.graph[e.from].name.clone(),
        output: e.output.clone(),
    };
    let mut needs: Vec<String> =
        instance.needs.iter().map(|&n| plan.graph[n].name.clone()).collect();
    needs.sort();
    Some(ManifestStage {
        name: instance.name.clone(),
        stage: instance.stage.clone(),
        axes: instance.axes.clone(),
        key,
        preimage,
        edges: sorted(instance.inputs.iter().map(edge).collect()),
        needs,
        outputs: report
            .outputs
            .iter()
            .map(|(port, o)| (port.clone(), ManifestOutput { hash: o.hash, ext: o.ext.clone() }))
            .collect(),
    })
}

/// Orders edges by what they are, not by where the giver stands in the file.
fn sorted(mut edges: Vec<ManifestEdge>) -> Vec<ManifestEdge> {
    edges.sort_by(|a, b| (&a.port, &a.from, &a.output).cmp(&(&b.port, &b.from, &b.output)));
    edges
}

/// Puts the newest record of every instance that is done now into `state`; returns true if that changed anything.
pub fn renew(state: &mut PipelineState, reports: &[Report]) -> bool {
    let mut is_new = state.format != FORMAT;
    state.format = FORMAT;
    for report in reports.iter().filter(|r| r.state.is_done()) {
        let Some((key, preimage)) = &report.preimage else { continue };
        let is_known = state
            .instances
            .get(&report.name)
            .is_some_and(|i| i.key == *key && i.preimage == *preimage && i.files == report.files);
        if !is_known {
            let (key, preimage, files) = (*key, preimage.clone(), report.files.clone());
            state.instances.insert(report.name.clone(), InstanceState { key, preimage, files });
            is_new = true;
        }
    }
    is_new
}

/// Returns the history's lines about the instances.
pub fn history(reports: &[Report]) -> Vec<HistoryStage> {
    let stage = |r: &Report| HistoryStage {
        stage: r.name.clone(),
        kind: r.kind.to_string(),
        state: r.state.word().to_string(),
        early_cutoff: r.early_cutoff,
        key: r.preimage.as_ref().map(|(key, _)| *key),
        reasons: r.reasons.clone(),
        at: Some(r.at),
        seconds: r.seconds,
        outputs: r.outputs.clone(),
        files: r.files.clone(),
        notes: r.notes.clone(),
        error: r.error.as_ref().map(ToString::to_string),
    };
    reports.iter().map(stage).collect()
}

/// Returns how many instances ended in each state.
pub fn counts(reports: &[Report]) -> BTreeMap<String, u64> {
    let mut counts: BTreeMap<String, u64> =
        State::ALL.iter().map(|s| (s.word().to_string(), 0)).collect();
    for report in reports {
        *counts.entry(report.state.word().to_string()).or_default() += 1;
    }
    counts
}
