//! What an environment tells without being asked: the Engine's view and the files' view, each with how
//! its link stands, and ssh's questions.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;

use super::{
    ComposeTarget,
    connection::server::{Server, State},
    engine::watch::watch,
    follower::Membership,
};
use crate::{
    release::observed::{Link, Why},
    target::{BoxStream, Reading},
};

/// Readings that may wait for a slow reader.
const WAITING: usize = 16;

/// The readings of `target`, until the stream is dropped.
pub fn readings(target: &ComposeTarget) -> BoxStream<Reading> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let server = Arc::clone(&target.host.server);
    let project = target.compose.project.clone();
    let membership = target.follow_files();
    let questions = server.questions();
    let tasks = [
        tokio::spawn(feed_engine(server, project, sender.clone())),
        tokio::spawn(feed_files(membership, sender.clone())),
        tokio::spawn(feed_questions(questions, sender)),
    ]
    .map(AbortOnDropHandle::new);
    Box::pin(Held {
        stream: ReceiverStream::new(receiver),
        _tasks: tasks,
    })
}

/// A stream that ends the tasks that feed it when it is dropped.
struct Held<const N: usize> {
    stream: ReceiverStream<Reading>,
    _tasks: [AbortOnDropHandle<()>; N],
}

impl<const N: usize> futures::Stream for Held<N> {
    type Item = Reading;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Reading>> {
        std::pin::Pin::new(&mut self.stream).poll_next(context)
    }
}

async fn feed_engine(server: Arc<Server>, project: String, sender: mpsc::Sender<Reading>) {
    let mut attempts = server.attempts();
    let mut state = server.state();
    loop {
        let now = state.borrow_and_update().clone();
        let connected = match now {
            State::Live(connected) => connected,
            State::Trying(link) | State::Waiting(_, link) => {
                if sender.send(Reading::EngineLink(link)).await.is_err()
                    || state.changed().await.is_err()
                {
                    return;
                }
                continue;
            }
        };
        attempts.begin();
        let lost = tokio::select! {
            lost = watch(&connected, &project, &sender) => lost,
            // The connection is gone, and knows better why.
            Ok(()) = state.changed() => {
                state.mark_changed();
                continue;
            }
        };
        if sender.is_closed() {
            return;
        }
        tracing::warn!(fault = %lost.fault, project, "engine");
        let link = attempts.fail(lost);
        if sender.send(Reading::EngineLink(link)).await.is_err() {
            return;
        }
        tokio::select! {
            () = attempts.pause() => {}
            Ok(()) = state.changed() => state.mark_changed(),
        }
    }
}

async fn feed_files(mut membership: Membership, sender: mpsc::Sender<Reading>) {
    let mut last = None;
    loop {
        let news = membership.news.borrow_and_update().clone();
        if let Some(files) = news.files
            && !last.as_ref().is_some_and(|last| Arc::ptr_eq(last, &files))
        {
            last = Some(Arc::clone(&files));
            if sender.send(Reading::Files(files)).await.is_err() {
                return;
            }
        }
        if news.link != Link::Never(Why::NotYet)
            && sender.send(Reading::FilesLink(news.link)).await.is_err()
        {
            return;
        }
        if membership.news.changed().await.is_err() {
            return;
        }
    }
}

async fn feed_questions(
    mut questions: mpsc::UnboundedReceiver<crate::target::Question>,
    sender: mpsc::Sender<Reading>,
) {
    while let Some(question) = questions.recv().await {
        if sender.send(Reading::Ask(question)).await.is_err() {
            return;
        }
    }
}
