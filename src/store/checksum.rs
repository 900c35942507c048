//! A checksum inside a record, so that a flipped bit anywhere in it is found. It does not know what records say.
//!
//! A record is one JSON object. Its last field, `blake3`, is over the record's name in the store and over the
//! object without that field: a record that got another record's name is found as well. A record without the field
//! was written before there were checksums and is read as it is.

use std::borrow::Cow;

use crate::base::hash::{ContentHash, FieldHasher};

const CONTEXT: &str = "orchestrate 2026 record checksum";

const FIELD: &[u8] = b"\"blake3\":\"";

const END: &[u8] = b"\"}";

/// Hex digits of a checksum.
const DIGITS: usize = 64;

/// What a record's checksum says of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Check<'a> {
    /// The bytes are those that were written under this name; here they are without the checksum.
    Whole(Vec<u8>),
    /// There is none: the record is old, or is none.
    Absent(&'a [u8]),
    /// The bytes, or their name, are others than were written.
    Broken,
}

/// Adds the checksum to a JSON object that is to lie under `name`.
pub fn close(name: &str, mut object: Vec<u8>) -> Vec<u8> {
    let digest = checksum(name, &object);
    object.pop();
    if object.len() > 1 {
        object.push(b',');
    }
    object.extend_from_slice(FIELD);
    object.extend_from_slice(digest.to_hex().as_bytes());
    object.extend_from_slice(END);
    object
}

/// Checks the bytes found under `name`.
pub fn open<'a>(name: &str, bytes: &'a [u8]) -> Check<'a> {
    let before = bytes
        .strip_suffix(END)
        .and_then(|rest| rest.len().checked_sub(DIGITS).map(|n| &rest[..n]))
        .and_then(|rest| rest.strip_suffix(FIELD));
    let Some(before) = before else { return Check::Absent(bytes) };
    let content = before.strip_suffix(b",").unwrap_or(before);
    let mut object = Vec::with_capacity(content.len() + 1);
    object.extend_from_slice(content);
    object.push(b'}');
    // `close` would write the same bytes: no other spelling of the same checksum passes.
    let digits = &bytes[bytes.len() - END.len() - DIGITS..bytes.len() - END.len()];
    let has_comma = content.len() < before.len();
    let is_whole =
        has_comma == (content.len() > 1) && checksum(name, &object).to_hex().as_bytes() == digits;
    match is_whole {
        true => Check::Whole(object),
        false => Check::Broken,
    }
}

/// Reads a record under `name`.
///
/// # Errors
/// What is wrong with it, as words that follow its path.
pub fn read<T: serde::de::DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, String> {
    let object = match open(name, bytes) {
        Check::Whole(object) => Cow::Owned(object),
        Check::Absent(bytes) => Cow::Borrowed(bytes),
        Check::Broken => return Err("does not match its own checksum".to_string()),
    };
    serde_json::from_slice(&object).map_err(|e| format!("cannot be read: {e}"))
}

fn checksum(name: &str, object: &[u8]) -> ContentHash {
    let mut hasher = FieldHasher::new(CONTEXT);
    hasher.field(name.as_bytes()).field(object);
    ContentHash::from_digest(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_closed_opens_under_its_own_name_only() {
        for object in ["{}", r#"{"a":1}"#] {
            let bytes = close("keys/x", object.into());
            assert!(serde_json::from_slice::<serde_json::Value>(&bytes).is_ok());
            assert_eq!(open("keys/x", &bytes), Check::Whole(object.into()));
            assert_eq!(open("keys/y", &bytes), Check::Broken);
            assert_eq!(open("keys/x", object.as_bytes()), Check::Absent(object.as_bytes()));
        }
    }

    /// A flip in the checksum's own field name makes the record look like an old one with a field that no record
    /// has, and every record refuses such fields.
    #[test]
    fn every_flipped_bit_is_found() {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "only whether it can be read matters")]
        struct Record {
            a: String,
        }
        let bytes = close("n", br#"{"a":"some text"}"#.to_vec());
        assert!(read::<Record>("n", &bytes).is_ok());
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(read::<Record>("n", &flipped).is_err(), "bit {bit}");
        }
        for len in 0..bytes.len() {
            assert!(read::<Record>("n", &bytes[..len]).is_err(), "cut to {len}");
        }
    }
}
