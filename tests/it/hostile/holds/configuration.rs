//! The configuration: any text gives a configuration, or an error that names the file.

use std::path::Path;

pub fn configuration(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Err(error) = flightdeck::config::parse(&text, Path::new("flightdeck.toml")) {
        let error = error.to_string();
        assert!(error.contains("flightdeck.toml"), "{error}");
    }
}
