//! Runs [`tollgate_fuzz::jwt_decision`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::jwt_decision(data));
