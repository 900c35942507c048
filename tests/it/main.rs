//! Whole parts of the program together, on files and folders.

mod architecture;
mod cache;
mod classify;
mod cli;
mod cluster_real;
mod crash;
mod failures;
mod features;
mod foreign;
mod format;
mod fsck;
mod gc;
mod golden;
mod habits;
mod identity;
mod moving;
mod plan;
mod predict;
mod processes;
mod project;
mod real_data;
mod shipped_data;
mod signals;
mod transform;
mod unchanged;
mod why;
