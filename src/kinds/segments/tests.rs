//! `segments.profile` against pandas, its words, its optional inputs, and hostile and degenerate tables.

mod carrying;
mod sections;

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, BooleanArray, Date32Array},
    datatypes::DataType,
};
use serde_json::{Value, json};

use crate::{
    base::hash::ContentHash,
    frame::{
        Table,
        table::{float_array, int_array, opt_text_array, segment_array, text_array},
    },
    kinds::{classify_logistic::ClassifyLogistic, segments_profile::SegmentsProfile},
    stage::{
        ctx::{Arrivals, Candidate, Input},
        error::StageError,
        kind::{Given, Kind},
        memory::{self, MemoryOutputs},
        work::Work,
    },
};

fn arrivals(table: &Table, labels: &Table) -> Arrivals {
    let mut arrivals = Arrivals::default();
    for (port, table) in [("table", table), ("labels", labels)] {
        arrivals.single.insert(port.to_string(), memory::input(port, table).unwrap());
    }
    arrivals
}

fn run_on(
    arrivals: &Arrivals,
    written: &Value,
    n_threads: usize,
) -> Result<MemoryOutputs, StageError> {
    let params = memory::canonical(&SegmentsProfile, written)?;
    memory::run(&SegmentsProfile, &params, arrivals, &Work::alone(n_threads))
}

fn run(table: &Table, labels: &Table) -> MemoryOutputs {
    run_on(&arrivals(table, labels), &json!({}), 1).unwrap()
}

fn page(outputs: &MemoryOutputs) -> String {
    String::from_utf8(outputs.bytes["report"].clone()).unwrap()
}

fn texts(table: &Table, column: &str) -> Vec<Option<String>> {
    table.texts(column).unwrap().iter().map(|v| v.map(str::to_string)).collect()
}

fn labels_of(segments: Vec<i32>) -> Table {
    let ids = (0..segments.len() as i64).collect();
    let columns = vec![("row", int_array(ids)), ("segment", segment_array(segments))];
    Table::new(Some("row"), columns).unwrap()
}

/// Six customers in two segments; segment 1 spends three times the average.
fn small() -> (Table, Table) {
    let seen: ArrayRef =
        Arc::new(Date32Array::from(vec![19_000, 19_000, 19_000, 19_000, 19_600, 19_600]));
    let member = BooleanArray::from(vec![false, false, false, false, true, true]);
    let columns = vec![
        ("id", text_array(["a", "b", "c", "d", "e", "f"])),
        ("spend", float_array(vec![10.0, 20.0, 30.0, 20.0, 150.0, 130.0])),
        ("channel", text_array(["web", "web", "store", "web", "app", "app"])),
        ("seen", seen),
        ("member", Arc::new(member) as ArrayRef),
    ];
    let table = Table::new(Some("id"), columns).unwrap();
    let labels = vec![
        ("id", text_array(["f", "e", "d", "c", "b", "a"])),
        ("segment", segment_array(vec![1, 1, 0, 0, 0, 0])),
        ("confidence", float_array(vec![f64::NAN; 6])),
    ];
    (table, Table::new(Some("id"), labels).unwrap())
}

#[test]
fn hand_worked() {
    let (table, labels) = small();
    let outputs = run(&table, &labels);
    let profile = outputs.table("profile").unwrap();
    let (columns, levels) = (texts(&profile, "column"), texts(&profile, "level"));
    let segments = profile.integers("segment").unwrap();
    let row = |segment: i64, column: &str, level: Option<&str>| {
        (0..profile.n_rows())
            .find(|&r| {
                segments[r] == Some(segment)
                    && columns[r].as_deref() == Some(column)
                    && levels[r].as_deref() == level
            })
            .unwrap()
    };
    let figure = |name: &str, row: usize| profile.floats(name).unwrap()[row];
    let spend = row(1, "spend", None);
    assert_eq!((figure("mean", spend), figure("median", spend)), (140.0, 140.0));
    assert_eq!(figure("relative_importance", spend), 140.0 / 60.0 - 1.0);
    let app = row(1, "channel", Some("app"));
    assert_eq!((figure("share", app), figure("lift", app)), (1.0, 3.0));
    let web = row(1, "channel", Some("web"));
    assert_eq!((figure("share", web), figure("lift", web)), (0.0, 0.0));
    let seen = row(1, "seen", None);
    assert_eq!(figure("mean", seen), 19_600.0);
    assert!(figure("relative_importance", seen).is_nan(), "dates have no natural zero");
    assert_eq!(figure("share", row(1, "member", Some("true"))), 1.0);

    let summary = outputs.table("summary").unwrap();
    assert_eq!(summary.integers("size").unwrap(), [Some(4), Some(2)]);
    assert_eq!(summary.column("segment").unwrap().data_type(), &DataType::Int32);
    let traits = texts(&summary, "traits")[1].clone().unwrap();
    assert!(traits.contains("channel=app lift 3.0 (100% vs 33%)"), "{traits}");
}

#[test]
fn numbers_are_put_into_words() {
    let n = 300;
    let values = |low: f64, high: f64| {
        float_array((0..n).map(|i| if i < 200 { low } else { high } + (i % 7) as f64).collect())
    };
    let table = Table::new(
        None,
        vec![
            ("monetary", values(20.0, 200.0)),
            ("recency_days", values(90.0, 8.0)),
            ("balance", values(-50.0, 40.0)),
        ],
    )
    .unwrap();
    let labels = labels_of((0..n).map(|i| i32::from(i >= 200)).collect());
    let summary = run(&table, &labels).table("summary").unwrap();
    let (traits, names) = (texts(&summary, "traits"), texts(&summary, "name"));
    let traits = traits[1].clone().unwrap();
    for words in ["monetary 2.4x average", "recency_days low (", "balance high (43.03 vs −17.01)"]
    {
        assert!(traits.contains(words), "{words} in {traits}");
    }
    assert_eq!(traits.split("; ").count(), 3);
    assert_ne!(names[0], names[1]);
}

#[test]
fn figures_agree_with_pandas() {
    let oracle: Value =
        serde_json::from_str(include_str!("../../../tests/oracle/eda.json")).unwrap();
    let floats = |name: &str| {
        let values = oracle["table"][name].as_array().unwrap().iter();
        float_array(values.map(|v| v.as_f64().unwrap_or(f64::NAN)).collect())
    };
    let text = |name: &str| {
        opt_text_array(oracle["table"][name].as_array().unwrap().iter().map(Value::as_str))
    };
    let mut columns: Vec<(&str, ArrayRef)> = Vec::new();
    columns.extend(["normal", "spend", "visits", "tiny"].map(|name| (name, floats(name))));
    columns.extend(["plan", "channel"].map(|name| (name, text(name))));
    let table = Table::new(None, columns).unwrap();
    let segments = oracle["segments"]["labels"].as_array().unwrap().iter();
    let labels = labels_of(segments.map(|v| v.as_i64().unwrap() as i32).collect());
    let profile = run(&table, &labels).table("profile").unwrap();
    let (of_column, of_level) = (texts(&profile, "column"), texts(&profile, "level"));
    let of_segment = profile.integers("segment").unwrap();
    let counts = profile.integers("count").unwrap();
    let expected = oracle["segments"]["profile"].as_array().unwrap();
    assert_eq!(profile.n_rows(), expected.len());
    for row in expected {
        let at = (0..profile.n_rows())
            .find(|&r| {
                row[0] == json!(of_segment[r])
                    && row[1] == json!(of_column[r])
                    && row[2] == json!(of_level[r])
            })
            .unwrap_or_else(|| panic!("{row} is missing"));
        assert_eq!(counts[at], row[3].as_i64(), "{row}");
        let names: &[&str] = match row[2] {
            Value::Null => &["mean", "median", "std", "z", "relative_importance"],
            _ => &["share", "lift"],
        };
        for (name, figure) in names.iter().zip(row[4].as_array().unwrap()) {
            let (found, figure) = (profile.floats(name).unwrap()[at], figure.as_f64().unwrap());
            // z and relative importance are differences of near numbers: absolute there.
            assert!((found - figure).abs() <= 1e-9 * figure.abs() + 1e-15, "{row} {name}: {found}");
        }
    }
}

#[test]
fn names_may_be_given() {
    let (table, labels) = small();
    let arrivals = arrivals(&table, &labels);
    let outputs = run_on(&arrivals, &json!({ "names": { "1": "Loyal premium" } }), 1).unwrap();
    assert_eq!(
        texts(&outputs.table("summary").unwrap(), "name")[1].as_deref(),
        Some("Loyal premium")
    );
    assert!(page(&outputs).contains("Loyal premium"));
    let error = run_on(&arrivals, &json!({ "names": { "7": "x" } }), 1).unwrap_err();
    assert_eq!(error.to_string(), "`names` has segment 7, which is not there; segments are 0, 1");
    let params = memory::canonical(&SegmentsProfile, &json!({ "names": { "one": "x" } })).unwrap();
    let problems = SegmentsProfile.check(&Given { params, ..Given::default() }).problems;
    assert_eq!(problems[0].path, ["names", "one"]);
}

#[test]
fn unmatched_ids_are_errors() {
    let (table, labels) = small();
    let fewer = labels.take(&[0, 1, 2]).unwrap();
    let error = run_on(&arrivals(&table, &fewer), &json!({}), 1).unwrap_err().to_string();
    assert_eq!(
        error,
        "id `a` is in `table` and not in `labels`; both must come from the same rows"
    );
    let bare =
        Table::new(Some("id"), vec![("id", text_array(["a", "b", "c", "d", "e", "f"]))]).unwrap();
    let error = run_on(&arrivals(&table, &bare), &json!({}), 1).unwrap_err().to_string();
    assert!(error.contains("input `labels`: there is no column `segment`"), "{error}");
}

/// A table with one connected input of each optional kind.
fn full() -> Arrivals {
    let n = 400;
    let wave = |k: usize| float_array((0..n).map(|i| ((i * k) % 101) as f64).collect());
    let table = Table::new(None, vec![("a", wave(7)), ("b", wave(11))]).unwrap();
    let labels = labels_of((0..n as i32).map(|i| i % 3).collect());
    let mut arrivals = arrivals(&table, &labels);
    let ids = int_array((0..n as i64).collect());
    let matrix = vec![("row", ids), ("pc1", wave(13)), ("pc2", wave(17))];
    let matrix = Table::new(Some("row"), matrix).unwrap();
    arrivals.single.insert("matrix".to_string(), memory::input("m", &matrix).unwrap());
    let flags = |values: [bool; 2]| Arc::new(BooleanArray::from(values.to_vec())) as ArrayRef;
    let leaderboard = vec![
        ("stage", text_array(["kmeans/k=2", "kmeans/k=3"])),
        ("silhouette", float_array(vec![0.1, 0.4])),
        ("rank", int_array(vec![2, 1])),
        ("chosen", flags([false, true])),
        ("eligible", flags([true, true])),
        ("reason", text_array(["lost by a <lot>", "won"])),
    ];
    let leaderboard = Table::new(None, leaderboard).unwrap();
    arrivals.single.insert("leaderboard".to_string(), memory::input("l", &leaderboard).unwrap());
    let candidate = |k: i64| {
        let figures = vec![
            ("n_segments", int_array(vec![k])),
            ("silhouette", float_array(vec![0.1 * k as f64])),
            ("davies_bouldin", float_array(vec![f64::NAN])),
        ];
        let metrics = memory::input("metrics", &Table::new(None, figures).unwrap()).unwrap();
        Candidate {
            name: format!("kmeans/k={k}"),
            kind: "cluster.kmeans".to_string(),
            params: json!({ "k": k }),
            ports: [("metrics".to_string(), metrics)].into(),
        }
    };
    arrivals.candidates.insert("candidates".to_string(), vec![candidate(2), candidate(3)]);
    arrivals
}

#[test]
fn sections_come_with_their_inputs() {
    let arrivals = full();
    let whole = page(&run_on(&arrivals, &json!({}), 1).unwrap());
    for section in ["map", "leaderboard", "sweep", "snake", "differences"] {
        assert!(whole.contains(&format!("<section id=\"{section}\">")), "{section}");
    }
    assert!(whole.contains("lost by a &lt;lot&gt;"));
    assert!(whole.find("kmeans/k=3") < whole.find("kmeans/k=2"), "by rank");
    assert!(!whole.contains("Davies-Bouldin (lower"), "nothing to draw");
    assert!(whole.matches("<circle class=\"s0\"").count() > 100);
    let redacted = page(&run_on(&arrivals, &json!({ "redact": true }), 1).unwrap());
    assert!(!redacted.contains("<section id=\"map\">"));
    let mut bare = arrivals.clone();
    bare.candidates.clear();
    bare.single.retain(|port, _| port == "table" || port == "labels");
    let bare = page(&run_on(&bare, &json!({}), 1).unwrap());
    for section in ["map", "leaderboard", "sweep"] {
        assert!(!bare.contains(&format!("<section id=\"{section}\">")), "{section}");
    }
}

#[test]
fn threads_do_not_change_a_byte() {
    let arrivals = full();
    let one = run_on(&arrivals, &json!({}), 1).unwrap().bytes;
    for n_threads in [2, 7] {
        assert!(
            run_on(&arrivals, &json!({}), n_threads).unwrap().bytes == one,
            "{n_threads} threads"
        );
    }
}

#[test]
fn schemas_are_told_beforehand() {
    let (table, labels) = small();
    let outputs = run(&table, &labels);
    let checked = SegmentsProfile.check(&Given::default());
    for port in ["profile", "summary"] {
        let found = outputs.table(port).unwrap().schema();
        assert_eq!(found.fields(), checked.schemas[port].fields(), "{port}");
    }
}

#[test]
fn degenerate_tables() {
    let empty =
        Table::new(None, vec![("x", float_array(vec![])), ("t", text_array([""; 0]))]).unwrap();
    let outputs = run(&empty, &labels_of(vec![]));
    assert_eq!(outputs.table("summary").unwrap().n_rows(), 0);

    let one =
        Table::new(None, vec![("x", float_array(vec![5.0])), ("t", text_array(["v"]))]).unwrap();
    let outputs = run(&one, &labels_of(vec![0]));
    assert_eq!(texts(&outputs.table("summary").unwrap(), "name"), [Some("average".to_string())]);

    let noise = run(&one, &labels_of(vec![-1]));
    assert_eq!(texts(&noise.table("summary").unwrap(), "name"), [Some("noise".to_string())]);
    assert!(!page(&noise).contains("NaN"));

    // Nothing in a column, nothing in one segment, a constant, infinities, no column at all.
    let (inf, gap) = (f64::INFINITY, f64::NAN);
    let odd = vec![
        ("none", float_array(vec![gap; 4])),
        ("half", float_array(vec![1.0, 2.0, gap, gap])),
        ("same", float_array(vec![3.0; 4])),
        ("wild", float_array(vec![inf, -inf, f64::MAX, f64::MIN])),
        ("text", opt_text_array([Some("a"), Some("b"), None, None])),
    ];
    let odd = Table::new(None, odd).unwrap();
    let outputs = run(&odd, &labels_of(vec![0, 0, 1, 1]));
    let profile = outputs.table("profile").unwrap();
    let z = profile.floats("z").unwrap();
    assert!(z.iter().all(|z| z.is_nan() || z.is_finite()));
    assert!(!page(&outputs).contains("NaN") && !page(&outputs).contains("inf<"));

    let labels = labels_of(vec![0, 1]);
    let ids = Table::new(Some("row"), vec![("row", int_array(vec![0, 1]))]).unwrap();
    assert_eq!(run(&ids, &labels).table("profile").unwrap().n_rows(), 0);
}

#[test]
fn hostile_text_and_redaction() {
    let hostile = "</style><script>alert(1)</script>";
    let values: Vec<&str> = (0..100).map(|i| if i < 50 { hostile } else { "secret" }).collect();
    let table = Table::new(None, vec![(hostile, text_array(values))]).unwrap();
    let labels = labels_of((0..100).map(|i| i32::from(i < 50)).collect());
    let open = run(&table, &labels);
    assert!(!page(&open).contains("<script") && page(&open).contains("secret"));
    let redacted = run_on(&arrivals(&table, &labels), &json!({ "redact": true }), 1).unwrap();
    for (port, bytes) in &redacted.bytes {
        assert!(!String::from_utf8_lossy(bytes).contains("secret"), "{port}");
    }
    assert_eq!(texts(&redacted.table("profile").unwrap(), "level")[0].as_deref(), Some("level 1"));
    assert_eq!(redacted.table("summary").unwrap().column("name").unwrap().null_count(), 0);
}

#[test]
fn redaction_tells_no_figure_of_a_few() {
    let pay = float_array((0..100).map(|i| if i < 3 { 777.25 } else { f64::from(i) }).collect());
    let table = Table::new(None, vec![("pay", pay)]).unwrap();
    let labels = labels_of((0..100).map(|i| i32::from(i < 3)).collect());
    let outputs = run_on(&arrivals(&table, &labels), &json!({ "redact": true }), 1).unwrap();
    let profile = outputs.table("profile").unwrap();
    assert_eq!(profile.floats("mean").unwrap()[0], 51.0);
    assert!(profile.floats("mean").unwrap()[1].is_nan());
    assert_eq!(profile.integers("count").unwrap(), [Some(97), Some(3)]);
    assert!(!page(&outputs).contains("777") && page(&run(&table, &labels)).contains("777"));
}

#[test]
fn many_levels_become_one() {
    let table =
        Table::new(None, vec![("t", text_array((0..90).map(|i| format!("v{}", i % 45))))]).unwrap();
    let labels = labels_of((0..90).map(|i| i % 2).collect());
    let arrivals = arrivals(&table, &labels);
    let profile =
        run_on(&arrivals, &json!({ "top_levels": 3 }), 1).unwrap().table("profile").unwrap();
    let levels = texts(&profile, "level");
    assert_eq!(profile.n_rows(), 8);
    assert_eq!(levels[3].as_deref(), Some("(other)"));
    let shares = profile.floats("share").unwrap();
    assert!((shares[..4].iter().sum::<f64>() - 1.0).abs() < 1e-12);
}

/// Two segments that `tells` separates and `idle` does not, and a classifier trained on them.
fn with_champion() -> Arrivals {
    let n = 300;
    let tells = (0..n).map(|i| if i % 3 == 0 { 10.0 } else { 0.0 } + (i % 7) as f64).collect();
    let idle = (0..n).map(|i| ((i * 31) % 17) as f64).collect();
    let columns = vec![("tells", float_array(tells)), ("idle", float_array(idle))];
    let table = Table::new(None, columns).unwrap();
    let labels = labels_of((0..n).map(|i| i32::from(i % 3 == 0)).collect());
    let mut arrivals = arrivals(&table, &labels);
    let params = memory::canonical(&ClassifyLogistic, &json!({})).unwrap();
    let trained = memory::run(&ClassifyLogistic, &params, &arrivals, &Work::alone(1)).unwrap();
    let model = memory::input("model", &trained.table("model").unwrap()).unwrap();
    arrivals.single.insert("champion".to_string(), model);
    arrivals
}

#[test]
fn the_champion_tells_what_it_goes_by() {
    let arrivals = with_champion();
    let whole = page(&run_on(&arrivals, &json!({}), 1).unwrap());
    let section = &whole[whole.find("<section id=\"drivers\">").unwrap()..];
    let section = &section[..section.find("</section>").unwrap()];
    assert!(section.contains("puts 100% of 300 customers"), "{section}");
    assert!(
        section.contains("<bdi>tells</bdi>") && !section.contains("<bdi>idle</bdi>"),
        "{section}"
    );
    assert_eq!(whole, page(&run_on(&arrivals, &json!({}), 7).unwrap()));
}

#[test]
fn a_champion_of_other_columns_is_left_out_with_a_note() {
    let mut arrivals = with_champion();
    let table = arrivals.single["table"].table().unwrap();
    let idle = vec![("idle", table.column("idle").unwrap().clone())];
    let table = Table::new(None, idle).unwrap();
    arrivals.single.insert("table".to_string(), memory::input("table", &table).unwrap());
    let outputs = run_on(&arrivals, &json!({}), 1).unwrap();
    assert!(outputs.notes[0].contains("reads column `tells`"), "{:?}", outputs.notes);
    assert!(!page(&outputs).contains("<section id=\"drivers\">"));
}

/// A disk that failed once while the page was made left candidates out of its charts, and the page was kept.
#[test]
fn a_candidate_that_cannot_be_read_fails_the_page() {
    let broken = Input::from_file("kmeans/k=2.metrics", ContentHash::of(b""), || {
        Err(std::io::Error::other("the disk failed"))
    });
    let candidate = Candidate {
        name: "kmeans/k=2".to_string(),
        kind: "cluster.kmeans".to_string(),
        params: json!({ "k": 2 }),
        ports: [("metrics".to_string(), broken)].into(),
    };
    let error = super::selection::sweep(&[candidate], None).unwrap_err().to_string();
    assert!(error.contains("the disk failed"), "{error}");
}
