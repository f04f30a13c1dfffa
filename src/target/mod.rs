//! Where releases run.
//!
//! [`Observe`] only reads and needs no permit: it is all that watch mode has. [`Operate`] changes
//! things and takes only what an operator has [`Confirmed`]. Faces and fleet know these two traits and
//! never a target's client.

pub mod compose;

use std::{pin::Pin, sync::Arc};

use futures::{Stream, future::BoxFuture};

use crate::release::{
    Confirmed, Fault, ServiceName,
    check::CheckAnswer,
    observation::{Containers, Files},
    observed::Link,
    operation::{OperationId, Operator, Progress},
    plan::{Plan, Request},
    record::Ledger,
    recovery::{LockRequest, RecoveryRequest, UnlockRequest},
    survey::Survey,
};

/// A stream that a target gives.
pub type BoxStream<T> = Pin<Box<dyn Stream<Item = T> + Send>>;

/// What a target tells without being asked. State, not events: a newer one replaces the older.
#[derive(Debug, Clone)]
pub enum Reading {
    /// How the link to the Engine stands.
    EngineLink(Link),
    /// The containers, whole.
    Containers(Arc<Containers>),
    /// How the link to the server's files stands.
    FilesLink(Link),
    /// What the files say, whole.
    Files(Arc<Files>),
    /// The server asks for something that only the operator can answer, such as a passphrase.
    Ask(Question),
}

/// Something that only the operator can answer: a passphrase, a one-time code.
#[derive(Debug, Clone)]
pub struct Question {
    /// What ssh said, cleaned.
    pub prompt: String,
    /// For which host.
    pub host: String,
    /// Whether what is typed must not be shown.
    pub secret: bool,
    /// Where the answer goes; `None` is "no".
    pub answer: Answerer,
}

/// Takes one answer; later ones are dropped.
#[derive(Clone)]
pub struct Answerer(
    Arc<std::sync::Mutex<Option<tokio::sync::oneshot::Sender<Option<secrecy::SecretString>>>>>,
);

impl Answerer {
    /// An answerer and where its answer arrives. Dropped unanswered, the receiver sees an error.
    pub fn new() -> (
        Self,
        tokio::sync::oneshot::Receiver<Option<secrecy::SecretString>>,
    ) {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        (
            Self(Arc::new(std::sync::Mutex::new(Some(sender)))),
            receiver,
        )
    }

    /// Answers; `None` is "no". Returns whether anybody still waited.
    pub fn answer(&self, answer: Option<secrecy::SecretString>) -> bool {
        let sender = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take();
        sender.is_some_and(|sender| sender.send(answer).is_ok())
    }

    /// Whether nobody waits any more.
    pub fn is_gone(&self) -> bool {
        let slot = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        slot.as_ref()
            .is_none_or(tokio::sync::oneshot::Sender::is_closed)
    }
}

impl std::fmt::Debug for Answerer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Answerer")
    }
}

/// Which logs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogQuery {
    /// Of which service; all its containers, those to come too.
    pub service: ServiceName,
    /// How many lines from before, a container.
    pub tail: usize,
}

/// A piece of a log, as it arrived: whole lines, not cleaned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chunk {
    /// Lines of one container, each with the Engine's timestamp in front and its line break.
    Lines {
        /// The container's name.
        container: Arc<str>,
        /// The bytes.
        bytes: bytes::Bytes,
    },
    /// Something about the stream that a reader should see: a container began or ended, or the stream
    /// broke off and is being taken up again.
    Note(String),
}

/// The half of a target that only reads.
pub trait Observe: Send + Sync {
    /// What is there, from now on, until the stream is dropped. Reconnects by itself for ever.
    fn readings(&self) -> BoxStream<Reading>;

    /// Tries again now what waits for a retry, or for an operator who has set something right.
    fn retry_now(&self);

    /// A service's logs, followed until the stream is dropped. Reconnects by itself.
    fn logs(&self, query: LogQuery) -> BoxStream<Chunk>;

    /// An operation from its first line to its end, from anywhere.
    fn follow(&self, operation: OperationId) -> BoxStream<Progress>;

    /// The last `n` records, oldest first, and what was set aside among them.
    fn history(&self, n: usize) -> BoxFuture<'_, Result<Ledger, Fault>>;

    /// Reads what a plan for `request` is made from. Changes nothing.
    fn survey(&self, request: Request) -> BoxFuture<'_, Result<Survey, Fault>>;

    /// The commands of each step, as a person could type them: `(step id, commands)` of each
    /// list. Pure.
    fn commands(&self, plan: &Plan) -> RenderedPlan;
}

/// A plan's steps as commands that a person could type.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RenderedPlan {
    /// Forward: each step's id and commands.
    pub forward: Vec<(String, Vec<String>)>,
    /// Back: each step's id and commands.
    pub back: Vec<(String, Vec<String>)>,
    /// Closing: each step's id and commands.
    pub closing: Vec<(String, Vec<String>)>,
}

/// The half of a target that changes things.
pub trait Operate: Send + Sync {
    /// Starts a confirmed plan and returns its operation's number as soon as the claim is taken.
    ///
    /// # Errors
    /// [`Conflict`](crate::release::FaultKind::Conflict) if somebody holds the environment, with the
    /// holder in words.
    fn start(&self, plan: Confirmed<Plan>) -> BoxFuture<'_, Result<OperationId, Fault>>;

    /// Cancels, resumes, takes back or abandons an operation. Returns the operation that does it,
    /// where that is another: a cancelled one goes on by itself.
    ///
    /// # Errors
    /// [`Conflict`](crate::release::FaultKind::Conflict) where it cannot be recovered, or not so, with
    /// why; [`Invalid`](crate::release::FaultKind::Invalid) where it stopped at a step of which the
    /// operator has to say whether it is run again.
    fn recover(
        &self,
        recovery: Confirmed<RecoveryRequest>,
        by: &Operator,
    ) -> BoxFuture<'_, Result<Option<OperationId>, Fault>>;

    /// Locks the environment by hand. Returns the lock's number.
    ///
    /// # Errors
    /// [`Conflict`](crate::release::FaultKind::Conflict) if somebody holds the environment.
    fn lock(
        &self,
        lock: Confirmed<LockRequest>,
        by: &Operator,
    ) -> BoxFuture<'_, Result<OperationId, Fault>>;

    /// Brings an operation the verdict on a check that is asked from here. Whether it has arrived: the
    /// step may not wait for it yet, or not any more.
    ///
    /// # Errors
    /// The link's, and where there is no such operation.
    fn answer_check(&self, answer: Confirmed<CheckAnswer>) -> BoxFuture<'_, Result<bool, Fault>>;

    /// Ends a lock by hand.
    ///
    /// # Errors
    /// [`Conflict`](crate::release::FaultKind::Conflict) if it has ended already, is no lock, or an
    /// operation that passed it still runs.
    fn unlock(
        &self,
        unlock: Confirmed<UnlockRequest>,
        by: &Operator,
    ) -> BoxFuture<'_, Result<(), Fault>>;
}

/// One environment's target: both halves.
pub trait Target: Observe + Operate {}
impl<T: Observe + Operate> Target for T {}
