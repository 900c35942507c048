//! Runs that were recorded elsewhere and copied into this store: they are looked at, but start no program unasked.

use std::{fs, path::Path};

use crate::project::{PIPELINE, Project};

const COMMANDS: &str = "\
pipeline: small
stages:
  made: { uses: command, with: { run: sh make.sh, files: [make.sh], outputs: { y: y.txt } } }
  below: { uses: command, inputs: { x: made }, with: { run: \"cp {inputs.x} z.txt\", outputs: { z: z.txt } } }
";

/// Copies what a person could have been sent: objects, keys, manifests and history, not the store's secret.
fn send(from: &Project, to: &Project) {
    for folder in ["objects", "keys", "runs", "history"] {
        copy(&from.path("artifacts").join(folder), &to.path("artifacts").join(folder));
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else if !target.exists() {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A run with commands, copied into a store that has runs of its own. The script leaves a mark outside.
fn sent_commands() -> (Project, Project, String) {
    let sender = Project::empty(COMMANDS);
    let mark = sender.path("ran");
    sender.write("make.sh", format!("touch {}; echo hello > y.txt", mark.display()));
    let id = sender.run()["run"].as_str().unwrap().to_string();
    fs::remove_file(mark).unwrap();
    let taker = Project::small();
    taker.run();
    send(&sender, &taker);
    (sender, taker, id)
}

#[test]
fn a_run_that_was_copied_here_starts_no_program_unasked() {
    let (sender, taker, id) = sent_commands();
    taker.say(&["show", &id]).expect(0);
    let said = taker.say(&["reproduce", &id]).expect(2);
    assert!(said.err.contains("--allow-commands"), "{}", said.err);
    assert!(said.err.contains("(made, below)"), "{}", said.err);
    assert!(!sender.path("ran").exists(), "a program was started");
    taker.say(&["reproduce", &id, "--allow-commands"]).expect(0);
    assert!(sender.path("ran").exists());
}

#[test]
fn restoring_a_run_that_was_copied_here_starts_no_program_unasked() {
    let (sender, taker, id) = sent_commands();
    taker.say(&["restore", &id, "-o", "out"]).expect(0);
    assert_eq!(taker.read("out/made/y.txt"), "hello\n");
    let made = sender.path("artifacts/latest/small/made/y.txt").canonicalize().unwrap();
    let objects = sender.path("artifacts").canonicalize().unwrap();
    fs::remove_file(taker.path("artifacts").join(made.strip_prefix(objects).unwrap())).unwrap();
    let said = taker.say(&["restore", &id, "-o", "again"]).expect(2);
    assert!(said.err.contains("--allow-commands"), "{}", said.err);
    assert!(!sender.path("ran").exists(), "a program was started");
    taker.say(&["restore", &id, "-o", "again", "--allow-commands"]).expect(0);
    assert_eq!(taker.read("again/made/y.txt"), "hello\n");
}

#[test]
fn our_own_commands_run_again_and_a_forged_entry_is_not_our_own() {
    let project = Project::empty(COMMANDS);
    project.write("make.sh", "echo hello > y.txt");
    let id = project.run()["run"].as_str().unwrap().to_string();
    project.say(&["reproduce", &id]).expect(0);
    let history = project.path("artifacts/history");
    let path = fs::read_dir(history).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("make.sh", "evil.sh")).unwrap();
    project.say(&["reproduce", &id]).expect(2);
    fs::write(&path, text).unwrap();
    project.say(&["reproduce", &id]).expect(0);
    // A store without its secret makes a new one, and knows its old runs no longer.
    fs::write(project.path("artifacts/store-id"), "not a secret\n").unwrap();
    project.say(&["reproduce", &id]).expect(2);
    project.run();
    project.say(&["reproduce", &id]).expect(0);
}

#[test]
fn a_run_without_commands_is_reproduced_wherever_it_came_from() {
    let sender = Project::empty(PIPELINE);
    sender.write("data/raw/customers.csv", crate::project::customers(60));
    let id = sender.run()["run"].as_str().unwrap().to_string();
    let taker = Project::small();
    taker.run();
    send(&sender, &taker);
    taker.say(&["reproduce", &id]).expect(0);
    fs::remove_dir_all(taker.path("artifacts/history")).unwrap();
    taker.say(&["reproduce", &id]).expect(0);
}

#[test]
fn the_secret_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let project = Project::empty(COMMANDS);
    project.write("make.sh", "echo hello > y.txt");
    project.run();
    let secret = project.read("artifacts/store-id");
    let mode = fs::metadata(project.path("artifacts/store-id")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    project.run();
    assert_eq!(project.read("artifacts/store-id"), secret);
    let hidden = secret.split(' ').next().unwrap();
    for arguments in [&["show", "latest", "--json"][..], &["log", "--json"]] {
        assert!(!project.say(arguments).expect(0).out.contains(hidden));
    }
}
