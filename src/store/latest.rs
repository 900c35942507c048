//! `latest/`: the newest artifacts under names that people and notebooks can type, as links into the objects.
//! It does not know what a stage is beyond its path-like name.

use std::{
    collections::BTreeSet,
    path::{Component, Path, PathBuf},
};

use crate::{
    base::{hash::ContentHash, names},
    store::{Store, disk::Entry, error::StoreError},
};

/// How often a link is tried to be made.
const TRIES: usize = 3;

impl Store {
    /// Points `latest/<pipeline>/<instance>/<port>.<ext>` at an object, in one step.
    ///
    /// # Errors
    /// If a name would leave the view, or the medium refuses.
    pub fn link_latest(
        &self,
        pipeline: &str,
        instance: &str,
        port: &str,
        hash: &ContentHash,
        ext: &str,
    ) -> Result<(), StoreError> {
        let link = self.link_path(pipeline, instance, port, ext)?;
        let target = self.link_target(&link, hash, ext);
        if self.leads_to(&link, &target)? {
            return Ok(());
        }
        self.remove_linked_folders(link.strip_prefix(self.root.join("latest")).unwrap_or(&link))?;
        let mut temp = self.temporary("link");
        self.disk.symlink(&target, temp.path())?;
        let folder = link.parent().unwrap_or(Path::new(""));
        // Not waited for: whatever a crash leaves of the view, the next run links again.
        let mut place = || {
            self.disk.create_dir_all(folder)?;
            temp.rename_lazily(&link)
        };
        // Another process that prunes the view may take the folder away before the link is in it.
        for _ in 1..TRIES {
            match place() {
                Err(error) if error.is_absence() => {}
                placed => return placed,
            }
        }
        place()
    }

    /// Returns true if the view shows this object as an output.
    ///
    /// # Errors
    /// If a name would leave the view, or the medium refuses.
    pub fn shows(
        &self,
        pipeline: &str,
        instance: &str,
        port: &str,
        hash: &ContentHash,
        ext: &str,
    ) -> Result<bool, StoreError> {
        let link = self.link_path(pipeline, instance, port, ext)?;
        self.leads_to(&link, &self.link_target(&link, hash, ext))
    }

    fn leads_to(&self, link: &Path, target: &Path) -> Result<bool, StoreError> {
        Ok(self.disk.read_link(link)?.is_some_and(|present| present == target))
    }

    /// Returns what a link in the view holds to lead to an object, wherever the store is moved.
    fn link_target(&self, link: &Path, hash: &ContentHash, ext: &str) -> PathBuf {
        let relative = link.strip_prefix(self.root.join("latest")).unwrap_or(link);
        let up: PathBuf = relative.components().map(|_| Component::ParentDir).collect();
        let object = self.object_path(hash, ext);
        up.join(object.strip_prefix(&self.root).unwrap_or(&object))
    }

    /// Returns where the view shows an output.
    ///
    /// # Errors
    /// If a name would leave the view.
    pub fn link_path(
        &self,
        pipeline: &str,
        instance: &str,
        port: &str,
        ext: &str,
    ) -> Result<PathBuf, StoreError> {
        self.view_path(&Path::new(pipeline).join(instance).join(format!("{port}.{ext}")))
    }

    /// Returns the folder in which the view shows an instance's outputs.
    ///
    /// # Errors
    /// If a name would leave the view.
    pub fn view_folder(&self, pipeline: &str, instance: &str) -> Result<PathBuf, StoreError> {
        self.view_path(&Path::new(pipeline).join(instance))
    }

    /// Returns what the view shows of an instance: output, hash and ending, in the order of their names. It follows
    /// a run while that goes on.
    ///
    /// # Errors
    /// If a name would leave the view, or the medium refuses.
    pub fn linked(
        &self,
        pipeline: &str,
        instance: &str,
    ) -> Result<Vec<(String, ContentHash, String)>, StoreError> {
        let folder = self.view_folder(pipeline, instance)?;
        let shown = |link: &PathBuf| {
            let target = self.disk.read_link(link).ok()??;
            let (hash, ext) = target.file_name()?.to_str()?.split_once('.')?;
            let (port, _) = link.file_name()?.to_str()?.split_once('.')?;
            Some((port.to_string(), hash.parse().ok()?, ext.to_string()))
        };
        Ok(self.disk.list(&folder)?.iter().filter_map(shown).collect())
    }

    /// Removes links of a pipeline that are not in `keep` (paths relative to its folder in the view).
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn prune_latest(&self, pipeline: &str, keep: &BTreeSet<PathBuf>) -> Result<(), StoreError> {
        let folder = self.view_path(Path::new(pipeline))?;
        self.remove_linked_folders(Path::new(pipeline))?;
        self.prune_folder(&folder, &folder, keep)?;
        Ok(())
    }

    /// Returns true if the folder is empty afterwards. Another process may make a link in it at any time.
    fn prune_folder(
        &self,
        folder: &Path,
        top: &Path,
        keep: &BTreeSet<PathBuf>,
    ) -> Result<bool, StoreError> {
        let mut empty = true;
        for Entry { path, is_folder } in self.disk.entries(folder)? {
            let relative = path.strip_prefix(top).unwrap_or(&path);
            if is_folder {
                let is_empty = self.prune_folder(&path, top, keep)?;
                empty &= is_empty && self.disk.remove_empty_dir(&path)?;
            } else if keep.contains(relative) {
                empty = false;
            } else {
                self.disk.remove_file(&path)?;
            }
        }
        Ok(empty)
    }

    fn view_path(&self, relative: &Path) -> Result<PathBuf, StoreError> {
        let path = self.root.join("latest").join(relative);
        if !names::stays_inside(&relative.to_string_lossy()) {
            return Err(StoreError::damaged(path, "is not a name for the view"));
        }
        Ok(path)
    }

    /// Removes links where the view has folders: through them, pruning the view would prune what they point at.
    fn remove_linked_folders(&self, relative: &Path) -> Result<(), StoreError> {
        let mut folder = self.root.join("latest");
        let mut parts = relative.components().peekable();
        loop {
            if self.disk.read_link(&folder)?.is_some() {
                return self.disk.remove_file(&folder);
            }
            match parts.next() {
                // The last part is a link itself, or the pipeline's own folder.
                Some(_) if parts.peek().is_none() && relative.components().count() > 1 => {
                    return Ok(());
                }
                Some(part) => folder.push(part),
                None => return Ok(()),
            }
        }
    }
}
