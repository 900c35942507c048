//! `status`, `plan`, `explain`, `dag`: what a run would do. It reads and never writes.

use std::collections::BTreeSet;

use crate::{
    app::{AppError, PipelineFile, Project, run::resolve},
    engine::{
        outlook::{self, Outlook},
        plan::{Overrides, Plan},
        source::Origin,
        status::{self, Forecast},
    },
};

/// What a person asked for.
#[derive(Clone, Debug, Default)]
pub struct SurveyOptions {
    /// Profile and `--set`.
    pub overrides: Overrides,
    /// Only these stages and what they need.
    pub targets: Vec<String>,
    /// As if these were forced.
    pub force: Vec<String>,
}

/// The state of every instance before a run.
pub struct Survey {
    /// The compiled pipeline.
    pub plan: Plan,
    /// The pipeline file.
    pub file: PipelineFile,
    /// One an instance, in plan order.
    pub forecasts: Vec<Forecast>,
}

impl Project {
    /// Tells what a run of the pipeline called `name` would do.
    ///
    /// # Errors
    /// If the pipeline is wrong or the store cannot be read.
    pub fn survey(&self, name: Option<&str>, options: &SurveyOptions) -> Result<Survey, AppError> {
        let file = self.pipeline(name)?;
        let plan = self.compile(&file, &options.overrides)?;
        let targets = resolve(&plan, &options.targets)?;
        let force: BTreeSet<_> = resolve(&plan, &options.force)?.into_iter().collect();
        let store = self.store()?;
        let known = store.pipeline_state(&plan.pipeline)?;
        let nodes = match targets.is_empty() {
            true => plan.order.clone(),
            false => plan.with_upstream(&targets),
        };
        let forecasts =
            status::forecast(&plan, &store, &Origin::Project(self.root()), &known, &nodes, &|n| {
                force.contains(&n)
            })?;
        Ok(Survey { plan, file, forecasts })
    }

    /// Tells what a run that does what is due would take with `jobs` at work, by what past executions took.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn outlook(&self, survey: &Survey, jobs: usize) -> Result<Outlook, AppError> {
        let store = self.store()?;
        Ok(outlook::outlook(&survey.plan, &survey.forecasts, store.history()?, jobs)?)
    }
}
