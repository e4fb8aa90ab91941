//! Runs [`tollgate_fuzz::jwt_der`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::jwt_der(data));
