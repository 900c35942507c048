//! Finds the artifacts that a person means by `STAGE` or `STAGE.PORT`: the newest of a pipeline, or those of a
//! past run. It does not show them.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use petgraph::graph::NodeIndex;

use crate::{
    app::{AppError, PipelineFile, Project},
    base::{
        hash::{ContentHash, RunId},
        names,
    },
    engine::{plan::Overrides, yaml},
    frame::{self, FrameError, Table},
    kinds,
    stage::error::StageError,
    store::{Store, error::StoreError, objects::Health, records::Manifest},
};

/// Where artifacts are looked for.
#[derive(Clone, Copy, Debug)]
pub enum Where<'a> {
    /// The newest ones of a pipeline (`None`: the default one).
    Pipeline(Option<&'a str>),
    /// Those of a past run.
    Run(&'a str),
}

/// One artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// The instance that made it.
    pub stage: String,
    /// The output.
    pub port: String,
    /// The hash of its bytes.
    pub hash: ContentHash,
    /// The ending of its name.
    pub ext: String,
    /// Its rows, where that is recorded.
    pub rows: Option<u64>,
    /// Where it lies.
    pub path: PathBuf,
    /// The outputs beside it, if none was named and this one was chosen.
    pub beside: Vec<String>,
}

/// What there is to find: instances in order, each with its outputs in order, the main one first.
#[derive(Debug, Default)]
struct Shelf {
    /// What the person is looking at, for messages: `the pipeline ...`.
    of: String,
    instances: Vec<Instance>,
}

#[derive(Debug)]
struct Instance {
    name: String,
    /// Empty if it has not run.
    outputs: Vec<Output>,
}

#[derive(Clone, Debug)]
struct Output {
    port: String,
    hash: ContentHash,
    ext: String,
    rows: Option<u64>,
}

impl Project {
    /// Finds the artifacts that `wanted` means. Several are found if it is the bare name of a stage with
    /// instances.
    ///
    /// # Errors
    /// If nothing is meant, or it has not run yet.
    pub fn artifacts(&self, from: Where<'_>, wanted: &str) -> Result<Vec<Artifact>, AppError> {
        let store = self.store()?;
        let shelf = match from {
            Where::Pipeline(name) => self.newest(&store, name)?,
            Where::Run(text) => {
                let id = store.find_run(text)?;
                recorded(&id, &store.manifest(&id)?)
            }
        };
        find(&shelf, wanted)?
            .into_iter()
            .map(|(stage, output, beside)| {
                let path = store.object_path(&output.hash, &output.ext);
                if !store.has_object(&output.hash, &output.ext)? {
                    return Err(gone(&stage, &output.port, &from));
                }
                Ok(Artifact {
                    stage,
                    port: output.port,
                    hash: output.hash,
                    ext: output.ext,
                    rows: output.rows,
                    path,
                    beside,
                })
            })
            .collect()
    }

    /// Finds the one artifact that `wanted` means.
    ///
    /// # Errors
    /// As [`Project::artifacts`], and if several are meant.
    pub fn artifact(&self, from: Where<'_>, wanted: &str) -> Result<Artifact, AppError> {
        let mut found = self.artifacts(from, wanted)?;
        if found.len() > 1 {
            let list: Vec<&str> = found.iter().map(|a| a.stage.as_str()).collect();
            let list = list.join(", ");
            return Err(AppError::Usage(format!("`{wanted}` has instances, name one: {list}")));
        }
        match found.pop() {
            Some(artifact) => Ok(artifact),
            None => Err(AppError::Usage(format!("`{wanted}` has no artifact"))),
        }
    }

    /// The newest artifacts of a pipeline. It may be broken at the moment: looking at data is how one mends it.
    fn newest(&self, store: &Store, name: Option<&str>) -> Result<Shelf, AppError> {
        let file = self.pipeline(name)?;
        let plan = self.compile(&file, &Overrides::default()).ok();
        let pipeline = match &plan {
            Some(plan) => plan.pipeline.clone(),
            None => name_in(&file)?,
        };
        let state = store.pipeline_state(&pipeline)?;
        let names: Vec<(&str, &str)> = match &plan {
            Some(plan) => {
                let of = |n: NodeIndex| (plan.graph[n].name.as_str(), plan.graph[n].kind.name());
                plan.order.iter().copied().map(of).collect()
            }
            None => {
                let known = state.instances.iter();
                known.map(|(name, known)| (name.as_str(), known.preimage.kind.as_str())).collect()
            }
        };
        let mut shelf = Shelf { of: format!("pipeline `{pipeline}`"), instances: Vec::new() };
        for (name, kind) in names {
            let known = state.instances.get(name);
            let record = known.map(|k| store.key_record(&k.key)).transpose()?.flatten();
            let mut outputs: Vec<Output> = Vec::new();
            // The view is newer than the records while a run goes on.
            for (port, hash, ext) in store.linked(&pipeline, name)? {
                let of_record = record.as_ref().and_then(|r| r.outputs.get(&port));
                let rows = of_record.filter(|o| o.hash == hash).and_then(|o| o.rows);
                outputs.push(Output { port, hash, ext, rows });
            }
            if let Some(record) = record.filter(|_| outputs.is_empty()) {
                outputs.extend(record.outputs.into_iter().map(|(port, o)| Output {
                    port,
                    hash: o.hash,
                    ext: o.ext,
                    rows: o.rows,
                }));
            }
            let outputs = in_order(kind, outputs);
            shelf.instances.push(Instance { name: name.to_string(), outputs });
        }
        Ok(shelf)
    }
}

impl Artifact {
    /// Returns true if it is a table.
    pub fn is_table(&self) -> bool {
        self.ext == "parquet"
    }

    /// Reads its bytes and checks them against its hash.
    ///
    /// # Errors
    /// If they are damaged or the medium refuses.
    pub fn bytes(&self, store: &Store) -> Result<Vec<u8>, AppError> {
        Ok(store.read_object(&self.hash, &self.ext)?)
    }

    /// Checks its bytes against its hash as a run would: they are read again only if the file was touched.
    ///
    /// # Errors
    /// If they are damaged or the medium refuses.
    pub fn check(&self, store: &Store) -> Result<(), AppError> {
        match store.health(&self.hash, &self.ext)? {
            Health::Sound => Ok(()),
            _ => {
                let why = "does not hold the bytes of its name";
                Err(AppError::Store(StoreError::damaged(self.path.clone(), why)))
            }
        }
    }

    /// Reads the first `n_rows` rows of its table (`None`: all), and tells how many it has.
    ///
    /// # Errors
    /// If the bytes are damaged or are not a table.
    pub fn table(&self, store: &Store, n_rows: Option<usize>) -> Result<(Table, usize), AppError> {
        let Some(n_rows) = n_rows else {
            let table = table(store, &self.hash, &self.ext)?;
            let n_all = table.n_rows();
            return Ok((table, n_all));
        };
        self.check(store)?;
        let file = store.disk().open(&self.path)?;
        let n_all = frame::parquet::count_rows(&file).map_err(|e| unreadable(&self.path, &e))?;
        let head =
            frame::parquet::read_head(file, n_rows).map_err(|e| unreadable(&self.path, &e))?;
        Ok((head, usize::try_from(n_all).unwrap_or(usize::MAX)))
    }
}

/// Reads the table under a hash and checks its bytes.
///
/// # Errors
/// If the bytes are damaged or are not a table.
pub fn table(store: &Store, hash: &ContentHash, ext: &str) -> Result<Table, AppError> {
    let bytes = Bytes::from(store.read_object(hash, ext)?);
    frame::parquet::read(bytes).map_err(|e| unreadable(&store.object_path(hash, ext), &e))
}

pub(super) fn unreadable(path: &Path, error: &FrameError) -> AppError {
    AppError::Store(StoreError::damaged(path, format!("is not a readable table: {error}")))
}

fn name_in(file: &PipelineFile) -> Result<String, AppError> {
    let root = yaml::read(&file.text).ok();
    let name = root.and_then(|r| r.get("pipeline").and_then(|n| n.as_text()));
    name.filter(|n| names::is_stage_name(n))
        .ok_or_else(|| AppError::Usage(format!("`{}` does not name its pipeline", file.label)))
}

fn recorded(id: &RunId, manifest: &Manifest) -> Shelf {
    let instances = manifest.stages.iter().map(|stage| {
        let outputs = stage.outputs.iter().map(|(port, o)| Output {
            port: port.clone(),
            hash: o.hash,
            ext: o.ext.clone(),
            rows: None,
        });
        Instance {
            name: stage.name.clone(),
            outputs: in_order(&stage.preimage.kind, outputs.collect()),
        }
    });
    Shelf { of: format!("run {}", &id.to_hex()[..12]), instances: instances.collect() }
}

/// Puts outputs into the order in which their kind declares them: its main one comes first.
fn in_order(kind: &str, mut outputs: Vec<Output>) -> Vec<Output> {
    let declared = kinds::find(kind).map_or(&[][..], |k| k.fixed_outputs());
    let place = |o: &Output| declared.iter().position(|d| d.name == o.port).unwrap_or(usize::MAX);
    outputs.sort_by_key(place);
    outputs
}

type Found = (String, Output, Vec<String>);

/// Follows `stage`, `stage.port`, `stage/k=4` or `stage/k=4.port`.
fn find(shelf: &Shelf, wanted: &str) -> Result<Vec<Found>, AppError> {
    let (name, port) = split(shelf, wanted);
    let chosen: Vec<&Instance> = shelf.instances.iter().filter(|i| i.is_meant_by(name)).collect();
    if chosen.is_empty() {
        return Err(unknown_stage(shelf, name));
    }
    let run: Vec<&Instance> = chosen.iter().copied().filter(|i| !i.outputs.is_empty()).collect();
    if run.is_empty() {
        return Err(AppError::Usage(format!(
            "`{name}` has no artifacts yet; `orchestrate run --target {name}` makes them"
        )));
    }
    run.into_iter().map(|instance| choose(instance, port)).collect()
}

fn choose(instance: &Instance, port: Option<&str>) -> Result<Found, AppError> {
    let ports = || instance.outputs.iter().map(|o| o.port.as_str());
    let Some(port) = port else {
        let beside = ports().skip(1).map(str::to_string).collect();
        return Ok((instance.name.clone(), instance.outputs[0].clone(), beside));
    };
    match instance.outputs.iter().find(|o| o.port == port) {
        Some(output) => Ok((instance.name.clone(), output.clone(), Vec::new())),
        None => {
            let mut help = names::suggestion(port, ports());
            if help.is_empty() {
                help = format!("it has {}", ports().collect::<Vec<_>>().join(", "));
            }
            let name = &instance.name;
            Err(AppError::Usage(format!("`{name}` has no output `{port}`; {help}")))
        }
    }
}

/// Splits a port off after the last dot, unless the whole names an instance (`s/eps=0.5`).
fn split<'a>(shelf: &Shelf, wanted: &'a str) -> (&'a str, Option<&'a str>) {
    match wanted.rsplit_once('.') {
        Some((name, port)) if !shelf.instances.iter().any(|i| i.name == wanted) => {
            (name, Some(port))
        }
        _ => (wanted, None),
    }
}

impl Instance {
    fn stage(&self) -> &str {
        self.name.split('/').next().unwrap_or(&self.name)
    }

    fn is_meant_by(&self, name: &str) -> bool {
        self.name == name || self.stage() == name
    }
}

fn unknown_stage(shelf: &Shelf, name: &str) -> AppError {
    if shelf.instances.is_empty() {
        let why = "its file is not valid and nothing of it was run; `orchestrate check` tells more";
        return AppError::Usage(format!("{} has no stage `{name}`: {why}", shelf.of));
    }
    let mut known: Vec<&str> =
        shelf.instances.iter().flat_map(|i| [i.stage(), i.name.as_str()]).collect();
    known.sort_unstable();
    known.dedup();
    let mut help = names::suggestion(name, known.iter().copied());
    if help.is_empty() {
        let mut stages: Vec<&str> = shelf.instances.iter().map(Instance::stage).collect();
        stages.dedup();
        help = format!("it has {}", stages.join(", "));
    }
    AppError::Usage(format!("{} has no stage `{name}`; {help}", shelf.of))
}

fn gone(stage: &str, port: &str, from: &Where<'_>) -> AppError {
    let help = match from {
        Where::Pipeline(_) => "`orchestrate run` makes it again".to_string(),
        Where::Run(run) => format!("`orchestrate restore {run}` brings it back"),
    };
    AppError::Stage(StageError::Data(format!(
        "artifact `{stage}.{port}` is no longer in the store; {help}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelf() -> Shelf {
        let output = |port: &str| Output {
            port: port.to_string(),
            hash: ContentHash::of(port.as_bytes()),
            ext: "parquet".to_string(),
            rows: None,
        };
        let instance = |name: &str, ports: &[&str]| Instance {
            name: name.to_string(),
            outputs: ports.iter().map(|p| output(p)).collect(),
        };
        Shelf {
            of: "pipeline `p`".to_string(),
            instances: vec![
                instance("customers", &["table"]),
                instance("scan/eps=0.5", &["labels", "model"]),
                instance("scan/eps=1", &["labels", "model"]),
                instance("later", &[]),
            ],
        }
    }

    fn names(wanted: &str) -> Vec<String> {
        match find(&shelf(), wanted) {
            Ok(found) => found.iter().map(|(s, o, _)| format!("{s}.{}", o.port)).collect(),
            Err(error) => vec![error.to_string()],
        }
    }

    #[test]
    fn ports_follow_the_last_dot_and_values_may_hold_dots() {
        for (wanted, expected) in [
            ("customers", &["customers.table"][..]),
            ("customers.table", &["customers.table"]),
            ("scan/eps=0.5", &["scan/eps=0.5.labels"]),
            ("scan/eps=0.5.model", &["scan/eps=0.5.model"]),
            ("scan.model", &["scan/eps=0.5.model", "scan/eps=1.model"]),
        ] {
            assert_eq!(names(wanted), expected, "{wanted}");
        }
    }

    #[test]
    fn what_is_not_there_is_said_with_what_is() {
        for (wanted, part) in [
            ("custmers", "did you mean `customers`?"),
            ("customers.tabel", "did you mean `table`?"),
            ("customers.xyz", "it has table"),
            ("nothing", "it has customers, scan, later"),
            ("later", "run --target later"),
        ] {
            let text = names(wanted).join(" ");
            assert!(text.contains(part), "{wanted}: {text}");
        }
    }

    /// Of a pipeline that was never run and does not compile, this said "it has" and then nothing.
    #[test]
    fn a_pipeline_without_stages_says_why() {
        let empty = Shelf { of: "pipeline `p`".to_string(), instances: Vec::new() };
        let text = find(&empty, "customers").err().map(|e| e.to_string()).unwrap_or_default();
        assert!(text.starts_with("pipeline `p` has no stage `customers`: its file"), "{text}");
    }
}
