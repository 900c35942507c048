//! The page that holds two runs against each other. It does not know how they differ.

use super::{
    asked::{Asked, link, word},
    shell::{Page, command},
    site::Site,
};
use crate::{
    app::{AppError, PastRun},
    kinds::page::escape,
    report::{diff, history},
};

/// Returns the page.
///
/// # Errors
/// If a run is unknown or its records are damaged.
pub fn page(site: &Site, asked: &Asked) -> Result<Page, AppError> {
    let (a, b) = (asked.get("a").unwrap_or("latest~1"), asked.get("b").unwrap_or("latest"));
    let diff = site.project.diff(a, b)?;
    let name = |run: &PastRun| {
        let when = history::when(&run.entry.started);
        let tags =
            if run.tags.is_empty() { String::new() } else { format!(", {}", run.tags.join(", ")) };
        format!("<code>{}</code> ({}{})", run.id.short(), escape(&when), escape(&tags))
    };
    let (a, b) = (diff.a.id.short(), diff.b.id.short());
    let line = format!("orchestrate diff {} {}", word(&a), word(&b));
    let mut body = format!("<p class=\"tools\">{}</p>\n", command(&line));
    let address = |run: &str, stage: &str, port: &str| {
        link("/artifact", &[("run", run), ("of", &format!("{stage}.{port}"))])
    };
    body.push_str(&diff::page::body(&diff, &address));
    Ok(Page {
        title: format!("{a} and {b}"),
        subtitle: format!("a is {}, b is {}", name(&diff.a), name(&diff.b)),
        body,
        at: "/runs".to_string(),
        events: None,
    })
}
