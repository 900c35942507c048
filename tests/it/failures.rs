//! What goes wrong says where and what to do, ends with its exit code, and loses nothing.

use std::{process::Stdio, time::Duration};

use crate::project::{PIPELINE, Project, customers, in_state, stage};

#[test]
fn three_mistakes_give_three_located_messages_and_nothing_is_written() {
    let project = Project::small();
    project.edit("uses: cluster.kmeans", "uses: cluster.kmaens");
    project.edit("scale: standard", "scale: standrad");
    project.edit("labels: best.labels", "labels: best.lables");
    let said = project.say(&["run"]).expect(3);
    for expected in [
        "pipelines/small.yaml:20:25: expected one of",
        "did you mean `standard`?",
        "pipelines/small.yaml:23:11: unknown kind `cluster.kmaens`",
        "did you mean `cluster.kmeans`?",
        "`best` has no output `lables`",
        "did you mean `labels`?",
    ] {
        assert!(said.err.contains(expected), "{expected} is not in\n{}", said.err);
    }
    assert!(!project.path("artifacts").exists());
    let json = project.say(&["check", "--json"]).expect(3).json();
    assert_eq!(json["error"]["code"], 3);
    assert_eq!(json["error"]["line"], 20);
    assert!(json["errors"].as_array().unwrap().len() >= 3);
}

#[test]
fn expressions_are_checked_before_anything_is_read() {
    let project = Project::small();
    project.edit("income / nullif(visits, 0)", "income / nulif(visits, 0)");
    let said = project.say(&["check"]).expect(3);
    assert!(said.err.contains("small.yaml:13:") && said.err.contains("nullif"), "{}", said.err);
}

#[test]
fn files_that_cannot_be_read_end_with_6() {
    let project = Project::small();
    let header = "id,income,visits,color,noise\n";
    for (what, text) in [
        ("empty", String::new()),
        ("ragged", format!("{header}c1,1,2,red\n")),
        ("NUL bytes", format!("{header}c1,1\0,2,red,1\n")),
        ("duplicate headers", "id,income,income\n1,2,3\n".to_string()),
        ("duplicate ids", format!("{header}c1,1,2,red,1\nc1,1,2,red,1\n")),
        ("missing id", format!("{header},1,2,red,1\n")),
    ] {
        project.write("data/raw/customers.csv", text);
        let said = project.say(&["run"]).expect(6);
        assert!(said.err.contains("customers.csv"), "{what}: {}", said.err);
        assert!(!said.err.contains("panicked"), "{what}: {}", said.err);
    }
    std::fs::remove_file(project.path("data/raw/customers.csv")).unwrap();
    project.write("data/raw/custmers.csv", "");
    let said = project.say(&["run"]).expect(6);
    assert!(said.err.contains("did you mean `custmers.csv`?"), "{}", said.err);
}

#[test]
fn odd_data_gives_a_clear_error_or_a_result() {
    let project = Project::small();
    let header = "id,income,visits,color,noise\n";
    let constant: String = (0..30).map(|i| format!("c{i},1,2,red,0\n")).collect();
    let missing: String = (0..30).map(|i| format!("c{i},,{},red,\n", i % 3)).collect();
    for (what, rows) in [
        ("header only", String::new()),
        ("one row", "c1,1,2,red,1\n".to_string()),
        ("constant", constant),
        ("all missing", missing),
    ] {
        project.write("data/raw/customers.csv", format!("{header}{rows}"));
        let said = project.say(&["run"]);
        assert!([0, 1, 6].contains(&said.code), "{what}: {}\n{}", said.code, said.err);
        assert!(!said.err.contains("internal error"), "{what}: {}", said.err);
        assert!(said.code == 0 || said.err.contains("error: stage `"), "{what}: {}", said.err);
    }
    let names: Vec<String> = (0..1000).map(|i| format!("x{i}")).collect();
    let mut wide = format!("id,{}\n", names.join(","));
    for row in 0..20 {
        let values: Vec<String> = (0..1000).map(|i| ((row * i) % 7).to_string()).collect();
        wide.push_str(&format!("c{row},{}\n", values.join(",")));
    }
    project.write("data/raw/customers.csv", wide);
    project.say(&["run", "--target", "customers"]).expect(0);
}

const BROKEN: &str = "\
pipeline: small
stages:
  bad: { uses: command, with: { run: sh -c 'echo too bad; exit 3', outputs: { y: y.txt } } }
  below: { uses: command, inputs: { x: bad }, with: { run: \"cp {inputs.x} y.txt\", outputs: { y: y.txt } } }
  good: { uses: command, needs: [], with: { run: \"cp in.txt y.txt\", files: [in.txt], outputs: { y: y.txt } } }
";

#[test]
fn a_failure_stops_what_is_below_and_with_keep_going_nothing_else() {
    let project = Project::empty(BROKEN);
    project.write("in.txt", "hello");
    let said = project.say(&["run", "--json", "--keep-going"]).expect(1).json();
    assert_eq!(in_state(&said, "failed"), ["bad"]);
    assert_eq!(in_state(&said, "skipped"), ["below"]);
    assert_eq!(in_state(&said, "ran"), ["good"]);
    assert!(said["run"].is_null());
    assert!(stage(&said, "bad")["error"].as_str().unwrap().contains("too bad"));
    project.say(&["show", "latest"]).expect(2);
    let text = project.say(&["run"]).expect(1);
    assert!(text.err.contains("error: stage `bad`"), "{}", text.err);
}

#[test]
fn a_stage_that_takes_too_long_is_stopped_and_tried_again() {
    let project = Project::empty(
        "pipeline: small\nstages:\n  slow:\n    uses: command\n    timeout: 0.2s\n    retries: 1\n    with: { run: sleep 60, outputs: { y: y.txt } }\n",
    );
    let said = project.say(&["run"]).expect(1);
    assert!(said.err.contains("stopped after its timeout of 0.2 s"), "{}", said.err);
    assert!(said.err.contains("retry"), "{}", said.err);
}

#[test]
fn an_interrupt_keeps_what_is_finished() {
    let project = Project::empty(
        "pipeline: small\nstages:\n  quick: { uses: command, with: { run: touch y.txt, outputs: { y: y.txt } } }\n  slow: { uses: command, inputs: { x: quick }, with: { run: sleep 60, outputs: { y: y.txt } } }\n",
    );
    let child = project
        .command(&["run", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let quick = project.path("artifacts/latest/small/quick/y.txt");
    for _ in 0..500 {
        if quick.exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(200));
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let said: crate::project::Said = child.wait_with_output().unwrap().into();
    let json = said.expect(130).json();
    assert_eq!(in_state(&json, "ran"), ["quick"]);
    assert_eq!(in_state(&json, "cancelled"), ["slow"]);
    let status = project.say(&["status", "--json"]).expect(0).json();
    assert_eq!(stage(&status, "quick")["state"], "cached");
}

#[test]
fn outside_a_project_the_help_says_what_to_do() {
    let project = Project::empty(PIPELINE);
    std::fs::remove_dir_all(project.path("pipelines")).unwrap();
    let said = project.say(&["run"]).expect(2);
    assert!(said.err.contains("orchestrate init"), "{}", said.err);
    project.say(&["nonsense"]).expect(2);
    std::fs::remove_dir_all(&project.root).unwrap();
    let said = project.say(&["status"]).expect(2);
    assert!(said.err.contains("there is no folder `"), "{}", said.err);
    project.say(&["--help"]).expect(0);
}

#[test]
fn new_customers_get_the_segments_that_the_champion_gives() {
    let project = Project::small();
    project.run();
    let said = project.say(&["predict", "data/raw/customers.csv"]).expect(0);
    let all: std::collections::BTreeMap<&str, &str> =
        said.out.lines().skip(1).filter_map(|l| l.split_once(',')).collect();
    assert_eq!(all.len(), 90);
    let champion = ["forest", "logistic"].into_iter().find(|name| {
        std::fs::read(project.object(&format!("{name}/model.parquet"))).unwrap()
            == std::fs::read(project.object("champion/model.parquet")).unwrap()
    });
    let path = project.object(&format!("{}/predictions.parquet", champion.unwrap()));
    let held_out = orchestrate::frame::parquet::read(std::fs::File::open(path).unwrap()).unwrap();
    let (_, ids) = held_out.id().unwrap();
    let segments = held_out.segments().unwrap();
    let p0 = held_out.floats("p_0").unwrap();
    for row in 0..held_out.n_rows() {
        let id = arrow::util::display::array_value_to_string(&ids, row).unwrap();
        let expected = format!("{},{}", segments[row], p0[row]);
        assert!(
            all[id.as_str()].starts_with(&expected),
            "{id}: {} against {expected}",
            all[id.as_str()]
        );
    }
}

#[test]
fn new_rows_with_odd_values() {
    let project = Project::small();
    project.run();
    let header = "id,income,visits,color,noise,extra\n";
    let rows = "n1,,5,purple,1,x\nn2,50,0,green,,y\nn3,90,12,,3,z\n";
    project.write("new.csv", format!("{header}{rows}"));
    let said = project.say(&["predict", "new.csv", "-o", "out.csv"]).expect(0);
    let out = project.read("out.csv");
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 4, "{out}{}", said.err);
    assert!(lines[2].starts_with("n2,,"), "a row that `where` excludes has no segment: {out}");
    for (what, text, expected) in [
        ("missing column", "id,visits,color\nn1,5,red\n", "`income`"),
        ("text in a number", "id,income,visits,color\nn1,5,1,red\nn2,lots,1,red\n", "`income`"),
        ("duplicate id", "id,income,visits,color\nn1,5,1,red\nn1,5,1,red\n", "n1"),
        ("empty", "", "new.csv"),
    ] {
        project.write("new.csv", text);
        let said = project.say(&["predict", "new.csv", "-o", "bad.csv"]).expect(6);
        assert!(said.err.contains(expected), "{what}: {}", said.err);
        assert!(!project.path("bad.csv").exists(), "{what}");
    }
    // Another pipeline that ran since does not stand in the way.
    project.write("pipelines/other.yaml", "pipeline: other\nstages:\n  raw: { uses: ingest.csv, with: { path: data/raw/customers.csv } }\n");
    project.say(&["run", "other"]).expect(0);
    project.write("new.csv", format!("{header}{rows}"));
    project.say(&["predict", "new.csv"]).expect(0);
    project.say(&["predict", "new.csv", "--run", "latest"]).expect(2);
    project.say(&["predict", "absent.csv"]).expect(6);
    project.say(&["predict", "new.csv", "--run", "zzzz"]).expect(2);
    assert_eq!(customers(3).lines().count(), 4);
}
