//! Hand-worked cases, oracles and degenerate data of `select_clustering`. It does not know how the results are stored.

use std::{io::Read, sync::Arc};

use arrow::array::Float64Array;
use serde_json::json;

use super::*;
use crate::{
    frame::table::{float_array, int_array, segment_array},
    ml::{Matrix, cluster::order},
    stage::{
        ctx::{Arrivals, Input},
        memory::{self, MemoryOutputs},
        work::Work,
    },
};

/// A candidate with these figures; the rest of its metrics is null.
fn candidate(name: &str, figures: &[(&str, f64)]) -> Candidate {
    let mut columns: Vec<(&str, ArrayRef)> =
        vec![("algorithm", text_array(["kmeans"])), ("params", text_array(["{}"]))];
    for (column, ty) in METRIC_COLUMNS {
        let value = figures.iter().find(|f| f.0 == column).map(|f| f.1);
        let cell: ArrayRef = Arc::new(Float64Array::from(vec![value]));
        columns.push((column, compute::cast(&cell, &ty).unwrap()));
    }
    let metrics = Table::new(None, columns).unwrap();
    // Each candidate's labels differ, so that a copy can be told from another's.
    let mark = segment_array(vec![name.len() as i32]);
    let labels =
        Table::new(Some("id"), vec![("id", int_array(vec![1])), ("segment", mark)]).unwrap();
    let model = Table::new(None, vec![("part", text_array([name]))]).unwrap();
    let ports = [("metrics", metrics), ("labels", labels), ("model", model)];
    Candidate {
        name: name.to_string(),
        kind: "cluster.kmeans".to_string(),
        params: json!({"k": 3}),
        ports: ports
            .iter()
            .map(|(port, table)| ((*port).to_string(), memory::input(port, table).unwrap()))
            .collect(),
    }
}

fn select(params: Value, candidates: &[Candidate]) -> Result<MemoryOutputs, StageError> {
    let params = memory::canonical(&SelectClustering, &params)?;
    let mut arrivals = Arrivals::default();
    arrivals.candidates.insert("candidates".to_string(), candidates.to_vec());
    memory::run(&SelectClustering, &params, &arrivals, &Work::alone(1))
}

fn texts(table: &Table, column: &str) -> Vec<String> {
    table.texts(column).unwrap().iter().map(|t| t.unwrap().to_string()).collect()
}

#[test]
fn scores_are_weighted_means_of_scaled_ranks() {
    let candidates = [
        candidate("a", &[("n_segments", 4.0), ("silhouette", 0.3), ("davies_bouldin", 0.9)]),
        candidate("b", &[("n_segments", 3.0), ("silhouette", 0.5), ("davies_bouldin", 1.2)]),
        candidate("c", &[("n_segments", 2.0), ("silhouette", 0.9), ("davies_bouldin", 0.1)]),
        candidate("d", &[("n_segments", 5.0), ("davies_bouldin", 0.8)]),
    ];
    let params =
        json!({"rank_by": {"silhouette": 3, "davies_bouldin": 1}, "require": {"segments": [3, 8]}});
    let outputs = select(params, &candidates).unwrap();
    let board = outputs.table("leaderboard").unwrap();
    // Among a, b, d: silhouette ranks 2, 1, 3 (null last) and davies_bouldin 2, 3, 1.
    assert_eq!(texts(&board, "stage"), ["b", "a", "d", "c"]);
    let scores = board.floats("score").unwrap();
    assert_eq!(scores[..3], [0.75, 0.5, 0.25]);
    assert!(scores[3].is_nan());
    assert_eq!(board.integers("rank").unwrap(), [Some(1), Some(2), Some(3), None]);
    assert_eq!(board.floats("eligible").unwrap(), [1.0, 1.0, 1.0, 0.0]);
    assert_eq!(board.floats("chosen").unwrap(), [1.0, 0.0, 0.0, 0.0]);
    let reasons = texts(&board, "reason");
    assert_eq!(
        reasons[0],
        "chosen: best score of 3, 0.750; silhouette 0.5000 (1 of 3), davies_bouldin 1.2000 (3 of 3)"
    );
    assert!(reasons[1].starts_with("score 0.500 against 0.750 of b; "), "{}", reasons[1]);
    assert!(reasons[2].contains("silhouette null (3 of 3)"), "{}", reasons[2]);
    assert_eq!(reasons[3], "not eligible: 2 segments, 3 to 8 required");
}

#[test]
fn the_winners_tables_are_copied_byte_by_byte() {
    let candidates =
        [candidate("a", &[("silhouette", 0.3)]), candidate("bb", &[("silhouette", 0.5)])];
    let outputs = select(json!({}), &candidates).unwrap();
    for port in ["labels", "model"] {
        let mut bytes = Vec::new();
        candidates[1].ports[port].reader().unwrap().read_to_end(&mut bytes).unwrap();
        assert_eq!(outputs.bytes[port], bytes);
        assert_eq!(outputs.rows[port], 1);
    }
}

/// What is copied is an artifact of this stage as well: bytes that went bad must not get a second name that vouches for them.
#[test]
fn a_winner_whose_bytes_are_not_those_of_its_hash_is_not_copied() {
    let mut winner = candidate("a", &[("silhouette", 0.3)]);
    let mut bytes = Vec::new();
    winner.ports["labels"].reader().unwrap().read_to_end(&mut bytes).unwrap();
    // In the magic bytes at the beginning, which a reader of rows never looks at.
    bytes[0] ^= 1;
    let mut damaged = Input::from_bytes("a.labels", bytes);
    damaged.hash = winner.ports["labels"].hash;
    winner.ports.insert("labels".to_string(), damaged);
    let error = select(json!({}), &[winner]).unwrap_err().to_string();
    assert!(error.contains("a.labels") && error.contains("fsck"), "{error}");
}

#[test]
fn ties_go_to_fewer_segments_then_to_the_name() {
    let same = |name: &str, n: f64| candidate(name, &[("n_segments", n), ("silhouette", 0.5)]);
    let candidates = [same("a", 4.0), same("b", 3.0), same("c", 3.0)];
    let board = select(json!({}), &candidates).unwrap().table("leaderboard").unwrap();
    assert_eq!(texts(&board, "stage"), ["b", "c", "a"]);
    let reasons = texts(&board, "reason");
    assert!(reasons[0].contains("equal with c, but comes first by name"), "{}", reasons[0]);
    assert!(reasons[2].contains("equal with b, which has fewer segments"), "{}", reasons[2]);
}

#[test]
fn a_lone_candidate_wins_with_score_one() {
    let board = select(json!({}), &[candidate("a", &[("silhouette", 0.1)])]).unwrap();
    let board = board.table("leaderboard").unwrap();
    assert_eq!(board.floats("score").unwrap(), [1.0]);
    assert!(texts(&board, "reason")[0].starts_with("chosen: the only eligible candidate"));
}

#[test]
fn nobody_eligible_names_every_reason() {
    let candidates = [
        candidate("a/k=2", &[("n_segments", 2.0), ("min_share", 0.011), ("noise_share", 0.0)]),
        candidate("b", &[("n_segments", 4.0), ("min_share", 0.3), ("noise_share", 0.4)]),
        candidate("c", &[("n_segments", 0.0), ("noise_share", 1.0)]),
    ];
    let require = json!({"segments": [3, 8], "min_share": 0.02, "max_noise": 0.1});
    let error = select(json!({ "require": require }), &candidates).unwrap_err().to_string();
    assert_eq!(
        error,
        "no candidate meets the requirements; loosen `require` or offer others:\
         \n  a/k=2: 2 segments, 3 to 8 required; smallest segment 1.10 % of the rows, at least 2.00 % required\
         \n  b: noise 40.00 % of the rows, at most 10.00 % required\
         \n  c: 0 segments, 3 to 8 required; no smallest segment, at least 2.00 % required; \
         noise 100.00 % of the rows, at most 10.00 % required"
    );
    let nobody = select(json!({}), &[]).unwrap_err().to_string();
    assert!(nobody.contains("no candidates"), "{nobody}");
}

#[test]
fn known_columns_come_out_and_mistakes_are_found_early() {
    let board = select(json!({}), &[candidate("a", &[("silhouette", 0.1)])]).unwrap();
    let schema = board.table("leaderboard").unwrap().schema();
    let check = |params: Value| {
        let params = memory::canonical(&SelectClustering, &params).unwrap();
        SelectClustering.check(&Given { params, ..Given::default() })
    };
    assert_eq!(check(json!({})).schemas["leaderboard"].fields(), schema.fields());
    assert_eq!(check(json!({})).problems, []);
    let written = json!({"rank_by": {"silhouete": 1}, "require": {"segments": [8, 3]}});
    let problems = check(written).problems;
    assert_eq!(problems[0].path, ["rank_by", "silhouete"]);
    assert_eq!(problems[0].help, "did you mean `silhouette`?");
    assert_eq!(problems[1].path, ["require", "segments"]);
    assert_eq!(problems.len(), 2);
    assert_eq!(check(json!({"rank_by": {}})).problems.len(), 1);
    assert!(memory::canonical(&SelectClustering, &json!({"rank_by": {"bic": 0}})).is_err());
}

/// Three groups on a line, far apart, thirty rows each.
fn line() -> Vec<f64> {
    (0..90).map(|i| f64::from(i / 30) * 60.0 + f64::from(i % 30) / 10.0).collect()
}

fn matrix_table() -> Table {
    let columns = vec![("id", int_array((0..90).collect())), ("at", float_array(line()))];
    Table::new(Some("id"), columns).unwrap()
}

/// What k-means makes of the line.
fn on_the_line(name: &str, k: usize, ids: std::ops::Range<i64>) -> Candidate {
    let mut made = candidate(name, &[("n_segments", k as f64), ("silhouette", 0.5)]);
    made.params =
        memory::canonical(&crate::kinds::cluster_kmeans::ClusterKMeans, &json!({"k": k})).unwrap();
    let x = Matrix::new(90, 1, line());
    let labels = crate::kinds::cluster_kmeans::labels(&made.params, &x, &Work::alone(1)).unwrap();
    let labels = order::relabel(&labels, &order::by_size(&labels, k));
    let columns = vec![("id", int_array(ids.collect())), ("segment", segment_array(labels))];
    let labels = Table::new(Some("id"), columns).unwrap();
    made.ports.insert("labels".to_string(), memory::input("labels", &labels).unwrap());
    made
}

fn select_stable(params: Value, candidates: &[Candidate]) -> Result<MemoryOutputs, StageError> {
    let params = memory::canonical(&SelectClustering, &params)?;
    let mut arrivals = Arrivals::default();
    arrivals.candidates.insert("candidates".to_string(), candidates.to_vec());
    let matrix = memory::input("matrix", &matrix_table()).unwrap();
    arrivals.single.insert("matrix".to_string(), matrix);
    memory::run(&SelectClustering, &params, &arrivals, &Work::alone(2))
}

#[test]
fn segments_that_come_back_win_by_stability() {
    let candidates = [
        // Where the three groups are cut is left to chance.
        on_the_line("a-eight", 8, 0..90),
        on_the_line("b-three", 3, 0..90),
        candidate("c-none", &[("n_segments", 9.0)]),
    ];
    let params = json!({
        "rank_by": {"stability": 1}, "require": {"segments": [2, 8]}, "stability": {"resamples": 5},
    });
    let outputs = select_stable(params.clone(), &candidates).unwrap();
    let board = outputs.table("leaderboard").unwrap();
    assert_eq!(texts(&board, "stage"), ["b-three", "a-eight", "c-none"]);
    let stability = board.floats("stability").unwrap();
    assert_eq!(stability[0], 1.0);
    assert!(stability[1] < 0.9 && stability[2].is_nan(), "{stability:?}");
    assert_eq!(board.floats("adjusted_rand").unwrap()[0], 1.0);
    assert!(board.floats("least_stable").unwrap()[1] < stability[1]);
    assert_eq!(board.texts("jaccard").unwrap().value(0), "[1.0,1.0,1.0]");
    // The schema that is told beforehand is the one that is written.
    let given = Given {
        params: memory::canonical(&SelectClustering, &params).unwrap(),
        inputs: [("matrix".to_string(), None)].into(),
    };
    let checked = SelectClustering.check(&given);
    assert_eq!(checked.problems, []);
    assert_eq!(checked.schemas["leaderboard"].fields(), board.schema().fields());
}

#[test]
fn stability_needs_the_rows_that_were_clustered() {
    let asked = json!({"stability": {}});
    let error = select_stable(asked, &[on_the_line("moved", 3, 1..91)]).unwrap_err().to_string();
    assert!(
        error.starts_with("stability of candidate `moved`: its labels are of other rows"),
        "{error}"
    );
    // A matrix of the same rows but other columns gave figures of another clustering, and nobody knew.
    let mut other = on_the_line("other", 3, 0..90);
    other.params["k"] = json!(4);
    let error = select_stable(json!({"stability": {}}), &[other]).unwrap_err().to_string();
    assert!(error.contains("`other`: it makes other segments of the input `matrix`"), "{error}");
    let most = on_the_line("most", 80, 0..90);
    let error = select_stable(json!({"stability": {}}), &[most]).unwrap_err().to_string();
    assert!(error.contains("`most`: ") && error.contains("offer fewer segments"), "{error}");
    let check = |params: Value| {
        let params = memory::canonical(&SelectClustering, &params).unwrap();
        SelectClustering.check(&Given { params, ..Given::default() }).problems
    };
    assert_eq!(check(json!({"stability": {}}))[0].path, ["stability"]);
    assert_eq!(check(json!({"rank_by": {"stability": 1}}))[0].path, ["rank_by", "stability"]);
}
