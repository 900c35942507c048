//! Hashes as types: what an artifact's bytes are called, and how keys are built from fields.
//! It does not know which fields make a stage key; that is told once, in `engine::key`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize, de::Error as _};

/// BLAKE3 of an artifact's bytes, written as 64 hex digits (and as its 32 bytes where nobody reads them).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash([u8; 32]);

/// The cache key of a stage instance.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StageKey([u8; 32]);

/// The id of a run: BLAKE3 of its manifest's bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId([u8; 32]);

/// A text that should have been 64 lower-case hex digits.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("expected 64 hex digits, got `{0}`")]
pub struct BadHash(String);

macro_rules! hash_type {
    ($name:ident) => {
        impl $name {
            /// Returns BLAKE3 of `bytes`, as `b3sum` prints it.
            pub fn of(bytes: &[u8]) -> Self {
                Self(*blake3::hash(bytes).as_bytes())
            }

            /// Wraps a digest that was computed piecewise.
            pub fn from_digest(digest: blake3::Hash) -> Self {
                Self(*digest.as_bytes())
            }

            /// Returns the raw digest.
            pub fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// Returns the 64 hex digits.
            pub fn to_hex(&self) -> String {
                blake3::Hash::from_bytes(self.0).to_hex().to_string()
            }

            /// Returns the first eight hex digits, for people.
            pub fn short(&self) -> String {
                self.to_hex()[..8].to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.to_hex())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.short())
            }
        }

        impl FromStr for $name {
            type Err = BadHash;

            fn from_str(text: &str) -> Result<Self, BadHash> {
                let lower_case = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
                match blake3::Hash::from_hex(text) {
                    Ok(digest) if lower_case => Ok(Self::from_digest(digest)),
                    _ => Err(BadHash(text.to_string())),
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match serializer.is_human_readable() {
                    true => serializer.serialize_str(&self.to_hex()),
                    false => self.0.serialize(serializer),
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                match deserializer.is_human_readable() {
                    true => String::deserialize(deserializer)?.parse().map_err(D::Error::custom),
                    false => <[u8; 32]>::deserialize(deserializer).map(Self),
                }
            }
        }
    };
}

hash_type!(ContentHash);
hash_type!(StageKey);
hash_type!(RunId);

/// Hashes a sequence of length-prefixed fields under a context string, so that no two different
/// sequences share bytes (`["ab", "c"]` against `["a", "bc"]`).
pub struct FieldHasher(blake3::Hasher);

impl FieldHasher {
    /// Starts a hash in its own domain; `context` is a constant of this program.
    pub fn new(context: &str) -> FieldHasher {
        FieldHasher(blake3::Hasher::new_derive_key(context))
    }

    /// Adds one field.
    pub fn field(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    /// Returns the digest over all fields so far.
    pub fn finish(&self) -> blake3::Hash {
        self.0.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_hash_is_plain_blake3() {
        // The empty input's digest, as printed by `b3sum /dev/null`.
        let hex = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
        assert_eq!(ContentHash::of(b"").to_hex(), hex);
        assert_eq!(hex.parse(), Ok(ContentHash::of(b"")));
        assert!(hex.to_uppercase().parse::<ContentHash>().is_err());
        assert!("../../etc".parse::<ContentHash>().is_err());
    }

    #[test]
    fn fields_do_not_run_together() {
        let digest = |fields: &[&str]| {
            let mut hasher = FieldHasher::new("test");
            fields.iter().for_each(|f| {
                hasher.field(f.as_bytes());
            });
            hasher.finish()
        };
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_ne!(digest(&["a"]), digest(&["a", ""]));
    }
}
