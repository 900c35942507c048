//! The ground floor: hashes, canonical JSON, names, matrices and threads.
//! Nothing here knows of tables, stages or pipelines.

pub mod canon;
pub mod hash;
pub mod matrix;
pub mod memory;
pub mod names;
pub mod node;
pub mod pool;
pub mod spares;
