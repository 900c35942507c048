//! Runs that are interrupted, terminated and killed: what is finished is kept, no program is left behind, and the next
//! run does the rest.
//!
//! `ORCHESTRATE_KILLS=200 cargo test --release --test it signals::a_run_that -- --nocapture` kills more often than the
//! few times of an ordinary test.

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    crash::sound,
    project::{Project, Said, in_state, stage},
};

/// One stage that is soon done, and a program with a child of its own, both deaf to a polite end.
const DEAF: &str = "\
pipeline: small
stages:
  quick: { uses: command, with: { run: touch y.txt, outputs: { y: y.txt } } }
  slow:
    uses: command
    inputs: { x: quick }
    with:
      shell: true
      run: \"trap '' TERM; (trap '' TERM; echo $$ > FILE; sleep 60) & sleep 60; sleep 60\"
      outputs: { y: y.txt }
";

/// How long to wait for what comes soon.
const PATIENCE: Duration = Duration::from_secs(20);

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "{what} does not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn send(signal: &str, child: &Child) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
}

/// A run of `DEAF` whose program is at work.
struct Deaf {
    project: Project,
    child: Child,
    group: String,
}

impl Deaf {
    fn start() -> Deaf {
        let project = Project::empty("");
        let file = project.path("group").display().to_string();
        project.write("pipelines/small.yaml", DEAF.replace("FILE", &file));
        let child = project
            .command(&["run", "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let group = || std::fs::read_to_string(&file).unwrap_or_default().trim().to_string();
        wait_until("the program", || !group().is_empty());
        Deaf { group: group(), project, child }
    }

    /// The program and its child are gone, the quick stage is kept, and the store is sound.
    fn is_cleared_up(project: &Project, group: &str) {
        let alive = || {
            let ps = Command::new("ps").args(["-e", "-o", "pgid=,stat="]).output().unwrap();
            let text = String::from_utf8_lossy(&ps.stdout).into_owned();
            let of_group = |line: &&str| {
                let mut words = line.split_whitespace();
                words.next() == Some(group) && !words.next().unwrap_or("Z").starts_with('Z')
            };
            text.lines().filter(of_group).count()
        };
        wait_until("the end of the program", || alive() == 0);
        assert_eq!(sound::faults(&project.path("artifacts")), Vec::<String>::new());
        let status = project.say(&["status", "--json"]).expect(0).json();
        assert_eq!(stage(&status, "quick")["state"], "cached");
        assert_eq!(stage(&status, "slow")["state"], "stale");
    }
}

#[test]
fn every_signal_that_asks_for_an_end_is_an_interrupt() {
    for signal in ["-INT", "-TERM", "-HUP"] {
        let Deaf { project, child, group } = Deaf::start();
        send(signal, &child);
        let said = Said::from(child.wait_with_output().unwrap()).expect(130).json();
        assert_eq!(in_state(&said, "ran"), ["quick"], "{signal}");
        assert_eq!(in_state(&said, "cancelled"), ["slow"], "{signal}");
        Deaf::is_cleared_up(&project, &group);
    }
}

#[test]
fn a_second_interrupt_ends_everything_at_once() {
    let Deaf { project, mut child, group } = Deaf::start();
    send("-INT", &child);
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none(), "the program is given time to end");
    send("-INT", &child);
    let said = Said::from(child.wait_with_output().unwrap()).expect(130);
    assert!(said.err.contains("once more to stop at once"), "{}", said.err);
    Deaf::is_cleared_up(&project, &group);
}

/// Nobody is left to clear up, and yet no program goes on for hours.
#[test]
fn programs_end_with_a_run_that_is_killed() {
    let Deaf { project, mut child, group } = Deaf::start();
    child.kill().unwrap();
    child.wait().unwrap();
    Deaf::is_cleared_up(&project, &group);
}

/// A run that is killed at any moment costs what was in the making and nothing else.
#[test]
fn a_run_that_is_killed_at_random_moments_comes_to_the_same_run() {
    let n_kills = std::env::var("ORCHESTRATE_KILLS").ok().and_then(|n| n.parse().ok());
    let n_kills: u32 = n_kills.unwrap_or(12);
    let project = Project::small();
    let twin = project.twin();
    let started = Instant::now();
    let expected = twin.run();
    let whole = started.elapsed();
    let mut seed: u32 = 7;
    let (mut n_killed, mut n_fresh) = (0, 0);
    for _ in 0..n_kills {
        let mut child =
            project.command(&["run"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        std::thread::sleep(whole * (seed >> 16) / (1 << 16));
        child.kill().unwrap();
        n_killed += u32::from(!child.wait().unwrap().success());
        assert_eq!(sound::faults(&project.path("artifacts")), Vec::<String>::new());
        let keys = sound::files(&project.path("artifacts/keys")).len();
        if keys == 10 {
            // Everything is there: begin again, so that each stage is met in the making.
            assert_eq!(project.run()["run"], expected["run"]);
            std::fs::remove_dir_all(project.path("artifacts")).unwrap();
            n_fresh += 1;
        }
    }
    assert_eq!(project.run()["run"], expected["run"]);
    assert_eq!(sound::faults(&project.path("artifacts")), Vec::<String>::new());
    println!("{n_killed} of {n_kills} runs were killed before their end, {n_fresh} stores filled");
    assert!(n_killed > 0);
}
