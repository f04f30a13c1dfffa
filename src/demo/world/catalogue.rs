//! What has been built: image versions with their manifests, and when each tag appears in the registry.
//!
//! Manifests and image configurations are true OCI documents, so that digests and image IDs are what
//! any client computes from the bytes.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use jiff::{Timestamp, tz::TimeZone};
use serde_json::json;

use super::{Pace, schema};
use crate::{
    demo::seed::{Seed, sha256},
    release::{Digest, ImageId, ImageReference, Repository, Tag},
};

/// The backend's path in the registry.
pub const BACKEND: &str = "acme/shop-backend";
/// The frontend's path in the registry.
pub const FRONTEND: &str = "acme/shop-frontend";
/// The media type of the manifests here.
pub const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// What a version does once it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Becomes healthy and stays so.
    Sound,
    /// Becomes healthy, and its status URL answers 503.
    FailsCheck,
    /// Becomes healthy, and crashes some seconds later, again and again.
    Crashes,
    /// Never becomes healthy.
    Unhealthy,
}

/// One version of an image, as it was built.
#[derive(Debug)]
pub struct Version {
    /// The registry and path that it is published under.
    pub repository: Repository,
    /// Its tag.
    pub tag: Tag,
    /// The manifest's bytes; their hash is the digest.
    pub manifest: Bytes,
    /// The manifest's digest.
    pub digest: Digest,
    /// The image configuration's bytes; their hash is the image ID.
    pub config: Bytes,
    /// The image's ID on the Engine.
    pub image_id: ImageId,
    /// The commit that it was built from; empty for images of others.
    pub revision: String,
    /// When it was built.
    pub created: Timestamp,
    /// Since when the registry has the tag.
    pub published: Timestamp,
    /// What it does once it runs.
    pub behaviour: Behaviour,
    /// The newest schema revision that it knows, as an index into [`schema::REVISIONS`].
    pub schema: usize,
    /// The labels that its configuration carries.
    pub labels: serde_json::Map<String, serde_json::Value>,
    /// Bytes of its layers together.
    pub size: u64,
}

impl Version {
    /// `repository:tag@digest`.
    pub fn reference(&self) -> ImageReference {
        ImageReference {
            repository: self.repository.clone(),
            tag: Some(self.tag.clone()),
            digest: Some(self.digest.clone()),
        }
    }

    /// What pins it: `tag@digest`.
    pub fn pin(&self) -> String {
        format!("{}@{}", self.tag, self.digest)
    }
}

/// All versions of everything.
#[derive(Debug)]
pub struct Catalogue {
    /// The backend's, newest first.
    pub backend: Vec<Arc<Version>>,
    /// The frontend's, newest first.
    pub frontend: Vec<Arc<Version>>,
    /// PostgreSQL and nginx: on the Engine, and not in the world's registry.
    pub others: Vec<Arc<Version>>,
}

/// The backend's recent versions by what the world's history and guidance need of them: how many
/// seconds before the start each was built, and what it does. Newest first.
const RECENT: [(u64, Behaviour, usize); 7] = [
    (210, Behaviour::Sound, 3),
    (3 * HOUR, Behaviour::Crashes, 3),
    (7 * HOUR, Behaviour::FailsCheck, 3),
    (27 * HOUR, Behaviour::Sound, 3),
    (2 * DAY + HOUR, Behaviour::Unhealthy, 2),
    (3 * DAY + 2 * HOUR, Behaviour::Sound, 2),
    (4 * DAY + 5 * HOUR, Behaviour::Sound, 2),
];

/// Positions in [`Catalogue::backend`] at the world's start, before newer versions appear.
pub mod recent {
    /// Three minutes old; its end-to-end tests are under way.
    pub const NEWEST: usize = 0;
    /// Crashes within the stabilisation window.
    pub const CRASHES: usize = 1;
    /// Its status check fails.
    pub const FAILS_CHECK: usize = 2;
    /// What staging runs.
    pub const STAGING: usize = 3;
    /// Was tried in production and never became healthy.
    pub const UNHEALTHY: usize = 4;
    /// What production runs.
    pub const PRODUCTION: usize = 5;
    /// What production ran before: the rollback's target.
    pub const BEFORE: usize = 6;
}

const BACKEND_VERSIONS: usize = 40;
const FRONTEND_VERSIONS: usize = 16;
/// Versions that appear after the start, one every few minutes. A world that runs for longer has built
/// enough.
const COMING: usize = 60;

impl Catalogue {
    /// Everything that has been and will be built, from the seed; `start` is the world's beginning and
    /// `registry` the host and port that repositories are named by.
    pub fn new(seed: Seed, start: Timestamp, registry: &str, pace: Pace) -> Self {
        let mut backend: Vec<(Timestamp, Behaviour, usize)> = Vec::new();
        if !pace.still {
            for n in (0..COMING).rev() {
                backend.push((coming(seed, start, pace, n), Behaviour::Sound, 3));
            }
        }
        for (age, behaviour, schema) in RECENT {
            backend.push((before(start, age), behaviour, schema));
        }
        let mut age = RECENT[RECENT.len() - 1].0;
        for n in 0..BACKEND_VERSIONS - RECENT.len() {
            age += 5 * HOUR + seed.below("backend age", n as u64, 20 * HOUR);
            backend.push((before(start, age), Behaviour::Sound, usize::from(n < 12)));
        }
        let mut age = 30 * HOUR;
        let frontend: Vec<_> = (0..FRONTEND_VERSIONS)
            .map(|n| {
                let at = before(start, age);
                age += 20 * HOUR + seed.below("frontend age", n as u64, 40 * HOUR);
                (at, Behaviour::Sound, 0)
            })
            .collect();
        Self {
            backend: series(seed, &format!("{registry}/{BACKEND}"), &backend),
            frontend: series(seed, &format!("{registry}/{FRONTEND}"), &frontend),
            others: vec![
                other("postgres", "16.4-alpine", before(start, 90 * DAY)),
                other("nginx", "1.27-alpine", before(start, 60 * DAY)),
            ],
        }
    }

    /// A backend version by its position at the world's start ([`recent`]).
    pub fn recent(&self, position: usize) -> &Arc<Version> {
        let coming = self.backend.len() - BACKEND_VERSIONS;
        &self.backend[coming + position]
    }

    /// Every version.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Version>> {
        self.backend
            .iter()
            .chain(&self.frontend)
            .chain(&self.others)
    }

    /// The version that `reference` names: by digest if it has one, else by tag, which must be published
    /// by `now`.
    pub fn find(&self, reference: &ImageReference, now: Timestamp) -> Option<&Arc<Version>> {
        self.all().find(|v| {
            v.repository == reference.repository
                && v.published <= now
                && match (&reference.digest, &reference.tag) {
                    (Some(digest), _) => v.digest == *digest,
                    (None, Some(tag)) => v.tag == *tag,
                    (None, None) => v.tag.as_str() == "latest",
                }
        })
    }
}

/// When the `n`th version after the start is built.
fn coming(seed: Seed, start: Timestamp, pace: Pace, n: usize) -> Timestamp {
    let seconds = 100 + 240 * n as u64 + seed.below("coming", n as u64, 90);
    start + pace.scaled(Duration::from_secs(seconds))
}

fn before(start: Timestamp, seconds: u64) -> Timestamp {
    start - Duration::from_secs(seconds)
}

/// Versions of one repository, tagged by the convention `v{date}.{n}`, from their times, newest first.
fn series(
    seed: Seed,
    repository: &str,
    built: &[(Timestamp, Behaviour, usize)],
) -> Vec<Arc<Version>> {
    let mut numbered: Vec<Arc<Version>> = Vec::new();
    let mut last_date = None;
    let mut n = 0;
    for (index, (created, behaviour, schema)) in built.iter().rev().enumerate() {
        let date = created.to_zoned(TimeZone::UTC).date();
        n = if last_date == Some(date) { n + 1 } else { 1 };
        last_date = Some(date);
        let tag = format!("v{}.{n}", date.strftime("%Y%m%d"));
        let revision = seed.hex(&format!("{repository} revision"), index as u64, 40);
        numbered.push(Arc::new(version(
            repository, &tag, revision, *created, *behaviour, *schema,
        )));
    }
    numbered.reverse();
    numbered
}

fn other(name: &str, tag: &str, created: Timestamp) -> Arc<Version> {
    Arc::new(version(
        name,
        tag,
        String::new(),
        created,
        Behaviour::Sound,
        0,
    ))
}

fn version(
    repository: &str,
    tag: &str,
    revision: String,
    created: Timestamp,
    behaviour: Behaviour,
    schema: usize,
) -> Version {
    debug_assert!(schema < schema::REVISIONS.len());
    let name = format!("{repository}:{tag}");
    let size = 40_000_000 + u64::from(sha256(name.as_bytes()).as_bytes()[20]) * 700_000;
    let layer = sha256(format!("layer of {name}").as_bytes());
    let mut labels = serde_json::Map::new();
    if !revision.is_empty() {
        for (key, value) in [
            ("created", created.to_string()),
            ("revision", revision.clone()),
            ("source", "https://github.com/acme/shop".to_owned()),
            ("version", tag.to_owned()),
        ] {
            labels.insert(format!("org.opencontainers.image.{key}"), value.into());
        }
    }
    let config = Bytes::from(
        json!({
            "created": created.to_string(),
            "architecture": "amd64",
            "os": "linux",
            "config": { "Labels": &labels },
            "rootfs": { "type": "layers", "diff_ids": [layer] },
            "history": [{ "created": created.to_string(), "created_by": name }],
        })
        .to_string(),
    );
    let image_id = sha256(&config);
    let manifest = Bytes::from(
        json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": image_id,
                "size": config.len(),
            },
            "layers": [{
                "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                "digest": layer,
                "size": size,
            }],
        })
        .to_string(),
    );
    let digest = sha256(&manifest);
    const WELL_FORMED: &str = "the world's own names follow the grammar";
    Version {
        repository: repository.parse().expect(WELL_FORMED),
        tag: tag.parse().expect(WELL_FORMED),
        digest: digest.parse().expect(WELL_FORMED),
        image_id: image_id.parse().expect(WELL_FORMED),
        manifest,
        config,
        revision,
        created,
        published: created,
        behaviour,
        schema,
        labels,
        size,
    }
}
