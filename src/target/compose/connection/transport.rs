//! How requests get to the Engine: a pooled HTTP client over the Engine's socket (here, or forwarded
//! through ssh), or over `docker system dial-stdio` where there is no way to the socket.
//!
//! It can only GET, and no answer is held that is longer than any that we ask for. What answers mean is
//! bollard's; bollard's own client would read each of them whole, however long it is.

use std::{
    io,
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bollard::errors::Error;
use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use http::Uri;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{
        Client,
        connect::{Connected, Connection},
    },
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use serde::de::DeserializeOwned;
use tokio::{io::AsyncReadExt as _, net::UnixStream};

use super::channel::{Channels, Running};
use crate::{release::text, target::compose::docker};

/// How long the Engine may take until the head of its answer, and from one piece of it to the next.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longer than any answer that is asked for: a project of a thousand containers with all their labels.
const LONGEST_ANSWER: usize = 8 << 20;
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
    client: Client<Dialer, Empty<Bytes>>,
}

impl Engine {
    /// A client that dials as `dial` says.
    pub fn new(dial: Dial) -> Self {
        Self {
            client: Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(IDLE)
                .pool_max_idle_per_host(IDLE_CONNECTIONS)
                .build(Dialer(dial)),
        }
    }

    /// The answer to a GET, for somebody who reads its body as it comes: its head is there, and a stream
    /// that was asked for is open. No head in time is an error.
    ///
    /// # Errors
    /// The link's, and what the Engine says instead.
    pub async fn get(&self, path: &str) -> Result<Incoming, Error> {
        let request = http::Request::get(format!("{ADDRESS}{path}")).body(Empty::new())?;
        let answer = tokio::time::timeout(PATIENCE, self.client.request(request))
            .await
            .map_err(|_| Error::RequestTimeoutError)??;
        let status_code = answer.status().as_u16();
        if answer.status().is_success() {
            return Ok(answer.into_body());
        }
        // What it says in words is for people: without it the status remains.
        let said = whole(answer.into_body(), LONGEST_COMPLAINT, path).await;
        Err(Error::DockerResponseServerError {
            status_code,
            message: said.map(|said| message(&said)).unwrap_or_default(),
        })
    }

    /// The whole answer to a GET.
    ///
    /// # Errors
    /// As [`get`](Self::get), and an answer that is too long or cannot be understood, which is named.
    pub async fn ask<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let answer = whole(self.get(path).await?, LONGEST_ANSWER, path).await?;
        serde_json::from_slice(&answer).map_err(|error| unreadable(path, &error))
    }

    /// Whether it answers at all.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn ping(&self) -> Result<(), Error> {
        let path = "/_ping";
        // Read to its end: the connection is used again.
        whole(self.get(path).await?, LONGEST_COMPLAINT, path)
            .await
            .map(drop)
    }
}

/// A body that is no longer than `longest` and whose pieces come in time.
async fn whole(mut body: Incoming, longest: usize, path: &str) -> Result<BytesMut, Error> {
    let mut read = BytesMut::new();
    loop {
        let piece = tokio::time::timeout(PATIENCE, body.frame())
            .await
            .map_err(|_| Error::RequestTimeoutError)?;
        let Some(piece) = piece else {
            return Ok(read);
        };
        let piece = piece?.into_data().unwrap_or_default();
        if read.len() + piece.len() > longest {
            return Err(too_long(path, longest));
        }
        read.extend_from_slice(&piece);
    }
}

/// That an answer to a GET of `path`, or one of a stream's, is longer than `longest`.
pub fn too_long(path: &str, longest: usize) -> Error {
    let longest = text::bytes(longest as u64);
    let words = format!(
        "GET {} answers with more than {longest}",
        without_query(path)
    );
    io::Error::new(io::ErrorKind::FileTooLarge, words).into()
}

/// That an answer to a GET of `path`, or one of a stream's, is none.
pub fn unreadable(path: &str, error: &serde_json::Error) -> Error {
    Error::JsonDataError {
        message: format!("GET {}: {error}", without_query(path)),
        column: error.column(),
    }
}

fn without_query(path: &str) -> &str {
    path.split('?').next().unwrap_or(path)
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

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncWriteExt as _, net::UnixListener};

    use super::*;
    use crate::{
        release::FaultKind,
        target::compose::engine::{events::Events, fault_of, watch::list_ids},
    };

    /// An Engine that answers whatever it is asked with this head, and then with `piece` without end.
    /// Returns how often that was taken from it until nobody listened any more.
    fn endless(
        head: &'static str,
        piece: Vec<u8>,
    ) -> (Engine, tempfile::TempDir, tokio::task::JoinHandle<usize>) {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("docker.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let server = tokio::spawn(async move {
            let (mut line, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                asked.push(line.read_u8().await.unwrap());
            }
            let head = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n");
            line.write_all(head.as_bytes()).await.unwrap();
            let mut taken = 0;
            while line.write_all(&piece).await.is_ok() {
                taken += 1;
            }
            taken
        });
        (Engine::new(Dial::Socket(socket)), directory, server)
    }

    fn chunk(bytes: &[u8]) -> Vec<u8> {
        let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
        chunk.extend_from_slice(bytes);
        chunk.extend_from_slice(b"\r\n");
        chunk
    }

    const MEGABYTE: usize = 1 << 20;

    #[tokio::test]
    async fn an_answer_without_end_is_an_error_that_names_it() {
        for (head, piece) in [
            ("Transfer-Encoding: chunked", chunk(&[b' '; MEGABYTE])),
            ("Content-Length: 99999999999", vec![b'['; MEGABYTE]),
        ] {
            let (engine, _directory, server) = endless(head, piece);
            let error = list_ids(&engine, "shop", None).await.unwrap_err();
            let fault = fault_of(&error, "shop.example.com");
            assert_eq!(fault.kind, FaultKind::Malformed, "{fault}");
            let said = "GET /containers/json answers with more than 8.4 MB";
            assert!(fault.to_string().contains(said), "{fault}");
            drop(engine);
            let taken = server.await.unwrap();
            assert!((8..12).contains(&taken), "{taken} MB were taken");
        }
    }

    #[tokio::test]
    async fn an_event_without_end_is_the_last_and_names_the_events() {
        let (engine, _directory, server) =
            endless("Transfer-Encoding: chunked", chunk(&[b'x'; 64 << 10]));
        let mut events = Events::subscribe(&engine, "shop", None).await.unwrap();
        let error = events.next().await.unwrap().unwrap_err();
        let said = "GET /events answers with more than 1.0 MB";
        assert!(error.to_string().contains(said), "{error}");
        assert!(events.next().await.is_none());
        drop(engine);
        let taken = server.await.unwrap();
        assert!((16..40).contains(&taken), "{taken} pieces were taken");
    }

    #[tokio::test]
    async fn events_are_read_however_they_are_cut() {
        let event = |service: &str| {
            format!(
                r#"{{"Type":"container","Action":"start","Actor":{{"ID":"c0ffee","Attributes":{{"com.docker.compose.project":"shop","com.docker.compose.service":"{service}"}}}}}}"#
            )
        };
        let told = format!("{}\n\n{}\n", event("backend"), event("proxy"));
        let (begin, end) = told.as_bytes().split_at(40);
        let piece = [chunk(begin), chunk(end)].concat();
        let (engine, _directory, _server) = endless("Transfer-Encoding: chunked", piece);
        let mut events = Events::subscribe(&engine, "shop", Some("proxy"))
            .await
            .unwrap();
        for _ in 0..3 {
            let event = events.next().await.unwrap().unwrap();
            assert_eq!(event.action.as_deref(), Some("start"));
            let attributes = event.actor.unwrap().attributes.unwrap();
            assert_eq!(attributes["com.docker.compose.service"], "proxy");
        }
    }
}
