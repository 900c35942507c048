//! Finds the one flipped bit in a small file by trying every bit against what the file must hash to.
//! It does not know files: it gets bytes and the question whether they are sound.
//!
//! A record costs milliseconds to seconds this way and comes back exactly, where computing it again could not bring
//! back who ran what and when. Beyond a few hundred kilobits the trials cost more than they are worth.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::base::pool::Pool;

/// Largest file that is tried, in bytes.
const MAX_BYTES: usize = 64 << 10;

/// Bytes that one task tries.
const CHUNK: usize = 512;

/// Bytes with one bit put right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mended(pub Vec<u8>);

/// Returns the bytes with the one bit flipped that makes them sound, if there is one.
pub fn one_bit(
    bytes: &[u8],
    is_sound: &(dyn Fn(&[u8]) -> bool + Sync),
    pool: &Pool,
    stop: &(dyn Fn() -> bool + Sync),
) -> Option<Mended> {
    if bytes.len() > MAX_BYTES {
        return None;
    }
    let found = AtomicBool::new(false);
    let tried = pool.map(bytes.len().div_ceil(CHUNK), |i| {
        let mut trial = bytes.to_vec();
        for at in i * CHUNK..((i + 1) * CHUNK).min(bytes.len()) {
            if found.load(Ordering::Relaxed) || stop() {
                return None;
            }
            for bit in 0..8 {
                trial[at] ^= 1 << bit;
                if is_sound(&trial) {
                    found.store(true, Ordering::Relaxed);
                    return Some(Mended(trial));
                }
                trial[at] ^= 1 << bit;
            }
        }
        None
    });
    tried.into_iter().flatten().next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::hash::ContentHash;

    #[test]
    fn one_flipped_bit_is_found_and_two_are_not() {
        let right: Vec<u8> = (0..2000_u32).map(|i| (i * 7) as u8).collect();
        let hash = ContentHash::of(&right);
        let mend = |bytes: &[u8]| {
            one_bit(bytes, &|b| ContentHash::of(b) == hash, &Pool::new(2), &|| false)
        };
        let mut wrong = right.clone();
        wrong[1234] ^= 0x10;
        assert_eq!(mend(&wrong), Some(Mended(right)));
        wrong[77] ^= 1;
        assert_eq!(mend(&wrong), None);
    }
}
