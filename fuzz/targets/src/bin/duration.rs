//! Runs [`tollgate_fuzz::duration`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::duration(data));
