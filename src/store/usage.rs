//! What lies in the store and how large it is. It does not know what gc would take.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
};

use crate::{
    base::hash::{ContentHash, RunId},
    store::{
        Store,
        disk::Thing,
        error::StoreError,
        fsck::name_of,
        layout::{self, Role},
        objects::RAW,
        records::Manifest,
    },
};

/// A number of files and the bytes in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Files.
    pub files: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Size {
    /// Adds one file.
    pub fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }

    /// Adds files.
    pub fn join(&mut self, other: Size) {
        self.files += other.files;
        self.bytes += other.bytes;
    }
}

/// What an object is, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    /// A table.
    Table,
    /// A fitted model.
    Model,
    /// A page.
    Report,
    /// A kept copy of a source file.
    Raw,
    /// The text of a pipeline file.
    Pipeline,
    /// What a program wrote.
    Other,
}

impl Sort {
    /// Returns the word for several of it.
    pub fn word(self) -> &'static str {
        match self {
            Sort::Table => "tables",
            Sort::Model => "models",
            Sort::Report => "reports",
            Sort::Raw => "raw",
            Sort::Pipeline => "pipelines",
            Sort::Other => "other",
        }
    }
}

/// What the newest run of a pipeline takes.
#[derive(Clone, Debug)]
pub struct RunUsage {
    /// The pipeline.
    pub pipeline: String,
    /// Its newest run with everything in it.
    pub run: RunId,
    /// Its instances in order of their names, each with what its outputs take.
    pub stages: Vec<(String, Size)>,
    /// What all of it takes; what several outputs share is counted once.
    pub size: Size,
    /// What other runs in the store hold as well.
    pub shared: Size,
    /// Outputs that were dropped, or are lost.
    pub gone: u64,
}

/// What lies in a store.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// By place, in the order of the table of places.
    pub places: Vec<(&'static str, Size)>,
    /// Objects by what they are.
    pub objects: BTreeMap<Sort, Size>,
    /// The newest run of each pipeline.
    pub runs: Vec<RunUsage>,
    /// Recorded runs.
    pub n_runs: u64,
    /// What the outputs of all recorded runs would take if each run had its own.
    pub unshared: u64,
    /// Everything.
    pub total: Size,
}

impl Store {
    /// Measures the store.
    ///
    /// # Errors
    /// If a folder cannot be listed.
    pub fn usage(&self) -> Result<Usage, StoreError> {
        let mut usage = Usage::default();
        for place in layout::PLACES {
            let size = self.measure(&self.root.join(place.name))?;
            usage.places.push((place.name, size));
            usage.total.join(size);
        }
        let sizes = self.object_sizes()?;
        let newest = self.newest_runs()?;
        let mut holders: HashMap<ContentHash, u64> = HashMap::new();
        let mut models = BTreeSet::new();
        let mut kept = Vec::new();
        for id in self.run_ids()? {
            let Ok(manifest) = self.manifest(&id) else { continue };
            usage.n_runs += 1;
            for (hash, port) in outputs_of(&manifest) {
                *holders.entry(hash).or_default() += 1;
                usage.unshared += sizes.get(&hash).map_or(0, |(size, _)| size.bytes);
                if port == "model" {
                    models.insert(hash);
                }
            }
            if newest.get(&manifest.pipeline) == Some(&id) {
                kept.push((id, manifest));
            }
        }
        for (hash, (size, ext)) in &sizes {
            usage.objects.entry(sort(ext, models.contains(hash))).or_default().join(*size);
        }
        usage.runs = kept.iter().map(|(id, m)| run_usage(*id, m, &sizes, &holders)).collect();
        usage.runs.sort_by(|a, b| a.pipeline.cmp(&b.pipeline));
        Ok(usage)
    }

    /// Returns the files in a folder, or the file, with all that is below; links count as files without bytes.
    pub(super) fn measure(&self, path: &Path) -> Result<Size, StoreError> {
        let mut size = Size::default();
        match self.disk.thing(path)? {
            Thing::Absent => {}
            Thing::File(bytes) => size.add(bytes),
            Thing::Link | Thing::Other => size.add(0),
            Thing::Folder => {
                for inner in self.disk.list(path)? {
                    size.join(self.measure(&inner)?);
                }
            }
        }
        Ok(size)
    }

    fn object_sizes(&self) -> Result<HashMap<ContentHash, (Size, String)>, StoreError> {
        let mut sizes: HashMap<ContentHash, (Size, String)> = HashMap::new();
        for folder in self.disk.list(&self.place(Role::Objects))? {
            for path in self.disk.list(&folder)? {
                let Some((hash, ext)) = name_of(&path) else { continue };
                let Thing::File(bytes) = self.disk.thing(&path)? else { continue };
                sizes.entry(hash).or_insert((Size::default(), ext)).0.add(bytes);
            }
        }
        Ok(sizes)
    }

    /// Returns the newest run of everything by pipeline.
    fn newest_runs(&self) -> Result<BTreeMap<String, RunId>, StoreError> {
        let mut newest = BTreeMap::new();
        for entry in self.history()? {
            let entry = entry?;
            if let Some(run) = entry.run.filter(|_| entry.targets.is_empty()) {
                newest.entry(entry.pipeline).or_insert(run);
            }
        }
        Ok(newest)
    }
}

fn run_usage(
    run: RunId,
    manifest: &Manifest,
    sizes: &HashMap<ContentHash, (Size, String)>,
    holders: &HashMap<ContentHash, u64>,
) -> RunUsage {
    let (mut stages, mut gone) = (Vec::new(), 0);
    for stage in &manifest.stages {
        let mut size = Size::default();
        for output in stage.outputs.values() {
            match sizes.get(&output.hash) {
                Some((object, _)) => size.join(*object),
                None => gone += 1,
            }
        }
        stages.push((stage.name.clone(), size));
    }
    let (mut size, mut shared) = (Size::default(), Size::default());
    for hash in outputs_of(manifest).keys() {
        let Some((object, _)) = sizes.get(hash) else { continue };
        size.join(*object);
        if holders.get(hash).is_some_and(|n| *n > 1) {
            shared.join(*object);
        }
    }
    RunUsage { pipeline: manifest.pipeline.clone(), run, stages, size, shared, gone }
}

/// Returns the distinct outputs of a run, with a port each that holds it.
fn outputs_of(manifest: &Manifest) -> BTreeMap<ContentHash, &str> {
    let outputs = manifest.stages.iter().flat_map(|s| &s.outputs);
    outputs.map(|(port, output)| (output.hash, port.as_str())).collect()
}

fn sort(ext: &str, is_model: bool) -> Sort {
    match ext {
        "parquet" if is_model => Sort::Model,
        "parquet" => Sort::Table,
        "html" => Sort::Report,
        "yaml" => Sort::Pipeline,
        RAW => Sort::Raw,
        _ => Sort::Other,
    }
}
