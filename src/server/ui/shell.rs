//! What stands around every page, and pages that only say why there is none. It does not know what they are about.

use askama::Template;
use axum::http::StatusCode;

use super::{asked::link, site::Site};
use crate::{
    app::AppError,
    kinds::page::{escape, value},
    report::{self, style::Style},
};

/// A page without what stands around it.
pub struct Page {
    /// Its title, as text.
    pub title: String,
    /// What stands below the title, as HTML.
    pub subtitle: String,
    /// What is on it, as HTML.
    pub body: String,
    /// What the person is looking at: a pipeline's name, or `runs`.
    pub at: String,
    /// Where news of what it shows come from, if it moves.
    pub events: Option<String>,
}

#[derive(Template)]
#[template(path = "ui/shell.html")]
struct Shell<'a> {
    project: String,
    pipelines: Vec<(String, String, bool)>,
    is_runs: bool,
    page: &'a Page,
}

/// Returns a whole document.
pub fn document(site: &Site, page: &Page) -> String {
    let pipelines = site.project.pipelines().into_iter().map(|name| {
        let is_here = name == page.at;
        (link("/", &[("pipeline", &name)]), value(&name), is_here)
    });
    let shell = Shell {
        project: site.name(),
        pipelines: pipelines.collect(),
        is_runs: page.at == "/runs",
        page,
    };
    // It writes to memory and asks nobody: it cannot fail.
    shell.render().unwrap_or_default()
}

/// Returns the page that says why there is no other one, and its status.
pub fn refusal(error: &AppError) -> (StatusCode, Page) {
    let status = match error {
        AppError::Usage(_) | AppError::RunRef(_) | AppError::Stage(_) => StatusCode::NOT_FOUND,
        // What is wrong with a pipeline is what its page shows.
        AppError::Invalid { .. } => StatusCode::OK,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let text = report::error::render(error, &Style::new(false));
    let page = Page {
        title: match error {
            AppError::Invalid { file, .. } => format!("{file} is not valid"),
            _ => "There is no such page".to_string(),
        },
        subtitle: String::new(),
        body: format!("<pre class=\"text\">{}</pre>\n", escape_lines(&text)),
        at: String::new(),
        events: None,
    };
    (status, page)
}

/// Returns text of several lines fit for HTML.
pub fn escape_lines(text: &str) -> String {
    text.split('\n').map(escape).collect::<Vec<_>>().join("\n")
}

/// Returns a command line that can be copied.
pub fn command(text: &str) -> String {
    format!("<code class=\"command\">{}</code>", escape(text))
}
