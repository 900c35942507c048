//! The engine: pipeline text to plan, plan to keys and states, states to execution; events out.
//! It knows kinds only through the stage trait, and neither terminal nor command line.

pub mod spec;
pub mod yaml;

pub mod interpolate;
pub mod plan;

pub mod key;
pub mod reason;
pub mod settle;
pub mod source;
pub mod status;

pub mod outlook;

pub mod event;
pub mod exec;
pub mod record;
pub mod replay;

mod bind;
mod expand;
