//! What nobody needs goes, in an order that never leaves a wrong store; what is wanted stays.

use std::{
    collections::BTreeSet,
    fs, io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use orchestrate::{
    app,
    stage::work::Cancel,
    store::{
        disk::{Disk, Op},
        gc::Wishes,
    },
};
use serde_json::Value;

use crate::project::{Project, in_state};

const LITTLE: &str = "\
pipeline: small
params: { least: 0 }
stages:
  customers: { uses: ingest.csv, with: { path: data/raw/customers.csv, id: id } }
  features: { uses: features.derive, inputs: { table: customers }, with: { where: \"visits > ${params.least}\" } }
";

/// Five runs that differ in the forest and all below it.
fn five_runs() -> (Project, Vec<String>) {
    let project = Project::small();
    let mut runs = Vec::new();
    for trees in 5..10 {
        if trees > 5 {
            project.edit(&format!("trees: {}", trees - 1), &format!("trees: {trees}"));
        }
        runs.push(project.run()["run"].as_str().unwrap().to_string());
    }
    (project, runs)
}

fn objects(project: &Project) -> BTreeSet<PathBuf> {
    let folders = fs::read_dir(project.path("artifacts/objects")).unwrap();
    let files = folders.flat_map(|f| fs::read_dir(f.unwrap().path()).unwrap());
    files.map(|f| f.unwrap().path()).collect()
}

fn gc(project: &Project, more: &[&str]) -> Value {
    project.say(&[&["gc", "--json"], more].concat()).expect(0).json()
}

fn is_sound(project: &Project) -> bool {
    app::Project::find(&project.root).unwrap().fsck(2, &Cancel::new()).unwrap().is_sound()
}

#[test]
fn dry_it_tells_and_changes_nothing() {
    let (project, _) = five_runs();
    let before = objects(&project);
    let told = gc(&project, &["--keep", "1"]);
    assert_eq!(told["done"], false);
    assert_eq!(told["dropped"].as_array().unwrap().len(), 4);
    assert!(told["frees"]["bytes"].as_u64().unwrap() > 0);
    assert!(told["seconds_to_rebuild"].as_f64().unwrap() > 0.0);
    assert_eq!(objects(&project), before);
    let said = project.say(&["gc", "--keep", "1"]).expect(0);
    assert!(said.out.contains("would free") && said.out.contains("--yes"), "{}", said.out);
    assert!(project.say(&["gc"]).expect(0).out.contains("nothing to remove"));
}

#[test]
fn nothing_goes_where_nothing_is() {
    let project = Project::small();
    for arguments in [&["gc"][..], &["gc", "--yes"], &["du"]] {
        project.say(arguments).expect(0);
    }
    assert!(!project.path("artifacts").exists());
}

#[test]
fn tags_the_newest_runs_and_the_view_stay() {
    let (project, runs) = five_runs();
    project.say(&["tag", &runs[0], "keep-me"]).expect(0);
    let before = objects(&project);
    let done = gc(&project, &["--yes", "--keep", "2"]);
    assert_eq!(done["done"], true);
    let dropped: Vec<&str> =
        done["dropped"].as_array().unwrap().iter().map(|r| r.as_str().unwrap()).collect();
    let expected: BTreeSet<&str> = [runs[1].as_str(), &runs[2]].into();
    assert_eq!(dropped.into_iter().collect::<BTreeSet<_>>(), expected);
    assert!(objects(&project).len() < before.len());
    assert!(is_sound(&project));
    for run in [&runs[0], &runs[3], &runs[4]] {
        let shown = project.say(&["show", run, "--json"]).expect(0).json();
        for stage in shown["stages"].as_array().unwrap() {
            for output in stage["outputs"].as_object().unwrap().values() {
                assert!(project.path(output["path"].as_str().unwrap()).is_file());
            }
        }
        project.say(&["reproduce", run]).expect(0);
    }
    project.say(&["show", &runs[1]]).expect(2);
    let again = project.run();
    assert_eq!(
        (again["counts"]["cached"].clone(), again["run"].as_str()),
        (10.into(), Some(&*runs[4]))
    );
    assert_eq!(
        project.say(&["log", "--json"]).expect(0).json()["runs"].as_array().unwrap().len(),
        4
    );
    // What was dropped is simply run again when it is wanted again.
    project.edit("trees: 9", "trees: 6");
    let back = project.run();
    assert_eq!(back["run"].as_str(), Some(&*runs[1]));
    assert_eq!(in_state(&back, "ran"), ["forest", "champion"]);
    assert!(is_sound(&project));
}

#[test]
fn what_a_failed_run_has_finished_stays() {
    let project = Project::small();
    project.run();
    project.edit("where: visits > 0", "where: visits > 6");
    project.edit("segments: [2, 8]", "segments: [7, 8]");
    let failed = project.say(&["run", "--json"]).expect(1).json();
    let ran = in_state(&failed, "ran");
    assert!(ran.contains(&"prepare".to_string()), "{ran:?}");
    gc(&project, &["--yes", "--keep", "1"]);
    assert!(is_sound(&project));
    let again = project.say(&["run", "--json"]).expect(1).json();
    assert_eq!(in_state(&again, "ran"), Vec::<String>::new());
}

#[test]
fn orphans_and_leftovers_go_and_what_lives_stays() {
    let project = Project::small();
    project.run();
    let orphan = project.path("artifacts/objects/af/af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262.parquet");
    fs::create_dir_all(orphan.parent().unwrap()).unwrap();
    fs::write(&orphan, "").unwrap();
    project.write("artifacts/tmp/object-999999999-1-1", "half");
    project.write("artifacts/tmp/command-999999999-1-2/a/b", "half");
    let living = format!("artifacts/tmp/object-{}-1-1", std::process::id());
    project.write(&living, "half");
    let told = gc(&project, &["--yes"]);
    assert_eq!(told["reasons"]["orphan"]["files"], 1);
    assert_eq!(told["reasons"]["leftover"]["bytes"], 8);
    assert!(!orphan.exists());
    let left: Vec<_> = fs::read_dir(project.path("artifacts/tmp")).unwrap().collect();
    assert_eq!(left.len(), 1);
    assert_eq!(project.run()["counts"]["cached"], 10);
}

#[test]
fn room_is_made_from_kept_runs_and_restore_computes_it_again() {
    let (project, runs) = five_runs();
    let old = project.say(&["show", &runs[0], "--json"]).expect(0).json();
    let done = gc(&project, &["--yes", "--max-size", "1"]);
    assert!(done["reasons"]["room"]["bytes"].as_u64().unwrap() > 0);
    assert!(done["excess"].as_u64().unwrap() > 0);
    assert_eq!(done["kept"].as_array().unwrap().len(), 5);
    assert!(is_sound(&project));
    // The newest run has everything, the older ones lack what only they had.
    assert_eq!(project.run()["counts"]["cached"], 10);
    let model = crate::project::stage(&old, "forest")["outputs"]["model"]["path"].as_str().unwrap();
    assert!(!project.path(model).exists());
    project.say(&["restore", &runs[0], "-o", "back", "--json"]).expect(0);
    assert!(project.path(model).is_file() && is_sound(&project));
    project.say(&["reproduce", &runs[1]]).expect(0);
    // There is room enough: nothing goes.
    assert_eq!(gc(&project, &["--max-size", "1TiB"])["objects"], 0);
}

#[test]
fn what_is_dearest_per_byte_goes_last() {
    let project = Project::empty(
        "pipeline: small\nparams: { v: 1 }\nstages:\n  cheap: { uses: command, with: { shell: true, run: \"head -c 20000 /dev/zero > y.bin; echo ${params.v} >> y.bin\", outputs: { y: y.bin } } }\n  dear: { uses: command, with: { shell: true, run: \"sleep 1; head -c 20000 /dev/zero > y.bin; echo d${params.v} >> y.bin\", outputs: { y: y.bin } } }\n",
    );
    let first = project.run();
    project.say(&["run", "--set", "v=2"]).expect(0);
    let total = project.say(&["du", "--json"]).expect(0).json()["total"]["bytes"].as_u64().unwrap();
    let told = gc(&project, &["--yes", "--max-size", &(total - 10_000).to_string()]);
    assert_eq!(told["reasons"]["room"]["files"], 1, "one of the two is enough");
    let path = |name: &str| {
        project.path(crate::project::stage(&first, name)["outputs"]["y"]["path"].as_str().unwrap())
    };
    assert!(!path("cheap").exists() && path("dear").exists());
    assert!(is_sound(&project));
}

/// A disk that refuses everything from the n-th change on, as one does whose process was killed there.
fn dying_after(n: usize) -> Disk {
    let left = AtomicUsize::new(n);
    Disk::gated(Arc::new(move |op: &Op<'_>| {
        if matches!(op.name, "read" | "list" | "look at") {
            return Ok(());
        }
        let took =
            left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1));
        took.map(|_| ()).map_err(|_| io::Error::other("the power is off"))
    }))
}

#[test]
fn cut_off_anywhere_it_leaves_a_sound_store() {
    let project = Project::empty(LITTLE);
    project.write("data/raw/customers.csv", crate::project::customers(30));
    let mut runs = Vec::new();
    for least in 0..3 {
        let said = project.say(&["run", "--json", "--set", &format!("least={}", least * 6)]);
        runs.push(said.expect(0).json()["run"].as_str().unwrap().to_string());
    }
    project.edit("least: 0", "least: 12");
    project.write("artifacts/tmp/object-999999999-1-1", "half");
    let copy = |to: &str| {
        let to = project.path(to);
        let _ = fs::remove_dir_all(&to);
        let status = std::process::Command::new("cp")
            .arg("-a")
            .arg(project.path("artifacts"))
            .arg(&to)
            .status();
        assert!(status.unwrap().success());
    };
    copy("whole");
    // The second wish retires keys of kept runs.
    for (keep, max_bytes) in [(1, None), (2, Some(1))] {
        let wishes = Wishes { keep, max_bytes };
        let mut n_operations = 0;
        loop {
            let found =
                app::Project::find(&project.root).unwrap().with_disk(dying_after(n_operations));
            let result = found.gc(&wishes, &Cancel::new(), &|| ());
            let checkup =
                app::Project::find(&project.root).unwrap().fsck(2, &Cancel::new()).unwrap();
            assert!(checkup.is_sound(), "after {n_operations}: {:?}", checkup.audit.findings);
            if result.is_ok() {
                break;
            }
            n_operations += 1;
            fs::remove_dir_all(project.path("artifacts")).unwrap();
            fs::rename(project.path("whole"), project.path("artifacts")).unwrap();
            copy("whole");
        }
        assert!(n_operations > 15, "{n_operations}");
        let again = project.run();
        assert_eq!(
            (again["counts"]["cached"].clone(), again["run"].as_str()),
            (2.into(), Some(&*runs[2]))
        );
        fs::remove_dir_all(project.path("artifacts")).unwrap();
        fs::rename(project.path("whole"), project.path("artifacts")).unwrap();
        copy("whole");
    }
}

#[test]
fn a_damaged_record_stops_gc_and_not_the_next_one_after_a_repair() {
    let (project, _) = five_runs();
    let history = project.path("artifacts/history");
    let entry = fs::read_dir(history).unwrap().map(|e| e.unwrap().path()).min().unwrap();
    fs::write(&entry, "{}").unwrap();
    let before = objects(&project);
    let said = project.say(&["gc", "--yes", "--keep", "1"]).expect(5);
    assert!(said.err.contains("fsck --repair"), "{}", said.err);
    assert_eq!(objects(&project), before);
    project.say(&["fsck", "--repair"]).expect(5);
    gc(&project, &["--yes", "--keep", "1"]);
    project.say(&["fsck"]).expect(0);
}

#[test]
fn gc_waits_for_a_run_and_can_be_interrupted() {
    let project = Project::empty(
        "pipeline: small\nstages:\n  slow: { uses: command, with: { run: sleep 2, outputs: {} } }\n",
    );
    project.write("pipelines/small.yaml", "pipeline: small\nstages:\n  slow: { uses: command, with: { shell: true, run: \"touch started; sleep 30; touch y.txt\", outputs: { y: y.txt } } }\n");
    let mut run = project.command(&["run"]).stderr(std::process::Stdio::null()).spawn().unwrap();
    let started = || {
        let tmp = project.path("artifacts/tmp");
        tmp.is_dir() && fs::read_dir(tmp).unwrap().count() > 0
    };
    while !started() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let mut waiting =
        project.command(&["gc", "--yes"]).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut err = io::BufReader::new(waiting.stderr.take().unwrap());
    io::BufRead::read_line(&mut err, &mut line).unwrap();
    assert_eq!(line, "waiting for a run that is going on\n");
    let kill = |pid: u32| {
        let status = std::process::Command::new("kill").args(["-INT", &pid.to_string()]).status();
        assert!(status.unwrap().success());
    };
    kill(waiting.id());
    assert_eq!(waiting.wait().unwrap().code(), Some(130));
    kill(run.id());
    assert_eq!(run.wait().unwrap().code(), Some(130));
    gc(&project, &["--yes"]);
}
