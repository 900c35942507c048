//! The store's identity: a secret that is made with the store, and the marks that it puts on history entries.
//! It does not know what an entry says. What a mark proves and what not is told in `FORMAT.md`.

use std::path::{Path, PathBuf};

use crate::{
    base::{canon, hash::ContentHash},
    store::{Store, disk::Disk, error::StoreError, records::HistoryEntry},
};

/// Where random bytes come from on every Unix.
const RANDOM: &str = "/dev/urandom";

/// Hex digits of the secret's own check, so that a damaged secret is no secret.
const CHECK_DIGITS: usize = 16;

/// A store's secret. It is never printed, exported or sent anywhere.
pub struct Identity([u8; 32]);

impl Identity {
    fn random(disk: &Disk) -> Result<Identity, StoreError> {
        let mut secret = [0; 32];
        let source = Path::new(RANDOM);
        match disk.fill(&mut disk.open(source)?, source, &mut secret)? {
            n if n == secret.len() => Ok(Identity(secret)),
            _ => Err(StoreError::damaged(source, "has no random bytes")),
        }
    }

    /// Reads `<64 hex> <16 hex>`: the secret and its check.
    fn parse(text: &str) -> Option<Identity> {
        let (secret, _) = text.split_once(' ')?;
        let secret = blake3::Hash::from_hex(secret).ok()?;
        let identity = Identity(*secret.as_bytes());
        (identity.text() == text).then_some(identity)
    }

    /// Tells whether these are the bytes of an identity file.
    pub(super) fn is_sound(bytes: &[u8]) -> bool {
        std::str::from_utf8(bytes).ok().and_then(Identity::parse).is_some()
    }

    fn text(&self) -> String {
        let check = ContentHash::of(&self.0).to_hex();
        format!("{} {}\n", blake3::Hash::from_bytes(self.0).to_hex(), &check[..CHECK_DIGITS])
    }

    /// Returns the mark of an entry: BLAKE3, keyed with the secret, of its canonical JSON without the mark.
    ///
    /// # Errors
    /// If the entry cannot be written as JSON.
    pub fn mark(&self, entry: &HistoryEntry) -> Result<ContentHash, StoreError> {
        let bare = HistoryEntry { mark: None, ..entry.head() };
        let text = canon::with_list(&bare, "stages", &entry.stages)
            .map_err(|e| StoreError::damaged("history", e.to_string()))?;
        Ok(ContentHash::from_digest(blake3::keyed_hash(&self.0, text.as_bytes())))
    }

    /// Returns a value that other stores do not know, for what they must not be able to make up.
    pub fn salt(&self, purpose: &str) -> ContentHash {
        ContentHash::from_digest(blake3::keyed_hash(&self.0, purpose.as_bytes()))
    }

    /// Returns true if this store wrote the entry and nothing in it has changed since.
    pub fn is_own(&self, entry: &HistoryEntry) -> bool {
        entry.mark.is_some() && self.mark(entry).ok() == entry.mark
    }
}

impl Store {
    /// Returns the store's identity; `None` if it has none yet, or a damaged one.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn identity(&self) -> Result<Option<Identity>, StoreError> {
        let bytes = self.disk.read_optional(&self.identity_path())?.unwrap_or_default();
        Ok(std::str::from_utf8(&bytes).ok().and_then(Identity::parse))
    }

    /// Makes an identity where there is none. Of several processes that do so at once, one prevails.
    pub(super) fn ensure_identity(&self) -> Result<(), StoreError> {
        if self.identity()?.is_some() {
            return Ok(());
        }
        let path = self.identity_path();
        let is_damaged = self.disk.is_file(&path)?;
        let temp = self.temp_path("identity");
        let mut file = self.disk.create_private(&temp)?;
        self.disk.write_all(&mut file, &temp, Identity::random(&self.disk)?.text().as_bytes())?;
        self.disk.sync(&file, &temp)?;
        match is_damaged {
            true => self.disk.rename(&temp, &path),
            false => self.disk.rename_new(&temp, &path),
        }
    }

    fn identity_path(&self) -> PathBuf {
        self.root.join("store-id")
    }
}
