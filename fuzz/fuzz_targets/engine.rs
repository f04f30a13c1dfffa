//! The Docker Engine's containers and images.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| flightdeck_fuzz::holds::engine(bytes));
