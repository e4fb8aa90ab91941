//! Runs [`tollgate_fuzz::jwt_claims`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::jwt_claims(data));
