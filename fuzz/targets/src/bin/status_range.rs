//! Runs [`tollgate_fuzz::status_range`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::status_range(data));
