//! What the Docker Engine tells of containers, images and what happens to them: read or left out, and clean.

use bollard::models::{ContainerInspectResponse, ContainerSummary, ImageInspect};
use flightdeck::target::compose::engine::{containers, events, segment};

use super::assert_clean;

pub fn engine(bytes: &[u8]) {
    let container = serde_json::from_slice::<ContainerInspectResponse>(bytes);
    if let Some((_, container)) = container.ok().and_then(containers::container) {
        assert_clean(&container);
    }
    // Asked for one by one, whatever they are called.
    let listed = serde_json::from_slice::<Vec<ContainerSummary>>(bytes).unwrap_or_default();
    for id in containers::ids(listed) {
        let path = segment(&id);
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"*-._%".contains(&b);
        assert!(path.bytes().all(is_plain), "{path}");
    }
    if let Ok(event) = events::read(bytes) {
        let _ = events::concerns(&event, "shop", Some("backend"));
    }
    let image = serde_json::from_slice::<ImageInspect>(bytes);
    if let Some(image) = image.ok().and_then(containers::image) {
        assert_clean(&image);
    }
}
