//! `export --format mlflow`: a folder that MLflow loads and serves: the ONNX model of the way, and a small loader for it. It
//! does not know operators.

use std::{fs, path::Path};

use arrow::{array::AsArray, compute, datatypes::DataType};
use serde_json::{Value, json};

use crate::{
    app::{
        AppError, ModelExportOptions, Project, export,
        onnx_export::{self, OnnxExport},
        raw_rows,
    },
    frame::{
        FrameError, Table,
        expr::types::Ty,
        onnx::columns::{Kind, kind},
    },
    stage::error::StageError,
};

/// The file that makes a folder a model of MLflow; the last one that is written.
const HEAD: &str = "MLmodel";
const LOADER: &str = include_str!("mlflow/orchestrate_model.py");
/// What the loader needs, with the first versions that have what it uses.
const REQUIREMENTS: &[&str] = &["mlflow>=2.19", "numpy", "onnxruntime>=1.21", "pandas"];
const PYTHON: &str = "3.12";
/// So many of the run's rows are in the example.
const EXAMPLE_ROWS: usize = 5;

impl Project {
    /// Writes a run's way as a folder for MLflow.
    ///
    /// # Errors
    /// If the run is unknown or has no classifier, something on the way has no operators, or the folder holds something else.
    pub fn export_mlflow(
        &self,
        options: &ModelExportOptions,
        folder: &Path,
    ) -> Result<OnnxExport, AppError> {
        let store = self.store()?;
        let recorded = self.recorded_with_classifier(&store, options.run.as_deref())?;
        let exported = onnx_export::onnx(&store, &recorded, options.stage.as_deref())?;
        refuse_other(folder)?;
        // The example is a courtesy: without the raw rows there is none.
        let raw = raw_rows::first(&store, &recorded.manifest, &exported.source_stage, EXAMPLE_ROWS);
        let example = raw.ok().map(|raw| example(&raw, &exported.inputs)).transpose()?;
        let text = |name: &str, text: &str| export::bytes(text.as_bytes(), &folder.join(name));
        export::bytes(&exported.bytes, &folder.join("model.onnx"))?;
        text("code/orchestrate_model.py", LOADER)?;
        text("requirements.txt", &lines(REQUIREMENTS.iter().map(|r| r.to_string())))?;
        text("python_env.yaml", &python_env())?;
        text("conda.yaml", &conda())?;
        if let Some(example) = &example {
            text("input_example.json", &format!("{example}\n"))?;
            let asked = json!({ "dataframe_split": example });
            text("serving_input_example.json", &format!("{asked}\n"))?;
        }
        text(HEAD, &head(&exported, example.is_some()))?;
        Ok(exported)
    }
}

/// A folder with something else in it stays as it is.
fn refuse_other(folder: &Path) -> Result<(), AppError> {
    let is_other = match fs::read_dir(folder) {
        Ok(mut entries) => !folder.join(HEAD).exists() && entries.next().is_some(),
        Err(_) => folder.exists(),
    };
    if is_other {
        let text = format!("`{}` is there already, and is no model of MLflow", folder.display());
        return Err(AppError::Usage(format!("{text}; name another folder with -o")));
    }
    Ok(())
}

/// The first rows, as MLflow keeps an example.
fn example(raw: &Table, inputs: &[(String, Ty)]) -> Result<Value, StageError> {
    let mut columns = Vec::new();
    for (name, ty) in inputs {
        let cell = |text: Option<String>| text.map_or(Value::Null, Value::String);
        columns.push(match kind(*ty) {
            Kind::Text | Kind::Date | Kind::Time => {
                let array =
                    compute::cast(raw.column(name)?, &DataType::Utf8).map_err(FrameError::from)?;
                let texts = array.as_string::<i32>();
                texts.iter().map(|t| cell(t.map(str::to_string))).collect::<Vec<_>>()
            }
            Kind::Truth => raw.floats(name)?.iter().map(|v| truth(*v)).collect(),
            Kind::Number => raw.floats(name)?.iter().map(|v| json!(v)).collect(),
        });
    }
    let rows =
        (0..raw.n_rows()).map(|row| columns.iter().map(|c| c[row].clone()).collect::<Vec<_>>());
    let names: Vec<&String> = inputs.iter().map(|(name, _)| name).collect();
    Ok(json!({ "columns": names, "data": rows.collect::<Vec<_>>() }))
}

fn truth(value: f64) -> Value {
    if value.is_nan() { Value::Null } else { json!(value != 0.0) }
}

/// The file that says what the folder holds. JSON is YAML, and spells every name right.
fn head(exported: &OnnxExport, has_example: bool) -> String {
    let input = |(name, ty): &(String, Ty)| {
        // Whole numbers come as whole ones or, where one is missing, as others, and dates as dates or as texts; MLflow has no
        // type for both.
        let word = match (kind(*ty), ty) {
            (Kind::Number, Ty::Int) => "any",
            (Kind::Number, _) => "double",
            (Kind::Truth, _) => "boolean",
            (Kind::Date | Kind::Time, _) => "any",
            (Kind::Text, _) => "string",
        };
        json!({ "type": word, "name": name, "required": true })
    };
    let output = |name: String, word: &str| json!({ "type": word, "name": name, "required": true });
    let mut outputs = vec![output("segment".to_string(), "long")];
    if exported.classes.is_some() {
        outputs.push(output("class".to_string(), "string"));
    }
    outputs.extend(exported.segments.iter().map(|s| output(format!("p_{s}"), "double")));
    let inputs: Vec<Value> = exported.inputs.iter().map(input).collect();
    let mut head = json!({
        "flavors": {
            "python_function": {
                "code": "code",
                "data": "model.onnx",
                "env": { "conda": "conda.yaml", "virtualenv": "python_env.yaml" },
                "loader_module": "orchestrate_model",
                "python_version": PYTHON,
            },
        },
        "metadata": {
            "orchestrate.run": exported.run,
            "orchestrate.pipeline": exported.pipeline,
            "orchestrate.stage": exported.stage,
            "orchestrate.model": exported.model,
        },
        // Of the run, so that exporting it again gives the same bytes.
        "model_uuid": exported.run.to_hex()[..32],
        "signature": {
            "inputs": json!(inputs).to_string(),
            "outputs": json!(outputs).to_string(),
            "params": null,
        },
    });
    if has_example {
        head["saved_input_example_info"] = json!({
            "artifact_path": "input_example.json",
            "pandas_orient": "split",
            "serving_input_path": "serving_input_example.json",
            "type": "dataframe",
        });
    }
    format!("{head:#}\n")
}

fn python_env() -> String {
    format!(
        "python: \"{PYTHON}\"\nbuild_dependencies: [pip]\ndependencies: [-r requirements.txt]\n"
    )
}

fn conda() -> String {
    let pip = REQUIREMENTS.iter().map(|r| format!("      - {r}"));
    format!(
        "name: mlflow-env\nchannels: [conda-forge]\ndependencies:\n  - python={PYTHON}\n  - pip\n  - pip:\n{}",
        lines(pip)
    )
}

fn lines(all: impl Iterator<Item = String>) -> String {
    all.map(|line| line + "\n").collect()
}
