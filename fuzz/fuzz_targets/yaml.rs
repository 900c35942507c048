//! Feeds bytes to `targets::yaml`. It does not know what is done with them.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::yaml(data));
