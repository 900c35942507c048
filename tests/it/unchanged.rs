//! The short way through a run of which everything is in place: it says what the long way says, and nothing that
//! matters can change without it being noticed.

use std::{
    fs,
    time::{Duration, SystemTime},
};

use orchestrate::store::{Store, disk::Disk};
use serde_json::Value;

use crate::project::{Project, Said, in_state, stage, tamper};

/// Runs the pipeline the long way: asked to say more, `run` compiles and looks at every record.
fn long_way(project: &Project) -> Value {
    project.say(&["run", "--json", "-v"]).expect(0).json()
}

fn without_times(mut document: Value) -> Value {
    document["seconds"] = Value::Null;
    document
}

fn receipts(project: &Project) -> Vec<std::path::PathBuf> {
    let folder = fs::read_dir(project.path("artifacts/receipts")).unwrap();
    folder.map(|e| e.unwrap().path()).collect()
}

#[test]
fn the_short_way_says_what_the_long_way_says() {
    let project = Project::small();
    // A file that was written a moment ago could change again without a trace, so nothing is left that trusts it.
    std::thread::sleep(Duration::from_millis(30));
    project.run();
    assert_eq!(receipts(&project).len(), 1);
    let long = without_times(long_way(&project));
    let status = |arguments: &[&str]| project.say(arguments).expect(0);
    let long_status = status(&["status", "--json", "-v"]).json();
    let long_table = status(&["status", "--target", "champion"]).out;
    // Without records the long way would run everything, so what follows is the short one.
    fs::rename(project.path("artifacts/keys"), project.path("artifacts/tmp/keys")).unwrap();
    assert_eq!(without_times(project.run()), long);
    let text = project.say(&["run"]).expect(0);
    assert!(text.err.starts_with("0 ran, 10 cached in "), "{}", text.err);
    assert!(text.err.contains("cache saved") && text.out.is_empty(), "{}", text.err);
    assert_eq!(status(&["status", "--json"]).json(), long_status);
    assert_eq!(status(&["status"]).out, long_table);
    fs::remove_dir(project.path("artifacts/keys")).unwrap();
    fs::rename(project.path("artifacts/tmp/keys"), project.path("artifacts/keys")).unwrap();
    // Every execution is in the history, and a run can be looked at wherever it was told.
    let log = project.say(&["log", "--json"]).expect(0).json();
    let entries = log["runs"].as_array().or(log["entries"].as_array()).unwrap();
    assert_eq!(entries.len(), 4);
    assert_eq!(entries[0]["counts"]["cached"], 10);
    let shown = project.say(&["show", "--json"]).expect(0).json();
    assert_eq!(in_state(&shown, "cached").len(), 10);
    assert_eq!(stage(&shown, "customers")["outputs"]["table"]["rows"], 90);
    project.say(&["explain", "best", "--run", "latest"]).expect(0);
    project.say(&["reproduce", "latest"]).expect(0);
    project.say(&["predict", "data/raw/customers.csv"]).expect(0);
}

#[test]
fn whatever_changes_is_noticed() {
    let project = Project::small();
    let first = project.run();
    let again = |what: &str, ran: &[&str]| {
        let now = project.run();
        assert_eq!(in_state(&now, "ran"), ran, "{what}");
        assert_eq!(in_state(&project.run(), "ran"), [""; 0], "{what}, again");
        now
    };
    again("nothing", &[]);
    project.edit("trees: 5", "trees: 6");
    again("a parameter", &["forest", "champion"]);
    project.edit("trees: 6", "trees: 5");
    again("the parameter as it was", &[]);
    let set = project.say(&["run", "--json", "--set", "k_max=3"]).expect(0).json();
    assert_ne!(set["run"], first["run"]);
    let back = again("no more `--set`", &[]);
    assert_eq!(back["run"], first["run"]);

    let board = project.object("best/leaderboard.parquet");
    let link = project.path("artifacts/latest/small/best/leaderboard.parquet");
    fs::remove_file(&link).unwrap();
    again("a lost link", &[]);
    assert_eq!(link.canonicalize().unwrap(), board);
    let other = project.path("artifacts/latest/small/best/other");
    std::os::unix::fs::symlink(project.object("prepare/matrix.parquet"), &other).unwrap();
    fs::rename(&other, &link).unwrap();
    again("a link that leads elsewhere", &[]);
    assert_eq!(link.canonicalize().unwrap(), board);
    fs::remove_dir_all(project.path("artifacts/latest/small/best")).unwrap();
    again("a lost folder of links", &[]);
    assert_eq!(link.canonicalize().unwrap(), board);
    let written = fs::metadata(&board).unwrap().modified().unwrap();
    tamper(&board, |bytes| bytes[40] ^= 1);
    fs::File::options().append(true).open(&board).unwrap().set_modified(written).unwrap();
    let healed = again("a flipped bit under the old size and time", &["best"]);
    assert_eq!(stage(&healed, "best")["reasons"][0]["code"], "output-corrupt");
    fs::remove_file(project.object("prepare/matrix.parquet")).unwrap();
    again("a lost object", &["prepare"]);
    for receipt in receipts(&project) {
        tamper(&receipt, |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        });
    }
    again("a flipped bit in the receipt", &[]);
    let text = project.read("data/raw/customers.csv");
    project
        .write("data/raw/customers.csv", text.replace("c0000,10,5,red,0\n", "c0000,10,5,red,7\n"));
    again("a byte of a source", &["customers", "features"]);
}

#[test]
fn variables_and_patterns_are_part_of_the_question() {
    let project = Project::empty(
        "pipeline: small\nstages:\n  raw: { uses: ingest.csv, with: { path: \"data/*.csv\" } }\n  told: { uses: command, with: { run: [sh, -c, \"echo $WHO > y.txt\"], env: [WHO], outputs: { y: y.txt } } }\n",
    );
    project.write("data/a.csv", "a\n1\n");
    std::thread::sleep(std::time::Duration::from_millis(30));
    let run = |who: Option<&str>| {
        let mut command = project.command(&["run", "--json"]);
        match who {
            Some(who) => command.env("WHO", who),
            None => command.env_remove("WHO"),
        };
        let said: Said = command.output().unwrap().into();
        in_state(&said.expect(0).json(), "ran")
    };
    assert_eq!(run(Some("x")), ["raw", "told"]);
    assert_eq!(run(Some("x")), [""; 0]);
    assert_eq!(run(Some("y")), ["told"]);
    assert_eq!(run(None), ["told"]);
    assert_eq!(run(None), [""; 0]);
    project.write("data/b.csv", "a\n2\n");
    assert_eq!(run(None), ["raw"]);
    fs::remove_file(project.path("data/a.csv")).unwrap();
    assert_eq!(run(None), ["raw"]);
}

/// A folder in which a link was replaced within the same tick of the clock as it was made could look unchanged: then each
/// link of it has to be a witness.
#[test]
fn a_link_that_is_replaced_at_once_is_noticed() {
    let project = Project::small();
    project.run();
    let board = project.object("best/leaderboard.parquet");
    let elsewhere = project.object("prepare/matrix.parquet");
    let link = project.path("artifacts/latest/small/best/leaderboard.parquet");
    let other = project.path("artifacts/latest/small/best/other");
    for round in 0..5 {
        fs::remove_file(&link).unwrap();
        project.run();
        std::os::unix::fs::symlink(&elsewhere, &other).unwrap();
        fs::rename(&other, &link).unwrap();
        project.run();
        assert_eq!(link.canonicalize().unwrap(), board, "{round}");
    }
    // A folder that changed in the future has certainly not settled; those of the other instances have.
    std::thread::sleep(Duration::from_millis(30));
    let folder = fs::File::open(project.path("artifacts/latest/small/best")).unwrap();
    folder.set_modified(SystemTime::now() + Duration::from_secs(3600)).unwrap();
    project.run();
    let store = Store::open(&project.path("artifacts"), Disk::default()).unwrap();
    let receipt = store.receipt("pipelines/small.yaml").unwrap().unwrap();
    let is_witness = |path: &str| receipt.witnesses.iter().any(|w| w.path == path);
    assert!(is_witness("artifacts/latest/small/best/leaderboard.parquet"));
    assert!(!is_witness("artifacts/latest/small/best"));
    assert!(is_witness("artifacts/latest/small/prepare"));
    assert!(!is_witness("artifacts/latest/small/prepare/matrix.parquet"));
}

/// A file that was written within the same tick of the clock as it was read could change without a trace.
#[test]
fn a_source_that_has_just_changed_leaves_no_receipt() {
    let project = Project::small();
    project.run();
    let path = project.path("data/raw/customers.csv");
    let text = project.read("data/raw/customers.csv");
    for i in 0..5 {
        project.write("data/raw/customers.csv", text.replace(",red,0\n", &format!(",red,{i}\n")));
        let now = project.run();
        let table = fs::read(project.object("customers/table.parquet")).unwrap();
        assert_eq!(
            blake3::hash(&table).to_hex().as_str(),
            stage(&now, "customers")["outputs"]["table"]["hash"].as_str().unwrap()
        );
        let read = fs::read_to_string(&path).unwrap();
        assert!(read.contains(&format!(",red,{i}\n")));
        let cat = project.say(&["cat", "customers", "--json", "--columns", "noise"]).expect(0);
        assert!(cat.out.contains(&format!("{i}")), "{}", cat.out);
    }
}
