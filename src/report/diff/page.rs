//! How two runs differ, as HTML: what was asked differently, what came out differently, who moved. What is the same is
//! only counted. It does not know the page around it.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::{
    app::{ArtifactChange, Change, Migration, PastRun, RunDiff},
    kinds::page::{self, Heat, escape, number},
    report::plain,
    store::records::ReasonCode,
};

/// Most artifacts listed.
const MOST: usize = 200;

/// The address at which an output is looked at, by run, stage and port.
pub type Link<'a> = &'a dyn Fn(&str, &str, &str) -> String;

/// Returns what stands on the page.
pub fn body(diff: &RunDiff, link: Link<'_>) -> String {
    if diff.is_same() {
        return "<p class=\"lead\">Both are the same run: the same of the same.</p>\n".to_string();
    }
    let mut out = asked(diff);
    out.push_str(&figures(diff));
    out.push_str(&diff.migrations.iter().map(moved).collect::<String>());
    out.push_str(&artifacts(diff, link));
    for note in &diff.notes {
        let _ = writeln!(out, "<p class=\"note\">{}</p>", escape(note));
    }
    out
}

fn changes<'a>(head: [&str; 3], rows: impl Iterator<Item = &'a Change>) -> Option<String> {
    let value = |v: &serde_json::Value| match v {
        serde_json::Value::Null => number::NONE.to_string(),
        serde_json::Value::String(text) => page::value(text),
        serde_json::Value::Number(n) if n.is_f64() => {
            number::figure(n.as_f64().unwrap_or(f64::NAN))
        }
        other => format!("<code>{}</code>", escape(&other.to_string())),
    };
    let rows: Vec<Vec<String>> =
        rows.map(|c| vec![page::breaking(&c.name), value(&c.old), value(&c.new)]).collect();
    (!rows.is_empty()).then(|| page::table(&head, &[false, true, true], &rows))
}

fn asked(diff: &RunDiff) -> String {
    let mut out = String::new();
    if let Some(table) = changes(["parameter", "a", "b"], diff.params.iter()) {
        out.push_str(&page::section("params", "Parameters", "", &table));
    }
    // A stage of which only the inputs differ is a consequence; its artifacts tell that.
    let mut told: Vec<(&str, String)> = Vec::new();
    for change in &diff.stages {
        let own = change.reasons.iter().filter(|r| r.code != ReasonCode::InputChanged);
        let own: Vec<_> = own.cloned().collect();
        if !own.is_empty() {
            told.push((&change.stage, plain::reasons_text(&own)));
        }
    }
    told.extend(diff.added.iter().map(|name| (name.as_str(), "only in b".to_string())));
    told.extend(diff.removed.iter().map(|name| (name.as_str(), "only in a".to_string())));
    // Instances of one stage that differ alike are one row.
    let mut alike: BTreeMap<(&str, String), Vec<&str>> = BTreeMap::new();
    for (name, how) in told {
        let stage = name.split('/').next().unwrap_or(name);
        alike.entry((stage, how)).or_default().push(name);
    }
    let row = |((stage, how), names): (&(&str, String), &Vec<&str>)| {
        let name = match names.as_slice() {
            [one] => page::breaking(one),
            several => format!("{} ({} instances)", page::value(stage), several.len()),
        };
        vec![name, escape(how)]
    };
    let rows: Vec<Vec<String>> = alike.iter().map(row).collect();
    if !rows.is_empty() {
        let table = page::table(&["stage", "how it differs"], &[], &rows);
        out.push_str(&page::section("stages", "Stages", "", &table));
    }
    out
}

fn figures(diff: &RunDiff) -> String {
    let mut out = String::new();
    for figures in &diff.figures {
        // Another algorithm was chosen: parameters that only one of them has say nothing.
        let is_lone = |row: &&Change| {
            row.name.starts_with("params.") && (row.old.is_null() || row.new.is_null())
        };
        let differing = figures.rows.iter().filter(|row| row.old != row.new && !is_lone(row));
        if let Some(table) = changes(["figure", "a", "b"], differing) {
            let _ = writeln!(
                out,
                "<h3 class=\"sub\">{} of {}</h3>\n{table}",
                escape(figures.about),
                page::value(&figures.stage)
            );
        }
    }
    match out.is_empty() {
        true => out,
        false => page::section("figures", "Figures", "Those that differ.", &out),
    }
}

fn moved(migration: &Migration) -> String {
    let table = &migration.table;
    let heading = format!("Segments of {}", migration.stage);
    let mut lead = match migration.is_none() {
        true => "The same rows are in the same segments.".to_string(),
        false => format!(
            "Where the rows of each segment of a (down) are in b (across); shades are shares of the row. Adjusted Rand index {}.",
            number::fixed(table.adjusted_rand_index(), 4)
        ),
    };
    for (n, side) in [(migration.only_old, "a"), (migration.only_new, "b")] {
        if n > 0 {
            let _ = write!(lead, " {} rows are only in {side}.", number::count(n));
        }
    }
    if migration.is_none() {
        return page::section("segments", &heading, &lead, "");
    }
    let name = |label: &i32| match label {
        label if *label < 0 => "noise".to_string(),
        label => label.to_string(),
    };
    let (rows, columns): (Vec<String>, Vec<String>) =
        (table.rows.iter().map(name).collect(), table.columns.iter().map(name).collect());
    let totals: Vec<u64> = table.counts.iter().map(|row| row.iter().sum()).collect();
    let heat = Heat { rows: &rows, columns: &columns, upright: false };
    let cell = |i: usize, j: usize| {
        let n = table.counts[i][j];
        (n > 0).then(|| (n as f64 / totals[i] as f64, number::count(n as usize)))
    };
    page::section("segments", &heading, &lead, &heat.html(cell))
}

fn artifacts(diff: &RunDiff, link: Link<'_>) -> String {
    let mut of_stage: BTreeMap<&str, Vec<&ArtifactChange>> = BTreeMap::new();
    for change in diff.artifacts.iter().take(MOST) {
        of_stage.entry(&change.stage).or_default().push(change);
    }
    let side = |change: &ArtifactChange, side: &str, run: &PastRun, has: bool| match has {
        false => format!("<span class=\"soft\">{}</span>", number::NONE),
        true => {
            let address = escape(&link(&run.id.to_hex(), &change.stage, &change.port));
            let label = format!("{} of {}, {side}", change.port, change.stage);
            format!("<a href=\"{address}\" aria-label=\"{side}: {}\">{side}</a>", escape(&label))
        }
    };
    let row = |(stage, changes): (&&str, &Vec<&ArtifactChange>)| {
        let ports = changes.iter().map(|c| {
            let (a, b) =
                (side(c, "a", &diff.a, c.old.is_some()), side(c, "b", &diff.b, c.new.is_some()));
            format!("{} {a} {b}", page::value(&c.port))
        });
        vec![
            page::breaking(stage),
            ports.collect::<Vec<_>>().join("<span class=\"and\"> · </span>"),
        ]
    };
    let rows: Vec<Vec<String>> = of_stage.iter().map(row).collect();
    let mut lead = format!(
        "The same: {}; different: {}.",
        number::count(diff.n_same),
        number::count(diff.artifacts.len())
    );
    if diff.artifacts.len() > MOST {
        let _ = write!(lead, " The first {MOST} are listed.");
    }
    let table = match rows.is_empty() {
        true => String::new(),
        false => page::table(&["stage", "outputs that differ"], &[], &rows),
    };
    page::section("artifacts", "Artifacts", &lead, &table)
}
