//! Runs [`tollgate_fuzz::protobuf`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::protobuf(data));
