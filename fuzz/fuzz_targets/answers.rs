//! What scripts, servers, migration tools and people say in a few lines.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| flightdeck_fuzz::holds::answers(bytes));
