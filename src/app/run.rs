//! `run`: compile, execute, record. It does not know who listens to the events.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    time::{Instant, SystemTime},
};

use petgraph::graph::NodeIndex;

use crate::{
    app::{AppError, PipelineFile, Project},
    base::{hash::RunId, names},
    engine::{
        event::{Event, Report, State},
        exec::{self, Options},
        plan::{Overrides, Plan},
        record,
        source::Origin,
    },
    kinds,
    stage::{error::StageError, work::Cancel},
    store::{
        FORMAT, Store,
        records::{HistoryEntry, PipelineState},
    },
};

/// What a person asked for.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// Profile and `--set`.
    pub overrides: Overrides,
    /// `--target`: stages or instances.
    pub targets: Vec<String>,
    /// `--force`: stages or instances.
    pub force: Vec<String>,
    /// Go on with what does not depend on a failure.
    pub keep_going: bool,
    /// Most threads at work.
    pub jobs: usize,
    /// Most bytes of memory.
    pub memory: Option<u64>,
}

/// What became of a run.
pub struct Outcome {
    /// The compiled pipeline.
    pub plan: Plan,
    /// The pipeline file.
    pub file: PipelineFile,
    /// What became of each instance, in plan order.
    pub reports: Vec<Report>,
    /// The run's id, if every instance that was asked for succeeded.
    pub run: Option<RunId>,
    /// Wall seconds.
    pub seconds: f64,
    /// Whether it was interrupted.
    pub interrupted: bool,
}

impl Outcome {
    /// Returns the seconds that the cached instances took when they ran.
    pub fn saved_seconds(&self) -> f64 {
        self.reports.iter().filter(|r| r.state == State::Cached).map(|r| r.seconds).sum()
    }

    /// Returns true if a stage failed because the store cannot be written.
    fn was_refused(&self) -> bool {
        self.reports.iter().any(|r| r.error.as_ref().is_some_and(StageError::is_refusal))
    }

    /// Returns the first failure in plan order.
    pub fn first_failure(&self) -> Option<&Report> {
        self.reports.iter().find(|r| r.state == State::Failed)
    }
}

impl Project {
    /// Runs what is due of the pipeline called `name`.
    ///
    /// # Errors
    /// If nothing could be started, or the run could not be recorded. Failures of stages are in the outcome.
    pub fn run(
        &self,
        name: Option<&str>,
        options: &RunOptions,
        cancel: &Cancel,
        events: &(dyn Fn(&Plan, Event<'_>) + Sync),
    ) -> Result<Outcome, AppError> {
        let file = self.pipeline(name)?;
        let plan = self.compile(&file, &options.overrides)?;
        let targets = resolve(&plan, &options.targets)?;
        let force = resolve(&plan, &options.force)?;
        let started = (Instant::now(), SystemTime::now());
        let store = self.store_for_writing()?;
        kinds::schema::refresh(&store)?;
        let mut known = store.pipeline_state(&plan.pipeline)?;
        let engine_options = Options {
            jobs: options.jobs,
            memory: options.memory,
            targets: (!targets.is_empty()).then(|| targets.clone()),
            force: force.into_iter().collect(),
            keep_going: options.keep_going,
            update_latest: true,
        };
        let reports = exec::execute(
            &plan,
            &store,
            &Origin::Project(self.root()),
            &known,
            &engine_options,
            cancel,
            &|event| events(&plan, event),
        );
        let mut outcome = Outcome {
            plan,
            file,
            reports,
            run: None,
            seconds: started.0.elapsed().as_secs_f64(),
            interrupted: cancel.is_cancelled(),
        };
        match self.record(&store, &mut outcome, options, started.1, &mut known) {
            // The stage that met it first has told it.
            Err(AppError::Store(error)) if error.is_refusal() && outcome.was_refused() => {}
            recorded => recorded?,
        }
        Ok(outcome)
    }

    /// Writes down what happened: manifest first, then history, then the conveniences.
    fn record(
        &self,
        store: &Store,
        outcome: &mut Outcome,
        options: &RunOptions,
        started: SystemTime,
        state: &mut PipelineState,
    ) -> Result<(), AppError> {
        let manifest = record::manifest(&outcome.plan, &outcome.reports);
        let entry = HistoryEntry {
            format: FORMAT,
            run: None,
            pipeline: outcome.plan.pipeline.clone(),
            file: outcome.file.label.clone(),
            yaml: store.put_yaml(&outcome.file.text)?,
            targets: options.targets.clone(),
            started: timestamp(started),
            seconds: outcome.seconds,
            host: host(),
            threads: options.jobs,
            program: env!("CARGO_PKG_VERSION").to_string(),
            counts: record::counts(&outcome.reports),
            stages: record::history(&outcome.reports),
            told_in: None,
            mark: None,
        };
        let yaml = entry.yaml;
        let (run, told_in) = store.put_run(manifest.as_ref(), entry)?;
        outcome.run = run;
        if record::renew(state, &outcome.reports) {
            store.put_pipeline_state(&outcome.plan.pipeline, state)?;
        }
        if outcome.run.is_some() && options.targets.is_empty() {
            store.prune_latest(&outcome.plan.pipeline, &view(&outcome.reports))?;
        }
        store.save_memo()?;
        if outcome.run.is_some() && options.targets.is_empty() {
            self.leave_receipt(store, outcome, &options.overrides, &yaml, told_in)?;
        }
        Ok(())
    }
}

fn view(reports: &[Report]) -> BTreeSet<PathBuf> {
    let link = |r: &Report| {
        let folder = PathBuf::from(&r.name);
        let paths = r.outputs.iter().map(move |(port, o)| folder.join(format!("{port}.{}", o.ext)));
        paths.collect::<Vec<_>>()
    };
    reports.iter().flat_map(link).collect()
}

/// Finds the instances that names on the command line mean.
pub(super) fn resolve(plan: &Plan, wanted: &[String]) -> Result<Vec<NodeIndex>, AppError> {
    let mut nodes = Vec::new();
    for name in wanted {
        let found = plan.select(name);
        if found.is_empty() {
            let known = plan.names();
            let mut help = names::suggestion(name, known.iter().copied());
            if help.is_empty() {
                help = format!("the pipeline has {}", known.join(", "));
            }
            return Err(AppError::Usage(format!("there is no stage `{name}`; {help}")));
        }
        nodes.extend(found);
    }
    Ok(nodes)
}

/// Returns the name of this machine.
pub(super) fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Returns a moment as the history writes it.
pub(super) fn timestamp(time: SystemTime) -> String {
    let utc: chrono::DateTime<chrono::Utc> = time.into();
    utc.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
