//! Every byte of the store is checked against what names it, and what is bad is put right or told to be lost.

use std::{
    fs,
    path::{Path, PathBuf},
};

use orchestrate::{
    app::{self, Checkup},
    stage::work::Cancel,
};

use crate::project::{Project, stage};

/// Returns every file of the store but those in the making, links left out.
fn files(project: &Project) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![project.path("artifacts")];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
            let metadata = fs::symlink_metadata(&path).unwrap();
            let name = path.file_name().unwrap();
            if metadata.is_dir() && name != "tmp" && name != "lost+found" && name != "locks" {
                folders.push(path);
            } else if metadata.is_file() && metadata.len() > 0 {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn check(project: &Project) -> Checkup {
    let found = app::Project::find(&project.root).unwrap();
    found.fsck(2, &Cancel::new()).unwrap()
}

/// Tells whether the store is found damaged, whichever way.
fn is_found(project: &Project) -> bool {
    let found = app::Project::find(&project.root).unwrap();
    found.fsck(2, &Cancel::new()).map_or(true, |checkup| !checkup.is_sound())
}

fn repair(project: &Project) -> Checkup {
    let found = app::Project::find(&project.root).unwrap();
    found.repair(2, &Cancel::new(), &|| (), &|_, _| ()).unwrap()
}

fn replace(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

/// A file of every kind that a store has, and few of each.
const LITTLE: &str = "\
pipeline: small
params: { least: 0 }
stages:
  customers: { uses: ingest.csv, with: { path: data/raw/customers.csv, id: id } }
  features: { uses: features.derive, inputs: { table: customers }, with: { where: \"visits > ${params.least}\" } }
  prepare: { uses: transform.fit, inputs: { table: features }, with: { numeric: { scale: standard } } }
";

/// A tagged project of two runs that share what they have of the source, the second of them found in place once more.
fn two_runs() -> Project {
    let project = Project::empty(LITTLE);
    project.write("data/raw/customers.csv", crate::project::customers(30));
    project.run();
    project.edit("least: 0", "least: 6");
    project.run();
    project.run();
    project.say(&["tag", "latest~1", "first"]).expect(0);
    project
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n
    }
}

/// How many bits to flip: a person sets `ORCHESTRATE_FLIPS` for more.
fn n_flips() -> usize {
    std::env::var("ORCHESTRATE_FLIPS").ok().and_then(|n| n.parse().ok()).unwrap_or(200)
}

#[test]
fn every_flipped_bit_is_found() {
    let project = two_runs();
    assert!(check(&project).is_sound(), "{:?}", check(&project).audit.findings);
    let files = files(&project);
    let mut dice = Dice(7);
    let mut missed = Vec::new();
    for n in 0..n_flips() {
        // Every file gets its turn, so that small ones are not overlooked beside large ones.
        let path = &files[n % files.len()];
        let bytes = fs::read(path).unwrap();
        let bit = dice.below(bytes.len() * 8);
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        replace(path, &flipped);
        if !is_found(&project) {
            missed.push((path.clone(), bit));
        }
        replace(path, &bytes);
    }
    assert_eq!(missed, [], "of {} flips", n_flips());
    assert!(check(&project).is_sound());
}

/// Conveniences that come back by themselves, whose absence means no more than that nothing was remembered yet; tags;
/// and the repetition of a run that was told of in full before.
fn may_be_absent(path: &Path, bytes: &[u8]) -> bool {
    let name = path.to_string_lossy();
    let is_repetition = String::from_utf8_lossy(bytes).contains("\"told_in\":\"");
    is_repetition
        || ["/state/", "/tags/", "/memo", "/receipts/"].iter().any(|place| name.contains(place))
}

#[test]
fn every_deleted_cut_or_renamed_file_is_found() {
    let project = two_runs();
    for path in files(&project) {
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(
            is_found(&project) || may_be_absent(&path, &bytes),
            "{} was deleted",
            path.display()
        );
        for len in [0, bytes.len() / 2, bytes.len() - 1] {
            fs::write(&path, &bytes[..len]).unwrap();
            assert!(is_found(&project), "{} was cut to {len}", path.display());
        }
        fs::write(&path, [&bytes[..], b"\n"].concat()).unwrap();
        assert!(is_found(&project), "{} was lengthened", path.display());
        fs::remove_file(&path).unwrap();
        for name in ["stray", "x.json", "00000000000000000001-1.json"] {
            let other = path.with_file_name(name);
            fs::write(&other, &bytes).unwrap();
            // A tag may have any name.
            let is_tag = path.parent().unwrap().ends_with("tags");
            assert!(is_found(&project) || is_tag, "{} was renamed to {name}", path.display());
            fs::remove_file(&other).unwrap();
        }
        fs::write(&path, &bytes).unwrap();
    }
    assert!(check(&project).is_sound());
}

#[test]
fn a_finding_says_where_what_for_whom_and_what_to_do() {
    let project = Project::small();
    let run = project.run();
    let table = project.object("best/leaderboard.parquet");
    let link = project.path("artifacts/latest/small/best/leaderboard.parquet");
    crate::project::tamper(&table, |bytes| bytes[20] ^= 1);
    let said = project.say(&["fsck"]).expect(5);
    for expected in [
        "its bytes are not those of its name",
        "output `leaderboard` of `best`, run ",
        &run["run"].as_str().unwrap()[..12],
        "orchestrate fsck --repair",
        "1 finding",
    ] {
        assert!(said.out.contains(expected), "{expected} is not in\n{}", said.out);
    }
    let json = project.say(&["fsck", "--json"]).expect(5).json();
    assert_eq!(json["format"], "orchestrate/1");
    assert_eq!(json["sound"], false);
    let finding = &json["findings"][0];
    assert_eq!(finding["code"], "corrupt");
    assert_eq!(project.path(finding["path"].as_str().unwrap()), table);
    assert!(json["checked"]["files"]["objects"].as_u64().unwrap() > 20);
    let repaired = project.say(&["fsck", "--repair", "--json"]).expect(0).json();
    assert_eq!(repaired["sound"], true);
    assert_eq!(repaired["repair"]["executed"][0]["stage"], "best");
    let aside = repaired["findings"][0]["aside"].as_str().unwrap();
    assert!(aside.starts_with("artifacts/lost+found/") && project.path(aside).is_file());
    assert!(link.is_file());
    project.say(&["fsck"]).expect(0);
    assert_eq!(project.run()["counts"]["cached"], 10);
    // One that is gone comes back as well, and with it what its link leads to.
    fs::remove_file(&table).unwrap();
    assert_eq!(
        project.say(&["fsck", "--json"]).expect(5).json()["findings"][0]["code"],
        "dangling"
    );
    project.say(&["fsck", "--repair"]).expect(0);
    assert!(link.is_file());
    project.say(&["fsck"]).expect(0);
}

/// Whatever one bit does to whichever file, repair brings the same store back: artifacts are computed again, records
/// and what was given from outside get their bit back.
#[test]
fn repair_brings_everything_back_that_one_bit_broke() {
    let project = two_runs();
    let run = project.run()["run"].clone();
    let mut dice = Dice(11);
    for path in files(&project) {
        // What only saves time may be forgotten, and is.
        let is_memory = ["memo", "receipts"].iter().any(|m| path.to_string_lossy().contains(m));
        let bytes = fs::read(&path).unwrap();
        let mut flipped = bytes.clone();
        let bit = dice.below(bytes.len() * 8);
        flipped[bit / 8] ^= 1 << (bit % 8);
        replace(&path, &flipped);
        let Ok(found) = app::Project::find(&project.root).unwrap().fsck(2, &Cancel::new()) else {
            // Another number in the store's mark is a newer store, which this program leaves alone.
            assert!(path.ends_with("FORMAT"));
            replace(&path, &bytes);
            continue;
        };
        assert!(!found.is_sound());
        let checkup = repair(&project);
        let lost: Vec<_> =
            checkup.repair.unwrap().lost.into_iter().map(|l| (l.path, l.why)).collect();
        assert_eq!(lost, [], "bit {bit} of {}", path.display());
        assert!(
            is_memory || fs::read(&path).unwrap() == bytes || is_record(&path),
            "{}",
            path.display()
        );
        assert!(check(&project).is_sound(), "{:?}", check(&project).audit.findings);
    }
    let again = project.run();
    assert_eq!((again["counts"]["cached"].clone(), &again["run"]), (3.into(), &run));
}

/// A key's record also says how long the stage took this time.
fn is_record(path: &Path) -> bool {
    path.to_string_lossy().contains("/keys/")
}

#[test]
fn what_cannot_be_rebuilt_is_told_once() {
    let project = Project::small();
    let run = project.run();
    let text = project.read("data/raw/customers.csv");
    let source = blake3::hash(text.as_bytes()).to_hex().to_string();
    let kept = project.path(&format!("artifacts/objects/{}/{source}.raw", &source[..2]));
    // While the project still has the bytes they are kept again.
    crate::project::tamper(&kept, |bytes| bytes.truncate(10));
    let checkup = repair(&project);
    assert!(checkup.is_sound() && fs::read(&kept).unwrap() == text.as_bytes());
    // Once they are nowhere, the store says so and goes on without them.
    project.write("data/raw/customers.csv", crate::project::customers(60));
    fs::remove_file(&kept).unwrap();
    let said = project.say(&["fsck", "--repair"]).expect(5);
    assert!(said.out.contains("the source has changed since"), "{}", said.out);
    assert!(said.out.contains("the source of `customers`"), "{}", said.out);
    project.say(&["fsck"]).expect(0);
    // An output that depends on it is lost with it, and everything else is still there.
    fs::remove_file(project.object("customers/table.parquet")).unwrap();
    let said = project.say(&["fsck", "--repair"]).expect(5);
    assert!(said.out.contains("no copy was kept"), "{}", said.out);
    project.say(&["fsck"]).expect(0);
    let shown = project.say(&["show", "latest", "--json"]).expect(0).json();
    assert_eq!(shown["run"], run["run"]);
    assert!(stage(&shown, "best")["outputs"]["labels"]["hash"].is_string());
}

#[test]
fn nothing_is_wrong_with_what_is_not_there() {
    let project = Project::small();
    project.say(&["fsck"]).expect(0);
    project.say(&["fsck", "--repair"]).expect(0);
    assert!(!project.path("artifacts").exists());
}
