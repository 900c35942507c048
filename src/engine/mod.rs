//! The engine: pipeline text to plan, plan to keys and states, states to execution; events out.
//! It knows kinds only through the stage trait, and neither terminal nor command line.

pub mod interpolate;
pub mod plan;
pub mod spec;
pub mod yaml;

mod bind;
mod expand;
