//! Why a stage has to run, or ran, as text and JSON. It does not find the reasons.

use serde_json::{Value, json};

use crate::{
    app::{Explanation, KeyView, Link, Made},
    engine::key::{ARTIFACT_FORMAT, KEY_FORMAT},
    report::{
        history::{tone, when},
        json::FORMAT,
        plain,
        style::Style,
    },
    store::records::{Reason, ReasonCode},
};

/// Instances named in full; of more only the count is told.
const MAX_NAMED: usize = 3;

/// Returns the way from the stage up to the first causes.
pub fn render(explanation: &Explanation, style: &Style) -> String {
    let mut out = String::new();
    for link in &explanation.links {
        render_link(link, "", "", style, &mut out);
    }
    let settled = explanation.links.iter().all(|l| l.state == "cached");
    if !settled && !explanation.first_causes.is_empty() {
        let all = &explanation.first_causes;
        let head = if all.len() == 1 { "first cause" } else { "first causes" };
        out.push_str(&format!("\n{}\n", style.bold(head)));
        for (instances, reason) in all {
            out.push_str(&format!("  {}: {}\n", names(instances), plain::reason_text(reason)));
        }
    }
    out
}

fn render_link(link: &Link, margin: &str, rail: &str, style: &Style, out: &mut String) {
    let mut head = format!(
        "{margin}{rail}{}  {}  {}",
        style.bold(&names(&link.instances)),
        style.dim(&link.kind),
        style.tone(tone(&link.state), &link.state)
    );
    // Ways that were told already are named, not drawn again.
    let all_told = !link.causes.is_empty() && link.causes.iter().all(|c| c.told);
    let drawn: &[Link] = if all_told { &[] } else { &link.causes };
    if all_told {
        let above: Vec<String> = link.causes.iter().map(|c| names(&c.instances)).collect();
        head.push_str(&style.dim(&format!("  after {} (above)", above.join(", "))));
    }
    if link.told {
        head.push_str(&style.dim("  (above)"));
    } else {
        if link.early_cutoff {
            head.push_str(&style.dim("  its inputs came out the same"));
        }
        if link.state == "cached" {
            let why = if link.reasons.is_empty() && drawn.is_empty() { "" } else { ", because" };
            head.push_str(&style.dim(&format!("  {}{why}", made_by(link))));
        }
    }
    out.push_str(&head);
    out.push('\n');
    if link.told {
        return;
    }
    let margin = match rail {
        "" => margin.to_string(),
        "└─ " => format!("{margin}   "),
        _ => format!("{margin}│  "),
    };
    let bar = if drawn.is_empty() { "   " } else { "│  " };
    for reason in &link.reasons {
        for line in reason_lines(reason) {
            out.push_str(&format!("{margin}{bar}{}\n", style.warn(&line)));
        }
    }
    if let Some(error) = &link.error {
        for line in error.lines() {
            out.push_str(&format!("{margin}{bar}{}\n", style.bad(line)));
        }
    }
    for (i, cause) in drawn.iter().enumerate() {
        let rail = if i + 1 == drawn.len() { "└─ " } else { "├─ " };
        render_link(cause, &margin, rail, style, out);
    }
}

fn made_by(link: &Link) -> String {
    match &link.made {
        Some(Made { started, run: Some(run) }) => {
            format!("made {} by run {}", when(started), &run.to_hex()[..12])
        }
        Some(Made { started, run: None }) => {
            format!("made {} by a run that did not finish", when(started))
        }
        None => "made before what the history tells of".to_string(),
    }
}

fn names(instances: &[String]) -> String {
    match instances {
        [] => String::new(),
        few if few.len() <= MAX_NAMED => few.join(", "),
        [first, ..] => {
            let stage = first.split('/').next().unwrap_or(first);
            format!("{stage} ({} instances)", instances.len())
        }
    }
}

/// Returns a reason with its old and new value, each in a line of its own.
fn reason_lines(reason: &Reason) -> Vec<String> {
    let what = match (&reason.code, reason.name.as_deref()) {
        (ReasonCode::ParamChanged, Some(name)) => format!("parameter {name} changed"),
        (ReasonCode::CommandChanged, Some(name)) => format!("command ({name}) changed"),
        (ReasonCode::EnvChanged, Some(name)) => format!("environment variable {name} changed"),
        (ReasonCode::FileChanged, Some(name)) => format!("file {name} changed"),
        (ReasonCode::KindChanged, _) => "its kind changed".to_string(),
        _ => return vec![plain::reason_text(reason)],
    };
    let value = |v: &Value| match v {
        Value::Null => "nothing".to_string(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    vec![what, format!("  was  {}", value(&reason.old)), format!("  is   {}", value(&reason.new))]
}

/// Returns the document of an explanation.
pub fn document(explanation: &Explanation) -> Value {
    let causes: Vec<Value> = explanation
        .first_causes
        .iter()
        .map(|(instances, reason)| json!({ "stages": instances, "reason": reason }))
        .collect();
    json!({
        "format": FORMAT,
        "pipeline": explanation.pipeline,
        "run": explanation.run,
        "stages": explanation.links.iter().map(link_document).collect::<Vec<_>>(),
        "first_causes": causes,
    })
}

fn link_document(link: &Link) -> Value {
    json!({
        "stages": link.instances,
        "kind": link.kind,
        "state": link.state,
        "reasons": link.reasons,
        "error": link.error,
        "early_cutoff": link.early_cutoff,
        "ran": link.made.as_ref().map(|m| &m.started),
        "made_by": link.made.as_ref().map(|m| m.run),
        "told": link.told,
        "causes": link.causes.iter().map(link_document).collect::<Vec<_>>(),
    })
}

/// Returns what went into keys.
pub fn keys(views: &[KeyView], style: &Style) -> String {
    let mut out = String::new();
    for (i, view) in views.iter().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let preimage = &view.preimage;
        let key = match view.key {
            Some(key) => key.to_hex(),
            None => style.dim("no key yet; what is known of it:"),
        };
        out.push_str(&format!("{}  {key}\n", style.bold(&view.stage)));
        let mut line = |name: &str, text: &str| {
            out.push_str(&format!("  {}  {text}\n", style.dim(&format!("{name:8}"))));
        };
        line("formats", &format!("key {KEY_FORMAT}, artifact {ARTIFACT_FORMAT}"));
        line("kind", &format!("{} version {}", preimage.kind, preimage.version));
        if let Some(params) = preimage.params.as_object() {
            params.iter().for_each(|(name, value)| line("param", &format!("{name} = {value}")));
        }
        preimage.inputs.iter().for_each(|(name, hash)| line("input", &format!("{name} = {hash}")));
        for (name, giver) in &view.unknown {
            line("input", &format!("{name} = {}", style.warn(&format!("known after {giver}"))));
        }
        view.error.iter().for_each(|error| line("file", &style.bad(error)));
        for (i, hash) in preimage.files.iter().enumerate() {
            // A name beside a hash is for people: only the bytes count.
            let name = view.files.get(i).map(|f| format!("  ({f})")).unwrap_or_default();
            line("file", &format!("{hash}{}", style.dim(&name)));
        }
        preimage.env.iter().for_each(|(name, value)| line("env", &format!("{name} = {value}")));
    }
    out
}

/// Returns the document of what went into keys.
pub fn keys_document(views: &[KeyView]) -> Value {
    let one = |view: &KeyView| {
        let unknown = |(input, giver): &(String, String)| json!({ "input": input, "after": giver });
        json!({
            "stage": view.stage, "key": view.key, "key_format": KEY_FORMAT,
            "artifact_format": ARTIFACT_FORMAT, "preimage": view.preimage, "files": view.files,
            "unknown": view.unknown.iter().map(unknown).collect::<Vec<_>>(), "error": view.error,
        })
    };
    json!({ "format": FORMAT, "keys": views.iter().map(one).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(name: &str, state: &str, reasons: Vec<Reason>, causes: Vec<Link>) -> Link {
        Link {
            instances: vec![name.to_string()],
            kind: "k".to_string(),
            state: state.to_string(),
            reasons,
            error: None,
            early_cutoff: false,
            made: None,
            causes,
            told: false,
        }
    }

    #[test]
    fn the_tree_ends_in_old_and_new_values() {
        let reason = Reason {
            code: ReasonCode::ParamChanged,
            name: Some("scale".to_string()),
            old: json!("standard"),
            new: json!("robust"),
        };
        let fit = link("fit", "stale", vec![reason.clone()], vec![]);
        let explanation = Explanation {
            pipeline: "p".to_string(),
            run: None,
            links: vec![link("best", "maybe", vec![], vec![fit])],
            first_causes: vec![(vec!["fit".to_string()], reason)],
        };
        let expected = "best  k  maybe\n\
            └─ fit  k  stale\n      \
               parameter scale changed\n        \
                 was  standard\n        \
                 is   robust\n\
            \n\
            first cause\n  fit: scale: standard -> robust\n";
        assert_eq!(render(&explanation, &Style::new(false)), expected);
    }

    #[test]
    fn many_instances_are_counted() {
        let names_of =
            |n: usize| names(&(2..2 + n).map(|k| format!("s/k={k}")).collect::<Vec<_>>());
        assert_eq!(names_of(2), "s/k=2, s/k=3");
        assert_eq!(names_of(7), "s (7 instances)");
    }
}
