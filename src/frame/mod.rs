//! Tables: Arrow in memory, Parquet on disk, columns to numbers and back.
//! It does not know what a stage is or where bytes are kept.

pub mod compare;
pub mod csv;
pub mod export;
pub mod expr;
pub mod foreign;
pub mod growth;
pub mod guard;
pub mod ipc;
pub mod onnx;
pub mod pages;
pub mod parquet;
pub mod rows;
pub mod table;
pub mod writer;

pub use rows::Rows;
pub use table::{FrameError, Table};
pub use writer::TableWriter;
