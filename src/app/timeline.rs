//! When each stage of a past run was worked on, and which of them kept the run from ending sooner.
//! It does not know how that is shown.

use std::collections::BTreeMap;

use crate::{
    app::{AppError, PastRun, Project},
    engine::event::State,
    store::records::{HistoryEntry, HistoryStage, Manifest},
};

/// A past run with the execution that did its work.
pub struct Timeline {
    /// The run; its entry is that of the execution that the spans tell of.
    pub past: PastRun,
    /// What was worked on, in the order in which it was taken up. Empty if the execution found everything in place, or was
    /// recorded before times were.
    pub spans: Vec<Span>,
}

/// An instance at work.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Its place among the entry's stages.
    pub stage: usize,
    /// Seconds from the execution's beginning.
    pub at: f64,
    /// Seconds it took.
    pub seconds: f64,
    /// Which of the workers it is drawn on, counted from 0: none has two spans at once.
    pub lane: usize,
    /// Whether it is on the longest way: the chain of stages, each of which needed the one before, that took longest.
    pub critical: bool,
}

impl Project {
    /// Returns a run with its newest execution in which something ran; with its newest one if there is none.
    ///
    /// # Errors
    /// If the run is unknown or its records are damaged.
    pub fn timeline(&self, run: &str) -> Result<Timeline, AppError> {
        let mut past = self.past_run(run)?;
        let ran = |e: &HistoryEntry| e.run == Some(past.id) && e.counts.get("ran") > Some(&0);
        for entry in self.store()?.history()? {
            let entry = entry?;
            if ran(&entry) {
                past.entry = entry;
                break;
            }
        }
        let spans = spans(&past.entry.stages, &past.manifest);
        Ok(Timeline { past, spans })
    }
}

fn spans(stages: &[HistoryStage], manifest: &Manifest) -> Vec<Span> {
    let worked =
        |s: &HistoryStage| [State::Ran.word(), State::Failed.word()].contains(&s.state.as_str());
    let span = |(stage, s): (usize, &HistoryStage)| {
        let at = s.at.filter(|_| worked(s))?;
        Some(Span { stage, at, seconds: s.seconds.max(0.0), lane: 0, critical: false })
    };
    let mut spans: Vec<Span> = stages.iter().enumerate().filter_map(span).collect();
    spans.sort_by(|a, b| a.at.total_cmp(&b.at).then(a.stage.cmp(&b.stage)));
    lay(&mut spans);
    let of_stage: BTreeMap<&str, usize> =
        spans.iter().enumerate().map(|(i, s)| (stages[s.stage].stage.as_str(), i)).collect();
    let critical = longest_way(&spans, &of_stage, manifest);
    critical.into_iter().for_each(|i| spans[i].critical = true);
    spans
}

/// Puts each span on the first lane that is free when it begins.
fn lay(spans: &mut [Span]) {
    let mut free_from: Vec<f64> = Vec::new();
    for span in spans {
        let lane = free_from.iter().position(|&end| end <= span.at);
        span.lane = lane.unwrap_or(free_from.len());
        if lane.is_none() {
            free_from.push(0.0);
        }
        free_from[span.lane] = span.at + span.seconds;
    }
}

/// Returns the spans of the chain that took longest. What was found in place takes no time but passes the chain on.
fn longest_way(
    spans: &[Span],
    of_stage: &BTreeMap<&str, usize>,
    manifest: &Manifest,
) -> Vec<usize> {
    // For each instance the seconds of the longest chain that ends with it, and the instance before it.
    let mut ends: BTreeMap<&str, (f64, Option<&str>)> = BTreeMap::new();
    let mut left: Vec<_> = manifest.stages.iter().collect();
    while !left.is_empty() {
        let before = left.len();
        left.retain(|stage| {
            let givers = || {
                stage
                    .edges
                    .iter()
                    .map(|e| e.from.as_str())
                    .chain(stage.needs.iter().map(String::as_str))
            };
            if !givers().all(|giver| ends.contains_key(giver)) {
                return true;
            }
            let longest = givers().max_by(|a, b| ends[a].0.total_cmp(&ends[b].0).then(b.cmp(a)));
            let own = of_stage.get(stage.name.as_str()).map_or(0.0, |&i| spans[i].seconds);
            let above = longest.map_or(0.0, |giver| ends[giver].0);
            ends.insert(&stage.name, (above + own, longest));
            false
        });
        if left.len() == before {
            // Records that somebody made up may lead in a circle.
            return Vec::new();
        }
    }
    let last = ends.iter().max_by(|a, b| a.1.0.total_cmp(&b.1.0).then(b.0.cmp(a.0)));
    let mut at = last.map(|(name, _)| *name);
    let mut way = Vec::new();
    while let Some(name) = at {
        way.extend(of_stage.get(name));
        at = ends[name].1;
    }
    way
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_that_overlap_lie_on_different_lanes() {
        let span = |at, seconds| Span { stage: 0, at, seconds, lane: 9, critical: false };
        let mut spans = vec![span(0.0, 2.0), span(0.5, 1.0), span(1.5, 1.0), span(2.0, 1.0)];
        lay(&mut spans);
        assert_eq!(spans.iter().map(|s| s.lane).collect::<Vec<_>>(), [0, 1, 1, 0]);
    }
}
