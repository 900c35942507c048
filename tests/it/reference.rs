//! An earlier run that lends names: resolved to hashes that count, kept for reproduction, and said on the command line.

use serde_json::{Value, json};

use crate::project::{PIPELINE, Project, customers, in_state, stage};

const SEGMENTS: &str = "  segments:
    uses: segments.profile
    inputs: { table: features, labels: best.labels, champion: champion.model, classifiers: [forest, logistic] }
    with: { names: { 0: Loyal premium } }
";

/// A project whose first run is tagged `v1`; afterwards customers are in another order of sizes.
fn project() -> Project {
    let project = Project::empty(&format!("{PIPELINE}{SEGMENTS}"));
    project.write("data/raw/customers.csv", customers(90));
    project.run();
    project.say(&["tag", "latest", "v1"]).expect(0);
    let text = customers(90);
    // Fewer of the first group, which was the largest by being first.
    let kept = text.lines().enumerate().filter(|(i, _)| *i == 0 || i % 3 != 1 || *i > 30);
    let kept: Vec<&str> = kept.map(|(_, line)| line).collect();
    project.write("data/raw/customers.csv", kept.join("\n") + "\n");
    project
}

fn summary(project: &Project) -> Vec<Value> {
    let rows = project.say(&["cat", "segments.summary", "--json"]).expect(0).json();
    rows.as_array().unwrap_or_else(|| panic!("{rows}")).clone()
}

/// Returns the summary's row of the segment called `name`.
fn called<'a>(rows: &'a [Value], name: &str) -> Option<&'a Value> {
    rows.iter().find(|row| row["name"] == name)
}

#[test]
fn names_stay_with_their_customers() {
    let project = project();
    let said = project.say(&["run", "--reference", "v1"]).expect(0);
    let rows = summary(&project);
    let loyal = called(&rows, "Loyal premium").unwrap_or_else(|| panic!("{rows:?}"));
    assert_ne!(loyal["segment"], json!(0), "it is the smallest now");
    assert_eq!(
        (&loyal["reference_segment"], &loyal["matched_by"], &loyal["matched_share"]),
        (&json!(0), &json!("ids"), &json!(1.0))
    );
    assert!(said.out.contains("who is in which segment, a down, b across"), "{}", said.out);
    assert!(said.err.contains("the reference's champion still holds"), "{}", said.err);
    let last = said.err.lines().last().unwrap();
    assert!(last.contains("; run "), "{last}");
}

#[test]
fn what_is_lent_counts_and_nothing_else_of_that_run() {
    let project = project();
    let plain = project.run();
    let with = project.say(&["run", "--reference", "v1", "--json"]).expect(0).json();
    assert_eq!(in_state(&with, "ran"), ["segments"]);
    assert_ne!(stage(&plain, "segments")["key"], stage(&with, "segments")["key"]);
    assert_eq!(with["reference"]["segments"][0]["stage"], "best");
    // By its id or by its tag: the same bytes, the same key, nothing to do.
    let id = with["reference"]["run"].as_str().unwrap();
    let again = project.say(&["run", "--reference", &id[..12], "--json"]).expect(0).json();
    assert_eq!((in_state(&again, "ran").len(), &again["run"]), (0, &with["run"]));
    // The parameter does the same as the option.
    project.edit("with: { names:", "with: { reference: v1, names:");
    let written = project.run();
    assert_eq!((in_state(&written, "ran").len(), &written["run"]), (0, &with["run"]));
    let status = project.say(&["status", "--json"]).expect(0).json();
    assert_eq!(in_state(&status, "stale").len(), 0);
    // Another run under the same tag is another reference.
    project.say(&["tag", "latest", "v1"]).expect(0);
    let moved = project.run();
    assert_eq!(in_state(&moved, "ran"), ["segments"]);
    assert_eq!(stage(&moved, "segments")["reasons"][0]["code"], "file-changed");
}

#[test]
fn the_run_is_proven_without_the_one_that_lent() {
    let project = project();
    project.say(&["run", "--reference", "v1"]).expect(0);
    project.say(&["tag", "latest", "v2"]).expect(0);
    project.say(&["tag", "--delete", "v1"]);
    project.say(&["gc", "--keep", "0", "--yes"]);
    project.say(&["reproduce", "v2"]).expect(0);
    project.say(&["fsck"]).expect(0);
}

#[test]
fn a_reference_that_is_not_there_is_told() {
    let project = project();
    let said = project.say(&["run", "--reference", "v9"]).expect(2);
    assert!(said.err.contains("there is no run `v9`"), "{}", said.err);
    project.edit("with: { names:", "with: { reference: v9, names:");
    let said = project.say(&["run"]).expect(6);
    assert!(said.err.contains("reference `v9`: there is no run `v9`"), "{}", said.err);
    let bare = Project::small();
    bare.run();
    let said = bare.say(&["run", "--reference", "latest"]).expect(2);
    assert!(said.err.contains("stages that do: segments.profile"), "{}", said.err);
}

#[test]
fn a_run_without_such_a_stage_lends_nothing() {
    let project = Project::small();
    project.run();
    project.write("pipelines/small.yaml", format!("{PIPELINE}{SEGMENTS}"));
    let said = project.say(&["run", "--reference", "latest"]).expect(6);
    assert!(said.err.contains("has no `segments.profile` stage"), "{}", said.err);
}
