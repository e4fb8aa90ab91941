//! Runs [`tollgate_fuzz::percent`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::percent(data));
