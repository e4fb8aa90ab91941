//! Runs [`tollgate_fuzz::properties`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::properties(data));
