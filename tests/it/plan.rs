//! `plan`: what a run would do and take, told before it runs and without writing anything.

use std::{collections::BTreeMap, fs, path::Path, time::SystemTime};

use serde_json::{Value, json};

use crate::project::{Project, stage};

fn files(folder: &Path, found: &mut BTreeMap<String, (u64, SystemTime)>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let meta = fs::symlink_metadata(&path).unwrap();
        found.insert(path.display().to_string(), (meta.len(), meta.modified().unwrap()));
        if meta.is_dir() {
            files(&path, found);
        }
    }
}

#[test]
fn a_plan_tells_what_it_takes_and_writes_nothing() {
    let project = Project::small();
    let unknown = project.say(&["plan", "--json"]).expect(0).json();
    assert_eq!(unknown["forecast"]["unknown"], 10);
    assert_eq!(stage(&unknown, "forest")["forecast_seconds"], Value::Null);
    assert!(!project.path("artifacts").exists(), "a plan makes no store");
    let text = project.say(&["plan"]).expect(0).out;
    assert!(text.ends_with("forecast: unknown, nothing like it ran here yet\n"), "{text}");

    let ran = project.run();
    project.edit("trees: 5", "trees: 6");
    let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
    files(&project.root, &mut before);
    let plan = project.say(&["plan", "--json", "-j", "2"]).expect(0).json();
    files(&project.root, &mut after);
    assert_eq!(before, after);

    let (forest, champion) = (stage(&plan, "forest"), stage(&plan, "champion"));
    assert_eq!(forest["forecast_seconds"], stage(&ran, "forest")["seconds"]);
    assert_eq!(forest["forecast_basis"], "last run");
    let outputs = stage(&ran, "forest")["outputs"].as_object().unwrap().values();
    let bytes: u64 = outputs.map(|o| o["bytes"].as_u64().unwrap()).sum();
    assert_eq!(forest["forecast_bytes"], bytes);
    assert_eq!((&forest["critical"], &champion["critical"]), (&json!(true), &json!(true)));
    let logistic = stage(&plan, "logistic");
    assert_eq!(
        (&logistic["forecast_seconds"], &logistic["critical"]),
        (&json!(0.0), &json!(false))
    );
    let seconds = |v: &Value| v.as_f64().unwrap();
    let all = seconds(&forest["forecast_seconds"]) + seconds(&champion["forecast_seconds"]);
    assert!((seconds(&plan["forecast"]["seconds"]) - all).abs() < 1e-9, "one after the other");
    assert_eq!(plan["forecast"]["least_seconds"], forest["forecast_seconds"]);
    assert_eq!((&plan["forecast"]["unknown"], &plan["forecast"]["jobs"]), (&json!(0), &json!(2)));
}

#[test]
fn a_new_instance_is_expected_to_take_what_its_kind_took() {
    let project = Project::small();
    project.run();
    project.edit("k_max: 4", "k_max: 5");
    let plan = project.say(&["plan", "--json"]).expect(0).json();
    let added = stage(&plan, "kmeans/k=5");
    assert_eq!(added["forecast_basis"], "median of 3 executions");
    assert!(added["forecast_seconds"].as_f64().unwrap() > 0.0);
    let text = project.say(&["plan", "-j", "1"]).expect(0).out;
    assert!(text.lines().any(|l| l.contains("kmeans/k=5") && l.contains("never run")), "{text}");
    assert!(text.lines().last().unwrap().starts_with("forecast: "), "{text}");
    assert!(text.contains(" with 1 thread, "), "{text}");
}

#[test]
fn where_nothing_is_due_nothing_is_forecast() {
    let project = Project::small();
    project.run();
    let text = project.say(&["plan"]).expect(0).out;
    assert!(text.ends_with("10 stage instances: 10 cached\n"), "{text}");
    let plan = project.say(&["plan", "--json"]).expect(0).json();
    assert_eq!(
        (&plan["forecast"]["seconds"], &plan["forecast"]["bytes"]),
        (&json!(0.0), &json!(0))
    );
    let status = project.say(&["status", "--json"]).expect(0).json();
    assert_eq!(status["forecast"], Value::Null);
}
