//! See `src/http.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wscope_fuzz::http::run(bytes));
