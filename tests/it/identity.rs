//! The same data and the same YAML give the same run id everywhere, and a run can be proven again.

use crate::project::{Project, stage, tamper};

#[test]
fn threads_and_folders_do_not_show() {
    let project = Project::small();
    let one = project.say(&["run", "--json", "-j", "1"]).expect(0).json();
    let twin = project.twin();
    let two = twin.say(&["run", "--json", "-j", "2"]).expect(0).json();
    assert_eq!(one["run"], two["run"]);
    let hash = one["run"].as_str().unwrap();
    assert!(hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()));
}

#[test]
fn an_artifact_is_named_by_plain_blake3() {
    let project = Project::small();
    let run = project.run();
    let output = &stage(&run, "best")["outputs"]["labels"];
    let bytes = std::fs::read(project.path(output["path"].as_str().unwrap())).unwrap();
    assert_eq!(blake3::hash(&bytes).to_hex().as_str(), output["hash"].as_str().unwrap());
    let manifest = project.path(&format!("artifacts/runs/{}.json", run["run"].as_str().unwrap()));
    let bytes = std::fs::read(manifest).unwrap();
    assert_eq!(blake3::hash(&bytes).to_hex().as_str(), run["run"].as_str().unwrap());
}

#[test]
fn a_run_is_reproduced_after_everything_has_moved_on() {
    let project = Project::small();
    let run = project.run();
    let id = run["run"].as_str().unwrap().to_string();
    project.say(&["reproduce", "latest"]).expect(0);
    project.edit("trees: 5", "trees: 9");
    project.write("data/raw/customers.csv", crate::project::customers(60));
    project.run();
    std::fs::remove_file(project.path("data/raw/customers.csv")).unwrap();
    let again =
        project.say(&["reproduce", &id[..8], "--threads", "1,2", "--json"]).expect(0).json();
    assert_eq!(again["identical"], true);
    assert_eq!(again["passes"].as_array().unwrap().len(), 2);
    let one =
        project.say(&["reproduce", "latest~1", "--stage", "prepare", "--json"]).expect(0).json();
    assert_eq!(one["run"].as_str().unwrap(), id);
    assert_eq!(one["passes"][0]["outputs"].as_array().unwrap().len(), 4);
    assert_eq!(std::fs::read_dir(project.path("artifacts/tmp")).unwrap().count(), 0);
}

#[test]
fn what_was_tampered_with_is_not_proven() {
    let project = Project::small();
    let run = project.run();
    let manifest = project.path(&format!("artifacts/runs/{}.json", run["run"].as_str().unwrap()));
    let labels = project.object("best/labels.parquet");
    let sound = std::fs::read(&labels).unwrap();
    tamper(&labels, |bytes| bytes[40] ^= 1);
    project.say(&["reproduce", "latest"]).expect(5);
    tamper(&labels, |bytes| *bytes = sound);
    project.say(&["reproduce", "latest"]).expect(0);
    tamper(&manifest, |bytes| {
        let text = String::from_utf8(bytes.clone()).unwrap().replace("\"trees\":5", "\"trees\":6");
        *bytes = text.into_bytes();
    });
    project.say(&["reproduce", "latest"]).expect(5);
    project.say(&["reproduce", "nonsense"]).expect(2);
}

const COIN: &str = "\
pipeline: small
stages:
  coin:
    uses: command
    with:
      run: \"head -c 16 /dev/urandom | od -An -tx1 > {outputs.y}\"
      shell: true
      outputs: { y: y.txt }
";

#[test]
fn a_program_that_tosses_a_coin_is_found_out() {
    let project = Project::empty(COIN);
    project.run();
    let said = project.say(&["reproduce", "latest", "--json"]).expect(4).json();
    assert_eq!(said["identical"], false);
    assert_eq!(said["passes"][0]["first_difference"], "coin.y");
}

#[test]
fn restore_puts_a_past_run_back() {
    let project = Project::small();
    let first = project.run();
    let model = std::fs::read(project.object("champion/model.parquet")).unwrap();
    let yaml = project.read("pipelines/small.yaml");
    project.edit("trees: 5", "trees: 7");
    project.edit("seed: 1", "seed: 2");
    project.run();
    std::fs::remove_file(project.object("customers/table.parquet")).unwrap();
    let said = project.say(&["restore", "latest~1", "--json"]).expect(0).json();
    assert_eq!(said["run"], first["run"]);
    assert_eq!(said["recomputed"], serde_json::json!(["customers"]));
    assert_eq!(project.read("pipelines/small.yaml"), yaml);
    assert!(project.read("pipelines/small.yaml.before-restore").contains("trees: 7"));
    assert_eq!(std::fs::read(project.object("champion/model.parquet")).unwrap(), model);
    assert_eq!(project.run()["run"], first["run"]);
    project.say(&["restore", "latest", "-o", "out"]).expect(0);
    assert_eq!(std::fs::read(project.path("out/champion/model.parquet")).unwrap(), model);
    assert_eq!(project.read("out/small.yaml"), yaml);
}
