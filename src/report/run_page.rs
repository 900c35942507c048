//! A past run as one page for people: its graph, when each stage worked, parameters, hashes, and the reports of its
//! stages. It does not read anything; what it shows was recorded.

use std::{collections::BTreeMap, fmt::Write};

use crate::{
    app::Timeline,
    kinds::page::{self, number, scale},
    report::{
        dag::{Graph, Light, svg},
        plain,
        style::{bytes, duration},
    },
    store::records::HistoryStage,
};

/// Most stages in the picture of when they worked; of more the longest are shown.
const MOST_SPANS: usize = 60;

const WIDTH: f64 = 1100.0;
const LABELS: f64 = 250.0;
const ROW: f64 = 20.0;

/// Makes an address of two words.
type Address<'a> = &'a dyn Fn(&str, &str) -> String;

/// Where the page's links lead.
pub struct Links<'a> {
    /// The address of an output that is a page itself, by hash and ending.
    pub page: Address<'a>,
    /// The address at which an output is looked at, by stage and port, if there is one.
    pub output: Option<Address<'a>>,
}

/// Returns the page.
pub fn html(timeline: &Timeline, links: &Links<'_>) -> String {
    let (title, subtitle) = heading(timeline);
    page::document(&title, &subtitle, &body(timeline, links))
}

/// Returns the page's title and what stands below it.
pub fn heading(timeline: &Timeline) -> (String, String) {
    let past = &timeline.past;
    let entry = &past.entry;
    let title = format!("{} {}", entry.pipeline, past.id.short());
    let mut subtitle = format!("{}, {} on {}", entry.file, entry.started, entry.host);
    if !past.tags.is_empty() {
        let _ = write!(subtitle, "; {}", past.tags.join(", "));
    }
    (title, subtitle)
}

/// Returns what stands on the page.
pub fn body(timeline: &Timeline, links: &Links<'_>) -> String {
    let past = &timeline.past;
    let (entry, id) = (&past.entry, past.id.to_hex());
    let n = |word: &str| entry.counts.get(word).copied().unwrap_or(0);
    let mut body = page::tiles(&[
        (number::count(past.manifest.stages.len()), "stage instances"),
        (number::count(n("ran") as usize), "ran"),
        (number::count(n("cached") as usize), "found in place"),
        (duration(entry.seconds), "in all"),
        (number::count(entry.threads), if entry.threads == 1 { "thread" } else { "threads" }),
    ]);
    let lead = format!(
        "Run <code>{id}</code>, by version {}. <code>orchestrate reproduce {}</code> executes it again and compares every \
         artifact.",
        page::escape(&entry.program),
        past.id.short()
    );
    body.push_str(&page::section("graph", "Graph", &lead, &graph(timeline)));
    body.push_str(&work(timeline));
    body.push_str(&pages(timeline, links));
    body.push_str(&params(timeline));
    body.push_str(&stages(timeline, links));
    body
}

/// A picture of its own, so that its styles stay in it.
fn graph(timeline: &Timeline) -> String {
    let stages = &timeline.past.entry.stages;
    let lights: BTreeMap<&str, Light> =
        stages.iter().filter_map(|s| Some((s.stage.as_str(), Light::of_word(&s.state)?))).collect();
    let graph = Graph::past(&timeline.past.manifest, &lights);
    let picture = svg::render(&graph);
    let mut address = String::from("data:image/svg+xml,");
    for c in picture.chars() {
        match c {
            '%' | '#' | '"' | '\'' | '<' | '>' | '&' | '\n' => {
                let _ = write!(address, "%{:02X}", u32::from(c));
            }
            c => address.push(c),
        }
    }
    let names: Vec<String> =
        graph.nodes.iter().map(|n| format!("{} {}", n.name, n.state_text())).collect();
    let alt = page::escape(&page::cut(&names.join("; "), 2_000));
    format!(
        "<div class=\"scroll\" tabindex=\"0\"><img src=\"{address}\" alt=\"Graph: {alt}\"></div>\n"
    )
}

fn work(timeline: &Timeline) -> String {
    if timeline.spans.is_empty() {
        let lead = "Nothing had to run, or the run was recorded before times were.";
        return page::section("work", "When stages worked", lead, "");
    }
    let mut shown: Vec<_> = timeline.spans.iter().collect();
    let mut lead = "Marked stages are the longest way: the chain of stages, each of which needed the one before, that \
                    took longest. More threads do not shorten it."
        .to_string();
    if shown.len() > MOST_SPANS {
        let _ =
            write!(lead, " The longest {MOST_SPANS} of {} are shown.", number::count(shown.len()));
        shown.sort_by(|a, b| b.seconds.total_cmp(&a.seconds).then(a.stage.cmp(&b.stage)));
        shown.truncate(MOST_SPANS);
        shown.sort_by(|a, b| a.at.total_cmp(&b.at).then(a.stage.cmp(&b.stage)));
    }
    let end = timeline.spans.iter().map(|s| s.at + s.seconds).fold(1e-3, f64::max);
    let x = |seconds: f64| LABELS + seconds / end * (WIDTH - LABELS - 70.0);
    let height = shown.len() as f64 * ROW + 26.0;
    let mut out = format!(
        "<div class=\"card\"><div class=\"scroll\" tabindex=\"0\"><svg class=\"chart\" viewBox=\"0 0 {WIDTH} {height}\" \
         style=\"min-width:700px\" role=\"img\" aria-label=\"When each stage worked\">\n"
    );
    for tick in scale::ticks(0.0, end, 6) {
        let at = place(x(tick));
        let _ = writeln!(
            out,
            "<line class=\"grid\" x1=\"{at}\" x2=\"{at}\" y1=\"0\" y2=\"{}\"/><text x=\"{at}\" y=\"{}\" \
             text-anchor=\"middle\">{}</text>",
            height - 20.0,
            height - 6.0,
            duration(tick)
        );
    }
    for (i, span) in shown.iter().enumerate() {
        let stage = &timeline.past.entry.stages[span.stage];
        let y = i as f64 * ROW;
        let star = if span.critical { " ★" } else { "" };
        let (left, right) = (x(span.at), x(span.at + span.seconds));
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}{star}</text>\
             <rect class=\"fill\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"12\" rx=\"2\" fill-opacity=\"{}\"><title>{} {}</title></rect>\
             <text x=\"{}\" y=\"{}\">{}</text>",
            LABELS - 8.0,
            y + 13.0,
            page::escape(&page::cut(&stage.stage, 34)),
            place(left),
            y + 3.0,
            place((right - left).max(1.0)),
            if span.critical { "1" } else { "0.5" },
            page::escape(&stage.stage),
            duration(span.seconds),
            place(right + 5.0),
            y + 13.0,
            duration(span.seconds)
        );
    }
    out.push_str("</svg></div></div>\n");
    page::section("work", "When stages worked", &page::escape(&lead), &out)
}

/// Returns a coordinate, without the marks between thousands that figures for people have.
fn place(at: f64) -> String {
    format!("{at:.1}")
}

/// Links to what stages made to be looked at.
fn pages(timeline: &Timeline, links: &Links<'_>) -> String {
    let mut items = String::new();
    for stage in &timeline.past.entry.stages {
        for (port, output) in stage.outputs.iter().filter(|(_, o)| o.ext == "html") {
            let _ = writeln!(
                items,
                "<li><a href=\"{}\">{} {}</a></li>",
                page::escape(&(links.page)(&output.hash.to_hex(), &output.ext)),
                page::value(&stage.stage),
                page::value(port)
            );
        }
    }
    match items.is_empty() {
        true => String::new(),
        false => page::section("reports", "Reports", "", &format!("<ul>\n{items}</ul>\n")),
    }
}

fn params(timeline: &Timeline) -> String {
    let row = |(name, value): (&String, &serde_json::Value)| {
        vec![page::value(name), format!("<code>{}</code>", page::escape(&value.to_string()))]
    };
    let rows: Vec<Vec<String>> = timeline.past.manifest.params.iter().map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    page::section("params", "Parameters", "", &page::table(&["parameter", "value"], &[], &rows))
}

fn stages(timeline: &Timeline, links: &Links<'_>) -> String {
    let params: BTreeMap<&str, String> = timeline
        .past
        .manifest
        .stages
        .iter()
        .map(|s| (s.name.as_str(), s.preimage.params.to_string()))
        .collect();
    let row = |stage: &HistoryStage| {
        let outputs = stage.outputs.iter().map(|(port, o)| {
            let rows = o
                .rows
                .map_or_else(String::new, |n| format!(", {} rows", number::count(n as usize)));
            let name = match links.output {
                None => page::value(port),
                Some(link) => {
                    let address = page::escape(&link(&stage.stage, port));
                    format!("<a href=\"{address}\">{}</a>", page::value(port))
                }
            };
            format!(
                "{name} <code title=\"{}\">{}</code> {}{rows}",
                o.hash,
                &o.hash.to_hex()[..12],
                bytes(o.bytes)
            )
        });
        let key = stage.key.map(|key| key.to_hex());
        let key = key
            .map_or_else(String::new, |hex| format!("<code title=\"{hex}\">{}</code>", &hex[..12]));
        let why = match stage.reasons.is_empty() {
            true => String::new(),
            false => page::escape(&plain::reasons_text(&stage.reasons)),
        };
        vec![
            page::breaking(&stage.stage),
            page::escape(&stage.kind),
            page::escape(&stage.state),
            duration(stage.seconds),
            why,
            key,
            outputs.collect::<Vec<_>>().join("<br>"),
            params
                .get(stage.stage.as_str())
                .map_or_else(String::new, |p| format!("<code>{}</code>", page::escape(p))),
        ]
    };
    let rows: Vec<Vec<String>> = timeline.past.entry.stages.iter().map(row).collect();
    let head = ["stage", "kind", "state", "took", "why", "key", "outputs", "parameters"];
    let numeric = [false, false, false, true];
    let lead = "Hashes are BLAKE3, shortened; the whole one stands in the tooltip. For what was in place, the time is that of \
                when it ran.";
    page::section("stages", "Stages", lead, &page::table(&head, &numeric, &rows))
}
