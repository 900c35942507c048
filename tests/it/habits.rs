//! How runs fail: what is said, what is tried again, what goes on, and that a store which cannot be written is told once.

use std::{io, sync::Arc};

use orchestrate::{
    app::{self, AppError, Outcome, RunOptions},
    engine::event::State,
    stage::work::Cancel,
    store::disk::{Disk, Op},
};

use crate::project::{Project, in_state, stage};

/// Many stages that do not depend on each other, and one that does.
fn wide(n: usize) -> String {
    let mut text = "pipeline: small\nstages:\n".to_string();
    for i in 0..n {
        text.push_str(&format!(
            "  s{i}: {{ uses: command, with: {{ run: [sh, -c, \"echo {i} > y.txt\"], outputs: {{ y: y.txt }} }} }}\n"
        ));
    }
    text
}

fn run_on(project: &Project, jobs: usize, disk: Disk) -> Result<Outcome, AppError> {
    let options = RunOptions { jobs, keep_going: true, ..RunOptions::default() };
    let found = app::Project::find(&project.root).unwrap().with_disk(disk);
    found.run(None, &options, &Cancel::new(), &|_, _| {})
}

/// A disk on which whatever changes something fails.
fn refusing(code: i32) -> Disk {
    Disk::gated(Arc::new(move |op: &Op<'_>| match op.name {
        "read" | "look at" | "list" | "lock" | "remove" | "remove folder" => Ok(()),
        _ => Err(io::Error::from_raw_os_error(code)),
    }))
}

/// A full disk used to be told once a stage, and then again when the run was recorded.
#[test]
fn a_store_that_cannot_be_written_is_told_once_and_ends_the_run() {
    for (code, advice) in [
        (28, "free some space and run again, what is finished is kept"),
        (122, "free some space"),
        (30, "the store must be writable"),
        (13, "the store must be readable and writable"),
    ] {
        for jobs in [1, 3] {
            let project = Project::empty(&wide(2));
            project.run();
            project.write("pipelines/small.yaml", wide(30));
            let outcome = run_on(&project, jobs, refusing(code)).unwrap();
            let n = |state| outcome.reports.iter().filter(|r| r.state == state).count();
            assert_eq!((n(State::Failed), n(State::Ran)), (1, 0), "{code}");
            let error = outcome.first_failure().unwrap().error.as_ref().unwrap().to_string();
            assert!(error.contains(advice) && !error.contains('\n'), "{error}");
            assert!(outcome.run.is_none());
            // Readers do not write, and so do not fail.
            let found = app::Project::find(&project.root).unwrap().with_disk(refusing(code));
            assert_eq!(found.log(None).unwrap().len(), 1);
            found.survey(None, &app::SurveyOptions::default()).unwrap();
        }
        let empty = Project::empty(&wide(2));
        let error = run_on(&empty, 1, refusing(code)).err().unwrap().to_string();
        assert!(error.contains(advice) && error.contains("artifacts"), "{error}");
    }
}

/// An error of one file is not one of the whole store.
#[test]
fn a_fault_of_one_stage_does_not_stop_the_others() {
    let project = Project::empty(&wide(5));
    let n = std::sync::atomic::AtomicU32::new(0);
    let disk = Disk::gated(Arc::new(move |op: &Op<'_>| {
        let is_program = op.name == "write" && op.path.to_string_lossy().contains("tmp/object-");
        match is_program && n.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 1 {
            true => Err(io::Error::from_raw_os_error(5)),
            false => Ok(()),
        }
    }));
    let outcome = run_on(&project, 1, disk).unwrap();
    let n = |state| outcome.reports.iter().filter(|r| r.state == state).count();
    assert_eq!((n(State::Failed), n(State::Ran)), (1, 4));
    let error = outcome.first_failure().unwrap().error.as_ref().unwrap().to_string();
    assert!(error.contains("cannot write `") && error.contains("os error 5"), "{error}");
}

#[test]
fn a_failure_names_what_went_in_and_what_to_run_next() {
    let project = Project::small();
    project.edit("segments: [2, 8]", "segments: [7, 8]");
    project.edit(
        "  forest:\n",
        "  broken:\n    uses: command\n    inputs: { table: features }\n    with: { run: [sh, -c, \"echo too bad; exit 3\"], files: [note.txt], outputs: { y: y.txt } }\n  forest:\n",
    );
    project.write("note.txt", "a note");
    let said = project.say(&["run", "--keep-going"]).expect(1);
    let features = project.object("features/table.parquet");
    let features = features.strip_prefix(project.root.canonicalize().unwrap()).unwrap();
    let labels = project.object("kmeans/k=2/labels.parquet");
    let labels = labels.strip_prefix(project.root.canonicalize().unwrap()).unwrap();
    for expected in [
        "error: stage `broken`: `sh` ended with exit status: 3\n    too bad\n",
        "  file: note.txt\n",
        &format!("  input table: features.table, {}\n", features.display()),
        "  more: orchestrate cat features.table, orchestrate explain broken\n",
        "error: stage `best`: ",
        &format!("  input candidates: kmeans/k=2.labels, {}\n", labels.display()),
        "orchestrate explain best",
    ] {
        assert!(said.err.contains(expected), "{expected} is not in\n{}", said.err);
    }
    project.say(&["explain", "broken"]).expect(0);
    project.say(&["explain", "best"]).expect(0);
    project.say(&["cat", "features.table"]).expect(0);
}

#[test]
fn a_stage_is_tried_again_as_often_as_it_says() {
    let project = Project::empty("");
    let count = project.path("count");
    let script =
        format!("echo x >> {0}; test $(wc -l < {0}) -ge 3; echo y > y.txt", count.display());
    let pipeline = |retries: u32| {
        format!(
            "pipeline: small\nstages:\n  flaky:\n    uses: command\n    retries: {retries}\n    timeout: 30s\n    with: {{ run: [sh, -ec, \"{script}\"], outputs: {{ y: y.txt }} }}\n"
        )
    };
    project.write("pipelines/small.yaml", pipeline(1));
    let said = project.say(&["run"]).expect(1);
    assert_eq!(project.read("count").lines().count(), 2, "{}", said.err);
    std::fs::remove_file(&count).unwrap();
    project.write("pipelines/small.yaml", pipeline(2));
    let run = project.run();
    assert_eq!(
        (in_state(&run, "ran"), project.read("count").lines().count()),
        (vec!["flaky".to_string()], 3)
    );
    assert_eq!(std::fs::read_dir(project.path("artifacts/tmp")).unwrap().count(), 0);
    assert_eq!(in_state(&project.run(), "cached"), ["flaky"], "how often to try is not content");
}

const TWO_WAYS: &str = "\
pipeline: small
stages:
  a: { uses: command, with: { run: [sh, -c, \"echo a > y.txt\"], outputs: { y: y.txt } } }
  bad: { uses: command, inputs: { x: a }, with: { run: [sh, -c, \"exit 3\"], outputs: { y: y.txt } } }
  below: { uses: command, inputs: { x: bad }, with: { run: [cp, \"{inputs.x}\", y.txt], outputs: { y: y.txt } } }
  good: { uses: command, inputs: { x: a }, with: { run: [cp, \"{inputs.x}\", y.txt], outputs: { y: y.txt } } }
  far: { uses: command, inputs: { x: good }, with: { run: [cp, -p, \"{inputs.x}\", y.txt], outputs: { y: y.txt } } }
";

#[test]
fn targets_force_and_keep_going_in_odd_company() {
    let project = Project::empty(TWO_WAYS);
    // A target beside the failure never meets it.
    let run = project.say(&["run", "--json", "--target", "far"]).expect(0).json();
    assert_eq!(in_state(&run, "ran"), ["a", "good", "far"]);
    assert_eq!(run["stages"].as_array().unwrap().len(), 3);
    // Two targets, one of them below the failure.
    let run = project
        .say(&["run", "--json", "--keep-going", "--target", "far", "--target", "below"])
        .expect(1)
        .json();
    assert_eq!(in_state(&run, "failed"), ["bad"]);
    assert_eq!(in_state(&run, "skipped"), ["below"]);
    assert_eq!(in_state(&run, "cached"), ["a", "good", "far"]);
    // What is forced runs and comes out the same, so that nothing below it does.
    let run = project.say(&["run", "--json", "--force", "a", "--target", "far"]).expect(0).json();
    assert_eq!(in_state(&run, "ran"), ["a"]);
    assert_eq!(stage(&run, "good")["early_cutoff"], true);
    // Forcing what is not asked for does nothing.
    let run =
        project.say(&["run", "--json", "--force", "far", "--target", "good"]).expect(0).json();
    assert_eq!((in_state(&run, "ran").len(), run["stages"].as_array().unwrap().len()), (0, 2));
    // Everything forced, everything tried: the failure and what is below it aside.
    let mut arguments = vec!["run", "--json", "--keep-going", "-j", "3"];
    for name in ["a", "bad", "below", "good", "far"] {
        arguments.extend(["--force", name]);
    }
    let run = project.say(&arguments).expect(1).json();
    assert_eq!(in_state(&run, "ran"), ["a", "good", "far"]);
    assert_eq!(in_state(&run, "skipped"), ["below"]);
    assert!(run["run"].is_null());
    // No run of everything has succeeded yet.
    project.say(&["show", "latest"]).expect(2);
}

/// A program that leaves something running which holds its output open does not keep anybody waiting.
#[test]
fn what_a_program_leaves_running_is_ended() {
    let project = Project::empty("");
    let file = project.path("pid");
    let script = format!("sleep 60 & echo $! > {}; echo y > y.txt", file.display());
    project.write(
        "pipelines/small.yaml",
        format!(
            "pipeline: small\nstages:\n  a:\n    uses: command\n    timeout: 30s\n    with: {{ run: \"{script}\", shell: true, outputs: {{ y: y.txt }} }}\n"
        ),
    );
    assert_eq!(in_state(&project.run(), "ran"), ["a"]);
    let pid = project.read("pid").trim().to_string();
    let ps = std::process::Command::new("ps").args(["-o", "stat=", "-p", &pid]).output().unwrap();
    let state = String::from_utf8_lossy(&ps.stdout).trim().to_string();
    assert!(state.is_empty() || state.starts_with('Z'), "{state}");
}
