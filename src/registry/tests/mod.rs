//! A registry on loopback, and what the catalogue makes of it.

mod access;
mod details;
mod fake;
mod listing;
mod trouble;

use std::{path::Path, sync::Arc};

use futures::{StreamExt, stream::BoxStream};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;

use super::{Catalogue, VersionsReading, Wanted};
use crate::{
    clock::Clock,
    config::{Registry, SecretReference},
    release::{
        Fault, Repository, Tag,
        observed::Link,
        version::{TagConvention, Version, Versions},
    },
    secrets::Secrets,
};
use fake::{Access, Fake};

/// A catalogue of one fake registry, with a cache of its own.
struct World {
    fake: Fake,
    catalogue: Catalogue,
    cache: TempDir,
}

/// What the login's file holds.
enum Password {
    None,
    Is(&'static str),
}

impl World {
    async fn new(access: Access, page: usize, password: Password) -> Self {
        Self::at(access, page, password, Clock::system()).await
    }

    async fn at(access: Access, page: usize, password: Password, clock: Clock) -> Self {
        let fake = Fake::start(access, page).await;
        let cache = tempfile::tempdir().unwrap();
        let catalogue = catalogue(&fake, cache.path(), password, clock);
        Self {
            fake,
            catalogue,
            cache,
        }
    }

    fn repository(&self) -> Repository {
        format!("{}/shop", self.fake.host()).parse().unwrap()
    }

    fn watch(&self, convention: &str) -> Watched {
        let (wanted, receiver) = watch::channel(Wanted::default());
        let convention: TagConvention = convention.parse().unwrap();
        Watched {
            readings: self
                .catalogue
                .watch(&self.repository(), &convention, receiver),
            wanted,
        }
    }

    async fn list(&self) -> Result<Versions, Fault> {
        self.catalogue
            .list(&self.repository(), &TagConvention::default(), 100)
            .await
    }
}

fn catalogue(fake: &Fake, cache: &Path, password: Password, clock: Clock) -> Catalogue {
    // Another test may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let login = match password {
        Password::None => None,
        Password::Is(password) => {
            std::fs::write(cache.join("password"), password).unwrap();
            Some(("mira".to_owned(), SecretReference::File("password".into())))
        }
    };
    let registry = Registry {
        login,
        plain_http: true,
    };
    Catalogue::new(
        [(fake.host(), registry)].into(),
        cache,
        Secrets::beside(&cache.join("config.toml")),
        clock,
    )
    .unwrap()
}

/// A repository that is watched.
struct Watched {
    readings: BoxStream<'static, VersionsReading>,
    wanted: watch::Sender<Wanted>,
}

impl Watched {
    async fn versions(&mut self, is_so: impl Fn(&Versions) -> bool) -> Arc<Versions> {
        loop {
            if let VersionsReading::Versions(versions) = self.readings.next().await.unwrap()
                && is_so(&versions)
            {
                return versions;
            }
        }
    }

    /// Waits until all is known of all tags.
    async fn all(&mut self) -> Arc<Versions> {
        let is_known = |v: &Version| v.details.value().is_some();
        self.versions(|all| all.complete && all.versions.iter().all(is_known))
            .await
    }

    async fn link(&mut self, is_so: impl Fn(&Link) -> bool) -> Link {
        loop {
            if let VersionsReading::Link(link) = self.readings.next().await.unwrap()
                && is_so(&link)
            {
                return link;
            }
        }
    }

    async fn lost(&mut self) -> Fault {
        let lost = self.link(|link| matches!(link, Link::Lost { .. })).await;
        let Link::Lost { fault, .. } = lost else {
            unreachable!("it was asked for");
        };
        fault
    }

    fn want(&self, tags: &[&str]) {
        let tags: Vec<Tag> = tags.iter().map(|tag| tag.parse().unwrap()).collect();
        self.wanted.send_modify(|wanted| wanted.tags = tags);
    }

    fn refresh(&self) {
        self.wanted.send_modify(|wanted| wanted.refresh += 1);
    }
}

/// A configuration with a revision.
fn image(revision: &str) -> Value {
    json!({
        "created": "2026-01-23T10:00:00Z",
        "config": {"Labels": {"org.opencontainers.image.revision": revision}},
    })
}

fn tags(versions: &Versions) -> Vec<&str> {
    versions.versions.iter().map(|v| v.tag.as_str()).collect()
}

fn version<'a>(versions: &'a Versions, tag: &str) -> &'a Version {
    versions
        .versions
        .iter()
        .find(|v| v.tag.as_str() == tag)
        .unwrap()
}

fn revision<'a>(versions: &'a Versions, tag: &str) -> Option<&'a str> {
    version(versions, tag).details.value()?.revision.as_deref()
}
