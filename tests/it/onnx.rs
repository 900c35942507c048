//! `export --format onnx` and `mlflow`: the file is a sound graph of operators, what has none is told, and `--verify` judges what
//! a runtime answers. Real runtimes are asked by `tests/clients/export.py`.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt, path::Path};

use orchestrate::frame::onnx::proto::{Extent, GraphProto, Model, ValueInfo};
use prost::Message;
use serde_json::{Value, json};

use crate::project::{Project, customers};

const PIPELINE: &str = "\
pipeline: ways
stages:
  customers: { uses: ingest.csv, with: { path: data/raw/customers.csv, id: id } }
  features:
    uses: features.derive
    inputs: { table: customers }
    with:
      columns: { per_visit: \"income / nullif(visits, 0)\", small: \"lower(color)\", rich: income > 40 }
      where: visits > 6
  forest:
    uses: classify.forest
    inputs: { table: features }
    with: { target: color, drop: [small, noise], trees: 20, calibrate: isotonic }
  boosted: { uses: classify.xgboost, inputs: { table: features }, with: { target: rich, drop: [small], rounds: 7 } }
  logistic: { uses: classify.logistic, inputs: { table: features }, with: { target: color, drop: [small, rich] } }
  lowered: { uses: classify.logistic, inputs: { table: features }, with: { target: rich } }
  regions: { uses: ingest.csv, with: { path: data/raw/regions.csv, id: color } }
  joined: { uses: features.join, inputs: { left: features, right: regions }, with: { on: color } }
  by_rain: { uses: classify.logistic, inputs: { table: joined }, with: { target: rich, drop: [small] } }
  groups:
    uses: features.aggregate
    inputs: { table: customers }
    with: { key: noise, columns: { n: { agg: count }, most: { agg: max, of: income } } }
  many: { uses: features.derive, inputs: { table: groups }, with: { columns: { much: n > 1 } } }
  grouped: { uses: classify.logistic, inputs: { table: many }, with: { target: much, numeric: { columns: [most] } } }
";

fn project() -> Project {
    let project = Project::empty(PIPELINE);
    project.write("data/raw/customers.csv", customers(150));
    project.write("data/raw/regions.csv", "color,rain\nred,1.5\ngreen,0.25\nblue,7\n");
    project.run();
    project
}

fn export(project: &Project, stage: &str) -> Model {
    let words = ["export", "latest", "--format", "onnx", "--stage", stage, "-o", "m.onnx"];
    project.say(&words).expect(0);
    let bytes = fs::read(project.path("m.onnx")).unwrap();
    project.say(&words).expect(0);
    assert_eq!(fs::read(project.path("m.onnx")).unwrap(), bytes, "the same bytes again");
    Model::decode(bytes.as_slice()).unwrap()
}

fn told<'a>(model: &'a Model, key: &str) -> &'a str {
    &model.metadata_props.iter().find(|entry| entry.key == key).unwrap().value
}

fn names(list: &[ValueInfo]) -> Vec<&str> {
    list.iter().map(|value| value.name.as_str()).collect()
}

/// The type of the elements, and the width of a row.
fn shape(value: &ValueInfo) -> (i32, Option<i64>) {
    let tensor = value.r#type.as_ref().unwrap().tensor_type.as_ref().unwrap();
    let dims = &tensor.shape.as_ref().unwrap().dim;
    assert_eq!(dims[0].value, Some(Extent::Named("rows".to_string())));
    let width = dims.get(1).map(|dim| match dim.value {
        Some(Extent::Fixed(width)) => width,
        _ => panic!("{value:?}"),
    });
    (tensor.elem_type, width)
}

/// Every tensor is there before it is taken, once, and every node of a tree leads on.
fn sound(graph: &GraphProto) {
    let mut known: BTreeSet<&str> = names(&graph.input).into_iter().collect();
    for constant in &graph.initializer {
        assert!(known.insert(&constant.name), "{}", constant.name);
        let size = match constant.data_type {
            1 => 4,
            9 => 1,
            8 => 0,
            _ => 8,
        };
        let n: i64 = constant.dims.iter().product();
        assert_eq!(constant.raw_data.len(), n as usize * size, "{constant:?}");
        assert_eq!(constant.string_data.len(), if size == 0 { n as usize } else { 0 });
    }
    for node in &graph.node {
        assert!(node.input.iter().all(|name| known.contains(name.as_str())), "{node:?}");
        assert!(node.output.iter().all(|name| known.insert(name)), "{node:?}");
        if node.op_type == "TreeEnsemble" {
            let of = |name: &str| node.attribute.iter().find(|a| a.name == name).unwrap();
            let ints = |name: &str| &of(name).ints;
            let n_nodes = ints("nodes_featureids").len() as i64;
            let n_leaves = ints("leaf_targetids").len() as i64;
            for (ids, leaf) in [
                ("nodes_truenodeids", "nodes_trueleafs"),
                ("nodes_falsenodeids", "nodes_falseleafs"),
            ] {
                assert_eq!(ints(ids).len() as i64, n_nodes);
                for (at, (to, leaf)) in ints(ids).iter().zip(ints(leaf)).enumerate() {
                    assert!(if *leaf == 1 {
                        *to < n_leaves
                    } else {
                        *to > at as i64 && *to < n_nodes
                    });
                }
            }
            let splits = of("nodes_splits").t.as_ref().unwrap();
            assert_eq!(splits.dims, [n_nodes]);
            assert!(ints("leaf_targetids").iter().all(|target| *target < of("n_targets").i));
            assert!(ints("tree_roots").iter().all(|root| *root < n_nodes));
        }
    }
    assert!(names(&graph.output).iter().all(|name| known.contains(name)));
}

#[test]
fn a_model_takes_raw_columns_and_gives_label_class_and_probabilities() {
    let project = project();
    for (stage, inputs, n_classes, trees) in [
        ("forest", vec!["income", "visits"], 3, true),
        ("boosted", vec!["income", "visits", "color", "noise"], 2, true),
        ("logistic", vec!["income", "visits", "noise"], 3, false),
    ] {
        let model = export(&project, stage);
        let graph = model.graph.as_ref().unwrap();
        sound(graph);
        assert_eq!(names(&graph.input), inputs, "{stage}");
        for input in &graph.input {
            // Texts are strings, numbers doubles.
            let elem = if input.name == "color" { 8 } else { 11 };
            assert_eq!(shape(input), (elem, Some(1)), "{}", input.name);
        }
        assert_eq!(names(&graph.output), ["label", "class", "probabilities"]);
        let shapes: Vec<_> = graph.output.iter().map(shape).collect();
        assert_eq!(shapes, [(7, None), (8, None), (11, Some(n_classes))]);
        assert_eq!(graph.node.iter().any(|node| node.op_type == "TreeEnsemble"), trees);
        assert_eq!(told(&model, "orchestrate.stage"), stage);
        assert_eq!(told(&model, "orchestrate.run").len(), 64);
        let columns: Value = serde_json::from_str(told(&model, "orchestrate.columns")).unwrap();
        assert_eq!(columns[0], json!({ "name": "income", "kind": "number" }));
        let classes: Value = serde_json::from_str(told(&model, "orchestrate.classes")).unwrap();
        assert_eq!(classes.as_array().unwrap().len() as i64, n_classes);
    }
}

#[test]
fn what_has_no_operators_is_told_with_its_place() {
    let project = project();
    let refused = |stage: &str, wanted: &[&str]| {
        for format in ["onnx", "mlflow"] {
            let words = ["export", "latest", "--format", format, "--stage", stage, "-o", "out"];
            let said = project.say(&words).expect(2);
            assert!(wanted.iter().all(|w| said.err.contains(w)), "{}", said.err);
            assert!(said.err.contains("--format bundle"), "{}", said.err);
            assert!(!project.path("out").exists());
        }
    };
    // The same expression does no harm to classifiers that do not read it.
    refused("lowered", &["stage `features`", "column `small`", "`lower`"]);
    refused("by_rain", &["stage `joined`"]);
    refused("grouped", &["rows meet in stage `groups` (`features.aggregate`)"]);
    let no_file = ["export", "--format", "onnx", "--stage", "forest"];
    assert!(project.say(&no_file).expect(2).err.contains("name it with -o"));
}

#[test]
fn a_folder_for_mlflow_is_whole_and_takes_no_others_place() {
    let project = project();
    let words = ["export", "latest", "--format", "mlflow", "--stage", "boosted", "-o", "model"];
    project.say(&words).expect(0);
    project.say(&words).expect(0);
    let read = |name: &str| fs::read_to_string(project.path(&format!("model/{name}"))).unwrap();
    let head: Value = serde_json::from_str(&read("MLmodel")).unwrap();
    let flavor = &head["flavors"]["python_function"];
    for key in ["code", "data"] {
        assert!(
            project.path(&format!("model/{}", flavor[key].as_str().unwrap())).exists(),
            "{key}"
        );
    }
    let loader = format!("code/{}.py", flavor["loader_module"].as_str().unwrap());
    assert!(read(&loader).contains("def _load_pyfunc(path):"));
    for env in ["conda", "virtualenv"] {
        assert!(read(flavor["env"][env].as_str().unwrap()).contains("3."));
    }
    assert!(read("requirements.txt").contains("onnxruntime>="));
    let signature: Value =
        serde_json::from_str(head["signature"]["inputs"].as_str().unwrap()).unwrap();
    let types: Vec<_> =
        signature.as_array().unwrap().iter().map(|c| c["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["double", "double", "string", "any"]);
    let example: Value = serde_json::from_str(&read("input_example.json")).unwrap();
    assert_eq!(example["columns"], json!(["income", "visits", "color", "noise"]));
    assert_eq!(example["data"][0], json!([10.0, 5.0, "red", 0.0]));

    project.write("mine/thesis.txt", "years of work");
    let other = ["export", "latest", "--format", "mlflow", "--stage", "boosted", "-o", "mine"];
    assert!(project.say(&other).expect(2).err.contains("no model of MLflow"));
    assert_eq!(fs::read_dir(project.path("mine")).unwrap().count(), 1);
}

/// An interpreter that answers what it was told to.
fn interpreter(project: &Project, answer: &Value) -> String {
    project.write("answer.json", answer.to_string());
    let path = project.path("python");
    let answer = project.path("answer.json");
    fs::write(&path, format!("#!/bin/sh\ncat > /dev/null\ncat '{}'\n", answer.display())).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

/// The run's own answers to its raw rows, as a runtime would give them.
fn own_answers(project: &Project, stage: &str, path: &Path) -> Value {
    project
        .say(&["predict", "data/raw/customers.csv", "--stage", stage, "-o", "own.json"])
        .expect(0);
    let own: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let rows = own.as_array().unwrap();
    json!({
        "runtime": { "onnxruntime": "0" },
        "segments": rows.iter().map(|row| row["segment"].clone()).collect::<Vec<_>>(),
        "p": rows.iter().map(|row| vec![row["p_0"].clone(), row["p_1"].clone()]).collect::<Vec<_>>(),
    })
}

#[test]
fn a_verification_judges_and_records() {
    let project = project();
    let mut answer = own_answers(&project, "boosted", &project.path("own.json"));
    let n_rows = answer["segments"].as_array().unwrap().len();
    assert!(
        answer["segments"].as_array().unwrap().contains(&Value::Null),
        "a filter leaves some out"
    );
    let verify = |answer: &Value, code: i32| {
        let python = interpreter(&project, answer);
        let words = ["export", "latest", "--format", "onnx", "--stage", "boosted", "-o", "m.onnx"];
        let more = ["--verify", "--python", &python, "--json"];
        let said = project.say(&[&words[..], &more[..]].concat()).expect(code).json();
        let record = fs::read(project.path("m.onnx.parity.json")).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&record).unwrap(), said["parity"]);
        said["parity"].clone()
    };
    let parity = verify(&answer, 0);
    assert_eq!((&parity["agrees"], &parity["max_difference"]), (&json!(true), &json!(0.0)));
    assert_eq!(parity["rows"], n_rows);
    assert_eq!(parity["runtime"], json!({ "onnxruntime": "0" }));

    let first = (0..n_rows).find(|row| !answer["segments"][*row].is_null()).unwrap();
    let p = answer["p"][first][0].as_f64().unwrap();
    answer["p"][first][0] = json!(p + 1e-3);
    let parity = verify(&answer, 4);
    assert!((parity["max_difference"].as_f64().unwrap() - 1e-3).abs() < 1e-9);
    assert_eq!((&parity["labels_differ"], &parity["agrees"]), (&json!(0), &json!(false)));

    answer["p"][first][0] = json!(p);
    answer["segments"][first] = Value::Null;
    let parity = verify(&answer, 4);
    assert_eq!((&parity["labels_differ"], &parity["first_difference"]), (&json!(1), &json!(first)));
}

#[test]
fn a_verification_without_its_runtime_says_what_to_install() {
    let project = project();
    let verify = |python: &str, format: &str, code: i32| {
        let words = ["export", "latest", "--format", format, "--stage", "boosted", "-o", "m"];
        project.say(&[&words[..], &["--verify", "--python", python]].concat()).expect(code).err
    };
    let said = verify("/no/such/python", "xgboost", 2);
    assert!(said.contains("`/no/such/python` does not start"), "{said}");
    assert!(project.path("m").exists(), "the export itself is there");
    let lacking = interpreter(&project, &json!({ "missing": "xgboost" }));
    let said = verify(&lacking, "xgboost", 2);
    assert!(said.contains("-m pip install xgboost"), "{said}");
    let said = verify(&interpreter(&project, &json!({ "p": [[0.5, 0.5]] })), "xgboost", 4);
    assert!(said.contains("gave 1 answers"), "{said}");
    let said = verify(&interpreter(&project, &json!("?")), "onnx", 1);
    assert!(said.contains("its runtime failed"), "{said}");
    assert!(verify("python3", "bundle", 2).contains("--verify is for other formats"));
    assert!(!project.path("m.parity.json").exists());
}
