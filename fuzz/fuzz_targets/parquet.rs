//! Feeds bytes to `targets::parquet`. It does not know what is done with them.

#![no_main]

#[path = "../targets.rs"]
#[allow(dead_code)]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::parquet(data));
