//! Runs [`tollgate_fuzz::circuit_state`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::circuit_state(data));
