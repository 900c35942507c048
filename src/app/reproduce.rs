//! `reproduce`: executes a past run again from what was recorded, using no cached result, and compares every byte.
//! It does not know how differences are shown.

use std::path::Path;

use crate::{
    app::{
        AppError, Project,
        difference::{self, Difference},
        recorded::Recorded,
        run::resolve,
    },
    base::hash::{ContentHash, RunId},
    engine::{
        event::{Event, Report, State},
        exec::{self, Options},
        plan::Plan,
    },
    stage::work::Cancel,
    store::{
        Store,
        error::StoreError,
        objects::Health,
        records::{ManifestOutput, PipelineState},
    },
};

/// What a person asked for.
#[derive(Clone, Debug)]
pub struct ReproduceOptions {
    /// One execution for each number of threads.
    pub threads: Vec<usize>,
    /// Only this stage and what it needs.
    pub stage: Option<String>,
    /// Start the run's programs even if another store recorded it.
    pub allow_commands: bool,
    /// Most bytes of memory.
    pub memory: Option<u64>,
}

/// What came of it.
pub struct Reproduction {
    /// The run.
    pub run: RunId,
    /// One a number of threads.
    pub passes: Vec<Pass>,
}

/// One execution.
pub struct Pass {
    /// How many threads it had.
    pub threads: usize,
    /// Wall seconds.
    pub seconds: f64,
    /// One an output, in plan order.
    pub outputs: Vec<Comparison>,
    /// Stages that failed now, with the reason.
    pub failures: Vec<(String, String)>,
}

/// A recorded output held against the one that came now.
pub struct Comparison {
    /// The instance.
    pub stage: String,
    /// The output.
    pub port: String,
    /// Its hash then.
    pub recorded: ContentHash,
    /// Its hash now; `None` if it did not come.
    pub found: Option<ContentHash>,
    /// The first difference in it.
    pub difference: Option<Difference>,
}

impl Pass {
    /// Returns true if every output came out the same.
    pub fn is_identical(&self) -> bool {
        self.failures.is_empty() && self.outputs.iter().all(|o| o.found == Some(o.recorded))
    }

    /// Returns the first output that differs, in plan order.
    pub fn first_difference(&self) -> Option<&Comparison> {
        self.outputs.iter().find(|o| o.found.is_some_and(|found| found != o.recorded))
    }
}

impl Reproduction {
    /// Returns true if every output of every execution came out the same.
    pub fn is_identical(&self) -> bool {
        self.passes.iter().all(Pass::is_identical)
    }
}

impl Project {
    /// Executes a past run again and compares.
    ///
    /// # Errors
    /// If the run is unknown, its records or kept artifacts are damaged, or it cannot be executed by this program.
    pub fn reproduce(
        &self,
        wanted: &str,
        options: &ReproduceOptions,
        cancel: &Cancel,
        events: &(dyn Fn(&Plan, Event<'_>) + Sync),
    ) -> Result<Reproduction, AppError> {
        let store = self.store_for_writing()?;
        let recorded = self.recorded(&store, wanted)?;
        let plan = recorded.plan()?;
        let targets = match &options.stage {
            Some(stage) => Some(resolve(&plan, std::slice::from_ref(stage))?),
            None => None,
        };
        let nodes = targets.as_ref().map_or(plan.order.clone(), |t| plan.with_upstream(t));
        recorded.check_commands(&plan, &nodes, options.allow_commands)?;
        check_artifacts(&store, &recorded)?;
        let mut passes = Vec::new();
        for &threads in &options.threads {
            let folder = store.scratch("reproduce")?;
            let engine = Options {
                jobs: threads,
                memory: options.memory,
                targets: targets.clone(),
                keep_going: true,
                update_latest: false,
                ..Options::default()
            };
            let pass = self.pass(&store, &recorded, &plan, &folder, &engine, cancel, events);
            store.disk().remove_dir_all(&folder)?;
            let pass = pass?;
            if cancel.is_cancelled() {
                return Err(AppError::Stage(crate::stage::error::StageError::Cancelled));
            }
            passes.push(pass);
        }
        store.save_memo()?;
        Ok(Reproduction { run: recorded.id, passes })
    }

    #[expect(clippy::too_many_arguments, reason = "one call; a struct would only rename them")]
    fn pass(
        &self,
        store: &Store,
        recorded: &Recorded,
        plan: &Plan,
        folder: &Path,
        options: &Options,
        cancel: &Cancel,
        events: &(dyn Fn(&Plan, Event<'_>) + Sync),
    ) -> Result<Pass, AppError> {
        let started = std::time::Instant::now();
        let fresh = Store::create(folder, store.disk().clone())?;
        let reports = exec::execute(
            plan,
            &fresh,
            &recorded.origin(store, self),
            &PipelineState::default(),
            options,
            cancel,
            &|event| events(plan, event),
        );
        let mut outputs = Vec::new();
        for report in &reports {
            let Some(stage) = recorded.stage(&report.name) else { continue };
            for (port, then) in &stage.outputs {
                outputs.push(compare_output(store, &fresh, report, port, then));
            }
        }
        let failed = reports.iter().filter(|r| r.state == State::Failed);
        let text = |r: &Report| r.error.as_ref().map(ToString::to_string).unwrap_or_default();
        Ok(Pass {
            threads: options.jobs,
            seconds: started.elapsed().as_secs_f64(),
            outputs,
            failures: failed.map(|r| (r.name.clone(), text(r))).collect(),
        })
    }
}

/// Refuses to prove anything beside artifacts that were tampered with.
fn check_artifacts(store: &Store, recorded: &Recorded) -> Result<(), AppError> {
    for stage in &recorded.manifest.stages {
        for output in stage.outputs.values() {
            if store.health(&output.hash, &output.ext)? == Health::Corrupt {
                let path = store.object_path(&output.hash, &output.ext);
                let why = "does not hold the bytes of its name";
                return Err(StoreError::damaged(path, why).into());
            }
        }
    }
    Ok(())
}

fn compare_output(
    store: &Store,
    fresh: &Store,
    report: &Report,
    port: &str,
    then: &ManifestOutput,
) -> Comparison {
    let now = report.outputs.get(port);
    let difference = now.filter(|o| o.hash != then.hash).and_then(|o| {
        let before = store.object_path(&then.hash, &then.ext);
        let after = fresh.object_path(&o.hash, &o.ext);
        difference::between(&before, &after, o.ext == "parquet")
    });
    Comparison {
        stage: report.name.clone(),
        port: port.to_string(),
        recorded: then.hash,
        found: now.map(|o| o.hash),
        difference,
    }
}
