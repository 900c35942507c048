//! What may be sent, body by body, in JSON Schema. It does not know paths or answers.
//!
//! A schema says exactly what is answered wherever JSON Schema can say so. It cannot say that all columns of a request have
//! the same number of values, so the forms that go column by column are described with one row.

use serde_json::{Map, Value, json};

use super::of_column;
use crate::server::scoring::{
    asked::{ARROW_FILE, ARROW_STREAM, PARQUET},
    columns::Columns,
    tensors::DATATYPES,
};

/// Forms of MLflow's body, of which exactly one is given.
const FORMS: [&str; 4] = ["dataframe_split", "dataframe_records", "instances", "inputs"];

/// Returns a list of records.
fn records() -> Value {
    json!({ "type": "array", "minItems": 1, "items": { "$ref": "#/components/schemas/Record" } })
}

/// Returns the body of `/v1/predict`.
pub fn native() -> Value {
    let record = json!({ "$ref": "#/components/schemas/Record" });
    let mut content = Map::new();
    content.insert(
        "application/json".to_string(),
        json!({ "schema": { "anyOf": [record, records()] } }),
    );
    // What they must hold, the schema of a record says.
    let file = json!({ "schema": { "contentEncoding": "binary", "description": "Rows with the columns of a `Record`" } });
    for media in [ARROW_STREAM, ARROW_FILE, PARQUET] {
        content.insert(media.to_string(), file.clone());
    }
    json!({ "required": true, "description": CSV, "content": content })
}

/// No schema can say which texts are a CSV with these columns, and a body that is described as any text would be none.
const CSV: &str = "Also `text/csv` with the columns of a `Record`, written as the run's own rows were: delimiter, decimals, dates.";

/// Returns the body of `/invocations`.
pub fn mlflow(columns: &Columns) -> Value {
    let names: Vec<&str> = columns.list.iter().map(|column| column.name.as_str()).collect();
    let cells: Vec<Value> = columns.list.iter().map(of_column).collect();
    let n = names.len();
    let row = json!({ "type": "array", "prefixItems": cells, "minItems": n, "maxItems": n });
    let split = json!({
        "type": "object",
        "required": ["columns", "data"],
        "description": "The names of columns in any order, and rows of values in that order",
        "properties": { "columns": { "const": names }, "data": { "type": "array", "minItems": 1, "items": row } },
    });
    let one = |form: &str, schema: Value| {
        let none = FORMS.iter().map(|form| (form.to_string(), json!({ "type": "null" })));
        let mut properties: Map<String, Value> = none.collect();
        properties.insert(form.to_string(), schema);
        json!({ "type": "object", "required": [form], "properties": properties })
    };
    let schema = json!({ "oneOf": [
        one("dataframe_split", split), one("dataframe_records", records()),
        one("instances", records()), one("inputs", records()),
    ] });
    json!({ "required": true, "description": CSV, "content": { "application/json": { "schema": schema } } })
}

/// Returns the body of `/v2/models/.../infer`.
pub fn inference(columns: &Columns, outputs: &[String]) -> Value {
    let tensor = |column: &crate::server::scoring::columns::Column| {
        json!({
            "type": "object",
            "required": ["name", "shape", "datatype", "data"],
            "properties": {
                "name": { "const": column.name },
                "shape": { "enum": [[1], [1, 1]], "description": "[rows] or [rows, 1]" },
                "datatype": { "enum": DATATYPES },
                "data": { "type": "array", "prefixItems": [of_column(column)], "minItems": 1, "maxItems": 1,
                          "description": "A value for each row; for none null, NaN or an empty text" },
                "parameters": { "type": "object", "properties": { "binary_data_size": { "type": "null" } } },
            },
        })
    };
    let read: Vec<Value> = columns.list.iter().filter(|c| c.is_read).map(tensor).collect();
    let n = read.len();
    let truth = json!({ "type": ["boolean", "null"] });
    let wanted = json!({
        "type": "object",
        "required": ["name"],
        "properties": { "name": { "enum": outputs },
                        "parameters": { "type": "object", "properties": { "binary_data": truth } } },
    });
    let schema = json!({
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": { "type": ["string", "null"] },
            "inputs": { "type": "array", "prefixItems": read, "minItems": n, "maxItems": n,
                        "description": "A tensor for each column, in any order; as bytes after the JSON they take \
                                        `binary_data_size`, as the protocol's extension has it" },
            "outputs": { "type": ["array", "null"], "items": wanted },
            "parameters": { "type": "object", "properties": { "binary_data_output": truth } },
        },
    });
    json!({ "required": true, "content": { "application/json": { "schema": schema } } })
}
