//! Reads one container's log, for as long as the container is there.

use std::{sync::Arc, time::Duration};

use bollard::{
    container::LogOutput,
    errors::Error,
    query_parameters::{InspectContainerOptions, LogsOptions},
};
use bytes::BytesMut;
use futures::StreamExt;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::task::AbortOnDropHandle;

use super::lines::Lines;
use crate::{
    release::text::clean,
    target::{
        Chunk,
        compose::connection::{attempts, transport::Engine},
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
    Read(Engine),
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
        let wishes = watch::Sender::new(Wish::Read(engine));
        let reading = Reading {
            id,
            name: None,
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
    /// The container's name, once it is known.
    name: Option<Arc<str>>,
    tail: Option<usize>,
    sender: mpsc::Sender<Chunk>,
    stdout: Lines,
    stderr: Lines,
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
                    if let Error::DockerResponseServerError { message, .. } = error
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

    async fn read(&mut self, engine: &Engine) -> Result<Ended, Error> {
        let api = engine.api();
        let name = match &self.name {
            Some(name) => Arc::clone(name),
            None => {
                let inspected = match api
                    .inspect_container(&self.id, None::<InspectContainerOptions>)
                    .await
                {
                    Err(Error::DockerResponseServerError {
                        status_code: 404, ..
                    }) => return Ok(Ended::Gone),
                    inspected => inspected?,
                };
                let name = inspected.name.unwrap_or_default();
                let name: Arc<str> = clean(name.trim_start_matches('/')).into();
                self.name = Some(Arc::clone(&name));
                name
            }
        };
        let position = self.stdout.position().max(self.stderr.position());
        self.stdout.resume();
        self.stderr.resume();
        let options = LogsOptions {
            follow: true,
            stdout: true,
            stderr: true,
            timestamps: true,
            // Both streams come out of one log in order, so what either had when the newest line came
            // was told. Whole seconds: what was seen of them comes again and is dropped.
            since: position.map_or(0, |seconds| {
                i32::try_from(seconds.saturating_sub(1)).unwrap_or(i32::MAX)
            }),
            tail: match (position, self.tail) {
                (None, Some(tail)) => tail.to_string(),
                _ => "all".to_owned(),
            },
            ..LogsOptions::default()
        };
        let mut frames = std::pin::pin!(api.logs(&self.id, Some(options)));
        let mut out = BytesMut::new();
        let mut due = std::pin::pin!(tokio::time::sleep(GATHER));
        loop {
            let frame = tokio::select! {
                biased;
                frame = frames.next() => frame,
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
            let ended = match frame {
                Some(Ok(LogOutput::StdErr { message })) => {
                    self.stderr.push(&message, &mut out);
                    None
                }
                Some(Ok(
                    LogOutput::StdOut { message }
                    | LogOutput::Console { message }
                    | LogOutput::StdIn { message },
                )) => {
                    self.stdout.push(&message, &mut out);
                    None
                }
                Some(Err(Error::DockerResponseServerError {
                    status_code: 404, ..
                })) => Some(Ok(Ended::Gone)),
                Some(Err(error @ Error::DockerResponseServerError { .. })) => Some(Err(error)),
                Some(Err(_)) => Some(Ok(Ended::Broken)),
                None => {
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
        if let Some(name) = &self.name {
            // Whoever has left needs no note.
            let _ = self
                .sender
                .send(Chunk::Note(format!("{name} {what}")))
                .await;
        }
    }
}
