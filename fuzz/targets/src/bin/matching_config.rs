//! Runs [`tollgate_fuzz::matching_config`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::matching_config(data));
