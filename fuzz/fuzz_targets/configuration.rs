//! The configuration: any text gives a configuration or an error that points into it.
#![no_main]

use std::path::Path;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Err(error) = flightdeck::config::parse(text, Path::new("flightdeck.toml")) {
        assert!(!error.to_string().is_empty());
    }
});
