//! Feeds bytes to `targets::csv`. It does not know what is done with them.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::csv(data));
