//! Runs [`tollgate_fuzz::cidr`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::cidr(data));
