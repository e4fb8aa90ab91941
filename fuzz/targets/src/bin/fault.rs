//! Runs [`tollgate_fuzz::fault`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::fault(data));
