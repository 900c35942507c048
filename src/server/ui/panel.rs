//! What the page tells of one stage: its state and why, parameters, inputs, outputs, key and time.
//! It does not know the graph around it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use serde_json::Value;

use super::{
    asked::{link, word},
    scene::Scene,
    shell::{command, escape_lines},
    site::Site,
};
use crate::{
    app::{AppError, Link, Now, Question, SurveyOptions},
    engine::{plan::Instance, status::Forecast},
    kinds::page::{self, escape, number},
    report::{
        dag::Light,
        history, plain,
        style::{bytes, duration},
    },
};

/// Most links of the way to the causes.
const MOST_LINKS: usize = 60;
/// Most instances listed.
const MOST_INSTANCES: usize = 500;

/// Returns what is told of a node of the graph: of a stage with several instances, which they are.
///
/// # Errors
/// If there is no such stage, or the store cannot be read.
pub fn html(site: &Site, scene: &Scene, node: &str) -> Result<String, AppError> {
    let instances = scene.instances(node);
    let one = match instances.as_slice() {
        [] => {
            let pipeline = &scene.survey.plan.pipeline;
            return Err(AppError::Usage(format!("`{pipeline}` has no stage `{node}`")));
        }
        [one] => *one,
        several => return Ok(folded(scene, node, several)),
    };
    let Some(forecast) = scene.forecast(one) else { return Ok(String::new()) };
    let instance = &scene.survey.plan.graph[forecast.node];
    let kind = instance.kind;
    let lead = format!("<code>{}</code> {}", escape(kind.name()), escape(kind.about()));
    let mut out = String::from("<div class=\"two\">\n<div class=\"card\">");
    out.push_str(&state(site, scene, instance, forecast)?);
    out.push_str("</div>\n<div class=\"card\">");
    out.push_str(&params(&instance.params));
    out.push_str(&inputs(scene, instance));
    out.push_str("</div>\n</div>\n");
    out.push_str(&outputs(scene, instance, forecast));
    Ok(page::section("stage", one, &lead, &out))
}

/// Returns a state with its colour.
pub fn lamp(light: Light, text: &str) -> String {
    format!("<span class=\"lamp {}\">{}</span>", light.word(), escape(text))
}

/// Returns why an instance is not cached.
pub fn why(forecast: &Forecast) -> Option<String> {
    match &forecast.error {
        Some(error) => Some(error.to_string()),
        None => Some(plain::reasons_text(&forecast.reasons)).filter(|text| !text.is_empty()),
    }
}

fn lit(scene: &Scene, instance: &str) -> Light {
    scene.lights.get(instance).map_or(Light::Maybe, |(light, _)| *light)
}

fn stage_link(scene: &Scene, stage: &str) -> String {
    let address = link("/", &[("pipeline", &scene.name), ("stage", stage)]);
    format!("<a href=\"{}#panel\">{}</a>", escape(&address), page::breaking(stage))
}

fn folded(scene: &Scene, stage: &str, instances: &[&str]) -> String {
    let row = |name: &&str| {
        let forecast = scene.forecast(name);
        let light = lit(scene, name);
        vec![
            stage_link(scene, name),
            lamp(light, light.word()),
            forecast.and_then(|f| f.seconds).map_or_else(String::new, duration),
            escape(&forecast.and_then(why).unwrap_or_default()),
        ]
    };
    let rows: Vec<Vec<String>> = instances.iter().take(MOST_INSTANCES).map(row).collect();
    let head = ["instance", "state", "took", "why"];
    let table = page::stacking_table(&head, &[false, false, true], &rows);
    let apart = link("/", &[("pipeline", &scene.name), ("open", stage)]);
    let mut lead = format!(
        "{} instances; <a href=\"{}\">show them in the graph</a>.",
        number::count(instances.len()),
        escape(&apart)
    );
    if instances.len() > MOST_INSTANCES {
        let _ = write!(lead, " The first {MOST_INSTANCES} are listed.");
    }
    page::section("stage", stage, &lead, &table)
}

fn state(
    site: &Site,
    scene: &Scene,
    instance: &Instance,
    forecast: &Forecast,
) -> Result<String, AppError> {
    let name = &instance.name;
    let light = lit(scene, name);
    let mut out = format!("<h3>{}</h3>\n", lamp(light, light.word()));
    let now = scene.going.iter().rev().find_map(|going| going.stages.get(name));
    match now {
        Some(Now::Running { done, total: 0 }) if *done > 0 => {
            let _ = writeln!(out, "<p>{} done</p>", number::count(*done as usize));
        }
        Some(Now::Running { done, total }) if *total > 0 => {
            let (done, total) = (number::count(*done as usize), number::count(*total as usize));
            let _ = writeln!(out, "<p>{done} of {total} done</p>");
        }
        Some(Now::Ended { error: Some(error), .. }) => out.push_str(&failure(error)),
        Some(Now::Ended { seconds, .. }) => {
            let _ = writeln!(out, "<p>ended after {}</p>", duration(*seconds));
        }
        _ => {}
    }
    let recorded = scene.recorded(name);
    if light == Light::Failed
        && let Some(error) = recorded.and_then(|stage| stage.error.as_ref())
    {
        out.push_str(&failure(error));
    }
    if let Some(error) = &forecast.error {
        out.push_str(&failure(&error.to_string()));
    }
    out.push_str(&reasons(site, scene, name)?);
    out.push_str("<dl class=\"facts\">\n");
    let mut fact = |name: &str, html: String| {
        let _ = writeln!(out, "<div><dt>{name}</dt><dd>{html}</dd></div>");
    };
    if let Some(seconds) = forecast.seconds {
        fact("took", duration(seconds));
    }
    fact(
        "key",
        match forecast.key {
            Some(key) => format!("<code>{key}</code>"),
            None => "known once what is above has run".to_string(),
        },
    );
    for note in recorded.iter().flat_map(|stage| &stage.notes) {
        fact("note", escape(note));
    }
    let (pipeline, stage) = (word(&scene.name), word(name));
    fact("why", command(&format!("orchestrate explain {stage} --pipeline {pipeline}")));
    fact("run it", command(&format!("orchestrate run {pipeline} --target {stage}")));
    out.push_str("</dl>\n");
    Ok(out)
}

fn failure(text: &str) -> String {
    format!("<pre class=\"text error\">{}</pre>\n", escape_lines(text))
}

/// Returns the way from the stage to the first causes.
fn reasons(site: &Site, scene: &Scene, stage: &str) -> Result<String, AppError> {
    let question = Question {
        stage: stage.to_string(),
        pipeline: Some(scene.name.clone()),
        survey: SurveyOptions::default(),
        run: None,
    };
    let explanation = site.project.explain(&question)?;
    let mut left = MOST_LINKS;
    let mut out = String::new();
    for chain in &explanation.links {
        let because = causes(scene, chain, &mut left);
        if let Some(made) = &chain.made {
            let by = match made.run.map(|run| run.to_hex()) {
                Some(run) => {
                    let address = escape(&link("/run", &[("run", &run)]));
                    format!("by <a href=\"{address}\">run {}</a>", &run[..12])
                }
                None => "by a run that did not finish".to_string(),
            };
            let why = if because.is_empty() { "" } else { ", because" };
            let when = escape(&history::when(&made.started));
            let _ = writeln!(out, "<p>made {when} {by}{why}</p>");
        }
        out.push_str(&because);
    }
    Ok(out)
}

fn causes(scene: &Scene, chain: &Link, left: &mut usize) -> String {
    let mut items = String::new();
    for reason in &chain.reasons {
        let _ = writeln!(items, "<li>{}</li>", escape(&plain::reason_text(reason)));
    }
    for cause in &chain.causes {
        let Some(rest) = left.checked_sub(1) else { break };
        *left = rest;
        let name = match cause.instances.as_slice() {
            [one] => stage_link(scene, one),
            several => format!("{} instances", several.len()),
        };
        let told = if cause.told { String::new() } else { causes(scene, cause, left) };
        let _ = writeln!(items, "<li>{name}, {}{told}</li>", escape(&cause.state));
    }
    match items.is_empty() {
        true => String::new(),
        false => format!("<ul class=\"causes\">\n{items}</ul>\n"),
    }
}

fn params(params: &Value) -> String {
    let rows: Vec<Vec<String>> = params
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| {
            vec![page::value(name), format!("<code>{}</code>", escape(&value.to_string()))]
        })
        .collect();
    match rows.is_empty() {
        true => "<h3>Parameters</h3>\n<p class=\"note\">It has none.</p>\n".to_string(),
        false => {
            format!("<h3>Parameters</h3>\n{}", page::table(&["parameter", "value"], &[], &rows))
        }
    }
}

/// What one giver gives at one input.
#[derive(Default)]
struct Given<'a> {
    outputs: BTreeSet<&'a str>,
    givers: BTreeSet<&'a str>,
}

/// Returns who gives what; the instances of a stage that is taken whole are one giver.
fn inputs(scene: &Scene, instance: &Instance) -> String {
    let graph = &scene.survey.plan.graph;
    let mut given: BTreeMap<(&str, &str), Given<'_>> = BTreeMap::new();
    for edge in &instance.inputs {
        let giver = &graph[edge.from];
        let by = if edge.candidate.is_some() { &giver.stage } else { &giver.name };
        let given = given.entry((&edge.port, by)).or_default();
        given.outputs.insert(&edge.output);
        given.givers.insert(&giver.name);
    }
    let row = |((port, by), given): (&(&str, &str), &Given<'_>)| {
        let several = match given.givers.len() {
            1 => String::new(),
            n => format!(" ({n} instances)"),
        };
        let outputs: Vec<&str> = given.outputs.iter().copied().collect();
        let from = format!("{}{several}", stage_link(scene, by));
        vec![page::value(port), from, escape(&outputs.join(", "))]
    };
    let rows: Vec<Vec<String>> = given.iter().map(row).collect();
    match rows.is_empty() {
        true => String::new(),
        false => format!(
            "<h3 class=\"sub\">Inputs</h3>\n{}",
            page::table(&["input", "from", "its"], &[], &rows)
        ),
    }
}

fn outputs(scene: &Scene, instance: &Instance, forecast: &Forecast) -> String {
    if forecast.outputs.is_empty() {
        return String::new();
    }
    let row = |(port, output): (&String, &crate::store::records::OutputRecord)| {
        let of = format!("{}.{port}", instance.name);
        let address = link("/artifact", &[("pipeline", &scene.name), ("of", &of)]);
        vec![
            format!("<a href=\"{}\">{}</a>", escape(&address), page::value(port)),
            output.rows.map_or_else(String::new, |n| number::count(n as usize)),
            bytes(output.bytes),
            format!("<code>{}</code>", output.hash),
        ]
    };
    let rows: Vec<Vec<String>> = forecast.outputs.iter().map(row).collect();
    let head = ["output", "rows", "size", "BLAKE3 of its bytes"];
    format!("<h3 class=\"sub\">Outputs</h3>\n{}", page::table(&head, &[false, true, true], &rows))
}
