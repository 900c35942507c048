//! The description of the interface for programs, OpenAPI 3.1, made of the run's own columns. It does not know how
//! requests are answered.

mod bodies;

use serde_json::{Map, Value, json};

use super::{
    asked::ARROW_STREAM,
    columns::{Column, Columns, Holds, LARGEST_INTEGER, LARGEST_NUMBER},
};
use crate::app::Scorer;

/// Returns the document.
pub fn document(scorer: &Scorer, columns: &Columns, needs_token: bool) -> Value {
    let problem = |name: &str, text: &str| {
        json!({
            "description": text,
            "content": { "application/json": { "schema": { "$ref": format!("#/components/schemas/{name}") } } },
        })
    };
    let refused = |name: &str| {
        json!({
            "400": problem(name, "The body cannot be read, or a value does not fit"),
            "401": problem(name, "A token is needed"),
            "408": problem(name, "The body did not arrive in time"),
            "413": problem(name, "The body is too long"),
            "415": problem(name, "The body is of a type that is not read"),
            "503": problem(name, "Too many requests wait; `Retry-After` says for how long"),
        })
    };
    let with_answer = |mut responses: Value, answer: &str, other: Option<&str>| {
        responses["200"] = json!({
            "description": "An answer for each row, in order",
            "content": { "application/json": { "schema": { "$ref": format!("#/components/schemas/{answer}") } } },
        });
        if let Some(media) = other {
            responses["200"]["content"][media] =
                json!({ "schema": { "contentEncoding": "binary" } });
        }
        responses
    };
    let plain = |summary: &str, media: &str| {
        let mut responses = json!({
            "200": { "description": summary, "content": { media: { "schema": {} } } },
            "401": problem("Problem", "A token is needed"),
        });
        if media == "text/plain" {
            responses["200"]["content"][media]["schema"] = json!({ "type": "string" });
        }
        json!({ "get": { "summary": summary, "responses": responses } })
    };
    let model = format!("/v2/models/{}", scorer.pipeline);
    let mut paths = Map::new();
    paths.insert(
        "/v1/predict".into(),
        json!({ "post": {
            "summary": "Assign customers to segments",
            "requestBody": bodies::native(),
            "responses": with_answer(refused("Problem"), "Answers", Some(ARROW_STREAM)),
        } }),
    );
    paths.insert(
        "/invocations".into(),
        json!({ "post": {
            "summary": "Assign customers to segments, in the manner of MLflow",
            "requestBody": bodies::mlflow(columns),
            "responses": with_answer(refused("MlflowProblem"), "Answers", None),
        } }),
    );
    paths.insert(
        format!("{model}/infer"),
        json!({ "post": {
            "summary": "Assign customers to segments, in the manner of the Open Inference Protocol",
            "requestBody": bodies::inference(columns, &outputs(scorer)),
            "responses": with_answer(refused("InferenceProblem"), "Tensors", Some("application/octet-stream")),
        } }),
    );
    for (path, summary, media) in [
        ("/ping", "Whether the server answers", "text/plain"),
        ("/health", "Whether the server answers", "text/plain"),
        ("/version", "The server's version", "text/plain"),
        ("/metrics", "Counters for Prometheus", "text/plain"),
        ("/v2", "What the server is", "application/json"),
        ("/v2/health/live", "Whether the server answers", "application/json"),
        ("/v2/health/ready", "Whether the server answers", "application/json"),
        (model.as_str(), "What the model takes and gives", "application/json"),
    ] {
        paths.insert(path.to_string(), plain(summary, media));
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": format!("{}: segments of customers", scorer.pipeline),
            "version": env!("CARGO_PKG_VERSION"),
            "description": format!("Run {}, model {}", scorer.run, scorer.model),
        },
        "paths": paths,
        "components": { "schemas": schemas(scorer, columns) },
    });
    if needs_token {
        document["components"]["securitySchemes"] =
            json!({ "token": { "type": "http", "scheme": "bearer" } });
        document["security"] = json!([{ "token": [] }]);
    }
    document
}

/// Returns the names of what is answered for each row, but for the id.
fn outputs(scorer: &Scorer) -> Vec<String> {
    let classes = &scorer.classifier.classes;
    let class = classes.target.is_some().then(|| "class".to_string());
    let shares = classes.segments.iter().map(|segment| format!("p_{segment}"));
    std::iter::once("segment".to_string()).chain(class).chain(shares).collect()
}

fn schemas(scorer: &Scorer, columns: &Columns) -> Value {
    let properties: Map<String, Value> =
        columns.list.iter().map(|column| (column.name.clone(), of_column(column))).collect();
    let required: Vec<&str> =
        columns.list.iter().filter(|c| c.is_read).map(|c| c.name.as_str()).collect();
    let classes = &scorer.classifier.classes;
    let mut answer = json!({ "segment": { "enum": classes.segments.iter().map(|s| json!(s)).chain([Value::Null]).collect::<Vec<_>>() } });
    if classes.target.is_some() {
        answer["class"] = json!({ "enum": classes.names.iter().map(|s| json!(s)).chain([Value::Null]).collect::<Vec<_>>() });
    }
    answer["error"] = json!({ "type": "string", "description": "Why the row has no answer" });
    for segment in &classes.segments {
        answer[format!("p_{segment}")] =
            json!({ "type": ["number", "null"], "minimum": 0, "maximum": 1 });
    }
    let hash = json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" });
    json!({
        "Record": { "type": "object", "properties": properties, "required": required },
        "Answers": {
            "type": "object",
            "required": ["run", "model", "predictions"],
            "properties": {
                "run": hash, "model": hash,
                "predictions": { "type": "array", "items": { "type": "object", "properties": answer, "required": ["segment"] } },
            },
        },
        "Problem": {
            "type": "object",
            "required": ["error", "request_id"],
            "properties": {
                "error": { "type": "object", "required": ["code", "message"],
                           "properties": { "code": { "type": "string" }, "message": { "type": "string" } } },
                "request_id": { "type": "string" },
            },
        },
        "Tensors": {
            "type": "object",
            "required": ["model_name", "model_version", "outputs"],
            "properties": {
                "id": { "type": "string" },
                "model_name": { "const": scorer.pipeline },
                "model_version": hash,
                "outputs": { "type": "array", "items": {
                    "type": "object",
                    "required": ["name", "datatype", "shape"],
                    "properties": { "name": { "enum": outputs(scorer) }, "datatype": { "type": "string" },
                                    "shape": { "type": "array", "items": { "type": "integer" } }, "data": { "type": "array" } },
                } },
            },
        },
        "InferenceProblem": {
            "type": "object",
            "required": ["error"],
            "properties": { "error": { "type": "string" } },
        },
        "MlflowProblem": {
            "type": "object",
            "required": ["error_code", "message"],
            "properties": { "error_code": { "type": "string" }, "message": { "type": "string" } },
        },
    })
}

/// A level that was not there in the run is answered too, so that an enumeration stands beside any text.
fn of_column(column: &Column) -> Value {
    if column.is_id {
        return json!({ "type": ["string", "integer", "null"], "minimum": i64::MIN, "maximum": i64::MAX });
    }
    match column.holds {
        Holds::Numbers(is_whole) => {
            let most = if is_whole { LARGEST_INTEGER } else { LARGEST_NUMBER };
            json!({ "type": ["number", "null"], "minimum": -most, "maximum": most })
        }
        Holds::Truths => json!({ "type": ["boolean", "null"] }),
        Holds::Dates => {
            json!({ "type": ["string", "null"], "format": "date", "examples": ["2025-12-31"] })
        }
        Holds::Times => {
            json!({ "type": ["string", "null"], "format": "date-time", "examples": ["2025-12-31T23:59:59Z"] })
        }
        Holds::Texts if column.levels.is_empty() => json!({ "type": ["string", "null"] }),
        Holds::Texts => {
            json!({ "anyOf": [{ "enum": column.levels }, { "type": ["string", "null"] }] })
        }
    }
}
