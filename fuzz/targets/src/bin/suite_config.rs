//! Runs [`tollgate_fuzz::suite_config`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::suite_config(data));
