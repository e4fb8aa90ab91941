//! Runs [`tollgate_fuzz::filter_circuit_breaker`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::filter_circuit_breaker(data));
