//! Why a stage has to run, or why it ran: from the stage itself up to the first causes. It does not know how
//! this is shown.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    app::{AppError, Project, SurveyOptions, run::resolve},
    base::{hash::StageKey, names},
    engine::{plan::Plan, reason::condensed, status::Forecast},
    store::records::{HistoryEntry, HistoryStage, Preimage, Reason, ReasonCode},
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
    pub run: Option<crate::base::hash::RunId>,
    /// The stage that was asked for; instances that stand alike are one link.
    pub links: Vec<Link>,
    /// Where every way up ends: instances and the reason there.
    pub first_causes: Vec<(Vec<String>, Reason)>,
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
    /// When this happened, if it was not in the run that was asked for.
    pub when: Option<String>,
    /// What lies above and matters.
    pub causes: Vec<Link>,
    /// Told already, further up.
    pub told: bool,
}

/// What went into the key of one instance.
pub struct KeyView {
    /// The instance.
    pub stage: String,
    /// The key; `None` while something above has to run first.
    pub key: Option<StageKey>,
    /// What went into it.
    pub preimage: Option<Preimage>,
    /// Its source files, parallel to the pre-image's hashes.
    pub files: Vec<String>,
}

/// How one instance stands, in a survey or in a past execution.
#[derive(Clone)]
struct Standing {
    kind: String,
    state: String,
    reasons: Vec<Reason>,
    error: Option<String>,
    when: Option<String>,
}

/// Everything that is known of all instances.
struct Scene {
    standings: BTreeMap<String, Standing>,
    /// Who feeds an input, by instance and by the input's name in keys.
    givers: BTreeMap<(String, String), String>,
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

    /// Tells what goes into the keys of a stage's instances.
    ///
    /// # Errors
    /// As [`Project::explain`].
    pub fn keys(&self, question: &Question) -> Result<Vec<KeyView>, AppError> {
        if let Some(run) = &question.run {
            let past = self.past_run(run)?;
            let names = past.manifest.stages.iter().map(|s| s.name.clone()).collect();
            let wanted = select(&question.stage, names)?;
            let meant = past.manifest.stages.iter().filter(|s| wanted.contains(&s.name));
            let view = |stage: &crate::store::records::ManifestStage| KeyView {
                stage: stage.name.clone(),
                key: Some(stage.key),
                preimage: Some(stage.preimage.clone()),
                files: past
                    .entry
                    .stages
                    .iter()
                    .find(|s| s.stage == stage.name)
                    .map(|s| s.files.clone())
                    .unwrap_or_default(),
            };
            return Ok(meant.map(view).collect());
        }
        let survey = self.survey(question.pipeline.as_deref(), &question.survey)?;
        let meant: BTreeSet<_> =
            resolve(&survey.plan, std::slice::from_ref(&question.stage))?.into_iter().collect();
        let views =
            survey.forecasts.into_iter().filter(|f| meant.contains(&f.node)).map(|f| KeyView {
                stage: survey.plan.graph[f.node].name.clone(),
                key: f.key,
                preimage: f.preimage,
                files: survey.plan.graph[f.node].sources.files.clone(),
            });
        Ok(views.collect())
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
        scene.recall(self.store()?.history()?, &survey.plan.pipeline);
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
            }
        }
        for stage in &past.entry.stages {
            scene.standings.insert(stage.stage.clone(), recorded(stage, None));
        }
        let store = self.store()?;
        let is_later =
            |e: &HistoryEntry| e.mark != past.entry.mark || e.started != past.entry.started;
        scene.recall(store.history()?.skip_while(is_later).skip(1), &past.entry.pipeline);
        Ok(scene.explanation(past.entry.pipeline.clone(), Some(past.id), names))
    }
}

fn givers(plan: &Plan) -> BTreeMap<(String, String), String> {
    let mut givers = BTreeMap::new();
    for instance in plan.graph.node_weights() {
        for edge in &instance.inputs {
            let giver = plan.graph[edge.from].name.clone();
            givers.insert((instance.name.clone(), edge.key_name()), giver);
        }
    }
    givers
}

fn standing(plan: &Plan, forecast: &Forecast) -> Standing {
    Standing {
        kind: plan.graph[forecast.node].kind.name().to_string(),
        state: forecast.standing.word().to_string(),
        reasons: forecast.reasons.clone(),
        error: forecast.error.as_ref().map(ToString::to_string),
        when: None,
    }
}

fn recorded(stage: &HistoryStage, when: Option<&str>) -> Standing {
    Standing {
        kind: stage.kind.clone(),
        state: stage.state.clone(),
        reasons: stage.reasons.clone(),
        error: stage.error.clone(),
        when: when.map(str::to_string),
    }
}

/// Picks the names that a person means: all instances of a stage, or one.
fn select(wanted: &str, known: Vec<String>) -> Result<Vec<String>, AppError> {
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

impl Scene {
    /// Replaces what is cached by how it last ran, so that the way up does not end there.
    fn recall(&mut self, history: impl Iterator<Item = HistoryEntry>, pipeline: &str) {
        let mut open: BTreeSet<String> = self
            .standings
            .iter()
            .filter(|(_, s)| s.state == "cached")
            .map(|(name, _)| name.clone())
            .collect();
        for entry in history.filter(|e| e.pipeline == pipeline) {
            for stage in entry.stages.iter().filter(|s| s.state == "ran") {
                if open.remove(&stage.stage) {
                    let known = recorded(stage, Some(&entry.started));
                    let state = "cached".to_string();
                    self.standings.insert(stage.stage.clone(), Standing { state, ..known });
                }
            }
            if open.is_empty() {
                break;
            }
        }
    }

    fn explanation(
        &self,
        pipeline: String,
        run: Option<crate::base::hash::RunId>,
        names: Vec<String>,
    ) -> Explanation {
        let links = self.links(names, &mut BTreeSet::new());
        let mut first_causes = Vec::new();
        links.iter().for_each(|link| collect_first(link, &mut first_causes));
        Explanation { pipeline, run, links, first_causes }
    }

    /// Makes links of instances; those of one stage that stand alike become one.
    fn links(&self, names: Vec<String>, told: &mut BTreeSet<String>) -> Vec<Link> {
        let mut groups: Vec<(String, Link, BTreeSet<String>)> = Vec::new();
        for name in names {
            let Some(standing) = self.standings.get(&name) else { continue };
            let (above, own): (Vec<Reason>, Vec<Reason>) =
                standing.reasons.iter().cloned().partition(|r| self.giver(&name, r).is_some());
            let givers: BTreeSet<String> =
                above.iter().filter_map(|r| self.giver(&name, r)).collect();
            let link = Link {
                instances: Vec::new(),
                kind: standing.kind.clone(),
                state: standing.state.clone(),
                reasons: condensed(&own),
                error: standing.error.clone(),
                when: standing.when.clone(),
                causes: Vec::new(),
                told: false,
            };
            let stage = name.split('/').next().unwrap_or(&name).to_string();
            let alike = groups.iter_mut().find(|(s, l, g)| {
                *s == stage && *g == givers && Link { instances: Vec::new(), ..l.clone() } == link
            });
            match alike {
                Some((_, group, _)) => group.instances.push(name),
                None => {
                    let link = Link { instances: vec![name], ..link };
                    groups.push((stage, link, givers));
                }
            }
        }
        let mut links = Vec::with_capacity(groups.len());
        for (_, mut link, givers) in groups {
            // In the order in which it is read, so that "above" is above.
            let n_told = link.instances.iter().filter(|&name| !told.insert(name.clone())).count();
            link.told = n_told == link.instances.len();
            if !link.told {
                link.causes = self.links(givers.into_iter().collect(), told);
            }
            links.push(link);
        }
        links
    }

    /// Returns who is behind a reason, if it is something above.
    fn giver(&self, name: &str, reason: &Reason) -> Option<String> {
        let about = reason.name.clone()?;
        let giver = match reason.code {
            ReasonCode::UpstreamStale => about,
            ReasonCode::InputChanged => self.givers.get(&(name.to_string(), about))?.clone(),
            _ => return None,
        };
        self.standings.contains_key(&giver).then_some(giver)
    }
}

fn collect_first(link: &Link, causes: &mut Vec<(Vec<String>, Reason)>) {
    let own = link.reasons.iter().map(|r| (link.instances.clone(), r.clone()));
    causes.extend(own.filter(|_| !link.told));
    link.causes.iter().for_each(|cause| collect_first(cause, causes));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::reason::{about, plain};

    fn scene(standings: &[(&str, &str, Vec<Reason>)], givers: &[(&str, &str, &str)]) -> Scene {
        let one = |(name, state, reasons): &(&str, &str, Vec<Reason>)| {
            let standing = Standing {
                kind: "k".to_string(),
                state: state.to_string(),
                reasons: reasons.clone(),
                error: None,
                when: None,
            };
            (name.to_string(), standing)
        };
        let giver = |(taker, input, giver): &(&str, &str, &str)| {
            ((taker.to_string(), input.to_string()), giver.to_string())
        };
        Scene {
            standings: standings.iter().map(one).collect(),
            givers: givers.iter().map(giver).collect(),
        }
    }

    #[test]
    fn the_way_leads_to_the_first_cause() {
        let scene = scene(
            &[
                ("raw", "cached", vec![]),
                ("fit", "stale", vec![about(ReasonCode::ParamChanged, "scale")]),
                ("km/k=2", "maybe", vec![about(ReasonCode::UpstreamStale, "fit")]),
                ("km/k=3", "maybe", vec![about(ReasonCode::UpstreamStale, "fit")]),
                (
                    "best",
                    "maybe",
                    vec![
                        about(ReasonCode::UpstreamStale, "km/k=2"),
                        about(ReasonCode::UpstreamStale, "km/k=3"),
                    ],
                ),
            ],
            &[],
        );
        let found = scene.explanation("p".to_string(), None, vec!["best".to_string()]);
        assert_eq!(found.links.len(), 1);
        let km = &found.links[0].causes;
        assert_eq!(km[0].instances, ["km/k=2", "km/k=3"]);
        assert_eq!(km[0].causes[0].instances, ["fit"]);
        let causes: Vec<_> =
            found.first_causes.iter().map(|(n, r)| (n[0].as_str(), r.code)).collect();
        assert_eq!(causes, [("fit", ReasonCode::ParamChanged)]);
    }

    #[test]
    fn a_changed_input_leads_to_whoever_made_it() {
        let changed = about(ReasonCode::InputChanged, "table");
        let scene = scene(
            &[
                ("raw", "ran", vec![about(ReasonCode::FileChanged, "a.csv")]),
                ("fit", "ran", vec![changed.clone()]),
                ("lone", "ran", vec![changed.clone(), plain(ReasonCode::Forced)]),
            ],
            &[("fit", "table", "raw")],
        );
        let found = scene.explanation("p".to_string(), None, vec!["fit".to_string()]);
        assert_eq!(found.first_causes[0].1.code, ReasonCode::FileChanged);
        // Without knowing the giver the changed input itself is the last that can be said.
        let found = scene.explanation("p".to_string(), None, vec!["lone".to_string()]);
        assert_eq!(found.first_causes.len(), 2);
    }

    #[test]
    fn names_select_stages_and_instances() {
        let known = || vec!["km/k=2".to_string(), "km/k=3".to_string(), "fit".to_string()];
        assert_eq!(select("km", known()).unwrap().len(), 2);
        assert_eq!(select("km/k=3", known()).unwrap(), ["km/k=3"]);
        assert!(select("fti", known()).unwrap_err().to_string().contains("did you mean `fit`?"));
    }
}
