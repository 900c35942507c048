//! Mathematics: clustering, classification, their preparation and their scores.
//! No files, no clock, no Arrow types: matrices and slices in, models and scores out.
//!
//! Rules that all of it keeps, because results are hashed:
//! - sums over rows run over the fixed chunks of [`crate::base::pool`], merged in chunk order;
//! - `exp`, `ln`, `pow` and the like come from [`math`], never from the system's C library;
//! - kernels keep a fixed number of virtual lanes and run by [`simd`], the same bits on every instruction set;
//! - randomness comes from [`rng`] and a seed that is a parameter;
//! - no hash map is iterated, and every tie has a stated winner.

pub mod agreement;
pub mod assignment;
pub mod classify;
pub mod cluster;
pub mod draws;
pub mod eigen;
pub mod error;
pub mod math;
pub mod optimize;
pub mod pca;
pub mod power;
pub mod quantiles;
pub mod rng;
pub mod simd;
pub mod stats;

pub use crate::base::matrix::Matrix;
