//! Runs [`tollgate_fuzz::canary`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::canary(data));
