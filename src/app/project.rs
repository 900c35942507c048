//! The project folder: where it is, which pipelines it has, where its store lies.
//! It does not know what is in a pipeline.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    app::AppError,
    base::names,
    engine::plan::{self, Overrides, Plan},
    kinds,
    stage::{error::StageError, work::Cancel},
    store::{Store, disk::Disk},
};

/// The pipeline that `run` takes if there are several and none is named.
const DEFAULT_PIPELINE: &str = "customer_segmentation";

/// A project folder.
pub struct Project {
    root: PathBuf,
    disk: Disk,
}

/// A pipeline file and its text.
pub struct PipelineFile {
    /// Its path relative to the project root, or as it was given.
    pub label: String,
    /// Its text.
    pub text: String,
}

impl Project {
    /// Finds the nearest folder at or above `start` that holds `pipelines/`.
    ///
    /// # Errors
    /// If there is none.
    pub fn find(start: &Path) -> Result<Project, AppError> {
        if !start.exists() {
            return Err(AppError::Usage(format!("there is no folder `{}`", start.display())));
        }
        let absolute = start.canonicalize().map_err(AppError::io("open", start))?;
        match absolute.ancestors().find(|dir| dir.join("pipelines").is_dir()) {
            Some(root) => Ok(Project { root: root.to_path_buf(), disk: Disk::default() }),
            None => Err(AppError::Usage(format!(
                "no project here: neither `{}` nor a folder above it holds `pipelines/`; \
                 `orchestrate init` makes one",
                absolute.display()
            ))),
        }
    }

    /// Lets all file operations of the store pass through `disk`, for tests.
    pub fn with_disk(mut self, disk: Disk) -> Project {
        self.disk = disk;
        self
    }

    /// Returns the project's root folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Opens the store for reading.
    ///
    /// # Errors
    /// If a newer program wrote it.
    pub fn store(&self) -> Result<Store, AppError> {
        Ok(Store::open(&self.root.join("artifacts"), self.disk.clone())?)
    }

    /// Opens the store for writing.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn store_for_writing(&self) -> Result<Store, AppError> {
        Ok(Store::create(&self.root.join("artifacts"), self.disk.clone())?)
    }

    /// Opens the store, damaged as it may be.
    pub(super) fn store_for_repair(&self) -> Result<Store, AppError> {
        Ok(Store::open_damaged(&self.root().join("artifacts"), self.disk.clone())?)
    }

    /// Opens the store for removing and moving, once no other process holds it.
    pub(super) fn store_alone(
        &self,
        cancel: &Cancel,
        waiting: &dyn Fn(),
    ) -> Result<Store, AppError> {
        let told = std::cell::Cell::new(false);
        let wait = || {
            if !told.replace(true) {
                waiting();
            }
            !cancel.is_cancelled()
        };
        let store = Store::open_alone(&self.root().join("artifacts"), self.disk.clone(), &wait)?;
        store.ok_or(AppError::Stage(StageError::Cancelled))
    }

    /// Reads the pipeline that a person means by `name`: a name under `pipelines/`, a path, or nothing for the
    /// only one or the default one.
    ///
    /// # Errors
    /// If it does not exist, or nothing is named and there are several.
    pub fn pipeline(&self, name: Option<&str>) -> Result<PipelineFile, AppError> {
        let path = match name {
            Some(name) => self.named(name)?,
            None => self.default_pipeline()?,
        };
        let bytes = fs::read(&path).map_err(AppError::io("read", &path))?;
        let label = path.strip_prefix(&self.root).unwrap_or(&path).to_string_lossy().into_owned();
        let text = String::from_utf8(bytes)
            .map_err(|_| AppError::Usage(format!("`{label}` is not UTF-8 text")))?;
        Ok(PipelineFile { label, text: text.strip_prefix('\u{feff}').unwrap_or(&text).to_string() })
    }

    /// Compiles a pipeline file.
    ///
    /// # Errors
    /// Everything that is wrong with it; if there is no run that `--reference` could mean.
    pub fn compile(&self, file: &PipelineFile, overrides: &Overrides) -> Result<Plan, AppError> {
        if let Some(run) = &overrides.reference {
            self.store()?.find_run(run)?;
        }
        plan::compile(&file.text, kinds::ALL, overrides).map_err(|e| AppError::of_plan(e, file))
    }

    /// Returns the names of the pipelines: paths under `pipelines/` without the ending.
    pub fn pipelines(&self) -> Vec<String> {
        let folder = self.root.join("pipelines");
        let mut names = Vec::new();
        collect(&folder, &folder, &mut names);
        names.sort();
        names
    }

    fn named(&self, name: &str) -> Result<PathBuf, AppError> {
        let folder = self.root.join("pipelines");
        let candidates = [
            folder.join(format!("{name}.yaml")),
            folder.join(format!("{name}.yml")),
            folder.join(name),
            self.root.join(name),
            PathBuf::from(name),
        ];
        if let Some(path) = candidates.into_iter().find(|p| p.is_file()) {
            return Ok(path.canonicalize().unwrap_or(path));
        }
        let known = self.pipelines();
        let mut help = names::suggestion(name, known.iter().map(String::as_str));
        if help.is_empty() {
            help = format!("there are {}", known.join(", "));
        }
        Err(AppError::Usage(format!("there is no pipeline `{name}`; {help}")))
    }

    fn default_pipeline(&self) -> Result<PathBuf, AppError> {
        let known: Vec<String> =
            self.pipelines().into_iter().filter(|n| !n.contains('/')).collect();
        let chosen = match known.as_slice() {
            [only] => only,
            several if several.iter().any(|n| n == DEFAULT_PIPELINE) => DEFAULT_PIPELINE,
            [] => return Err(AppError::Usage("there is no `pipelines/*.yaml`".to_string())),
            several => {
                let list = several.join(", ");
                return Err(AppError::Usage(format!("which pipeline? there are {list}")));
            }
        };
        self.named(chosen)
    }
}

fn collect(folder: &Path, top: &Path, names: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|e| e.path()) {
        let ending = path.extension().and_then(|e| e.to_str());
        if path.is_dir() {
            collect(&path, top, names);
        } else if matches!(ending, Some("yaml" | "yml")) {
            let relative = path.strip_prefix(top).unwrap_or(&path).with_extension("");
            names.push(relative.to_string_lossy().into_owned());
        }
    }
}
