//! Bytes that cannot be read twice, or not be taken back: what comes on standard input, and what goes to standard output.
//! They wait in a file without a name. It does not know what they are.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, Write},
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

/// So much of standard input is kept in memory before a file is made for it.
const IN_MEMORY: u64 = 32 << 20;

/// Standard input, read to its end.
pub enum Spooled {
    /// All of it.
    Memory(Vec<u8>),
    /// The file that it is in, which goes with this value.
    File(Named),
}

/// A file that is removed with this value.
pub struct Named(PathBuf);

impl Named {
    /// Returns where it lies.
    pub fn path(&self) -> &PathBuf {
        &self.0
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        // What is left over there is the system's to clean.
        let _ = fs::remove_file(&self.0);
    }
}

/// Reads a stream to its end, into memory or beside it.
///
/// # Errors
/// If it cannot be read, or kept.
pub fn read(mut stream: impl Read) -> io::Result<Spooled> {
    let mut bytes = Vec::new();
    stream.by_ref().take(IN_MEMORY).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < IN_MEMORY {
        return Ok(Spooled::Memory(bytes));
    }
    let (mut file, path) = create()?;
    let named = Named(path);
    file.write_all(&bytes)?;
    io::copy(&mut stream, &mut file)?;
    Ok(Spooled::File(named))
}

/// Makes an empty file without a name.
///
/// # Errors
/// If the folder for such files refuses.
pub fn nameless() -> io::Result<File> {
    let (file, path) = create()?;
    drop(Named(path));
    Ok(file)
}

/// Copies all that is in a file to a sink.
///
/// # Errors
/// If either fails.
pub fn copy(mut file: &File, sink: &mut dyn Write) -> io::Result<()> {
    file.rewind()?;
    io::copy(&mut file, sink)?;
    sink.flush()
}

fn create() -> io::Result<(File, PathBuf)> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("orchestrate-{}-{n}.part", std::process::id()));
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
    Ok((file, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_streams_lie_in_a_file_that_goes_away() {
        assert!(matches!(read(&b"abc"[..]).unwrap(), Spooled::Memory(bytes) if bytes == b"abc"));
        let long = io::repeat(b'x').take(IN_MEMORY + 7);
        let Spooled::File(named) = read(long).unwrap() else { panic!("in memory") };
        let path = named.path().clone();
        assert_eq!(fs::metadata(&path).unwrap().len(), IN_MEMORY + 7);
        drop(named);
        assert!(!path.exists());
        let mut file = nameless().unwrap();
        file.write_all(b"abc").unwrap();
        let mut out = Vec::new();
        copy(&file, &mut out).unwrap();
        assert_eq!(out, b"abc");
    }
}
