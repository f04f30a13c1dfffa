//! Image references in their parts, by the grammar of the OCI distribution specification.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use super::written::written;

/// Why a text is not an image reference or a part of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {what}")]
pub struct BadReference {
    /// The text as it was given.
    pub text: String,
    /// What it should have been, with its article: "a tag".
    pub what: &'static str,
}

fn good(text: &str, what: &'static str, is_good: bool) -> Result<(), BadReference> {
    let text = || text.to_owned();
    is_good
        .then_some(())
        .ok_or_else(|| BadReference { text: text(), what })
}

written!(
    /// A repository with its registry, such as `ghcr.io/acme/shop-backend`. Without a registry it is
    /// Docker Hub's, as Docker reads it.
    Repository,
    BadReference,
    |text| good(text, "a repository such as ghcr.io/acme/shop", is_repository(text))
);
written!(
    /// A tag, such as `v20260123.1`.
    Tag,
    BadReference,
    |text| good(text, "a tag: up to 128 letters, digits, '_', '.' or '-', not beginning with '.' or '-'", is_tag(text))
);
written!(
    /// A manifest's digest, `sha256:` and 64 hexadecimal digits.
    Digest,
    BadReference,
    |text| good(text, "a digest such as sha256:… with 64 hexadecimal digits", is_sha256(text))
);
written!(
    /// An image's ID on an Engine. With the containerd store it is a manifest's digest, else the
    /// digest of the image's configuration: compare it only with IDs of the same Engine.
    ImageId,
    BadReference,
    |text| good(text, "an image ID such as sha256:… with 64 hexadecimal digits", is_sha256(text))
);

fn is_tag(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && !text.starts_with(['.', '-'])
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

fn is_sha256(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}

fn is_repository(text: &str) -> bool {
    if text.is_empty() || text.len() > 255 {
        return false;
    }
    let (registry, path) = split_registry(text);
    let registry_ok = registry.is_none_or(|registry| {
        registry
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']'))
    });
    registry_ok
        && path.split('/').all(|part| {
            let bytes = part.as_bytes();
            !bytes.is_empty()
                && bytes[0].is_ascii_alphanumeric()
                && bytes[bytes.len() - 1].is_ascii_alphanumeric()
                && bytes.iter().all(|b| {
                    b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-')
                })
        })
}

/// Docker's rule: the first part is a registry if it has a dot or a port, or is `localhost`.
fn split_registry(text: &str) -> (Option<&str>, &str) {
    match text.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => {
            (Some(first), rest)
        }
        _ => (None, text),
    }
}

impl Repository {
    /// The registry's host, with its port where one is written: `docker.io` if none is.
    pub fn registry(&self) -> &str {
        split_registry(&self.0).0.unwrap_or("docker.io")
    }

    /// The path inside the registry: `acme/shop-backend`; `library/redis` for Docker Hub's `redis`.
    pub fn path(&self) -> String {
        match split_registry(&self.0) {
            (None, path) if !path.contains('/') => format!("library/{path}"),
            (_, path) => path.to_owned(),
        }
    }

    /// The last part of the path, for narrow places: `shop-backend`.
    pub fn short(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

impl Digest {
    /// The first twelve hexadecimal digits, as people read digests.
    pub fn short(&self) -> &str {
        &self.0[7..19]
    }
}

impl ImageId {
    /// The first twelve hexadecimal digits, as `docker images` prints them.
    pub fn short(&self) -> &str {
        &self.0[7..19]
    }
}

/// An image reference: `repository[:tag][@digest]`. A reference can carry both; the digest decides and
/// the tag is for people.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageReference {
    /// Where the image comes from.
    pub repository: Repository,
    /// The tag, where one is written.
    pub tag: Option<Tag>,
    /// The digest, where one is written.
    pub digest: Option<Digest>,
}

impl FromStr for ImageReference {
    type Err = BadReference;
    fn from_str(text: &str) -> Result<Self, BadReference> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse()?)),
            None => (text, None),
        };
        let (repository, tag) = match rest.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag.parse()?)),
            _ => (rest, None),
        };
        Ok(Self {
            repository: repository.parse()?,
            tag,
            digest,
        })
    }
}

impl TryFrom<String> for ImageReference {
    type Error = BadReference;
    fn try_from(text: String) -> Result<Self, BadReference> {
        text.parse()
    }
}

impl From<ImageReference> for String {
    fn from(reference: ImageReference) -> String {
        reference.to_string()
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:41d07e2a41d07e2a41d07e2a41d07e2a41d07e2a41d07e2a41d07e2a41d07e2a";

    #[test]
    fn a_reference_is_read_in_its_parts_and_written_back() {
        for (text, registry, path, tag, digest) in [
            ("redis", "docker.io", "library/redis", None, false),
            (
                "ghcr.io/acme/shop:v1",
                "ghcr.io",
                "acme/shop",
                Some("v1"),
                false,
            ),
            ("127.0.0.1:5000/shop", "127.0.0.1:5000", "shop", None, false),
            (
                &format!("localhost/shop:v1@{DIGEST}"),
                "localhost",
                "shop",
                Some("v1"),
                true,
            ),
        ] {
            let reference: ImageReference = text.parse().unwrap();
            assert_eq!(reference.to_string(), text);
            assert_eq!(reference.repository.registry(), registry);
            assert_eq!(reference.repository.path(), path);
            assert_eq!(reference.tag.as_ref().map(Tag::as_str), tag);
            assert_eq!(reference.digest.is_some(), digest);
        }
    }

    #[test]
    fn what_a_shell_or_a_terminal_could_trip_over_is_no_reference() {
        for text in [
            "",
            "Shop",
            "shop:",
            "shop:-v1",
            "shop:v1;reboot",
            "shop@sha256:12",
            "a//b",
            "shop:\u{1b}[2J",
        ] {
            assert!(
                text.parse::<ImageReference>().is_err(),
                "{text:?} was taken"
            );
        }
    }
}
