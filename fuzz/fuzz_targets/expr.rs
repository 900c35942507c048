//! Feeds bytes to `targets::expr`. It does not know what is done with them.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::expr(data));
