//! `restore`: puts a past run's artifacts and its pipeline file back, recomputing what is gone.
//! It does not know how this is told.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    app::{AppError, Project, export, recorded::Recorded},
    base::hash::RunId,
    engine::{
        event::{Event, State},
        exec::{self, Options},
        plan::Plan,
    },
    stage::work::Cancel,
    store::{Store, error::StoreError, objects::Health, records::PipelineState},
};

/// What a person asked for.
#[derive(Clone, Debug)]
pub struct RestoreOptions {
    /// The folder to put artifacts into; the `latest` view if `None`.
    pub output: Option<PathBuf>,
    /// Most threads at work.
    pub jobs: usize,
    /// Start the run's programs even if another store recorded it.
    pub allow_commands: bool,
}

/// What was put back.
pub struct Restored {
    /// The run.
    pub run: RunId,
    /// Where the artifacts are now.
    pub folder: PathBuf,
    /// How many files were put there.
    pub n_files: usize,
    /// Instances that had to be computed again.
    pub recomputed: Vec<String>,
    /// The pipeline file.
    pub yaml: Option<PathBuf>,
    /// Where the pipeline file that was in its place is kept.
    pub kept: Option<PathBuf>,
}

impl Project {
    /// Puts a run's artifacts back.
    ///
    /// # Errors
    /// If the run is unknown or damaged, or what is gone does not come out the same.
    pub fn restore(
        &self,
        wanted: &str,
        options: &RestoreOptions,
        cancel: &Cancel,
        events: &(dyn Fn(&Plan, Event<'_>) + Sync),
    ) -> Result<Restored, AppError> {
        let store = self.store_for_writing()?;
        let recorded = self.recorded(&store, wanted)?;
        let recomputed = match is_complete(&store, &recorded)? {
            true => Vec::new(),
            false => self.recompute(&store, &recorded, options, cancel, events)?,
        };
        let mut restored = Restored {
            run: recorded.id,
            folder: PathBuf::new(),
            n_files: 0,
            recomputed,
            yaml: None,
            kept: None,
        };
        match &options.output {
            Some(folder) => copy_out(&store, &recorded, folder, &mut restored)?,
            None => self.relink(&store, &recorded, &mut restored)?,
        }
        store.save_memo()?;
        Ok(restored)
    }

    fn recompute(
        &self,
        store: &Store,
        recorded: &Recorded,
        asked: &RestoreOptions,
        cancel: &Cancel,
        events: &(dyn Fn(&Plan, Event<'_>) + Sync),
    ) -> Result<Vec<String>, AppError> {
        let plan = recorded.plan()?;
        recorded.check_commands(&plan, &plan.order, asked.allow_commands)?;
        let options = Options { jobs: asked.jobs, update_latest: false, ..Options::default() };
        let origin = recorded.origin(store, self);
        let known = PipelineState::default();
        let reports = exec::execute(&plan, store, &origin, &known, &options, cancel, &|event| {
            events(&plan, event);
        });
        let ran =
            reports.iter().filter(|r| r.state == State::Ran).map(|r| r.name.clone()).collect();
        for report in reports {
            if let Some(error) = report.error {
                return Err(AppError::Stage(error));
            }
            let Some(stage) = recorded.stage(&report.name) else { continue };
            for (port, then) in &stage.outputs {
                if report.outputs.get(port).is_none_or(|now| now.hash != then.hash) {
                    return Err(AppError::Differs(format!(
                        "`{}.{port}` was dropped and did not come out the same again; \
                         `orchestrate reproduce {}` tells more",
                        report.name,
                        recorded.id.short()
                    )));
                }
            }
        }
        Ok(ran)
    }

    /// Points the `latest` view at the run and puts its pipeline file back. A file in its place that differs is kept.
    fn relink(
        &self,
        store: &Store,
        recorded: &Recorded,
        restored: &mut Restored,
    ) -> Result<(), AppError> {
        let pipeline = &recorded.manifest.pipeline;
        let mut keep = BTreeSet::new();
        for stage in &recorded.manifest.stages {
            for (port, output) in &stage.outputs {
                store.link_latest(pipeline, &stage.name, port, &output.hash, &output.ext)?;
                keep.insert(PathBuf::from(&stage.name).join(format!("{port}.{}", output.ext)));
            }
        }
        restored.n_files = keep.len();
        restored.folder = store.root().join("latest").join(pipeline);
        store.prune_latest(pipeline, &keep)?;
        let Some(entry) = recorded.entry.as_ref().filter(|e| recorded.may_put_back(e)) else {
            return Ok(());
        };
        let relative = Path::new(&entry.file);
        let text = store.read_object(&entry.yaml, "yaml")?;
        let path = self.root().join(relative);
        let present = fs::read(&path).ok();
        if present.as_ref().is_some_and(|p| *p != text) {
            let kept = path.with_extension("yaml.before-restore");
            export::bytes(present.as_deref().unwrap_or_default(), &kept)?;
            restored.kept = Some(kept);
        }
        if present.as_ref() != Some(&text) {
            export::bytes(&text, &path)?;
        }
        restored.yaml = Some(path);
        Ok(())
    }
}

fn is_complete(store: &Store, recorded: &Recorded) -> Result<bool, StoreError> {
    for stage in &recorded.manifest.stages {
        for output in stage.outputs.values() {
            if store.health(&output.hash, &output.ext)? != Health::Sound {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Copies the run's artifacts and its pipeline file into a folder of the person's choice.
fn copy_out(
    store: &Store,
    recorded: &Recorded,
    folder: &Path,
    restored: &mut Restored,
) -> Result<(), AppError> {
    let write = |relative: &Path, bytes: &[u8]| -> Result<PathBuf, AppError> {
        let path = folder.join(relative);
        export::bytes(bytes, &path)?;
        Ok(path)
    };
    for stage in &recorded.manifest.stages {
        for (port, output) in &stage.outputs {
            let relative = Path::new(&stage.name).join(format!("{port}.{}", output.ext));
            write(&relative, &store.read_object(&output.hash, &output.ext)?)?;
            restored.n_files += 1;
        }
    }
    if let Some(entry) = &recorded.entry {
        let name = Path::new(&entry.file).file_name().unwrap_or_default();
        restored.yaml = Some(write(Path::new(name), &store.read_object(&entry.yaml, "yaml")?)?);
    }
    restored.folder = folder.to_path_buf();
    Ok(())
}
