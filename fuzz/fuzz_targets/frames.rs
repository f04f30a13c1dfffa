//! What the follower and the tail of an operation send.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| flightdeck_fuzz::holds::frames(bytes));
