//! What a file's first bytes tell: packing, UTF-16, files that are no text. It does not know delimiters or columns.

use std::{
    cell::Cell,
    io::{self, BufReader, Cursor, Read},
    rc::Rc,
};

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};

/// How many bytes a packed file may give before anybody asks how small it was.
const UNPACKED_FREELY: u64 = 256 << 20;

/// How many times its size a packed file may give beyond that. Tables shrink to a third or a tenth, those that are nearly
/// all zeros to a hundredth. A row that differs from its neighbours by its id alone takes some five bytes, so even
/// rows of two thousand equal bytes stay below.
const UNPACKED_TIMES: u64 = 500;

/// Reads everything, decompressing where the first bytes say so.
///
/// # Errors
/// If reading or decompressing fails, or a small file would fill the memory.
pub fn read_all<'a>(reader: impl Read + 'a) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    unpacked(reader)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Returns the bytes of a file, decompressed where the first of them say so (gzip, zstd). It refuses to go on where they
/// are out of all proportion to the file.
///
/// # Errors
/// If the file cannot be read.
pub fn unpacked<'a>(mut reader: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut magic = Vec::with_capacity(4);
    reader.by_ref().take(4).read_to_end(&mut magic)?;
    let n_packed = Rc::new(Cell::new(0));
    let whole = Cursor::new(magic.clone()).chain(reader);
    let counted = |inner| Counted { inner, n_bytes: n_packed.clone() };
    Ok(match magic.as_slice() {
        [0x1F, 0x8B, ..] => {
            // Several gzip members in a row are one file, as `zcat` has it.
            let inner = flate2::bufread::MultiGzDecoder::new(BufReader::new(counted(whole)));
            Box::new(Proportionate { inner, n_packed, n_unpacked: 0 })
        }
        [0x28, 0xB5, 0x2F, 0xFD] => {
            let inner = zstd::stream::read::Decoder::new(counted(whole))?;
            Box::new(Proportionate { inner, n_packed, n_unpacked: 0 })
        }
        _ => Box::new(whole),
    })
}

/// Counts what is read.
struct Counted<R> {
    inner: R,
    n_bytes: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.n_bytes.set(self.n_bytes.get() + n as u64);
        Ok(n)
    }
}

/// Stops where what was unpacked is out of all proportion to what was packed.
struct Proportionate<R> {
    inner: R,
    n_packed: Rc<Cell<u64>>,
    n_unpacked: u64,
}

impl<R: Read> Read for Proportionate<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.n_unpacked += n as u64;
        let allowed = self.n_packed.get().saturating_mul(UNPACKED_TIMES).max(UNPACKED_FREELY);
        if self.n_unpacked > allowed {
            return Err(io::Error::other(format!(
                "it unpacks to more than {UNPACKED_TIMES} times its size, {} MiB so far, as no table does; if it is \
                 one, unpack it first",
                self.n_unpacked.div_ceil(1 << 20)
            )));
        }
        Ok(n)
    }
}

/// UTF-16 without a mark: western text has a zero in nearly every second byte, UTF-8 never has one.
pub fn utf16_by_zeros(bytes: &[u8]) -> Option<&'static Encoding> {
    let start = &bytes[..bytes.len().min(1024) & !1];
    let zeros = |offset: usize| start.iter().skip(offset).step_by(2).filter(|&&b| b == 0).count();
    let (even, odd, pairs) = (zeros(0), zeros(1), start.len() / 2);
    match pairs {
        0 | 1 => None,
        _ if odd * 10 >= pairs * 7 && even == 0 => Some(UTF_16LE),
        _ if even * 10 >= pairs * 7 && odd == 0 => Some(UTF_16BE),
        _ => None,
    }
}

/// Recognises files that are no text: what it is, and what to do.
pub fn foreign(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    const TABLE: &[(&[u8], &str, &str)] = &[
        (b"PAR1", "a Parquet file", "use `ingest.parquet`"),
        (b"ARROW1", "an Arrow file", "use `ingest.parquet`"),
        (b"PK\x03\x04", "a zip archive or an Excel workbook", "unpack it, or export it as CSV"),
        (b"\xD0\xCF\x11\xE0", "an old Excel workbook", "export it as CSV"),
        (b"BZh", "a bzip2 file", "compress it with gzip or zstd instead"),
        (b"\xFD7zXZ", "an xz file", "compress it with gzip or zstd instead"),
        (b"%PDF", "a PDF", "export its table as CSV"),
        (b"SQLite format 3", "an SQLite database", "export its table as CSV"),
    ];
    let (_, what, help) = TABLE.iter().find(|(magic, ..)| bytes.starts_with(magic))?;
    Some((what, help))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn compression_is_recognised_by_its_first_bytes() {
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(b"a,b\n1,2\n").unwrap();
        let gz = gz.finish().unwrap();
        let zst = zstd::stream::encode_all(&b"a,b\n1,2\n"[..], 1).unwrap();
        assert_eq!(read_all(gz.as_slice()).unwrap(), b"a,b\n1,2\n");
        let twice = [gz.clone(), gz.clone()].concat();
        assert_eq!(read_all(twice.as_slice()).unwrap(), b"a,b\n1,2\na,b\n1,2\n");
        assert_eq!(read_all(zst.as_slice()).unwrap(), b"a,b\n1,2\n");
        assert_eq!(read_all(&b"a"[..]).unwrap(), b"a");
        assert!(read_all(&gz[..gz.len() - 6]).is_err());
    }

    /// A few hundred kilobytes that unpack to gigabytes filled the memory.
    #[test]
    fn what_unpacks_without_end_is_refused() {
        const HALF: usize = 130 << 20;
        let zeros = vec![b'0'; HALF];
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gz.write_all(&zeros).unwrap();
        let gz = gz.finish().unwrap();
        let zst = zstd::stream::encode_all(zeros.as_slice(), 19).unwrap();
        drop(zeros);
        for packed in [gz, zst] {
            assert_eq!(read_all(packed.as_slice()).unwrap().len(), HALF);
            let bomb = packed.repeat(40);
            assert!(bomb.len() < 8 << 20);
            let error = read_all(bomb.as_slice()).unwrap_err().to_string();
            assert!(error.contains("unpack it first"), "{error}");
        }
    }
}
