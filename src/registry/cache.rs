//! What digests say of themselves, kept on disk: one small file a repository.
//!
//! A digest's details never change, so nothing here goes stale. A file that is damaged, too large or of
//! another format is ignored and written anew; a disk that refuses costs requests and nothing else.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::release::{Digest, Repository, version::VersionDetails};

/// What is kept, by digest.
pub(super) type Kept = HashMap<Digest, VersionDetails>;

/// A larger file is none of ours.
const LARGEST_FILE: u64 = 16 << 20;
/// Digests kept for one repository.
pub(super) const MOST: usize = 10_000;
/// Changes with what [`VersionDetails`] holds.
const FORMAT: u32 = 2;

#[derive(Serialize, Deserialize)]
struct Document {
    format: u32,
    repository: Repository,
    details: Kept,
}

/// The file of one repository.
#[derive(Debug, Clone)]
pub(super) struct Cache {
    path: PathBuf,
    repository: Repository,
}

impl Cache {
    pub(super) fn of(directory: &Path, repository: &Repository) -> Self {
        // By hash, because a repository's slashes and length are no file name's.
        let hash = Sha256::digest(repository.as_str());
        let name: String = hash[..16].iter().map(|b| format!("{b:02x}")).collect();
        Self {
            path: directory.join("registry").join(name + ".json"),
            repository: repository.clone(),
        }
    }

    /// What is kept; empty where nothing is.
    pub(super) async fn load(&self) -> Kept {
        let cache = self.clone();
        let loaded = tokio::task::spawn_blocking(move || cache.read()).await;
        match loaded {
            Ok(Ok(kept)) => kept,
            Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => Kept::new(),
            Ok(Err(error)) => {
                tracing::info!(path = %self.path.display(), %error, "ignoring a damaged cache");
                Kept::new()
            }
            Err(_) => Kept::new(),
        }
    }

    /// Keeps `kept`, at most [`MOST`] of it, in place of what was kept before. A disk that refuses is
    /// noted in the log.
    pub(super) async fn save(&self, kept: Kept) {
        let cache = self.clone();
        let saved = tokio::task::spawn_blocking(move || cache.write(kept)).await;
        if let Ok(Err(error)) = saved {
            tracing::warn!(path = %self.path.display(), %error, "cannot keep what digests say");
        }
    }

    fn read(&self) -> io::Result<Kept> {
        let mut bytes = Vec::new();
        File::open(&self.path)?
            .take(LARGEST_FILE)
            .read_to_end(&mut bytes)?;
        let document: Document = serde_json::from_slice(&bytes)?;
        if document.format != FORMAT || document.repository != self.repository {
            return Err(io::Error::other("another format or another repository"));
        }
        Ok(document.details)
    }

    /// Written beside and renamed: a reader sees the old file or the new one.
    fn write(&self, mut kept: Kept) -> io::Result<()> {
        if kept.len() > MOST {
            kept = kept.into_iter().take(MOST).collect();
        }
        let directory = self.path.parent().unwrap_or(Path::new("."));
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)?;
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        let document = Document {
            format: FORMAT,
            repository: self.repository.clone(),
            details: kept,
        };
        file.write_all(&serde_json::to_vec(&document)?)?;
        file.persist(&self.path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(count: usize) -> Kept {
        (0..count)
            .map(|n| {
                let details = VersionDetails {
                    revision: Some(format!("{n:040x}")),
                    ..VersionDetails::default()
                };
                (format!("sha256:{n:064x}").parse().unwrap(), details)
            })
            .collect()
    }

    #[tokio::test]
    async fn what_was_kept_is_found_again_and_only_by_its_repository() {
        let directory = tempfile::tempdir().unwrap();
        let cache = |repository: &str| Cache::of(directory.path(), &repository.parse().unwrap());
        cache("ghcr.io/acme/shop").save(kept(3)).await;
        assert_eq!(cache("ghcr.io/acme/shop").load().await, kept(3));
        assert_eq!(cache("ghcr.io/acme/other").load().await, Kept::new());
    }

    #[tokio::test]
    async fn a_damaged_file_is_ignored_and_written_anew() {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::of(directory.path(), &"ghcr.io/acme/shop".parse().unwrap());
        cache.save(kept(3)).await;
        for damage in [
            &b"{\"format\":2,\"repos"[..],
            b"",
            b"\0\0\0",
            b"{\"format\":3}",
        ] {
            std::fs::write(&cache.path, damage).unwrap();
            assert_eq!(cache.load().await, Kept::new());
        }
        cache.save(kept(2)).await;
        assert_eq!(cache.load().await, kept(2));
    }

    #[tokio::test]
    async fn a_file_has_a_limit_and_a_disk_that_refuses_is_no_fault() {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::of(directory.path(), &"ghcr.io/acme/shop".parse().unwrap());
        cache.save(kept(MOST + 5)).await;
        assert_eq!(cache.load().await.len(), MOST);
        let refused = Cache::of(
            Path::new("/dev/null"),
            &"ghcr.io/acme/shop".parse().unwrap(),
        );
        refused.save(kept(1)).await;
        assert_eq!(refused.load().await, Kept::new());
    }
}
