//! Runs [`tollgate_fuzz::circuit_breaker_config`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::circuit_breaker_config(data));
