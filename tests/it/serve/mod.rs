//! `serve`, asked over real connections: the answers are those of `predict`.

pub mod client;
mod hostile;
mod protocols;

use std::{
    io::{Read, Write},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use self::client::Server;
use crate::project::{PIPELINE, Project};

fn served() -> (Project, Server) {
    let project = Project::small();
    project.run();
    let server = Server::start(&project, &["--no-access-log"]);
    (project, server)
}

const CSV: &str = "id,income,visits,color\nn1,10.5,5,red\nn2,50,40.25,green\nn3,,12,blue\nn4,10,0,red\nn5,90.1,12,violet\n";

fn records() -> Value {
    json!([
        { "id": "n1", "income": 10.5, "visits": 5, "color": "red" },
        { "id": "n2", "income": 50, "visits": 40.25, "color": "green" },
        { "id": "n3", "income": null, "visits": 12, "color": "blue", "further": [1, {}] },
        { "id": "n4", "income": 10, "visits": 0, "color": "red" },
        { "color": "violet", "visits": 12, "income": 90.1, "id": "n5" },
    ])
}

/// What `predict` says of the same rows.
fn predicted(project: &Project) -> Value {
    project.write("new.csv", CSV);
    project.say(&["predict", "new.csv", "--json"]).expect(0).json()
}

/// A value may fit its column and still come to nothing on the way: here a division overflows. `predict --on-error null` has
/// nulls in the place of such a row, and so have answers, with the reason.
#[test]
fn a_row_that_the_way_cannot_take_is_told_in_its_place() {
    let (project, server) = served();
    project
        .write("new.csv", "id,income,visits,color\na,10,5,red\nb,1e38,1e-300,red\nc,50,40,green\n");
    let said = project.say(&["predict", "new.csv", "--on-error", "null", "--json"]).expect(0);
    let mut expected = said.json()["predictions"].clone();
    let row = |id: &str, income: f64, visits: f64, color: &str| json!({ "id": id, "income": income, "visits": visits, "color": color });
    let rows = json!([
        row("a", 10.0, 5.0, "red"),
        row("b", 1e38, 1e-300, "red"),
        row("c", 50.0, 40.0, "green")
    ]);
    let told = server.post("/v1/predict", rows.to_string()).expect(200).json();
    let why = told["predictions"][1]["error"].as_str().unwrap();
    assert!(why.contains("`per_visit`, row 1: the value is infinite"), "{why}");
    expected[1]["error"] = json!(why);
    assert_eq!(told["predictions"], expected);
    let alone = server.post("/invocations", json!({ "inputs": [rows[1]] }).to_string());
    assert!(alone.expect(200).json()["predictions"][0]["segment"].is_null());
    let input = |name: &str, datatype: &str| {
        let data: Vec<_> = rows.as_array().unwrap().iter().map(|row| &row[name]).collect();
        json!({ "name": name, "datatype": datatype, "shape": [3], "data": data })
    };
    let body = json!({ "inputs": [input("income", "FP64"), input("visits", "FP64"), input("color", "BYTES")] });
    let told = server.post("/v2/models/small/infer", body.to_string()).expect(200).json();
    let segments = told["outputs"].as_array().unwrap().iter().find(|o| o["name"] == "segment");
    assert!(segments.unwrap()["data"][1].is_null() && segments.unwrap()["data"][2].is_i64());
}

/// One file is enough to serve, and a run with two classifiers is asked for either.
#[test]
fn a_bundle_and_a_named_stage_are_served() {
    let project = Project::small();
    let other = PIPELINE.to_string()
        + "  simple:\n    uses: classify.logistic\n    inputs: { table: features, labels: best.labels }\n";
    project.write("pipelines/small.yaml", &other);
    project.run();
    project.write("new.csv", CSV);
    for stage in ["forest", "simple"] {
        let said =
            project.say(&["predict", "new.csv", "--stage", stage, "--json"]).expect(0).json();
        let bundle = format!("{stage}.tar");
        let words = ["export", "latest", "--stage", stage, "--format", "bundle", "-o", &bundle];
        project.say(&words).expect(0);
        for served in [["--stage", stage], ["--bundle", &bundle]] {
            let server = Server::start(&project, &[&served[..], &["--no-access-log"]].concat());
            let told = server.post("/v1/predict", records().to_string()).expect(200).json();
            assert_eq!(told["predictions"], said["predictions"], "{served:?}");
            assert_eq!((&told["run"], &told["model"]), (&said["run"], &said["model"]));
        }
    }
}

/// What is asked is counted beside the answering, for a run in a store, whose rows are looked at first, and for a bundle,
/// which says what they look like. The figures are those of `drift`.
#[test]
fn the_server_tells_of_drift() {
    let project = Project::small();
    project.run();
    project.say(&["export", "latest", "--format", "bundle", "-o", "way.tar"]).expect(0);
    project.write("new.csv", CSV);
    let drift = project.say(&["drift", "new.csv", "--json"]).expect(0).json();
    let again = project.say(&["drift", "new.csv", "--bundle", "way.tar", "--json"]).expect(0);
    assert_eq!(again.json(), drift);
    for arguments in [&["--no-access-log"][..], &["--bundle", "way.tar", "--no-access-log"]] {
        let server = Server::start(&project, arguments);
        let figure = |name: &str| -> Option<f64> {
            let text = server.get("/metrics").text();
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().parse().ok()
        };
        let until = |name: &str, value: f64| {
            let start = Instant::now();
            while figure(name) != Some(value) {
                assert!(
                    start.elapsed() < Duration::from_secs(30),
                    "{:?}",
                    server.get("/metrics").text()
                );
                std::thread::sleep(Duration::from_millis(20));
            }
        };
        until("orchestrate_drift_rows_total ", 0.0);
        server.post("/v1/predict", records().to_string()).expect(200);
        server
            .post("/v1/predict", r#"{"income": "much", "visits": 1, "color": "red"}"#)
            .expect(400);
        until("orchestrate_drift_rows_total ", 5.0);
        assert_eq!(figure("orchestrate_drift_rows_passed_over_total "), Some(0.0));
        for column in drift["columns"].as_array().unwrap() {
            let name = column["column"].as_str().unwrap();
            let told =
                |metric: &str| figure(&format!("orchestrate_drift_{metric}{{column=\"{name}\"}} "));
            assert_eq!(told("psi"), column["psi"].as_f64(), "{name}");
            assert_eq!(told("missing_ratio"), column["missing"][1].as_f64(), "{name}");
            assert_eq!(told("unknown_ratio"), column["unknown"].as_f64(), "{name}");
        }
        assert_eq!(figure("orchestrate_drift_segments_psi "), drift["segments_psi"].as_f64());
        assert_eq!(figure("orchestrate_drift_far_ratio "), drift["far"][1].as_f64());
        // Of many rows the first are counted, once there is room for them.
        let many: Vec<Value> =
            records().as_array().unwrap().iter().cycle().take(2000).cloned().collect();
        server.post("/v1/predict", json!(many).to_string()).expect(200);
        until("orchestrate_drift_rows_total ", 510.0);
        assert_eq!(figure("orchestrate_drift_rows_passed_over_total "), Some(1495.0));
    }
}

#[test]
fn the_server_tells_what_it_is() {
    let (project, server) = served();
    assert_eq!(server.get("/ping").expect(200).text(), "\n");
    assert_eq!(server.get("/health").expect(200).text(), "\n");
    assert_eq!(server.get("/version").expect(200).text(), env!("CARGO_PKG_VERSION"));
    server.get("/v2/health/live").expect(200);
    server.get("/v2/health/ready").expect(200);
    server.get("/v2/models/small/ready").expect(200);
    assert_eq!(server.get("/v2").expect(200).json()["extensions"], json!(["binary_tensor_data"]));
    let model = server.get("/v2/models/small").expect(200).json();
    assert_eq!(model["inputs"][1], json!({ "name": "income", "datatype": "FP64", "shape": [-1] }));
    let openapi = server.get("/openapi.json").expect(200).json();
    assert_eq!(openapi["openapi"], "3.1.0");
    let body = |path: &str| &openapi["paths"][path]["post"]["requestBody"]["content"];
    let forms = body("/invocations")["application/json"]["schema"]["oneOf"].as_array().unwrap();
    let forms: Vec<_> = forms.iter().map(|form| form["required"][0].as_str().unwrap()).collect();
    assert_eq!(forms, ["dataframe_split", "dataframe_records", "instances", "inputs"]);
    let tensors = &body("/v2/models/small/infer")["application/json"]["schema"];
    let names = tensors["properties"]["inputs"]["prefixItems"].as_array().unwrap();
    let names: Vec<_> = names.iter().map(|t| &t["properties"]["name"]["const"]).collect();
    assert_eq!(names, ["income", "visits", "color"]);
    assert!(body("/v1/predict")["application/vnd.apache.arrow.stream"].is_object());
    let record = &openapi["components"]["schemas"]["Record"];
    assert_eq!(record["required"], json!(["income", "visits", "color"]));
    assert_eq!(record["properties"]["color"]["anyOf"][0]["enum"], json!(["blue", "green", "red"]));
    let page = server.get("/").expect(200);
    assert!(
        page.text().contains("name=\"color\"") && page.header("content-security-policy").is_some()
    );
    server.post("/v1/predict", records().to_string()).expect(200);
    let metrics = server.get("/metrics").expect(200).text();
    for line in [
        "orchestrate_rows_total 5",
        "orchestrate_http_requests_total{route=\"/v1/predict\",status=\"200\"} 1",
    ] {
        assert!(metrics.lines().any(|l| l == line), "{metrics}");
    }
    drop(project);
}

#[test]
fn a_token_is_required_where_one_is_configured() {
    let project = Project::small();
    project.run();
    project.write("token", "s3cret\n");
    let token = project.path("token");
    let server =
        Server::start(&project, &["--no-access-log", "--token-file", token.to_str().unwrap()]);
    let body = records().to_string();
    let ask = |authorization: &str| {
        let headers = [("Content-Type", "application/json"), ("Authorization", authorization)];
        server.ask("POST", "/v1/predict", &headers, body.as_bytes()).status
    };
    assert_eq!(
        server.post("/v1/predict", &body).expect(401).header("www-authenticate").as_deref(),
        Some("Bearer")
    );
    for wrong in ["Bearer wrong", "Bearer ", "s3cret", "Basic s3cret", "Bearer s3cret2"] {
        assert_eq!(ask(wrong), 401, "{wrong}");
    }
    assert_eq!((ask("Bearer s3cret"), ask("bearer s3cret")), (200, 200));
    assert_eq!(
        server.post("/invocations", "{}").expect(401).json()["error_code"],
        "UNAUTHENTICATED"
    );
    server.get("/metrics").expect(401);
    server.get("/ping").expect(200);
    assert!(!server.get("/").expect(200).text().contains("green"), "levels are not for everybody");
    let said = project
        .command(&["serve", "--bind", "127.0.0.1:0"])
        .env("ORCHESTRATE_TOKEN", " ")
        .output()
        .unwrap();
    assert_eq!(said.status.code(), Some(2));
}

/// A tag that moves takes the server with it; what cannot be served leaves it where it is.
#[test]
fn the_server_follows_its_tag() {
    let project = Project::small();
    let first = project.run()["run"].as_str().unwrap().to_string();
    project.say(&["tag", &first, "prod"]).expect(0);
    let server = Server::start(&project, &["--run", "prod"]);
    let running = |server: &Server| {
        server.post("/v1/predict", records().to_string()).expect(200).json()["run"]
            .as_str()
            .unwrap()
            .to_string()
    };
    assert_eq!(running(&server), first);
    project.edit("trees: 5", "trees: 6");
    let second = project.run()["run"].as_str().unwrap().to_string();
    assert_eq!(running(&server), first);
    project.say(&["tag", &second, "prod"]).expect(0);
    let start = Instant::now();
    while running(&server) != second {
        assert!(start.elapsed() < Duration::from_secs(30), "the server did not follow");
        std::thread::sleep(Duration::from_millis(50));
    }
    // A run without a classifier cannot answer.
    let at = PIPELINE.find("  forest:").unwrap();
    project.write("pipelines/small.yaml", &PIPELINE[..at]);
    let third = project.run()["run"].as_str().unwrap().to_string();
    project.say(&["tag", &third, "prod"]).expect(0);
    while !server.get("/metrics").text().contains("orchestrate_run_switches_failed_total 1") {
        assert!(start.elapsed() < Duration::from_secs(30), "the server did not tell");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(running(&server), second);
    let (code, log) = server.end();
    assert_eq!(code, 0);
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<&str> = lines.iter().filter_map(|line| line["event"].as_str()).collect();
    assert_eq!(events, ["listening", "switched", "switch-failed", "ended"], "{log}");
    assert!(
        lines.iter().any(|l| l["path"] == "/v1/predict" && l["status"] == 200 && l["rows"] == 5),
        "{log}"
    );
}

/// One customer alone has no others to be added up with.
#[test]
fn a_way_on_which_rows_meet_is_refused() {
    let pipeline = "\
pipeline: small
stages:
  lines:
    uses: ingest.csv
    with: { path: data/raw/lines.csv, id: line }
  customers:
    uses: features.aggregate
    inputs: { table: lines }
    with: { key: who, columns: { total: { agg: sum, of: amount } } }
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
    let said = project.say(&["serve", "--bind", "127.0.0.1:0"]).expect(2);
    assert!(said.err.contains("stage `customers` (`features.aggregate`)"), "{}", said.err);
}

/// What was asked before the end is answered, and nothing after it.
#[test]
fn open_requests_are_finished_before_the_end() {
    let (_project, mut server) = served();
    let body = records().to_string();
    let mut open = server.connect();
    let head = format!(
        "POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    open.write_all(head.as_bytes()).unwrap();
    open.write_all(&body.as_bytes()[..10]).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    let pid = rustix::process::Pid::from_child(&server.child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    open.write_all(&body.as_bytes()[10..]).unwrap();
    let mut all = Vec::new();
    open.read_to_end(&mut all).unwrap();
    client::reply(&all).unwrap().expect(200);
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}
