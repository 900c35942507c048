//! Each protocol of the server against `predict`, and its way to say what is wrong.

use super::{client::Server, *};

#[test]
fn every_protocol_answers_as_predict_does() {
    let (project, server) = served();
    let said = predicted(&project);
    let expected = &said["predictions"];
    assert!(expected[3]["segment"].is_null() && expected[0]["p_0"].is_f64(), "{expected}");
    let same = |reply: client::Reply| {
        let reply = reply.expect(200);
        assert_eq!(reply.header("x-orchestrate-model").as_deref(), said["model"].as_str());
        let told = reply.json();
        assert_eq!(told["predictions"], *expected);
        assert_eq!((&told["run"], &told["model"]), (&said["run"], &said["model"]));
    };
    let rows = records();
    same(server.post("/v1/predict", rows.to_string()));
    same(server.post("/invocations", json!({ "dataframe_records": rows }).to_string()));
    same(server.post("/invocations", json!({ "instances": rows }).to_string()));
    same(server.post("/invocations", json!({ "inputs": rows }).to_string()));
    let csv = &[("Content-Type", "text/csv; charset=utf-8")];
    same(server.ask("POST", "/v1/predict", csv, CSV.as_bytes()));
    same(server.ask("POST", "/invocations", csv, CSV.as_bytes()));
    let names = ["id", "income", "visits", "color"];
    let row = |row: &Value| names.map(|name| row[name].clone());
    let data: Vec<_> = rows.as_array().unwrap().iter().map(row).collect();
    let split =
        json!({ "dataframe_split": { "columns": names, "index": [0, 1, 2, 3, 4], "data": data } });
    same(server.post("/invocations", split.to_string()));
    let column = |name: &str| -> Vec<Value> {
        rows.as_array().unwrap().iter().map(|row| row[name].clone()).collect()
    };
    let columns: Value = names
        .iter()
        .map(|name| (name.to_string(), json!(column(name))))
        .collect::<serde_json::Map<_, _>>()
        .into();
    same(server.post("/invocations", json!({ "inputs": columns, "params": {} }).to_string()));
    // One record stands for a list of one.
    let one = server.post("/v1/predict", rows[1].to_string()).expect(200).json();
    assert_eq!(one["predictions"], json!([expected[1]]));
    let numbered = r#"{"id": 7.0, "income": 1, "visits": 1, "color": "red"}"#;
    assert_eq!(
        server.post("/v1/predict", numbered).expect(200).json()["predictions"][0]["id"],
        "7"
    );
    tensors(&server, &said, &column);
    arrow(&project, &server, expected);
}

fn tensors(server: &Server, said: &Value, column: &dyn Fn(&str) -> Vec<Value>) {
    let path = "/v2/models/small/infer";
    let input = |name: &str, datatype: &str| json!({ "name": name, "datatype": datatype, "shape": [5, 1], "data": column(name) });
    let body = json!({ "id": "7", "inputs": [input("income", "FP64"), input("visits", "FP64"), input("color", "BYTES")] });
    let told = server.post(path, body.to_string()).expect(200).json();
    assert_eq!((&told["id"], &told["model_version"]), (&json!("7"), &said["run"]));
    let expected = said["predictions"].as_array().unwrap();
    for output in told["outputs"].as_array().unwrap() {
        let name = output["name"].as_str().unwrap();
        let values: Vec<Value> = expected.iter().map(|row| row[name].clone()).collect();
        assert_eq!(output["data"], json!(values), "{name}");
    }
    // The same as bytes after the JSON, and bytes in return.
    let mut bytes = Vec::new();
    let mut inputs = Vec::new();
    for name in ["income", "visits"] {
        let before = bytes.len();
        column(name)
            .iter()
            .for_each(|v| bytes.extend(v.as_f64().unwrap_or(f64::NAN).to_le_bytes()));
        let parameters = json!({ "binary_data_size": bytes.len() - before });
        inputs.push(
            json!({ "name": name, "datatype": "FP64", "shape": [5], "parameters": parameters }),
        );
    }
    let before = bytes.len();
    for text in column("color") {
        let text = text.as_str().unwrap();
        bytes.extend((text.len() as u32).to_le_bytes());
        bytes.extend(text.as_bytes());
    }
    let parameters = json!({ "binary_data_size": bytes.len() - before });
    inputs.push(
        json!({ "name": "color", "datatype": "BYTES", "shape": [5], "parameters": parameters }),
    );
    let outputs =
        json!([{ "name": "p_1", "parameters": { "binary_data": true } }, { "name": "segment" }]);
    let head = json!({ "inputs": inputs, "outputs": outputs }).to_string();
    let length = head.len().to_string();
    let headers = [("Inference-Header-Content-Length", length.as_str())];
    let whole = [head.as_bytes(), &bytes].concat();
    let versioned = format!("/v2/models/small/versions/{}/infer", said["run"].as_str().unwrap());
    let reply = server.ask("POST", &versioned, &headers, &whole).expect(200);
    let length: usize = reply.header("Inference-Header-Content-Length").unwrap().parse().unwrap();
    let told: Value = serde_json::from_slice(&reply.body[..length]).unwrap();
    assert_eq!(told["outputs"][0]["parameters"]["binary_data_size"], 40);
    let p: Vec<f64> =
        reply.body[length..].as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect();
    for (p, row) in p.iter().zip(expected) {
        assert_eq!(row["p_1"].as_f64().unwrap_or(f64::NAN).to_bits(), p.to_bits());
    }
    let cut = server.ask("POST", path, &headers, &whole[..whole.len() - 1]).expect(400);
    assert_eq!(cut.json()["error"], "input `color`: its bytes are not all there");
}

fn arrow(project: &Project, server: &Server, expected: &Value) {
    project.say(&["cat", "customers", "--rows", "5", "-o", "rows.arrow"]).expect(0);
    let rows = std::fs::read(project.path("rows.arrow")).unwrap();
    let said = project.say(&["predict", "rows.arrow", "--json"]).expect(0).json();
    let media = "application/vnd.apache.arrow.file";
    let json = server.ask(
        "POST",
        "/v1/predict",
        &[("Content-Type", media), ("Accept", "application/json")],
        &rows,
    );
    assert_eq!(json.expect(200).json()["predictions"], said["predictions"]);
    let reply = server.ask("POST", "/v1/predict", &[("Content-Type", media)], &rows).expect(200);
    assert_eq!(
        reply.header("content-type").as_deref(),
        Some("application/vnd.apache.arrow.stream")
    );
    project.write("answers.arrows", &reply.body);
    let stream = orchestrate::frame::ipc::read_stream(reply.body.into()).unwrap();
    assert_eq!((stream.num_rows(), stream.schema().field(1).name().as_str()), (5, "segment"));
    assert!(stream.schema().metadata().contains_key("orchestrate.model"));
    let wants =
        [("Content-Type", "application/json"), ("Accept", "application/vnd.apache.arrow.stream")];
    let reply =
        server.ask("POST", "/v1/predict", &wants, records().to_string().as_bytes()).expect(200);
    let stream = orchestrate::frame::ipc::read_stream(reply.body.into()).unwrap();
    assert_eq!(stream.num_rows(), expected.as_array().unwrap().len());
}

#[test]
fn what_does_not_fit_is_told_in_the_manner_of_the_protocol() {
    let (_project, server) = served();
    let told = server
        .post("/v1/predict", r#"[{"income": 1, "visits": "many", "color": "red"}]"#)
        .expect(400);
    let request = told.header("x-request-id").unwrap();
    assert_eq!(
        told.json(),
        json!({ "error": { "code": "INVALID_PARAMETER_VALUE",
                           "message": "column `visits`, row 0: `many` is not a number up to 3.4e38" },
                "request_id": request })
    );
    let rows =
        json!([{ "income": 1, "visits": 1, "color": "red" }, { "income": 1, "color": "red" }]);
    let told = server.post("/v1/predict", rows.to_string()).expect(400).json();
    let message = "column `visits`, row 1: it is missing; null says that there is no value";
    assert_eq!(told["error"]["message"], message);
    let tensor =
        json!({ "inputs": [{ "name": "income", "datatype": "FP16", "shape": [1], "data": [1] }] });
    let told = server.post("/v2/models/small/infer", tensor.to_string()).expect(400).json();
    assert_eq!(told["error"], "input `income`: there is no datatype `FP16` here");
    let missing =
        server.post("/invocations", r#"{"dataframe_records": [{"income": 1}]}"#).expect(400).json();
    assert_eq!(missing["error_code"], "INVALID_PARAMETER_VALUE");
    assert!(
        missing["message"].as_str().unwrap().starts_with("column `visits` is missing"),
        "{missing}"
    );
    for body in [
        "{",
        "[]",
        "{}",
        r#"{"instances": [], "inputs": {}}"#,
        r#"{"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}"#,
    ] {
        assert_eq!(
            server.post("/invocations", body).expect(400).json()["error_code"],
            "BAD_REQUEST",
            "{body}"
        );
    }
    server.ask("POST", "/invocations", &[("Content-Type", "text/plain")], b"x").expect(415);
    assert_eq!(
        server.post("/v2/models/other/infer", "{}").expect(404).json()["error"],
        "there is no model `other`; there is `small`"
    );
    server.get("/v2/models/small/versions/1").expect(404);
    let wrong = server.get("/v1/predict").expect(405);
    assert_eq!(wrong.header("allow").as_deref(), Some("POST"));
    server.get("/nothing").expect(404).json();
    assert_eq!(
        server.ask("GET", "/nothing", &[("X-Request-Id", "mine")], b"").json()["request_id"],
        "mine"
    );
}
