//! Where an artifact differs from the one that was recorded: in a cell where both are tables, else in a byte.
//! It does not know how the two came about.

use std::{
    fmt,
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

use crate::frame::{self, compare};

/// Bytes looked at together.
const BLOCK: usize = 1 << 16;

/// The first difference between two artifacts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// They differ as tables.
    Table(compare::Difference),
    /// They differ as bytes.
    Byte {
        /// The first byte that differs, from 0.
        at: u64,
        /// What it was.
        was: u8,
        /// What it is.
        is: u8,
        /// Whether both are tables that a reader could not tell apart.
        same_table: bool,
    },
    /// One is the beginning of the other.
    Length {
        /// How many bytes there were.
        was: u64,
        /// How many bytes there are.
        is: u64,
    },
    /// The recorded one is not in the store any more.
    Gone,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::Table(difference) => difference.fmt(f),
            Difference::Byte { at, was, is, same_table } => {
                write!(f, "byte {at}: was 0x{was:02x}, is 0x{is:02x}")?;
                if *same_table {
                    f.write_str("; as tables they are the same, they are only written differently")?;
                }
                Ok(())
            }
            Difference::Length { was, is } => {
                write!(f, "it had {was} bytes, has {is}; what both have is the same")
            }
            Difference::Gone => f.write_str(
                "the recorded artifact is no longer in the store, so there is nothing to hold against it",
            ),
        }
    }
}

/// Returns the first difference between the artifact at `before` and the one at `after`; `None` if there is none, or
/// one of them cannot be read.
pub fn between(before: &Path, after: &Path, is_table: bool) -> Option<Difference> {
    if !before.exists() {
        return Some(Difference::Gone);
    }
    let tables = if is_table { tables(before, after) } else { None };
    if let Some((a, b)) = &tables
        && let Some(difference) = compare::first_difference(a, b)
    {
        return Some(Difference::Table(difference));
    }
    match (bytes(before, after), tables.is_some()) {
        (Ok(Some(Difference::Byte { at, was, is, .. })), same_table) => {
            Some(Difference::Byte { at, was, is, same_table })
        }
        (Ok(found), _) => found,
        (Err(_), _) => None,
    }
}

fn tables(before: &Path, after: &Path) -> Option<(frame::Table, frame::Table)> {
    let read = |path: &Path| frame::parquet::read(File::open(path).ok()?).ok();
    Some((read(before)?, read(after)?))
}

fn bytes(before: &Path, after: &Path) -> io::Result<Option<Difference>> {
    let sizes = (before.metadata()?.len(), after.metadata()?.len());
    let (mut old, mut new) =
        (BufReader::new(File::open(before)?), BufReader::new(File::open(after)?));
    let (mut a, mut b) = (vec![0; BLOCK], vec![0; BLOCK]);
    let mut start = 0;
    let common = sizes.0.min(sizes.1);
    while start < common {
        let n = BLOCK.min(usize::try_from(common - start).unwrap_or(BLOCK));
        old.read_exact(&mut a[..n])?;
        new.read_exact(&mut b[..n])?;
        if let Some(i) = (0..n).find(|&i| a[i] != b[i]) {
            let at = start + i as u64;
            return Ok(Some(Difference::Byte { at, was: a[i], is: b[i], same_table: false }));
        }
        start += n as u64;
    }
    let (was, is) = sizes;
    Ok((was != is).then_some(Difference::Length { was, is }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::table::int_array;

    /// Writes both sides to files of their own and compares them.
    fn told(before: &[u8], after: &[u8], is_table: bool) -> Option<String> {
        static COUNTER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let n = COUNTER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("difference-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (a, b) = (folder.join("a"), folder.join("b"));
        std::fs::write(&a, before).unwrap();
        std::fs::write(&b, after).unwrap();
        let found = between(&a, &b, is_table);
        std::fs::remove_dir_all(&folder).unwrap();
        found.map(|d| d.to_string())
    }

    #[test]
    fn opaque_bytes_tell_the_first_that_differs() {
        let long = vec![7; 200_000];
        let mut other = long.clone();
        other[150_000] = 8;
        for (before, after, expected) in [
            (&b"abc"[..], &b"abc"[..], None),
            (b"abc", b"abd", Some("byte 2: was 0x63, is 0x64")),
            (b"abc", b"ab", Some("it had 3 bytes, has 2; what both have is the same")),
            (b"", b"x", Some("it had 0 bytes, has 1; what both have is the same")),
            (&long, &other, Some("byte 150000: was 0x07, is 0x08")),
        ] {
            assert_eq!(told(before, after, false).as_deref(), expected);
        }
    }

    #[test]
    fn tables_tell_the_cell_and_what_is_no_table_the_byte() {
        let written = |x: i64| {
            let table = frame::Table::new(None, vec![("x", int_array(vec![1, x]))]).unwrap();
            let mut bytes = Vec::new();
            frame::parquet::write(&table, &mut bytes).unwrap();
            bytes
        };
        let difference = told(&written(2), &written(3), true);
        assert_eq!(difference.as_deref(), Some("row 1, column `x`: was 2, is 3"));
        assert_eq!(told(b"PAR0", b"PAR1", true).as_deref(), Some("byte 3: was 0x30, is 0x31"));
    }

    #[test]
    fn what_is_gone_is_said_to_be() {
        let nowhere = Path::new("/nonexistent/object");
        assert_eq!(between(nowhere, nowhere, false), Some(Difference::Gone));
    }
}
