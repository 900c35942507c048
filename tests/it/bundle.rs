//! Bundles: one file that answers without the store, and says when it is damaged.

use std::{fs, process::Command};

use crate::project::{PIPELINE, Project, customers};

/// A path with every sort of stage whose rows go one by one: expressions, a join, a fitted transform.
const WAY: &str = "
  regions: { uses: ingest.csv, with: { path: data/raw/regions.csv, id: color } }
  joined: { uses: features.join, inputs: { left: features, right: regions }, with: { on: color } }
  scaled: { uses: transform.fit, inputs: { table: joined }, with: { numeric: { scale: robust } } }
  far: { uses: classify.xgboost, inputs: { table: scaled.matrix, labels: best.labels }, with: { rounds: 3 } }
";

fn project() -> Project {
    let project = Project::empty(&format!("{PIPELINE}{WAY}"));
    project.write("data/raw/customers.csv", customers(90));
    project.write("data/raw/regions.csv", "color,rain\nred,1.5\ngreen,0.25\nblue,7\n");
    project.run();
    project
}

#[test]
fn a_bundle_answers_as_its_run_does() {
    let project = project();
    project.write("new.csv", customers(40));
    for stage in [&[][..], &["--stage", "far"], &["--stage", "logistic"]] {
        let words = [&["export", "--format", "bundle", "-o", "way.tar"], stage].concat();
        project.say(&words).expect(0);
        let first = fs::read(project.path("way.tar")).unwrap();
        project.say(&words).expect(0);
        assert_eq!(fs::read(project.path("way.tar")).unwrap(), first, "the same bytes again");
        let own = project.say(&[&["predict", "new.csv"], stage].concat()).expect(0);
        // In a folder that is no project.
        let folder = project.path("elsewhere");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("way.tar"), &first).unwrap();
        fs::copy(project.path("new.csv"), folder.join("new.csv")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_orchestrate"));
        command.args(["predict", "new.csv", "--bundle", "way.tar"]).current_dir("/");
        let said = command.arg("-C").arg(&folder).output().unwrap();
        assert_eq!(said.status.code(), Some(0), "{}", String::from_utf8_lossy(&said.stderr));
        assert_eq!(String::from_utf8_lossy(&said.stdout), own.out);
        assert_eq!(String::from_utf8_lossy(&said.stderr), own.err);
    }
    project.say(&["export", "--format", "bundle"]).expect(2);
    project.say(&["predict", "new.csv", "--bundle", "way.tar", "--stage", "far"]).expect(2);
    project.say(&["predict", "new.csv", "--bundle", "absent.tar"]).expect(1);
}

#[test]
fn a_damaged_bundle_is_refused() {
    let project = project();
    project.write("new.csv", customers(3));
    project.say(&["export", "--format", "bundle", "--stage", "far", "-o", "way.tar"]).expect(0);
    let whole = fs::read(project.path("way.tar")).unwrap();
    let used = |at: usize| whole[at] != 0;
    for at in (0..whole.len()).step_by(whole.len() / 60).filter(|at| used(*at)) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x11;
        project.write("bad.tar", &damaged);
        let said = project.say(&["predict", "new.csv", "--bundle", "bad.tar"]).expect(5);
        assert!(said.err.contains("is no bundle that can be read"), "{}", said.err);
    }
    project.write("bad.tar", &whole[..whole.len() / 2]);
    project.say(&["predict", "new.csv", "--bundle", "bad.tar"]).expect(5);
    let said = project.say(&["predict", "new.csv", "--bundle", "new.csv"]).expect(5);
    assert!(said.err.contains("new.csv` is no bundle that can be read: it is "), "{}", said.err);
}
