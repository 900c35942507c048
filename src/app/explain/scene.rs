//! How all instances stand, and the ways through them from a stage to the first causes. It does not know where
//! this comes from: a survey and a past execution look the same here.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    app::explain::{Explanation, Link, Made},
    base::hash::{RunId, StageKey},
    engine::reason::condensed,
    store::{
        error::StoreError,
        records::{HistoryEntry, HistoryStage, Reason, ReasonCode},
        runs::Told,
    },
};

/// How one instance stands, in a survey or in a past execution.
#[derive(Clone)]
pub struct Standing {
    pub kind: String,
    pub state: String,
    pub key: Option<StageKey>,
    pub reasons: Vec<Reason>,
    pub error: Option<String>,
    pub early_cutoff: bool,
    pub made: Option<Made>,
}

/// Everything that is known of all instances.
pub struct Scene {
    pub standings: BTreeMap<String, Standing>,
    /// Who feeds an input, by instance and by the input's name in keys.
    pub givers: BTreeMap<(String, String), String>,
}

impl Standing {
    /// Returns how an instance stood after an execution.
    pub fn recorded(stage: &HistoryStage) -> Standing {
        Standing {
            kind: stage.kind.clone(),
            state: stage.state.clone(),
            key: stage.key,
            reasons: stage.reasons.clone(),
            error: stage.error.clone(),
            early_cutoff: stage.early_cutoff,
            made: None,
        }
    }
}

impl Scene {
    /// Replaces what is cached by how it was made, so that the way up does not end there. What counts is the key:
    /// an instance of that name may have run since with something else.
    pub fn recall(
        &mut self,
        history: impl Iterator<Item = Told<HistoryEntry>>,
    ) -> Result<(), StoreError> {
        let mut open: BTreeMap<StageKey, Vec<String>> = BTreeMap::new();
        for (name, standing) in &self.standings {
            if let Some(key) = standing.key.filter(|_| standing.state == "cached") {
                open.entry(key).or_default().push(name.clone());
            }
        }
        for entry in history {
            if open.is_empty() {
                break;
            }
            let entry = entry?;
            for stage in entry.stages.iter().filter(|s| s.state == "ran") {
                for name in stage.key.and_then(|key| open.remove(&key)).unwrap_or_default() {
                    if let Some(standing) = self.standings.get_mut(&name) {
                        standing.reasons.clone_from(&stage.reasons);
                        standing.made =
                            Some(Made { started: entry.started.clone(), run: entry.run });
                    }
                }
            }
        }
        Ok(())
    }

    /// Follows the reasons of the instances called `names` up to where they end.
    pub fn explanation(
        &self,
        pipeline: String,
        run: Option<RunId>,
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
                early_cutoff: standing.early_cutoff,
                made: standing.made.clone(),
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
                key: None,
                reasons: reasons.clone(),
                error: None,
                early_cutoff: false,
                made: None,
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
}
