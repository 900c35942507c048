//! The Open Inference Protocol, version 2, over HTTP: metadata, and `infer` with tensors in JSON or, as Triton's clients
//! send them, as bytes after it. One tensor a column, of shape `[n_rows]` or `[n_rows, 1]`. It does not know other protocols.
//!
//! A tensor has no nulls: NaN in a number and an empty text stand for no value, and a row that the run's filter leaves
//! out is answered with segment -1 and probabilities of NaN in bytes, and with null in JSON.

use arrow::{
    array::{Array, ArrayRef, AsArray},
    datatypes::{DataType, Float64Type, Int32Type, Int64Type},
    util::display::array_value_to_string,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    asked::{Asked, Reply, parse, without_nan},
    cell::Cell,
    columns::Holds,
    loaded::{Answers, Loaded, value},
    problem::Problem,
    tensors::{DATATYPES, Elements, from_bytes, push_text, unknown},
};

/// The header that tells how long the JSON before the bytes is.
pub const JSON_LENGTH: &str = "inference-header-content-length";

#[derive(Deserialize)]
struct Request<'a> {
    id: Option<String>,
    #[serde(borrow)]
    inputs: Vec<Tensor<'a>>,
    outputs: Option<Vec<Wanted>>,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Deserialize)]
struct Tensor<'a> {
    name: String,
    shape: Vec<u64>,
    datatype: String,
    #[serde(default)]
    parameters: Parameters,
    #[serde(borrow)]
    data: Option<Elements<'a>>,
}

#[derive(Deserialize)]
struct Wanted {
    name: String,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Default, Deserialize)]
struct Parameters {
    binary_data_size: Option<u64>,
    binary_data: Option<bool>,
    binary_data_output: Option<bool>,
}

/// Returns the name under which a run is served: its pipeline's.
pub fn name(loaded: &Loaded) -> &str {
    &loaded.scorer.pipeline
}

/// Returns what the server is.
pub fn server() -> Value {
    json!({ "name": "orchestrate", "version": env!("CARGO_PKG_VERSION"), "extensions": ["binary_tensor_data"] })
}

/// Returns what the model takes and gives.
pub fn metadata(loaded: &Loaded) -> Value {
    let inputs = loaded.columns.list.iter().map(|column| {
        let datatype = match column.holds {
            Holds::Numbers(_) if !column.is_id => "FP64",
            Holds::Numbers(_) => "INT64",
            Holds::Truths => "BOOL",
            Holds::Dates | Holds::Times | Holds::Texts => "BYTES",
        };
        json!({ "name": column.name, "datatype": datatype, "shape": [-1] })
    });
    let mut outputs = vec![json!({ "name": "segment", "datatype": "INT32", "shape": [-1] })];
    let classes = &loaded.scorer.classifier.classes;
    if classes.target.is_some() {
        outputs.push(json!({ "name": "class", "datatype": "BYTES", "shape": [-1] }));
    }
    for segment in &classes.segments {
        outputs.push(json!({ "name": format!("p_{segment}"), "datatype": "FP64", "shape": [-1] }));
    }
    json!({
        "name": name(loaded),
        "versions": [loaded.run],
        "platform": "orchestrate",
        "inputs": inputs.collect::<Vec<_>>(),
        "outputs": outputs,
        "parameters": { "run": loaded.run, "model": loaded.model },
    })
}

/// Answers tensors.
///
/// # Errors
/// If the body cannot be read, or its rows are not what the run takes.
pub fn infer(asked: &Asked<'_>) -> Result<Reply, Problem> {
    let (json, mut bytes) = parts(asked)?;
    let json = without_nan(json);
    let request: Request<'_> = parse(&json)?;
    let mut n_rows = None;
    let mut columns = Vec::with_capacity(request.inputs.len());
    for tensor in request.inputs {
        let cells = elements(&tensor, &mut bytes, tensor.data.as_ref())?;
        let rows = match tensor.shape.as_slice() {
            [rows] | [rows, 1] => *rows,
            shape => {
                return Err(Problem::unfit(format!(
                    "input `{}` has shape {shape:?}, expected [rows] or [rows, 1]",
                    tensor.name
                )));
            }
        };
        if rows != cells.len() as u64 || *n_rows.get_or_insert(rows) != rows {
            return Err(Problem::unfit(format!(
                "input `{}` has {} elements and shape {:?}; all inputs have one element a row",
                tensor.name,
                cells.len(),
                tensor.shape
            )));
        }
        if columns.iter().any(|(name, _)| *name == tensor.name) {
            return Err(Problem::malformed(format!("input `{}` comes twice", tensor.name)));
        }
        columns.push((tensor.name, cells));
    }
    if !bytes.is_empty() {
        return Err(Problem::malformed(format!("{} bytes belong to no input", bytes.len())));
    }
    let loaded = asked.loaded;
    if let Some((name, _)) =
        columns.iter().find(|(name, _)| loaded.columns.position(name).is_none())
    {
        let near = loaded.columns.near(name);
        return Err(Problem::unfit(
            format!("there is no input `{name}` {near}").trim_end().to_string(),
        ));
    }
    let n_rows = usize::try_from(n_rows.unwrap_or(0)).unwrap_or(0);
    let rows = loaded.columns.of_columns(&loaded.scorer, n_rows, &columns)?;
    let answers = loaded.answer(&rows, asked.work)?;
    let all_binary = request.parameters.binary_data_output.unwrap_or(false);
    reply(loaded, request.id, request.outputs.as_deref(), all_binary, &answers)
}

/// Splits the body into JSON and the bytes after it.
fn parts<'a>(asked: &'a Asked<'_>) -> Result<(&'a [u8], &'a [u8]), Problem> {
    let Some(length) = asked.headers.get(JSON_LENGTH) else { return Ok((&asked.body, &[])) };
    let length = length.to_str().ok().and_then(|text| text.parse::<usize>().ok());
    let parts = length.and_then(|length| asked.body.split_at_checked(length));
    parts.ok_or_else(|| {
        Problem::malformed(format!("`{JSON_LENGTH}` is not a length within the body"))
    })
}

fn elements<'a>(
    tensor: &Tensor<'_>,
    bytes: &mut &'a [u8],
    data: Option<&Elements<'a>>,
) -> Result<Vec<Cell<'a>>, Problem> {
    let mut cells = match (tensor.parameters.binary_data_size, data) {
        (Some(size), None) => {
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            let parts = bytes.split_at_checked(size).ok_or_else(|| {
                Problem::malformed(format!("input `{}`: its bytes are not all there", tensor.name))
            })?;
            *bytes = parts.1;
            from_bytes(&tensor.name, &tensor.datatype, parts.0)?
        }
        (None, Some(_)) if !DATATYPES.contains(&tensor.datatype.as_str()) => {
            return Err(unknown(&tensor.name, &tensor.datatype));
        }
        (None, Some(data)) => data.0.clone(),
        _ => {
            return Err(Problem::malformed(format!(
                "input `{}` needs either `data` or `binary_data_size`",
                tensor.name
            )));
        }
    };
    for cell in &mut cells {
        if matches!(cell, Cell::Text(text) if text.is_empty()) {
            *cell = Cell::Null;
        }
    }
    Ok(cells)
}

fn reply(
    loaded: &Loaded,
    id: Option<String>,
    wanted: Option<&[Wanted]>,
    all_binary: bool,
    answers: &Answers,
) -> Result<Reply, Problem> {
    let table = &answers.table;
    let own_id = table.id_name();
    let names = table.names();
    let known = || names.iter().filter(|name| Some(*name) != own_id.as_ref());
    let chosen: Vec<(&String, bool)> = match wanted {
        None | Some([]) => known().map(|name| (name, all_binary)).collect(),
        Some(wanted) => {
            let find = |wanted: &Wanted| {
                let found = known().find(|name| **name == wanted.name);
                let binary = wanted.parameters.binary_data.unwrap_or(all_binary);
                found
                    .map(|name| (name, binary))
                    .ok_or_else(|| Problem::unfit(format!("there is no output `{}`", wanted.name)))
            };
            wanted.iter().map(find).collect::<Result<_, _>>()?
        }
    };
    let mut outputs = Vec::with_capacity(chosen.len());
    let mut bytes = Vec::new();
    for (name, is_binary) in chosen {
        let array = table.column(name).map_err(|error| Problem::internal(error.to_string()))?;
        let mut output =
            json!({ "name": name, "datatype": datatype(array), "shape": [array.len()] });
        if is_binary {
            let before = bytes.len();
            push(array, &mut bytes)?;
            output["parameters"] = json!({ "binary_data_size": bytes.len() - before });
        } else {
            let data = (0..array.len()).map(|row| value(array, row));
            output["data"] = Value::Array(data.collect::<Result<_, _>>()?);
        }
        outputs.push(output);
    }
    let mut document = json!({
        "model_name": name(loaded),
        "model_version": loaded.run,
        "outputs": outputs,
        "parameters": { "run": loaded.run, "model": loaded.model },
    });
    if let Some(id) = id {
        document["id"] = Value::String(id);
    }
    let mut body = document.to_string().into_bytes();
    if bytes.is_empty() {
        return Ok(Reply::json(body, answers.n_rows));
    }
    let json_length = Some(body.len());
    body.extend_from_slice(&bytes);
    let media = "application/octet-stream";
    Ok(Reply { media, body: body.into(), json_length, n_rows: answers.n_rows })
}

fn datatype(array: &ArrayRef) -> &'static str {
    match array.data_type() {
        DataType::Int32 => "INT32",
        DataType::Int64 => "INT64",
        DataType::Float64 => "FP64",
        _ => "BYTES",
    }
}

fn push(array: &ArrayRef, out: &mut Vec<u8>) -> Result<(), Problem> {
    match array.data_type() {
        DataType::Int32 => {
            array
                .as_primitive::<Int32Type>()
                .iter()
                .for_each(|v| out.extend(v.unwrap_or(-1).to_le_bytes()));
        }
        DataType::Int64 => {
            array
                .as_primitive::<Int64Type>()
                .iter()
                .for_each(|v| out.extend(v.unwrap_or(-1).to_le_bytes()));
        }
        DataType::Float64 => {
            array
                .as_primitive::<Float64Type>()
                .iter()
                .for_each(|v| out.extend(v.unwrap_or(f64::NAN).to_le_bytes()));
        }
        _ => {
            for row in 0..array.len() {
                let text = array_value_to_string(array, row);
                push_text(&text.map_err(|error| Problem::internal(error.to_string()))?, out);
            }
        }
    }
    Ok(())
}
