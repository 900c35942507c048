//! Whole parts of the program together, on files and folders.

mod cluster_real;
mod features;
mod real_data;
mod shipped_data;
mod transform;
