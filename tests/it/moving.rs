//! Sources that change while they are read: what is committed belongs to the one state or the other, never to a mixture.
//!
//! Most tests here change a file before one operation of the store after the other, so that no moment between looking,
//! copying, reading and committing is left out.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::SystemTime,
};

use orchestrate::{
    app::{self, Outcome, RunOptions},
    base::hash::{ContentHash, StageKey},
    stage::work::Cancel,
    store::disk::{Disk, Op},
};

use crate::{
    crash::sound,
    project::{Project, customers, in_state, stage},
};

const SOURCE: &str = "data/raw/customers.csv";

const CHANGED: &str = "changed while it was read; run again when nobody writes to it";

/// Gives a file another text.
type Change = fn(&Path, &str);

/// What each key stands for.
type Results = BTreeMap<StageKey, Vec<ContentHash>>;

fn pipeline(snapshot: bool) -> String {
    format!(
        "pipeline: small\nstages:\n  customers: {{ uses: ingest.csv, with: {{ path: {SOURCE}, id: id, snapshot: {snapshot} }} }}\n"
    )
}

fn project(snapshot: bool, text: &str) -> Project {
    let project = Project::in_memory(&pipeline(snapshot));
    project.write(SOURCE, text);
    project
}

fn run(project: &Project, before_each: impl Fn(u64) + Send + Sync + 'static) -> Outcome {
    let n = AtomicU64::new(0);
    let disk = Disk::gated(Arc::new(move |_: &Op<'_>| {
        before_each(n.fetch_add(1, Ordering::Relaxed));
        Ok(())
    }));
    let options = RunOptions { jobs: 1, ..RunOptions::default() };
    let found = app::Project::find(&project.root).unwrap().with_disk(disk);
    found.run(None, &options, &Cancel::new(), &|_, _| {}).unwrap()
}

fn results(project: &Project) -> Results {
    let root = project.path("artifacts");
    let store = app::Project::find(&project.root).unwrap().store().unwrap();
    let mut results = Results::new();
    for path in sound::files(&root.join("keys")) {
        let key: StageKey = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        let record = store.key_record(&key).unwrap().unwrap();
        results.insert(key, record.outputs.values().map(|o| o.hash).collect());
    }
    results
}

/// Returns what a quiet run on each of the texts comes to.
fn quiet_results(snapshot: bool, texts: &[&str]) -> Results {
    let of = |text: &&str| {
        let project = project(snapshot, text);
        assert!(run(&project, |_| {}).run.is_some());
        results(&project)
    };
    texts.iter().flat_map(of).collect()
}

/// Nothing is committed but what a quiet run commits too; tells whether the stage failed, and that it says why.
fn is_honest(project: &Project, outcome: &Outcome, quiet: &Results, place: &str) -> bool {
    for (key, hashes) in results(project) {
        assert_eq!(quiet.get(&key), Some(&hashes), "{place}");
    }
    assert_eq!(sound::faults(&project.path("artifacts")), Vec::<String>::new(), "{place}");
    let Some(failed) = outcome.first_failure() else { return false };
    let text = failed.error.as_ref().unwrap().to_string();
    assert!(text.contains(CHANGED) && text.contains(SOURCE), "{place}: {text}");
    assert!(results(project).is_empty(), "{place}");
    true
}

/// Writes other bytes of the same size into the same file and sets its time back.
fn rewrite(path: &Path, text: &str) {
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    fs::write(path, text).unwrap();
    fs::File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
}

/// Puts another file in the place of the first.
fn replace(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    fs::write(&beside, text).unwrap();
    fs::rename(beside, path).unwrap();
}

fn append(path: &Path, text: &str) {
    use std::io::Write;
    let before = fs::metadata(path).unwrap().len() as usize;
    let mut file = fs::File::options().append(true).open(path).unwrap();
    file.write_all(&text.as_bytes()[before..]).unwrap();
}

#[test]
fn a_source_that_changes_at_any_moment_never_gives_a_mixture() {
    let old = customers(12);
    let same_size = old.replace(",red,", ",rad,");
    let longer = customers(13);
    let ways: [(&str, u64, &str, Change); 3] = [
        ("rewritten", 1, &same_size, rewrite),
        ("replaced", 2, &same_size, replace),
        ("appended to", 3, &longer, append),
    ];
    for snapshot in [true, false] {
        for (how, step, new, change) in ways {
            let quiet = quiet_results(snapshot, &[&old, new]);
            let (mut n_failed, mut at, mut is_over) = (0, 0, false);
            while !is_over {
                let project = project(snapshot, &old);
                let (path, text) = (project.path(SOURCE), new.to_string());
                let reached = Arc::new(AtomicBool::new(false));
                let seen = reached.clone();
                let outcome = run(&project, move |n| {
                    if n == at {
                        change(&path, &text);
                        seen.store(true, Ordering::Relaxed);
                    }
                });
                let place = format!("{how} before operation {at}, snapshot: {snapshot}");
                n_failed += u32::from(is_honest(&project, &outcome, &quiet, &place));
                is_over = !reached.load(Ordering::Relaxed);
                at += step;
                if !is_over {
                    assert!(run(&project, |_| {}).run.is_some(), "{place}, the next run");
                    let now = results(&project);
                    assert!(now.keys().all(|key| quiet.contains_key(key)), "{place}");
                }
            }
            assert!(n_failed > 2, "{how}, snapshot: {snapshot}: noticed {n_failed} times");
        }
    }
}

/// Other bytes for a while, and then the old ones again: where no copy is kept, the stage may have read the others.
#[test]
fn a_source_that_changes_and_changes_back_is_noticed() {
    let old = customers(12);
    let other = old.replace(",red,", ",rad,");
    let quiet = quiet_results(false, &[&old, &other]);
    let mut n_failed = 0;
    for from in 30..150 {
        let project = project(false, &old);
        // Well after the file was written, so that its time alone tells of every change.
        std::thread::sleep(std::time::Duration::from_millis(25));
        let (path, texts) = (project.path(SOURCE), [other.clone(), old.clone()]);
        let outcome = run(&project, move |n| {
            if let Some(text) = n.checked_sub(from).and_then(|i| texts.get(i as usize / 6)) {
                rewrite(&path, text);
            }
        });
        let place = format!("from operation {from}");
        n_failed += u32::from(is_honest(&project, &outcome, &quiet, &place));
    }
    assert!(n_failed > 2, "noticed {n_failed} times");
}

/// How much of a file is written at a time.
const PART: usize = 1 << 14;

/// A writer that has to wait, on a busy machine, leaves the file half written for longer than a run takes: that is what it
/// holds then, and what is taken. What no moment of it held, such as an old beginning with a new end, is never taken. Of
/// three texts in turn no such mixture is a state of another turn.
#[test]
fn a_source_that_somebody_keeps_writing_to_is_refused_or_taken_as_it_was_at_one_moment() {
    let texts = ["red", "rad", "rod"].map(|c| customers(2_000).replace(",red,", &format!(",{c},")));
    let mut states = Vec::new();
    for (new, old) in [(0, 2), (1, 0), (2, 1)] {
        let ends = (PART..texts[new].len()).step_by(PART).chain([texts[new].len()]);
        states.extend(ends.map(|end| format!("{}{}", &texts[new][..end], &texts[old][end..])));
    }
    for snapshot in [true, false] {
        let quiet = quiet_results(snapshot, &states.iter().map(String::as_str).collect::<Vec<_>>());
        let project = project(snapshot, &texts[0]);
        let (path, stop) = (project.path(SOURCE), Arc::new(AtomicBool::new(false)));
        let (written, stopped) = (texts.clone(), stop.clone());
        let writer = std::thread::spawn(move || {
            for text in written.iter().cycle() {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                // All have one size: in place, not truncated, so that a reader meets any mixture of two.
                use std::io::Write;
                let mut file = fs::File::options().write(true).open(&path).unwrap();
                for part in text.as_bytes().chunks(PART) {
                    file.write_all(part).unwrap();
                    std::thread::sleep(std::time::Duration::from_micros(300));
                }
            }
        });
        for turn in 0..10 {
            let outcome = run(&project, |_| {});
            for (key, hashes) in results(&project) {
                assert_eq!(quiet.get(&key), Some(&hashes), "turn {turn}, snapshot: {snapshot}");
            }
            if let Some(failed) = outcome.first_failure() {
                let text = failed.error.as_ref().unwrap().to_string();
                assert!(text.contains(CHANGED), "{text}");
            }
        }
        stop.store(true, Ordering::Relaxed);
        writer.join().unwrap();
        assert_eq!(sound::faults(&project.path("artifacts")), Vec::<String>::new());
        assert!(run(&project, |_| {}).run.is_some());
    }
}

#[test]
fn a_source_that_vanishes_while_it_is_read_is_named() {
    for snapshot in [true, false] {
        for at in 0..100 {
            let project = project(snapshot, &customers(12));
            let path = project.path(SOURCE);
            let outcome = run(&project, move |n| {
                if n == at {
                    fs::remove_file(&path).unwrap();
                }
            });
            let Some(failed) = outcome.first_failure() else { continue };
            let text = failed.error.as_ref().unwrap().to_string();
            assert!(text.contains(SOURCE) && !text.contains('\n'), "{at}: {text}");
            assert!(results(&project).is_empty(), "{at}: {text}");
        }
    }
}

#[test]
fn a_pattern_that_gains_a_file_runs_again() {
    let project = Project::empty(
        "pipeline: small\nstages:\n  parts: { uses: ingest.csv, with: { path: data/raw/part-*.csv, id: id } }\n",
    );
    project.write("data/raw/part-1.csv", customers(12));
    let first = project.run();
    project.write("data/raw/part-2.csv", customers(20).replace("\nc00", "\nd00"));
    let second = project.run();
    assert_eq!(in_state(&second, "ran"), ["parts"]);
    assert_eq!(stage(&second, "parts")["reasons"][0]["code"], "file-changed");
    assert_eq!(stage(&second, "parts")["outputs"]["table"]["rows"], 32);
    fs::remove_file(project.path("data/raw/part-2.csv")).unwrap();
    let third = project.run();
    assert_eq!((in_state(&third, "cached").len(), &third["run"]), (1, &first["run"]));
}

/// The folder in which raw data lies is often a link to a bigger disk.
#[test]
fn a_source_in_a_linked_folder_is_followed() {
    let project = Project::empty(&pipeline(true));
    let old = customers(12);
    let new = old.replace(",red,", ",rad,");
    for (folder, text) in [("one", &old), ("two", &new)] {
        project.write(&format!("{folder}/customers.csv"), text);
        let file = fs::File::options().write(true).open(project.path(folder).join("customers.csv"));
        file.unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    }
    let link = |folder: &str| {
        let raw = project.path("data/raw");
        fs::create_dir_all(raw.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&raw);
        std::os::unix::fs::symlink(PathBuf::from("..").join(folder), raw).unwrap();
    };
    link("one");
    let first = project.run();
    assert_eq!(in_state(&project.run(), "cached"), ["customers"]);
    link("two");
    assert_eq!(in_state(&project.run(), "ran"), ["customers"], "same size, same time, other file");
    link("one");
    assert_eq!(project.run()["run"], first["run"]);
    project.write("one/customers.csv", &new);
    assert_eq!(in_state(&project.run(), "cached"), ["customers"], "the bytes of the second file");
}
