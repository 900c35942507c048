//! A pipeline as it stands at this moment: what a run would do, what the last one did, what one that goes on is doing.
//! It does not draw.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::site::Site;
use crate::{
    app::{AppError, GoingOn, Now, Survey, SurveyOptions},
    engine::status::{Forecast, Standing},
    report::dag::{Graph, Light},
    store::records::{HistoryEntry, HistoryStage},
};

/// How many of the newest executions are looked through for the pipeline's last one.
const RECENT: usize = 200;

/// A pipeline and how its instances stand.
pub struct Scene {
    /// Its name under `pipelines/`.
    pub name: String,
    /// What a run would do.
    pub survey: Survey,
    /// Where the instances of a stage, or the instance of a name, stand among the forecasts.
    places: HashMap<String, Vec<usize>>,
    /// How each instance stands, and which part of it is done if it is at work.
    pub lights: BTreeMap<String, (Light, Option<f64>)>,
    /// Its executions that go on.
    pub going: Vec<GoingOn>,
    /// Its last execution that ended.
    pub last: Option<HistoryEntry>,
}

impl Scene {
    /// Looks at a pipeline.
    ///
    /// # Errors
    /// If it does not exist or is not valid, or the store cannot be read.
    pub fn of(site: &Site, name: &str) -> Result<Scene, AppError> {
        let survey = site.project.survey(Some(name), &SurveyOptions::default())?;
        let last = site.project.last_execution(&survey.plan.pipeline, RECENT)?;
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, forecast) in survey.forecasts.iter().enumerate() {
            let instance = &survey.plan.graph[forecast.node];
            places.entry(instance.name.clone()).or_default().push(place);
            if instance.stage != instance.name {
                places.entry(instance.stage.clone()).or_default().push(place);
            }
        }
        let mut scene = Scene {
            name: name.to_string(),
            survey,
            places,
            lights: BTreeMap::new(),
            going: Vec::new(),
            last,
        };
        scene.hear(site)?;
        Ok(scene)
    }

    /// Asks what executions that go on are doing now; returns whether anything of that is new.
    ///
    /// # Errors
    /// If the store cannot be opened.
    pub fn hear(&mut self, site: &Site) -> Result<bool, AppError> {
        let mut going = site.project.going_on()?;
        going.retain(|going| going.pipeline == self.survey.plan.pipeline);
        let is_new = self.going != going || self.lights.is_empty();
        if is_new {
            self.going = going;
            self.lights = self.lit();
        }
        Ok(is_new)
    }

    /// Draws up the graph; the instances of `open` stages stand apart.
    pub fn graph(&self, open: &BTreeSet<String>) -> Graph {
        let light = |forecast: &Forecast| {
            let name = &self.survey.plan.graph[forecast.node].name;
            self.lights.get(name).map_or(Light::Maybe, |(light, _)| *light)
        };
        Graph::lit(&self.survey, &|stage| open.contains(stage), &light)
    }

    /// Returns which part of the work of a node (a stage or an instance) is done, if it is at work: instances that have
    /// ended count whole.
    pub fn share(&self, node: &str) -> Option<f64> {
        let instances = self.instances(node);
        let lights = || instances.iter().filter_map(|name| self.lights.get(*name));
        lights().find(|(light, _)| *light == Light::Running)?;
        let part = |(light, part): &(Light, Option<f64>)| match light {
            Light::Running => part.unwrap_or(0.0),
            Light::Ran | Light::Cached => 1.0,
            _ => 0.0,
        };
        Some(lights().map(part).sum::<f64>() / instances.len().max(1) as f64)
    }

    /// Returns the instances of a node: itself, or those of the stage of that name.
    pub fn instances(&self, node: &str) -> Vec<&str> {
        let graph = &self.survey.plan.graph;
        let places = self.places.get(node).into_iter().flatten();
        places.map(|&place| graph[self.survey.forecasts[place].node].name.as_str()).collect()
    }

    /// Returns what is foreseen for an instance.
    pub fn forecast(&self, instance: &str) -> Option<&Forecast> {
        let place = self.places.get(instance)?.first()?;
        self.survey.forecasts.get(*place)
    }

    /// Returns what the last execution says of an instance.
    pub fn recorded(&self, instance: &str) -> Option<&HistoryStage> {
        self.last.as_ref()?.stages.iter().find(|stage| stage.stage == instance)
    }

    fn lit(&self) -> BTreeMap<String, (Light, Option<f64>)> {
        let last: BTreeMap<&str, &HistoryStage> = match &self.last {
            Some(entry) => entry.stages.iter().map(|s| (s.stage.as_str(), s)).collect(),
            None => BTreeMap::new(),
        };
        let light = |forecast: &Forecast| {
            let name = self.survey.plan.graph[forecast.node].name.as_str();
            // The newest news count.
            let now = self.going.iter().rev().find_map(|going| going.stages.get(name));
            let light = match now {
                Some(Now::Running { done, total }) => {
                    let share = (*total > 0).then(|| (*done as f64 / *total as f64).min(1.0));
                    return (name.to_string(), (Light::Running, share));
                }
                Some(Now::Ended { state, .. }) => Light::of_word(state),
                None => last.get(name).and_then(|stage| after(forecast, stage)),
            };
            (name.to_string(), (light.unwrap_or(forecast.standing.into()), None))
        };
        self.survey.forecasts.iter().map(light).collect()
    }
}

/// Returns how an instance stands after the last execution, where that tells more than what is foreseen: it ran and what
/// it made is still what is wanted, or it failed and is still due.
fn after(forecast: &Forecast, stage: &HistoryStage) -> Option<Light> {
    match (Light::of_word(&stage.state)?, forecast.standing) {
        (Light::Ran, Standing::Cached) if stage.key == forecast.key => Some(Light::Ran),
        (Light::Failed, Standing::Stale) if stage.key == forecast.key => Some(Light::Failed),
        _ => None,
    }
}
