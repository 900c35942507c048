//! What a run would take, as text and JSON. It does not know where the figures come from.

use serde_json::{Value, json};

use crate::{
    engine::outlook::{Basis, Expected, Outlook},
    report::style::{Style, bytes, counted, duration},
};

/// Returns what stands before the reason of one instance: its seconds, and a star on the longest way.
pub fn column(expected: &Expected, style: &Style) -> String {
    let time = match (expected.basis, expected.seconds) {
        (Basis::Cached | Basis::Blocked, _) => String::new(),
        (_, Some(seconds)) => duration(seconds),
        (_, None) => "?".to_string(),
    };
    let mark = if expected.critical { "*" } else { " " };
    format!("{}  ", style.dim(&format!("{time:>6} {mark}")))
}

/// Returns the line that ends a plan.
pub fn last_line(outlook: &Outlook) -> String {
    let n_unknown = outlook.n_unknown;
    if outlook.seconds == 0.0 && n_unknown > 0 {
        return "forecast: unknown, nothing like it ran here yet\n".to_string();
    }
    let (least, most) = (duration(outlook.least_seconds), duration(outlook.seconds));
    let time = if least == most { most } else { format!("{least} to {most}") };
    let floor = if n_unknown > 0 { "at least " } else { "" };
    let unknown = match n_unknown {
        0 => String::new(),
        n => {
            format!(", without {}, of which nothing is known", counted(n, "instance", "instances"))
        }
    };
    let threads = counted(outlook.jobs, "thread", "threads");
    let written = bytes(outlook.bytes);
    format!(
        "forecast: {floor}{time} with {threads}, {written} written{unknown}; * is the longest way\n"
    )
}

/// Adds the outlook to the document of a survey, whose stages are parallel to it.
pub fn add(document: &mut Value, outlook: &Outlook) {
    let stages = document["stages"].as_array_mut().into_iter().flatten();
    for (stage, expected) in stages.zip(&outlook.stages) {
        stage["forecast_seconds"] = json!(expected.seconds);
        stage["forecast_bytes"] = json!(expected.bytes);
        stage["forecast_basis"] = json!(basis(expected.basis));
        stage["critical"] = json!(expected.critical);
    }
    document["forecast"] = json!({
        "jobs": outlook.jobs,
        "seconds": outlook.seconds,
        "least_seconds": outlook.least_seconds,
        "work_seconds": outlook.work_seconds,
        "bytes": outlook.bytes,
        "unknown": outlook.n_unknown,
    });
}

fn basis(basis: Basis) -> String {
    match basis {
        Basis::Cached => "cached".to_string(),
        Basis::Itself => "last run".to_string(),
        Basis::Alike(n) => format!("median of {}", counted(n, "execution", "executions")),
        Basis::Unknown => "unknown".to_string(),
        Basis::Blocked => "blocked".to_string(),
    }
}
