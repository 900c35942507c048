//! What a run would take: seconds and bytes of each instance as told by past executions, the longest way through
//! them, and the wall time with so many at work. It does not know why an instance is due, and reads nothing.
//!
//! An instance is expected to take what it took when it last ran; if it never did, the median of instances of its
//! kind whose inputs had about as many rows; else nobody knows. An instance that may come out the same is counted
//! as if it ran, so the sum is an upper bound; what has to run for certain is told apart.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use petgraph::graph::NodeIndex;

use crate::{
    engine::{
        plan::Plan,
        status::{Forecast, Standing},
    },
    store::{
        error::StoreError,
        records::{HistoryEntry, HistoryStage, OutputRecord},
        runs::Told,
    },
};

/// By how much rows may differ and still be about as many.
const SIMILAR: f64 = 2.0;

/// How many executions that ran something are looked at, newest first, and how many instances in all: older ones tell
/// of other data and another machine.
const MAX_ENTRIES: usize = 200;
const MAX_INSTANCES: usize = 100_000;

/// What a run would take.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlook {
    /// One an instance, parallel to the forecasts.
    pub stages: Vec<Expected>,
    /// How many may be at work at once.
    pub jobs: usize,
    /// Wall seconds if everything that is due runs.
    pub seconds: f64,
    /// Wall seconds if everything that may come out the same does.
    pub least_seconds: f64,
    /// The seconds of all that is due, one after another.
    pub work_seconds: f64,
    /// Bytes that would be written if everything that is due runs.
    pub bytes: u64,
    /// How many instances are due of which nothing is known.
    pub n_unknown: usize,
}

/// What one instance would take.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// Seconds; 0 if it need not run, `None` if nobody knows or it cannot.
    pub seconds: Option<f64>,
    /// Bytes of its outputs; 0 if it need not run, `None` if nobody knows or it cannot.
    pub bytes: Option<u64>,
    /// Whether the longest way leads through it.
    pub critical: bool,
    /// Who says so.
    pub basis: Basis,
}

/// Where an expectation comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// It need not run.
    Cached,
    /// Its own last execution.
    Itself,
    /// So many executions of others of its kind.
    Alike(usize),
    /// Nothing.
    Unknown,
    /// It cannot run.
    Blocked,
}

/// An execution of one instance.
#[derive(Clone, Copy)]
struct Sample {
    seconds: f64,
    bytes: u64,
    rows_in: Option<u64>,
    rows_out: Option<u64>,
}

/// What past executions tell.
struct Past {
    own: HashMap<String, (String, Sample)>,
    by_kind: HashMap<String, Vec<Sample>>,
}

/// Tells what running what is due among `forecasts` would take, by the history (newest first).
///
/// # Errors
/// If the history cannot be read.
pub fn outlook(
    plan: &Plan,
    forecasts: &[Forecast],
    history: impl Iterator<Item = Told<HistoryEntry>>,
    jobs: usize,
) -> Result<Outlook, StoreError> {
    // What found everything in place tells of no instance, however often that was.
    let tells = |told: &Told<HistoryEntry>| told.as_ref().map_or(true, |e| !e.stages.is_empty());
    let past = Past::new(plan, history.filter(tells).take(MAX_ENTRIES))?;
    let mut stages = Vec::with_capacity(forecasts.len());
    let mut rows: HashMap<NodeIndex, Option<u64>> = HashMap::new();
    for forecast in forecasts {
        let above = plan.givers(forecast.node).filter_map(|g| rows.get(&g).copied().flatten());
        let rows_in = above.max();
        let (expected, rows_out) = past.expect(plan, forecast, rows_in);
        rows.insert(forecast.node, rows_out);
        stages.push(expected);
    }
    let seconds: Vec<f64> = stages.iter().map(|s| s.seconds.unwrap_or(0.0)).collect();
    let ways = Ways::new(plan, forecasts);
    let certain: Vec<f64> = forecasts
        .iter()
        .zip(&seconds)
        .map(|(f, &s)| if f.standing == Standing::Stale { s } else { 0.0 })
        .collect();
    let due = |f: &&Forecast| matches!(f.standing, Standing::Stale | Standing::Maybe);
    if seconds.iter().any(|&s| s > 0.0) {
        for i in ways.longest(&seconds) {
            stages[i].critical = due(&&forecasts[i]);
        }
    }
    Ok(Outlook {
        jobs,
        seconds: ways.wall(&seconds, jobs),
        least_seconds: ways.wall(&certain, jobs),
        work_seconds: seconds.iter().sum(),
        bytes: stages.iter().filter_map(|s| s.bytes).sum(),
        n_unknown: stages.iter().filter(|s| s.basis == Basis::Unknown).count(),
        stages,
    })
}

impl Past {
    fn new(
        plan: &Plan,
        history: impl Iterator<Item = Told<HistoryEntry>>,
    ) -> Result<Past, StoreError> {
        let by_name: HashMap<&str, NodeIndex> =
            plan.graph.node_indices().map(|n| (plan.graph[n].name.as_str(), n)).collect();
        let mut past = Past { own: HashMap::new(), by_kind: HashMap::new() };
        let mut n_seen = 0;
        for entry in history {
            let entry = entry?;
            n_seen += entry.stages.len();
            if n_seen > MAX_INSTANCES && !past.own.is_empty() {
                break;
            }
            let is_own = entry.pipeline == plan.pipeline;
            let stages: HashMap<&str, &HistoryStage> =
                entry.stages.iter().map(|s| (s.stage.as_str(), s)).collect();
            for stage in entry.stages.iter().filter(|s| s.state == "ran") {
                let node = by_name.get(stage.stage.as_str()).filter(|_| is_own);
                let sample = sample(plan, stage, node.copied(), &stages);
                if is_own {
                    let own = || (stage.kind.clone(), sample);
                    past.own.entry(stage.stage.clone()).or_insert_with(own);
                }
                past.by_kind.entry(stage.kind.clone()).or_default().push(sample);
            }
        }
        Ok(past)
    }

    /// Returns what an instance would take and how many rows would come out.
    fn expect(
        &self,
        plan: &Plan,
        forecast: &Forecast,
        rows_in: Option<u64>,
    ) -> (Expected, Option<u64>) {
        let instance = &plan.graph[forecast.node];
        let kind = instance.kind.name();
        let (sample, basis) = match forecast.standing {
            Standing::Cached => {
                let rows = rows_of(forecast.outputs.values());
                return (expected(Some((0.0, 0)), Basis::Cached), rows);
            }
            Standing::Blocked => (None, Basis::Blocked),
            Standing::Stale | Standing::Maybe => match self.own.get(instance.name.as_str()) {
                Some((before, sample)) if before == kind => (Some(*sample), Basis::Itself),
                _ => self.alike(kind, rows_in),
            },
        };
        let rows_out = sample.and_then(|s| s.rows_out).or(rows_in);
        (expected(sample.map(|s| (s.seconds, s.bytes)), basis), rows_out)
    }

    fn alike(&self, kind: &str, rows_in: Option<u64>) -> (Option<Sample>, Basis) {
        let all = self.by_kind.get(kind).map_or(&[][..], Vec::as_slice);
        let alike: Vec<&Sample> =
            all.iter().filter(|sample| similar(sample.rows_in, rows_in)).collect();
        if alike.is_empty() {
            return (None, Basis::Unknown);
        }
        let sample = Sample {
            seconds: median(alike.iter().map(|s| s.seconds).collect()),
            bytes: median(alike.iter().map(|s| s.bytes as f64).collect()) as u64,
            rows_in,
            rows_out: None,
        };
        (Some(sample), Basis::Alike(alike.len()))
    }
}

fn sample(
    plan: &Plan,
    stage: &HistoryStage,
    node: Option<NodeIndex>,
    stages: &HashMap<&str, &HistoryStage>,
) -> Sample {
    let rows_out = rows_of(stage.outputs.values());
    // Who fed it is known of instances of this plan alone; others are taken by what came out.
    let rows_in = match node {
        Some(node) => plan
            .givers(node)
            .filter_map(|g| stages.get(plan.graph[g].name.as_str()))
            .filter_map(|giver| rows_of(giver.outputs.values()))
            .max(),
        None => rows_out,
    };
    let bytes = stage.outputs.values().map(|o| o.bytes).sum();
    Sample { seconds: stage.seconds, bytes, rows_in, rows_out }
}

fn expected(figures: Option<(f64, u64)>, basis: Basis) -> Expected {
    Expected {
        seconds: figures.map(|(seconds, _)| seconds),
        bytes: figures.map(|(_, bytes)| bytes),
        critical: false,
        basis,
    }
}

fn rows_of<'a>(outputs: impl Iterator<Item = &'a OutputRecord>) -> Option<u64> {
    outputs.filter_map(|o| o.rows).max()
}

fn similar(a: Option<u64>, b: Option<u64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => {
            let (a, b) = (a.max(1) as f64, b.max(1) as f64);
            a / b <= SIMILAR && b / a <= SIMILAR
        }
        // Of a source, or of a program's output, nobody knows the size beforehand.
        (_, None) => true,
        (None, Some(_)) => false,
    }
}

/// The middle value, of two the mean; 0 of none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[n / 2],
        n => (values[n / 2 - 1] + values[n / 2]) / 2.0,
    }
}

/// Who waits for whom, by position among the forecasts.
struct Ways {
    givers: Vec<Vec<usize>>,
    takers: Vec<Vec<usize>>,
}

impl Ways {
    fn new(plan: &Plan, forecasts: &[Forecast]) -> Ways {
        let position: HashMap<NodeIndex, usize> =
            forecasts.iter().enumerate().map(|(i, f)| (f.node, i)).collect();
        let mut takers = vec![Vec::new(); forecasts.len()];
        let mut givers = Vec::with_capacity(forecasts.len());
        for (i, forecast) in forecasts.iter().enumerate() {
            let above: Vec<usize> =
                plan.givers(forecast.node).filter_map(|g| position.get(&g).copied()).collect();
            above.iter().for_each(|&giver| takers[giver].push(i));
            givers.push(above);
        }
        Ways { givers, takers }
    }

    /// Returns the positions on the way that takes longest, from its start to its end.
    fn longest(&self, seconds: &[f64]) -> Vec<usize> {
        let mut until = vec![0.0_f64; seconds.len()];
        let mut before: Vec<Option<usize>> = vec![None; seconds.len()];
        for i in 0..seconds.len() {
            for &giver in &self.givers[i] {
                if before[i].is_none_or(|b| until[giver] > until[b]) {
                    before[i] = Some(giver);
                }
            }
            until[i] = seconds[i] + before[i].map_or(0.0, |b| until[b]);
        }
        let mut last = (0..seconds.len()).reduce(|a, b| if until[b] > until[a] { b } else { a });
        let mut way = Vec::new();
        while let Some(i) = last {
            way.push(i);
            last = before[i];
        }
        way.reverse();
        way
    }

    /// Returns the wall seconds where `jobs` work at once, the first in plan order of those that may start first.
    fn wall(&self, seconds: &[f64], jobs: usize) -> f64 {
        let mut waiting: Vec<usize> = self.givers.iter().map(Vec::len).collect();
        let mut ready: BinaryHeap<Reverse<usize>> =
            (0..seconds.len()).filter(|&i| waiting[i] == 0).map(Reverse).collect();
        // Times are compared as bits, which for figures that are not negative is their order.
        let mut running: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
        let mut now = 0.0_f64;
        loop {
            while running.len() < jobs.max(1) {
                let Some(Reverse(i)) = ready.pop() else { break };
                running.push(Reverse(((now + seconds[i].max(0.0)).to_bits(), i)));
            }
            let Some(Reverse((end, done))) = running.pop() else { return now };
            now = f64::from_bits(end);
            for &taker in &self.takers[done] {
                waiting[taker] -= 1;
                if waiting[taker] == 0 {
                    ready.push(Reverse(taker));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
