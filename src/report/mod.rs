//! What people and programs see: terminal, plain text, JSON, made from events and tables.
//! It computes nothing and decides nothing.

pub mod dag;
pub mod diff;
pub mod drift;
pub mod du;
pub mod error;
pub mod explain;
pub mod frame;
pub mod fsck;
pub mod gc;
pub mod grid;
pub mod history;
pub mod json;
pub mod kinds;
pub mod live;
pub mod outlook;
pub mod plain;
pub mod reproduction;
pub mod run_page;
pub mod skim;
pub mod style;
pub mod summary;
pub mod trace;
pub mod unchanged;
