//! Runs [`tollgate_fuzz::jwt_auth_config`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::jwt_auth_config(data));
