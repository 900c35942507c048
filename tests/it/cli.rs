//! The commands that look at things, as a person or a program calls them: what stands on stdout, what the exit
//! code is. What they compute is tested beside the code.

use std::{io::Read, process::Stdio};

use serde_json::{Value, json};

use crate::project::Project;

/// A pipeline without models: quick to run many times.
const LIGHT: &str = "\
pipeline: small
params: { scale: standard }
stages:
  customers:
    uses: ingest.csv
    with: { path: data/raw/customers.csv, id: id }
  looks: { uses: eda.profile, inputs: { table: customers } }
  features:
    uses: features.derive
    inputs: { table: customers }
    with:
      columns:
        per_visit: income / nullif(visits, 0)
      drop: [noise]
  prepare:
    uses: transform.fit
    inputs: { table: features }
    matrix: { scale: [standard, robust] }
    with: { numeric: { scale: \"${matrix.scale}\" } }
  late: { uses: eda.profile, inputs: { table: prepare/scale=robust.matrix } }
";

fn light() -> Project {
    let project = Project::empty(LIGHT);
    project.write("data/raw/customers.csv", crate::project::customers(30));
    project
}

/// A tag could be given and moved but not taken away.
#[test]
fn tags_come_and_go() {
    let project = light();
    project.run();
    project.say(&["tag", "latest", "good"]).expect(0);
    let id = project.say(&["show", "good", "--json"]).expect(0).json()["run"].clone();
    let said = project.say(&["tag", "--delete", "goad"]).expect(2);
    assert!(said.err.contains("no run has the tag `goad`; did you mean `good`?"), "{}", said.err);
    let gone = project.say(&["tag", "--delete", "good", "--json"]).expect(0).json();
    assert_eq!(gone, json!({ "format": "orchestrate/1", "run": id, "deleted": "good" }));
    project.say(&["show", "good"]).expect(2);
    project.say(&["tag", "--delete", "../FORMAT"]).expect(2);
    project.say(&["tag", "--delete", "good", "latest"]).expect(2);
    project.say(&["tag", "latest"]).expect(2);
    project.say(&["show", "latest"]).expect(0);
}

#[test]
fn every_document_is_one_json_document_and_nothing_else() {
    let project = light();
    project.run();
    for arguments in [
        &["dag"][..],
        &["dag", "--expand"],
        &["dag", "--format", "svg"],
        &["log"],
        &["show", "latest"],
        &["diff", "latest", "latest"],
        &["explain", "late"],
        &["explain", "late", "--key"],
        &["explain", "late", "--run", "latest"],
        &["tag", "latest", "first"],
        &["cat", "customers"],
        &["cat", "looks.report"],
        &["path", "prepare.matrix"],
        &["kinds"],
        &["kinds", "ingest.csv"],
        &["schema"],
        &["completions", "bash"],
        &["check"],
    ] {
        let said = project.say(&[arguments, &["--json"]].concat()).expect(0);
        said.json();
        assert_eq!(said.err.lines().filter(|l| !l.contains("(it also has")).count(), 0);
    }
}

#[test]
fn what_is_unknown_exits_with_2_and_names_what_is_near() {
    let project = light();
    project.run();
    for (arguments, part) in [
        (&["cat", "custmers"][..], "did you mean `customers`?"),
        (&["cat", "customers.tabel"], "did you mean `table`?"),
        (&["cat", "prepare"], "prepare/scale=robust"),
        (&["cat", "customers", "--columns", "incom"], "did you mean `income`?"),
        (&["cat", "customers", "--where", "incom > 3"], "did you mean `income`?"),
        (&["cat", "customers", "--where", "income"], "condition"),
        (&["cat", "customers", "-o", "x.txt"], ".csv, .parquet, .arrow or .json"),
        (&["cat", "looks.report", "--rows", "3"], "not a table"),
        (&["path", "nothing"], "it has customers"),
        (&["explain", "faetures"], "did you mean `features`?"),
        (&["explain", "faetures", "--run", "latest"], "did you mean `features`?"),
        (&["show", "lastest"], "did you mean `latest`?"),
        (&["show", "latest~7"], "the history has 1"),
        (&["diff", "latest", "nope"], "there is no run `nope`"),
        (&["tag", "latest", "latest"], "newest run"),
        (&["tag", "latest", "abcdef"], "first digits"),
        (&["tag", "latest", "../x"], "a tag is made of"),
        (&["kinds", "ingest.cvs"], "did you mean `ingest.csv`?"),
        (&["dag", "smal"], "did you mean `small`?"),
    ] {
        let said = project.say(arguments).expect(2);
        assert!(said.err.contains(part), "{arguments:?}: {}", said.err);
        assert_eq!(said.out, "", "{arguments:?}");
        let document = project.say(&[arguments, &["--json"]].concat()).expect(2).json();
        assert!(document["error"]["message"].as_str().is_some_and(|m| m.contains(part)));
    }
}

#[test]
fn cat_takes_rows_columns_and_conditions_and_writes_files() {
    let project = light();
    project.run();
    let rows = |arguments: &[&str]| -> Vec<Value> {
        let said = project.say(&[&["cat", "customers", "--json"], arguments].concat()).expect(0);
        serde_json::from_str(&said.out).unwrap()
    };
    assert_eq!(rows(&[]).len(), 30);
    assert_eq!(
        rows(&["--rows", "1", "--columns", "id,color"]),
        [json!({"id": "c0000", "color": "red"})]
    );
    let red = rows(&["--where", "color = 'red' and visits > 0"]);
    assert!(!red.is_empty() && red.iter().all(|r| r["color"] == "red"));
    let shown = project.say(&["cat", "customers", "--rows", "2"]).expect(0).out;
    assert!(
        shown.ends_with("30 rows x 5 columns; the first 2 shown, --rows N for more\n"),
        "{shown}"
    );
    project.say(&["cat", "customers", "--where", "color = 'red'", "-o", "red.csv"]).expect(0);
    let text = project.read("red.csv");
    assert_eq!(text.lines().next(), Some("id,income,visits,color,noise"));
    assert_eq!(text.lines().count(), 11);
    project.say(&["cat", "customers", "-o", "all.parquet"]).expect(0);
    assert!(project.path("all.parquet").is_file());
    let paths = project.say(&["path", "prepare.matrix"]).expect(0).out;
    assert_eq!(paths.lines().count(), 2);
    assert!(paths.lines().all(|p| std::path::Path::new(p).is_file()), "{paths}");
    let page = project.say(&["cat", "looks.report"]).expect(0).out;
    assert!(page.starts_with("<!DOCTYPE html>"));
}

#[test]
fn a_broken_pipeline_does_not_hide_its_data() {
    let project = light();
    project.run();
    project.edit("uses: features.derive", "uses: features.dervie");
    project.say(&["status"]).expect(3);
    let said = project.say(&["cat", "features", "--rows", "1"]).expect(0);
    assert!(said.out.contains("per_visit"), "{}", said.out);
}

#[test]
fn explain_leads_to_the_first_cause_before_and_after_the_run() {
    let project = light();
    project.run();
    project.edit("income / nullif(visits, 0)", "income * visits");
    let before = project.say(&["explain", "late", "--json"]).expect(0).json();
    assert_eq!(before["stages"][0]["state"], "maybe");
    assert_eq!(before["first_causes"][0]["stages"], json!(["features"]));
    let reason = &before["first_causes"][0]["reason"];
    assert_eq!(reason["code"], "param-changed");
    assert_ne!(reason["old"], reason["new"]);
    let text = project.say(&["explain", "late"]).expect(0).out;
    assert!(text.contains("is   income * visits"), "{text}");
    project.run();
    let after = project.say(&["explain", "late", "--run", "latest", "--json"]).expect(0).json();
    assert_eq!(after["stages"][0]["state"], "ran");
    assert_eq!(after["first_causes"][0]["reason"]["code"], "param-changed");
    let cached = project.say(&["explain", "late"]).expect(0).out;
    assert!(cached.contains("cached") && cached.contains("by run "), "{cached}");
    let keys = project.say(&["explain", "prepare", "--key", "--json"]).expect(0).json();
    assert_eq!(keys["keys"].as_array().map(Vec::len), Some(2));
    assert_eq!(keys["keys"][0]["preimage"]["kind"], "transform.fit");
}

#[test]
fn runs_are_listed_named_shown_and_compared() {
    let project = light();
    let first = project.run();
    project.say(&["tag", "latest", "base"]).expect(0);
    project.edit("[standard, robust]", "[minmax, robust]");
    let second = project.run();
    let log = project.say(&["log", "--json"]).expect(0).json();
    let ids: Vec<&Value> = log["runs"].as_array().unwrap().iter().map(|r| &r["run"]).collect();
    assert_eq!(ids, [&second["run"], &first["run"]]);
    assert_eq!(log["runs"][1]["tags"], json!(["base"]));
    let shown = project.say(&["show", "base", "--json"]).expect(0).json();
    assert_eq!((&shown["run"], &shown["tags"]), (&first["run"], &json!(["base"])));
    assert_eq!(shown["params"], json!({"scale": "standard"}));
    let diff = project.say(&["diff", "base", "latest", "--json"]).expect(0).json();
    assert_eq!(diff["stages"]["added"], json!(["prepare/scale=minmax"]));
    assert_eq!(diff["stages"]["removed"], json!(["prepare/scale=standard"]));
    assert_eq!(diff["artifacts"]["changed"], json!([]));
    assert_eq!(project.say(&["log", "-n", "1"]).expect(0).out.lines().count(), 2);
}

#[test]
fn a_changed_manifest_is_damage() {
    let project = light();
    let id = project.run()["run"].as_str().unwrap().to_string();
    let path = format!("artifacts/runs/{id}.json");
    let text = project.read(&path);
    std::fs::remove_file(project.path(&path)).unwrap();
    project.write(&path, text.replace("standard", "robust--"));
    for arguments in [&["show", "latest"][..], &["show", &id[..8]], &["diff", "latest", "latest"]] {
        project.say(arguments).expect(5);
    }
    std::fs::remove_file(project.path(&path)).unwrap();
    project.say(&["show", "latest"]).expect(5);
}

#[test]
fn a_changed_artifact_is_damage() {
    let project = light();
    project.run();
    crate::project::tamper(&project.object("customers/table.parquet"), |bytes| bytes[100] ^= 1);
    project.say(&["cat", "customers"]).expect(5);
}

#[test]
fn init_makes_a_project_and_overwrites_nothing() {
    let project = light();
    std::fs::create_dir_all(project.path("new/data/raw")).unwrap();
    project.write("new/data/raw/customers.csv", "mine\n");
    let made = project.say(&["init", "new", "--json"]).expect(0).json();
    assert_eq!(made["kept"], json!(["data/raw/customers.csv"]));
    assert_eq!(project.read("new/data/raw/customers.csv"), "mine\n");
    for file in ["pipelines/customer_segmentation.yaml", "data/raw/new_customers.csv", ".gitignore"]
    {
        assert!(project.path("new").join(file).is_file(), "{file}");
    }
    project.say(&["init", "other", "--rows", "60"]).expect(0);
    assert_eq!(project.read("other/data/raw/customers.csv").lines().count(), 61);
    let root = project.path("other");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_orchestrate"));
    let output = command.arg("-C").arg(root).arg("check").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn sample_data_is_the_same_every_time() {
    let project = light();
    let say = |arguments: &[&str]| project.say(arguments).expect(0).out;
    let rows = say(&["sample", "customers", "--rows", "20", "--seed", "3"]);
    assert_eq!(rows.lines().count(), 21);
    say(&[
        "sample",
        "customers",
        "--rows",
        "20",
        "--seed",
        "3",
        "-o",
        "a/b.csv",
        "--truth",
        "t.csv",
    ]);
    assert_eq!(project.read("a/b.csv"), rows);
    assert_eq!(project.read("t.csv").lines().next(), Some("customer_id,persona"));
    assert_eq!(say(&["sample", "transactions", "--rows", "9"]).lines().count(), 10);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let project = light();
    project.run();
    for arguments in [
        &["sample", "customers", "--rows", "200000"][..],
        &["schema"],
        &["kinds"],
        &["cat", "customers", "--json"],
        &["dag", "--format", "svg"],
    ] {
        let mut child = project
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut few = [0; 10];
        let mut out = child.stdout.take().unwrap();
        out.read_exact(&mut few).unwrap();
        drop(out);
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{arguments:?}: {said}");
    }
}
