//! Sections that need a matrix, the candidates' models or the classifiers' own artifacts.

use super::*;
use crate::kinds::{cluster_dbscan::ClusterDbscan, cluster_hierarchical::ClusterHierarchical};

/// Three groups of forty in two columns, one far away.
fn groups() -> (Table, Table) {
    let at = |i: usize, column: usize| {
        let centre = [[0.0, 0.0], [10.0, 0.0], [0.0, 30.0]][i / 40][column];
        centre + ((i * 37 + column * 11) % 13) as f64 / 10.0
    };
    let column = |c: usize| float_array((0..120).map(|i| at(i, c)).collect());
    let ids = || text_array((0..120).map(|i| format!("c{i}")));
    let matrix = vec![("id", ids()), ("pc1", column(0)), ("pc2", column(1))];
    let plan = text_array((0..120).map(|i| if i < 40 { "free" } else { "paid" }));
    let table = vec![("id", ids()), ("spend", column(1)), ("visits", column(0)), ("plan", plan)];
    (Table::new(Some("id"), table).unwrap(), Table::new(Some("id"), matrix).unwrap())
}

/// A clustering stage of the matrix.
fn candidate(kind: &dyn Kind, name: &str, matrix: &Table, written: &Value) -> Candidate {
    let mut arrivals = Arrivals::default();
    arrivals.single.insert("matrix".into(), memory::input("matrix", matrix).unwrap());
    let params = memory::canonical(kind, written).unwrap();
    let made = memory::run(kind, &params, &arrivals, &Work::alone(1)).unwrap();
    let input = |port: &str| memory::input(port, &made.table(port).unwrap()).unwrap();
    let ports = ["labels", "model", "metrics"].map(|port| (port.to_string(), input(port)));
    let kind = kind.name().to_string();
    Candidate { name: name.to_string(), kind, params, ports: ports.into() }
}

fn with_candidates() -> Arrivals {
    let (table, matrix) = groups();
    let ward = |k: u8| {
        let written = json!({ "k": k, "linkage": "ward" });
        candidate(&ClusterHierarchical, &format!("ward/k={k}"), &matrix, &written)
    };
    let dbscan = json!({ "eps": 2.0, "min_samples": 4 });
    let dbscan = candidate(&ClusterDbscan, "dots", &matrix, &dbscan);
    let candidates = vec![dbscan, ward(2), ward(3)];
    let labels = candidates[2].ports["labels"].clone();
    let mut arrivals = arrivals(&table, &labels.table().unwrap());
    arrivals.single.insert("labels".into(), labels);
    arrivals.single.insert("matrix".into(), memory::input("matrix", &matrix).unwrap());
    arrivals.candidates.insert("candidates".into(), candidates);
    arrivals
}

fn section<'a>(page: &'a str, id: &str) -> &'a str {
    let start = page.find(&format!("<section id=\"{id}\">")).unwrap_or_else(|| panic!("no {id}"));
    let section = &page[start..];
    &section[..section.find("</section>").unwrap()]
}

#[test]
fn typical_customers_are_the_nearest_to_the_centre() {
    let arrivals = with_candidates();
    let outputs = run_on(&arrivals, &json!({}), 1).unwrap();
    let summary = outputs.table("summary").unwrap();
    let ids = texts(&summary, "exemplars")[0].clone().unwrap();
    // By hand: the mean of the first group in its own matrix, and the three rows nearest to it.
    let (_, matrix) = groups();
    let (x, y) = (matrix.floats("pc1").unwrap(), matrix.floats("pc2").unwrap());
    let mean = |v: &[f64]| v[..40].iter().sum::<f64>() / 40.0;
    let (mx, my) = (mean(&x), mean(&y));
    let mut order: Vec<usize> = (0..40).collect();
    order.sort_by(|&a, &b| (x[a] - mx).hypot(y[a] - my).total_cmp(&(x[b] - mx).hypot(y[b] - my)));
    let expected: Vec<String> = order[..3].iter().map(|i| format!("c{i}")).collect();
    assert_eq!(ids, expected.join(", "));
    let page = page(&outputs);
    assert!(page.contains(&format!("<bdi>{}</bdi>", expected[0])));
}

#[test]
fn redaction_leaves_out_whoever_is_typical() {
    let outputs = run_on(&with_candidates(), &json!({ "redact": true }), 1).unwrap();
    assert_eq!(outputs.table("summary").unwrap().column("exemplars").unwrap().null_count(), 3);
    let page = page(&outputs);
    assert!(!page.contains("<bdi>c") && !page.contains("<section id=\"map\">"));
    // Distances and thresholds are nobody's values.
    for id in ["silhouette", "tree", "density", "rules"] {
        section(&page, id);
    }
    assert!(!page.contains("paid"), "nor do rules tell a level");
}

#[test]
fn the_tree_is_cut_and_coloured_where_it_was_chosen() {
    let whole = page(&run_on(&with_candidates(), &json!({}), 1).unwrap());
    let tree = section(&whole, "tree");
    assert!(tree.contains("The last 30 of 119 merges of ward/k=3 (Ward)"), "{tree}");
    assert!(tree.contains("cuts it into the 3 segments"));
    // 30 merges: a bar each, and two uprights.
    assert_eq!(tree.matches("<path class=\"line ").count(), 90);
    assert_eq!(
        tree.matches("<path class=\"line plain\"").count(),
        3,
        "two bars above the cut, and between"
    );
    for colour in ["s0", "s1", "s2"] {
        assert!(tree.contains(&format!("line {colour}\"")), "{colour}");
    }
    // Without the one that has these labels too.
    let mut other = with_candidates();
    other.candidates.get_mut("candidates").unwrap().truncate(2);
    other.single.insert("labels".into(), other.candidates["candidates"][0].ports["labels"].clone());
    let other = page(&run_on(&other, &json!({}), 1).unwrap());
    let tree = section(&other, "tree");
    assert!(tree.contains("of ward/k=2") && !tree.contains("dashed") && !tree.contains("line s0"));
}

#[test]
fn the_density_plot_shows_the_radius_that_was_taken() {
    let whole = page(&run_on(&with_candidates(), &json!({}), 1).unwrap());
    let density = section(&whole, "density");
    assert!(density.contains("Distance of the customers to the 4th nearest one"), "{density}");
    assert!(density.contains("dots took the radius 2 (dashed): 100% lie"), "{density}");
}

#[test]
fn bands_tell_each_segments_silhouette() {
    let whole = page(&run_on(&with_candidates(), &json!({}), 1).unwrap());
    let bands = section(&whole, "silhouette");
    assert_eq!(bands.matches("<path class=\"band ").count(), 3);
    let arrivals = with_candidates();
    let metrics = arrivals.candidates["candidates"][2].table("metrics").unwrap();
    let silhouette = metrics.floats("silhouette").unwrap()[0];
    assert!(bands.contains(&format!("is {silhouette:.3};")), "{silhouette} {bands}");
}

#[test]
fn rules_are_short_and_say_how_good_they_are() {
    let whole = page(&run_on(&with_candidates(), &json!({}), 1).unwrap());
    let rules = section(&whole, "rules");
    assert!(rules.contains("puts 100% of 120 customers"), "{rules}");
    assert_eq!(rules.matches("<td class=\"n\">100%</td>").count(), 6, "coverage and precision");
    let alone = labels_of(vec![0; 120]);
    let (table, _) = groups();
    let table = Table::new(None, vec![("spend", table.column("spend").unwrap().clone())]).unwrap();
    assert!(
        !page(&run(&table, &alone)).contains("<section id=\"rules\">"),
        "nothing to tell apart"
    );
}

/// A classifier stage as a candidate, and its model as the champion.
fn judged() -> Arrivals {
    let mut arrivals = with_champion();
    let params = memory::canonical(&ClassifyLogistic, &json!({})).unwrap();
    let trained = memory::run(&ClassifyLogistic, &params, &arrivals, &Work::alone(1)).unwrap();
    let ports = ["model", "metrics", "confusion", "importance", "predictions"];
    let input = |port: &str| memory::input(port, &trained.table(port).unwrap()).unwrap();
    let ports = ports.map(|port| (port.to_string(), input(port)));
    let kind = "classify.logistic".to_string();
    let candidate = Candidate { name: "logistic".into(), kind, params, ports: ports.into() };
    arrivals.candidates.insert("classifiers".into(), vec![candidate]);
    arrivals
}

#[test]
fn classifiers_tell_their_own_figures() {
    let arrivals = judged();
    let whole = page(&run_on(&arrivals, &json!({}), 1).unwrap());
    let scores = section(&whole, "classifiers");
    assert!(scores.contains("champion</span>"), "{scores}");
    let candidate = &arrivals.candidates["classifiers"][0];
    let metrics = candidate.table("metrics").unwrap();
    let test = metrics.texts("split").unwrap().iter().position(|s| s == Some("test")).unwrap();
    let accuracy = metrics.floats("value").unwrap()[test];
    assert!(scores.contains(&format!("<td class=\"n\">{accuracy:.4}</td>")), "{scores}");
    let importance = candidate.table("importance").unwrap();
    let first = 100.0 * importance.floats("importance").unwrap()[0];
    assert!(section(&whole, "drivers").contains(&format!("{first:.1} ± ")));
    let answers = section(&whole, "answers");
    let counts = candidate.table("confusion").unwrap().integers("count").unwrap();
    for count in counts.iter().flatten() {
        assert!(answers.contains(&format!(">{count}</td>")), "{count}: {answers}");
    }
    assert!(answers.contains("<h3>Calibration</h3>"));
}

#[test]
fn classifiers_without_the_champion_among_them_leave_it_to_its_model() {
    let mut arrivals = judged();
    let stranger = memory::input("other", &labels_of(vec![0])).unwrap();
    let candidate = &mut arrivals.candidates.get_mut("classifiers").unwrap()[0];
    candidate.ports.insert("model".into(), stranger);
    let whole = page(&run_on(&arrivals, &json!({}), 1).unwrap());
    assert!(!whole.contains("<section id=\"classifiers\">"));
    assert!(section(&whole, "drivers").contains("300 customers"));
}

#[test]
fn threads_do_not_change_the_charts() {
    let arrivals = with_candidates();
    let one = run_on(&arrivals, &json!({}), 1).unwrap().bytes;
    assert!(run_on(&arrivals, &json!({}), 5).unwrap().bytes == one);
}
