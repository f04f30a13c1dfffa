//! What registries tell of versions: read or refused, clean and bounded.

use flightdeck::registry::manifest::{read_configuration, read_manifest, read_tags};

use super::assert_clean;

/// Longer than any label that is kept.
const LONG: usize = 4096;

pub fn registry(bytes: &[u8]) {
    for tag in read_tags(bytes).unwrap_or_default() {
        assert_clean(&tag);
        assert!(tag.as_str().len() <= 128, "{tag}");
    }
    let manifest = read_manifest(bytes).map(|(details, _)| details);
    let configuration = read_configuration(bytes).map(|(details, _)| details);
    for details in manifest.into_iter().chain(configuration) {
        assert_clean(&details);
        for text in [details.revision, details.source].into_iter().flatten() {
            assert!(text.len() < LONG, "{text}");
        }
    }
}
