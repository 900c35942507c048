//! The five clusterers run in memory: columns, order, notes, messages. It does not check the mathematics.

use serde_json::{Value, json};

use super::*;
use crate::{
    kinds::{
        cluster_dbscan::ClusterDbscan, cluster_gmm::ClusterGmm, cluster_hdbscan::ClusterHdbscan,
        cluster_hierarchical::ClusterHierarchical, cluster_kmeans::ClusterKMeans,
    },
    stage::{
        ctx::Arrivals,
        kind::Kind,
        memory::{self, MemoryOutputs},
        work::Work,
    },
};

/// Two groups of rows on a line and one row far away, with text ids.
fn groups() -> Table {
    let x = vec![9.0, 0.0, 0.5, 9.5, 1.0, 10.0, 0.25, 400.0];
    let id = text_array(["h", "g", "f", "e", "d", "c", "b", "a"]);
    let y = vec![0.0; 8];
    Table::new(Some("who"), vec![("who", id), ("x", float_array(x)), ("y", float_array(y))])
        .unwrap()
}

fn run_on(
    kind: &dyn Kind,
    params: Value,
    table: &Table,
    work: &Work,
) -> Result<MemoryOutputs, StageError> {
    let params = memory::canonical(kind, &params)?;
    let mut arrivals = Arrivals::default();
    arrivals.single.insert("matrix".to_string(), memory::input("matrix", table)?);
    memory::run(kind, &params, &arrivals, work)
}

fn run(kind: &dyn Kind, params: Value) -> MemoryOutputs {
    run_on(kind, params, &groups(), &Work::alone(1)).unwrap()
}

fn all() -> [(&'static dyn Kind, Value); 8] {
    [
        (&ClusterKMeans, json!({"k": 3})),
        (&ClusterGmm, json!({"k": 2, "covariance": "diag"})),
        (&ClusterGmm, json!({"k": 2, "covariance": "tied"})),
        (&ClusterHierarchical, json!({"k": 3})),
        (&ClusterHierarchical, json!({"k": 2, "linkage": "average"})),
        (&ClusterDbscan, json!({"eps": 1.0, "min_samples": 2})),
        (&ClusterDbscan, json!({"eps": "auto", "min_samples": 2})),
        (&ClusterHdbscan, json!({"min_cluster_size": 3, "min_samples": 2})),
    ]
}

#[test]
fn labels_have_id_segment_and_confidence_and_are_ordered_by_size() {
    for (kind, params) in all() {
        let labels = run(kind, params).table("labels").unwrap();
        assert_eq!(labels.names(), ["who", "segment", "confidence"]);
        assert_eq!(labels.id_name().as_deref(), Some("who"));
        assert_eq!(labels.texts("who").unwrap().value(0), "h");
        let segments = labels.segments().unwrap();
        assert_eq!(order::by_size(&segments, order::n_clusters(&segments))[0], 0);
    }
    let segments = |kind: &dyn Kind, params| run(kind, params).table("labels").unwrap().segments();
    assert_eq!(segments(&ClusterKMeans, json!({"k": 3})).unwrap(), [1, 0, 0, 1, 0, 1, 0, 2]);
    assert_eq!(segments(&ClusterHierarchical, json!({"k": 3})).unwrap(), [1, 0, 0, 1, 0, 1, 0, 2]);
    let dbscan = json!({"eps": 1.0, "min_samples": 2});
    assert_eq!(segments(&ClusterDbscan, dbscan).unwrap(), [1, 0, 0, 1, 0, 1, 0, -1]);
    let hdbscan = run(&ClusterHdbscan, json!({"min_cluster_size": 3, "min_samples": 2}));
    let labels = hdbscan.table("labels").unwrap();
    assert_eq!(labels.segments().unwrap(), [1, 0, 0, 1, 0, 1, 0, -1]);
    assert_eq!(labels.floats("confidence").unwrap(), [1.0, 1.0, 1.0, 1.0, 0.5, 1.0, 1.0, 0.0]);
}

#[test]
fn metrics_are_one_row_of_the_contracts_columns() {
    let names: Vec<&str> =
        ["algorithm", "params"].into_iter().chain(METRIC_COLUMNS.map(|c| c.0)).collect();
    for (kind, params) in all() {
        let metrics = run(kind, params).table("metrics").unwrap();
        assert_eq!(metrics.names(), names, "{}", kind.name());
        assert_eq!(metrics.n_rows(), 1);
        let known = kind.check(&Given::default()).schemas["metrics"].clone();
        assert_eq!(known.fields(), metrics.schema().fields(), "{}", kind.name());
    }
    let outputs = run(&ClusterDbscan, json!({"eps": 1.0, "min_samples": 2}));
    let metrics = outputs.table("metrics").unwrap();
    assert_eq!(
        metrics.texts("params").unwrap().value(0),
        r#"{"eps":1.0,"min_samples":2,"sample":null,"seed":0}"#
    );
    let figure = |name| metrics.floats(name).unwrap()[0];
    assert_eq!(
        (figure("n_rows"), figure("n_segments"), figure("silhouette_rows")),
        (8.0, 2.0, 7.0)
    );
    assert_eq!(
        (figure("noise_share"), figure("min_share"), figure("max_share")),
        (0.125, 0.375, 0.5)
    );
    for name in ["inertia", "log_likelihood", "bic", "aic", "iterations", "converged"] {
        assert_eq!(metrics.column(name).unwrap().null_count(), 1, "{name}");
    }
}

#[test]
fn known_schemas_are_those_that_come_out() {
    let matrix = groups();
    let given = Given {
        inputs: [("matrix".to_string(), Some(matrix.schema()))].into(),
        ..Given::default()
    };
    for (kind, params) in all() {
        let labels = run(kind, params).table("labels").unwrap();
        assert_eq!(kind.check(&given).schemas["labels"], labels.schema(), "{}", kind.name());
    }
}

#[test]
fn models_say_enough_to_assign_and_to_draw() {
    let rows = |outputs: &MemoryOutputs, part: &str| {
        let model = outputs.table("model").unwrap();
        let parts = model.texts("part").unwrap().clone();
        let (values, segments) =
            (model.floats("value").unwrap(), model.integers("segment").unwrap());
        let of_part = (0..model.n_rows()).filter(|&i| parts.value(i) == part);
        of_part.map(|i| (segments[i], values[i])).collect::<Vec<_>>()
    };
    let kmeans = run(&ClusterKMeans, json!({"k": 3}));
    assert_eq!(
        rows(&kmeans, "centroid"),
        [(0, 0.4375), (0, 0.0), (1, 9.5), (1, 0.0), (2, 400.0), (2, 0.0)]
            .map(|(s, v)| (Some(s), v))
    );
    let ward = run(&ClusterHierarchical, json!({"k": 2}));
    assert_eq!(rows(&ward, "centroid").len(), 4);
    assert_eq!(rows(&ward, "size").last(), Some(&(None, 8.0)));
    assert_eq!(rows(&ward, "left").len(), 7);
    let tied = run(&ClusterGmm, json!({"k": 2, "covariance": "tied"}));
    assert_eq!((rows(&tied, "weight").len(), rows(&tied, "mean").len()), (2, 4));
    assert_eq!(rows(&tied, "covariance").len(), 4);
    let full = run(&ClusterGmm, json!({"k": 2}));
    assert_eq!(rows(&full, "covariance").len(), 8);
    let dbscan = run(&ClusterDbscan, json!({"eps": 1.0, "min_samples": 2}));
    assert_eq!(rows(&dbscan, "eps"), [(None, 1.0)]);
    assert_eq!(rows(&dbscan, "core").len(), 14);
    let hdbscan = run(&ClusterHdbscan, json!({"min_cluster_size": 3}));
    assert_eq!(rows(&hdbscan, "min_samples"), [(None, 3.0)], "min_cluster_size unless given");
    assert_eq!((rows(&hdbscan, "birth").len(), rows(&hdbscan, "death").len()), (2, 2));
    assert_eq!((rows(&hdbscan, "core_distance").len(), rows(&hdbscan, "member").len()), (7, 14));
}

/// A chunk of numbers is held at a time: the last, unfinished one must not be forgotten, nor a full one written twice.
#[test]
fn models_of_more_than_a_chunk_are_whole() {
    let n_rows = 35_000;
    let columns =
        vec![("x", float_array(vec![1.0; n_rows])), ("y", float_array(vec![2.0; n_rows]))];
    let table = Table::new(None, columns).unwrap();
    let outputs = run_on(&ClusterDbscan, json!({}), &table, &Work::alone(2)).unwrap();
    let model = outputs.table("model").unwrap();
    assert_eq!((model.n_rows(), outputs.rows["model"]), (70_002, 70_002));
    let (items, values) = (model.integers("item").unwrap(), model.floats("value").unwrap());
    for row in 0..n_rows {
        assert_eq!(items[2 + 2 * row..4 + 2 * row], [Some(row as i64); 2]);
        assert_eq!(values[2 + 2 * row..4 + 2 * row], [1.0, 2.0]);
    }
}

#[test]
fn a_tree_over_micro_clusters_says_so() {
    let x: Vec<f64> = (0..400).map(|i| f64::from(i % 4) * 100.0 + f64::from(i) * 0.01).collect();
    let table = Table::new(None, vec![("x", float_array(x))]).unwrap();
    let run = |params| run_on(&ClusterHierarchical, params, &table, &Work::alone(2)).unwrap();
    let params = |outputs: &MemoryOutputs| {
        outputs.table("metrics").unwrap().texts("params").unwrap().value(0).to_string()
    };
    let exact = run(json!({"k": 4}));
    assert!(exact.notes.is_empty() && !params(&exact).contains("micro_clusters"));
    let mut two_steps = run(json!({"k": 4, "exact_rows": 399, "linkage": "average"}));
    assert!(params(&two_steps).contains(r#""micro_clusters":"#), "{}", params(&two_steps));
    let note = two_steps.notes.remove(0);
    assert!(note.starts_with("two steps: 400 rows in ") && note.contains("exact_rows = 399"));
    let segments = |outputs: &MemoryOutputs| outputs.table("labels").unwrap().segments().unwrap();
    assert_eq!(segments(&two_steps), segments(&exact));
    let model = two_steps.table("model").unwrap();
    let parts = model.texts("part").unwrap();
    let (sizes, values) = (model.integers("item").unwrap(), model.floats("value").unwrap());
    let rows: f64 = (0..model.n_rows())
        .filter(|&i| parts.value(i) == "micro_size" && sizes[i].is_some())
        .map(|i| values[i])
        .sum();
    assert_eq!(rows, 400.0);
}

#[test]
fn threads_change_no_byte() {
    for (kind, params) in all() {
        let bytes = |n| run_on(kind, params.clone(), &groups(), &Work::alone(n)).unwrap().bytes;
        assert!(bytes(1) == bytes(2) && bytes(1) == bytes(7), "{}", kind.name());
    }
}

#[test]
fn a_missing_value_is_named_by_id_and_column() {
    let id = text_array(["a", "b"]);
    let columns = vec![
        ("who", id),
        ("x", float_array(vec![1.0, 2.0])),
        ("income", float_array(vec![1.0, f64::NAN])),
    ];
    let table = Table::new(Some("who"), columns).unwrap();
    for (kind, params) in all() {
        let error = run_on(kind, params, &table, &Work::alone(1)).unwrap_err().to_string();
        assert!(error.contains("`income` has no value for who b (row 1)"), "{error}");
        assert!(error.contains("transform.fit"), "{error}");
    }
}

#[test]
fn notes_tell_of_caps_and_missing_distinct_rows() {
    let twos = Table::new(None, vec![("x", float_array(vec![1.0, 2.0, 1.0, 2.0]))]).unwrap();
    let outputs = run_on(&ClusterKMeans, json!({"k": 3}), &twos, &Work::alone(1)).unwrap();
    assert_eq!(outputs.notes, ["no more segments than distinct rows: 2 instead of 3"]);
    let parted = run_on(&ClusterHierarchical, json!({"k": 3}), &twos, &Work::alone(1)).unwrap();
    assert!(parted.notes[0].starts_with("equal rows are in different segments"));
    let whole = run_on(&ClusterHierarchical, json!({"k": 2}), &twos, &Work::alone(1)).unwrap();
    assert!(whole.notes.is_empty(), "{:?}", whole.notes);
    assert_eq!(outputs.table("labels").unwrap().names()[0], "row");
    let capped = run(&ClusterGmm, json!({"k": 2, "max_iter": 1}));
    assert!(capped.notes[0].contains("max_iter = 1"), "{:?}", capped.notes);
    let converged = capped.table("metrics").unwrap().floats("converged").unwrap();
    assert_eq!(converged, [0.0]);
    let noise = run(&ClusterDbscan, json!({"eps": 0.001}));
    assert_eq!(noise.notes, ["every row is noise; raise `eps` or lower `min_samples`"]);
    assert_eq!(noise.table("labels").unwrap().segments().unwrap(), [-1; 8]);
    let one = run(&ClusterHdbscan, json!({"min_cluster_size": 9}));
    assert!(one.notes[0].contains("allow_single_cluster"), "{:?}", one.notes);
    let auto = run(&ClusterDbscan, json!({"eps": "auto", "min_samples": 2}));
    assert!(auto.notes[0].starts_with("eps = "), "{:?}", auto.notes);
    let sampled = run(&ClusterDbscan, json!({"eps": 1.0, "min_samples": 2, "sample": 7}));
    assert!(sampled.notes[0].starts_with("clustered a random sample of 7 of 8 rows (seed 0)"));
    let whole = run(&ClusterDbscan, json!({"eps": 1.0, "min_samples": 2, "sample": 8}));
    assert!(whole.notes.is_empty(), "{:?}", whole.notes);
}

#[test]
fn k_means_of_a_sample_gives_every_row_the_nearest_centroids_segment() {
    let sampled = run(&ClusterKMeans, json!({"k": 2, "sample": 7}));
    let said = "clustered a random sample of 7 of 8 rows (seed 0); the others have the segment of the nearest centroid";
    assert_eq!(sampled.notes[0], said);
    let differs =
        "the sample does not stand for all rows: the mean squared distance to the own centroid is ";
    assert!(sampled.notes[1].starts_with(differs), "{:?}", sampled.notes);
    let whole = run(&ClusterKMeans, json!({"k": 2, "sample": 8}));
    assert!(whole.notes.is_empty(), "{:?}", whole.notes);
    let inertia = |run: &MemoryOutputs| run.table("metrics").unwrap().floats("inertia").unwrap()[0];
    assert!(inertia(&sampled) >= inertia(&whole));
    assert_eq!(sampled.table("labels").unwrap().n_rows(), 8);
}

/// A silhouette of 10,000 rows of a million looked like one of all: only who compared two columns of the metrics knew.
#[test]
fn a_sampled_silhouette_says_so() {
    let note = |silhouette_rows| {
        let scores = scores::Scores { silhouette_rows, ..scores::Scores::default() };
        sample_note(&[0, 1, -1, 0, 1, 1], &scores)
    };
    assert_eq!((note(Some(5)), note(None)), (None, None));
    let said = "the silhouette is that of a random sample of 3 of 5 rows (seed 0)";
    assert_eq!(note(Some(3)).as_deref(), Some(said));
}

#[test]
fn degenerate_tables_give_results_or_clear_errors() {
    let empty =
        Table::new(Some("id"), vec![("id", text_array([""; 0])), ("x", float_array(vec![]))]);
    let ids_only = Table::new(Some("id"), vec![("id", text_array(["a", "b", "c"]))]);
    let one = Table::new(None, vec![("x", float_array(vec![1.0]))]);
    let constant = Table::new(None, vec![("x", float_array(vec![4.0; 9]))]);
    let words = Table::new(None, vec![("x", text_array(["a", "b", "c"]))]);
    for table in [empty, ids_only, one, constant, words] {
        let table = table.unwrap();
        for (kind, params) in all() {
            match run_on(kind, params, &table, &Work::alone(1)) {
                Ok(outputs) => {
                    let segments = outputs.table("labels").unwrap().segments().unwrap();
                    assert_eq!(segments.len(), table.n_rows());
                }
                Err(error) => assert!(matches!(error, StageError::Data(_)), "{error:?}"),
            }
        }
    }
}

/// A table of the given columns.
fn of_columns(columns: &[(&'static str, Vec<f64>)]) -> Table {
    let ids = (0..columns[0].1.len() as i64).collect();
    let mut all = vec![("who", crate::frame::table::int_array(ids))];
    all.extend(columns.iter().map(|(name, values)| (*name, float_array(values.clone()))));
    Table::new(Some("who"), all).unwrap()
}

/// Clusterers answer degenerate data by labels, or by an error that says how many rows it needs, which column is at
/// fault, or which parameter to change.
#[test]
fn degenerate_data_has_an_answer_or_a_reason() {
    let line = |scale: f64| (0..12).map(|i| f64::from(i * i % 7) * scale).collect::<Vec<f64>>();
    let tables = [
        ("no row", of_columns(&[("x", Vec::new())]), "row"),
        ("one row", of_columns(&[("x", vec![1.0])]), "row"),
        ("two rows", of_columns(&[("x", vec![1.0, 2.0])]), "row"),
        ("constant", of_columns(&[("x", line(1.0)), ("y", vec![4.0; 12])]), ""),
        ("only duplicates", of_columns(&[("x", vec![3.0; 12]), ("y", vec![4.0; 12])]), ""),
        ("collinear", of_columns(&[("x", line(1.0)), ("y", line(-2.0)), ("z", line(0.5))]), ""),
        ("tiny beside usual", of_columns(&[("x", line(1.0)), ("y", line(1e-300))]), ""),
        ("small", of_columns(&[("x", line(1e-130)), ("y", line(1e-131))]), ""),
        ("large", of_columns(&[("x", line(1e130)), ("y", line(1e120))]), ""),
        (
            "tiny",
            of_columns(&[("x", line(1e-301)), ("y", line(1e-300))]),
            "column `y` reaches 4e-300",
        ),
        ("huge", of_columns(&[("x", line(1.0)), ("y", line(1e300))]), "column `y` reaches 4e300"),
        ("infinite", of_columns(&[("x", line(1.0)), ("y", vec![f64::INFINITY; 12])]), "column `y`"),
    ];
    // Those that find no parameter by themselves.
    for (kind, params) in all().into_iter().take(6) {
        for (what, table, fault) in &tables {
            match run_on(kind, params.clone(), table, &Work::alone(1)) {
                Ok(outputs) => {
                    let labels = outputs.table("labels").unwrap().segments().unwrap();
                    assert_eq!(labels.len(), table.n_rows(), "{} on {what}", kind.name());
                    let must_fail = fault.starts_with("column");
                    assert!(!must_fail, "{} takes {what}", kind.name());
                }
                Err(error) => {
                    let said = error.to_string();
                    let is_told = match *fault {
                        "" => ["`eps`", "`k`", "reg_covar"].iter().any(|word| said.contains(word)),
                        fault => said.contains(fault),
                    };
                    assert!(is_told, "{} {params} on {what}: {said}", kind.name());
                }
            }
        }
    }
}
