//! Runs [`tollgate_fuzz::canary_config`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::canary_config(data));
