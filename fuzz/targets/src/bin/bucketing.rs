//! Runs [`tollgate_fuzz::bucketing`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::bucketing(data));
