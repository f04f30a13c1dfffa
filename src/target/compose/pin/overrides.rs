//! Override files of our own: compose files that set nothing but services' images. Written whole, and
//! read back only in the shape that is written here.

use std::collections::BTreeMap;

use crate::release::{ImageReference, ServiceName};

const HEAD: &str = "# Written by flightdeck: the versions that these services run.\nservices:\n";

/// Why a file is not an override file of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is not one that flightdeck writes")]
pub struct NotOurs {
    /// The line, from 1.
    pub line: usize,
}

/// The file that sets these images.
pub fn write(images: &BTreeMap<ServiceName, ImageReference>) -> Vec<u8> {
    let mut text = HEAD.to_owned();
    if images.is_empty() {
        // `services:` alone would be a null to Compose.
        text = text.trim_end().to_owned() + " {}\n";
    }
    for (service, image) in images {
        text.push_str(&format!("  \"{service}\":\n    image: \"{image}\"\n"));
    }
    text.into_bytes()
}

/// The images that such a file sets.
///
/// # Errors
/// Anything that [`write`] would not have written: it belongs to somebody else, and is not replaced.
pub fn read(bytes: &[u8]) -> Result<BTreeMap<ServiceName, ImageReference>, NotOurs> {
    let mut images = BTreeMap::new();
    let mut service: Option<ServiceName> = None;
    for (number, line) in String::from_utf8_lossy(bytes).lines().enumerate() {
        let bad = || NotOurs { line: number + 1 };
        let line = line.trim_end();
        if line.is_empty() || line.starts_with('#') || matches!(line, "services:" | "services: {}")
        {
            continue;
        }
        if let Some(name) = line
            .strip_prefix("  \"")
            .and_then(|rest| rest.strip_suffix("\":"))
        {
            service = Some(name.parse().map_err(|_| bad())?);
        } else {
            let image = line
                .strip_prefix("    image: \"")
                .and_then(|rest| rest.strip_suffix('"'))
                .and_then(|image| image.parse().ok())
                .ok_or_else(bad)?;
            images.insert(service.take().ok_or_else(bad)?, image);
        }
    }
    if service.is_some() {
        return Err(NotOurs { line: 1 });
    }
    Ok(images)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let images: BTreeMap<ServiceName, ImageReference> = [
            ("backend", "ghcr.io/acme/shop-backend:v2"),
            ("Front.end", "127.0.0.1:5000/front"),
        ]
        .into_iter()
        .map(|(service, image)| (service.parse().unwrap(), image.parse().unwrap()))
        .collect();
        assert_eq!(read(&write(&images)), Ok(images));
        assert_eq!(read(&write(&BTreeMap::new())), Ok(BTreeMap::new()));
        assert_eq!(read(b""), Ok(BTreeMap::new()));
    }

    #[test]
    fn a_file_of_somebody_else_is_left_alone() {
        let text = b"services:\n  backend:\n    image: shop\n    ports: [80]\n";
        assert_eq!(read(text), Err(NotOurs { line: 2 }));
    }
}
