//! Journals, ledgers, plans and claims.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| flightdeck_fuzz::holds::records(bytes));
