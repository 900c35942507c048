//! The list of what was run, two of which can be compared, and the page of one. It does not know how runs are recorded.

use std::fmt::Write as _;

use super::{
    asked::{Asked, link, word},
    shell::{Page, command},
    site::Site,
};
use crate::{
    app::{AppError, Logged},
    kinds::page::{self, escape},
    report::{history, run_page, style::duration},
};

/// Executions shown at once.
const SHOWN: usize = 200;

/// Returns the list.
///
/// # Errors
/// If the store cannot be read.
pub fn list(site: &Site) -> Result<Page, AppError> {
    let logged = site.project.log(Some(SHOWN))?;
    let mut body = String::new();
    if logged.is_empty() {
        body.push_str("<p class=\"lead\">Nothing was run yet.</p>\n");
        let _ = writeln!(body, "<p class=\"tools\">{}</p>", command("orchestrate run"));
    } else {
        let button = "<p class=\"tools\"><button>Compare a with b</button></p>\n";
        let _ = write!(body, "<form action=\"/compare\">\n{}{button}</form>\n", table(&logged));
    }
    let which = match logged.len() {
        SHOWN => format!("the newest {SHOWN} executions"),
        _ => "newest first".to_string(),
    };
    let subtitle = format!("{which} {}", command("orchestrate log"));
    let (title, at) = ("Runs".to_string(), "/runs".to_string());
    Ok(Page { title, subtitle, body, at, events: None })
}

fn table(logged: &[Logged]) -> String {
    let mut runs: Vec<String> = Vec::new();
    for run in logged.iter().filter_map(|l| l.entry.run).map(|run| run.to_hex()) {
        if !runs.contains(&run) {
            runs.push(run);
        }
    }
    // The two newest runs that differ, the older one as a.
    let newest = runs.first().cloned().unwrap_or_default();
    let before = runs.get(1).unwrap_or(&newest).clone();
    let mut seen: Vec<String> = Vec::new();
    let mut row = |l: &Logged| {
        let entry = &l.entry;
        let run = entry.run.map(|run| run.to_hex());
        let is_first = run.as_ref().is_some_and(|run| !seen.contains(run));
        seen.extend(run.clone().filter(|_| is_first));
        // Of several executions of one run one can be chosen; they would compare alike.
        let choice = |side: &str, chosen: &str| match run.as_ref().filter(|_| is_first) {
            None => String::new(),
            Some(run) => {
                let checked = if run == chosen { " checked" } else { "" };
                format!(
                    "<input type=\"radio\" name=\"{side}\" value=\"{run}\"{checked} aria-label=\"{side}: run {}\">",
                    &run[..12]
                )
            }
        };
        let name = match &run {
            Some(run) => {
                let address = escape(&link("/run", &[("run", run)]));
                format!("<a href=\"{address}\"><code>{}</code></a>", &run[..12])
            }
            None => "<span class=\"soft\">did not finish</span>".to_string(),
        };
        let mut of = l.tags.join(", ");
        if !entry.targets.is_empty() {
            let _ = write!(of, " (only {})", entry.targets.join(", "));
        }
        vec![
            choice("a", &before),
            choice("b", &newest),
            name,
            escape(&history::when(&entry.started)),
            page::value(&entry.pipeline),
            duration(entry.seconds),
            escape(&history::counts(entry)),
            escape(of.trim()),
        ]
    };
    let rows: Vec<Vec<String>> = logged.iter().map(&mut row).collect();
    let head = ["a", "b", "run", "when", "pipeline", "took", "stages", "tags"];
    page::table(&head, &[false, false, false, false, false, true], &rows)
}

/// Returns the page of a run.
///
/// # Errors
/// If the run is unknown or its records are damaged.
pub fn one(site: &Site, asked: &Asked) -> Result<Page, AppError> {
    let run = asked.get("run").unwrap_or("latest");
    let timeline = site.project.timeline(run)?;
    let id = timeline.past.id.to_hex();
    let links = run_page::Links {
        page: &|hash, _| link("/page", &[("hash", hash)]),
        output: Some(&|stage, port| {
            link("/artifact", &[("run", &id), ("of", &format!("{stage}.{port}"))])
        }),
    };
    let (title, subtitle) = run_page::heading(&timeline);
    let short = word(&id[..12]);
    let before = link("/compare", &[("a", "latest~1"), ("b", &id)]);
    let mut body = format!("<p class=\"tools\">{}", command(&format!("orchestrate show {short}")));
    let _ = write!(body, " {}", command(&format!("orchestrate report {short} -o run.html")));
    let _ = writeln!(body, " <a href=\"{}\">compare with the run before</a></p>", escape(&before));
    body.push_str(&run_page::body(&timeline, &links));
    Ok(Page { title, subtitle: escape(&subtitle), body, at: "/runs".to_string(), events: None })
}
