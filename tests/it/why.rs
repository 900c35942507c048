//! `explain`: whatever changed, and however far above, the way leads to it, with the value before and now; and what is
//! cached says who made it.

use std::fs;

use serde_json::{Value, json};

use crate::project::{Project, Said, customers, in_state, tamper};

/// raw -> features -> kept -> parts/cut=1, parts/cut=2 -> count, a program. `kept` leaves `double` out.
const PIPELINE: &str = "\
pipeline: small
stages:
  raw: { uses: ingest.csv, with: { path: data/raw/customers.csv, id: id } }
  features: { uses: features.derive, inputs: { table: raw }, with: { columns: { double: income * 2 } } }
  kept:
    uses: features.derive
    inputs: { table: features }
    with: { where: visits > 3, select: [income, visits] }
  extra: { uses: features.derive, inputs: { table: kept } }
  parts:
    uses: features.derive
    inputs: { table: kept }
    matrix: { cut: [1, 2] }
    with: { columns: { part: \"income > ${matrix.cut}\" } }
  count:
    uses: command
    inputs: { a: parts/cut=1, b: kept }
    with:
      run: \"cat {inputs.a} {inputs.b} | wc -c > {outputs.n}\"
      shell: true
      env: [FLAVOUR]
      outputs: { n: n.txt }
";

fn project() -> Project {
    let project = Project::empty(PIPELINE);
    project.write("data/raw/customers.csv", customers(30));
    project.run();
    project
}

fn explain(project: &Project, arguments: &[&str]) -> Value {
    project.say(&[&["explain", "--json"], arguments].concat()).expect(0).json()
}

/// Returns the first causes as stage, code, name, value before, value now.
fn causes(document: &Value) -> Vec<(String, String, Value, Value, Value)> {
    let one = |cause: &Value| {
        let reason = &cause["reason"];
        let text = |v: &Value| v.as_str().unwrap_or_default().to_string();
        let (old, new) = (reason["old"].clone(), reason["new"].clone());
        (text(&cause["stages"][0]), text(&reason["code"]), reason["name"].clone(), old, new)
    };
    document["first_causes"].as_array().unwrap().iter().map(one).collect()
}

/// Checks that one thing is the cause of `stage` being due.
fn due_to(
    project: &Project,
    stage: &str,
    at: &str,
    code: &str,
    name: Value,
    values: (Value, Value),
) {
    let found = causes(&explain(project, &[stage]));
    assert_eq!(found, [(at.to_string(), code.to_string(), name, values.0, values.1)]);
}

#[test]
fn a_parameter_three_levels_above() {
    let project = project();
    project.edit("income * 2", "income * 3");
    let values = (json!("income * 2"), json!("income * 3"));
    due_to(&project, "count", "features", "param-changed", json!("columns.double"), values);
    let text = project.say(&["explain", "count"]).expect(0).out;
    assert!(text.starts_with("count  command  maybe\n"), "{text}");
    assert!(text.contains("was  income * 2\n") && text.contains("is   income * 3\n"), "{text}");
}

#[test]
fn a_source_file() {
    let project = project();
    project.write("data/raw/customers.csv", customers(31));
    let found = causes(&explain(&project, &["count"]));
    assert_eq!(found.len(), 1);
    let (at, code, name, old, new) = &found[0];
    assert_eq!((at.as_str(), code.as_str()), ("raw", "file-changed"));
    assert_eq!(*name, "data/raw/customers.csv");
    assert!(old.is_string() && new.is_string() && old != new, "the hashes before and now");
}

#[test]
fn a_missing_source_blocks_and_is_named() {
    let project = project();
    fs::remove_file(project.path("data/raw/customers.csv")).unwrap();
    let document = explain(&project, &["count"]);
    assert_eq!(document["stages"][0]["state"], "blocked");
    let text = project.say(&["explain", "count"]).expect(0).out;
    assert!(text.contains("raw  ingest.csv  blocked") && text.contains("does not exist"), "{text}");
}

#[test]
fn the_command_its_environment_and_the_kind() {
    let project = project();
    project.edit("wc -c", "wc -l");
    let found = causes(&explain(&project, &["count"]));
    assert_eq!((found[0].0.as_str(), found[0].1.as_str()), ("count", "command-changed"));
    assert!(found[0].4.as_str().unwrap().contains("wc -l"), "{found:?}");
    project.edit("wc -l", "wc -c");
    assert_eq!(
        causes(&explain(&project, &["count"])).len(),
        1,
        "it is cached, and was never run before"
    );
    let said: Said = project
        .command(&["explain", "--json", "count"])
        .env("FLAVOUR", "sweet")
        .output()
        .unwrap()
        .into();
    let found = causes(&said.expect(0).json());
    let expected = (
        "count".to_string(),
        "env-changed".to_string(),
        json!("FLAVOUR"),
        Value::Null,
        json!("sweet"),
    );
    assert_eq!(found, [expected]);
    project.edit("extra: { uses: features.derive,", "extra: { uses: transform.fit,");
    let found = causes(&explain(&project, &["extra"]));
    assert_eq!(found[0].1, "kind-changed");
    assert!(found[0].3.as_str().unwrap().starts_with("features.derive"), "{found:?}");
    assert!(found[0].4.as_str().unwrap().starts_with("transform.fit"), "{found:?}");
}

#[test]
fn an_output_that_is_gone_or_damaged() {
    let project = project();
    let object = project.object("kept/table.parquet");
    tamper(&object, |bytes| bytes[10] ^= 1);
    due_to(&project, "count", "kept", "output-corrupt", json!("table"), (Value::Null, Value::Null));
    fs::remove_file(&object).unwrap();
    due_to(&project, "count", "kept", "output-missing", json!("table"), (Value::Null, Value::Null));
    let ran = project.run();
    assert_eq!(in_state(&ran, "ran"), ["kept"]);
    let found = causes(&explain(&project, &["kept", "--run", "latest"]));
    assert_eq!(found[0].1, "output-missing", "a past run keeps its reason");
}

#[test]
fn force_is_a_reason() {
    let project = project();
    project.say(&["run", "--force", "kept"]).expect(0);
    let document = explain(&project, &["kept", "--run", "latest"]);
    assert_eq!(document["stages"][0]["state"], "ran");
    assert_eq!(causes(&document)[0].1, "forced");
}

#[test]
fn what_came_out_the_same_stops_the_way() {
    let project = project();
    let first = project.run()["run"].clone();
    project.edit("income * 2", "income * 3");
    let second = project.run();
    assert_eq!(in_state(&second, "ran"), ["features", "kept"]);
    let document = explain(&project, &["count", "--run", "latest"]);
    let count = &document["stages"][0];
    assert_eq!((&count["state"], &count["early_cutoff"]), (&json!("cached"), &json!(true)));
    assert_eq!(count["made_by"], first);
    let text = project.say(&["explain", "count", "--run", "latest"]).expect(0).out;
    assert!(text.contains("its inputs came out the same"), "{text}");
    let kept = explain(&project, &["kept", "--run", "latest"]);
    assert_eq!(causes(&kept)[0].0, "features");
}

/// What was cached was explained by the newest execution under its name, even if that had run with other parameters:
/// back at the old value, the explanation said that the value had changed to the other one.
#[test]
fn what_is_cached_tells_who_made_it_and_not_who_ran_last() {
    let project = project();
    let first = project.run()["run"].clone();
    project.edit("visits > 3", "visits > 10");
    let second = project.run()["run"].clone();
    let kept = explain(&project, &["kept"]);
    assert_eq!(kept["stages"][0]["made_by"], second);
    assert_eq!(causes(&kept)[0].1, "param-changed");
    project.edit("visits > 10", "visits > 3");
    let kept = explain(&project, &["kept"]);
    assert_eq!(kept["stages"][0]["state"], "cached");
    assert_eq!(kept["stages"][0]["made_by"], first);
    assert_eq!(causes(&kept)[0].1, "never-run");
    let text = project.say(&["explain", "kept"]).expect(0).out;
    let id = &first.as_str().unwrap()[..12];
    assert!(text.contains(&format!("by run {id}, because")), "{text}");
}

#[test]
fn instances_of_a_matrix_stand_apart_where_they_differ() {
    let project = project();
    project.edit("cut: [1, 2]", "cut: [1, 2, 3]");
    let document = explain(&project, &["parts"]);
    let stages = document["stages"].as_array().unwrap();
    let told: Vec<_> = stages.iter().map(|s| (&s["stages"], &s["state"])).collect();
    let cached = (json!(["parts/cut=1", "parts/cut=2"]), json!("cached"));
    let stale = (json!(["parts/cut=3"]), json!("stale"));
    assert_eq!(told, [(&cached.0, &cached.1), (&stale.0, &stale.1)]);
}

#[test]
fn a_failed_run_does_not_hide_the_reason() {
    let project = project();
    project.edit("wc -c > {outputs.n}", "wc -c > {outputs.n}; exit 1");
    project.write("data/raw/customers.csv", customers(40));
    project.say(&["run"]).expect(1);
    let document = explain(&project, &["count"]);
    assert_eq!(document["stages"][0]["state"], "stale");
    let found = causes(&document);
    let told: Vec<_> = found.iter().map(|c| (c.0.as_str(), c.1.as_str())).collect();
    assert_eq!(told, [("count", "command-changed"), ("raw", "file-changed")]);
    let raw = explain(&project, &["raw"]);
    assert_eq!(raw["stages"][0]["made_by"], Value::Null);
    let text = project.say(&["explain", "raw"]).expect(0).out;
    assert!(text.contains("by a run that did not finish"), "{text}");
}

/// After `--target` a stage below has an older record than those above it: the way leads through what the targeted run
/// did to what it was due to.
#[test]
fn a_targeted_run_is_on_the_way() {
    let project = project();
    project.edit("visits > 3", "visits > 10");
    project.say(&["run", "--target", "parts/cut=1"]).expect(0);
    let document = explain(&project, &["count"]);
    assert_eq!(document["stages"][0]["state"], "stale");
    let found = causes(&document);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].0.as_str(), found[0].1.as_str()), ("kept", "param-changed"));
    assert_eq!((&found[0].3, &found[0].4), (&json!("visits > 3"), &json!("visits > 10")));
}

#[test]
fn a_key_that_is_not_known_yet_is_shown_as_far_as_it_is() {
    let project = project();
    let keys = |stage: &str| explain(&project, &["--key", stage])["keys"][0].clone();
    let known = keys("count");
    assert_eq!(known["unknown"], json!([]));
    assert_eq!(keys("raw")["files"], json!(["data/raw/customers.csv"]));
    project.edit("visits > 3", "visits > 10");
    let maybe = keys("count");
    assert_eq!(maybe["key"], Value::Null);
    let unknown = json!([
        { "input": "a", "after": "parts/cut=1" }, { "input": "b", "after": "kept" }
    ]);
    assert_eq!(maybe["unknown"], unknown);
    assert_eq!(maybe["preimage"]["params"], known["preimage"]["params"]);
    assert_eq!(maybe["preimage"]["inputs"], json!({}));
    let text = project.say(&["explain", "--key", "count"]).expect(0).out;
    assert!(text.contains("input     b = known after kept"), "{text}");
    fs::remove_file(project.path("data/raw/customers.csv")).unwrap();
    assert!(keys("raw")["error"].as_str().unwrap().contains("does not exist"));
}

/// A pattern stood beside the hash of the first file that it meant.
#[test]
fn files_of_a_pattern_are_named_one_by_one() {
    let project = project();
    project.write("data/raw/more.csv", customers(30).replace("\nc", "\nd"));
    project.edit("data/raw/customers.csv", "data/raw/*.csv");
    let keys = explain(&project, &["--key", "raw"])["keys"][0].clone();
    assert_eq!(keys["files"], json!(["data/raw/customers.csv", "data/raw/more.csv"]));
    assert_eq!(keys["preimage"]["files"].as_array().map(Vec::len), Some(2));
}
