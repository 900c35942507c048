//! Budgets of memory: the same bytes whatever is allowed, and a clear word where it is not enough.

use orchestrate::{
    base::{
        memory::Memory,
        pool::{CHUNK_ROWS, Pool},
    },
    frame::{
        Table,
        table::{float_array, int_array, opt_text_array, text_array},
    },
    kinds,
    stage::{
        ctx::{Arrivals, Input},
        error::StageError,
        memory::{self, MemoryOutputs},
        work::{Cancel, Work},
    },
};
use serde_json::{Value, json};

/// Enough for one column at a time, far from enough for all.
const TIGHT: u64 = 200 << 20;

/// Two chunks and a half.
const N_ROWS: usize = CHUNK_ROWS * 5 / 2;

fn customers() -> Table {
    let value = |i: usize, step: usize| (i * step % 9_973) as f64 / 7.0;
    let some = |i: usize, v: f64| if i.is_multiple_of(11) { f64::NAN } else { v };
    let plans = ["free", "plus", "business"];
    let columns = vec![
        ("customer", text_array((0..N_ROWS).map(|i| format!("C{i:07}")))),
        ("income", float_array((0..N_ROWS).map(|i| some(i, value(i, 31))).collect())),
        ("orders", int_array((0..N_ROWS).map(|i| (i * 17 % 101) as i64).collect())),
        (
            "plan",
            opt_text_array((0..N_ROWS).map(|i| (!i.is_multiple_of(13)).then(|| plans[i * 5 % 3]))),
        ),
    ];
    Table::new(Some("customer"), columns).unwrap()
}

fn work(threads: usize, limit: Option<u64>) -> Work {
    let pool = Pool::new(threads).with_memory(Memory::new(limit));
    Work::new(pool, Cancel::new())
}

fn run(
    kind: &str,
    with: &Value,
    arrivals: &Arrivals,
    work: &Work,
) -> Result<MemoryOutputs, StageError> {
    let kind = kinds::find(kind).unwrap();
    let params = memory::canonical(kind, with)?;
    memory::run(kind, &params, arrivals, work)
}

/// Runs a kind with all memory and one thread, and holds other budgets and numbers of threads against it.
fn same(kind: &str, with: &Value, inputs: &[(&str, &Input)]) -> MemoryOutputs {
    let single = inputs.iter().map(|(port, input)| (port.to_string(), (*input).clone())).collect();
    let arrivals = Arrivals { single, ..Arrivals::default() };
    let expected = run(kind, with, &arrivals, &work(1, None)).unwrap();
    for (threads, limit) in [(2, None), (1, Some(TIGHT)), (7, Some(TIGHT))] {
        let found = run(kind, with, &arrivals, &work(threads, limit)).unwrap();
        assert!(found.bytes == expected.bytes, "{kind}, {threads} threads, {limit:?}");
        assert_eq!((&found.rows, &found.notes), (&expected.rows, &expected.notes), "{kind}");
    }
    expected
}

#[test]
fn kinds_that_stream_give_the_same_bytes_for_every_budget() {
    let table = memory::input("customers", &customers()).unwrap();
    let derive =
        json!({ "columns": [["per", "income / nullif(orders, 0)"]], "where": "orders > 1" });
    let derived = same("features.derive", &derive, &[("table", &table)]);
    assert!(derived.rows["table"] > CHUNK_ROWS as u64);
    same("eda.profile", &json!({}), &[("table", &table)]);
    let fit = json!({ "numeric": { "impute": "median", "power": "yeo-johnson" }, "categorical": {},
                      "reduce": { "pca": { "components": 2 } } });
    let fitted = same("transform.fit", &fit, &[("table", &table)]);
    let model = memory::input("model", &fitted.table("model").unwrap()).unwrap();
    let applied = same("transform.apply", &json!({}), &[("table", &table), ("model", &model)]);
    assert!(applied.bytes["matrix"] == fitted.bytes["matrix"]);
    let few = customers().take(&(0..3_000).collect::<Vec<_>>()).unwrap();
    let few = memory::input("few", &few).unwrap();
    let learn = json!({ "target": "plan", "drop": ["customer"], "max_iter": 20 });
    let arrivals = Arrivals { single: [("table".into(), few)].into(), ..Arrivals::default() };
    let classifier = run("classify.logistic", &learn, &arrivals, &work(2, None)).unwrap();
    let model = memory::input("model", &classifier.table("model").unwrap()).unwrap();
    let answers = same("predict.batch", &json!({}), &[("table", &table), ("model", &model)]);
    assert_eq!(answers.rows["predictions"], N_ROWS as u64);
}

/// Rows in three heaps.
fn heaps(n_rows: usize) -> Table {
    let wave = |i: usize, step: usize| (i * step % 9_973) as f64 / 9_973.0;
    let feature = |step, scale: f64| {
        (0..n_rows).map(|i| scale * (i % 3) as f64 + wave(i, step)).collect::<Vec<f64>>()
    };
    let columns = vec![
        ("id", text_array((0..n_rows).map(|i| format!("r{i}")))),
        ("x", float_array(feature(31, 1.5))),
        ("y", float_array(feature(57, -0.8))),
    ];
    Table::new(Some("id"), columns).unwrap()
}

#[test]
fn clusterers_and_classifiers_give_the_same_bytes_for_every_budget() {
    // More than a chunk, and what begins with parts of its rows.
    let long = memory::input("long", &heaps(CHUNK_ROWS + 1_000)).unwrap();
    let short = memory::input("short", &heaps(1_500)).unwrap();
    for (kind, with, matrix) in [
        ("cluster.kmeans", json!({ "k": 3, "n_init": 3 }), &long),
        ("cluster.kmeans", json!({ "k": 4, "sample": 20_000 }), &long),
        ("cluster.gmm", json!({ "k": 3, "max_iter": 5 }), &long),
        ("cluster.dbscan", json!({ "eps": "auto", "sample": 1_000 }), &long),
        ("cluster.dbscan", json!({ "eps": "auto" }), &short),
        ("cluster.hdbscan", json!({}), &short),
        ("cluster.hierarchical", json!({ "k": 3 }), &short),
        ("cluster.hierarchical", json!({ "k": 3, "linkage": "average" }), &short),
    ] {
        let found = same(kind, &with, &[("matrix", matrix)]);
        assert!(found.table("labels").unwrap().segments().unwrap().contains(&2), "{kind}");
    }
    let found =
        run("cluster.kmeans", &json!({ "k": 3 }), &arrivals("matrix", &long), &work(2, None));
    let labels = memory::input("labels", &found.unwrap().table("labels").unwrap()).unwrap();
    for (kind, with) in [
        ("classify.forest", json!({ "trees": 5, "sample": 3_000, "folds": 3 })),
        ("classify.xgboost", json!({ "rounds": 3 })),
        ("classify.logistic", json!({ "calibrate": "sigmoid" })),
    ] {
        same(kind, &with, &[("table", &long), ("labels", &labels)]);
    }
}

fn arrivals(port: &str, input: &Input) -> Arrivals {
    Arrivals { single: [(port.to_string(), input.clone())].into(), ..Arrivals::default() }
}

#[test]
fn ingest_gives_the_same_bytes_for_every_budget() {
    let text: String = (0..N_ROWS)
        .map(|i| format!("C{i},{}.5,2024-01-{:02},w{}\n", i % 977, 1 + i % 28, i % 41))
        .collect();
    let files = vec![Input::from_bytes("f.csv", format!("id,x,d,w\n{text}"))];
    let arrivals = Arrivals { files, ..Arrivals::default() };
    let with = json!({ "path": "f.csv", "id": "id" });
    let expected = run("ingest.csv", &with, &arrivals, &work(1, None)).unwrap();
    assert_eq!(expected.rows["table"], N_ROWS as u64);
    let found = run("ingest.csv", &with, &arrivals, &work(7, Some(TIGHT))).unwrap();
    assert!(found.bytes == expected.bytes);
}

/// Columnar files were read whole whatever the budget was.
#[test]
fn columnar_files_are_read_within_the_budget_or_not_at_all() {
    let files = vec![memory::input("f.parquet", &customers()).unwrap()];
    let size = files[0].n_bytes().unwrap();
    let arrivals = Arrivals { files, ..Arrivals::default() };
    let ingest = |with: &Value, limit| run("ingest.parquet", with, &arrivals, &work(2, limit));
    let all = json!({ "path": "f.parquet" });
    let expected = ingest(&all, None).unwrap();
    assert_eq!(expected.rows["table"], N_ROWS as u64);
    let found = ingest(&all, Some(TIGHT)).unwrap();
    assert!(found.bytes == expected.bytes);
    let room_for_a_number = (160 << 20) + size + N_ROWS as u64 * 8 * 2;
    let text = ingest(&all, Some(room_for_a_number)).unwrap_err().to_string();
    assert!(text.contains("the files and their rows in memory"), "{text}");
    let one = json!({ "path": "f.parquet", "columns": ["orders"] });
    assert!(ingest(&one, Some(room_for_a_number)).is_ok());
}

#[test]
fn what_needs_its_table_in_memory_says_how_much_before_it_reads() {
    let columns: Vec<String> = (0..40).map(|j| format!("x{j}")).collect();
    let values = || float_array((0..N_ROWS).map(|i| i as f64).collect());
    let named = columns.iter().map(|name| (name.as_str(), values())).collect();
    let matrix = memory::input("matrix", &Table::new(None, named).unwrap()).unwrap();
    let arrivals = Arrivals { single: [("matrix".into(), matrix)].into(), ..Arrivals::default() };
    let with = json!({ "k": 2 });
    let error = run("cluster.hierarchical", &with, &arrivals, &work(1, Some(TIGHT))).unwrap_err();
    let text = error.to_string();
    let needed = N_ROWS as u64 * (40 * 8 * 2 + 64) + (160 << 20);
    assert!(text.contains(&format!("({needed} bytes) of memory")), "{text}");
    assert!(text.contains(&format!("({TIGHT} bytes) allowed")), "{text}");
    assert!(text.contains("163840 rows of 40 features") && text.contains("--memory"), "{text}");
    // Only the eighth of the rows that k-means begins with is copied, and where a sample is asked for that.
    let copied = |with: Value| {
        let text = run("cluster.kmeans", &with, &arrivals, &work(1, Some(TIGHT))).unwrap_err();
        let needed = text.to_string().split('(').nth(1).unwrap().split(' ').next().unwrap().parse();
        let needed: u64 = needed.unwrap();
        (needed - (160 << 20) - N_ROWS as u64 * (40 * 8 + 64)) / (40 * 8)
    };
    assert_eq!(copied(json!({ "k": 2 })), N_ROWS as u64 / 8);
    assert_eq!(copied(json!({ "k": 2, "sample": 1_000 })), N_ROWS as u64 / 8 + 1_000);
}

/// A column that a stage does not read was counted, and what it keeps of all columns was not.
#[test]
fn a_stage_counts_what_it_reads_and_keeps() {
    let long = |i: usize| format!("{i:0>200}");
    let names: Vec<String> = (0..8).map(|j| format!("x{j}")).collect();
    let values = || float_array((0..N_ROWS).map(|i| i as f64).collect());
    let mut columns = vec![("customer", text_array((0..N_ROWS).map(long)))];
    columns.extend(names.iter().map(|name| (name.as_str(), values())));
    let table = memory::input("table", &Table::new(Some("customer"), columns).unwrap()).unwrap();
    let arrivals = Arrivals { single: [("table".into(), table)].into(), ..Arrivals::default() };
    let tight = |kind: &str, limit| run(kind, &json!({}), &arrivals, &work(1, Some(limit)));
    assert!(tight("transform.fit", TIGHT).is_ok());
    let text = tight("eda.profile", TIGHT).unwrap_err().to_string();
    assert!(text.contains("column `customer` in order, the largest"), "{text}");
    let numbers = N_ROWS as u64 * 36 * 8;
    let largest = N_ROWS as u64 * (16 + 200) * 4;
    let needed = numbers + largest + (160 << 20);
    assert!(tight("eda.profile", needed).is_err());
    assert!(tight("eda.profile", needed * 2).is_ok());
}
