//! The contract between the engine and the kinds of stages.
//! It does not know any kind, and nothing of how stages are scheduled or stored.

pub mod ctx;
pub mod error;
pub mod kind;
pub mod memory;
pub mod params;
pub mod row_by_row;
pub mod scratch;
pub mod shared;
pub mod sink;
pub mod work;
