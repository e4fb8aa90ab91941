//! Runs [`tollgate_fuzz::matching`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::matching(data));
