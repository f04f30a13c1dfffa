//! Environment and override files: what is set is what is read, and all else stays.
#![no_main]

use std::collections::BTreeMap;

use flightdeck::target::compose::pin::{dotenv, overrides};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let before = dotenv::values(bytes, &BTreeMap::new());
    if let Ok(after) = dotenv::set(bytes, "TAG", "v1@sha256:ab") {
        let assignments = dotenv::assignments(&after).expect("what was set can be read");
        assert!(assignments.iter().any(|assignment| assignment.name == "TAG"));
        if before.is_ok()
            && let Ok(values) = dotenv::values(&after, &BTreeMap::new())
        {
            assert_eq!(values["TAG"], "v1@sha256:ab");
        }
    }
    if let Ok(images) = overrides::read(bytes) {
        assert_eq!(overrides::read(&overrides::write(&images)), Ok(images));
    }
});
