//! Classifiers that learn from a sample of their rows. It does not know how good they are.

use super::*;

fn sampled(name: &str, n: usize) -> Value {
    let mut with = few(name);
    with["sample"] = json!(n);
    with
}

/// Returns the rows whose ids the predictions tell of, and those that were trained on: not to be told from outside. The
/// same run on the rows of the sample alone must come out the same, so they are found by the note and the seed.
fn chosen(n_rows: usize, n: usize) -> Vec<usize> {
    Rng::stream(0, u64::MAX).sample(n_rows, n)
}

#[test]
fn a_sample_is_the_same_as_its_rows_alone() {
    let (table, segments) = customers(400);
    let labels_of_all = labels(&table, &segments);
    let rows = chosen(400, 150);
    let (few_rows, few_labels) = (table.take(&rows).unwrap(), labels_of_all.take(&rows).unwrap());
    for name in KINDS {
        let alone =
            run_kind(name, few(name), &[("table", &few_rows), ("labels", &few_labels)]).unwrap();
        let inputs = [("table", &table), ("labels", &labels_of_all)];
        let found = run_kind(name, sampled(name, 150), &inputs).unwrap();
        assert_eq!(found.bytes, alone.bytes, "{name}");
        assert!(found.notes[0].contains("a random sample of 150 of 400 rows (seed 0)"));
        // Labels in another order are joined on the id.
        let backwards: Vec<usize> = (0..400).rev().collect();
        let turned = labels_of_all.take(&backwards).unwrap();
        let inputs = [("table", &table), ("labels", &turned)];
        assert_eq!(run_kind(name, sampled(name, 150), &inputs).unwrap().bytes, alone.bytes);
        // More than there are rows is all of them.
        let inputs = [("table", &table), ("labels", &labels_of_all)];
        let all = run_kind(name, few(name), &inputs).unwrap();
        assert_eq!(run_kind(name, sampled(name, 400), &inputs).unwrap().bytes, all.bytes);
    }
}

#[test]
fn rows_without_an_id_keep_their_numbers() {
    let (table, segments) = customers(300);
    let names = ["income", "age", "noise"];
    let columns = names.map(|name| (name, table.column(name).unwrap().clone())).to_vec();
    let table = Table::new(None, columns).unwrap();
    let labels = labels(&table, &segments);
    let name = "classify.logistic";
    let mut with = sampled(name, 100);
    with["numeric"] = json!({ "impute": "median" });
    let out = run_kind(name, with, &[("table", &table), ("labels", &labels)]).unwrap();
    let predictions = out.table("predictions").unwrap();
    let rows = chosen(300, 100);
    let actual = predictions.floats("actual").unwrap();
    for (row, actual) in predictions.integers("row").unwrap().into_iter().zip(actual) {
        let row = row.unwrap() as usize;
        assert!(rows.contains(&row));
        assert_eq!(f64::from(segments[row]), actual);
    }
}
