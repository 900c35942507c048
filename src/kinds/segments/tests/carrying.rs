//! What comes over from a reference run: names and notes to the segments that are the same by and large, and whether its
//! classifier still holds.

use super::*;

/// The files that a run lends.
fn lent(labels: &Table, outputs: &MemoryOutputs, champion: Option<Input>) -> Vec<Input> {
    let input = |name: &str, table: &Table| memory::input(name, table).unwrap();
    let mut files: Vec<Input> = champion.into_iter().collect();
    files.push(input("reference/labels.parquet", labels));
    for port in ["profile", "summary"] {
        files.push(input(&format!("reference/{port}.parquet"), &outputs.table(port).unwrap()));
    }
    files
}

/// Labels as a clustering writes them, segments chosen by id.
fn clustered(ids: &[String], segment: impl Fn(usize) -> i32) -> Table {
    let segments = (0..ids.len()).map(segment).collect();
    let columns = vec![
        ("id", text_array(ids)),
        ("segment", segment_array(segments)),
        ("confidence", float_array(vec![f64::NAN; ids.len()])),
    ];
    Table::new(Some("id"), columns).unwrap()
}

/// Sixty customers; `spend` tells three groups of twenty apart.
fn customers(prefix: &str) -> (Table, Vec<String>) {
    let ids: Vec<String> = (0..60).map(|i| format!("{prefix}{i}")).collect();
    let spend = (0..60).map(|i| 100.0 * f64::from(i / 20) + f64::from(i % 7)).collect();
    let columns = vec![("id", text_array(&ids)), ("spend", float_array(spend))];
    (Table::new(Some("id"), columns).unwrap(), ids)
}

fn summary(outputs: &MemoryOutputs) -> Table {
    outputs.table("summary").unwrap()
}

fn words(table: &Table, column: &str) -> Vec<Option<String>> {
    let array = table.texts(column).unwrap();
    array.iter().map(|v| v.map(str::to_string)).collect()
}

fn some(texts: &[&str]) -> Vec<Option<String>> {
    texts.iter().map(|text| Some((*text).to_string())).collect()
}

/// A run of the three groups as segments 0, 1, 2 with written names, and what it lends.
fn before() -> (Table, Vec<String>, Vec<Input>) {
    let (table, ids) = customers("c");
    let labels = clustered(&ids, |i| (i / 20) as i32);
    let written =
        json!({ "names": { "0": "Thrifty", "2": "Loyal premium" }, "notes": { "2": "call them" } });
    let outputs = run_on(&arrivals(&table, &labels), &written, 1).unwrap();
    assert_eq!(words(&summary(&outputs), "name_from"), some(&["written", "made", "written"]));
    assert_eq!(words(&summary(&outputs), "note")[2].as_deref(), Some("call them"));
    assert!(summary(&outputs).column("matched_by").unwrap().null_count() == 3);
    let files = lent(&labels, &outputs, None);
    (table, ids, files)
}

fn after(table: &Table, labels: &Table, files: &[Input], written: &Value) -> MemoryOutputs {
    let mut arrivals = arrivals(table, labels);
    arrivals.files = files.to_vec();
    run_on(&arrivals, written, 1).unwrap()
}

#[test]
fn names_follow_the_customers_to_other_numbers() {
    let (table, ids, files) = before();
    // The same groups, numbered the other way round; two customers have moved.
    let labels = clustered(&ids, |i| 2 - (i.saturating_sub(2) / 20) as i32);
    let outputs = after(&table, &labels, &files, &json!({}));
    let found = summary(&outputs);
    let names = words(&found, "name");
    assert_eq!(
        (names[0].as_deref(), names[2].as_deref()),
        (Some("Loyal premium"), Some("Thrifty"))
    );
    assert_eq!(words(&found, "note")[0].as_deref(), Some("call them"));
    assert_eq!(words(&found, "name_from"), some(&["reference"; 3]));
    assert_eq!(words(&found, "matched_by"), some(&["ids"; 3]));
    assert_eq!(found.integers("reference_segment").unwrap(), [Some(2), Some(1), Some(0)]);
    assert_eq!(found.floats("matched_share").unwrap(), [1.0, 18.0 / 20.0, 20.0 / 22.0]);
    assert!(
        outputs.notes[0].contains("by ids (60 of 60 customers were there too): 3 of 3 carry over")
    );
    let page = page(&outputs);
    assert!(page.contains("<section id=\"reference\">") && page.contains("Who moved"));
}

#[test]
fn written_numbers_are_those_of_the_reference() {
    let (table, ids, files) = before();
    let labels = clustered(&ids, |i| 2 - (i / 20) as i32);
    let outputs = after(&table, &labels, &files, &json!({ "names": { "2": "Gold" } }));
    assert_eq!(words(&summary(&outputs), "name")[0].as_deref(), Some("Gold"));
    assert_eq!(words(&summary(&outputs), "name_from")[0].as_deref(), Some("written"));
    let mut arrivals = arrivals(&table, &labels);
    arrivals.files = files;
    let error = run_on(&arrivals, &json!({ "notes": { "7": "x" } }), 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`notes` has segment 7, which is not there; its segments are 0, 1, 2"
    );
}

#[test]
fn a_segment_of_strangers_gets_no_name_and_that_is_said() {
    let (table, ids, files) = before();
    // Segment 2 takes one in three of each old one: none is what it was.
    let labels = clustered(&ids, |i| if i % 3 == 0 { 2 } else { i32::from(i >= 30) });
    let outputs = after(&table, &labels, &files, &json!({}));
    let from = words(&summary(&outputs), "name_from");
    assert_eq!(from[2].as_deref(), Some("made"));
    assert_eq!(from.iter().filter(|f| f.as_deref() == Some("made")).count(), 1, "{from:?}");
    let lost = outputs.notes.iter().find(|note| note.contains("has no counterpart"));
    assert!(lost.is_some_and(|note| note.contains("only 3")), "{:?}", outputs.notes);
}

#[test]
fn other_customers_are_matched_by_profile() {
    let (_, _, files) = before();
    let (table, ids) = customers("new");
    let labels = clustered(&ids, |i| 2 - (i / 20) as i32);
    let outputs = after(&table, &labels, &files, &json!({}));
    let found = summary(&outputs);
    assert_eq!(words(&found, "matched_by"), some(&["profile"; 3]));
    assert_eq!(words(&found, "name")[0].as_deref(), Some("Loyal premium"));
    assert_eq!(found.floats("matched_share").unwrap(), [1.0; 3]);
    assert!(!page(&outputs).contains("Who moved"), "nobody is in both");
}

#[test]
fn noise_has_no_counterpart() {
    let (table, ids, files) = before();
    let labels = clustered(&ids, |i| if i < 20 { -1 } else { (i / 20) as i32 - 1 });
    let found = summary(&after(&table, &labels, &files, &json!({})));
    assert_eq!(found.integers("reference_segment").unwrap(), [Some(1), Some(2), None]);
    assert_eq!(words(&found, "name")[2].as_deref(), Some("noise"));
}

#[test]
fn numbers_of_rows_are_no_ids_of_another_table() {
    let (table, labels) = (values(60), labels_of((0..60).map(|i| i / 20).collect()));
    let outputs = run(&table, &labels);
    let files = lent(&clustered_rows(&labels), &outputs, None);
    let other = labels_of((0..40).map(|i| i / 20).collect());
    let found = summary(&after(&values(40), &other, &files, &json!({})));
    assert_eq!(words(&found, "matched_by"), some(&["profile"; 2]));
    let same = summary(&after(&table, &labels, &files, &json!({})));
    assert_eq!(words(&same, "matched_by"), some(&["ids"; 3]));
}

fn values(n: i32) -> Table {
    let spend = (0..n).map(|i| 100.0 * f64::from(i / 20) + f64::from(i % 7)).collect();
    Table::new(None, vec![("spend", float_array(spend))]).unwrap()
}

#[test]
fn the_old_champion_is_asked_about_the_new_segments() {
    let old = with_champion();
    let table = old.single["table"].table().unwrap();
    let labels = old.single["labels"].table().unwrap();
    let outputs = run_on(&old, &json!({}), 1).unwrap();
    let lendable = clustered_rows(&labels);
    let mut new = old.clone();
    new.files = lent(&lendable, &outputs, Some(old.single["champion"].clone()));
    let outputs = run_on(&new, &json!({}), 1).unwrap();
    let said = outputs.notes.iter().any(|note| {
        note.starts_with("the reference's champion still holds: macro F1 1.0000")
            && note.ends_with("on 300 customers; the new one macro F1 1.0000, accuracy 1.0000")
    });
    assert!(said, "{:?}", outputs.notes);

    // Segments that have nothing to do with the old ones.
    let shuffled = labels_of((0..table.n_rows() as i32).map(|i| i * 7 / 3 % 2).collect());
    let mut other = arrivals(&table, &shuffled);
    let params = memory::canonical(&ClassifyLogistic, &json!({})).unwrap();
    let trained = memory::run(&ClassifyLogistic, &params, &other, &Work::alone(1)).unwrap();
    other
        .single
        .insert("champion".into(), memory::input("m", &trained.table("model").unwrap()).unwrap());
    other.files = new.files;
    let outputs = run_on(&other, &json!({}), 1).unwrap();
    let verdict = outputs.notes.iter().find(|note| note.starts_with("the reference's champion"));
    assert!(verdict.is_some_and(|v| v.contains("macro F1 0.")), "{:?}", outputs.notes);
}

fn clustered_rows(labels: &Table) -> Table {
    let columns = vec![
        ("row", labels.column("row").unwrap().clone()),
        ("segment", labels.column("segment").unwrap().clone()),
        ("confidence", float_array(vec![f64::NAN; labels.n_rows()])),
    ];
    Table::new(Some("row"), columns).unwrap()
}

#[test]
fn what_is_no_segment_report_is_refused() {
    let (table, ids, files) = before();
    let mut arrivals = arrivals(&table, &clustered(&ids, |_| 0));
    arrivals.files = files[..1].to_vec();
    let error = run_on(&arrivals, &json!({}), 1).unwrap_err().to_string();
    assert_eq!(error, "the reference run lends no profile of its segments");
}
