//! A medium that fails where a test wants it to, and that forgets what was not synced when its power is cut.
//! It does not know what the files mean.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use orchestrate::store::disk::{Disk, Op};

/// What happens at the chosen operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process dies: this operation and all after it fail, those of destructors too.
    Stop,
    /// This operation fails with this error of the system, those after it do not.
    Once(i32),
}

/// What a power cut leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Every name is there; files that were not synced are empty.
    NamesKept,
    /// Names that were not synced are as before; files that were not synced hold half of their bytes and zeros.
    NamesLost,
}

/// What a name stood for.
enum Saved {
    Nothing,
    File(Vec<u8>),
    Link(PathBuf),
}

/// A change to a folder that was not synced yet.
enum Pending {
    Renamed { from: PathBuf, to: PathBuf, before: Saved },
    Made(PathBuf),
    Removed { path: PathBuf, before: Saved },
}

impl Pending {
    fn name(&self) -> &Path {
        match self {
            Pending::Renamed { to: path, .. }
            | Pending::Made(path)
            | Pending::Removed { path, .. } => path,
        }
    }
}

struct State {
    lies: Option<&'static str>,
    at: u64,
    fault: Fault,
    n: u64,
    hit: Option<String>,
    unsynced: BTreeSet<PathBuf>,
    pending: Vec<Pending>,
    counts: BTreeMap<&'static str, u64>,
}

/// The medium; its clones are the same one.
#[derive(Clone)]
pub struct Medium(Arc<Mutex<State>>);

impl Medium {
    /// Makes a medium whose operation number `at`, counted from 0, meets `fault`.
    pub fn new(at: u64, fault: Fault) -> Medium {
        Medium::make(at, fault, None)
    }

    /// Makes one that stops there, and only says that it syncs what has `part` in its path.
    pub fn lying(at: u64, part: &'static str) -> Medium {
        Medium::make(at, Fault::Stop, Some(part))
    }

    fn make(at: u64, fault: Fault, lies: Option<&'static str>) -> Medium {
        Medium(Arc::new(Mutex::new(State {
            lies,
            at,
            fault,
            n: 0,
            hit: None,
            unsynced: BTreeSet::new(),
            pending: Vec::new(),
            counts: BTreeMap::new(),
        })))
    }

    pub fn disk(&self) -> Disk {
        let state = self.0.clone();
        Disk::gated(Arc::new(move |op: &Op<'_>| state.lock().unwrap().pass(op)))
    }

    /// Returns the operation that met the fault, if it came to that.
    pub fn hit(&self) -> Option<String> {
        self.0.lock().unwrap().hit.clone()
    }

    /// Returns how many operations there were.
    pub fn count(&self) -> u64 {
        self.0.lock().unwrap().n
    }

    /// Does to the files under `to`, a copy of those under `from`, what a power cut would have done to these.
    pub fn cut(&self, cut: Cut, from: &Path, to: &Path) {
        let moved = |path: &Path| path.strip_prefix(from).ok().map(|rest| to.join(rest));
        let state = self.0.lock().unwrap();
        for path in state.unsynced.iter().filter_map(|p| moved(p)) {
            spoil(&path, cut);
        }
        if cut == Cut::NamesKept {
            return;
        }
        for pending in state.pending.iter().rev() {
            let Some(path) = moved(pending.name()) else { continue };
            match pending {
                Pending::Renamed { from, before, .. } => {
                    if let Some(from) = moved(from).filter(|_| path.is_symlink() || path.exists()) {
                        let _ = fs::rename(&path, from);
                    }
                    restore(&path, before);
                }
                Pending::Made(_) => drop(fs::remove_dir_all(&path)),
                Pending::Removed { before, .. } => restore(&path, before),
            }
        }
    }
}

impl State {
    fn pass(&mut self, op: &Op<'_>) -> io::Result<()> {
        let n = self.n;
        self.n += 1;
        *self.counts.entry(op.name).or_default() += 1;
        match self.fault {
            Fault::Stop if n >= self.at => {
                self.hit.get_or_insert_with(|| format!("{} {}", op.name, op.path.display()));
                return Err(io::Error::other("the process is dead"));
            }
            Fault::Once(code) if n == self.at => {
                self.hit = Some(format!("{} {}", op.name, op.path.display()));
                return Err(io::Error::from_raw_os_error(code));
            }
            _ => {}
        }
        self.note(op);
        Ok(())
    }

    /// Notes what the operation changes and what syncs it.
    fn note(&mut self, op: &Op<'_>) {
        let path = op.path.to_path_buf();
        match op.name {
            "create" | "write" => {
                self.unsynced.insert(path);
            }
            "sync" | "sync folder"
                if self.lies.is_some_and(|part| path.to_string_lossy().contains(part)) => {}
            "sync" => {
                self.unsynced.remove(op.path);
            }
            "sync folder" => self.pending.retain(|p| p.name().parent() != Some(op.path)),
            "rename" => {
                let from = op.from.unwrap().to_path_buf();
                if self.unsynced.remove(&from) {
                    self.unsynced.insert(path.clone());
                } else {
                    self.unsynced.remove(&path);
                }
                self.pending.push(Pending::Renamed { from, before: saved(&path), to: path });
            }
            "make folder" => self.pending.push(Pending::Made(path)),
            "remove" if path.is_symlink() || path.is_file() => {
                self.unsynced.remove(&path);
                self.pending.push(Pending::Removed { before: saved(&path), path });
            }
            _ => {}
        }
    }
}

fn saved(path: &Path) -> Saved {
    match fs::read_link(path) {
        Ok(target) => Saved::Link(target),
        Err(_) => fs::read(path).map_or(Saved::Nothing, Saved::File),
    }
}

fn restore(path: &Path, before: &Saved) {
    let _ = fs::remove_file(path);
    match before {
        Saved::Nothing => {}
        Saved::File(bytes) => fs::write(path, bytes).unwrap(),
        Saved::Link(target) => std::os::unix::fs::symlink(target, path).unwrap(),
    }
}

fn spoil(path: &Path, cut: Cut) {
    let Ok(mut bytes) = fs::read(path) else { return };
    match cut {
        Cut::NamesKept => bytes.clear(),
        Cut::NamesLost => {
            let half = bytes.len() / 2;
            bytes[half..].fill(0);
        }
    }
    let _ = fs::remove_file(path);
    fs::write(path, bytes).unwrap();
}
