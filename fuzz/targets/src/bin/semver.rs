//! Runs [`tollgate_fuzz::semver`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::semver(data));
