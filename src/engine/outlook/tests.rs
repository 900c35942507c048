//! Expectations from made-up histories over a toy pipeline, and ways and walls by hand.

use super::*;
use crate::{
    base::hash::ContentHash,
    engine::plan::{self, Catalog, Overrides},
    stage::{
        ctx::StageCtx,
        error::StageError,
        kind::{FixedOutput, Inputs, Kind, PortType},
        params::{Param, Shape},
    },
    store::FORMAT,
};

struct Toy(&'static str);

impl Kind for Toy {
    fn name(&self) -> &'static str {
        self.0
    }
    fn version(&self) -> u32 {
        1
    }
    fn about(&self) -> &'static str {
        "plays"
    }
    fn params(&self) -> &'static [Param] {
        const PARAMS: &[Param] = &[Param::with_default("k", Shape::int_from(0), "0", "any")];
        PARAMS
    }
    fn inputs(&self) -> Inputs {
        Inputs::Named(PortType::Opaque)
    }
    fn fixed_outputs(&self) -> &'static [FixedOutput] {
        const OUT: &[FixedOutput] =
            &[FixedOutput { name: "o", ty: PortType::Opaque, help: "what came out" }];
        OUT
    }
    fn run(&self, _: &mut StageCtx<'_>) -> Result<(), StageError> {
        Ok(())
    }
}

const KINDS: Catalog = &[&Toy("read"), &Toy("fit"), &Toy("sum")];

/// raw -> fit/k=1, fit/k=2, fit/k=3 -> last
const PIPELINE: &str = "\
pipeline: p
stages:
  raw: { uses: read }
  fit: { uses: fit, inputs: { a: raw }, matrix: { k: [1, 2, 3] }, with: { k: \"${matrix.k}\" } }
  last: { uses: sum, inputs: { a: fit/k=1, b: fit/k=2, c: fit/k=3 } }
";

fn output(rows: u64, bytes: u64) -> OutputRecord {
    OutputRecord { hash: ContentHash::of(b""), bytes, rows: Some(rows), ext: "bin".to_string() }
}

fn ran(stage: &str, kind: &str, seconds: f64, rows: u64) -> HistoryStage {
    HistoryStage {
        stage: stage.to_string(),
        kind: kind.to_string(),
        state: "ran".to_string(),
        early_cutoff: false,
        key: None,
        reasons: vec![],
        at: None,
        seconds,
        outputs: [("o".to_string(), output(rows, 10 * rows))].into(),
        files: vec![],
        notes: vec![],
        error: None,
    }
}

fn entry(pipeline: &str, stages: Vec<HistoryStage>) -> HistoryEntry {
    HistoryEntry {
        format: FORMAT,
        run: None,
        pipeline: pipeline.to_string(),
        file: String::new(),
        yaml: ContentHash::of(b""),
        targets: vec![],
        started: String::new(),
        seconds: 0.0,
        host: String::new(),
        threads: 1,
        program: String::new(),
        counts: Default::default(),
        stages,
        told_in: None,
        mark: None,
    }
}

/// Forecasts for the toy pipeline: `raw` is cached with so many rows, the others stand as given.
fn forecasts(plan: &Plan, rows: u64, standings: &[(&str, Standing)]) -> Vec<Forecast> {
    let one = |&node: &NodeIndex| {
        let name = plan.graph[node].name.as_str();
        let standing =
            standings.iter().find(|(n, _)| *n == name).map_or(Standing::Cached, |(_, s)| *s);
        let cached = standing == Standing::Cached;
        Forecast {
            node,
            standing,
            key: None,
            preimage: None,
            reasons: vec![],
            outputs: if cached { [("o".to_string(), output(rows, 1))].into() } else { [].into() },
            seconds: None,
            error: None,
        }
    };
    plan.order.iter().map(one).collect()
}

fn look(rows: u64, standings: &[(&str, Standing)], history: Vec<HistoryEntry>) -> Outlook {
    let plan = plan::compile(PIPELINE, KINDS, &Overrides::default()).unwrap();
    outlook(&plan, &forecasts(&plan, rows, standings), history.into_iter().map(Ok), 2).unwrap()
}

const ALL_DUE: &[(&str, Standing)] = &[
    ("fit/k=1", Standing::Stale),
    ("fit/k=2", Standing::Stale),
    ("fit/k=3", Standing::Stale),
    ("last", Standing::Maybe),
];

#[test]
fn an_instance_takes_what_it_took_last() {
    let older = entry("p", vec![ran("raw", "read", 9.0, 100), ran("fit/k=1", "fit", 50.0, 100)]);
    let newer = entry(
        "p",
        vec![
            ran("raw", "read", 1.0, 100),
            ran("fit/k=1", "fit", 3.0, 100),
            ran("fit/k=2", "fit", 2.0, 100),
            ran("fit/k=3", "fit", 2.0, 100),
            ran("last", "sum", 1.0, 7),
        ],
    );
    let seen = look(100, ALL_DUE, vec![newer, older]);
    let seconds: Vec<_> = seen.stages.iter().map(|s| s.seconds).collect();
    assert_eq!(seconds, [Some(0.0), Some(3.0), Some(2.0), Some(2.0), Some(1.0)]);
    // Two at once: 1 and 2 start, 3 follows 2 until second 4, then the last.
    assert_eq!((seen.seconds, seen.least_seconds, seen.work_seconds), (5.0, 4.0, 8.0));
    assert_eq!((seen.bytes, seen.n_unknown), (3_070, 0));
    let critical: Vec<_> = seen.stages.iter().map(|s| s.critical).collect();
    assert_eq!(critical, [false, true, false, false, true]);
    assert_eq!(seen.stages[0].basis, Basis::Cached);
}

#[test]
fn a_new_instance_takes_the_median_of_its_kind_on_about_as_many_rows() {
    let other = |seconds, rows| {
        entry("q", vec![ran("x", "fit", seconds, rows), ran("y", "sum", 7.0, 1_000_000)])
    };
    let history = vec![other(2.0, 120), other(4.0, 80), other(90.0, 9_000), other(9.0, 110)];
    let seen = look(100, ALL_DUE, history.clone());
    assert_eq!(seen.stages[1].seconds, Some(4.0));
    assert_eq!(seen.stages[1].basis, Basis::Alike(3));
    assert_eq!((seen.stages[4].seconds, seen.stages[4].basis), (None, Basis::Unknown));
    assert_eq!(seen.n_unknown, 1);
    assert_eq!(look(10_000, ALL_DUE, history).stages[1].seconds, Some(90.0));
}

/// A pipeline that is asked for every minute and finds everything in place forgets nothing of what it once took.
#[test]
fn executions_that_ran_nothing_do_not_hide_those_that_did() {
    let mut history = vec![entry("p", vec![]); 10 * MAX_ENTRIES];
    history.push(entry("p", vec![ran("last", "sum", 5.0, 1)]));
    assert_eq!(look(100, ALL_DUE, history).stages[4].basis, Basis::Itself);
}

#[test]
fn of_another_kind_under_the_same_name_nothing_is_known() {
    let seen = look(100, ALL_DUE, vec![entry("p", vec![ran("last", "read", 5.0, 1)])]);
    assert_eq!(seen.stages[4].basis, Basis::Unknown);
    let nothing = look(100, ALL_DUE, vec![]);
    assert_eq!((nothing.seconds, nothing.n_unknown), (0.0, 4));
    assert!(nothing.stages.iter().all(|s| !s.critical));
}

#[test]
fn what_is_cached_or_blocked_takes_nothing() {
    let history = || vec![entry("p", vec![ran("last", "sum", 5.0, 1)])];
    let cached = look(100, &[], history());
    assert_eq!((cached.seconds, cached.bytes, cached.n_unknown), (0.0, 0, 0));
    let blocked = look(100, &[("last", Standing::Blocked)], history());
    assert_eq!((blocked.stages[4].seconds, blocked.stages[4].basis), (None, Basis::Blocked));
    assert_eq!((blocked.seconds, blocked.n_unknown), (0.0, 0));
}

#[test]
fn the_wall_is_between_the_longest_way_and_all_of_it() {
    let plan = plan::compile(PIPELINE, KINDS, &Overrides::default()).unwrap();
    let ways = Ways::new(&plan, &forecasts(&plan, 1, ALL_DUE));
    let seconds = [1.0, 5.0, 4.0, 3.0, 2.0];
    assert_eq!(ways.longest(&seconds), [0, 1, 4]);
    let walls = [1, 2, 3, 100].map(|jobs| ways.wall(&seconds, jobs));
    assert_eq!(walls, [15.0, 10.0, 8.0, 8.0]);
}
