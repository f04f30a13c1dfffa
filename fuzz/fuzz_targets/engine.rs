//! The Docker Engine's containers, images and events.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| flightdeck_fuzz::holds::engine(bytes));
