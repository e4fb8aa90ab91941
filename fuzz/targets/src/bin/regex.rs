//! Runs [`tollgate_fuzz::regex`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::regex(data));
