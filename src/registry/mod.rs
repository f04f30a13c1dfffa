//! Where versions come from: any OCI registry with basic or token authentication, GHCR first.
//!
//! Only reads (`pull` scope). Knows no environment, no screen and no plan.
//!
//! The requests are made over `reqwest` and not through `oci-client`, because that crate hides what this
//! room lives on: the `Link` to the next page (GHCR and others continue by a cursor that cannot be made
//! up from `n` and `last`), `Retry-After`, and the 401 in the middle that asks for a new token; and it
//! reads bodies of any length into memory.
//!
//! - `authentication` understands challenges and keeps logins;
//! - `session` sends requests as whom the registry wants, `refusals` puts failures into words;
//! - `client` asks one repository;
//! - `manifest` reads what manifests and configurations say: pure;
//! - `cache` keeps on disk what digests say;
//! - `board` knows which tags are known how far and what to ask next: pure;
//! - `feed` keeps a board fresh.

mod authentication;
mod board;
mod cache;
mod client;
mod feed;
pub mod manifest;
mod refusals;
mod session;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{StreamExt, stream::BoxStream};
use tokio::sync::{mpsc, watch};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    clock::Clock,
    config::Registry,
    release::{
        Digest, Fault, Repository, Tag,
        observed::Link,
        version::{Known, TagConvention, VersionDetails, Versions},
    },
    retry::Failure,
    secrets::Secrets,
};

use authentication::Login;
use board::{Board, Question};
use cache::Cache;
use client::Client;
use session::Transports;

/// What a registry tells of one repository. State: a newer one replaces the older.
#[derive(Debug, Clone)]
pub enum VersionsReading {
    /// How the link stands. `Polled` is sent anew each time that the list was found to be true.
    Link(Link),
    /// The tags as far as they are known, whole and in order.
    Versions(Arc<Versions>),
}

/// What somebody who watches a repository looks at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The tags on the screen, the most important first: asked before all others, and asked again with
    /// each poll.
    pub tags: Vec<Tag>,
    /// Counted up to have everything asked again now; also tries again what only an operator helps.
    pub refresh: u64,
}

/// Requests under way at once for one repository.
const CONCURRENT: usize = 8;

/// All registries that the configuration names, and any other without a login.
#[derive(Debug)]
pub struct Catalogue {
    registries: BTreeMap<String, Registry>,
    cache_directory: PathBuf,
    secrets: Secrets,
    clock: Clock,
    poll: Duration,
    transports: Transports,
    /// One a host, so that its secret is resolved once for all its repositories.
    logins: Mutex<BTreeMap<String, Arc<Login>>>,
}

impl Catalogue {
    /// The registries of the configuration. What digests say is kept under `cache_directory`, which is
    /// made when it is first needed. TLS needs a process-wide `rustls` provider, installed before.
    ///
    /// # Errors
    /// [`crate::release::FaultKind::Unsupported`] where no HTTP client can be made, such as for want of
    /// the system's certificates.
    pub fn new(
        registries: BTreeMap<String, Registry>,
        cache_directory: &Path,
        secrets: Secrets,
        clock: Clock,
    ) -> Result<Self, Fault> {
        Ok(Self {
            registries,
            cache_directory: cache_directory.to_owned(),
            secrets,
            clock,
            poll: feed::POLL,
            transports: Transports::new()?,
            logins: Mutex::default(),
        })
    }

    /// The versions of `repository`, ordered by `convention`, from now on: first rows after the first
    /// page, then digests and details as they arrive, what is wanted first. Never ends by itself; a lost
    /// link is tried again, and what was seen before stays true to its age. Dropping the stream ends its
    /// requests. Must be called inside a Tokio runtime.
    pub fn watch(
        &self,
        repository: &Repository,
        convention: &TagConvention,
        wanted: watch::Receiver<Wanted>,
    ) -> BoxStream<'static, VersionsReading> {
        let (readings, mut received) = mpsc::channel(4);
        let task = match self.client(repository) {
            Ok(client) => AbortOnDropHandle::new(tokio::spawn(feed::run(
                client,
                self.cache(repository),
                Board::new(repository.clone(), convention.clone()),
                feed::Surroundings {
                    clock: self.clock.clone(),
                    poll: self.poll,
                    wanted,
                    readings,
                },
            ))),
            Err(fault) => {
                let lost = Link::Lost {
                    since: self.clock.moment(),
                    fault,
                    retry: None,
                };
                return futures::stream::iter([VersionsReading::Link(lost)])
                    .chain(futures::stream::pending())
                    .boxed();
            }
        };
        futures::stream::poll_fn(move |context| {
            let _ends_with_the_stream = &task;
            received.poll_recv(context)
        })
        .boxed()
    }

    /// What `tag` points at now, and what that digest says of itself.
    ///
    /// # Errors
    /// The registry's fault: [`crate::release::FaultKind::Missing`] where there is no such tag.
    pub async fn resolve(
        &self,
        repository: &Repository,
        tag: &Tag,
    ) -> Result<(Digest, VersionDetails), Fault> {
        let client = self.client(repository)?;
        let digest = client.digest(tag).await.map_err(|failure| failure.fault)?;
        let details = self.read_details(&client, repository, &digest).await?;
        Ok((digest, details))
    }

    /// What `digest` says of itself: as it was kept, else asked.
    ///
    /// # Errors
    /// The registry's fault, where it has to be asked.
    pub async fn details(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<VersionDetails, Fault> {
        let client = self.client(repository)?;
        self.read_details(&client, repository, digest).await
    }

    async fn read_details(
        &self,
        client: &Client,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<VersionDetails, Fault> {
        let cache = self.cache(repository);
        let mut kept = cache.load().await;
        if let Some(details) = kept.get(digest) {
            return Ok(details.clone());
        }
        let details = client
            .details(digest)
            .await
            .map_err(|failure| failure.fault)?;
        kept.insert(digest.clone(), details.clone());
        cache.save(kept).await;
        Ok(details)
    }

    /// All tags of `repository` in order; digests and details of the `newest` ones, the others pending.
    ///
    /// # Errors
    /// The registry's fault where the list or the way to it fails. What is wrong with one tag is in its
    /// row.
    pub async fn list(
        &self,
        repository: &Repository,
        convention: &TagConvention,
        newest: usize,
    ) -> Result<Versions, Fault> {
        let client = self.client(repository)?;
        let cache = self.cache(repository);
        let mut board = Board::new(repository.clone(), convention.clone());
        board.know(cache.load().await);
        board.begin_listing();
        let mut next = Some(client.first_page());
        while let Some(page) = next {
            let page = client.page(page).await.map_err(|failure| failure.fault)?;
            board.take_page(page.tags);
            next = page.next.filter(|_| board.has_room());
        }
        board.end_listing();
        board.want(board.newest(newest));
        let mut answers = futures::stream::FuturesUnordered::new();
        loop {
            while answers.len() < CONCURRENT
                && let Some(question) = board.next_wanted()
            {
                answers.push(client.answer(question));
            }
            match answers.next().await {
                None => break,
                Some((question, Err(failure))) if is_of_the_link(&failure, &question) => {
                    return Err(failure.fault);
                }
                Some((question, answer)) => {
                    board.take(question, answer.map_err(|f| f.fault), self.clock.moment());
                }
            }
        }
        cache.save(board.to_keep()).await;
        Ok(board.versions())
    }

    fn cache(&self, repository: &Repository) -> Cache {
        Cache::of(&self.cache_directory, repository)
    }

    fn client(&self, repository: &Repository) -> Result<Client, Fault> {
        let host = repository.registry();
        let registry = self.registries.get(host);
        let login = registry
            .and_then(|r| r.login.as_ref())
            .map(|(user, secret)| {
                let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
                Arc::clone(logins.entry(host.to_owned()).or_insert_with(|| {
                    Arc::new(Login::new(host, user, secret.clone(), self.secrets.clone()))
                }))
            });
        Client::new(
            &self.transports,
            repository,
            registry.is_some_and(|r| r.plain_http),
            login,
            self.clock.clone(),
        )
    }
}

/// Whether a failed answer says something of the way to the registry rather than of one tag.
fn is_of_the_link(failure: &Failure, question: &Question) -> bool {
    use crate::release::FaultKind::{Authentication, RateLimited, TimedOut, Unreachable};
    match failure.fault.kind {
        Authentication | RateLimited | Unreachable => true,
        // One slow manifest is not a lost registry; a HEAD that gets no answer is.
        TimedOut => matches!(question, Question::Digest(_)),
        _ => false,
    }
}

/// A row's value, or the fault that it failed with.
fn known<T>(answer: Result<T, Fault>) -> Known<T> {
    match answer {
        Ok(value) => Known::Known(value),
        Err(fault) => Known::Failed(fault),
    }
}
