//! Small binary files that only this program reads: a mark, the value, and BLAKE3 of both at the end, so that a
//! flipped or missing byte makes the file worthless instead of wrong. It does not know what the values are.

use serde::{Deserialize, Serialize};

/// Length of the checksum at the end.
const SUM: usize = 32;

/// What tells one kind of packed file, in one version, from all others.
pub type Mark = [u8; 8];

/// Returns the bytes of a file that holds `value`; `None` if it cannot be packed.
pub fn pack<T: Serialize>(mark: Mark, value: &T) -> Option<Vec<u8>> {
    let mut bytes = postcard::to_extend(value, mark.to_vec()).ok()?;
    let sum = blake3::hash(&bytes);
    bytes.extend_from_slice(sum.as_bytes());
    Some(bytes)
}

/// Returns the value in a file; `None` if it is of another kind or version, or damaged.
pub fn unpack<'a, T: Deserialize<'a>>(mark: Mark, bytes: &'a [u8]) -> Option<T> {
    let (body, sum) = bytes.split_at_checked(bytes.len().checked_sub(SUM)?)?;
    let value = body.strip_prefix(&mark)?;
    (blake3::hash(body).as_bytes() == sum).then(|| postcard::from_bytes(value).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back_and_any_change_is_noticed() {
        let value = (7_u64, "seven".to_string());
        let bytes = pack(*b"numbers1", &value).unwrap();
        assert_eq!(unpack::<(u64, String)>(*b"numbers1", &bytes), Some(value));
        assert_eq!(unpack::<(u64, String)>(*b"numbers2", &bytes), None);
        for i in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[i] ^= 1;
            assert_eq!(unpack::<(u64, String)>(*b"numbers1", &flipped), None, "byte {i}");
            assert_eq!(unpack::<(u64, String)>(*b"numbers1", &bytes[..i]), None, "cut at {i}");
        }
    }
}
