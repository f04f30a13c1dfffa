//! How requests get to the Engine: a pooled HTTP client over the Engine's socket (here, or forwarded
//! through ssh), or over `docker system dial-stdio` where there is no way to the socket.

use std::{
    io,
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bollard::{BollardRequest, Docker};
use futures::{FutureExt, future::BoxFuture};
use http::Uri;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{
        Client,
        connect::{Connected, Connection},
    },
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use tokio::{io::AsyncReadExt as _, net::UnixStream, sync::Notify};

use super::channel::{Channels, Running};
use crate::target::compose::docker;

/// How long the Engine may take until the head of its answer.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// How much a login's start-up files may print.
const LONGEST_GREETING: usize = 64 << 10;
/// Only a key of the pool: the dialer knows where to go.
const ADDRESS: &str = "http://engine";
/// More than the Engine says when it refuses something.
const LONGEST_COMPLAINT: usize = 64 << 10;
const IDLE: Duration = Duration::from_secs(90);
const IDLE_CONNECTIONS: usize = 4;

/// How a new connection to the Engine is made.
#[derive(Clone)]
pub enum Dial {
    /// A Unix socket here: the Engine's own, or the near end of a forward.
    Socket(PathBuf),
    /// The docker command's `system dial-stdio`, one a connection.
    Command {
        /// Where it runs.
        channels: Channels,
        /// The script that becomes it, by [`docker::dial`].
        script: Arc<str>,
    },
}

/// A client of the Engine and the pool that it shares with its copies.
#[derive(Clone)]
pub struct Engine {
    requests: Arc<dyn Fn(BollardRequest) -> Answer + Send + Sync>,
}

type Answer = BoxFuture<'static, Result<http::Response<Incoming>, bollard::errors::Error>>;

impl Engine {
    /// A client that dials as `dial` says.
    pub fn new(dial: Dial) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .build(Dialer(dial));
        Self {
            requests: Arc::new(move |request| {
                client
                    .request(request)
                    .map(|answer| answer.map_err(bollard::errors::Error::from))
                    .boxed()
            }),
        }
    }

    /// The API over the pool.
    pub fn api(&self) -> Docker {
        let requests = Arc::clone(&self.requests);
        docker(move |request| requests(request))
    }

    /// The answer to a GET, for somebody who reads its body as it comes: what the API reads it holds until
    /// it has understood it, however long that is. No head in time is an error.
    ///
    /// # Errors
    /// The link's, and what the Engine says instead.
    pub async fn get(&self, path: &str) -> Result<Incoming, bollard::errors::Error> {
        let request = http::Request::get(format!("{ADDRESS}{path}"))
            .body(bollard::body_full(bytes::Bytes::new()))?;
        let answer = tokio::time::timeout(PATIENCE, (self.requests)(request))
            .await
            .map_err(|_| bollard::errors::Error::RequestTimeoutError)??;
        let status_code = answer.status().as_u16();
        if answer.status().is_success() {
            return Ok(answer.into_body());
        }
        let said = Limited::new(answer.into_body(), LONGEST_COMPLAINT).collect();
        // What it says in words is for people: without it the status remains.
        let said = tokio::time::timeout(PATIENCE, said).await;
        let said = said.ok().and_then(Result::ok).map(|body| body.to_bytes());
        Err(bollard::errors::Error::DockerResponseServerError {
            status_code,
            message: said.map(|said| message(&said)).unwrap_or_default(),
        })
    }

    /// The API over the pool, and a bell that rings when the head of an answer is there: a stream that
    /// was asked for is then open.
    pub fn api_with_bell(&self) -> (Docker, Arc<Notify>) {
        let requests = Arc::clone(&self.requests);
        let bell = Arc::new(Notify::new());
        let rung = Arc::clone(&bell);
        let docker = docker(move |request| {
            let (answer, bell) = (requests(request), Arc::clone(&rung));
            async move {
                let answer = answer.await;
                bell.notify_one();
                answer
            }
            .boxed()
        });
        (docker, bell)
    }
}

fn docker(requests: impl Fn(BollardRequest) -> Answer + Send + Sync + 'static) -> Docker {
    // The version is not sent.
    Docker::connect_with_custom_transport(
        requests,
        Some(ADDRESS),
        PATIENCE.as_secs(),
        bollard::API_DEFAULT_VERSION,
    )
    .unwrap_or_else(|_| unreachable!("this constructor only stores what it is given"))
}

/// The words of an error that the Engine answers with.
fn message(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Complaint {
        message: String,
    }
    serde_json::from_slice(body).map_or_else(
        |_| String::from_utf8_lossy(body).into_owned(),
        |complaint: Complaint| complaint.message,
    )
}

#[derive(Clone)]
struct Dialer(Dial);

impl tower_service::Service<Uri> for Dialer {
    type Response = Line;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Line>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let dial = self.0.clone();
        Box::pin(async move {
            match dial {
                Dial::Socket(path) => {
                    Ok(Line::Socket(TokioIo::new(UnixStream::connect(path).await?)))
                }
                Dial::Command { channels, script } => {
                    let mut running = channels
                        .open(script.as_bytes())
                        .await
                        .map_err(io::Error::other)?;
                    dialled(&mut running).await?;
                    Ok(Line::Command(TokioIo::new(Box::new(running))))
                }
            }
        })
    }
}

/// Reads on to where the script hands over: what a login's start-up files print comes before it.
async fn dialled(running: &mut Running) -> io::Result<()> {
    let mut seen = Vec::new();
    while !seen.ends_with(docker::DIALLED) {
        if seen.len() > LONGEST_GREETING {
            return Err(io::Error::other(
                "the login prints without end before its first command",
            ));
        }
        match running.read_u8().await {
            Ok(byte) => seen.push(byte),
            Err(error) => {
                let said = running.complaint();
                return Err(if said.is_empty() {
                    error
                } else {
                    io::Error::other(said)
                });
            }
        }
    }
    Ok(())
}

/// One connection to the Engine.
enum Line {
    Socket(TokioIo<UnixStream>),
    Command(TokioIo<Box<Running>>),
}

impl Connection for Line {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl hyper::rt::Read for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Socket(line) => Pin::new(line).poll_read(context, buffer),
            Self::Command(line) => Pin::new(line).poll_read(context, buffer),
        }
    }
}

impl hyper::rt::Write for Line {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Socket(line) => Pin::new(line).poll_write(context, bytes),
            Self::Command(line) => Pin::new(line).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Socket(line) => Pin::new(line).poll_flush(context),
            Self::Command(line) => Pin::new(line).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Socket(line) => Pin::new(line).poll_shutdown(context),
            Self::Command(line) => Pin::new(line).poll_shutdown(context),
        }
    }
}
