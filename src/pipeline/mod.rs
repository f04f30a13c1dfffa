//! What built the versions: workflow runs of GitHub Actions.
//!
//! Only reads here. Knows no environment, no screen and no plan.
//!
//! - `document` reads GitHub's JSON: pure;
//! - `client` asks GitHub through octocrab, with conditional requests;
//! - `feed` keeps the newest runs fresh.

mod client;
pub mod document;
mod feed;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures::{StreamExt, stream::BoxStream};
use tokio::sync::{mpsc, watch};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    clock::Clock,
    config::GitHub,
    release::{
        Fault,
        observed::Link,
        workflow::{Runs, WorkflowRun},
    },
    secrets::Secrets,
};

use client::Client;

/// What GitHub tells. State: a newer one replaces the older.
#[derive(Debug, Clone)]
pub enum RunsReading {
    /// How the link stands. `Polled` is sent anew each time that the runs were found to be true.
    Link(Link),
    /// The newest runs with their jobs, whole.
    Runs(Arc<Runs>),
}

/// The workflow runs of the configured repository.
#[derive(Debug, Clone)]
pub struct Pipeline {
    client: Arc<Client>,
}

impl Pipeline {
    /// The runs of `github`'s repository. The token is resolved with the first request, and again after
    /// it was refused. TLS needs a process-wide `rustls` provider, installed before.
    pub fn new(github: &GitHub, secrets: Secrets, clock: Clock) -> Self {
        Self {
            client: Arc::new(Client::new(github.clone(), secrets, clock)),
        }
    }

    /// The newest runs, from now on: the runs first, their jobs as they arrive. Asked for as often as the
    /// configuration says, more often while one is under way, less often where GitHub's limit is short.
    /// `refresh` is counted up to have them asked for now. Never ends by itself; dropping the stream ends
    /// its requests. Must be called inside a Tokio runtime.
    pub fn watch(&self, refresh: watch::Receiver<u64>) -> BoxStream<'static, RunsReading> {
        let (readings, mut received) = mpsc::channel(4);
        let feed = feed::run(Arc::clone(&self.client), refresh, readings);
        let task = AbortOnDropHandle::new(tokio::spawn(feed));
        futures::stream::poll_fn(move |context| {
            let _ends_with_the_stream = &task;
            received.poll_recv(context)
        })
        .boxed()
    }

    /// The runs of one commit, newest first, without their jobs; empty where it has none.
    ///
    /// # Errors
    /// [`crate::release::FaultKind::Invalid`] where `revision` is no full commit hash, else GitHub's
    /// fault.
    pub async fn runs_for(&self, revision: &str) -> Result<Vec<WorkflowRun>, Fault> {
        self.client
            .runs_for(revision)
            .await
            .map_err(|failure| failure.fault)
    }
}
