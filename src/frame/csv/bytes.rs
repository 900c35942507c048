//! From a file's bytes to text: decompression by magic bytes, then the encoding.
//! It does not know delimiters or columns.

use std::{
    cell::Cell,
    io::{self, BufReader, Cursor, Read},
};

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::error::CsvError;

/// A file as text.
#[derive(Debug)]
pub struct Decoded {
    /// The text, without a byte-order mark.
    pub text: String,
    /// What it was encoded in.
    pub encoding: &'static Encoding,
}

/// Reads all of `reader` (gzip and zstd are recognised by their first bytes) and decodes it.
///
/// Without a declared encoding: a byte-order mark decides; else UTF-16 if every other byte of the
/// beginning is mostly zero; else UTF-8 if the bytes are valid; else windows-1252, which has a
/// character for (nearly) every byte and is what spreadsheets of western Europe write.
///
/// # Errors
/// If the bytes cannot be read, are not text, or are not what `declared` says.
pub fn decode(
    file: &str,
    reader: impl Read,
    declared: Option<&'static Encoding>,
) -> Result<Decoded, CsvError> {
    let bytes = read_all(reader).map_err(|error| CsvError::Io { file: file.to_string(), error })?;
    if let Some((what, help)) = foreign(&bytes) {
        return Err(CsvError::NotText { file: file.to_string(), what, help });
    }
    let marked = Encoding::for_bom(&bytes);
    let skip = marked.map_or(0, |(_, length)| length);
    let encoding = declared.or(marked.map(|(e, _)| e)).or_else(|| utf16_by_zeros(&bytes));
    match encoding {
        None => match utf8(bytes, skip) {
            Ok(text) => Ok(Decoded { text, encoding: UTF_8 }),
            Err(bytes) => {
                let (text, _) = WINDOWS_1252.decode_without_bom_handling(&bytes);
                Ok(Decoded { text: text.into_owned(), encoding: WINDOWS_1252 })
            }
        },
        Some(encoding) if encoding == UTF_8 => match utf8(bytes, skip) {
            Ok(text) => Ok(Decoded { text, encoding }),
            Err(bytes) => Err(undecodable(file, &bytes[skip..], encoding)),
        },
        Some(encoding) => {
            let (text, _, damaged) = encoding.decode(&bytes);
            if damaged {
                return Err(undecodable(file, &bytes[skip..], encoding));
            }
            Ok(Decoded { text: text.into_owned(), encoding })
        }
    }
}

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
pub fn read_all(mut reader: impl Read) -> std::io::Result<Vec<u8>> {
    let mut magic = Vec::with_capacity(4);
    reader.by_ref().take(4).read_to_end(&mut magic)?;
    let whole = Cursor::new(magic.clone()).chain(reader);
    let mut bytes = Vec::new();
    match magic.as_slice() {
        [0x1F, 0x8B, ..] => {
            // Several gzip members in a row are one file, as `zcat` has it.
            let n_packed = Cell::new(0);
            let packed = BufReader::new(Counted { inner: whole, n_bytes: &n_packed });
            unpack(flate2::bufread::MultiGzDecoder::new(packed), &n_packed, &mut bytes)?;
        }
        [0x28, 0xB5, 0x2F, 0xFD] => {
            let n_packed = Cell::new(0);
            let packed = Counted { inner: whole, n_bytes: &n_packed };
            unpack(zstd::stream::read::Decoder::new(packed)?, &n_packed, &mut bytes)?;
        }
        _ => {
            let mut whole = whole;
            whole.read_to_end(&mut bytes)?;
        }
    }
    Ok(bytes)
}

/// Counts what is read.
struct Counted<'a, R> {
    inner: R,
    n_bytes: &'a Cell<u64>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.n_bytes.set(self.n_bytes.get() + n as u64);
        Ok(n)
    }
}

/// Reads all that `unpacked` gives, step by step, and stops where it is out of all proportion.
fn unpack(mut unpacked: impl Read, n_packed: &Cell<u64>, bytes: &mut Vec<u8>) -> io::Result<()> {
    const STEP: u64 = 1 << 20;
    while unpacked.by_ref().take(STEP).read_to_end(bytes)? > 0 {
        let allowed = n_packed.get().saturating_mul(UNPACKED_TIMES).max(UNPACKED_FREELY);
        if bytes.len() as u64 > allowed {
            return Err(io::Error::other(format!(
                "it unpacks to more than {UNPACKED_TIMES} times its size, {} MiB so far, as no table does; if it is \
                 one, unpack it first",
                bytes.len() >> 20
            )));
        }
    }
    Ok(())
}

fn utf8(mut bytes: Vec<u8>, skip: usize) -> Result<String, Vec<u8>> {
    match std::str::from_utf8(&bytes[skip..]) {
        Ok(_) => {
            bytes.drain(..skip);
            String::from_utf8(bytes).map_err(|error| error.into_bytes())
        }
        Err(_) => Err(bytes),
    }
}

fn undecodable(file: &str, bytes: &[u8], encoding: &'static Encoding) -> CsvError {
    let good = match std::str::from_utf8(bytes) {
        Err(error) if encoding == UTF_8 => error.valid_up_to(),
        _ => 0,
    };
    CsvError::Encoding {
        file: file.to_string(),
        line: 1 + bytes[..good].iter().filter(|&&b| b == b'\n').count(),
        encoding: encoding.name(),
    }
}

/// UTF-16 without a mark: western text has a zero in nearly every second byte, UTF-8 never has one.
fn utf16_by_zeros(bytes: &[u8]) -> Option<&'static Encoding> {
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

fn foreign(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
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

    fn text(bytes: &[u8]) -> (String, &'static str) {
        let decoded = decode("f.csv", bytes, None).unwrap();
        (decoded.text, decoded.encoding.name())
    }

    #[test]
    fn encodings_are_recognised() {
        assert_eq!(text("a,é\n".as_bytes()), ("a,é\n".to_string(), "UTF-8"));
        assert_eq!(text(b"\xEF\xBB\xBFa,b"), ("a,b".to_string(), "UTF-8"));
        assert_eq!(text(b"caf\xE9 \x80"), ("café €".to_string(), "windows-1252"));
        assert_eq!(text(b""), (String::new(), "UTF-8"));
        let utf16: Vec<u8> = "id,ü\n1,2\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(text(&utf16), ("id,ü\n1,2\n".to_string(), "UTF-16LE"));
        let marked = [&[0xFE, 0xFF][..], &[0, b'a', 0, b'b']].concat();
        assert_eq!(text(&marked), ("ab".to_string(), "UTF-16BE"));
    }

    #[test]
    fn compression_is_recognised_by_its_first_bytes() {
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(b"a,b\n1,2\n").unwrap();
        let gz = gz.finish().unwrap();
        let zst = zstd::stream::encode_all(&b"a,b\n1,2\n"[..], 1).unwrap();
        assert_eq!(text(&gz).0, "a,b\n1,2\n");
        assert_eq!(text(&[gz.clone(), gz.clone()].concat()).0, "a,b\n1,2\na,b\n1,2\n");
        assert_eq!(text(&zst).0, "a,b\n1,2\n");
        let cut = decode("f.csv.gz", &gz[..gz.len() - 6], None);
        assert!(matches!(cut, Err(CsvError::Io { .. })));
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
            assert!(error.contains("unpack it first") && error.contains("257 MiB"), "{error}");
        }
    }

    #[test]
    fn what_is_no_text_says_so() {
        let error = decode("f.xlsx", &b"PK\x03\x04rest"[..], None).unwrap_err().to_string();
        assert!(error.contains("Excel"), "{error}");
        let error = decode("f.csv", &b"a\nb\xFF"[..], Some(UTF_8)).unwrap_err().to_string();
        assert_eq!(error, "f.csv:2: bytes that are not UTF-8; set another `encoding`");
    }
}
