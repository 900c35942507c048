//! `export --verify`: the run's own raw rows through the exported model, in a program of somebody else, held against the run's
//! own answers. It does not know how a model is written, nor what its runtime does.

use std::{
    collections::BTreeMap,
    io::Write,
    path::Path,
    process::{Command, Stdio},
    thread,
};

use arrow::{
    array::{Array, ArrayRef, AsArray},
    compute,
    datatypes::DataType,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    app::{AppError, ModelExportOptions, Project, Scorer, raw_rows},
    base::hash::{ContentHash, RunId},
    frame::{
        FrameError, Table,
        expr::types::Ty,
        onnx::columns::{Kind, kind},
        table::is_temporal,
    },
    kinds::classify_common::xgboost_json,
    ml::{Matrix, classify::scores},
    stage::{error::StageError, work::Work},
};

/// So many rows are replayed, from the first on.
const MOST_ROWS: usize = 100_000;
/// Probabilities may differ by so much: XGBoost computes exponentials in single precision.
const TOLERANCE: f64 = 1e-6;
/// What asks the runtimes.
const REPLAY: &str = include_str!("parity/replay.py");

/// An exported model that can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An ONNX file, by onnxruntime.
    Onnx,
    /// A folder, by MLflow.
    Mlflow,
    /// An XGBoost file, by XGBoost.
    Xgboost,
}

/// How far the exported model agrees with the run.
#[derive(Debug, Serialize)]
pub struct Parity {
    /// What this document is.
    pub format: &'static str,
    /// The run.
    pub run: RunId,
    /// The stage that trained the classifier.
    pub stage: String,
    /// The hash of the classifier.
    pub model: ContentHash,
    /// The form that was asked.
    pub exported: &'static str,
    /// The programs that answered, and their versions.
    pub runtime: BTreeMap<String, String>,
    /// How many rows were asked about: the run's raw rows, from the first on.
    pub rows: usize,
    /// Of these, how many have no answer from the run.
    pub unanswered: usize,
    /// How many got another label than from the run.
    pub labels_differ: usize,
    /// The first of them.
    pub first_difference: Option<usize>,
    /// The largest difference of a probability.
    pub max_difference: f64,
    /// What it may be.
    pub tolerance: f64,
    /// Whether the labels are the same and no probability differs by more.
    pub agrees: bool,
}

/// What the replay says.
#[derive(Deserialize)]
struct Said {
    missing: Option<String>,
    #[serde(default)]
    runtime: BTreeMap<String, String>,
    segments: Option<Vec<Option<i64>>>,
    #[serde(default)]
    p: Vec<Vec<Option<f64>>>,
}

/// Rows to ask about, and the run's answers.
struct Asked {
    columns: Value,
    segments: Vec<Option<i64>>,
    p: Vec<Vec<Option<f64>>>,
}

impl Form {
    fn word(self) -> &'static str {
        match self {
            Form::Onnx => "onnx",
            Form::Mlflow => "mlflow",
            Form::Xgboost => "xgboost",
        }
    }

    fn packages(self) -> &'static str {
        match self {
            Form::Onnx => "onnxruntime",
            Form::Mlflow => "mlflow onnxruntime",
            Form::Xgboost => "xgboost",
        }
    }
}

impl Project {
    /// Asks the exported model at `path` about the run's raw rows, with the interpreter `python`.
    ///
    /// # Errors
    /// If the run's raw rows are gone, or the interpreter or the model's runtime is not there or fails.
    pub fn verify(
        &self,
        options: &ModelExportOptions,
        form: Form,
        path: &Path,
        python: &str,
        work: &Work,
    ) -> Result<Parity, AppError> {
        let store = self.store()?;
        let recorded = self.recorded_with_classifier(&store, options.run.as_deref())?;
        let scorer =
            Scorer::load(&store, recorded.id, &recorded.manifest, options.stage.as_deref())?;
        let raw = raw_rows::first(&store, &recorded.manifest, &scorer.source_stage, MOST_ROWS)?;
        let asked = match form {
            Form::Xgboost => features(&scorer, &raw, work)?,
            Form::Onnx | Form::Mlflow => rows(&scorer, &raw, work)?,
        };
        let said = replay(form, path, python, &asked.columns)?;
        compared(&scorer, form, &asked, said)
    }
}

/// Raw rows as the exported model takes them.
fn rows(scorer: &Scorer, raw: &Table, work: &Work) -> Result<Asked, AppError> {
    let answers = scorer.assign(raw, work)?.table;
    let mut columns = Vec::new();
    for (name, ty) in scorer.inputs()? {
        let values = values(raw.column(&name).map_err(StageError::from)?, raw, &name, ty)?;
        columns.push(json!({ "name": name, "kind": kind(ty), "values": values }));
    }
    let segments = answers.integers("segment").map_err(StageError::from)?;
    let by_class: Vec<Vec<f64>> = scorer
        .classifier
        .classes
        .segments
        .iter()
        .map(|segment| answers.floats(&format!("p_{segment}")).map_err(StageError::from))
        .collect::<Result<_, _>>()?;
    let row =
        |i: usize| by_class.iter().map(|p| Some(p[i]).filter(|v: &f64| !v.is_nan())).collect();
    let p = (0..answers.n_rows()).map(row).collect();
    Ok(Asked { columns: json!(columns), segments, p })
}

fn values(array: &ArrayRef, raw: &Table, name: &str, ty: Ty) -> Result<Value, StageError> {
    if is_temporal(array.data_type()) {
        let text = compute::cast(array, &DataType::Utf8).map_err(FrameError::from)?;
        return Ok(json!(text.as_string::<i32>().iter().collect::<Vec<_>>()));
    }
    if kind(ty) == Kind::Text {
        return Ok(json!(raw.texts(name)?.iter().collect::<Vec<_>>()));
    }
    Ok(json!(raw.floats(name)?))
}

/// The features of rows that reach the classifier.
fn features(scorer: &Scorer, raw: &Table, work: &Work) -> Result<Asked, AppError> {
    let table = scorer.prepare(raw, work)?.table;
    let x = scorer.classifier.preparation.apply(&table, work)?;
    let p = scorer.classifier.answer(&x, work).map_err(StageError::from)?;
    let names = xgboost_json::feature_names(&scorer.classifier);
    let column = |(i, name): (usize, &String)| json!({ "name": name, "kind": Kind::Number, "values": x.column(i) });
    let columns: Vec<Value> = names.iter().enumerate().map(column).collect();
    let label = |class: u32| Some(i64::from(scorer.classifier.classes.segments[class as usize]));
    Ok(Asked {
        columns: json!(columns),
        segments: scores::predicted(&p).into_iter().map(label).collect(),
        p: p.rows().map(|row| row.iter().map(|v| Some(*v)).collect()).collect(),
    })
}

fn replay(form: Form, path: &Path, python: &str, columns: &Value) -> Result<Said, AppError> {
    let absent = |error: std::io::Error| {
        AppError::Usage(format!(
            "the export is written, but cannot be verified: `{python}` does not start ({error}); name an interpreter \
             that has {} with --python",
            form.packages()
        ))
    };
    let failed = |why: &str| {
        AppError::Stage(StageError::Data(format!(
            "the export is written, but its runtime failed:\n{}",
            why.trim_end()
        )))
    };
    let mut child = Command::new(python)
        .args(["-c", REPLAY, form.word()])
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(absent)?;
    let input = child.stdin.take();
    let document = json!({ "columns": columns }).to_string();
    let done = thread::scope(|scope| {
        scope.spawn(move || {
            // One that ends early says why itself.
            input.map(|mut input| input.write_all(document.as_bytes()))
        });
        child.wait_with_output()
    });
    let done = done.map_err(absent)?;
    if !done.status.success() {
        let text = String::from_utf8_lossy(&done.stderr);
        let last: Vec<&str> = text.lines().rev().take(8).collect();
        return Err(failed(&last.into_iter().rev().collect::<Vec<_>>().join("\n")));
    }
    let said: Said = serde_json::from_slice(&done.stdout)
        .map_err(|error| failed(&format!("it answered what cannot be read: {error}")))?;
    match &said.missing {
        None => Ok(said),
        Some(module) => Err(AppError::Usage(format!(
            "the export is written, but cannot be verified: `{python}` has no module `{module}`; `{python} -m pip install \
             {}`, or name another interpreter with --python",
            form.packages()
        ))),
    }
}

fn compared(scorer: &Scorer, form: Form, asked: &Asked, said: Said) -> Result<Parity, AppError> {
    let n_rows = asked.segments.len();
    let n_classes = scorer.classifier.classes.segments.len();
    if said.p.len() != n_rows || said.p.iter().any(|row| row.len() != n_classes) {
        let text = format!("the exported model gave {} answers to {n_rows} rows", said.p.len());
        return Err(AppError::Differs(text));
    }
    // XGBoost gives probabilities alone.
    let labels = said.segments.unwrap_or_else(|| {
        let flat = said.p.iter().flatten().map(|v| v.unwrap_or(f64::NAN)).collect();
        let found = scores::predicted(&Matrix::new(n_rows, n_classes, flat));
        let label = |class| Some(i64::from(scorer.classifier.classes.segments[class as usize]));
        found.into_iter().map(label).collect()
    });
    let differs = |row: &usize| labels.get(*row) != asked.segments.get(*row);
    let different: Vec<usize> = (0..n_rows).filter(differs).collect();
    let apart = |(a, b): (&Option<f64>, &Option<f64>)| match (a, b) {
        (Some(a), Some(b)) => (a - b).abs(),
        (None, None) => 0.0,
        _ => 1.0,
    };
    let pairs = asked.p.iter().flatten().zip(said.p.iter().flatten());
    let max_difference = pairs.map(apart).fold(0.0, f64::max);
    Ok(Parity {
        format: "orchestrate-parity/1",
        run: scorer.run,
        stage: scorer.stage.clone(),
        model: scorer.model,
        exported: form.word(),
        runtime: said.runtime,
        rows: n_rows,
        unanswered: asked.segments.iter().filter(|s| s.is_none()).count(),
        labels_differ: different.len(),
        first_difference: different.first().copied(),
        max_difference,
        tolerance: TOLERANCE,
        agrees: different.is_empty() && max_difference <= TOLERANCE,
    })
}
