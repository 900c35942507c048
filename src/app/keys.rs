//! What goes into the keys of instances, also where a part of it is not known before something above has run.
//! It does not know how this is shown.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use petgraph::graph::NodeIndex;

use crate::{
    app::{AppError, Project, Question, Survey, explain::select, run::resolve},
    base::hash::StageKey,
    engine::{
        plan::Instance,
        settle,
        source::{self, Origin},
        status::Forecast,
    },
    store::{
        Store,
        records::{ManifestStage, Preimage},
    },
};

/// What goes into the key of one instance.
pub struct KeyView {
    /// The instance.
    pub stage: String,
    /// The key; `None` while something above has to run first, or a source is missing.
    pub key: Option<StageKey>,
    /// What goes into it, as far as it is known.
    pub preimage: Preimage,
    /// Its source files, parallel to the pre-image's hashes.
    pub files: Vec<String>,
    /// Inputs that are not known yet, and after which instance they will be.
    pub unknown: Vec<(String, String)>,
    /// Why its source files are not known.
    pub error: Option<String>,
}

impl Project {
    /// Tells what goes into the keys of a stage's instances, for the next run or in a past one.
    ///
    /// # Errors
    /// If the stage or run is unknown, the pipeline wrong, or the store damaged.
    pub fn keys(&self, question: &Question) -> Result<Vec<KeyView>, AppError> {
        match &question.run {
            Some(run) => self.keys_of_run(&question.stage, run),
            None => self.keys_to_come(question),
        }
    }

    fn keys_of_run(&self, stage: &str, run: &str) -> Result<Vec<KeyView>, AppError> {
        let past = self.past_run(run)?;
        let names = past.manifest.stages.iter().map(|s| s.name.clone()).collect();
        let wanted = select(stage, names)?;
        let files: HashMap<&str, &Vec<String>> =
            past.entry.stages.iter().map(|s| (s.stage.as_str(), &s.files)).collect();
        let view = |stage: &ManifestStage| KeyView {
            stage: stage.name.clone(),
            key: Some(stage.key),
            preimage: stage.preimage.clone(),
            files: files.get(stage.name.as_str()).map(|f| (*f).clone()).unwrap_or_default(),
            unknown: Vec::new(),
            error: None,
        };
        let meant = past.manifest.stages.iter().filter(|s| wanted.contains(&s.name));
        Ok(meant.map(view).collect())
    }

    fn keys_to_come(&self, question: &Question) -> Result<Vec<KeyView>, AppError> {
        let survey = self.survey(question.pipeline.as_deref(), &question.survey)?;
        let meant: BTreeSet<_> =
            resolve(&survey.plan, std::slice::from_ref(&question.stage))?.into_iter().collect();
        let store = self.store()?;
        let known: HashMap<NodeIndex, &Forecast> =
            survey.forecasts.iter().map(|f| (f.node, f)).collect();
        let meant = survey.forecasts.iter().filter(|f| meant.contains(&f.node));
        Ok(meant.map(|f| self.view(&survey, f, &known, &store)).collect())
    }

    fn view(
        &self,
        survey: &Survey,
        forecast: &Forecast,
        known: &HashMap<NodeIndex, &Forecast>,
        store: &Store,
    ) -> KeyView {
        let instance = &survey.plan.graph[forecast.node];
        if let Some(preimage) = &forecast.preimage {
            return KeyView {
                stage: instance.name.clone(),
                key: forecast.key,
                preimage: preimage.clone(),
                files: self.labels(instance, store),
                unknown: Vec::new(),
                error: None,
            };
        }
        let (mut inputs, mut unknown) = (BTreeMap::new(), Vec::new());
        for edge in &instance.inputs {
            let record = known.get(&edge.from).and_then(|f| f.outputs.get(&edge.output));
            match record {
                Some(record) => drop(inputs.insert(edge.key_name(), record.hash)),
                None => {
                    unknown.push((edge.key_name(), survey.plan.graph[edge.from].name.clone()));
                }
            }
        }
        let origin = Origin::Project(self.root());
        let (files, error) = match origin.files(instance, store) {
            Ok(files) => (files, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        KeyView {
            stage: instance.name.clone(),
            key: None,
            preimage: Preimage {
                kind: instance.kind.name().to_string(),
                version: instance.kind.version(),
                params: settle::keyed_params(instance),
                inputs,
                files: files.iter().map(|f| f.hash).collect(),
                env: origin.env(instance),
            },
            files: files.into_iter().map(|f| f.label).collect(),
            unknown,
            error,
        }
    }

    /// Returns the names of an instance's source files, in the order of their hashes.
    fn labels(&self, instance: &Instance, store: &Store) -> Vec<String> {
        let disk = store.disk();
        let found = instance.sources.files.iter().map(|p| source::matches(p, self.root(), disk));
        let mut labels: Vec<String> = found.filter_map(Result::ok).flatten().collect();
        labels.sort();
        labels.dedup();
        labels
    }
}
