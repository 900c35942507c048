//! The registry of kinds: one file a kind, one line a kind in [`ALL`].
//! Help, JSON Schema, documentation and completion are generated from this slice. It does not know how
//! stages are scheduled, cached or stored.

pub mod eda;
pub mod eda_profile;
pub mod ids;
pub mod ingest_csv;
pub mod ingest_parquet;
pub mod page;
pub mod prepare;
pub mod reread;
pub mod schema;
pub mod transform_apply;
pub mod transform_fit;

use crate::stage::kind::Kind;

/// Every kind, in the order in which people meet them.
pub static ALL: &[&dyn Kind] = &[
    &ingest_csv::IngestCsv,
    &ingest_parquet::IngestParquet,
    &eda_profile::EdaProfile,
    &transform_fit::TransformFit,
    &transform_apply::TransformApply,
];

/// Returns the kind called `name`.
pub fn find(name: &str) -> Option<&'static dyn Kind> {
    ALL.iter().copied().find(|kind| kind.name() == name)
}
