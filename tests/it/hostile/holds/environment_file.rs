//! Environment and override files: what is set is what is read.

use std::collections::BTreeMap;

use flightdeck::target::compose::pin::{dotenv, overrides};

pub fn environment_file(bytes: &[u8]) {
    let readable = dotenv::values(bytes, &BTreeMap::new()).is_ok();
    if let Ok(after) = dotenv::set(bytes, "TAG", "v1@sha256:ab") {
        let assignments = dotenv::assignments(&after).expect("what was set can be read");
        assert!(
            assignments
                .iter()
                .any(|assignment| assignment.name == "TAG")
        );
        if readable {
            let values =
                dotenv::values(&after, &BTreeMap::new()).expect("what was set has a value");
            assert_eq!(values["TAG"].as_str(), "v1@sha256:ab");
        }
    }
    if let Ok(images) = overrides::read(bytes) {
        assert_eq!(overrides::read(&overrides::write(&images)), Ok(images));
    }
}
