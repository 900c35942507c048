//! `export`: the file is what XGBoost reads, and gives this program's probabilities by XGBoost's rules. Real XGBoost is
//! asked by `tests/oracle/xgboost_export.py`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::project::Project;

const PIPELINE: &str = "\
pipeline: small
stages:
  customers: { uses: ingest.csv, with: { path: data/raw/customers.csv, id: id } }
  several:
    uses: classify.xgboost
    inputs: { table: customers }
    with: { target: kind, drop: [good], rounds: 6, categorical: { encode: onehot, min_frequency: 0.05 } }
  two:
    uses: classify.xgboost
    inputs: { table: customers }
    with: { target: good, drop: [kind], rounds: 6, subsample: 0.8, class_weight: balanced }
  forest: { uses: classify.forest, inputs: { table: customers }, with: { target: good, trees: 3 } }
";

/// Noisy rows of four kinds with missing values, near-equal numbers and a rare level.
fn customers(n_rows: usize) -> String {
    let mut text = "id,income,visits,color,kind,good\n".to_string();
    let mut state = 7_u64;
    let mut below = |n: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    for i in 0..n_rows {
        let kind = below(4);
        let income = match below(8) {
            0 => String::new(),
            _ => format!("{}", 16_777_216.0 + kind as f64 * 0.75 + below(9) as f64 / 3.0),
        };
        let visits = kind * 3 + below(7);
        let color = match below(40) {
            0 => "rare",
            n => ["red", "green", "blue"][(n % 3) as usize],
        };
        let good = (kind + below(3)) % 4 > 1;
        text.push_str(&format!("c{i:04},{income},{visits},{color},k{kind},{good}\n"));
    }
    text
}

fn project() -> Project {
    let project = Project::empty(PIPELINE);
    project.write("data/raw/customers.csv", customers(400));
    project.run();
    project
}

fn list<'a>(of: &'a Value, name: &str) -> &'a Vec<Value> {
    of[name].as_array().unwrap_or_else(|| panic!("no list `{name}`"))
}

fn read(project: &Project, file: &str) -> Value {
    serde_json::from_slice(&std::fs::read(project.path(file)).unwrap()).unwrap()
}

/// The score that a tree adds, by XGBoost's rules: single precision, below the condition goes left, missing by default.
fn walk(tree: &Value, row: &[Option<f64>]) -> f32 {
    let mut at = 0;
    let number = |name: &str, at: usize| list(tree, name)[at].as_f64().unwrap();
    while number("left_children", at) >= 0.0 {
        let left = match row[number("split_indices", at) as usize] {
            None => number("default_left", at) == 1.0,
            Some(value) => (value as f32) < number("split_conditions", at) as f32,
        };
        at = number(if left { "left_children" } else { "right_children" }, at) as usize;
    }
    number("split_conditions", at) as f32
}

fn probabilities(model: &Value, row: &[Option<f64>]) -> Vec<f64> {
    let learner = &model["learner"];
    let trees = &learner["gradient_booster"]["model"];
    let n_class: usize =
        learner["learner_model_param"]["num_class"].as_str().unwrap().parse().unwrap();
    let mut margins = vec![0.0_f32; n_class.max(1)];
    for (tree, info) in list(trees, "trees").iter().zip(list(trees, "tree_info")) {
        margins[info.as_u64().unwrap() as usize] += walk(tree, row);
    }
    if n_class == 0 {
        let p = 1.0 / (1.0 + (-f64::from(margins[0])).exp());
        return vec![1.0 - p, p];
    }
    let exps: Vec<f64> = margins.iter().map(|&m| f64::from(m).exp()).collect();
    let total: f64 = exps.iter().sum();
    exps.iter().map(|e| e / total).collect()
}

#[test]
fn the_model_file_gives_the_same_probabilities_by_xgboosts_rules() {
    let project = project();
    for (stage, objective, n_scores) in
        [("several", "multi:softprob", 4), ("two", "binary:logistic", 1)]
    {
        let args = ["export", "latest", "--format", "xgboost", "--stage", stage, "-o", "m.json"];
        let more = ["--features", "f.json", "--json"];
        let said = project.say(&[&args[..], &more[..]].concat()).expect(0).json();
        let model = read(&project, "m.json");
        let learner = &model["learner"];
        assert_eq!(learner["objective"]["name"], objective);
        assert_eq!(learner["attributes"]["run"], said["run"]);
        let names: Vec<&str> =
            list(learner, "feature_names").iter().filter_map(Value::as_str).collect();
        // XGBoost refuses brackets and `<` in names.
        assert!(names.contains(&"color=red") && !names.iter().any(|n| n.contains(['<', '[', ']'])));
        assert_eq!(names.contains(&"color=(other)"), stage == "several", "{names:?}");
        assert_eq!(list(&said, "features").len(), names.len());

        let forest = &learner["gradient_booster"]["model"];
        let trees = list(forest, "trees");
        assert_eq!(trees.len(), 6 * n_scores);
        assert_eq!(list(forest, "iteration_indptr").len(), 7);
        for tree in trees {
            let n_nodes: usize = tree["tree_param"]["num_nodes"].as_str().unwrap().parse().unwrap();
            for name in [
                "base_weights",
                "default_left",
                "left_children",
                "loss_changes",
                "parents",
                "right_children",
                "split_conditions",
                "split_indices",
                "split_type",
                "sum_hessian",
            ] {
                assert_eq!(list(tree, name).len(), n_nodes, "{name}");
            }
            for (at, left) in list(tree, "left_children").iter().enumerate() {
                if let Some(left) = left.as_u64() {
                    assert_eq!(list(tree, "parents")[left as usize], at);
                    let cover = |at: usize| list(tree, "sum_hessian")[at].as_f64().unwrap();
                    let right = list(tree, "right_children")[at].as_u64().unwrap();
                    // SHAP values of XGBoost count on siblings side by side.
                    assert_eq!(right, left + 1);
                    let children = cover(left as usize) + cover(right as usize);
                    assert!((children - cover(at)).abs() < 1e-4 * cover(at));
                }
            }
        }

        let rows = read(&project, "f.json");
        let by_id: BTreeMap<&str, &Value> =
            rows.as_array().unwrap().iter().map(|r| (r["id"].as_str().unwrap(), r)).collect();
        assert_eq!(by_id.len(), 400);
        project
            .say(&["cat", &format!("{stage}.predictions"), "--rows", "400", "-o", "p.json"])
            .expect(0);
        let asked = read(&project, "p.json");
        assert_eq!(asked.as_array().unwrap().len(), 100);
        for row in asked.as_array().unwrap() {
            let features = by_id[row["id"].as_str().unwrap()];
            let values: Vec<Option<f64>> = names.iter().map(|n| features[n].as_f64()).collect();
            for (class, p) in probabilities(&model, &values).into_iter().enumerate() {
                let ours = row[format!("p_{class}")].as_f64().unwrap();
                assert!((p - ours).abs() < 1e-12, "{stage} {class}: {p} {ours}");
            }
        }
    }
}

#[test]
fn what_cannot_be_exported_is_told() {
    let project = project();
    let said = project.say(&["export", "--format", "xgboost", "-o", "m.json"]).expect(2);
    assert!(said.err.contains("which classifier? name one with --stage"), "{}", said.err);
    let forest = ["export", "latest", "--format", "xgboost", "--stage", "forest"];
    let said = project.say(&forest).expect(2);
    assert!(said.err.contains("only boosted trees"), "{}", said.err);
    assert!(said.err.contains("--stage: several, two"), "{}", said.err);
    assert!(!project.path("m.json").exists());
    let said =
        project.say(&["export", "--format", "xgboost", "--stage", "two", "--json"]).expect(2);
    assert!(said.out.contains("name one with -o"), "{}", said.out);
    let said = project.say(&["export", "--format", "xgboost", "--stage", "two"]).expect(0);
    assert_eq!(said.json()["learner"]["objective"]["name"], "binary:logistic");
}
