//! Releases: which image each service of an environment runs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::release::{Digest, ImageId, ImageReference, Repository, ServiceName, Tag};

/// What one service of a release runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRelease {
    /// Where the image comes from.
    pub repository: Repository,
    /// The tag that people know it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
    /// The digest in that repository; `None` for an image that no registry has seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The image on that server's Engine; `None` before it was pulled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_id: Option<ImageId>,
    /// The commit that it was built from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}

impl ServiceRelease {
    /// The reference that names it as exactly as is known: with tag and digest where both are.
    pub fn reference(&self) -> ImageReference {
        ImageReference {
            repository: self.repository.clone(),
            tag: self.tag.clone(),
            digest: self.digest.clone(),
        }
    }

    /// What people call it: the tag, else the short digest, else the short image ID.
    pub fn label(&self) -> String {
        match (&self.tag, &self.digest, &self.image_id) {
            (Some(tag), _, _) => tag.to_string(),
            (None, Some(digest), _) => digest.short().to_owned(),
            (None, None, Some(id)) => id.short().to_owned(),
            (None, None, None) => "unknown".to_owned(),
        }
    }

    /// Whether both name the same image: by digest if both have one, else by image ID.
    pub fn is_same_image(&self, other: &Self) -> bool {
        match (&self.digest, &other.digest, &self.image_id, &other.image_id) {
            (Some(a), Some(b), _, _) => a == b,
            (_, _, Some(a), Some(b)) => a == b,
            _ => false,
        }
    }
}

/// What an environment runs, as far as it is ours to say.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Release {
    /// Each service's image.
    pub services: BTreeMap<ServiceName, ServiceRelease>,
    /// The schema's heads, one a branch; `None` if nobody looked, empty at base.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_heads: Option<Vec<String>>,
    /// The compose and environment files' hashes, as `algorithm:hex`, by path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
    /// Likewise of those that pin this release, as pinning leaves them: `files` tells how they were before.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pinned_files: BTreeMap<String, String>,
}

impl Release {
    /// What people call it: its services' labels, one if they are all the same.
    pub fn label(&self) -> String {
        let mut labels: Vec<String> = self.services.values().map(ServiceRelease::label).collect();
        labels.dedup();
        match labels.len() {
            0 => "nothing".to_owned(),
            1 => labels.remove(0),
            _ => self.each(),
        }
    }

    /// Each of its services with its label: `backend v1, frontend v2`.
    pub fn each(&self) -> String {
        let words = self.services.iter();
        let words = words.map(|(name, service)| format!("{name} {}", service.label()));
        words.collect::<Vec<_>>().join(", ")
    }

    /// Each service that is another than in `before`, with both labels: `backend v1 → v2`.
    pub fn changes_since(&self, before: &Self) -> String {
        let changed = self.changed_since(before);
        let change = |(name, to): (&ServiceName, &ServiceRelease)| {
            let from = before.services.get(name).map(ServiceRelease::label);
            match from.filter(|from| *from != to.label()) {
                Some(from) => format!("{name} {from} → {}", to.label()),
                None => format!("{name} {}", to.label()),
            }
        };
        changed
            .services
            .iter()
            .map(change)
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// Whether it runs that image as that service.
    pub fn runs(&self, service: &ServiceName, image: &ServiceRelease) -> bool {
        self.services
            .get(service)
            .is_some_and(|there| image.is_same_image(there))
    }

    /// What is another in this release than in `before`: the services that run another image, all of
    /// them if none does.
    #[must_use]
    pub fn changed_since(&self, before: &Self) -> Self {
        let mut changed = self.clone();
        changed
            .services
            .retain(|name, service| !before.runs(name, service));
        if changed.services.is_empty() {
            changed.services.clone_from(&self.services);
        }
        changed
    }

    /// Whether every service that both name runs the same image in both, and they share at least one.
    pub fn is_same_images(&self, other: &Self) -> bool {
        let mut shared = 0;
        self.services.iter().all(|(name, service)| {
            other.services.get(name).is_none_or(|there| {
                shared += 1;
                service.is_same_image(there)
            })
        }) && shared > 0
    }

    /// The hash of a file that it was made with, by its path as it is configured; `None` where none is
    /// recorded.
    pub fn file(&self, configured: &str) -> Option<&String> {
        of_path(&self.files, configured)
    }

    /// The hash of a file that pins it, as pinning left it, likewise.
    pub fn pinned_file(&self, configured: &str) -> Option<&String> {
        of_path(&self.pinned_files, configured)
    }
}

/// What is recorded of a configured path: records have absolute ones.
fn of_path<'a>(recorded: &'a BTreeMap<String, String>, configured: &str) -> Option<&'a String> {
    if let Some(hash) = recorded.get(configured) {
        return Some(hash);
    }
    let end = format!("/{}", configured.trim_start_matches("./"));
    recorded
        .iter()
        .filter(|(path, _)| path.ends_with(&end))
        .min_by_key(|(path, _)| path.len())
        .map(|(_, hash)| hash)
}
