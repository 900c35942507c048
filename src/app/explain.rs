//! Why a stage has to run, or why it ran: from the stage itself up to the first causes. It does not know how
//! this is shown.

mod scene;

use std::collections::BTreeMap;

use crate::{
    app::{
        AppError, Project, SurveyOptions,
        explain::scene::{Scene, Standing},
        run::resolve,
    },
    base::{hash::RunId, names},
    engine::{plan::Plan, status::Forecast},
    store::{
        records::{HistoryEntry, Reason},
        runs::Told,
    },
};

/// What is to be explained.
#[derive(Clone, Debug)]
pub struct Question {
    /// A stage or an instance.
    pub stage: String,
    /// The pipeline (`None`: the default one), where the next run is meant.
    pub pipeline: Option<String>,
    /// Profile and `--set`, where the next run is meant.
    pub survey: SurveyOptions,
    /// A past run instead of the next one.
    pub run: Option<String>,
}

/// Why something has to run, or ran.
pub struct Explanation {
    /// The pipeline's name.
    pub pipeline: String,
    /// The past run, or `None` for the next one.
    pub run: Option<RunId>,
    /// The stage that was asked for; instances that stand alike are one link.
    pub links: Vec<Link>,
    /// Where every way up ends: instances and the reason there.
    pub first_causes: Vec<(Vec<String>, Reason)>,
}

/// The execution that made something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// When it began, RFC 3339 in UTC.
    pub started: String,
    /// Its run, if it came to its end.
    pub run: Option<RunId>,
}

/// One step of the way up.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// Instances of one stage that stand alike.
    pub instances: Vec<String>,
    /// Their kind.
    pub kind: String,
    /// Their state, in the words of the contract.
    pub state: String,
    /// Why, without what lies above.
    pub reasons: Vec<Reason>,
    /// What is wrong, if anything is.
    pub error: Option<String>,
    /// Cached although something above ran: its inputs came out the same.
    pub early_cutoff: bool,
    /// Who made what is cached; the reasons are those of that execution.
    pub made: Option<Made>,
    /// What lies above and matters.
    pub causes: Vec<Link>,
    /// Told already, further up.
    pub told: bool,
}

impl Project {
    /// Explains a stage.
    ///
    /// # Errors
    /// If the stage or run is unknown, the pipeline wrong, or the store damaged.
    pub fn explain(&self, question: &Question) -> Result<Explanation, AppError> {
        match &question.run {
            None => self.explain_next(question),
            Some(run) => self.explain_past(question, run),
        }
    }

    fn explain_next(&self, question: &Question) -> Result<Explanation, AppError> {
        let survey = self.survey(question.pipeline.as_deref(), &question.survey)?;
        let meant = resolve(&survey.plan, std::slice::from_ref(&question.stage))?;
        let names = meant.iter().map(|&n| survey.plan.graph[n].name.clone()).collect();
        let mut scene = Scene { standings: BTreeMap::new(), givers: givers(&survey.plan) };
        for forecast in &survey.forecasts {
            let name = survey.plan.graph[forecast.node].name.clone();
            scene.standings.insert(name, standing(&survey.plan, forecast));
        }
        scene.recall(self.store()?.history()?)?;
        Ok(scene.explanation(survey.plan.pipeline.clone(), None, names))
    }

    fn explain_past(&self, question: &Question, run: &str) -> Result<Explanation, AppError> {
        let past = self.past_run(run)?;
        let names = past.entry.stages.iter().map(|s| s.stage.clone()).collect();
        let names = select(&question.stage, names)?;
        let mut scene = Scene { standings: BTreeMap::new(), givers: BTreeMap::new() };
        for stage in &past.manifest.stages {
            for edge in &stage.edges {
                let input = match edge.whole_stage {
                    true => format!("{}/{}.{}", edge.port, edge.from, edge.output),
                    false => edge.port.clone(),
                };
                scene.givers.insert((stage.name.clone(), input), edge.from.clone());
                if edge.whole_stage {
                    let input = format!("{}/{}", edge.port, edge.from);
                    scene.givers.insert((stage.name.clone(), input), edge.from.clone());
                }
            }
        }
        for stage in &past.entry.stages {
            scene.standings.insert(stage.stage.clone(), Standing::recorded(stage));
        }
        let store = self.store()?;
        let is_later = |told: &Told<HistoryEntry>| {
            told.as_ref()
                .is_ok_and(|e| e.mark != past.entry.mark || e.started != past.entry.started)
        };
        let mut earlier = store.history()?.skip_while(is_later);
        earlier.next().transpose()?;
        scene.recall(earlier)?;
        Ok(scene.explanation(past.entry.pipeline.clone(), Some(past.id), names))
    }
}

fn givers(plan: &Plan) -> BTreeMap<(String, String), String> {
    let mut givers = BTreeMap::new();
    for instance in plan.graph.node_weights() {
        for edge in &instance.inputs {
            let giver = plan.graph[edge.from].name.clone();
            let names = [Some(edge.key_name()), edge.candidate_key_name()];
            for name in names.into_iter().flatten() {
                givers.insert((instance.name.clone(), name), giver.clone());
            }
        }
    }
    givers
}

fn standing(plan: &Plan, forecast: &Forecast) -> Standing {
    Standing {
        kind: plan.graph[forecast.node].kind.name().to_string(),
        state: forecast.standing.word().to_string(),
        key: forecast.key,
        reasons: forecast.reasons.clone(),
        error: forecast.error.as_ref().map(ToString::to_string),
        early_cutoff: false,
        made: None,
    }
}

/// Picks the names that a person means: all instances of a stage, or one.
pub(super) fn select(wanted: &str, known: Vec<String>) -> Result<Vec<String>, AppError> {
    let stage = |name: &str| name.split('/').next().unwrap_or(name).to_string();
    let meant: Vec<String> =
        known.iter().filter(|n| *n == wanted || stage(n) == wanted).cloned().collect();
    if !meant.is_empty() {
        return Ok(meant);
    }
    let mut all: Vec<String> = known.iter().map(|n| stage(n)).chain(known.clone()).collect();
    all.sort_unstable();
    all.dedup();
    let mut help = names::suggestion(wanted, all.iter().map(String::as_str));
    if help.is_empty() {
        help = format!("the run has {}", all.join(", "));
    }
    Err(AppError::Usage(format!("there is no stage `{wanted}`; {help}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_select_stages_and_instances() {
        let known = || vec!["km/k=2".to_string(), "km/k=3".to_string(), "fit".to_string()];
        assert_eq!(select("km", known()).unwrap().len(), 2);
        assert_eq!(select("km/k=3", known()).unwrap(), ["km/k=3"]);
        assert!(select("fti", known()).unwrap_err().to_string().contains("did you mean `fit`?"));
    }
}
