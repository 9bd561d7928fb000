//! See `src/tls.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wscope_fuzz::tls::run(bytes));
