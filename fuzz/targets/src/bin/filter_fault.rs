//! Runs [`tollgate_fuzz::filter_fault`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::filter_fault(data));
