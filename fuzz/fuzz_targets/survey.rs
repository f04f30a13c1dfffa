//! What a server answers before a plan is made, and the plan.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| flightdeck_fuzz::holds::survey(bytes));
