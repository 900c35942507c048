//! Plain lines: one a stage, failures with what to do next, the last line of a run.
//! It does not know terminals beyond colour.

use serde_json::Value;

use crate::{
    app::{Outcome, Survey},
    base::hash::RunId,
    engine::{
        event::{Report, State},
        outlook::Outlook,
        reason,
        status::Standing,
    },
    report::{
        json, outlook,
        style::{Style, counted, duration},
    },
    store::{
        Store,
        records::{Reason, ReasonCode},
    },
};

/// What is said while others hold a store that is wanted alone.
pub const WAITING: &str = "waiting for a run that is going on\n";

/// Returns the line of an instance that reached its last state.
pub fn report_line(report: &Report, verbose: bool, style: &Style) -> String {
    let word = format!("{:>9}", report.state.word());
    let word = match report.state {
        State::Ran => style.good(&word),
        State::Cached => style.dim(&word),
        State::Failed => style.bad(&word),
        State::Skipped | State::Cancelled => style.warn(&word),
    };
    let mut line = format!("{word}  {}", report.name);
    match report.state {
        State::Ran => {
            let rows = main_rows(report).map(|n| counted(n as usize, "row", "rows"));
            let rows = rows.map(|text| format!(", {text}")).unwrap_or_default();
            line.push_str(&style.dim(&format!("  {}{rows}", duration(report.seconds))));
            line.push_str(&style.dim(&format!("  {}", reasons_text(&report.reasons))));
        }
        State::Cached if report.joined => {
            line.push_str(&style.dim("  another process ran it meanwhile"));
        }
        State::Cached if report.early_cutoff => {
            line.push_str(&style.dim("  its inputs came out the same"));
        }
        _ => {}
    }
    if report.state == State::Ran || verbose {
        for note in &report.notes {
            line.push_str(&format!("\n{:>9}  {}", "", style.dim(&format!("note: {note}"))));
        }
    }
    line
}

/// Returns the rows that a person means by the size of a stage: those of data and answers rather than those of a
/// model or a report's figures.
pub fn main_rows(report: &Report) -> Option<u64> {
    let declared = crate::kinds::find(report.kind).map_or(&[][..], |k| k.fixed_outputs());
    ["table", "matrix", "labels", "predictions"]
        .into_iter()
        .chain(declared.iter().map(|o| o.name))
        .find_map(|port| report.outputs.get(port))
        .or_else(|| report.outputs.values().next())?
        .rows
}

/// Returns the failures, each with what went in and what to run to see more; empty if there are none.
pub fn failures(outcome: &Outcome, store: &Store, style: &Style) -> String {
    let mut out = String::new();
    for report in outcome.reports.iter().filter(|r| r.state == State::Failed) {
        let Some(error) = &report.error else { continue };
        out.push_str(&format!("{} stage `{}`: {error}\n", style.bad("error:"), report.name));
        // A store that cannot be written has nothing to do with what went in.
        if !error.is_refusal() {
            for line in inputs_of(outcome, report, store) {
                out.push_str(&style.dim(&format!("  {line}\n")));
            }
        }
    }
    out
}

/// Returns a line for each file and artifact that went into a stage, and what to run to see more.
fn inputs_of(outcome: &Outcome, report: &Report, store: &Store) -> Vec<String> {
    const MAX_SHOWN: usize = 8;
    let mut lines: Vec<String> = report.files.iter().map(|f| format!("file: {f}")).collect();
    let mut example = None;
    for edge in &outcome.plan.graph[report.node].inputs {
        let giver = outcome.reports.iter().find(|r| r.node == edge.from);
        let Some((giver, output)) = giver.and_then(|g| Some((g, g.outputs.get(&edge.output)?)))
        else {
            continue;
        };
        let name = format!("{}.{}", giver.name, edge.output);
        let path = json::relative_path(store, output);
        lines.push(format!("input {}: {name}, {path}", edge.port));
        example.get_or_insert(name);
    }
    if lines.len() > MAX_SHOWN {
        let more = counted(lines.len() - MAX_SHOWN, "other", "others");
        lines.truncate(MAX_SHOWN);
        lines.push(format!("and {more}: orchestrate explain {} --key", report.name));
    }
    let cat = example.map(|name| format!("orchestrate cat {name}, ")).unwrap_or_default();
    lines.push(format!("more: {cat}orchestrate explain {}", report.name));
    lines
}

/// Returns the one line that ends a run.
pub fn last_line(outcome: &Outcome, style: &Style) -> String {
    let n = |state| outcome.reports.iter().filter(|r| r.state == state).count() as u64;
    let counts = State::ALL.map(|state| (state, n(state)));
    let (seconds, saved) = (outcome.seconds, outcome.saved_seconds());
    counts_line(&counts, seconds, saved, outcome.run.as_ref(), style)
}

/// The same from the figures in it: how many instances ended in each state, seconds taken and saved, the run.
pub fn counts_line(
    counts: &[(State, u64)],
    seconds: f64,
    saved: f64,
    run: Option<&RunId>,
    style: &Style,
) -> String {
    let is_told = |(state, n): &&(State, u64)| *n > 0 || *state == State::Ran;
    let parts: Vec<String> =
        counts.iter().filter(is_told).map(|(state, n)| format!("{n} {}", state.word())).collect();
    let saved = match counts.iter().any(|(state, n)| *state == State::Cached && *n > 0) {
        false => String::new(),
        true => format!(", cache saved {}", duration(saved)),
    };
    let run = match run {
        Some(run) => format!("run {}", style.bold(&run.to_hex()[..12])),
        None => style.bad("no run recorded"),
    };
    format!("{} in {}{saved}; {run}\n", parts.join(", "), duration(seconds))
}

/// Returns the table of the states before a run; with an outlook, also what it would take.
pub fn survey(survey: &Survey, outlook: Option<&Outlook>, verbose: bool, style: &Style) -> String {
    let mut out = String::new();
    let width = survey
        .forecasts
        .iter()
        .map(|f| survey.plan.graph[f.node].name.chars().count())
        .max()
        .unwrap_or(0);
    let is_due = survey.forecasts.iter().any(|f| f.standing != Standing::Cached);
    let outlook = outlook.filter(|_| is_due);
    for (i, forecast) in survey.forecasts.iter().enumerate() {
        let name = &survey.plan.graph[forecast.node].name;
        let word = format!("{:>8}", forecast.standing.word());
        let word = match forecast.standing {
            Standing::Cached => style.good(&word),
            Standing::Stale => style.warn(&word),
            Standing::Maybe => style.busy(&word),
            Standing::Blocked => style.bad(&word),
        };
        let why = match &forecast.error {
            Some(error) => error.to_string(),
            None => reasons_text(&forecast.reasons),
        };
        let time = outlook.map_or_else(String::new, |o| outlook::column(&o.stages[i], style));
        let line = format!("{word}  {name:width$}  {time}{}", style.dim(&why));
        out.push_str(line.trim_end());
        out.push('\n');
        if verbose && let Some(key) = forecast.key {
            out.push_str(&format!("{:>8}  {}\n", "", style.dim(&format!("key {key}"))));
        }
    }
    for (instance, note) in &survey.plan.notes {
        out.push_str(&style.dim(&format!("note: {instance}: {note}\n")));
    }
    let n = |s| survey.forecasts.iter().filter(|f| f.standing == s).count();
    let due = survey.forecasts.iter().filter(|f| f.standing != Standing::Cached);
    let seconds: f64 = due.filter_map(|f| f.seconds).sum();
    let parts: Vec<String> = Standing::ALL
        .iter()
        .filter(|s| n(**s) > 0)
        .map(|s| format!("{} {}", n(*s), s.word()))
        .collect();
    let all = counted(survey.forecasts.len(), "stage instance", "stage instances");
    out.push_str(&format!("{all}: {}", parts.join(", ")));
    if outlook.is_none() && seconds > 0.0 {
        out.push_str(&format!("; what is due took {} before", duration(seconds)));
    }
    out.push('\n');
    outlook.iter().for_each(|o| out.push_str(&outlook::last_line(o)));
    out
}

/// Returns reasons as a short text.
pub fn reasons_text(reasons: &[Reason]) -> String {
    const MAX_SHOWN: usize = 3;
    let reasons = reason::condensed(reasons);
    let mut parts: Vec<String> = reasons.iter().take(MAX_SHOWN).map(reason_text).collect();
    if reasons.len() > MAX_SHOWN {
        parts.push(format!("and {} more", reasons.len() - MAX_SHOWN));
    }
    parts.join("; ")
}

/// Returns one reason as a text.
pub fn reason_text(reason: &Reason) -> String {
    let name = reason.name.as_deref().unwrap_or_default();
    match reason.code {
        ReasonCode::NeverRun => "never run".to_string(),
        ReasonCode::ParamChanged | ReasonCode::CommandChanged | ReasonCode::EnvChanged => {
            format!("{name}: {} -> {}", value(&reason.old), value(&reason.new))
        }
        ReasonCode::InputChanged => match (&reason.old, &reason.new) {
            (_, Value::Null) if !reason.old.is_null() => format!("input {name} is gone"),
            (Value::Null, _) if !reason.new.is_null() => format!("input {name} is new"),
            _ => format!("input {name} changed"),
        },
        ReasonCode::FileChanged => format!("{name} changed"),
        ReasonCode::KindChanged => {
            format!("kind: {} -> {}", value(&reason.old), value(&reason.new))
        }
        ReasonCode::OutputMissing if name.is_empty() => "its record is gone".to_string(),
        ReasonCode::OutputMissing => format!("output {name} is gone"),
        ReasonCode::OutputCorrupt => format!("output {name} is damaged"),
        ReasonCode::Forced => "forced".to_string(),
        ReasonCode::UpstreamStale => format!("after {name}"),
    }
}

fn value(value: &Value) -> String {
    let text = match value {
        Value::Null => "nothing".to_string(),
        Value::String(s) => s.clone(),
        other => other.to_string(),
    };
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
