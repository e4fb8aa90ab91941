//! Runs [`tollgate_fuzz::jwt_keys`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::jwt_keys(data));
