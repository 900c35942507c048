//! `orchestrate`: reproducible customer segmentation from pipelines in YAML.
//!
//! The layers, from the ground up; each imports only what stands before it:
//! `base`, `frame`, `store`, `stage`, `engine`, `ml`, `kinds`, `app`, `report`, `server` and `cli` side by side.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![deny(clippy::todo, clippy::dbg_macro, clippy::unimplemented)]

pub mod app;
pub mod base;
pub mod cli;
pub mod engine;
pub mod frame;
pub mod kinds;
pub mod ml;
pub mod report;
pub mod server;
pub mod stage;
pub mod store;
