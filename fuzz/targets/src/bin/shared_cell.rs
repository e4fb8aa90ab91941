//! Runs [`tollgate_fuzz::shared_cell`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::shared_cell(data));
