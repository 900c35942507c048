//! `command`: any other program as a stage. The one kind that is not a pure function: it starts a process in a
//! fresh folder with a small environment. It does not know what the program computes, and cannot prove what it
//! reads undeclared; `reproduce` finds that.

pub mod children;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde::Deserialize;
use serde_json::Value;

use crate::{
    base::names,
    frame::parquet,
    kinds::command::children::Group,
    stage::{
        ctx::StageCtx,
        error::StageError,
        kind::{Checked, FixedOutput, Given, Inputs, Kind, OutputPort, PortType, Problem, Sources},
        params::{Param, Shape},
        scratch::Scratch,
    },
    store::disk::OpenFile,
};

/// The longest pause between two looks at a running program.
const POLL: Duration = Duration::from_millis(10);

/// How long a program may take to end after it was asked to, before it is killed.
const GRACE: Duration = Duration::from_secs(3);

/// Lines of a failed program's output that are shown.
const TAIL_LINES: usize = 20;

/// Bytes of it that are read for that.
const TAIL_BYTES: u64 = 1 << 16;

const RUN: Shape = Shape::OneOf(&[Shape::List { of: &Shape::Text, min: 1 }, Shape::Text]);

const PARAMS: &[Param] = &[
    Param::required(
        "run",
        RUN,
        "the program and its arguments: a list, or a text split as a shell splits words; {inputs.x} and {outputs.y} stand for paths",
    ),
    Param::required(
        "outputs",
        Shape::Map(&Shape::Text),
        "output name: file that the program writes, relative to its working folder; .parquet makes a table",
    ),
    Param::with_default(
        "files",
        Shape::List { of: &Shape::Path, min: 0 },
        "[]",
        "files or patterns, relative to the project root, that are hashed and put into the working folder",
    ),
    Param::with_default(
        "env",
        Shape::TEXTS,
        "[]",
        "environment variables that are passed on; their values count",
    ),
    Param::with_default("shell", Shape::Bool, "false", "let `sh -c` run the text"),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    run: Run,
    outputs: BTreeMap<String, String>,
    files: Vec<String>,
    env: Vec<String>,
    shell: bool,
}

/// The command as written.
#[derive(Deserialize)]
#[serde(from = "Value")]
enum Run {
    Words(Vec<String>),
    Line(String),
}

impl From<Value> for Run {
    fn from(value: Value) -> Run {
        let text = |v: &Value| v.as_str().map(str::to_string).unwrap_or_default();
        match &value {
            Value::Array(words) => Run::Words(words.iter().map(text).collect()),
            other => Run::Line(text(other)),
        }
    }
}

/// The kind.
pub struct CommandKind;

impl Kind for CommandKind {
    fn name(&self) -> &'static str {
        "command"
    }

    fn version(&self) -> u32 {
        1
    }

    fn about(&self) -> &'static str {
        "Run any other program in a fresh folder and take the files that it declares"
    }

    fn params(&self) -> &'static [Param] {
        PARAMS
    }

    fn inputs(&self) -> Inputs {
        Inputs::Named(PortType::Opaque)
    }

    fn needs_scratch(&self) -> bool {
        true
    }

    fn fixed_outputs(&self) -> &'static [FixedOutput] {
        &[]
    }

    fn outputs(&self, params: &Value) -> Vec<OutputPort> {
        let Some(outputs) = params["outputs"].as_object() else { return Vec::new() };
        let port = |(name, file): (&String, &Value)| {
            let ext = extension(file.as_str().unwrap_or_default());
            let ty = if ext == "parquet" { PortType::AnyTable } else { PortType::Opaque };
            OutputPort { name: name.clone(), ty, ext }
        };
        outputs.iter().map(port).collect()
    }

    fn sources(&self, params: &Value) -> Sources {
        // Parameters that do not fit are reported elsewhere; there is nothing to read for them.
        match Params::deserialize(params) {
            Ok(Params { files, env, .. }) => {
                Sources { files, snapshot: true, env, ..Sources::default() }
            }
            Err(_) => Sources::default(),
        }
    }

    fn check(&self, given: &Given) -> Checked {
        let problems = match Params::deserialize(&given.params) {
            Ok(params) => problems(&params, given),
            Err(_) => Vec::new(),
        };
        Checked { problems, ..Checked::default() }
    }

    fn run(&self, ctx: &mut StageCtx<'_>) -> Result<(), StageError> {
        let params: Params = ctx.params()?;
        let scratch = ctx
            .scratch()
            .ok_or_else(|| StageError::Internal("a command needs a scratch folder".to_string()))?;
        let folder = Folder::prepare(scratch, &params, ctx)?;
        let words = folder.words(&params)?;
        let status = folder.execute(&words, ctx)?;
        if !status.success() {
            return Err(StageError::Data(failure_text(&words, status, folder.said())));
        }
        folder.collect(&params, ctx)
    }
}

fn problems(params: &Params, given: &Given) -> Vec<Problem> {
    let mut problems = Vec::new();
    if params.outputs.is_empty() {
        problems.push(Problem::new(&["outputs"], "a command needs at least one output", ""));
    }
    for (name, file) in &params.outputs {
        if !names::stays_inside(file) {
            let help = "name a file inside the working folder, such as `out.parquet`";
            problems.push(Problem::new(
                &["outputs", name],
                format!("`{file}` is not such a file"),
                help,
            ));
        }
        if !names::is_file_name(name) {
            let message =
                format!("an output's name is made of letters, digits, _ and -, found `{name}`");
            problems.push(Problem::new(&["outputs", name], message, ""));
        }
    }
    for name in given.inputs.keys().filter(|name| !names::is_file_name(name)) {
        let message =
            format!("an input's name is made of letters, digits, _ and -, found `{name}`");
        problems.push(Problem::new(&["inputs", name], message, ""));
    }
    let words = match &params.run {
        Run::Words(words) if params.shell => {
            let help = "write `run` as one text, or leave `shell` out";
            problems.push(Problem::new(&["shell"], "`shell: true` takes a text, not a list", help));
            words.clone()
        }
        Run::Words(words) => words.clone(),
        Run::Line(line) => vec![line.clone()],
    };
    if let (Run::Line(line), false) = (&params.run, params.shell)
        && shlex::split(line).is_none_or(|words| words.is_empty())
    {
        problems.push(Problem::new(
            &["run"],
            "cannot be split into words: a quote is not closed, or it is empty",
            "",
        ));
    }
    for word in &words {
        for place in placeholders(word) {
            let known = match place.split_once('.') {
                Some(("inputs", name)) => given.inputs.contains_key(name),
                Some((_, name)) => params.outputs.contains_key(name),
                None => true,
            };
            if !known {
                let message = format!("`{{{place}}}` stands for nothing");
                problems.push(Problem::new(
                    &["run"],
                    message,
                    "declare it under `inputs` or `outputs`",
                ));
            }
        }
    }
    problems
}

/// Returns the names in `{inputs.x}` and `{outputs.y}`; other braces mean nothing.
fn placeholders(text: &str) -> Vec<&str> {
    let inner =
        text.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name));
    inner.filter(|name| name.starts_with("inputs.") || name.starts_with("outputs.")).collect()
}

fn extension(file: &str) -> String {
    let ext = Path::new(file).extension().and_then(|e| e.to_str()).unwrap_or("bin");
    let plain = ext.len() <= 16 && ext.bytes().all(|b| b.is_ascii_alphanumeric());
    if plain { ext.to_lowercase() } else { "bin".to_string() }
}

/// The fresh folder of one execution.
struct Folder<'a> {
    scratch: &'a Scratch,
    work: PathBuf,
    temp: PathBuf,
    log: PathBuf,
    inputs: BTreeMap<String, PathBuf>,
    outputs: BTreeMap<String, PathBuf>,
}

impl<'a> Folder<'a> {
    fn prepare(
        scratch: &'a Scratch,
        params: &Params,
        ctx: &StageCtx<'_>,
    ) -> Result<Folder<'a>, StageError> {
        let folder = Folder {
            scratch,
            work: scratch.path().join("work"),
            temp: scratch.path().join("tmp"),
            log: scratch.path().join("log"),
            inputs: input_paths(scratch, ctx)?,
            outputs: BTreeMap::new(),
        };
        scratch.create_dir(&folder.work)?;
        scratch.create_dir(&folder.temp)?;
        for file in ctx.files() {
            let relative = Path::new(&file.label);
            if !names::stays_inside(&file.label) {
                return Err(StageError::Source(format!(
                    "`{}` lies outside the project",
                    file.label
                )));
            }
            let mut reader = file.reader().map_err(failed("read", relative))?;
            scratch.copy_in(&mut reader, relative, &folder.work.join(relative))?;
        }
        let mut outputs = BTreeMap::new();
        for (name, file) in &params.outputs {
            let path = folder.work.join(file);
            if let Some(parent) = path.parent() {
                scratch.create_dir(parent)?;
            }
            outputs.insert(name.clone(), path);
        }
        Ok(Folder { outputs, ..folder })
    }

    /// Returns the words to execute, paths filled in.
    fn words(&self, params: &Params) -> Result<Vec<OsString>, StageError> {
        let words = match &params.run {
            Run::Words(words) => words.clone(),
            Run::Line(line) if params.shell => {
                return Ok(vec!["sh".into(), "-c".into(), self.fill(line, true)?.into()]);
            }
            Run::Line(line) => shlex::split(line).unwrap_or_default(),
        };
        words.iter().map(|word| Ok(self.fill(word, false)?.into())).collect()
    }

    /// Replaces placeholders by paths, quoted if a shell is going to read them.
    fn fill(&self, text: &str, quoted: bool) -> Result<String, StageError> {
        let mut out = text.to_string();
        for (prefix, paths) in [("inputs", &self.inputs), ("outputs", &self.outputs)] {
            for (name, path) in paths {
                let path = path.to_string_lossy();
                let path = match quoted {
                    true => shlex::try_quote(&path)
                        .map_err(|e| StageError::Data(format!("cannot quote `{path}`: {e}")))?
                        .into_owned(),
                    false => path.into_owned(),
                };
                out = out.replace(&format!("{{{prefix}.{name}}}"), &path);
            }
        }
        Ok(out)
    }

    fn execute(&self, words: &[OsString], ctx: &StageCtx<'_>) -> Result<ExitStatus, StageError> {
        let (program, arguments) =
            words.split_first().ok_or_else(|| StageError::Data("`run` is empty".to_string()))?;
        let log = self.scratch.create(&self.log)?;
        let twin = log.try_clone().map_err(failed("create", &self.log))?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&self.work)
            .env_clear()
            .envs(inherited())
            .env("TMPDIR", &self.temp)
            .env("LC_ALL", "C")
            .envs(ctx.env())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(twin);
        let group = Group::start(&mut command).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => StageError::Cancelled,
            _ => StageError::Data(format!("cannot start `{}`: {error}", program.to_string_lossy())),
        })?;
        wait(group, ctx)
    }

    /// Returns what the program said.
    fn said(&self) -> Option<OpenFile> {
        self.scratch.open(&self.log).ok().flatten()
    }

    /// Hands over the declared outputs.
    fn collect(&self, params: &Params, ctx: &mut StageCtx<'_>) -> Result<(), StageError> {
        for (name, file) in &params.outputs {
            let path = &self.outputs[name];
            let mut source = self.scratch.open(path)?.ok_or_else(|| {
                StageError::Data(format!(
                    "the program ended well but did not write `{file}` (output `{name}`){}",
                    tail(self.said())
                ))
            })?;
            if extension(file) == "parquet" {
                let rows = parquet::count_rows(&source).map_err(|error| {
                    StageError::Data(format!("`{file}` (output `{name}`) is not Parquet: {error}"))
                })?;
                ctx.set_rows(name, rows);
                source.seek(SeekFrom::Start(0)).map_err(failed("read", path))?;
            }
            io::copy(&mut source, &mut ctx.sink(name)?).map_err(|error| StageError::Io {
                intent: format!("writing output `{name}`"),
                error,
            })?;
        }
        Ok(())
    }
}

/// Writes every input to a file named after its port.
fn input_paths(
    scratch: &Scratch,
    ctx: &StageCtx<'_>,
) -> Result<BTreeMap<String, PathBuf>, StageError> {
    let folder = scratch.path().join("inputs");
    let mut paths = BTreeMap::new();
    for (port, input) in ctx.inputs() {
        let label = Path::new(&input.label);
        let mut reader = input.reader().map_err(failed("read", label))?;
        let mut magic = Vec::new();
        reader.by_ref().take(4).read_to_end(&mut magic).map_err(failed("read", label))?;
        let ext = if magic == b"PAR1" { "parquet" } else { "bin" };
        let path = folder.join(format!("{port}.{ext}"));
        scratch.copy_in(&mut magic.as_slice().chain(reader), label, &path)?;
        paths.insert(port.clone(), path);
    }
    Ok(paths)
}

/// What the program inherits: nothing that differs between people but where programs and homes are.
fn inherited() -> impl Iterator<Item = (&'static str, OsString)> {
    ["PATH", "HOME"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)))
}

/// Waits for the program; when the stage is to stop, ends it with everything that it started.
fn wait(group: Group, ctx: &StageCtx<'_>) -> Result<ExitStatus, StageError> {
    let lost = |error| StageError::Io { intent: "waiting for the program".to_string(), error };
    let started = Instant::now();
    let mut asked: Option<Instant> = None;
    while !group.has_ended().map_err(lost)? {
        match asked {
            None if ctx.work.check().is_err() => {
                group.ask_to_end();
                asked = Some(Instant::now());
            }
            Some(since) if since.elapsed() > GRACE => group.kill(),
            _ => {}
        }
        // A short program is not kept waiting, a long one not looked at all the time.
        thread::sleep((started.elapsed() / 8).clamp(POLL / 10, POLL));
    }
    let status = group.finish().map_err(lost)?;
    if asked.is_some() { Err(StageError::Cancelled) } else { Ok(status) }
}

fn failed(intent: &str, path: &Path) -> impl FnOnce(io::Error) -> StageError + use<> {
    let intent = format!("cannot {intent} `{}`", path.display());
    move |error| StageError::Io { intent, error }
}

fn failure_text(words: &[OsString], status: ExitStatus, log: Option<OpenFile>) -> String {
    let program = words.first().map(|w| w.to_string_lossy().into_owned()).unwrap_or_default();
    format!("`{program}` ended with {status}{}", tail(log))
}

/// Returns the last lines that the program wrote, indented.
fn tail(log: Option<OpenFile>) -> String {
    let Some(mut log) = log else { return String::new() };
    let mut bytes = Vec::new();
    // A log that cannot be read has nothing to tell; the failure itself is told without it.
    let from = log.seek(SeekFrom::End(0)).map_or(0, |end| end.saturating_sub(TAIL_BYTES));
    let _ = log.seek(SeekFrom::Start(from)).and_then(|_| log.read_to_end(&mut bytes));
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let start = lines.len().saturating_sub(TAIL_LINES);
    lines[start..].iter().map(|line| format!("\n    {line}")).collect()
}

#[cfg(test)]
mod tests;
