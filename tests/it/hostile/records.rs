//! Records of a store that somebody else made: their names become paths, their stages become work. Nothing of it may reach
//! outside the store and the project.

use std::fs;

use orchestrate::base::hash::{ContentHash, RunId};
use serde_json::{Value, json};

use crate::project::Project;

const COMMANDS: &str = "\
pipeline: small
stages:
  first: { uses: command, with: { run: cp in.txt y.txt, files: [in.txt], outputs: { y: y.txt } } }
  second: { uses: command, inputs: { x: first }, with: { run: \"cp {inputs.x} z.txt\", outputs: { z: z.txt } } }
";

/// A project in a folder of its own, so that there is an outside to look at.
fn project() -> (Project, Value) {
    let mut project = Project::empty(COMMANDS);
    let inner = project.root.join("a/b/project");
    fs::create_dir_all(inner.parent().unwrap()).unwrap();
    fs::create_dir_all(&inner).unwrap();
    fs::rename(project.root.join("pipelines"), inner.join("pipelines")).unwrap();
    let outer = std::mem::replace(&mut project.root, inner);
    project.write("in.txt", "hello");
    let run = project.run()["run"].as_str().unwrap().to_string();
    let manifest =
        serde_json::from_str(&project.read(&format!("artifacts/runs/{run}.json"))).unwrap();
    project.root = outer;
    (project, manifest)
}

/// Puts a changed manifest into the store under the id that it now has.
fn put(project: &Project, manifest: &Value) -> String {
    let text = manifest.to_string();
    let id = RunId::of(text.as_bytes()).to_hex();
    project.write(&format!("a/b/project/artifacts/runs/{id}.json"), text);
    id
}

fn inner(project: &Project, arguments: &[&str]) -> crate::project::Said {
    let mut command = project.command(arguments);
    command.arg("-C").arg(project.root.join("a/b/project"));
    let arguments: Vec<_> = command.get_args().skip(2).map(ToOwned::to_owned).collect();
    let mut plain = std::process::Command::new(command.get_program());
    plain.args(arguments).env("NO_COLOR", "1").output().unwrap().into()
}

fn outside(project: &Project) -> Vec<String> {
    let names = |folder: &str| -> Vec<String> {
        fs::read_dir(project.path(folder))
            .unwrap()
            .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
            .collect()
    };
    [names(""), names("a"), names("a/b")].concat()
}

#[test]
fn no_name_in_a_manifest_leads_out_of_the_store() {
    let (project, manifest) = project();
    let before = outside(&project);
    let with = |pointer: &str, value: Value| {
        let mut changed = manifest.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        changed
    };
    let output = manifest["stages"][0]["outputs"]["y"].clone();
    let mut long = output.clone();
    long["ext"] = json!("x".repeat(300));
    let mut evil = output.clone();
    evil["ext"] = json!("x/../../../../../evil");
    for (what, changed) in [
        ("pipeline", with("/pipeline", json!("../../../evil"))),
        ("pipeline with a slash", with("/pipeline", json!("a/b"))),
        ("absolute stage", with("/stages/0/name", json!("/tmp/evil"))),
        ("stage", with("/stages/0/name", json!("../../../../evil"))),
        ("stage with a zero", with("/stages/0/name", json!("a\0b"))),
        ("empty stage", with("/stages/0/name", json!(""))),
        ("port", with("/stages/0/outputs", json!({ "../../../../evil": output }))),
        ("ending", with("/stages/0/outputs", json!({ "y": evil }))),
        ("long ending", with("/stages/0/outputs", json!({ "y": long }))),
        ("input", with("/stages/1/edges/0/port", json!("../../../../../evil"))),
        ("absolute input", with("/stages/1/edges/0/port", json!("/tmp/evil"))),
    ] {
        let id = put(&project, &changed);
        for arguments in [
            &["show", &id][..],
            &["restore", &id],
            &["restore", &id, "-o", "out"],
            &["reproduce", &id, "--allow-commands"],
            &["cat", "first", "--run", &id],
            &["path", "first", "--run", &id],
            &["diff", &id, "latest"],
            &["explain", "first", "--run", &id],
        ] {
            let said = inner(&project, arguments);
            assert_eq!(said.code, 5, "{what}, {arguments:?}: {}{}", said.out, said.err);
        }
        assert_eq!(outside(&project), before, "{what}");
    }
}

#[test]
fn no_command_of_a_manifest_writes_outside_its_folder() {
    let (project, manifest) = project();
    let before = outside(&project);
    for (what, pointer, value) in [
        ("output", "/stages/0/preimage/params/outputs", json!({ "y": "../../../../../../evil" })),
        ("absolute output", "/stages/0/preimage/params/outputs", json!({ "y": "/tmp/evil" })),
        ("name", "/stages/0/preimage/params/outputs", json!({ "../y": "y.txt" })),
        (
            "circle",
            "/stages/0/edges",
            json!([{ "port": "x", "whole_stage": false, "from": "second", "output": "z" }]),
        ),
        ("itself", "/stages/0/needs", json!(["first"])),
        ("nobody", "/stages/0/needs", json!(["nobody"])),
        ("not a number", "/stages/0/preimage/params/shell", json!("yes")),
        ("not a mapping", "/stages/0/preimage/params", json!([1])),
    ] {
        let mut changed = manifest.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        let id = put(&project, &changed);
        let said = inner(&project, &["reproduce", &id, "--allow-commands"]);
        assert_eq!(said.code, 5, "{what}: {}{}", said.out, said.err);
        assert_eq!(outside(&project), before, "{what}");
    }
    let mut changed = manifest.clone();
    changed["stages"][0]["preimage"]["version"] = json!(4_294_967_295_u32);
    assert_eq!(inner(&project, &["reproduce", &put(&project, &changed)]).code, 4);
}

/// Writes a history entry as somebody else would have written it, with changes.
fn tell(project: &Project, id: &str, change: impl FnOnce(&mut Value)) {
    let folder = project.path("a/b/project/artifacts/history");
    let own = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let mut entry: Value = serde_json::from_slice(&fs::read(own).unwrap()).unwrap();
    let object = entry.as_object_mut().unwrap();
    object.retain(|key, _| !["mark", "blake3"].contains(&key.as_str()));
    entry["run"] = json!(id);
    change(&mut entry);
    fs::write(folder.join("99999999999999999999-1.json"), entry.to_string()).unwrap();
}

#[test]
fn a_copied_history_entry_neither_overwrites_nor_reads_what_is_not_the_pipelines() {
    let (project, mut manifest) = project();
    let before = outside(&project);
    manifest["params"] = json!({ "other": 1 });
    let id = put(&project, &manifest);
    for file in [
        "../../../evil.yaml",
        "/tmp/evil.yaml",
        ".github/workflows/ci.yaml",
        "Makefile",
        "pipelines/x.sh",
        "pipelines/../Makefile.yaml",
    ] {
        tell(&project, &id, |entry| entry["file"] = json!(file));
        let said = inner(&project, &["restore", &id]).expect(0);
        assert!(!said.out.contains("evil") && !said.out.contains("Makefile"), "{}", said.out);
        for made in ["Makefile", "Makefile.yaml", ".github", "pipelines/x.sh"] {
            assert!(!project.path("a/b/project").join(made).exists(), "{made}");
        }
        assert_eq!(outside(&project), before, "{file}");
    }
    tell(&project, &id, |entry| entry["file"] = json!("pipelines/new.yaml"));
    inner(&project, &["restore", &id]).expect(0);
    assert!(project.path("a/b/project/pipelines/new.yaml").exists());
    // A source of which no copy was kept is looked for in the project, and nowhere else.
    project.write("secret", "outside");
    let hash = ContentHash::of(b"outside");
    let mut changed = manifest.clone();
    changed["stages"] = json!([changed["stages"][0]]);
    changed["stages"][0]["preimage"]["files"] = json!([hash]);
    let id = put(&project, &changed);
    tell(&project, &id, |entry| {
        entry["stages"][0]["files"] = json!(["../../../secret"]);
    });
    let said = inner(&project, &["reproduce", &id, "--allow-commands"]);
    assert_eq!(said.code, 4, "{}{}", said.out, said.err);
    assert!((said.out + &said.err).contains("of which no copy was kept"));
}

#[test]
fn records_of_absurd_sizes_are_shown_or_left_out() {
    let (project, manifest) = project();
    let id = put(&project, &manifest);
    tell(&project, &id, |entry| {
        entry["seconds"] = json!(1e308);
        entry["threads"] = json!(u64::MAX);
        entry["started"] = json!("9".repeat(100_000));
        entry["counts"] = json!({ "ran": u64::MAX, "cached": u64::MAX, "x": 1 });
        entry["stages"][0]["seconds"] = json!(-1e308);
        entry["stages"][0]["outputs"]["y"]["bytes"] = json!(u64::MAX);
        entry["stages"][0]["outputs"]["y"]["rows"] = json!(u64::MAX);
    });
    for arguments in [
        &["log"][..],
        &["log", "--json"],
        &["show", &id],
        &["show", &id, "--json"],
        &["status"],
        &["plan"],
    ] {
        inner(&project, arguments).expect(0);
    }
    let history = project.path("a/b/project/artifacts/history/99999999999999999999-2.json");
    for text in
        ["[".repeat(1_000_000), "{\"a\":".repeat(1_000_000), "\"".to_string(), "\0".repeat(1000)]
    {
        fs::write(&history, &text).unwrap();
        project.write("a/b/project/artifacts/state/small.json", &text);
        project.write("a/b/project/artifacts/memo.json", &text);
        project.write("a/b/project/artifacts/tags/odd", &text);
        let deep = RunId::of(text.as_bytes()).to_hex();
        project.write(&format!("a/b/project/artifacts/runs/{deep}.json"), &text);
        inner(&project, &["log"]).expect(0);
        inner(&project, &["status"]).expect(0);
        inner(&project, &["show", &deep]).expect(5);
        inner(&project, &["reproduce", &deep]).expect(5);
        inner(&project, &["run"]).expect(0);
    }
}

#[test]
fn names_that_people_type_lead_nowhere_else_either() {
    let (project, _) = project();
    let before = outside(&project);
    for name in [
        "../../../evil",
        "/tmp/evil",
        "",
        ".",
        "..",
        "latest~99999999999999999999",
        "latest~-1",
        "a\nb",
        "\u{202e}x",
    ] {
        assert_eq!(inner(&project, &["tag", "latest", name]).code, 2, "{name:?}");
        assert_eq!(inner(&project, &["show", name]).code, 2, "{name:?}");
        assert_eq!(inner(&project, &["cat", name]).code, 2, "{name:?}");
        assert_eq!(inner(&project, &["run", "--target", name]).code, 2, "{name:?}");
    }
    assert_eq!(outside(&project), before);
}
