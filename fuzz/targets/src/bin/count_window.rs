//! Runs [`tollgate_fuzz::count_window`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::count_window(data));
