//! Feeds bytes to `targets::parquet`. It does not know what is done with them.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::parquet(data));
