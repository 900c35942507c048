//! The store from outside: what is written is found, what is damaged is noticed, names resolve.

use std::{
    fs,
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{
    checksum::Check,
    disk::Disk,
    error::StoreError,
    live::{Line, News},
    objects::Health,
    records::*,
    runs::RunRefError,
    *,
};
use crate::base::hash::{ContentHash, RunId, StageKey};

struct Temp(PathBuf);

impl Temp {
    fn new(name: &str) -> Temp {
        let path = std::env::temp_dir().join(format!("orchestrate-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Temp(path)
    }

    fn store(&self) -> Store {
        Store::create(&self.0.join("artifacts"), Disk::default()).unwrap()
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn objects_are_found_under_the_hash_of_their_bytes() {
    let temp = Temp::new("objects");
    let store = temp.store();
    let mut writer = store.begin_object().unwrap();
    writer.write_all(b"hello").unwrap();
    let (hash, bytes) = store.commit(writer.finish().unwrap(), "parquet").unwrap();
    assert_eq!((hash, bytes), (ContentHash::of(b"hello"), 5));
    assert_eq!(store.read_object(&hash, "parquet").unwrap(), b"hello");
    assert_eq!(store.health(&hash, "parquet").unwrap(), Health::Sound);
    assert!(fs::metadata(store.object_path(&hash, "parquet")).unwrap().permissions().readonly());
    assert_eq!(fs::read_dir(store.root().join("tmp")).unwrap().count(), 0);
}

#[test]
fn an_abandoned_object_leaves_nothing() {
    let temp = Temp::new("abandoned");
    let store = temp.store();
    let mut writer = store.begin_object().unwrap();
    writer.write_all(b"hello").unwrap();
    drop(writer.finish().unwrap());
    let mut writer = store.begin_object().unwrap();
    writer.write_all(b"hello").unwrap();
    drop(writer);
    assert_eq!(fs::read_dir(store.root().join("tmp")).unwrap().count(), 0);
}

/// Runs on a full disk used to leave what they had begun, and made the disk fuller.
#[test]
fn a_refused_write_leaves_nothing() {
    let temp = Temp::new("refused");
    let root = temp.store().root().to_path_buf();
    for refused in ["write", "sync", "protect", "rename"] {
        let disk = Disk::gated(std::sync::Arc::new(move |op: &disk::Op<'_>| {
            match op.name == refused && op.path.to_string_lossy().contains("artifacts/") {
                true => Err(std::io::Error::from_raw_os_error(28)),
                false => Ok(()),
            }
        }));
        let store = Store::open(&root, disk).unwrap();
        assert!(store.put(b"hello", "yaml").is_err(), "{refused}");
        let record = store.write_atomic(&root.join("state").join("x"), b"hello");
        assert!(record.is_err() || refused == "protect", "{refused}");
        let hash = ContentHash::of(b"hello");
        let link = store.link_latest("p", "s", refused, &hash, "yaml");
        assert!(link.is_err() == (refused == "rename"), "{refused}");
        assert_eq!(fs::read_dir(root.join("tmp")).unwrap().count(), 0, "{refused}");
    }
}

#[test]
fn a_changed_object_is_noticed_even_with_its_old_size() {
    let temp = Temp::new("tampered");
    let store = temp.store();
    let hash = store.put(b"hello", "yaml").unwrap();
    let path = store.object_path(&hash, "yaml");
    fs::remove_file(&path).unwrap();
    assert_eq!(store.health(&hash, "yaml").unwrap(), Health::Missing);
    fs::write(&path, b"hellO").unwrap();
    assert_eq!(store.health(&hash, "yaml").unwrap(), Health::Corrupt);
    assert!(matches!(store.read_object(&hash, "yaml"), Err(StoreError::Damaged { .. })));
    assert_eq!(store.put(b"hello", "yaml").unwrap(), hash);
    assert_eq!(store.health(&hash, "yaml").unwrap(), Health::Sound);
}

#[test]
fn a_source_is_kept_under_the_hash_that_was_promised_or_not_at_all() {
    let temp = Temp::new("snapshot");
    let store = temp.store();
    let source = temp.0.join("a.csv");
    fs::write(&source, b"a,b\n1,2\n").unwrap();
    let (hash, _) = store.source_hash(&source).unwrap();
    store.snapshot(&source, &hash).unwrap();
    assert_eq!(store.read_object(&hash, objects::RAW).unwrap(), b"a,b\n1,2\n");
    fs::write(&source, b"a,b\n1,3\n").unwrap();
    let other = ContentHash::of(b"something else");
    assert!(matches!(store.snapshot(&source, &other), Err(StoreError::Moved(_))));
    assert_eq!(store.health(&other, objects::RAW).unwrap(), Health::Missing);
}

fn manifest(pipeline: &str) -> Manifest {
    Manifest {
        format: FORMAT,
        pipeline: pipeline.to_string(),
        params: Default::default(),
        stages: vec![],
    }
}

fn entry(run: Option<RunId>, targets: &[&str]) -> HistoryEntry {
    HistoryEntry {
        format: FORMAT,
        run,
        pipeline: "p".to_string(),
        file: "pipelines/p.yaml".to_string(),
        yaml: ContentHash::of(b""),
        targets: targets.iter().map(|t| t.to_string()).collect(),
        started: String::new(),
        seconds: 0.0,
        host: String::new(),
        threads: 1,
        program: String::new(),
        counts: Default::default(),
        stages: vec![],
        told_in: None,
        mark: None,
    }
}

#[test]
fn runs_are_found_by_prefix_tag_and_age() {
    let temp = Temp::new("runs");
    let store = temp.store();
    let a = store.put_manifest(&manifest("a")).unwrap();
    let b = store.put_manifest(&manifest("b")).unwrap();
    let c = store.put_manifest(&manifest("c")).unwrap();
    for e in [
        entry(Some(a), &[]),
        entry(Some(b), &[]),
        entry(Some(b), &[]),
        entry(Some(c), &["x"]),
        entry(None, &[]),
    ] {
        store.put_history(e).unwrap();
    }
    store.put_tag("prod", &a).unwrap();
    for (text, expected) in [("latest", b), ("latest~1", a), ("prod", a)] {
        assert_eq!(store.find_run(text).unwrap(), expected, "{text}");
    }
    assert_eq!(store.find_run(&c.to_hex()[..8]).unwrap(), c);
    for text in ["latest~2", "prdo", "zzzz", &a.to_hex()[..2], "../../etc/passwd"] {
        assert!(matches!(store.find_run(text), Err(RunRefError::Unknown { .. })), "{text}");
    }
    assert_eq!(store.manifest(&a).unwrap().pipeline, "a");
    let path = store.root().join("runs").join(format!("{a}.json"));
    let text = fs::read_to_string(&path).unwrap().replace("\"a\"", "\"z\"");
    fs::write(&path, text).unwrap();
    assert!(matches!(store.manifest(&a), Err(StoreError::Damaged { .. })));
}

#[test]
fn the_view_follows_and_is_pruned() {
    let temp = Temp::new("latest");
    let store = temp.store();
    let one = store.put(b"one", "parquet").unwrap();
    let two = store.put(b"two", "parquet").unwrap();
    let file = store.root().join("latest/p/kmeans/k=2/labels.parquet");
    store.link_latest("p", "kmeans/k=2", "labels", &one, "parquet").unwrap();
    assert_eq!(fs::read(&file).unwrap(), b"one");
    store.link_latest("p", "kmeans/k=2", "labels", &two, "parquet").unwrap();
    assert_eq!(fs::read(&file).unwrap(), b"two");
    store.link_latest("p", "gone", "x", &one, "parquet").unwrap();
    store.prune_latest("p", &[PathBuf::from("kmeans/k=2/labels.parquet")].into()).unwrap();
    assert!(file.exists() && !store.root().join("latest/p/gone").exists());
    assert!(store.link_latest("p", "../../..", "x", &one, "parquet").is_err());
    // A view whose folder points elsewhere must not be pruned there: whoever hands over a store could have made it so.
    let precious = temp.0.join("precious");
    fs::create_dir_all(&precious).unwrap();
    fs::write(precious.join("thesis.txt"), "years of work").unwrap();
    for place in ["latest/p", "latest"] {
        let place = store.root().join(place);
        fs::remove_dir_all(&place).unwrap();
        std::os::unix::fs::symlink(&precious, &place).unwrap();
        store.prune_latest("p", &Default::default()).unwrap();
        store.link_latest("p", "kmeans/k=2", "labels", &two, "parquet").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"two");
        assert_eq!(fs::read_dir(&precious).unwrap().count(), 1);
    }
}

#[test]
fn a_record_that_is_not_what_its_name_says_counts_as_none() {
    let temp = Temp::new("records");
    let store = temp.store();
    let preimage = Preimage {
        kind: "k".to_string(),
        version: 1,
        params: serde_json::json!({}),
        inputs: Default::default(),
        files: vec![],
        env: Default::default(),
    };
    let key = StageKey::of(b"key");
    let record = KeyRecord {
        format: FORMAT,
        key,
        preimage,
        outputs: Default::default(),
        raw: vec![],
        seconds: 1.0,
        notes: vec![],
    };
    store.put_key_record(&record).unwrap();
    assert_eq!(store.key_record(&key).unwrap(), Some(record.clone()));
    let path = |key: &StageKey| {
        let hex = key.to_hex();
        store.root().join("keys").join(&hex[..2]).join(format!("{hex}.json"))
    };
    let text = fs::read_to_string(path(&key)).unwrap();
    for damaged in [
        text[..text.len() / 2].to_string(),
        text.replace("\"seconds\"", "\"sceonds\""),
        text.replace(&format!("\"format\":{FORMAT}"), "\"format\":999"),
        text.replace(&key.to_hex(), &StageKey::of(b"other").to_hex()),
        String::new(),
    ] {
        fs::write(path(&key), &damaged).unwrap();
        assert_eq!(store.key_record(&key).unwrap(), None, "{damaged}");
    }
    store.put_history(entry(None, &[])).unwrap();
    fs::write(store.root().join("history/1.json"), "{").unwrap();
    assert_eq!(store.history().unwrap().count(), 1);
    fs::write(store.root().join("state/p.json"), "{").unwrap();
    assert_eq!(store.pipeline_state("p").unwrap(), PipelineState::default());
}

/// A history entry that the medium did not give was left out like a damaged one, so `latest` meant the run before it, and
/// nobody was told.
#[test]
fn a_history_entry_that_cannot_be_read_is_an_error() {
    let temp = Temp::new("unread-entry");
    let store = temp.store();
    let old = store.put_manifest(&manifest("a")).unwrap();
    let new = store.put_manifest(&manifest("b")).unwrap();
    store.put_history(entry(Some(old), &[])).unwrap();
    store.put_history(entry(Some(new), &[])).unwrap();
    assert_eq!(store.find_run("latest").unwrap(), new);
    let newest = store.disk.list(&store.root().join("history")).unwrap().pop().unwrap();
    let refuse = move |op: &disk::Op<'_>| match op.name == "read" && op.path == newest {
        true => Err(std::io::Error::from_raw_os_error(5)),
        false => Ok(()),
    };
    let store = Store::open(store.root(), Disk::gated(Arc::new(refuse))).unwrap();
    assert!(matches!(store.find_run("latest"), Err(RunRefError::Store(_))));
    assert!(store.newest_entry(&old).is_err());
    assert!(store.history().unwrap().next().unwrap().is_err());
}

/// A run that pruned its view took an empty folder away in which another run was about to make a link: that run's stage
/// failed.
#[test]
fn a_link_is_made_although_its_folder_is_taken_away_meanwhile() {
    let temp = Temp::new("taken-folder");
    let store = temp.store();
    let hash = store.put(b"x", "parquet").unwrap();
    let taken = AtomicBool::new(false);
    let take_once = move |op: &disk::Op<'_>| {
        if op.name == "rename" && op.path.ends_with("p/s/table.parquet") {
            let folder = op.path.parent().unwrap();
            if !taken.swap(true, Ordering::Relaxed) {
                fs::remove_dir(folder)?;
            }
        }
        Ok(())
    };
    let store = Store::open(store.root(), Disk::gated(Arc::new(take_once))).unwrap();
    store.link_latest("p", "s", "table", &hash, "parquet").unwrap();
    assert_eq!(store.linked("p", "s").unwrap().len(), 1);
    assert_eq!(fs::read_dir(store.root().join("tmp")).unwrap().count(), 0);
}

#[test]
fn a_newer_store_is_refused() {
    let temp = Temp::new("newer");
    let root = temp.store().root().to_path_buf();
    fs::write(root.join("FORMAT"), "orchestrate store 999\n").unwrap();
    assert!(matches!(
        Store::open(&root, Disk::default()),
        Err(StoreError::Newer { found: 999, .. })
    ));
}

#[test]
fn a_mark_tells_our_entries_from_copies_and_forgeries() {
    let (ours, theirs) = (Temp::new("mark-ours"), Temp::new("mark-theirs"));
    let (store, other) = (ours.store(), theirs.store());
    let id = store.put_manifest(&manifest("a")).unwrap();
    other.put_history(entry(Some(id), &["theirs"])).unwrap();
    store.put_history(entry(Some(id), &["ours"])).unwrap();
    let copied = fs::read_dir(other.root().join("history")).unwrap().next().unwrap().unwrap();
    let newer = store.root().join("history/99999999999999999999-1.json");
    let bytes = fs::read(copied.path()).unwrap();
    let Check::Whole(body) = checksum::open(&runs::history_name(&copied.path()), &bytes) else {
        panic!("not whole")
    };
    fs::write(&newer, checksum::close(&runs::history_name(&newer), body)).unwrap();
    let (found, is_own) = store.newest_entry(&id).unwrap().unwrap();
    assert!(
        is_own && found.targets == ["ours"],
        "our own comes before a newer one of another store"
    );
    let theirs = store.history().unwrap().next().unwrap().unwrap();
    let identity = store.identity().unwrap().unwrap();
    assert!(!identity.is_own(&theirs));
    assert!(!identity.is_own(&HistoryEntry { threads: 2, ..found.clone() }));
    assert!(!identity.is_own(&HistoryEntry { mark: None, ..found }));
}

#[test]
fn news_are_heard_while_their_teller_lives() {
    let temp = Temp::new("live");
    let store = temp.store();
    let began = News::Began { pipeline: "p".into(), started: "now".into(), pid: 1 };
    let line = |at, news| Line { at, news };
    let teller = store.teller().unwrap();
    assert_eq!(store.going_on(), [vec![]]);
    teller.tell(&line(0.0, began.clone()));
    teller.tell(&line(0.5, News::Started { stage: "a".into() }));
    let expected = vec![line(0.0, began), line(0.5, News::Started { stage: "a".into() })];
    assert_eq!(store.going_on(), [expected]);
    drop(teller);
    assert_eq!(store.going_on(), Vec::<Vec<Line>>::new());
    // What a killed process leaves is not locked.
    let left = store.root().join("tmp/live-1-0-0");
    std::fs::write(left, "{\"at\":0,\"news\":{\"started\":{\"stage\":\"a\"}}}\n").unwrap();
    assert_eq!(store.going_on(), Vec::<Vec<Line>>::new());
}
