//! Log streams and their lines.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| flightdeck_fuzz::holds::logs(bytes));
