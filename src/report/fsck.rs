//! What `fsck` found and did, as text and JSON: the path, what is wrong, what it means, what to do.
//! It does not know how it was found.

use std::path::Path;

use serde_json::{Value, json};

use crate::{
    app::{Checkup, Repair},
    base::hash::RunId,
    report::{
        json::FORMAT,
        style::{Style, bytes, counted},
    },
    store::fsck::{Fate, Finding, Handled, Harm},
};

/// Returns the text about a store.
pub fn text(checkup: &Checkup, style: &Style) -> String {
    let mut out = String::new();
    for finding in &checkup.audit.findings {
        let done = checkup.repair.as_ref().and_then(|r| handled(r, finding));
        out.push_str(&entry(finding, done, checkup.repair.as_ref(), style));
    }
    if let Some(repair) = &checkup.repair {
        out.push_str(&repaired(repair, style));
    }
    out.push_str(&last_line(checkup, style));
    out
}

fn entry(
    finding: &Finding,
    done: Option<&Handled>,
    repair: Option<&Repair>,
    style: &Style,
) -> String {
    let path = shown(&finding.path);
    let mut out =
        format!("{} {}\n", style.bad(&format!("{:>10}", word(&finding.harm))), style.bold(&path));
    let mut line = |text: &str| out.push_str(&format!("           {text}\n"));
    line(&fact(&finding.harm));
    for touch in &finding.touches {
        line(touch);
    }
    match done {
        None => {
            if finding.touches.is_empty() {
                line(meaning(finding));
            }
            line(&format!("do: {}", advice(finding)));
        }
        Some(handled) => {
            let lost = repair.and_then(|r| r.lost.iter().find(|l| l.path == finding.path));
            match lost {
                Some(loss) => line(&format!("{}: {}", style.bad("lost"), loss.why)),
                None => line(&format!("{}: {}", style.good("now"), outcome(handled))),
            }
            if let Some(aside) = &handled.aside {
                line(&format!("the bad one is in {}", shown(aside)));
            }
        }
    }
    out
}

fn repaired(repair: &Repair, style: &Style) -> String {
    let mut out = String::new();
    if !repair.executed.is_empty() {
        let name = |(run, stage): &(RunId, String)| format!("{stage} (run {})", run.short());
        let names: Vec<String> = repair.executed.iter().map(name).collect();
        out.push_str(&format!("executed again: {}\n", names.join(", ")));
    }
    let known: Vec<&Path> = repair.handled.iter().map(|h| h.finding.path.as_path()).collect();
    for loss in repair.lost.iter().filter(|l| !known.contains(&l.path.as_path())) {
        out.push_str(&format!("{} {}\n", style.bad("      lost"), style.bold(&shown(&loss.path))));
        for text in loss.touches.iter().chain([&loss.why]) {
            out.push_str(&format!("           {text}\n"));
        }
    }
    out
}

fn last_line(checkup: &Checkup, style: &Style) -> String {
    let checked = &checkup.audit.checked;
    let n_files: u64 = checked.files.values().sum();
    let read = format!(
        "{} read in {}",
        bytes(checked.bytes),
        counted(usize::try_from(n_files).unwrap_or(usize::MAX), "file", "files")
    );
    let n = checkup.audit.findings.len();
    match &checkup.repair {
        None if n == 0 => format!("{}: {read}\n", style.good("sound")),
        None => format!(
            "{} {}; {read}; `orchestrate fsck --repair` mends what can be\n",
            style.bad("damaged:"),
            counted(n, "finding", "findings")
        ),
        Some(repair) if repair.lost.is_empty() => {
            format!(
                "{}: {} put right; {read}\n",
                style.good("sound again"),
                counted(n, "finding", "findings")
            )
        }
        Some(repair) => format!(
            "{} {} of {}; {read}; the rest is sound\n",
            style.bad("lost:"),
            repair.lost.len(),
            counted(n, "finding", "findings")
        ),
    }
}

fn handled<'a>(repair: &'a Repair, finding: &Finding) -> Option<&'a Handled> {
    repair.handled.iter().find(|h| h.finding == *finding)
}

/// Returns a path as a person types it from the project's folder.
fn shown(path: &Path) -> String {
    Path::new("artifacts").join(path).display().to_string()
}

fn word(harm: &Harm) -> &'static str {
    match harm {
        Harm::Missing => "missing",
        Harm::Misplaced(_) => "misplaced",
        Harm::Stray => "stray",
        Harm::Unreadable(_) => "unreadable",
        Harm::NoEntry => "unlisted",
        _ => "damaged",
    }
}

fn fact(harm: &Harm) -> String {
    match harm {
        Harm::Bytes(found) => format!("its bytes are not those of its name but {}", found.short()),
        Harm::Record(why) => format!("it {why}"),
        Harm::Missing => "it is named by others and not there".to_string(),
        Harm::Misplaced(right) => format!("it is sound and belongs at {}", shown(right)),
        Harm::Stray => "it is no file of a store".to_string(),
        Harm::Unreadable(error) => error.clone(),
        Harm::Dangling(why) => format!("it {why}"),
        Harm::NoEntry => "no execution of this run is recorded".to_string(),
    }
}

fn ends_in(finding: &Finding, endings: &[&str]) -> bool {
    let ending = finding.path.extension().and_then(|e| e.to_str());
    ending.is_some_and(|ending| endings.contains(&ending))
}

fn place(finding: &Finding) -> &str {
    finding.path.components().next().and_then(|c| c.as_os_str().to_str()).unwrap_or_default()
}

/// What a finding means that is nothing to a recorded run.
fn meaning(finding: &Finding) -> &'static str {
    match (place(finding), &finding.harm) {
        (_, Harm::Stray) => "nothing reads it",
        ("objects", _) => "no recorded run names it",
        ("keys", _) => "a stage that has it runs again",
        ("runs", _) => "the run cannot be shown, compared or restored",
        ("history", _) => "the execution is not listed, and its run may not be executed again",
        ("tags", _) => "the name means no run",
        ("state", _) => "what is due still runs, but the reason is not told",
        ("receipts", _) => "the next run looks at everything once",
        ("memo", _) => "files are read again that need not be",
        ("store-id", _) => {
            "runs count as copied from elsewhere, and their programs are not started"
        }
        ("latest", _) => "people and notebooks find nothing there",
        ("schema", _) => "editors complete and check less",
        ("FORMAT", _) => "no command opens the store",
        _ => "nothing is lost by it",
    }
}

fn advice(finding: &Finding) -> &'static str {
    match (place(finding), &finding.harm) {
        ("schema" | "state" | "memo" | "receipts", _) => {
            "`orchestrate run` writes it anew, `fsck --repair` moves it aside"
        }
        (_, Harm::Stray) => "move it away, or let `orchestrate fsck --repair` do so",
        (_, Harm::Misplaced(_)) => "`orchestrate fsck --repair` puts it back",
        ("runs", Harm::NoEntry) => {
            "run the pipeline again to record one; `orchestrate gc` drops the run otherwise"
        }
        _ => "`orchestrate fsck --repair`",
    }
}

fn outcome(handled: &Handled) -> String {
    let finding = &handled.finding;
    match &handled.fate {
        Fate::PutBack(right) => format!("put back as {}", shown(right)),
        Fate::Mended => "put right to the bit".to_string(),
        Fate::Written => "written anew".to_string(),
        Fate::Open => match (place(finding), &finding.harm) {
            (_, Harm::Stray) => "out of the way".to_string(),
            (_, Harm::NoEntry) => "its execution is recorded again".to_string(),
            ("latest", _) => "leads to it again".to_string(),
            ("objects", _) if ends_in(finding, &["raw", "yaml"]) => {
                "kept again from the project".to_string()
            }
            ("objects" | "keys", _) if finding.touches.is_empty() => {
                "out of the way; made again if anything needs it".to_string()
            }
            ("objects" | "keys" | "runs" | "history", _) => "made again, the same".to_string(),
            _ => "the next run writes it anew".to_string(),
        },
    }
}

/// Returns the document about a store.
pub fn json(checkup: &Checkup) -> Value {
    let findings: Vec<Value> = checkup
        .audit
        .findings
        .iter()
        .map(|finding| {
            let mut value = json!({
                "path": shown(&finding.path),
                "code": finding.harm.code(),
                "what": fact(&finding.harm),
                "touches": finding.touches,
                "means": meaning(finding),
                "advice": advice(finding),
            });
            if let Some(handled) = checkup.repair.as_ref().and_then(|r| handled(r, finding)) {
                value["outcome"] = json!(match handled.fate {
                    Fate::PutBack(_) => "put-back",
                    Fate::Mended => "mended",
                    Fate::Written => "written",
                    Fate::Open
                        if checkup
                            .repair
                            .as_ref()
                            .is_some_and(|r| r.lost.iter().any(|l| l.path == finding.path)) =>
                        "lost",
                    Fate::Open => "open",
                });
                value["aside"] = json!(handled.aside.as_deref().map(shown));
            }
            value
        })
        .collect();
    let checked = &checkup.audit.checked;
    let mut document = json!({
        "format": FORMAT,
        "sound": checkup.is_sound(),
        "findings": findings,
        "checked": { "files": checked.files, "bytes": checked.bytes, "without_checksum": checked.unchecked },
    });
    if let Some(repair) = &checkup.repair {
        let executed: Vec<Value> = repair
            .executed
            .iter()
            .map(|(run, stage)| json!({ "run": run, "stage": stage }))
            .collect();
        let lost: Vec<Value> = repair
            .lost
            .iter()
            .map(|l| json!({ "path": shown(&l.path), "touches": l.touches, "why": l.why }))
            .collect();
        document["repair"] = json!({ "executed": executed, "lost": lost });
    }
    document
}
