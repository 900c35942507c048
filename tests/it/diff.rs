//! `diff`: two runs side by side, and of them only what differs.

use serde_json::{Value, json};

use crate::project::{PIPELINE, Project, customers};

fn diff(project: &Project, a: &Value, b: &Value) -> (Value, String) {
    let (a, b) = (a["run"].as_str().unwrap(), b["run"].as_str().unwrap());
    let document = project.say(&["diff", a, b, "--json"]).expect(0).json();
    (document, project.say(&["diff", a, b]).expect(0).out)
}

/// Returns how many rows went from one segment to another.
fn moved(segments: &Value) -> u64 {
    let moves = segments["moves"].as_array().unwrap();
    moves.iter().map(|m| m["count"].as_u64().unwrap()).sum()
}

#[test]
fn another_number_of_segments_shows_who_went_where() {
    let project = Project::small();
    let three = project.run();
    project.edit("segments: [2, 8]", "segments: [2, 2]");
    let two = project.run();
    let (document, text) = diff(&project, &three, &two);
    let segments = &document["segments"][0];
    assert_eq!((segments["stage"].as_str(), moved(segments)), (Some("best"), 90));
    let rand = segments["adjusted_rand_index"].as_f64().unwrap();
    assert!((0.2..0.9).contains(&rand), "{rand}");
    assert_eq!((&segments["only_in_a"], &segments["only_in_b"]), (&json!(0), &json!(0)));
    assert!(text.contains("who is in which segment, a down, b across"), "{text}");
    assert!(text.contains("best  require.segments: [2,8] -> [2,2]"), "{text}");
    assert!(text.contains("90 rows in both\n"), "{text}");
    let chosen = &document["metrics"][0];
    assert_eq!((&chosen["stage"], &chosen["about"]), (&json!("best"), &json!("chosen clustering")));
    let values = chosen["values"].as_array().unwrap();
    let k = values.iter().find(|v| v["name"] == "n_segments").unwrap();
    assert_eq!((&k["old"], &k["new"]), (&json!(3), &json!(2)));
}

#[test]
fn other_rows_are_counted_and_the_common_ones_compared() {
    let project = Project::small();
    let few = project.run();
    project.write("data/raw/customers.csv", customers(120));
    let many = project.run();
    let (document, text) = diff(&project, &few, &many);
    let segments = &document["segments"][0];
    assert_eq!((moved(segments), &segments["only_in_b"]), (90, &json!(30)));
    assert_eq!(segments["adjusted_rand_index"], 1.0);
    assert!(text.contains("90 rows in both, 30 only in b"), "{text}");
    assert!(text.contains("data/raw/customers.csv changed"), "{text}");
}

/// Numbers of rows are no names: the same number in another file is somebody else.
#[test]
fn rows_without_an_id_are_compared_only_where_they_can_be() {
    let project = Project::small();
    project.edit("path: data/raw/customers.csv, id: id", "path: data/raw/customers.csv");
    project.edit("drop: [noise]", "drop: [noise, id]");
    let first = project.run();
    project.edit("segments: [2, 8]", "segments: [2, 2]");
    let other_choice = project.run();
    let (document, text) = diff(&project, &first, &other_choice);
    assert_eq!((moved(&document["segments"][0]), &document["notes"]), (90, &json!([])));
    assert!(text.contains("90 rows in both\n"), "{text}");

    let turned: String = {
        let text = customers(90);
        let (head, rows) = text.split_once('\n').unwrap();
        let mut rows: Vec<&str> = rows.lines().collect();
        rows.reverse();
        format!("{head}\n{}\n", rows.join("\n"))
    };
    project.write("data/raw/customers.csv", turned);
    let (document, text) = diff(&project, &other_choice, &project.run());
    assert_eq!(moved(&document["segments"][0]), 90);
    assert!(text.contains("have no id and come from files that differ"), "{text}");

    project.write("data/raw/customers.csv", customers(120));
    let longer = project.run();
    let (document, text) = diff(&project, &other_choice, &longer);
    assert_eq!(document["segments"], json!([]));
    let note =
        "who moved in `best` is not known: its rows have no id, and there are 90 in a and 120 in b";
    assert!(text.contains(note), "{text}");
}

#[test]
fn clusterings_that_nobody_chose_from_are_compared_with_their_noise() {
    let start = PIPELINE.find("  kmeans:").unwrap();
    let dots = "  dots:\n    uses: cluster.dbscan\n    inputs: { matrix: prepare.matrix }\n    \
                with: { eps: 0.5, min_samples: 4 }\n";
    let project = Project::empty(&format!("{}{dots}", &PIPELINE[..start]));
    project.write("data/raw/customers.csv", customers(90));
    let wide = project.run();
    project.edit("eps: 0.5", "eps: 0.01");
    let narrow = project.run();
    let (document, text) = diff(&project, &wide, &narrow);
    let segments = &document["segments"][0];
    assert_eq!((segments["stage"].as_str(), moved(segments)), (Some("dots"), 90));
    let moves = segments["moves"].as_array().unwrap();
    assert!(moves.iter().any(|m| m["to"] == -1), "a narrow eps makes noise: {moves:?}");
    assert!(text.contains("noise"), "{text}");
}

#[test]
fn pipelines_of_other_names_are_named() {
    let project = Project::small();
    let small = project.run();
    let other = PIPELINE.replace("pipeline: small", "pipeline: other").replace("best", "winner");
    project.write("pipelines/other.yaml", other.replace("trees: 5", "trees: 6"));
    let other = project.say(&["run", "other", "--json"]).expect(0).json();
    let (document, text) = diff(&project, &small, &other);
    assert_eq!(document["pipelines"], json!(["small", "other"]));
    assert_eq!(document["stages"]["removed"], json!(["best"]));
    assert_eq!(document["segments"][0]["stage"], "winner");
    let heads: Vec<&str> = text.lines().take(2).collect();
    assert!(heads[0].ends_with("  small") && heads[1].ends_with("  other"), "{text}");
    assert!(text.contains("winner: all 90 rows in the same segments"), "{text}");
}

#[test]
fn what_is_the_same_is_not_shown() {
    let project = Project::small();
    let five = project.run();
    project.edit("trees: 5", "trees: 1");
    let one = project.run();
    let (document, text) = diff(&project, &five, &one);
    assert!(!text.contains("chosen clustering") && !text.contains("logistic"), "{text}");
    assert!(text.contains("best: all 90 rows in the same segments"), "{text}");
    assert!(text.contains("forest  trees: 5 -> 1"), "{text}");
    assert!(!text.contains("small\n"), "{text}");
    let changed = document["artifacts"]["changed"].as_array().unwrap();
    let stages: Vec<_> = changed.iter().map(|c| c["stage"].as_str().unwrap()).collect();
    assert!(stages.contains(&"forest") && !stages.contains(&"kmeans/k=3"), "{stages:?}");
}
