//! What hostile bytes are fed to: one function an entrance, each of which must return, whatever the bytes are. Shared by
//! the fuzzer (`fuzz_targets/`) and the ordinary tests (`tests/it/hostile.rs`). It does not know where bytes come from.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int32Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use bytes::Bytes;
use orchestrate::{
    app::{Project, Question, Where},
    base::hash::{ContentHash, RunId, StageKey},
    engine::{
        key,
        plan::{self, Overrides, PlanError},
        replay, settle,
    },
    frame::{self, Table, expr::Expr},
    kinds::{self, classify_common::Classifier, prepare::Preparation, reread},
    report::{self, style::Style},
    stage::{
        ctx::{Arrivals, Input},
        kind::Given,
        memory,
        work::Work,
    },
    store::{
        Store,
        disk::Disk,
        records::{HistoryEntry, KeyRecord, Manifest},
    },
};
use serde_json::{Value, json};

/// A pipeline file: everything up to the first line `===`. What follows are `--set` arguments, a line each.
pub fn yaml(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (text, rest) = text.split_once("\n===\n").unwrap_or((text, ""));
    let mut overrides = Overrides::default();
    for line in rest.lines() {
        match line.split_once('=') {
            Some((name, value)) => overrides.set.push((name.to_string(), value.to_string())),
            None => overrides.profile = Some(line.to_string()),
        }
    }
    match plan::compile(text, kinds::ALL, &overrides) {
        Ok(plan) => {
            for instance in plan.graph.node_weights() {
                settle::keyed_params(instance);
            }
            plan.with_upstream(&plan.order);
        }
        Err(PlanError::Invalid(faults)) => {
            let error = orchestrate::app::AppError::Invalid {
                file: "f.yaml".to_string(),
                text: text.to_string(),
                faults,
            };
            report::error::render(&error, &Style::new(false));
        }
        Err(PlanError::Override(_)) => {}
    }
}

/// Delimited text: four bytes choose the parameters, the rest is the file.
pub fn csv(data: &[u8]) {
    let Some((how, body)) = data.split_first_chunk::<4>() else { return };
    let choose = |byte: usize, shift: u32, of: &[Value]| {
        of[usize::from(how[byte] >> shift) % of.len()].clone()
    };
    let text = json!(null);
    let written = json!({
        "path": "f.csv",
        "delimiter": choose(0, 0, &[text.clone(), json!(","), json!(";"), json!("tab"), json!("whitespace"), json!("\"")]),
        "encoding": choose(0, 4, &[text.clone(), text.clone(), json!("utf-8"), json!("utf-16le"), json!("cp1252"), json!("shift_jis")]),
        "header": choose(1, 0, &[json!(true), json!(false)]),
        "null_values": choose(1, 1, &[json!([]), json!(["NA", "-"])]),
        "on_error": choose(1, 2, &[json!("fail"), json!("skip")]),
        "decimal": choose(1, 3, &[json!("."), json!(",")]),
        "thousands": choose(1, 4, &[text.clone(), json!(" "), json!("'"), json!(",")]),
        "id": choose(1, 6, &[text.clone(), json!("id"), json!("column_1")]),
        "duplicates": choose(2, 0, &[text.clone(), json!("first"), json!("last"), json!("keep")]),
        "date_order": choose(2, 2, &[text, json!("ymd"), json!("dmy"), json!({ "d": "mdy" })]),
        "types": choose(2, 4, &[
            json!({}), json!({ "d": "date" }), json!({ "d": "timestamp" }), json!({ "d": "integer" }),
            json!({ "d": "float", "b": "boolean" }), json!({ "id": "text" }),
        ]),
    });
    let kind = &kinds::ingest_csv::IngestCsv;
    let Ok(params) = memory::canonical(kind, &written) else { return };
    if !orchestrate::stage::kind::Kind::check(
        kind,
        &Given { params: params.clone(), ..Given::default() },
    )
    .problems
    .is_empty()
    {
        return;
    }
    let files = files(how[3], body);
    let arrivals = Arrivals { files: files.clone(), ..Arrivals::default() };
    let Ok(outputs) = memory::run(kind, &params, &arrivals, &Work::alone(1)) else { return };
    // What was read can be read again, as new rows of the same source.
    let table = outputs.table("table").expect("a table that was just written");
    let _ = reread::read_like(
        &table.schema(),
        &params,
        &files,
        reread::Thinning::AsTheSource,
        &Work::alone(1),
    );
}

/// Makes the source files: plain, packed, or two of them.
fn files(how: u8, body: &[u8]) -> Vec<Input> {
    let file = |bytes: &[u8]| Input::from_bytes("f.csv", bytes.to_vec());
    let half = body.len() / 2;
    match how % 4 {
        1 => {
            let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gz.write_all(body).expect("memory takes everything");
            vec![file(&gz.finish().expect("memory takes everything"))]
        }
        2 => vec![file(&zstd::stream::encode_all(body, 1).expect("memory takes everything"))],
        3 => vec![file(&body[..half]), file(&body[half..])],
        _ => vec![file(body)],
    }
}

/// Parquet and Arrow bytes, and tables that say they are models: a first byte `{` means a table written as JSON,
/// `{"metadata": {..}, "columns": {name: [values]}}`, which reaches the readers of models without the fuzzer having to
/// find out how Parquet is spelled.
pub fn parquet(data: &[u8]) {
    // The fuzzer ends the process at any panic, by a hook; those that are turned into errors must get past it.
    static SILENCE: std::sync::Once = std::sync::Once::new();
    SILENCE.call_once(frame::guard::silence);
    if data.first() == Some(&b'{') {
        if let Some(table) = written_table(data) {
            models(&table);
        }
        return;
    }
    let bytes = Bytes::copy_from_slice(data);
    let kind = &kinds::ingest_parquet::IngestParquet;
    for written in [json!({ "path": "f" }), json!({ "path": "f", "columns": ["a"], "id": "id" })] {
        let params = memory::canonical(kind, &written).expect("these are fine");
        let files = vec![Input::from_bytes("f", bytes.clone())];
        let arrivals = Arrivals { files, ..Arrivals::default() };
        let _ = memory::run(kind, &params, &arrivals, &Work::alone(1));
    }
    let _ = frame::parquet::count_rows(&bytes);
    let _ = frame::parquet::read_schema(bytes.clone());
    let _ = frame::parquet::read_head(bytes.clone(), 3);
    let like = batch().schema();
    let new = Input::from_bytes("f", bytes.clone());
    let _ = reread::read_like(
        &like,
        &json!({ "id": "i" }),
        &[new],
        reread::Thinning::AsTheSource,
        &Work::alone(1),
    );
    if let Ok(table) = frame::parquet::read(bytes) {
        models(&table);
    }
}

/// Reads a table as everything that a table may be asked to be.
fn models(table: &Table) {
    let rows = Table::from_batch(batch());
    let work = Work::alone(1);
    let _ = table.segments();
    let _ = table.id();
    if let Ok(model) = Classifier::from_table(table) {
        let _ = model.predict(&rows, &work);
        for part in model.parts() {
            model.part(part).expect("what was read can be written");
        }
    }
    if let Ok(preparation) = Preparation::from_table(table) {
        let _ = preparation.apply(&rows, &work);
        preparation.to_table().expect("what was read can be written");
    }
    let mut bytes = Vec::new();
    let _ = frame::parquet::write(table, &mut bytes);
}

fn written_table(data: &[u8]) -> Option<Table> {
    let written: Value = serde_json::from_slice(data).ok()?;
    let mut columns: Vec<(&str, ArrayRef)> = Vec::new();
    for (name, values) in written["columns"].as_object()? {
        let values = values.as_array()?;
        let array: ArrayRef = if values.iter().any(Value::is_string) {
            Arc::new(values.iter().map(Value::as_str).collect::<StringArray>())
        } else if values.iter().any(Value::is_boolean) {
            Arc::new(values.iter().map(Value::as_bool).collect::<BooleanArray>())
        } else if values.iter().any(Value::is_f64) {
            Arc::new(values.iter().map(Value::as_f64).collect::<Float64Array>())
        } else {
            Arc::new(values.iter().map(Value::as_i64).collect::<Int64Array>())
        };
        columns.push((name, array));
    }
    let metadata = written["metadata"].as_object()?.iter().map(|(key, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_string);
        (key.clone(), text)
    });
    Table::new(None, columns).ok()?.with_metadata(metadata.collect()).ok()
}

/// Records: the first byte says which, the rest is the file.
pub fn records(data: &[u8]) {
    let Some((which, body)) = data.split_first() else { return };
    let folder = folder();
    let store = Store::create(&folder.join("artifacts"), Disk::default()).expect("a store");
    let put = |relative: &str| {
        let path = store.root().join(relative);
        fs::create_dir_all(path.parent().expect("inside the store")).expect("a folder");
        fs::write(&path, body).expect("a file");
        path
    };
    match which {
        b'h' => {
            let path = put("history/00000000000000000002-1.json");
            for entry in store.history().expect("a history") {
                report::json::history(&entry.expect("an entry"), &store);
            }
            if let Ok(entry) = serde_json::from_slice::<HistoryEntry>(body) {
                store.put_history(entry).expect("a history entry");
            }
            look_back(&folder);
            let _ = fs::remove_dir_all(path.parent().expect("inside the store"));
        }
        b'k' => {
            let key = serde_json::from_slice::<KeyRecord>(body)
                .map_or_else(|_| StageKey::of(body), |record| record.key);
            let hex = key.to_hex();
            let path = put(&format!("keys/{}/{hex}.json", &hex[..2]));
            let _ = settle::lookup(&store, &key);
            let _ = fs::remove_file(path);
        }
        b's' => {
            let _ = put("state/small.json");
            let _ = store.pipeline_state("small");
            if let Ok(project) = Project::find(&folder) {
                let _ = project.explain(&question("customers", None));
                let _ = project.artifacts(Where::Pipeline(None), "customers");
            }
        }
        b't' => {
            let path = put("tags/v1");
            let _ = store.tags();
            let _ = store.find_run("v1");
            let _ = fs::remove_file(path);
        }
        b'f' => {
            let path = put("FORMAT");
            let _ = Store::open(store.root(), Disk::default());
            let _ = fs::remove_file(path);
        }
        b'o' => {
            // Packed files end in a hash of themselves, which the fuzzer would never find.
            for (mark, name) in [(b"orcmemo1", "memo"), (b"orcrcpt1", "receipts/x")] {
                let packed = [&mark[..], body].concat();
                let sum = ContentHash::of(&packed);
                let path = put(name);
                fs::write(&path, [packed.as_slice(), sum.as_bytes()].concat()).expect("a file");
                Store::is_receipt(&fs::read(&path).expect("a file"));
                let _ = Store::open(store.root(), Disk::default());
                let _ = fs::remove_file(path);
            }
        }
        _ => {
            let id = RunId::of(body);
            let path = put(&format!("runs/{id}.json"));
            if let Ok(manifest) = store.manifest(&id) {
                replayed(&manifest);
                let _ = store.put_manifest(&manifest);
                look_at(&folder, &id);
            }
            let _ = fs::remove_dir_all(path.parent().expect("inside the store"));
        }
    }
}

/// Does all with a manifest that is done before anything is executed.
fn replayed(manifest: &Manifest) {
    let Ok(plan) = replay::plan(manifest, kinds::ALL) else { return };
    replay::files(manifest, &Default::default());
    replay::env(manifest);
    plan.with_upstream(&plan.order);
    for instance in plan.graph.node_weights() {
        settle::keyed_params(instance);
    }
    for stage in &manifest.stages {
        key::key(&stage.preimage);
    }
}

fn look_back(folder: &Path) {
    let Ok(project) = Project::find(folder) else { return };
    if let Ok(entries) = project.log(None) {
        report::history::log(&entries, Some(80), &Style::new(false));
        report::history::log_document(&entries);
    }
}

fn look_at(folder: &Path, id: &RunId) {
    let Ok(project) = Project::find(folder) else { return };
    let id = id.to_hex();
    let _ = project.past_run(&id);
    let _ = project.diff(&id, &id);
    let _ = project.artifacts(Where::Run(&id), "customers");
    let _ = project.explain(&question("customers", Some(&id)));
}

fn question(stage: &str, run: Option<&str>) -> Question {
    Question {
        stage: stage.to_string(),
        pipeline: None,
        survey: Default::default(),
        run: run.map(str::to_string),
    }
}

/// An expression, checked and computed on rows of every type with the oddest values there are.
pub fn expr(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(expr) = Expr::parse(text) else { return };
    expr.columns();
    let batch = batch();
    let _ = expr.check_condition(batch.schema_ref());
    if expr.type_in(batch.schema_ref()).is_ok() {
        let _ = expr.eval(&batch);
    }
}

/// Names that people type: runs, tags, stages, `--set`, `--where`; a line each.
pub fn runref(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let folder = folder();
    let Ok(project) = Project::find(&folder) else { return };
    let Ok(store) = project.store_for_writing() else { return };
    let batch = batch();
    for line in text.lines().take(8) {
        let _ = store.find_run(line);
        let _ = project.tag("latest", line);
        let _ = project.untag(line);
        let _ = project.artifacts(Where::Pipeline(None), line);
        let _ = project.artifacts(Where::Run(line), line);
        let _ = project.explain(&question(line, None));
        let _ = project.pipeline(Some(line));
        let (name, value) = line.split_once('=').unwrap_or((line, line));
        let set = vec![(name.to_string(), value.to_string())];
        let _ = plan::compile(PIPELINE, kinds::ALL, &Overrides { set, ..Overrides::default() });
        if let Ok(plan) = plan::compile(PIPELINE, kinds::ALL, &Overrides::default()) {
            plan.select(line);
        }
        let condition =
            Expr::parse(line).and_then(|e| e.check_condition(batch.schema_ref()).map(|()| e));
        if let Ok(condition) = condition {
            let _ = condition.eval(&batch);
        }
        let _ = line.parse::<ContentHash>();
    }
}

const PIPELINE: &str = "pipeline: small\nparams: { seed: 1, name: x, many: [1, 2] }\nstages:\n  customers: { uses: ingest.csv, \
     with: { path: \"data/${params.name}.csv\" } }\n  prepare: { uses: transform.fit, inputs: { table: customers } }\n  \
     kmeans: { uses: cluster.kmeans, inputs: { matrix: prepare.matrix }, matrix: { k: { from: 2, to: 4 } }, with: { k: \
     \"${matrix.k}\", seed: \"${params.seed}\" } }\n";

/// A project folder of this process, made once.
fn folder() -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let make = || {
        let path = std::env::temp_dir().join(format!("orchestrate-hostile-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("pipelines")).expect("a folder");
        fs::write(path.join("pipelines/small.yaml"), PIPELINE).expect("a file");
        let store = Store::create(&path.join("artifacts"), Disk::default()).expect("a store");
        let manifest = json!({ "format": 1, "pipeline": "small", "params": {}, "stages": [] });
        let manifest: Manifest = serde_json::from_value(manifest).expect("a manifest");
        let run = store.put_manifest(&manifest).expect("a run");
        let entry = json!({
            "format": 1, "run": run, "pipeline": "small", "file": "pipelines/small.yaml",
            "yaml": ContentHash::of(b""), "targets": [], "started": "", "seconds": 0.0, "host": "", "threads": 1,
            "program": "", "counts": {}, "stages": [],
        });
        let entry: HistoryEntry = serde_json::from_value(entry).expect("an entry");
        store.put_history(entry).expect("a history entry");
        path
    };
    FOLDER.get_or_init(make).clone()
}

fn batch() -> arrow::array::RecordBatch {
    let day = 86_400_000_000;
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "i",
            Arc::new(Int64Array::from(vec![
                Some(0),
                Some(-1),
                Some(i64::MIN),
                Some(i64::MAX),
                None,
            ])),
        ),
        (
            "f",
            Arc::new(Float64Array::from(vec![
                Some(0.5),
                Some(-0.0),
                Some(f64::MAX),
                Some(f64::NAN),
                None,
            ])),
        ),
        (
            "s",
            Arc::new(StringArray::from(vec![
                Some(""),
                Some("añß🦀"),
                Some("12.5e3"),
                Some("2024-02-29 23:59:60"),
                None,
            ])),
        ),
        (
            "b",
            Arc::new(BooleanArray::from(vec![
                Some(true),
                Some(false),
                None,
                Some(true),
                Some(false),
            ])),
        ),
        (
            "d",
            Arc::new(Date32Array::from(vec![
                Some(0),
                Some(i32::MIN),
                Some(i32::MAX),
                Some(19_782),
                None,
            ])),
        ),
        (
            "t",
            Arc::new(TimestampMicrosecondArray::from(vec![
                Some(0),
                Some(i64::MIN),
                Some(i64::MAX),
                Some(19_782 * day),
                None,
            ])),
        ),
        ("segment", Arc::new(Int32Array::from(vec![0, 1, -1, i32::MAX, i32::MIN]))),
    ];
    arrow::array::RecordBatch::try_from_iter(columns).expect("columns of one length")
}
