//! Reads one container's log, for as long as the container is there.

use std::{sync::Arc, time::Duration};

use bollard::errors::Error;
use bytes::BytesMut;
use http_body_util::BodyExt as _;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    frames::{Frames, Stream},
    lines::Lines,
};
use crate::{
    release::text::clean,
    target::{
        Chunk,
        compose::{
            connection::{attempts, transport::Engine},
            engine::{segment, watch::inspect},
        },
    },
};

/// Lines come one by one, however fast: those of so long a time are handed over together.
const GATHER: Duration = Duration::from_millis(10);
/// A chunk is handed over when it is this long, complete or not.
const LONG_CHUNK: usize = 128 << 10;

/// What a reader shall do.
#[derive(Clone)]
pub enum Wish {
    /// Read with this Engine; again where it was, if it had stopped.
    Read(Box<Engine>),
    /// Read to the end of what there is, then end: the container is gone.
    End,
}

/// The reader of one container's log. Dropped, it stops.
pub struct Reader {
    wishes: watch::Sender<Wish>,
    task: AbortOnDropHandle<()>,
}

impl Reader {
    /// Starts reading the log of the container `id`: with a `tail`, that many lines from before, else
    /// all of it.
    pub fn start(
        engine: Engine,
        id: String,
        tail: Option<usize>,
        sender: mpsc::Sender<Chunk>,
    ) -> Self {
        let wishes = watch::Sender::new(Wish::Read(Box::new(engine)));
        let reading = Reading {
            id,
            container: None,
            tail,
            sender,
            stdout: Lines::default(),
            stderr: Lines::default(),
        };
        let task = AbortOnDropHandle::new(tokio::spawn(reading.run(wishes.subscribe())));
        Self { wishes, task }
    }

    /// Changes what it shall do.
    pub fn wish(&self, wish: Wish) {
        self.wishes.send_replace(wish);
    }

    /// Whether there is nothing more to come from it.
    pub fn has_ended(&self) -> bool {
        self.task.is_finished()
    }
}

struct Reading {
    id: String,
    /// Once it was asked for.
    container: Option<Container>,
    tail: Option<usize>,
    sender: mpsc::Sender<Chunk>,
    stdout: Lines,
    stderr: Lines,
}

/// What has to be known of a container whose log is read.
#[derive(Clone)]
struct Container {
    name: Arc<str>,
    /// Whether it has one: then its log comes without frames.
    has_terminal: bool,
}

/// How reading ended.
enum Ended {
    /// The log is at its end: the container has stopped.
    Stopped,
    /// The container is not there.
    Gone,
    /// The stream broke off.
    Broken,
    /// Nobody takes the lines.
    Unread,
}

impl Reading {
    async fn run(mut self, mut wishes: watch::Receiver<Wish>) {
        let mut failures = 0;
        loop {
            let Wish::Read(engine) = wishes.borrow_and_update().clone() else {
                self.note("was removed").await;
                return;
            };
            let wait = match self.read(&engine).await {
                Ok(Ended::Unread) => return,
                Ok(Ended::Gone) => {
                    self.note("was removed").await;
                    return;
                }
                Ok(Ended::Stopped) => {
                    failures = 0;
                    None
                }
                Ok(Ended::Broken) => {
                    failures += 1;
                    Some(attempts::delay(failures, fastrand::f64()))
                }
                Err(error) => {
                    failures += 1;
                    // The Engine has the container and refuses its log: some logging drivers cannot be
                    // read. A link that broke is told for all containers at once.
                    if let Error::DockerResponseServerError { message, .. }
                    | Error::DockerStreamError { error: message } = error
                        && failures == 1
                    {
                        self.note(&format!(
                            "has a log that cannot be read: {}",
                            clean(&message)
                        ))
                        .await;
                    }
                    Some(attempts::delay(failures, fastrand::f64()))
                }
            };
            let waited = async {
                match wait {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = waited => {}
                told = wishes.changed() => if told.is_err() { return },
            }
        }
    }

    /// Asks for the container, the first time; `None` if it is not there.
    async fn container(&mut self, engine: &Engine) -> Result<Option<Container>, Error> {
        if let Some(known) = &self.container {
            return Ok(Some(known.clone()));
        }
        let inspected = match inspect(engine, &self.id).await {
            Err(Error::DockerResponseServerError {
                status_code: 404, ..
            }) => return Ok(None),
            inspected => inspected?,
        };
        let name = inspected.name.unwrap_or_default();
        let container = Container {
            name: clean(name.trim_start_matches('/')).into(),
            has_terminal: inspected.config.and_then(|config| config.tty) == Some(true),
        };
        Ok(Some(self.container.insert(container).clone()))
    }

    /// The address of the log from where it was left, or from the beginning.
    fn address(&self) -> String {
        let position = self.stdout.position().max(self.stderr.position());
        // Both streams come out of one log in order, so what either had when the newest line came was
        // told. Whole seconds: what was seen of them comes again and is dropped.
        let since = position.map_or(0, |seconds| seconds.saturating_sub(1).max(0));
        let tail = match (position, self.tail) {
            (None, Some(tail)) => tail.to_string(),
            _ => "all".to_owned(),
        };
        let id = segment(&self.id);
        format!(
            "/containers/{id}/logs?follow=true&stdout=true&stderr=true&timestamps=true&since={since}&tail={tail}"
        )
    }

    async fn read(&mut self, engine: &Engine) -> Result<Ended, Error> {
        let Some(Container { name, has_terminal }) = self.container(engine).await? else {
            return Ok(Ended::Gone);
        };
        let mut body = match engine.get(&self.address()).await {
            Err(Error::DockerResponseServerError {
                status_code: 404, ..
            }) => return Ok(Ended::Gone),
            body => body?,
        };
        self.stdout.resume();
        self.stderr.resume();
        let mut frames = Frames::new(has_terminal);
        let mut out = BytesMut::new();
        let mut due = std::pin::pin!(tokio::time::sleep(GATHER));
        loop {
            let piece = tokio::select! {
                biased;
                piece = body.frame() => piece,
                () = &mut due, if !out.is_empty() => {
                    if !self.hand_over(&name, &mut out).await {
                        return Ok(Ended::Unread);
                    }
                    continue;
                }
            };
            if out.is_empty() {
                due.as_mut().reset(Instant::now() + GATHER);
            }
            let take = |stream, frame: &[u8]| match stream {
                Stream::Out => self.stdout.push(frame, &mut out),
                Stream::Error => self.stderr.push(frame, &mut out),
            };
            let ended = match piece {
                Some(Ok(piece)) => {
                    let bytes = piece.into_data().unwrap_or_default();
                    let bad = frames.push(&bytes, take).err();
                    bad.map(|bad| {
                        Err(Error::DockerStreamError {
                            error: bad.to_string(),
                        })
                    })
                }
                Some(Err(_)) => Some(Ok(Ended::Broken)),
                None => {
                    frames.finish(take);
                    self.stdout.flush(&mut out);
                    self.stderr.flush(&mut out);
                    Some(Ok(Ended::Stopped))
                }
            };
            let is_due = ended.is_some() || out.len() >= LONG_CHUNK;
            if is_due && !self.hand_over(&name, &mut out).await {
                return Ok(Ended::Unread);
            }
            if let Some(ended) = ended {
                return ended;
            }
        }
    }

    async fn hand_over(&self, name: &Arc<str>, out: &mut BytesMut) -> bool {
        if out.is_empty() {
            return true;
        }
        let chunk = Chunk::Lines {
            container: Arc::clone(name),
            bytes: out.split().freeze(),
        };
        self.sender.send(chunk).await.is_ok()
    }

    async fn note(&self, what: &str) {
        if let Some(Container { name, .. }) = &self.container {
            // Whoever has left needs no note.
            let _ = self
                .sender
                .send(Chunk::Note(format!("{name} {what}")))
                .await;
        }
    }
}
