//! Parameters as JSON Schema, for the help that editors give. It does not know whole pipelines.

use serde_json::{Map, Value, json};

use crate::stage::params::{Default, Param, Shape};

impl Shape {
    /// Returns the JSON Schema (draft-07) of the shape. A text that is one interpolation is always
    /// allowed where a scalar is.
    pub fn json_schema(&self) -> Value {
        let or_interpolation = |schema: Value| json!({ "anyOf": [schema, { "type": "string", "pattern": r"\$\{[^}]+\}" }] });
        match self {
            Shape::Bool => or_interpolation(json!({ "type": "boolean" })),
            Shape::Int { min, max: i64::MAX } => {
                or_interpolation(json!({ "type": "integer", "minimum": min }))
            }
            Shape::Int { min, max } => {
                or_interpolation(json!({ "type": "integer", "minimum": min, "maximum": max }))
            }
            Shape::Float { min, max } => {
                let mut schema = json!({ "type": "number" });
                if *min != f64::MIN {
                    schema["minimum"] = json!(min);
                }
                if *max != f64::MAX {
                    schema["maximum"] = json!(max);
                }
                or_interpolation(schema)
            }
            Shape::Positive => or_interpolation(json!({ "type": "number", "exclusiveMinimum": 0 })),
            Shape::Text | Shape::Expression => json!({ "type": ["string", "number", "boolean"] }),
            Shape::Path => json!({ "type": "string" }),
            Shape::Choice(allowed) => or_interpolation(json!({ "enum": allowed })),
            Shape::List { of, min } => {
                json!({ "type": "array", "items": of.json_schema(), "minItems": min })
            }
            Shape::Tuple(shapes) => {
                let items: Vec<_> = shapes.iter().map(Shape::json_schema).collect();
                json!({ "type": "array", "items": items,
                        "minItems": shapes.len(), "maxItems": shapes.len() })
            }
            Shape::Map(of) | Shape::Pairs(of) => {
                json!({ "type": "object", "additionalProperties": of.json_schema() })
            }
            Shape::Object(params) => object_schema(params),
            Shape::OneOf(shapes) => {
                json!({ "anyOf": shapes.iter().map(Shape::json_schema).collect::<Vec<_>>() })
            }
        }
    }
}

/// Returns the JSON Schema of a mapping with these parameters and no others.
pub fn object_schema(params: &[Param]) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for param in params {
        let mut schema = param.shape.json_schema();
        schema["description"] = json!(param.help);
        if let Default::Json(text) = param.default {
            schema["default"] = serde_json::from_str(text).unwrap_or(Value::Null);
        }
        if param.default == Default::Required {
            required.push(param.name);
        }
        properties.insert(param.name.to_string(), schema);
    }
    let mut schema =
        json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}
