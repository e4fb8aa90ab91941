//! Runs [`tollgate_fuzz::names`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::names(data));
