//! The page of a pipeline: its graph as it stands, and below it the stage that was chosen, or all of them.
//! It does not know how states are found.

use std::{collections::BTreeSet, fmt::Write as _};

use super::{
    asked::{Asked, link, word},
    drawing, panel,
    scene::Scene,
    shell::{Page, command},
    site::Site,
};
use crate::{
    app::AppError,
    kinds::page::{self, escape, number},
    report::{
        dag::{Graph, Light},
        history,
        style::duration,
    },
};

/// Returns the page.
///
/// # Errors
/// If the pipeline does not exist or is not valid, or the store cannot be read.
pub fn page(site: &Site, asked: &Asked) -> Result<Page, AppError> {
    let name = site.pipeline(asked.get("pipeline"))?;
    let scene = Scene::of(site, &name)?;
    let open = open(asked);
    let graph = scene.graph(&open);
    let chosen = asked.get("stage");
    let apart: Vec<&str> = open.iter().map(String::as_str).collect();
    let mut body = format!("<p id=\"summary\" role=\"status\">{}</p>\n", summary(&scene, &graph));
    let picture = drawing::svg(&scene, &graph, &apart, chosen);
    let _ = writeln!(
        body,
        "<div class=\"scroll graph\" tabindex=\"0\" role=\"region\" aria-label=\"Graph\">{picture}</div>"
    );
    body.push_str(&below(&scene, &apart));
    let panel = match chosen {
        Some(node) => panel::html(site, &scene, node)?,
        None => overview(&scene, &graph),
    };
    let _ = writeln!(body, "<div id=\"panel\">{panel}</div>");
    let mut events = vec![("pipeline", name.as_str())];
    events.extend(apart.iter().map(|stage| ("open", *stage)));
    Ok(Page {
        title: scene.survey.plan.pipeline.clone(),
        subtitle: page::escape(&scene.survey.file.label),
        body,
        events: Some(link("/events", &events)),
        at: name,
    })
}

/// Returns the stages whose instances stand apart.
pub fn open(asked: &Asked) -> BTreeSet<String> {
    asked.all("open").map(str::to_string).collect()
}

/// Returns how the pipeline stands in a line, with the colour of each state.
pub fn summary(scene: &Scene, graph: &Graph) -> String {
    let mut out = String::new();
    for light in Light::ALL {
        let n: usize = graph.nodes.iter().filter_map(|node| node.states.get(&light)).sum();
        if n > 0 {
            let word = light.word();
            let _ = write!(out, "<span class=\"lamp {word}\">{} {word}</span>", number::count(n));
        }
    }
    for going in &scene.going {
        let since = escape(&history::when(&going.started));
        let _ = write!(out, "<span class=\"said\">a run goes on since {since}</span>");
    }
    if let (true, Some(last)) = (scene.going.is_empty(), &scene.last) {
        let (when, took) = (escape(&history::when(&last.started)), duration(last.seconds));
        let run = last.run.map(|run| run.to_hex());
        let _ = match &run {
            Some(run) => write!(
                out,
                "<span class=\"said\">last <a href=\"{}\">run {}</a> {when}, {took}</span>",
                escape(&link("/run", &[("run", run)])),
                &run[..12]
            ),
            None => write!(out, "<span class=\"said\">last execution {when} did not finish</span>"),
        };
    }
    out
}

/// Returns what stands right below the graph: what to type to bring it up to date, and how to fold it again.
fn below(scene: &Scene, apart: &[&str]) -> String {
    let mut out = format!(
        "<p class=\"tools\">{}",
        command(&format!("orchestrate run {}", word(&scene.name)))
    );
    for stage in apart {
        let mut asked = vec![("pipeline", scene.name.as_str())];
        asked.extend(apart.iter().filter(|other| *other != stage).map(|other| ("open", *other)));
        let address = escape(&link("/", &asked));
        let _ = write!(out, " <a href=\"{address}\">fold {}</a>", page::value(stage));
    }
    out + "</p>\n"
}

/// Returns all nodes of the graph as a table.
fn overview(scene: &Scene, graph: &Graph) -> String {
    let row = |node: &crate::report::dag::Node| {
        let address = link("/", &[("pipeline", &scene.name), ("stage", &node.name)]);
        let forecasts =
            || scene.instances(&node.name).into_iter().filter_map(|i| scene.forecast(i));
        let seconds: f64 = forecasts().filter_map(|f| f.seconds).sum();
        let why = forecasts().find_map(panel::why).unwrap_or_default();
        vec![
            format!("<a href=\"{}#panel\">{}</a>", escape(&address), page::breaking(&node.name)),
            escape(&node.kind),
            panel::lamp(node.light(), &node.state_text()),
            duration(seconds),
            escape(&why),
        ]
    };
    let rows: Vec<Vec<String>> = graph.nodes.iter().map(row).collect();
    let head = ["stage", "kind", "state", "took", "why"];
    let table = page::stacking_table(&head, &[false, false, false, true], &rows);
    page::section("stages", "Stages", "", &table)
}
