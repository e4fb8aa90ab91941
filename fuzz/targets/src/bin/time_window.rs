//! Runs [`tollgate_fuzz::time_window`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::time_window(data));
