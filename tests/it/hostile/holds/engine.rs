//! What the Docker Engine tells of containers and images: read or left out, and clean.

use bollard::models::{ContainerInspectResponse, ImageInspect};
use flightdeck::target::compose::engine::containers;

use super::assert_clean;

pub fn engine(bytes: &[u8]) {
    let container = serde_json::from_slice::<ContainerInspectResponse>(bytes);
    if let Some((_, container)) = container.ok().and_then(containers::container) {
        assert_clean(&container);
    }
    let image = serde_json::from_slice::<ImageInspect>(bytes);
    if let Some(image) = image.ok().and_then(containers::image) {
        assert_clean(&image);
    }
}
