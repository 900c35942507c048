//! The table of what lies in a store's folder. Everything that walks a whole store walks this.
//! It does not know what is in the files.

/// Something in the store's folder.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Its name there.
    pub name: &'static str,
    /// What it is.
    pub role: Role,
}

/// What a place of the store is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The file that makes a folder a store and names its format.
    Mark,
    /// The secret that marks history entries as the store's own.
    Identity,
    /// Immutable bytes under their hashes.
    Objects,
    /// What keys stand for.
    Keys,
    /// Manifests.
    Runs,
    /// One file an execution.
    History,
    /// Names of runs.
    Tags,
    /// The newest record of each instance.
    State,
    /// Empty files, there for their locks.
    Locks,
    /// Links to the newest outputs.
    View,
    /// The memory of files' hashes.
    Memo,
    /// What runs found in place.
    Receipts,
    /// The editor's schema.
    Schema,
    /// Files in the making.
    Temp,
    /// What `fsck --repair` moved aside.
    Aside,
}

/// Files that older layouts had and that nothing reads any more.
pub const FORMER: &[&str] = &["memo.json"];

/// Every place of a store.
pub const PLACES: &[Place] = &[
    Place { name: "FORMAT", role: Role::Mark },
    Place { name: "store-id", role: Role::Identity },
    Place { name: "objects", role: Role::Objects },
    Place { name: "keys", role: Role::Keys },
    Place { name: "runs", role: Role::Runs },
    Place { name: "history", role: Role::History },
    Place { name: "tags", role: Role::Tags },
    Place { name: "state", role: Role::State },
    Place { name: "locks", role: Role::Locks },
    Place { name: "latest", role: Role::View },
    Place { name: "memo", role: Role::Memo },
    Place { name: "receipts", role: Role::Receipts },
    Place { name: "schema", role: Role::Schema },
    Place { name: "tmp", role: Role::Temp },
    Place { name: "lost+found", role: Role::Aside },
];

impl Role {
    /// Returns true if it is a file of its own and not a folder.
    pub fn is_a_file(self) -> bool {
        matches!(self, Role::Mark | Role::Identity | Role::Memo)
    }

    /// Returns true for a folder that every store has from the beginning.
    pub fn is_made_at_once(self) -> bool {
        !self.is_a_file() && self != Role::Aside
    }
}
