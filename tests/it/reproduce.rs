//! `reproduce`: a past run comes out the same when nothing of it is left but what was recorded, and where a program
//! answers differently the first difference is found: stage, output, row and column, or byte.

use std::fs;

use serde_json::{Value, json};

use crate::project::{Project, customers};

/// The program hands on `one`, or `other` once the file `turned` is there, of which it says nothing.
fn fickle(other: &str) -> Project {
    let pipeline = format!(
        "\
pipeline: small
stages:
  customers: {{ uses: ingest.csv, with: {{ path: data/raw/customers.csv, id: id }} }}
  one: {{ uses: features.derive, inputs: {{ table: customers }}, with: {{ select: [income, visits] }} }}
  other:
    uses: features.derive
    inputs: {{ table: customers }}
    with: {{ {other} }}
  pick:
    uses: command
    inputs: {{ one: one, other: other }}
    with:
      run: 'if [ -e TURNED ]; then cp {{inputs.other}} {{outputs.t}}; else cp {{inputs.one}} {{outputs.t}}; fi'
      shell: true
      outputs: {{ t: t.parquet }}
  below: {{ uses: features.derive, inputs: {{ table: pick.t }}, with: {{ where: visits > 6 }} }}
"
    );
    let project = Project::empty("");
    let turned = project.path("turned").display().to_string();
    project.write("pipelines/small.yaml", pipeline.replace("TURNED", &turned));
    project.write("data/raw/customers.csv", customers(12));
    project.run();
    project
}

/// Turns the program and returns the one pass of a reproduction, which differs, and what was said of it.
fn turn(project: &Project) -> (Value, String) {
    project.say(&["reproduce", "latest"]).expect(0);
    project.write("turned", "");
    let document = project.say(&["reproduce", "latest", "--json"]).expect(4).json();
    assert_eq!(document["identical"], false);
    (document["passes"][0].clone(), project.say(&["reproduce", "latest"]).expect(4).out)
}

fn output<'a>(pass: &'a Value, stage: &str) -> &'a Value {
    let outputs = pass["outputs"].as_array().unwrap();
    outputs.iter().find(|o| o["stage"] == stage).unwrap()
}

#[test]
fn a_cell_that_differs_is_named() {
    let other = "columns: { visits: case when id = 'c0007' then 1.5 else visits end }, select: [income, visits]";
    let project = fickle(other);
    let (pass, text) = turn(&project);
    assert_eq!(pass["first_difference"], "pick.t", "not what stands below it");
    let at = &output(&pass, "pick")["at"];
    let expected =
        json!({ "row": 7, "id": "c0007", "column": "visits", "was": "40.0", "is": "1.5" });
    assert_eq!(*at, expected);
    assert!(text.contains("first in `pick.t`: was "), "{text}");
    assert!(text.contains("  row 7 (id c0007), column `visits`: was 40.0, is 1.5\n"), "{text}");
    assert_eq!(output(&pass, "one")["identical"], true);
    assert_eq!(output(&pass, "below")["identical"], false);
}

#[test]
fn rows_and_columns_that_differ_are_named() {
    for (other, expected) in [
        ("where: id <> 'c0011', select: [income, visits]", "it had 12 rows, has 11"),
        ("select: [income]", "column `visits` is gone"),
        ("select: [income, visits, color]", "column `color` is new"),
        (
            "columns: { income: round(income) = 50 }, select: [income, visits]",
            "column `income` was float, is boolean",
        ),
        (
            "select: [visits, income]",
            "its columns are in another order: `visits` stands where `income` stood",
        ),
    ] {
        let project = fickle(other);
        let (pass, text) = turn(&project);
        assert_eq!(output(&pass, "pick")["difference"], expected, "{other}");
        assert!(text.contains(&format!("  {expected}\n")), "{text}");
    }
}

#[test]
fn of_what_is_no_table_the_byte_is_named() {
    let project = Project::empty("");
    let turned = project.path("turned");
    let run = format!("printf \"seven %s\" \"$(cat {})\" > {{outputs.o}}", turned.display());
    let text = format!(
        "pipeline: small\nstages:\n  say:\n    uses: command\n    with:\n      run: '{run}'\n      \
         shell: true\n      outputs: {{ o: o.txt }}\n"
    );
    project.write("pipelines/small.yaml", text);
    project.write("turned", "days");
    project.run();
    for (now, expected) in [
        ("dogs", "byte 7: was 0x61, is 0x6f"),
        ("da", "it had 10 bytes, has 8; what both have is the same"),
    ] {
        project.write("turned", now);
        let said = project.say(&["reproduce", "latest", "--json"]).expect(4).json();
        assert_eq!(output(&said["passes"][0], "say")["difference"], expected);
    }
    // Without the recorded bytes the difference is known by the hash alone.
    fs::remove_file(project.object("say/o.txt")).unwrap();
    let said = project.say(&["reproduce", "latest"]).expect(4).out;
    assert!(said.contains("  the recorded artifact is no longer in the store"), "{said}");
    project.write("turned", "days");
    project.say(&["reproduce", "latest"]).expect(0);
}

#[test]
fn a_program_that_fails_now_is_told() {
    let project = fickle("select: [income, visits]");
    project.edit("then cp {inputs.other} {outputs.t}", "then echo no more; exit 3");
    project.run();
    let (pass, text) = turn(&project);
    assert_eq!(pass["failures"][0]["stage"], "pick");
    assert!(text.contains("error: stage `pick` failed: ") && text.contains("no more"), "{text}");
    assert_eq!(output(&pass, "below")["found"], Value::Null);
}

#[test]
fn nothing_but_the_record_is_needed() {
    let project = Project::small();
    let id = project.run()["run"].as_str().unwrap().to_string();
    project.write("pipelines/small.yaml", "pipeline: other\nstages: {}\n");
    project.write("data/raw/customers.csv", "id\n1\n");
    for folder in ["keys", "state", "latest", "receipts"] {
        let _ = fs::remove_dir_all(project.path(&format!("artifacts/{folder}")));
    }
    let mut n_gone = 0;
    for folder in fs::read_dir(project.path("artifacts/objects")).unwrap().flatten() {
        for object in fs::read_dir(folder.path()).unwrap().flatten().map(|e| e.path()) {
            if object.extension().is_some_and(|e| e == "parquet") {
                fs::remove_file(object).unwrap();
                n_gone += 1;
            }
        }
    }
    assert!(n_gone > 10);
    let said =
        project.say(&["reproduce", &id[..12], "--threads", "1,2", "--json"]).expect(0).json();
    assert_eq!(said["identical"], true);
    let threads: Vec<_> =
        said["passes"].as_array().unwrap().iter().map(|p| p["threads"].clone()).collect();
    assert_eq!(threads, [1, 2]);
    let text = project.say(&["reproduce", &id[..12]]).expect(0).out;
    assert!(text.ends_with(&format!("run {} reproduced bit for bit\n", &id[..12])), "{text}");
}
