//! The program is stopped, starved and cut off at every single operation of its store, and loses nothing.
//!
//! Every test here runs one change of a small project again and again. The n-th time operation n meets a fault. What is
//! left must be sound, everything that was there before must be there still, and the next run must come to the same
//! run id as if nothing had happened.
//!
//! With larger pipelines every n-th operation is enough for an ordinary test. The environment can ask for more:
//! `ORCHESTRATE_CRASH_EVERY=1 cargo test --release --test it crash:: -- --nocapture`.

mod medium;
pub mod sound;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::Instant,
};

use orchestrate::{
    app::{AppError, Outcome, Project, RunOptions},
    base::hash::RunId,
    engine::event::State,
    stage::work::Cancel,
    store::disk::Disk,
};

use crate::project::customers;
use medium::{Cut, Fault, Medium};

/// The end of the process, with and without its power; no space; a fault of the device; no permission.
const FAULTS: &[Fault] = &[Fault::Stop, Fault::Once(28), Fault::Once(5), Fault::Once(13)];

/// One stage: what is particular to the first run of a store.
const ONE: &str = "\
pipeline: p
stages:
  customers: { uses: ingest.csv, with: { path: data/raw/customers.csv, id: id } }
";

/// A file, several inputs, a matrix, a report, a program, and a source without a kept copy.
const MANY: &str = "\
pipeline: p
params: { seed: 1 }
stages:
  customers: { uses: ingest.csv, with: { path: data/raw/customers.csv, id: id, snapshot: false } }
  profile: { uses: eda.profile, inputs: { table: customers } }
  prepare:
    uses: transform.fit
    inputs: { table: customers }
    with: { numeric: { scale: standard } }
  kmeans:
    uses: cluster.kmeans
    inputs: { matrix: prepare.matrix }
    matrix: { k: [2, 3] }
    with: { k: \"${matrix.k}\", n_init: 1, seed: \"${params.seed}\" }
  best:
    uses: select.clustering
    inputs: { candidates: [kmeans] }
    with: { rank_by: { silhouette: 1.0 }, require: { segments: [2, 8] } }
  program:
    uses: command
    inputs: { labels: best.labels, table: customers }
    with:
      run: [sh, -c, \"cat {inputs.labels} {inputs.table} data/raw/note.txt > y.bin\"]
      files: [data/raw/note.txt]
      outputs: { y: y.bin }
";

/// A folder that is removed when it is dropped; in memory where that can be had, for there are many of them.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let n = COUNTER.fetch_add(1, Ordering::Relaxed);
        let memory = Path::new("/dev/shm");
        let above = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
        let path = above.join(format!("orchestrate-crash-{}-{n}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn write(&self, relative: &str, text: &str) {
        let path = self.0.join(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Makes an equal folder.
    fn twin(&self) -> Folder {
        let twin = Folder::new();
        copy(&self.0, &twin.0);
        twin
    }

    fn store(&self) -> PathBuf {
        self.0.join("artifacts")
    }

    fn run(&self, disk: Disk) -> Result<Outcome, AppError> {
        let project = Project::find(&self.0).unwrap().with_disk(disk);
        let options = RunOptions { jobs: 1, keep_going: true, ..RunOptions::default() };
        project.run(None, &options, &Cancel::new(), &|_, _| {})
    }

    /// Runs undisturbed and returns the run's id.
    fn complete(&self) -> RunId {
        let outcome = self.run(Disk::default()).unwrap();
        let errors: Vec<String> = outcome.reports.iter().filter_map(text_of).collect();
        outcome.run.unwrap_or_else(|| panic!("{errors:?}"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        let ty = entry.file_type().unwrap();
        if ty.is_dir() {
            copy(&entry.path(), &target);
        } else if ty.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(entry.path()).unwrap(), target).unwrap();
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn text_of(report: &orchestrate::engine::event::Report) -> Option<String> {
    report.error.as_ref().map(ToString::to_string)
}

/// A project before a change, and the id of the run that is to come.
struct Scene {
    before: Folder,
    expected: RunId,
    held: sound::Held,
}

impl Scene {
    /// Prepares the first run of a pipeline.
    fn first(pipeline: &str) -> Scene {
        Scene::of(project(pipeline))
    }

    /// Prepares a second run over the store of the first, after an edit of the pipeline.
    fn edited(pipeline: &str, from: &str, to: &str) -> Scene {
        let folder = project(pipeline);
        let first = folder.complete();
        let project = Project::find(&folder.0).unwrap();
        project.tag(&first.to_hex(), "kept").unwrap();
        assert!(pipeline.contains(from));
        folder.write("pipelines/p.yaml", &pipeline.replace(from, to));
        let scene = Scene::of(folder);
        assert_ne!(scene.expected, first);
        scene
    }

    fn of(before: Folder) -> Scene {
        let expected = before.twin().complete();
        let held = sound::held(&before.store());
        Scene { before, expected, held }
    }

    /// Lets operation `at` meet `fault`; returns false if there are not that many.
    fn meets(&self, at: u64, fault: Fault) -> bool {
        let folder = self.before.twin();
        let medium = Medium::new(at, fault);
        let outcome = folder.run(medium.disk());
        let Some(hit) = medium.hit() else {
            assert_eq!(outcome.unwrap().run, Some(self.expected));
            return false;
        };
        let place = format!("operation {at}, {hit}, {fault:?}");
        match fault {
            Fault::Stop => {
                for cut in [Cut::NamesKept, Cut::NamesLost] {
                    let twin = folder.twin();
                    medium.cut(cut, &folder.0, &twin.0);
                    self.recovers(&twin, &format!("{place}, {cut:?}"));
                }
            }
            Fault::Once(_) => self.tells(outcome, &place),
        }
        self.recovers(&folder, &place);
        true
    }

    /// A fault that passes is told in one line, unless the run came to its end all the same.
    fn tells(&self, outcome: Result<Outcome, AppError>, place: &str) {
        let texts = match &outcome {
            Err(error) => vec![error.to_string()],
            Ok(outcome) => match outcome.run {
                Some(run) => return assert_eq!(run, self.expected, "{place}"),
                None => outcome.reports.iter().filter_map(text_of).collect(),
            },
        };
        assert_eq!(texts.len(), 1, "{place}: {texts:#?}");
        let text = &texts[0];
        let is_clear = !text.contains('\n') && text.contains("cannot ") && text.contains('`');
        assert!(is_clear && text.contains("os error"), "{place}: {text}");
        if let Ok(outcome) = outcome {
            let n = |state| outcome.reports.iter().filter(|r| r.state == state).count();
            assert_eq!(n(State::Failed), 1, "{place}");
        }
    }

    /// What is left is sound, and the next run does the rest.
    fn recovers(&self, folder: &Folder, place: &str) {
        let none = Vec::<String>::new();
        assert_eq!(sound::faults(&folder.store()), none, "{place}");
        assert_eq!(self.held.losses(&folder.store()), none, "{place}");
        assert_eq!(folder.complete(), self.expected, "{place}");
        assert_eq!(sound::faults(&folder.store()), none, "{place}, after the next run");
        let store = Project::find(&folder.0).unwrap().store().unwrap();
        assert_eq!(store.find_run("latest").unwrap(), self.expected, "{place}");
    }

    /// Lets every fault meet every `step`-th operation, each beginning with another one, and tells how many that were.
    fn at_every(&self, step: u64, name: &str) {
        let medium = Medium::new(u64::MAX, Fault::Stop);
        self.before.twin().run(medium.disk()).unwrap();
        for (i, fault) in (0..).zip(FAULTS) {
            let started = Instant::now();
            let met =
                (i * 3 % step..).step_by(step as usize).take_while(|at| self.meets(*at, *fault));
            let (met, of, seconds) = (met.count(), medium.count(), started.elapsed().as_secs());
            println!("{name}, {fault:?}: {met} of {of} operations, {seconds} s");
            // Their number differs: files that were copied just now, as those of a twin are, are read again.
            assert!((met as u64 + 10) * step >= of * 6 / 10, "{name}: {met} of {of}");
        }
    }
}

/// Returns how far apart the operations are that meet a fault: `default`, or what the environment asks for.
fn step(default: u64) -> u64 {
    let asked = std::env::var("ORCHESTRATE_CRASH_EVERY").ok();
    asked.and_then(|n| n.parse().ok()).unwrap_or(default)
}

fn project(pipeline: &str) -> Folder {
    let folder = Folder::new();
    folder.write("pipelines/p.yaml", pipeline);
    folder.write("data/raw/customers.csv", &customers(12));
    folder.write("data/raw/note.txt", "a note");
    folder
}

#[test]
fn a_first_run_is_stopped_at_every_operation() {
    Scene::first(ONE).at_every(1, "one stage, first run");
}

#[test]
fn a_changed_run_is_stopped_at_every_operation() {
    let scene = Scene::edited(ONE, "id: id", "id: id, types: { noise: float }");
    scene.at_every(1, "one stage, a parameter changed");
}

#[test]
fn a_run_of_many_kinds_is_stopped_at_many_operations() {
    Scene::first(MANY).at_every(step(9), "many kinds, first run");
}

#[test]
fn a_changed_run_of_many_kinds_is_stopped_at_many_operations() {
    Scene::edited(MANY, "seed: 1", "seed: 2").at_every(step(9), "many kinds, a parameter changed");
}

/// These tests find what they look for: where objects are only said to be synced, a power cut breaks the store.
#[test]
fn a_medium_that_lies_breaks_the_store() {
    let scene = Scene::first(ONE);
    for cut in [Cut::NamesKept, Cut::NamesLost] {
        let is_broken = |at: &u64| {
            let folder = scene.before.twin();
            let medium = Medium::lying(*at, "object");
            let _ = folder.run(medium.disk());
            let twin = folder.twin();
            medium.cut(cut, &folder.0, &twin.0);
            assert_eq!(sound::faults(&folder.store()), Vec::<String>::new(), "before the cut");
            !sound::faults(&twin.store()).is_empty()
        };
        let n_broken = (0..180).step_by(10).filter(is_broken).count();
        assert!(n_broken > 3, "{cut:?}: {n_broken}");
    }
}

/// The pipeline that is shipped, on a few rows, with what takes long made short.
fn shipped() -> (Folder, String) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(here.join("pipelines/customer_segmentation.yaml")).unwrap();
    let text = text.replace("trees: 300", "trees: 10").replace("n_init: 10", "n_init: 1");
    let text = text.replace("resamples: 5", "resamples: 1");
    let data = fs::read_to_string(here.join("data/raw/customers.csv")).unwrap();
    let rows: Vec<&str> = data.lines().take(151).collect();
    let folder = project(&text);
    folder.write("data/raw/customers.csv", &rows.join("\n"));
    (folder, text)
}

#[test]
fn the_shipped_pipeline_is_stopped_here_and_there() {
    Scene::of(shipped().0).at_every(step(1_000), "shipped pipeline, first run");
}

#[test]
fn the_shipped_pipeline_after_a_change_is_stopped_here_and_there() {
    let (folder, text) = shipped();
    folder.complete();
    folder.write("pipelines/p.yaml", &text.replace("trees: 10", "trees: 11"));
    Scene::of(folder).at_every(step(400), "shipped pipeline, a parameter changed");
}
