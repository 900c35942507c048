//! The footer of a Parquet file and the headers of its pages, read before the decoder reads them: what they claim decides how
//! much memory it asks for and how often it goes round, and memory that is not there ends the program. It knows of
//! Thrift's compact protocol what it needs to get past a structure, and nothing of encodings.

use parquet::{
    basic::Type,
    file::{
        metadata::{ColumnChunkMetaData, ParquetMetaData},
        reader::ChunkReader,
    },
};

use crate::frame::{FrameError, growth::Growth};

/// Bytes that a header is looked for in first; those with long statistics take more.
const WINDOW: usize = 1 << 12;

/// Deepest nesting of structures in a header; the format has three.
const MAX_DEPTH: usize = 8;

/// What a page's header says.
#[derive(Debug, Default, PartialEq)]
struct Header {
    unpacked: i64,
    packed: i64,
    /// Values of a dictionary.
    entries: i64,
}

/// Bytes at the end of a file: the footer's length and the magic.
const TRAILER: u64 = 8;

/// Walks through the footer: no list in it may claim more items than there are bytes. The decoder believes each list, and
/// goes round two billion times for one of truth values, which the format has none of.
///
/// # Errors
/// If there is no such footer.
pub fn check_footer<R: ChunkReader>(source: &R) -> Result<(), FrameError> {
    let broken = || FrameError::Damaged("its footer cannot be read".to_string());
    let rest = source.len().checked_sub(TRAILER).ok_or_else(broken)?;
    let trailer = source.get_bytes(rest, TRAILER as usize)?;
    let length = trailer.first_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    let start = rest.checked_sub(u64::from(length)).ok_or_else(broken)?;
    let bytes = source.get_bytes(start, length as usize)?;
    Compact { bytes: &bytes, at: 0 }.skip(ty::STRUCT, 0).ok_or_else(broken)
}

/// Takes in what all pages of a file claim to unpack to.
///
/// # Errors
/// If that is too much, a dictionary claims more values than its page has bytes for, or a header cannot be read.
pub fn check<R: ChunkReader>(
    source: &R,
    metadata: &ParquetMetaData,
    growth: &mut Growth,
) -> Result<(), FrameError> {
    let columns = metadata.row_groups().iter().flat_map(|group| group.columns());
    columns.into_iter().try_for_each(|column| check_column(source, column, growth))
}

fn check_column<R: ChunkReader>(
    source: &R,
    column: &ColumnChunkMetaData,
    growth: &mut Growth,
) -> Result<(), FrameError> {
    let (mut at, length) = column.byte_range();
    let end = at.checked_add(length).filter(|end| *end <= source.len()).ok_or_else(damaged)?;
    let width = match column.column_type() {
        Type::BOOLEAN => 1,
        Type::INT32 | Type::FLOAT | Type::BYTE_ARRAY => 4,
        Type::INT64 | Type::DOUBLE => 8,
        Type::INT96 => 12,
        Type::FIXED_LEN_BYTE_ARRAY => i64::from(column.column_descr().type_length().max(1)),
    };
    while at < end {
        let (header, n_bytes) = header(source, at, end)?;
        let (unpacked, packed) =
            match (usize::try_from(header.unpacked), u64::try_from(header.packed)) {
                (Ok(unpacked), Ok(packed)) => (unpacked, packed),
                _ => return Err(damaged()),
            };
        growth.add(unpacked)?;
        if header.entries.checked_mul(width).is_none_or(|n| n > header.unpacked || n < 0) {
            return Err(FrameError::Damaged(
                "a dictionary claims more values than it has".to_string(),
            ));
        }
        at = at.saturating_add(n_bytes as u64).saturating_add(packed);
    }
    Ok(())
}

fn header<R: ChunkReader>(source: &R, at: u64, end: u64) -> Result<(Header, usize), FrameError> {
    let all = usize::try_from(end - at).unwrap_or(usize::MAX);
    let mut window = WINDOW.min(all);
    loop {
        let bytes = source.get_bytes(at, window)?;
        let mut compact = Compact { bytes: &bytes, at: 0 };
        match compact.header() {
            Some(header) => return Ok((header, compact.at)),
            None if window == all => return Err(damaged()),
            None => window = window.saturating_mul(8).min(all),
        }
    }
}

fn damaged() -> FrameError {
    FrameError::Damaged("a page's header cannot be read".to_string())
}

/// Thrift's compact protocol; `None` where the bytes end.
struct Compact<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// Types of the compact protocol.
mod ty {
    pub const STOP: u8 = 0;
    pub const TRUE: u8 = 1;
    pub const FALSE: u8 = 2;
    pub const BYTE: u8 = 3;
    pub const I16: u8 = 4;
    pub const I32: u8 = 5;
    pub const I64: u8 = 6;
    pub const DOUBLE: u8 = 7;
    pub const BINARY: u8 = 8;
    pub const LIST: u8 = 9;
    pub const STRUCT: u8 = 12;
    pub const UUID: u8 = 13;
}

impl Compact<'_> {
    fn header(&mut self) -> Option<Header> {
        let mut header = Header::default();
        let mut id = 0;
        while let Some(ty) = self.field(&mut id)? {
            match (id, ty) {
                (2, ty::I32) => header.unpacked = self.number()?,
                (3, ty::I32) => header.packed = self.number()?,
                // The header of a dictionary's page, whose first field is how many values it has.
                (7, ty::STRUCT) => {
                    let mut id = 0;
                    while let Some(ty) = self.field(&mut id)? {
                        match (id, ty) {
                            (1, ty::I32) => header.entries = self.number()?,
                            _ => self.skip(ty, 1)?,
                        }
                    }
                }
                _ => self.skip(ty, 1)?,
            }
        }
        Some(header)
    }

    /// Reads the head of a field; `Some(None)` at the end of a structure.
    fn field(&mut self, id: &mut i64) -> Option<Option<u8>> {
        let byte = self.byte()?;
        if byte & 0x0F == ty::STOP {
            return Some(None);
        }
        *id = match byte >> 4 {
            0 => self.number()?,
            step => *id + i64::from(step),
        };
        Some(Some(byte & 0x0F))
    }

    fn skip(&mut self, ty: u8, depth: usize) -> Option<()> {
        match ty {
            ty::TRUE | ty::FALSE => Some(()),
            ty::BYTE => self.advance(1),
            ty::I16 | ty::I32 | ty::I64 => self.varint().map(drop),
            ty::DOUBLE => self.advance(8),
            ty::UUID => self.advance(16),
            ty::BINARY => {
                let length = self.varint()?;
                self.advance(usize::try_from(length).ok()?)
            }
            // No structure of the format holds a list of truth values, a set or a map.
            ty::LIST if depth < MAX_DEPTH => {
                let head = self.byte()?;
                let n = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
                match head & 0x0F {
                    ty::TRUE | ty::FALSE if n > 0 => None,
                    ty => (0..n).try_for_each(|_| self.skip(ty, depth + 1)),
                }
            }
            ty::STRUCT if depth < MAX_DEPTH => {
                let mut id = 0;
                while let Some(ty) = self.field(&mut id)? {
                    self.skip(ty, depth + 1)?;
                }
                Some(())
            }
            _ => None,
        }
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn advance(&mut self, n: usize) -> Option<()> {
        self.at = self.at.checked_add(n).filter(|at| *at <= self.bytes.len())?;
        Some(())
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn number(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    use bytes::Bytes;
    use parquet::{
        arrow::ArrowWriter,
        file::{metadata::ParquetMetaDataReader, properties::WriterProperties},
    };

    use super::*;

    /// Two columns of a hundred equal values, each with a dictionary of one.
    fn file() -> Vec<u8> {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("i", Arc::new(Int64Array::from(vec![7; 100]))),
            ("s", Arc::new(StringArray::from(vec!["text".repeat(3_000); 100]))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let properties = WriterProperties::builder().set_statistics_truncate_length(None).build();
        let mut bytes = Vec::new();
        let mut writer =
            ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        bytes
    }

    fn checked(bytes: Vec<u8>) -> Result<(), FrameError> {
        let bytes = Bytes::from(bytes);
        let metadata = ParquetMetaDataReader::new().parse_and_finish(&bytes).unwrap();
        check(&bytes, &metadata, &mut Growth::of_file(bytes.len() as u64))
    }

    #[test]
    fn honest_headers_are_read_with_their_long_statistics() {
        assert!(checked(file()).is_ok());
    }

    #[test]
    fn a_dictionary_that_claims_billions_of_values_is_refused() {
        let honest = file();
        // The first page is the dictionary of `i`: PAGE_TYPE, sizes, then the structure with its one value.
        let at = honest.windows(4).position(|w| w == [0x4C, 0x15, 0x02, 0x15]).unwrap();
        let mut lying = honest[..at + 2].to_vec();
        lying[at + 1] = 0x15;
        lying.extend([0x7E, 0x15]);
        lying.extend(&honest[at + 4..]);
        let error = checked(lying).unwrap_err().to_string();
        assert!(error.contains("claims more values"), "{error}");
    }

    /// The decoder went round two billion times for a list of truth values.
    #[test]
    fn a_footer_that_claims_more_than_it_holds_is_refused() {
        let footer = |fields: &[u8]| {
            let mut bytes = b"PAR1".to_vec();
            bytes.extend(fields);
            bytes.extend((fields.len() as u32).to_le_bytes());
            bytes.extend(b"PAR1");
            check_footer(&Bytes::from(bytes))
        };
        let honest = file();
        assert!(check_footer(&Bytes::from(honest)).is_ok());
        assert!(footer(&[0x15, 0x02, 0x00]).is_ok());
        for wrong in [
            &[0x19, 0xF1, 0xFF, 0xFF, 0xFF, 0xFF, 0x07, 0x00][..],
            &[0x19, 0xF5, 0xFF, 0xFF, 0xFF, 0xFF, 0x07, 0x00],
            &[0x1C; 100],
            &[0x18, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01],
            &[],
        ] {
            assert!(footer(wrong).is_err(), "{wrong:?}");
        }
        assert!(check_footer(&Bytes::from_static(b"\xFF\xFF\xFF\xFFPAR1")).is_err());
        assert!(check_footer(&Bytes::from_static(b"PAR1")).is_err());
    }

    #[test]
    fn numbers_are_zigzag_and_ends_are_noticed() {
        let number = |bytes: &[u8]| Compact { bytes, at: 0 }.number();
        assert_eq!(number(&[0x02]), Some(1));
        assert_eq!(number(&[0x01]), Some(-1));
        assert_eq!(number(&[0xFF; 10]), None);
        assert_eq!(number(&[0x80]), None);
    }
}
