//! What `gc` would remove or removed, as text and JSON. It does not know what is kept and why.

use serde_json::{Value, json};

use crate::{
    app::Collection,
    report::{
        json::FORMAT,
        style::{Style, bytes, counted, duration},
    },
    store::{gc::Why, usage::Size},
};

const REASONS: [(Why, &str); 4] = [
    (Why::OldRun, "of runs that are not kept"),
    (Why::Orphan, "named by nothing: left of what was cut short"),
    (Why::Leftover, "left in tmp by processes that are gone"),
    (Why::Room, "of kept runs, to make room: cheapest to compute again first"),
];

/// Returns the text about what goes or went.
pub fn text(collection: &Collection, style: &Style) -> String {
    let plan = &collection.plan;
    let mut out = String::new();
    let kept = counted(plan.kept.len(), "run", "runs");
    if plan.is_empty() {
        out.push_str(&format!("nothing to remove; {kept} kept, {}\n", bytes(plan.before.bytes)));
    }
    for (why, what) in REASONS {
        let size = plan.size(why);
        if size.files > 0 {
            out.push_str(&format!("{:>12}  {}  {what}\n", files(size), bytes(size.bytes)));
        }
    }
    if !plan.is_empty() {
        if plan.seconds > 0.0 {
            out.push_str(&format!("computing it again would take {}\n", duration(plan.seconds)));
        }
        out.push_str(&last_line(collection, &kept, style));
    }
    if plan.excess > 0 {
        out.push_str(&format!(
            "{} still {} too large: tags, the newest runs, kept sources, what cannot be computed again and \
             lost+found stay\n",
            style.warn("note:"),
            bytes(plan.excess)
        ));
    }
    out
}

fn last_line(collection: &Collection, kept: &str, style: &Style) -> String {
    let plan = &collection.plan;
    let total = plan.total();
    match collection.swept {
        None => {
            let freed = style.bold(&bytes(total.bytes));
            let all = plan.kept.len() + plan.runs.len();
            format!(
                "would free {freed} of {} and keep {} of {}; `--yes` does it\n",
                bytes(plan.before.bytes),
                plan.kept.len(),
                counted(all, "run", "runs")
            )
        }
        Some(swept) if swept.stopped => format!(
            "interrupted: {} of {} freed; the store is sound, gc goes on from here\n",
            bytes(swept.freed.bytes),
            bytes(total.bytes)
        ),
        Some(swept) => {
            format!("freed {} in {}; {kept} kept\n", bytes(swept.freed.bytes), files(swept.freed))
        }
    }
}

fn files(size: Size) -> String {
    counted(usize::try_from(size.files).unwrap_or(usize::MAX), "file", "files")
}

/// Returns the document about what goes or went.
pub fn json(collection: &Collection) -> Value {
    let plan = &collection.plan;
    let size = |size: Size| json!({ "files": size.files, "bytes": size.bytes });
    let reasons: serde_json::Map<String, Value> =
        REASONS.iter().map(|(why, _)| (why.code().to_string(), size(plan.size(*why)))).collect();
    json!({
        "format": FORMAT,
        "done": collection.swept.is_some_and(|swept| !swept.stopped),
        "stopped": collection.swept.is_some_and(|swept| swept.stopped),
        "before": size(plan.before),
        "frees": size(plan.total()),
        "freed": collection.swept.map(|swept| size(swept.freed)),
        "reasons": reasons,
        "seconds_to_rebuild": plan.seconds,
        "kept": plan.kept,
        "dropped": plan.runs,
        "objects": plan.objects.len(),
        "excess": plan.excess,
    })
}
