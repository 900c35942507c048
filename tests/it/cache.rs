//! What runs again and what does not: never silently stale, never again for nothing.

use crate::project::{PIPELINE, Project, customers, in_state, stage, tamper};

#[test]
fn the_first_run_runs_everything_and_the_second_nothing() {
    let project = Project::small();
    let first = project.run();
    assert_eq!(first["counts"]["ran"], 10);
    assert_eq!(stage(&first, "customers")["reasons"][0]["code"], "never-run");
    assert_eq!(stage(&first, "customers")["outputs"]["table"]["rows"], 90);
    let second = project.run();
    assert_eq!(second["counts"]["cached"], 10);
    assert_eq!(first["run"], second["run"]);
    let labels = stage(&second, "best")["outputs"]["labels"]["path"].as_str().unwrap();
    assert!(project.path(labels).is_file());
    assert!(project.path("artifacts/latest/small/kmeans/k=3/labels.parquet").is_file());
    assert!(project.path("artifacts/schema/pipeline.json").is_file());
}

#[test]
fn what_means_the_same_runs_nothing() {
    let project = Project::small();
    let first = project.run();
    for (what, from, to) in [
        ("a comment", "stages:\n", "# about stages\nstages: # here they come\n"),
        ("a default written out", "{ scale: standard }", "{ scale: standard, impute: mean }"),
        (
            "reordered keys",
            "{ trees: 5, seed: \"${params.seed}\" }",
            "{ seed: \"${params.seed}\", trees: 5 }",
        ),
        ("a description", "  prepare:\n", "  prepare:\n    description: ready for mathematics\n"),
    ] {
        project.edit(from, to);
        let again = project.run();
        assert_eq!(again["counts"]["cached"], 10, "{what}");
        assert_eq!(again["run"], first["run"], "{what}");
    }
    project.write(
        "pipelines/small.yaml",
        PIPELINE.replace("features", "traits").replace("traits.derive", "features.derive"),
    );
    let renamed = project.run();
    assert_eq!(in_state(&renamed, "ran"), Vec::<String>::new(), "a renamed stage");
    project.write("data/raw/renamed.csv", project.read("data/raw/customers.csv"));
    project.edit("data/raw/customers.csv", "data/raw/renamed.csv");
    assert_eq!(project.run()["counts"]["cached"], 10, "a file elsewhere with the same bytes");
}

#[test]
fn a_parameter_runs_its_instance_and_what_it_changes() {
    let project = Project::small();
    project.run();
    project.edit("k_max: 4", "k_max: 5");
    let more = project.run();
    assert_eq!(in_state(&more, "ran"), ["kmeans/k=5", "best"]);
    assert_eq!(stage(&more, "forest")["early_cutoff"], true, "the labels came out the same");
    project.edit("trees: 5", "trees: 6");
    let forest = project.run();
    assert_eq!(in_state(&forest, "ran"), ["forest", "champion"]);
    let reason = &stage(&forest, "forest")["reasons"][0];
    assert_eq!(reason["code"], "param-changed");
    assert_eq!(
        (&reason["name"], &reason["old"], &reason["new"]),
        (&"trees".into(), &5.into(), &6.into())
    );
    project.edit("trees: 6", "trees: 5");
    assert_eq!(
        in_state(&project.run(), "ran"),
        Vec::<String>::new(),
        "the old results are still there"
    );
}

/// A parameter that is removed falls back to its default and must be noticed (as it was not in a peer, whose lock
/// file only compared parameters that were still named).
/// A leaderboard shows its candidates' parameters. One that changed no output of the candidate (a depth that no tree reaches)
/// left the old one in the leaderboard.
#[test]
fn a_leaderboard_shows_the_parameters_of_now() {
    let project = Project::small();
    project.edit("{ trees: 5,", "{ trees: 5, max_depth: 90,");
    project.run();
    project.edit("max_depth: 90", "max_depth: 91");
    let again = project.run();
    assert_eq!(in_state(&again, "ran"), ["forest", "champion"]);
    let reason = &stage(&again, "champion")["reasons"][0];
    assert_eq!(
        (&reason["code"], &reason["name"]),
        (&"input-changed".into(), &"candidates/forest".into())
    );
    let board = project.say(&["cat", "champion.leaderboard", "--json"]).expect(0).json();
    assert!(board.to_string().contains("max_depth\\\":91"), "{board}");
    assert_eq!(project.run()["counts"]["ran"], 0);
}

#[test]
fn a_removed_parameter_is_noticed() {
    let project = Project::small();
    project.run();
    project.edit("{ trees: 5, seed: \"${params.seed}\" }", "{ seed: \"${params.seed}\" }");
    assert_eq!(in_state(&project.run(), "ran"), ["forest", "champion"]);
}

#[test]
fn a_changed_byte_runs_down_to_where_bytes_come_out_the_same() {
    let project = Project::small();
    project.run();
    // `noise` is dropped by `features`: nothing below it may run.
    let text = customers(90).replace("c0000,10,5,red,0\n", "c0000,10,5,red,7\n");
    assert_ne!(text, customers(90));
    project.write("data/raw/customers.csv", &text);
    let survey = project.say(&["status", "--json"]).expect(0).json();
    assert_eq!(stage(&survey, "customers")["state"], "stale");
    assert_eq!(stage(&survey, "features")["state"], "maybe");
    assert!(stage(&survey, "features")["key"].is_null());
    let again = project.run();
    assert_eq!(in_state(&again, "ran"), ["customers", "features"]);
    assert_eq!(stage(&again, "customers")["reasons"][0]["code"], "file-changed");
    assert_eq!(stage(&again, "prepare")["early_cutoff"], true);
    project.write("data/raw/customers.csv", text.replace("c0000,10,", "c0000,11,"));
    assert!(in_state(&project.run(), "ran").contains(&"prepare".to_string()));
}

/// The same size and the old modification time: the change time tells.
#[test]
fn a_changed_file_with_its_old_time_is_noticed() {
    let project = Project::small();
    project.run();
    let path = project.path("data/raw/customers.csv");
    let before = std::fs::metadata(&path).unwrap().modified().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(50));
    project.run();
    project.write("data/raw/customers.csv", customers(90).replace(",red,0\n", ",red,9\n"));
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(before).unwrap();
    assert!(in_state(&project.run(), "ran").contains(&"customers".to_string()));
    std::fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(std::time::SystemTime::now())
        .unwrap();
    assert_eq!(in_state(&project.run(), "ran"), Vec::<String>::new(), "touched, same bytes");
}

#[test]
fn a_damaged_or_missing_output_is_a_miss_and_never_data() {
    let project = Project::small();
    let first = project.run();
    std::fs::remove_file(project.object("prepare/matrix.parquet")).unwrap();
    let rebuilt = project.run();
    assert_eq!(in_state(&rebuilt, "ran"), ["prepare"]);
    assert_eq!(stage(&rebuilt, "prepare")["reasons"][0]["code"], "output-missing");
    tamper(&project.object("best/leaderboard.parquet"), |bytes| bytes[40] ^= 1);
    let rebuilt = project.run();
    assert_eq!(in_state(&rebuilt, "ran"), ["best"]);
    assert_eq!(stage(&rebuilt, "best")["reasons"][0]["code"], "output-corrupt");
    assert_eq!(rebuilt["run"], first["run"]);
}

#[test]
fn targets_force_profiles_and_overrides() {
    let project = Project::small();
    let target = project.say(&["run", "--json", "--target", "kmeans/k=2"]).expect(0).json();
    assert_eq!(in_state(&target, "ran"), ["customers", "features", "prepare", "kmeans/k=2"]);
    project.say(&["show", "latest"]).expect(2);
    let fast = project.say(&["run", "--json", "--profile", "fast"]).expect(0).json();
    assert_eq!(in_state(&fast, "cached").len(), 4);
    assert_eq!(fast["stages"].as_array().unwrap().len(), 8);
    let forced =
        project.say(&["run", "--json", "--profile", "fast", "--force", "prepare"]).expect(0).json();
    assert_eq!(in_state(&forced, "ran"), ["prepare"]);
    assert_eq!(stage(&forced, "prepare")["reasons"][0]["code"], "forced");
    let set = project.say(&["run", "--json", "--set", "k_max=2"]).expect(0).json();
    assert_eq!(set["run"], fast["run"]);
    let plan = project.say(&["plan", "--exit-code"]).expect(10);
    assert!(plan.out.contains("kmeans/k=4"), "{}", plan.out);
    project.say(&["plan", "--exit-code", "--profile", "fast"]).expect(0);
    let dry = project.say(&["run", "--dry-run", "--json"]).expect(0).json();
    assert_eq!(stage(&dry, "kmeans/k=4")["state"], "stale");
    for arguments in [["--target", "kmaens"], ["--set", "sede=1"], ["--profile", "fsat"]] {
        let said = project.say(&["run", arguments[0], arguments[1]]).expect(2);
        assert!(said.err.contains("did you mean"), "{}", said.err);
    }
}

#[test]
fn status_writes_nothing() {
    let project = Project::small();
    project.say(&["status"]).expect(0);
    project.say(&["check"]).expect(0);
    assert!(!project.path("artifacts").exists());
}
