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

/// What a person gets does not depend on how the rows come, nor on how answers go.
#[test]
fn every_format_gives_the_same_answers() {
    let project = Project::small();
    project.run();
    let text = customers(60).replace("c0007,", "c0007é,");
    project.write("new.csv", &text);
    let (first, second) = text.split_at(text.find("c0031").unwrap());
    let header = text.lines().next().unwrap();
    project.write("parts/a.csv", first);
    project.write("parts/b.csv", format!("{header}\n{second}"));
    let plain = project.say(&["predict", "new.csv"]).expect(0);
    assert_eq!(plain.out.lines().count(), 61);
    assert!(plain.out.starts_with("id,segment,p_0,p_1"), "{}", plain.out);
    for output in ["out.csv", "out.parquet", "out.arrow", "out.arrows", "out.json"] {
        project.say(&["predict", "new.csv", "-o", output]).expect(0);
    }
    assert_eq!(project.read("out.csv"), plain.out);
    for same in [
        &["predict", "parts/*.csv"][..],
        &["predict", "parts/a.csv", "parts/b.csv"],
        &["predict", "new.csv", "-j", "1"],
    ] {
        assert_eq!(project.say(same).expect(0).out, plain.out, "{same:?}");
    }
    assert_eq!(project.say_to(&["predict", "-"], text.as_bytes()).expect(0).out, plain.out);
    let json = project.say(&["predict", "new.csv", "--format", "json"]).expect(0);
    assert_eq!(json.out, project.read("out.json"));
    // Files of columns in, made of the answers' own writer: an id, and the columns of the rows.
    let columns = "id,income,visits,color,noise";
    for rows in ["rows.parquet", "rows.arrow", "rows.arrows"] {
        project.say(&["predict", "new.csv", "--columns", columns, "-o", rows]).expect(0);
        assert_eq!(project.say(&["predict", rows]).expect(0).out, plain.out, "{rows}");
    }
    let said = project.say(&["predict", "new.csv", "rows.parquet"]).expect(6);
    assert!(said.err.contains("is text and the other is not"), "{}", said.err);
    project.say(&["predict", "absent*.csv"]).expect(6);
    project.say(&["predict", "-", "new.csv"]).expect(2);
}

#[test]
fn columns_are_chosen() {
    let project = Project::small();
    project.run();
    project.write("new.csv", "id,income,visits,color\nn1,10,5,red\nn2,50,0,green\n");
    let out =
        |words: &[&str]| project.say(&[&["predict", "new.csv"], words].concat()).expect(0).out;
    let short = out(&["--no-proba"]);
    assert_eq!(short.lines().next(), Some("id,segment"));
    assert_eq!(short.lines().nth(2), Some("n2,"), "`where` leaves it out");
    let chosen = out(&["--columns", "income,segment"]);
    assert_eq!(chosen.lines().next(), Some("income,segment"));
    assert_eq!(chosen.lines().nth(2), Some("50,"));
    let said = project.say(&["predict", "new.csv", "--columns", "incom"]).expect(6);
    assert!(
        said.err.contains("no column `incom` to write; did you mean `income`?"),
        "{}",
        said.err
    );
}

/// One bad value ended a night's work.
#[test]
fn rows_that_cannot_be_answered_are_told() {
    let project = Project::small();
    project.run();
    let good = ["n1,10,5,red", "n4,50,40,green", "n6,90,12,blue"];
    let text = format!(
        "id,income,visits,color\n{}\nn2,plenty,5,red\nn3,1\n{}\n,10,5,red\n{}\n",
        good[0], good[1], good[2]
    );
    project.write("new.csv", &text);
    project.write("good.csv", format!("id,income,visits,color\n{}\n", good.join("\n")));
    project.say(&["predict", "new.csv"]).expect(6);
    let alone = project.say(&["predict", "good.csv"]).expect(0).out;
    let words = ["predict", "new.csv", "--rejected", "bad.csv", "--on-error"];
    let skipped = project.say(&[&words[..], &["skip"]].concat()).expect(0);
    assert_eq!(skipped.out, alone);
    assert!(skipped.err.contains("3 rows could not be answered -> "), "{}", skipped.err);
    let kept = project.say(&[&words[..], &["null"]].concat()).expect(0);
    let rows: Vec<&str> = kept.out.lines().map(|l| l.split(",,").next().unwrap()).collect();
    assert_eq!(rows.len(), 6, "a row of another length has no columns to stand in: {rows:?}");
    assert_eq!((rows[2], rows[4]), ("n2", ""));
    let answered: Vec<&str> = kept.out.lines().filter(|line| !line.contains(",,")).collect();
    assert_eq!(answered, alone.lines().collect::<Vec<_>>());
    let bad = project.read("bad.csv").replace(project.root.to_str().unwrap(), "");
    let lines: Vec<&str> = bad.lines().collect();
    assert_eq!(lines[0], "file,line,row,id,reason");
    for expected in [
        "/new.csv,3,1,n2,column `income`: `plenty` is not a number",
        "/new.csv,4,,,\"expected 4 fields, found 2\"",
        "/new.csv,6,3,,the id is missing",
    ] {
        assert!(lines.contains(&expected), "{expected}: {bad}");
    }
    // The same of a file of columns, whose `income` is text.
    project.write("as_text.csv", text.replace("n3,1\n", ""));
    let pipeline = "\
pipeline: as-text
stages:
  rows: { uses: ingest.csv, with: { path: as_text.csv, types: { id: text } } }
";
    project.write("pipelines/as_text.yaml", pipeline);
    project.say(&["run", "as_text"]).expect(0);
    project.say(&["cat", "rows", "--run", "latest", "-o", "rows.parquet"]).expect(0);
    let words = ["predict", "rows.parquet", "--on-error", "skip", "--rejected", "bad.csv"];
    assert_eq!(project.say(&words).expect(0).out, alone);
    let bad = project.read("bad.csv");
    assert!(bad.contains(",,1,n2,column `income`: `plenty` is not of type float"), "{bad}");
}

/// Features that the model cannot take are found row by row, wherever they stand.
#[test]
fn what_the_model_cannot_take_is_found() {
    let pipeline = PIPELINE
        .replace("candidates: [forest, logistic]", "candidates: [logistic]")
        .replace("per_visit: income / nullif(visits, 0)", "per_visit: income / visits");
    let project =
        Project::empty(&pipeline.replace("where: visits > 0", "where: visits is not null"));
    project.write("data/raw/customers.csv", customers(90));
    project.run();
    let rows: Vec<String> = (0..50)
        .map(|i| format!("n{i},10,{},red", if i == 17 || i == 33 { 0 } else { 5 }))
        .collect();
    project.write("new.csv", format!("id,income,visits,color\n{}\n", rows.join("\n")));
    project.say(&["predict", "new.csv"]).expect(1);
    let words = ["predict", "new.csv", "--on-error", "skip", "--rejected", "bad.json"];
    let said = project.say(&words).expect(0);
    assert_eq!(said.out.lines().count(), 49);
    let bad: serde_json::Value = serde_json::from_str(&project.read("bad.json")).unwrap();
    let ids: Vec<&str> =
        bad.as_array().unwrap().iter().map(|r| r["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["n17", "n33"]);
    assert!(bad[0]["reason"].as_str().unwrap().contains("per_visit"), "{bad}");
    let lines: Vec<u64> =
        bad.as_array().unwrap().iter().map(|r| r["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [19, 35]);
}
