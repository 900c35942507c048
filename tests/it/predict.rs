//! `predict` on new rows that are not as tidy as those of the run: each gets an answer or an error says where.

use crate::project::{PIPELINE, Project, customers};

/// A project whose source thins out rows with an id that stood before.
fn thinning(rule: &str) -> Project {
    let project =
        Project::empty(&PIPELINE.replace("id: id }", &format!("id: id, duplicates: {rule} }}")));
    project.write("data/raw/customers.csv", format!("{}c0000,11,5,red,1\n", customers(90)));
    project.run();
    project
}

fn answers(project: &Project, new: &str) -> Vec<String> {
    project.write("new.csv", format!("id,income,visits,color\n{new}"));
    let said = project.say(&["predict", "new.csv"]).expect(0);
    said.out.lines().skip(1).map(str::to_string).collect()
}

/// The rule of the run's source was applied to new files too: of two new rows with one id only one came out, and the
/// answers no longer stood beside their rows. Row by row each of them is a question of its own.
#[test]
fn every_row_is_answered_where_the_source_thins_its_own() {
    for rule in ["first", "last"] {
        let project = thinning(rule);
        let rows =
            ["n1,10,5,red", "n2,50,40,green", "n1,90,12,blue", "n1,10,0,red", "n3,50,40,green"];
        let together = answers(&project, &(rows.join("\n") + "\n"));
        let alone: Vec<String> =
            rows.iter().flat_map(|row| answers(&project, &format!("{row}\n"))).collect();
        assert_eq!(together, alone, "{rule}");
        assert_ne!(together[0], together[2]);
        assert!(together[3].starts_with("n1,,"), "`where` leaves it out: {together:?}");
        let notes = project.say(&["predict", "new.csv", "--json"]).expect(0).json();
        assert_eq!(notes["rows"], 1);
    }
    let project = thinning("first");
    answers(&project, "n1,10,5,red\nn1,10,0,red\n");
    let said = project.say(&["predict", "new.csv"]).expect(0);
    assert!(said.err.contains("2 of 2 rows share their id with another"), "{}", said.err);
    assert!(said.err.contains("`where` left out 1 of 2 rows"), "{}", said.err);
}

/// Where rows are added up before they reach the classifier, the rule belongs to what the run learned and holds on.
#[test]
fn rows_that_are_added_up_are_thinned_as_in_the_run() {
    let pipeline = "\
pipeline: small
stages:
  lines:
    uses: ingest.csv
    with: { path: data/raw/lines.csv, id: line, duplicates: first }
  customers:
    uses: features.aggregate
    inputs: { table: lines }
    with: { key: who, columns: { total: { agg: sum, of: amount }, lines: { agg: count } } }
  kind: { uses: features.derive, inputs: { table: customers }, with: { columns: { big: total > 100 } } }
  forest: { uses: classify.forest, inputs: { table: kind }, with: { target: big, trees: 5 } }
";
    let project = Project::empty(pipeline);
    let mut lines = "line,who,amount\n".to_string();
    for i in 0..80 {
        lines.push_str(&format!("l{i},w{},{}\n", i / 2, if i % 4 < 2 { 10 } else { 100 }));
    }
    project.write("data/raw/lines.csv", lines);
    project.run();
    let new = "line,who,amount\na,x,40\na,x,40\na,x,40\nb,y,100\nc,y,100\n";
    project.write("new.csv", new);
    let said = project.say(&["predict", "new.csv"]).expect(0);
    // A stage of the path waited forever for memory that was held for all of the path.
    let memory = ((160 << 20) + new.len() * 8).to_string();
    let within = project.say(&["predict", "new.csv", "--memory", &memory]).expect(0);
    assert_eq!(within.out, said.out);
    let segments: Vec<&str> =
        said.out.lines().skip(1).filter_map(|l| l.split(',').nth(1)).collect();
    assert_eq!(segments, ["0", "1"], "{}", said.out);
}

/// "`id` names column `id`, which is not there" did not say in which file, nor that the file had semicolons.
#[test]
fn a_file_without_the_id_says_why() {
    let project = Project::small();
    project.run();
    for (new, expected) in [
        (
            "ID,income,visits,color\nn1,1,1,red\n",
            "new.csv: id column `id` is not there, did you mean `ID`?",
        ),
        ("id;income;visits;color\nn1;1;1;red\n", "fields apart by `,`, which the first line lacks"),
    ] {
        project.write("new.csv", new);
        let said = project.say(&["predict", "new.csv"]).expect(6);
        assert!(said.err.contains(expected), "{}", said.err);
    }
}

/// Whoever has several pipelines did not hear which of them was asked.
#[test]
fn a_missing_column_says_whose_classifier_needs_it() {
    let project = thinning("first");
    project.write("new.csv", "id,visits,color\nn1,5,red\n");
    let said = project.say(&["predict", "new.csv"]).expect(6);
    for part in
        ["column `income` is missing; the classifier of run ", "(`small`) needs it", "--run"]
    {
        assert!(said.err.contains(part), "{}", said.err);
    }
}

/// The place of a mistake was in the message only; programs had to take it apart.
#[test]
fn mistakes_in_new_rows_have_a_place_for_programs_too() {
    let project = Project::small();
    project.run();
    project.write("new.csv", "id,income,visits,color\nn1,1,1,red\nn2,x,1,red\n");
    let error = project.say(&["predict", "new.csv", "--json"]).expect(6).json()["error"].clone();
    assert!(error["file"].as_str().is_some_and(|file| file.ends_with("new.csv")), "{error}");
    assert_eq!((error["line"].as_u64(), error["column"].as_u64()), (Some(3), Some(4)), "{error}");
    let said = project.say(&["predict", "new.csv", "--memory", "1MiB"]).expect(1);
    assert!(said.err.contains("1.0 MiB (1048576 bytes) allowed"), "{}", said.err);
}
