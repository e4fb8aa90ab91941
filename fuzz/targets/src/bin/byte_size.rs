//! Runs [`tollgate_fuzz::byte_size`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::byte_size(data));
