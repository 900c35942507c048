//! The JSON Schema (draft-07) of pipeline files, generated from the registry, for editors.
//! It does not know how files are checked when they run.

use serde_json::{Map, Value, json};

use crate::{
    kinds,
    stage::{
        kind::{Inputs, Kind},
        params,
    },
    store::{Store, checksum, error::StoreError},
};

/// Returns the schema of a pipeline file.
pub fn pipeline() -> Value {
    let names: Vec<&str> = kinds::ALL.iter().map(|k| k.name()).collect();
    let per_kind: Vec<Value> = kinds::ALL.iter().map(|k| when_kind(*k)).collect();
    let mut stage = json!({
        "type": "object",
        "required": ["uses"],
        "additionalProperties": false,
        "properties": {
            "uses": { "enum": names, "description": "what the stage does" },
            "inputs": { "type": "object", "description": "port: stage, stage.port or stage/k=4.port" },
            "with": { "type": "object", "description": "parameters of the kind" },
            "matrix": {
                "type": "object",
                "description": "one instance for each value; several axes multiply",
                "additionalProperties": { "anyOf": [
                    { "type": "array", "items": { "type": ["string", "number", "boolean"] }, "minItems": 1 },
                    { "type": "object", "required": ["from", "to"], "additionalProperties": false,
                      "properties": { "from": {}, "to": {}, "step": {} } },
                    { "type": "string" }
                ] }
            },
            "needs": { "description": "stages that must have succeeded before",
                       "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] },
            "description": { "type": "string" },
            "timeout": { "type": ["string", "number"], "description": "30s, 5m or 2h" },
            "retries": { "type": "integer", "minimum": 0, "maximum": 100 }
        }
    });
    stage["allOf"] = Value::Array(per_kind);
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "orchestrate pipeline",
        "type": "object",
        "required": ["pipeline", "stages"],
        "additionalProperties": false,
        "properties": {
            "$schema": { "type": "string" },
            "pipeline": { "type": "string", "pattern": "^[a-z0-9_-]+$" },
            "description": { "type": "string" },
            "params": { "type": "object", "description": "values for ${params.name}; --set changes them" },
            "profiles": { "type": "object", "additionalProperties": { "type": "object" } },
            "stages": {
                "type": "object",
                "propertyNames": { "pattern": "^[a-z0-9_-]+$" },
                "additionalProperties": { "$ref": "#/definitions/stage" }
            }
        },
        "definitions": { "stage": stage }
    })
}

fn when_kind(kind: &dyn Kind) -> Value {
    let mut properties = Map::new();
    let mut with = params::object_schema(kind.params());
    with["description"] = json!(kind.about());
    properties.insert("with".to_string(), with);
    if let Inputs::Fixed(ports) = kind.inputs() {
        let port = |help: &str| {
            json!({ "description": help,
            "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] })
        };
        let ports_schema: Map<String, Value> =
            ports.iter().map(|p| (p.name.to_string(), port(p.help))).collect();
        let inputs =
            json!({ "type": "object", "properties": ports_schema, "additionalProperties": false });
        properties.insert("inputs".to_string(), inputs);
    }
    json!({
        "if": { "properties": { "uses": { "const": kind.name() } } },
        "then": { "properties": properties }
    })
}

/// The name under which the schema's file has its checksum.
pub const FILE: &str = "schema/pipeline.json";

/// Returns the bytes of the schema's file.
pub fn file_bytes() -> Vec<u8> {
    checksum::close(FILE, format!("{:#}", pipeline()).into_bytes())
}

/// Writes the schema into the store if it differs from what is there.
///
/// # Errors
/// If the medium refuses.
pub fn refresh(store: &Store) -> Result<(), StoreError> {
    let path = store.root().join(FILE);
    let bytes = file_bytes();
    match store.disk().read_optional(&path)? {
        Some(present) if present == bytes => Ok(()),
        _ => store.write_atomic(&path, &bytes),
    }
}
