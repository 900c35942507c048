//! What instances read from outside the pipeline: which files a pattern means, and their hashes.
//! It does not know what is in them.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::{
    base::{hash::ContentHash, names},
    engine::plan::Instance,
    stage::{ctx::Input, error::StageError, kind::Reference},
    store::{
        Store,
        disk::{Disk, Stat},
        error::StoreError,
        objects::{Health, RAW},
        records::{Manifest, ManifestOutput, ManifestStage},
    },
};

/// Where source files come from.
pub enum Origin<'a> {
    /// The project folder, as it is now.
    Project(&'a Path),
    /// What a run recorded: relative paths and hashes by instance, their bytes in the store that recorded it or, where no
    /// snapshot was kept, in the project folder if they are still the same.
    Recorded {
        /// Files by instance name.
        files: &'a BTreeMap<String, Vec<(String, ContentHash)>>,
        /// The store that recorded the run.
        store: &'a Store,
        /// The project folder.
        root: &'a Path,
        /// Environment variables by instance name.
        env: &'a BTreeMap<String, BTreeMap<String, String>>,
    },
}

/// A file that an instance reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Its path relative to the project root.
    pub label: String,
    /// The hash of its bytes.
    pub hash: ContentHash,
    place: PathBuf,
    /// Whether a copy is kept and read, rather than the file itself.
    keep: bool,
    /// What the file looked like when it was hashed, where it is read itself.
    seen: Option<Stat>,
}

impl Origin<'_> {
    /// Returns the files that `instance` reads, in the order of their sorted relative paths.
    ///
    /// # Errors
    /// If one is missing or changes while it is read.
    pub fn files(&self, instance: &Instance, store: &Store) -> Result<Vec<SourceFile>, StageError> {
        match self {
            Origin::Project(root) => project_files(instance, root, store),
            Origin::Recorded { files, store: recorded, root, .. } => {
                let known = files.get(&instance.name).map_or(&[][..], Vec::as_slice);
                known
                    .iter()
                    .map(|(label, hash)| recorded_file(label, hash, recorded, root))
                    .collect()
            }
        }
    }

    /// Returns the declared environment variables of `instance`; one that is not set is left out.
    pub fn env(&self, instance: &Instance) -> BTreeMap<String, String> {
        match self {
            Origin::Project(_) => instance
                .sources
                .env
                .iter()
                .filter_map(|name| Some((name.clone(), std::env::var(name).ok()?)))
                .collect(),
            Origin::Recorded { env, .. } => env.get(&instance.name).cloned().unwrap_or_default(),
        }
    }
}

fn project_files(
    instance: &Instance,
    root: &Path,
    store: &Store,
) -> Result<Vec<SourceFile>, StageError> {
    let mut labels = Vec::new();
    for pattern in &instance.sources.files {
        labels.extend(matches(pattern, root, store.disk())?);
    }
    labels.sort();
    labels.dedup();
    let mut files = labels
        .into_iter()
        .map(|label| {
            let place = root.join(&label);
            let (hash, seen) = store.source_hash(&place).map_err(|e| source_error(&label, e))?;
            let keep = instance.sources.snapshot;
            Ok(SourceFile { label, hash, place, keep, seen: (!keep).then_some(seen) })
        })
        .collect::<Result<Vec<_>, StageError>>()?;
    if let Some(reference) = &instance.sources.reference {
        files.extend(lent(reference, instance, store)?);
    }
    Ok(files)
}

/// Returns what an earlier run lends, ordered by port. It is kept like any other source, so that a run can be executed
/// again when the run that lent is gone.
fn lent(
    reference: &Reference,
    instance: &Instance,
    store: &Store,
) -> Result<Vec<SourceFile>, StageError> {
    let run = &reference.run;
    let fact = |text: String| StageError::Source(format!("reference `{run}`: {text}"));
    let id = store.find_run(run).map_err(|e| fact(e.to_string()))?;
    let manifest = store.manifest(&id).map_err(StageError::Store)?;
    let lender = lender(&manifest, reference, instance).map_err(fact)?;
    let mut objects: BTreeMap<&str, &ManifestOutput> = BTreeMap::new();
    for edge in lender.edges.iter().filter(|e| reference.inputs.contains(&e.port.as_str())) {
        let giver = manifest.stages.iter().find(|stage| stage.name == edge.from);
        if let Some(output) = giver.and_then(|stage| stage.outputs.get(&edge.output)) {
            objects.insert(&edge.port, output);
        }
    }
    for (port, output) in &lender.outputs {
        if reference.outputs.contains(&port.as_str()) {
            objects.insert(port, output);
        }
    }
    let file = |(port, output): (&str, &ManifestOutput)| {
        if store.health(&output.hash, &output.ext).map_err(StageError::Store)? != Health::Sound {
            let name = &lender.name;
            return Err(fact(format!(
                "`{port}` of its stage `{name}` is not in the store; `orchestrate restore {run}` puts it back"
            )));
        }
        let label = format!("reference/{port}.{}", output.ext);
        let place = store.object_path(&output.hash, &output.ext);
        Ok(SourceFile { label, hash: output.hash, place, keep: true, seen: None })
    };
    objects.into_iter().map(file).collect()
}

/// Finds the stage that lends: that of the same name, or the only one of its kind.
fn lender<'a>(
    manifest: &'a Manifest,
    reference: &Reference,
    instance: &Instance,
) -> Result<&'a ManifestStage, String> {
    let kind = reference.kind;
    let of_kind: Vec<&ManifestStage> =
        manifest.stages.iter().filter(|stage| stage.preimage.kind == kind).collect();
    match (of_kind.iter().find(|stage| stage.name == instance.name), of_kind.as_slice()) {
        (Some(same), _) => Ok(same),
        (None, [only]) => Ok(only),
        (None, []) => Err(format!("that run has no `{kind}` stage to take anything from")),
        (None, several) => {
            let names: Vec<&str> = several.iter().map(|stage| stage.name.as_str()).collect();
            Err(format!(
                "that run has several `{kind}` stages ({}), none of them `{}`; give the stage one of these names",
                names.join(", "),
                instance.name
            ))
        }
    }
}

fn recorded_file(
    label: &str,
    hash: &ContentHash,
    recorded: &Store,
    root: &Path,
) -> Result<SourceFile, StageError> {
    let place = recorded.object_path(hash, RAW);
    let is_kept = recorded.has_object(hash, RAW).map_err(|e| source_error(label, e))?;
    if is_kept {
        let found = recorded.hash_file(&place).map_err(|e| source_error(label, e))?;
        if found != *hash {
            return Err(StageError::Source(format!(
                "the kept copy of `{label}` (`{}`) is damaged",
                place.display()
            )));
        }
        let label = label.to_string();
        return Ok(SourceFile { label, hash: *hash, place, keep: false, seen: None });
    }
    let place = root.join(label);
    match recorded.source_hash(&place) {
        Ok((found, seen)) if found == *hash => {
            let label = label.to_string();
            Ok(SourceFile { label, hash: *hash, place, keep: false, seen: Some(seen) })
        }
        _ => Err(StageError::Source(format!(
            "the run read `{label}` ({}), of which no copy was kept and which has changed since",
            hash.short()
        ))),
    }
}

impl SourceFile {
    /// Makes the input that a stage reads: the kept copy, or the file itself where none is wanted.
    ///
    /// # Errors
    /// If the file is no longer the one that was hashed.
    pub fn input(&self, store: &Store) -> Result<Input, StageError> {
        let place = if self.keep {
            store.snapshot(&self.place, &self.hash).map_err(|error| match error {
                StoreError::Io { ref path, .. } if path.starts_with(store.root()) => error.into(),
                other => source_error(&self.label, other),
            })?;
            store.object_path(&self.hash, RAW)
        } else {
            self.place.clone()
        };
        let disk = store.disk().clone();
        let open = move || disk.open(&place).map_err(StoreError::into_io);
        Ok(Input::from_file(self.label.clone(), self.hash, open))
    }

    /// Checks after a stage that the file did not change under it. One that was read itself must not have been touched
    /// either: it may have held other bytes for a while.
    ///
    /// # Errors
    /// If it did.
    pub fn check_unchanged(&self, store: &Store) -> Result<(), StageError> {
        let found = store.source_hash(&self.place).map_err(|e| source_error(&self.label, e))?;
        if found.0 == self.hash && self.seen.is_none_or(|seen| seen == found.1) {
            return Ok(());
        }
        Err(source_error(&self.label, StoreError::Moved(PathBuf::from(&self.label))))
    }
}

/// Returns true for what may mean other files tomorrow.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// Expands a pattern to paths relative to the root; a plain path stays as it is.
///
/// # Errors
/// If there is no such file, or it cannot be looked at.
pub fn matches(pattern: &str, root: &Path, disk: &Disk) -> Result<Vec<String>, StageError> {
    let is_file = |path: &Path| disk.is_file(path).map_err(|e| source_error(pattern, e));
    if is_file(&root.join(pattern))? {
        return Ok(vec![pattern.to_string()]);
    }
    if !is_pattern(pattern) {
        return Err(missing(pattern, root, disk));
    }
    let bad = |e: String| StageError::Source(format!("`{pattern}` is not a pattern: {e}"));
    let escaped = glob::Pattern::escape(&root.to_string_lossy());
    let paths = glob::glob(&format!("{escaped}/{pattern}")).map_err(|e| bad(e.to_string()))?;
    let mut labels = Vec::new();
    for path in paths {
        let path = path.map_err(|e| bad(e.to_string()))?;
        if is_file(&path)? {
            let label = path.strip_prefix(root).unwrap_or(&path);
            labels.push(label.to_string_lossy().into_owned());
        }
    }
    if labels.is_empty() {
        return Err(StageError::Source(format!("no file matches `{pattern}`")));
    }
    Ok(labels)
}

fn missing(path: &str, root: &Path, disk: &Disk) -> StageError {
    let folder = root.join(path).parent().map(Path::to_path_buf).unwrap_or_default();
    let wanted = Path::new(path).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name = |p: &PathBuf| Some(p.file_name()?.to_string_lossy().into_owned());
    let present: Vec<String> =
        disk.list(&folder).unwrap_or_default().iter().filter_map(name).collect();
    let help = match names::did_you_mean(&wanted, present.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "put the file there or correct `path`".to_string(),
    };
    StageError::Source(format!("`{path}` does not exist; {help}"))
}

fn source_error(label: &str, error: StoreError) -> StageError {
    match error {
        StoreError::Moved(_) => StageError::Source(format!(
            "`{label}` changed while it was read; run again when nobody writes to it"
        )),
        // Without the advice, which is about the store.
        StoreError::Io { intent, path, error } => {
            StageError::Source(format!("cannot {intent} `{}`: {error}", path.display()))
        }
        other => StageError::Source(other.to_string()),
    }
}
