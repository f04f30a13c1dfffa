//! A service's logs: of all its containers, those to come too, followed over every break.
//!
//! Readers are tasks of their own and hand over whole lines through a bounded channel: where nobody
//! takes them, the Engine keeps them, and nothing here grows.

pub mod frames;
pub mod lines;
mod reader;

use std::{collections::HashMap, sync::Arc};

use bollard::errors::Error;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;

use self::reader::{Reader, Wish};
use super::{
    connection::{
        Connected,
        attempts::Lost,
        server::{Server, Settled, settled},
        transport::Engine,
    },
    engine::{ended, events::Events, fault_of, watch::list_ids},
};
use crate::{
    release::Fault,
    target::{BoxStream, Chunk, LogQuery},
};

/// Chunks that may wait for a slow reader; each is at most some hundred kilobytes.
const WAITING: usize = 32;

/// The logs that `query` asks for, of `project` on `server`, until the stream is dropped.
pub fn logs(server: Arc<Server>, project: String, query: LogQuery) -> BoxStream<Chunk> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let follower = Follower {
        server,
        project,
        query,
        sender,
        readers: HashMap::new(),
        is_first: true,
    };
    let task = AbortOnDropHandle::new(tokio::spawn(follower.run()));
    let mut stream = ReceiverStream::new(receiver);
    Box::pin(futures::stream::poll_fn(move |context| {
        let _held = &task;
        futures::Stream::poll_next(std::pin::Pin::new(&mut stream), context)
    }))
}

struct Follower {
    server: Arc<Server>,
    project: String,
    query: LogQuery,
    sender: mpsc::Sender<Chunk>,
    /// By the container's ID.
    readers: HashMap<String, Reader>,
    /// Nothing was listed yet: what is there has a past of which only the tail is wanted.
    is_first: bool,
}

impl Follower {
    async fn run(mut self) {
        let mut attempts = self.server.attempts();
        let mut state = self.server.state();
        let mut noted = false;
        while let Some(stands) = settled(&mut state).await {
            let connected = match stands {
                Settled::Live(connected) => connected,
                Settled::Waiting(fault) => {
                    if !self.note_break(&fault, &mut noted).await || state.changed().await.is_err()
                    {
                        return;
                    }
                    continue;
                }
            };
            attempts.begin();
            let lost = tokio::select! {
                lost = self.follow(&connected, &mut noted) => lost,
                Ok(()) = state.changed() => {
                    state.mark_changed();
                    continue;
                }
            };
            if !self.note_break(&lost.fault, &mut noted).await {
                return;
            }
            attempts.fail(lost);
            tokio::select! {
                () = attempts.pause() => {}
                Ok(()) = state.changed() => state.mark_changed(),
            }
        }
    }

    /// Says once a break that the logs are interrupted, and why. Returns whether anybody listens.
    async fn note_break(&self, fault: &Fault, noted: &mut bool) -> bool {
        if std::mem::replace(noted, true) {
            return !self.sender.is_closed();
        }
        let note = Chunk::Note(format!("interrupted: {fault}"));
        self.sender.send(note).await.is_ok()
    }

    /// Follows as long as the Engine tells of its containers, and says why it does not any more.
    async fn follow(&mut self, connected: &Connected, noted: &mut bool) -> Lost {
        let mut was_live = false;
        let fault = match connected.engine().await {
            Err(fault) => fault,
            Ok((engine, _)) => match self.follow_engine(&engine, noted, &mut was_live).await {
                Ok(()) => ended(connected.label()),
                Err(error) => fault_of(&error, connected.label()),
            },
        };
        Lost { fault, was_live }
    }

    async fn follow_engine(
        &mut self,
        engine: &Engine,
        noted: &mut bool,
        was_live: &mut bool,
    ) -> Result<(), Error> {
        let service = self.query.service.as_str();
        let mut events = Events::subscribe(engine, &self.project, Some(service)).await?;
        let there = list_ids(engine, &self.project, Some(service)).await?;
        *was_live = true;
        if std::mem::take(noted) {
            let again = Chunk::Note("taken up again".to_owned());
            // A reader that has left is noticed where its chunks are sent.
            let _ = self.sender.send(again).await;
        }
        // Containers that went while nobody looked; their readers end with what there was.
        self.readers.retain(|id, _| there.contains(id));
        for id in there {
            self.read(engine, id);
        }
        self.is_first = false;
        while let Some(event) = events.next().await {
            let event = event?;
            let Some(id) = event.actor.and_then(|actor| actor.id) else {
                continue;
            };
            match event.action.as_deref() {
                Some("start") => self.read(engine, id),
                Some("destroy") => {
                    if let Some(reader) = self.readers.get(&id) {
                        reader.wish(Wish::End);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads a container's log with `engine`, from the beginning if it is new, else from where it was.
    fn read(&mut self, engine: &Engine, id: String) {
        self.readers.retain(|_, reader| !reader.has_ended());
        if let Some(reader) = self.readers.get(&id) {
            reader.wish(Wish::Read(Box::new(engine.clone())));
            return;
        }
        let tail = self.is_first.then_some(self.query.tail);
        let reader = Reader::start(engine.clone(), id.clone(), tail, self.sender.clone());
        self.readers.insert(id, reader);
    }
}
