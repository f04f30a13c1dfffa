//! What lists of tags, manifests, indexes and configurations say of versions. Pure: bytes in, details out.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::Deserialize;

use crate::release::{Digest, Tag, text, version::VersionDetails};

/// Reads a page of a repository's tags, in the registry's order. What is no tag by the grammar is left out.
///
/// # Errors
/// What is no such page.
pub fn read_tags(bytes: &[u8]) -> Result<Vec<Tag>, serde_json::Error> {
    #[derive(Deserialize)]
    struct List {
        tags: Option<Vec<String>>,
    }
    let list: List = serde_json::from_slice(bytes)?;
    let tags = list.tags.unwrap_or_default();
    Ok(tags.iter().filter_map(|tag| tag.parse().ok()).collect())
}

/// What may answer a request for a manifest.
pub(super) const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.docker.distribution.manifest.v2+json";

/// Longer values than this in a label are no commit and no address.
const LONGEST_LABEL: usize = 512;

type Annotations = BTreeMap<String, serde_json::Value>;

/// A manifest as far as details need it: an index has `manifests`, an image `config`.
#[derive(Debug, Default, Deserialize)]
struct Manifest {
    manifests: Option<Vec<Entry>>,
    config: Option<Descriptor>,
    annotations: Option<Annotations>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    digest: String,
    media_type: Option<String>,
    artifact_type: Option<String>,
    platform: Option<Platform>,
    annotations: Option<Annotations>,
}

#[derive(Debug, Deserialize)]
struct Platform {
    os: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    digest: String,
    media_type: Option<String>,
}

impl Entry {
    /// An image that somebody could run: not an attestation, a signature or another artefact.
    fn is_image(&self) -> bool {
        let is_attestation = self
            .annotations
            .as_ref()
            .is_some_and(|a| a.contains_key("vnd.docker.reference.type"));
        let is_unknown = self
            .platform
            .as_ref()
            .is_some_and(|p| p.os.as_deref() == Some("unknown"));
        let is_manifest = self.media_type.as_ref().is_none_or(|m| {
            m.ends_with("image.manifest.v1+json") || m.ends_with("distribution.manifest.v2+json")
        });
        is_manifest && !is_attestation && !is_unknown && self.artifact_type.is_none()
    }
}

/// Where the details of a manifest continue.
#[derive(Debug, PartialEq)]
pub enum Next {
    /// At an image's manifest.
    Manifest(Digest),
    /// At an image's configuration.
    Configuration(Digest),
    /// Nowhere.
    End,
}

/// Reads a manifest or an index: what it says itself, and where more is said. `None` for what is neither.
pub fn read_manifest(bytes: &[u8]) -> Option<(VersionDetails, Next)> {
    let manifest: Manifest = serde_json::from_slice(bytes).ok()?;
    let said = manifest.annotations.as_ref().map(said).unwrap_or_default();
    let next = match (manifest.manifests, manifest.config) {
        (Some(entries), _) => entries
            .into_iter()
            .find(Entry::is_image)
            .and_then(|entry| entry.digest.parse().ok())
            .map_or(Next::End, Next::Manifest),
        (None, Some(config)) if is_configuration(config.media_type.as_deref()) => {
            config.digest.parse().map_or(Next::End, Next::Configuration)
        }
        _ => Next::End,
    };
    Some((said, next))
}

/// Artefacts that are no images (charts, signatures) have configurations of other kinds.
fn is_configuration(media_type: Option<&str>) -> bool {
    matches!(
        media_type,
        None | Some(
            "application/vnd.oci.image.config.v1+json"
                | "application/vnd.docker.container.image.v1+json"
        )
    )
}

#[derive(Debug, Deserialize)]
struct Configuration {
    created: Option<String>,
    config: Option<Container>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Container {
    labels: Option<Annotations>,
    healthcheck: Option<serde_json::Value>,
}

/// Reads an image's configuration: what its labels and its health check say, and its build time. `None`
/// for what is none.
pub fn read_configuration(bytes: &[u8]) -> Option<(VersionDetails, Option<Timestamp>)> {
    let configuration: Configuration = serde_json::from_slice(bytes).ok()?;
    let built = configuration.created.as_deref().and_then(moment);
    let container = configuration.config.as_ref();
    let labels = container.and_then(|container| container.labels.as_ref());
    let details = VersionDetails {
        start_period: container
            .and_then(|container| container.healthcheck.as_ref())
            .and_then(start_period),
        ..labels.map(said).unwrap_or_default()
    };
    Some((details, built))
}

/// The start period of a health check as Docker writes it, in nanoseconds; 0: nothing is said. Builders
/// that hold to OCI's own fields leave the health check out, and an Engine then sees none either.
fn start_period(check: &serde_json::Value) -> Option<Duration> {
    let nanoseconds = check.get("StartPeriod")?.as_u64()?;
    (nanoseconds > 0).then(|| Duration::from_nanos(nanoseconds))
}

/// `first`, with what it leaves open taken from `second`.
pub(super) fn or(first: VersionDetails, second: VersionDetails) -> VersionDetails {
    VersionDetails {
        created: first.created.or(second.created),
        revision: first.revision.or(second.revision),
        source: first.source.or(second.source),
        start_period: first.start_period.or(second.start_period),
    }
}

/// The details in labels or annotations: cleaned, bounded, and nothing where they are empty.
fn said(labels: &Annotations) -> VersionDetails {
    let of = |name: &str| {
        let value = labels
            .get(&format!("org.opencontainers.image.{name}"))?
            .as_str()?;
        let bounded: String = value.chars().take(LONGEST_LABEL).collect();
        Some(text::clean(&bounded).trim().to_owned()).filter(|v| !v.is_empty())
    };
    VersionDetails {
        created: of("created").as_deref().and_then(moment),
        revision: of("revision"),
        source: of("source"),
        start_period: None,
    }
}

/// A time that means something: builders write year 1 or 1970 where they want none.
fn moment(text: &str) -> Option<Timestamp> {
    text.parse()
        .ok()
        .filter(|t: &Timestamp| *t > Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn digest(c: char) -> String {
        format!("sha256:{}", c.to_string().repeat(64))
    }

    #[test]
    fn an_index_leads_to_its_first_image_past_attestations() {
        let index = json!({
            "annotations": {"org.opencontainers.image.revision": "41d07e2"},
            "manifests": [
                {"digest": digest('a'), "platform": {"os": "unknown", "architecture": "unknown"},
                 "annotations": {"vnd.docker.reference.type": "attestation-manifest"}},
                {"digest": digest('b'), "artifactType": "application/spdx+json"},
                {"digest": digest('c'), "mediaType": "application/vnd.oci.image.manifest.v1+json",
                 "platform": {"os": "linux", "architecture": "arm64"}},
            ]
        });
        let (said, next) = read_manifest(index.to_string().as_bytes()).unwrap();
        assert_eq!(said.revision.as_deref(), Some("41d07e2"));
        assert_eq!(next, Next::Manifest(digest('c').parse().unwrap()));
    }

    #[test]
    fn hostile_labels_are_cleaned_and_bounded() {
        let configuration = json!({
            "created": "0001-01-01T00:00:00Z",
            "config": {"Labels": {
                "org.opencontainers.image.revision": "\u{1b}]0;owned\u{7}abc\u{202e}def",
                "org.opencontainers.image.source": "x".repeat(100_000),
                "org.opencontainers.image.created": 7,
            }}
        });
        let (said, built) = read_configuration(configuration.to_string().as_bytes()).unwrap();
        assert_eq!(said.revision.as_deref(), Some("abcdef"));
        assert_eq!(said.source.unwrap().len(), LONGEST_LABEL);
        assert_eq!((said.created, built), (None, None));
    }

    #[test]
    fn a_health_check_says_how_long_a_start_may_take() {
        let read = |check: serde_json::Value| {
            let configuration = json!({"config": {"Labels": {}, "Healthcheck": check}});
            let read = read_configuration(configuration.to_string().as_bytes());
            read.unwrap().0.start_period
        };
        let check = json!({"Test": ["CMD", "health"], "StartPeriod": 300_000_000_000_u64});
        assert_eq!(read(check), Some(Duration::from_secs(300)));
        // It says nothing, or nothing that means something: the rest of the configuration stands.
        for nothing in [
            json!(null),
            json!({"Test": ["NONE"]}),
            json!({"StartPeriod": 0}),
            json!({"StartPeriod": -1}),
            json!({"StartPeriod": "5m"}),
            json!("5m"),
        ] {
            assert_eq!(read(nothing.clone()), None, "{nothing}");
        }
    }

    #[test]
    fn a_chart_has_no_configuration_to_read() {
        let chart = json!({"config": {
            "digest": digest('a'), "mediaType": "application/vnd.cncf.helm.config.v1+json"}});
        assert_eq!(
            read_manifest(chart.to_string().as_bytes()).unwrap().1,
            Next::End
        );
        assert!(read_manifest(b"<html>").is_none());
    }
}
