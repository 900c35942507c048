//! Servers: what of the program is asked over HTTP. It does not know arguments; like the command line it asks `app`.

pub mod listen;
pub mod scoring;
pub mod ui;
