//! Programs that end well, badly, too late, or were never going to. It does not know the engine.

use std::fs;

use serde_json::json;

use super::*;
use crate::stage::{
    ctx::{Arrivals, Input},
    memory,
    work::{Cancel, Work},
};
use crate::store::disk::Disk;

fn run(
    written: Value,
    files: Vec<Input>,
    work: &Work,
) -> Result<memory::MemoryOutputs, StageError> {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let n = COUNTER.fetch_add(1, Ordering::Relaxed);
    let scratch =
        std::env::temp_dir().join(format!("orchestrate-command-{}-{n}", std::process::id()));
    fs::create_dir_all(&scratch).unwrap();
    let lent = Scratch::new(&scratch, Disk::default()).unwrap();
    let single = [("x".to_string(), Input::from_bytes("x", "hello"))].into();
    let arrivals = Arrivals { single, files, scratch: Some(lent), ..Arrivals::default() };
    let params = memory::canonical(&CommandKind, &written).unwrap();
    let result = memory::run(&CommandKind, &params, &arrivals, work);
    fs::remove_dir_all(&scratch).unwrap();
    result
}

#[test]
fn a_program_sees_its_inputs_files_and_little_else() {
    let script =
        "cat {inputs.x} data/a.txt > {outputs.y}; echo $LC_ALL $ORCHESTRATE_SECRET >> out/y.txt";
    let written = json!({ "run": script, "shell": true, "outputs": { "y": "out/y.txt" } });
    let files = vec![Input::from_bytes("data/a.txt", " world\n")];
    let outputs = run(written, files, &Work::alone(1)).unwrap();
    assert_eq!(outputs.bytes["y"], b"hello world\nC\n");
}

#[test]
fn words_are_split_without_a_shell() {
    let written = json!({ "run": "cp '{inputs.x}' y.bin", "outputs": { "y": "y.bin" } });
    assert_eq!(run(written, vec![], &Work::alone(1)).unwrap().bytes["y"], b"hello");
}

#[test]
fn failures_show_what_the_program_said() {
    for (script, expected) in [
        ("echo too bad >&2; exit 3", "`sh` ended with exit status: 3\n    too bad"),
        ("true", "the program ended well but did not write `y.parquet` (output `y`)"),
        ("echo no > y.parquet", "`y.parquet` (output `y`) is not Parquet"),
    ] {
        let written = json!({ "run": script, "shell": true, "outputs": { "y": "y.parquet" } });
        let error = run(written, vec![], &Work::alone(1)).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn a_cancelled_program_is_ended_with_its_children() {
    let cancel = Cancel::new().child(Some(Duration::from_millis(50)));
    let work = Work { cancel, ..Work::alone(1) };
    let written = json!({ "run": "sleep 60 & sleep 60", "shell": true, "outputs": { "y": "y" } });
    assert!(matches!(run(written, vec![], &work), Err(StageError::Cancelled)));
}

#[test]
fn mistakes_are_found_before_anything_runs() {
    let messages = |written: Value| -> Vec<String> {
        let params = memory::canonical(&CommandKind, &written).unwrap();
        let given = Given { params, inputs: [("x".to_string(), None)].into() };
        CommandKind.check(&given).problems.into_iter().map(|p| p.message).collect()
    };
    for (written, expected) in [
        (json!({"run": "a {inputs.z}", "outputs": {"y": "y"}}), "`{inputs.z}` stands for nothing"),
        (json!({"run": "a", "outputs": {"y": "../y"}}), "`../y` is not such a file"),
        (json!({"run": "a", "outputs": {}}), "a command needs at least one output"),
        (
            json!({"run": "a 'b", "outputs": {"y": "y"}}),
            "cannot be split into words: a quote is not closed, or it is empty",
        ),
        (
            json!({"run": ["a"], "shell": true, "outputs": {"y": "y"}}),
            "`shell: true` takes a text, not a list",
        ),
    ] {
        assert_eq!(messages(written.clone()), [expected], "{written}");
    }
    assert_eq!(
        messages(json!({"run": "a {inputs.x} {outputs.y} {z}", "outputs": {"y": "y"}})),
        Vec::<String>::new()
    );
}
