//! The little of tar (POSIX ustar) that a bundle needs: plain files, without times and owners. It does not know what is
//! in them.

use std::collections::BTreeMap;

use bytes::Bytes;

const BLOCK: usize = 512;
const NAME: usize = 100;

/// Writes an archive.
#[derive(Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// Adds a file; its name has at most 100 bytes.
    pub fn add(&mut self, name: &str, bytes: &[u8]) {
        let mut header = [0; BLOCK];
        put(&mut header, 0, name.as_bytes());
        put(&mut header, 100, b"0000444\0");
        put(&mut header, 108, b"0000000\0");
        put(&mut header, 116, b"0000000\0");
        put(&mut header, 124, format!("{:011o}\0", bytes.len()).as_bytes());
        put(&mut header, 136, b"00000000000\0");
        put(&mut header, 156, b"0");
        put(&mut header, 257, b"ustar\x0000");
        let sum = checksum(&header);
        put(&mut header, 148, format!("{sum:06o}\0 ").as_bytes());
        self.0.extend_from_slice(&header);
        self.0.extend_from_slice(bytes);
        self.0.resize(self.0.len().next_multiple_of(BLOCK), 0);
    }

    /// Returns the archive.
    pub fn finish(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 2 * BLOCK, 0);
        self.0
    }
}

fn put(header: &mut [u8; BLOCK], at: usize, bytes: &[u8]) {
    header[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Returns the sum of a header's bytes, its own place counted as blanks.
fn checksum(header: &[u8; BLOCK]) -> u32 {
    let own = 148..156;
    let byte =
        |(i, b): (usize, &u8)| if own.contains(&i) { u32::from(b' ') } else { u32::from(*b) };
    header.iter().enumerate().map(byte).sum()
}

/// Returns the plain files of an archive by name.
///
/// # Errors
/// What is wrong with it.
pub fn read(bytes: Bytes) -> Result<BTreeMap<String, Bytes>, String> {
    let mut files = BTreeMap::new();
    let mut at = 0;
    loop {
        let header = bytes.get(at..).and_then(<[u8]>::first_chunk::<BLOCK>);
        let header = header.ok_or("it is cut short")?;
        if header.iter().all(|b| *b == 0) {
            return Ok(files);
        }
        if &header[257..262] != b"ustar"
            || octal(&header[148..156]) != Some(checksum(header).into())
        {
            return Err("it is no tar archive, or damaged".to_string());
        }
        let name = text(&header[..NAME]).ok_or("a name is no text")?;
        if header[156] != b'0' {
            return Err(format!("`{name}` is no plain file"));
        }
        let length = octal(&header[124..136]).and_then(|n| usize::try_from(n).ok());
        let length = length.ok_or(format!("`{name}` has no size"))?;
        let start = at + BLOCK;
        let end = start.checked_add(length).filter(|end| *end <= bytes.len());
        let end = end.ok_or(format!("`{name}` is cut short"))?;
        if files.insert(name.to_string(), bytes.slice(start..end)).is_some() {
            return Err(format!("`{name}` is in it twice"));
        }
        at = end.next_multiple_of(BLOCK);
    }
}

fn text(field: &[u8]) -> Option<&str> {
    let end = field.iter().position(|b| *b == 0).unwrap_or(field.len());
    std::str::from_utf8(&field[..end]).ok()
}

fn octal(field: &[u8]) -> Option<u64> {
    u64::from_str_radix(text(field)?.trim(), 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut writer = Writer::default();
        let files = [("a.json", &b"{}"[..]), ("objects/b.parquet", &[7; 513]), ("empty", b"")];
        files.iter().for_each(|(name, bytes)| writer.add(name, bytes));
        let archive = Bytes::from(writer.finish());
        assert_eq!(archive.len() % BLOCK, 0);
        let read_back = read(archive.clone()).unwrap();
        for (name, bytes) in files {
            assert_eq!(read_back[name], bytes);
        }
        for length in [0, 100, 512, 513, 1024, archive.len() - 1025] {
            assert!(read(archive.slice(..length)).is_err(), "{length}");
        }
        let mut damaged = archive.to_vec();
        damaged[3] ^= 1;
        assert!(read(damaged.into()).is_err());
    }
}
