//! Several processes on one store: all succeed, nothing is done twice, nobody has to delete a lock.

use std::process::Stdio;

use crate::project::{Project, Said, in_state, stage, tamper};

const RUN: &[&str] = &["run", "--json"];

#[test]
fn eight_runs_at_once_share_the_work() {
    let project = Project::small();
    let spawn = |_| {
        let mut command = project.command(RUN);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children: Vec<_> = (0..8).map(spawn).collect();
    let said: Vec<_> = children
        .into_iter()
        .map(|child| Said::from(child.wait_with_output().unwrap()).expect(0).json())
        .collect();
    let mut ran: Vec<String> = said.iter().flat_map(|s| in_state(s, "ran")).collect();
    ran.sort();
    let mut all: Vec<String> = in_state(&said[0], "ran");
    all.extend(in_state(&said[0], "cached"));
    all.sort();
    assert_eq!(ran, all, "each instance ran in exactly one process");
    assert!(said.iter().all(|s| s["run"] == said[0]["run"] && s["run"].is_string()));
    assert_eq!(project.run()["counts"]["cached"], 10);
    project.say(&["reproduce", "latest"]).expect(0);
}

/// A lock that must be deleted by hand after a crash is what users of a peer complain of.
#[test]
fn a_killed_run_leaves_no_lock_and_the_store_is_readable_meanwhile() {
    let project = Project::empty(
        "pipeline: small\nstages:\n  slow: { uses: command, with: { run: [sh, -c, \"sleep 60; touch y.txt\"], outputs: { y: y.txt } } }\n  quick: { uses: command, with: { run: touch y.txt, outputs: { y: y.txt } } }\n",
    );
    let mut child = project
        .command(&["run", "-j", "2"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let quick = project.path("artifacts/latest/small/quick/y.txt");
    while !quick.exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    for arguments in [&["status"][..], &["log"], &["cat", "quick"], &["path", "quick"]] {
        project.say(arguments).expect(0);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    project.edit("sleep 60; ", "");
    assert_eq!(in_state(&project.run(), "ran"), ["slow"]);
}

/// Somebody waits for a stage that another process runs; when that process dies, the waiting one takes over.
#[test]
fn work_of_a_process_that_dies_is_taken_over() {
    let project = Project::empty(
        "pipeline: small\nstages:\n  slow: { uses: command, with: { run: [sh, -c, \"test -e {inputs.x} ; sleep 1; cp {inputs.x} y.txt\"], outputs: { y: y.txt } }, inputs: { x: first } }\n  first: { uses: command, with: { run: touch y.txt, outputs: { y: y.txt } } }\n",
    );
    let spawn = || {
        let mut command = project.command(RUN);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut first = spawn();
    let link = project.path("artifacts/latest/small/first/y.txt");
    while !link.exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    std::thread::sleep(std::time::Duration::from_millis(100));
    let second = spawn();
    std::thread::sleep(std::time::Duration::from_millis(300));
    first.kill().unwrap();
    first.wait().unwrap();
    let said = Said::from(second.wait_with_output().unwrap()).expect(0).json();
    assert_eq!(in_state(&said, "ran"), ["slow"]);
}

/// What was sound when the run looked may be gone when a stage wants to read it: it is made again on the spot.
#[test]
fn an_input_that_is_lost_during_the_run_is_made_again() {
    let project = Project::empty(
        "pipeline: small\nstages:\n  first: { uses: command, with: { run: [sh, -c, \"echo hello > y.txt\"], outputs: { y: y.txt } } }\n  gap: { uses: command, needs: [first], with: { run: [sh, -c, \"rm -f $VICTIM; touch y.txt\"], env: [VICTIM], outputs: { y: y.txt } } }\n  last: { uses: command, needs: [gap], inputs: { x: first }, with: { run: [sh, -c, \"cp {inputs.x} y.txt\"], outputs: { y: y.txt } } }\n",
    );
    project.say(&["run", "--target", "first"]).expect(0);
    let victim = project.object("first/y.txt");
    let said: Said = project.command(&["run"]).env("VICTIM", &victim).output().unwrap().into();
    let said = said.expect(0);
    assert!(said.err.contains("rebuild  first  output y is gone"), "{}", said.err);
    assert!(victim.exists());
    tamper(&victim, |bytes| bytes[0] ^= 1);
    let again: Said = project.command(RUN).env("VICTIM", &victim).output().unwrap().into();
    let again = again.expect(0).json();
    assert_eq!(stage(&again, "first")["reasons"][0]["code"], "output-corrupt");
}
