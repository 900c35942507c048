//! The files that a person names for `predict`, opened. It does not know what is in them.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use super::source;
use crate::{
    app::{AppError, spool},
    base::{hash::ContentHash, memory::Lease},
    frame::foreign::Format,
    stage::{ctx::Input, error::StageError, work::Work},
};

/// How many times its own size a file takes while its rows are read, go the path, and are answered all at once.
const FILE_AND_PATH: u64 = 8;

/// What rows that go through in chunks take at most: the text of a window, its cells, its columns, and the answers that
/// wait to be written.
const IN_CHUNKS: u64 = 160 << 20;

/// Files of new rows.
pub struct Opened {
    /// The files.
    pub files: Vec<Input>,
    /// Standard input lies here while it is read.
    _spooled: Option<spool::Named>,
}

impl Opened {
    /// Opens files by their names, patterns of names, or `-`.
    ///
    /// # Errors
    /// If one does not exist, or nothing matches.
    pub fn of(inputs: &[String]) -> Result<Opened, AppError> {
        if inputs.iter().any(|input| input == "-") {
            if inputs.len() > 1 {
                let text = "`-` is standard input, and stands alone";
                return Err(AppError::Usage(text.to_string()));
            }
            return standard_input();
        }
        let mut files = Vec::new();
        for input in inputs {
            files.extend(paths(input)?.into_iter().map(file));
        }
        Ok(Opened { files, _spooled: None })
    }

    /// Returns what to call them in messages about all of them.
    pub fn label(&self) -> &str {
        self.files.first().map_or("", |file| file.label.as_str())
    }
}

fn file(path: PathBuf) -> Input {
    let label = path.to_string_lossy().into_owned();
    // Its hash enters nothing: predictions are not kept in the store.
    Input::from_file(label, ContentHash::of(b""), move || File::open(&path))
}

/// Returns the file called so, else the files that the pattern matches, sorted.
fn paths(input: &str) -> Result<Vec<PathBuf>, AppError> {
    if Path::new(input).is_file() {
        return Ok(vec![PathBuf::from(input)]);
    }
    if !input.contains(['*', '?', '[']) {
        return Err(source(format!("`{input}` does not exist")));
    }
    let matches = glob::glob(input).map_err(|error| source(format!("`{input}`: {error}")))?;
    let mut paths = Vec::new();
    for path in matches {
        let path = path.map_err(|error| source(format!("`{input}`: {error}")))?;
        if path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    match paths.is_empty() {
        true => Err(source(format!("no file matches `{input}`"))),
        false => Ok(paths),
    }
}

fn standard_input() -> Result<Opened, AppError> {
    const LABEL: &str = "standard input";
    let read = spool::read(std::io::stdin().lock());
    Ok(match read.map_err(AppError::io("read", Path::new(LABEL)))? {
        spool::Spooled::Memory(bytes) => {
            Opened { files: vec![Input::from_bytes(LABEL, bytes)], _spooled: None }
        }
        spool::Spooled::File(named) => {
            let path = named.path().clone();
            let file = Input::from_file(LABEL, ContentHash::of(b""), move || File::open(&path));
            Opened { files: vec![file], _spooled: Some(named) }
        }
    })
}

/// Takes what the new rows need out of the budget of memory, before they are read.
///
/// # Errors
/// If there is less.
pub fn hold(opened: &Opened, at_once: bool, work: &Work) -> Result<Lease, AppError> {
    // What cannot be opened is told of by whoever reads it.
    let needed = |input: &Input| {
        let n_bytes = input.n_bytes().unwrap_or(0);
        match (at_once, is_arrow(input)) {
            (true, _) => n_bytes.saturating_mul(FILE_AND_PATH),
            // Its bytes and its columns are held.
            (false, true) => n_bytes.saturating_mul(2).saturating_add(IN_CHUNKS),
            (false, false) => n_bytes.saturating_mul(FILE_AND_PATH).min(IN_CHUNKS),
        }
    };
    let each = opened.files.iter().map(needed);
    // In chunks, files are read one after the other.
    let needed = if at_once { each.sum() } else { each.max().unwrap_or(0) };
    let mut lease = Lease::default();
    let stopped = || work.cancel.is_cancelled();
    work.pool.memory().take(&mut lease, needed, &stopped).map_err(|too_little| {
        let help = "allow more with `--memory`, or split the file";
        let label = opened.label();
        StageError::Data(format!("`{label}` {too_little}: its rows in memory; {help}"))
    })?;
    Ok(lease)
}

fn is_arrow(input: &Input) -> bool {
    let mut magic = Vec::with_capacity(8);
    let read = input.reader().and_then(|reader| reader.take(8).read_to_end(&mut magic));
    read.is_ok() && matches!(Format::of(&magic), Some(Format::ArrowFile | Format::ArrowStream))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_in_order_and_files_come_first() {
        let folder = std::env::temp_dir().join(format!("orchestrate-input-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for name in ["b.csv", "a.csv", "c[1].csv", "d.txt"] {
            std::fs::write(folder.join(name), "x").unwrap();
        }
        let of = |name: &str| {
            let found = paths(&folder.join(name).to_string_lossy());
            let name = |p: &PathBuf| p.file_name().unwrap().to_string_lossy().into_owned();
            found.map(|found| found.iter().map(name).collect::<Vec<_>>())
        };
        assert_eq!(of("?.csv").unwrap(), ["a.csv", "b.csv"]);
        assert_eq!(of("c[1].csv").unwrap(), ["c[1].csv"]);
        assert!(of("*.parquet").unwrap_err().to_string().starts_with("no file matches"));
        assert!(of("z.csv").unwrap_err().to_string().ends_with("does not exist"));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
